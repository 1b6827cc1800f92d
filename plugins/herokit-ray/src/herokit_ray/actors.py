"""A pool of Ray actors that hold copies of one source; dead and hung actors are replaced."""

import itertools
import logging
import pickle
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from herokit.errors import SetupError
from herokit.types import Sample

__all__ = ["ActorPool", "Failure", "connect"]

_START_TIMEOUT = 120.0
"""Seconds an actor may take to start: a cluster may have to add a node, and a model has to load."""


def connect() -> None:
    """Connect to the cluster (`RAY_ADDRESS`, or one on this machine), or start a local one; once per process."""
    import ray

    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)


@dataclass(frozen=True, slots=True)
class Failure:
    """The result of a sample that no actor could process.

    Attributes:
        timed_out: whether it exceeded the timeout; otherwise the actors that ran it died.
        reason: why.
    """

    timed_out: bool
    reason: str


class _SourceActor:
    """The actor: a copy of the source, of which it calls one method."""

    def __init__(self, pickled: bytes, method: str) -> None:
        self._method = getattr(pickle.loads(pickled), method)  # noqa: S301 - pickled by `ActorPool` below

    def ready(self) -> bool:
        """Return once the actor has started."""
        return True

    def run(self, samples: Sequence[Sample]) -> Any:
        """Call the source."""
        return self._method(samples)


class ActorPool:
    """Actors that share the work of one source; usable from many threads at once.

    Args:
        source: is pickled into every actor.
        method: ``verify`` or ``score``.
        num_actors: how many.
        resources: ``num_cpus``, ``num_gpus`` and other arguments of `ray.remote`, for each actor.
        batch_size: samples per call of an actor.
        timeout: seconds an actor may take for a batch; it is then killed and replaced.
        max_retries: how often a batch goes to another actor after one has died while running it.
    """

    def __init__(
        self,
        source: Any,
        method: Literal["verify", "score"],
        num_actors: int,
        resources: Mapping[str, Any],
        batch_size: int,
        timeout: float,
        max_retries: int,
    ) -> None:
        import ray

        connect()
        self._actor_class: Any = ray.remote(**resources)(_SourceActor)
        self._pickled = ray.put(pickle.dumps(source))
        self._method, self._batch_size, self._timeout, self._max_retries = method, batch_size, timeout, max_retries
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._alive: list[Any] = []
        self._lock = threading.Lock()
        self._error = ""
        self._failed_starts = 0
        for _ in range(num_actors):
            self._start_actor()
        self._threads = ThreadPoolExecutor(num_actors, thread_name_prefix="herokit-ray")

    def run(self, samples: Sequence[Sample]) -> Iterator[tuple[Sequence[Sample], Any]]:
        """Return the batches in order, each with the source's output, or `Failure` for a single sample."""
        batches = [samples[start : start + self._batch_size] for start in range(0, len(samples), self._batch_size)]
        return itertools.chain.from_iterable(self._threads.map(self._run_batch, batches))

    def close(self) -> None:
        """Kill the actors; Ray itself stays up."""
        import ray

        with self._lock:
            self._error = "it is closed"
            actors, self._alive = self._alive, []
        self._idle.put((None, None))
        self._threads.shutdown(wait=False, cancel_futures=True)
        if ray.is_initialized():  # at the end of a process Ray may be shut down already
            for actor in actors:
                ray.kill(actor)

    def _start_actor(self) -> None:
        """Start an actor; it becomes idle when it is ready, which may take as long as a model takes to load."""
        with self._lock:
            if self._error:  # the pool was closed while an actor worked: no later call would kill this one
                return
            actor: Any = self._actor_class.remote(self._pickled, self._method)
            self._alive.append(actor)
        # The callback runs in a thread of Ray, which must not call Ray: whoever takes the actor handles the error.
        actor.ready.remote().future().add_done_callback(lambda done: self._idle.put((actor, done.exception())))

    def _replace(self, actor: Any) -> None:
        import ray

        with self._lock:
            if actor in self._alive:
                self._alive.remove(actor)
        ray.kill(actor)
        self._start_actor()

    def _take_idle(self) -> Any:
        """Wait for an idle actor.

        Raises:
            SetupError: none starts.
        """
        import ray

        deadline = time.monotonic() + _START_TIMEOUT
        while not self._error:
            try:
                actor, error = self._idle.get(timeout=max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                total = ray.cluster_resources()  # type: ignore[no-untyped-call] # Ray has no types for it
                free = ray.available_resources()  # type: ignore[no-untyped-call]
                self._error = f"none could start in {_START_TIMEOUT:g} s: the cluster has {total}, free are {free}"
                break
            if error is None and actor is not None:
                return actor
            if actor is not None:
                self._handle_failed_start(actor, error)
        self._idle.put((None, None))  # wakes the next thread that waits
        raise SetupError(f"no Ray actor for {self._method!r}: {self._error}")

    def _handle_failed_start(self, actor: Any, error: BaseException) -> None:
        """Replace an actor that died while starting; after too many of them, the pool fails."""
        self._failed_starts += 1
        if self._failed_starts > self._max_retries:
            self._error = _describe(f"{self._failed_starts} actors died while starting, the last of", error)
        else:
            self._replace(actor)

    def _run_batch(self, samples: Sequence[Sample]) -> list[tuple[Sequence[Sample], Any]]:
        """Run one batch; halve it if no actor survives it, down to the sample that is the cause."""
        failure = Failure(timed_out=False, reason="")
        for _ in range(self._max_retries + 1):
            output, failure = self._try_batch(samples)
            if failure is None:
                return [(samples, output)]
            if failure.timed_out:
                break
        if len(samples) == 1:
            return [(samples, failure)]
        half = len(samples) // 2
        return [*self._run_batch(samples[:half]), *self._run_batch(samples[half:])]

    def _try_batch(self, samples: Sequence[Sample]) -> tuple[Any, Any]:
        """Run a batch on one actor; return its output, or its `Failure`. An exception of the source is raised."""
        import ray
        from ray import exceptions

        actor = self._take_idle()
        try:
            output = ray.get(actor.run.remote(samples), timeout=self._timeout)
        except exceptions.GetTimeoutError:
            self._replace(actor)
            return None, Failure(timed_out=True, reason=f"took longer than {self._timeout:g} s; its actor was killed")
        except exceptions.RayTaskError as error:
            self._idle.put((actor, None))
            raise error.cause if isinstance(error.cause, Exception) else error from None
        except exceptions.RayError as error:  # the actor, its node or the object store
            self._replace(actor)
            reason = _describe(f"{self._max_retries + 1} actors died while running it", error)
            return None, Failure(timed_out=False, reason=reason)
        self._idle.put((actor, None))
        return output, None


def _describe(event: str, error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{event}: {type(error).__name__}: {text[:200]}"
