"""A crew of actors that hold copies of one source: batches out, answers back, dead and hung actors replaced."""

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

START = 120.0
"""Seconds an actor may take to start: a cluster may have to make room, a model to load."""


def start() -> None:
    """Connect to the cluster (`RAY_ADDRESS`, or one on this machine), or start a local one, unless that is done."""
    import ray

    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)


@dataclass(frozen=True, slots=True)
class Lost:
    """What became of one sample that no actor could answer.

    Attributes:
        hung: it ran past the limit; otherwise the actors that were given it died.
        reason: the reason, in words.
    """

    hung: bool
    reason: str


class _Actor:
    """What runs in an actor: a source, asked by the name of its method."""

    def __init__(self, packed: bytes, method: str) -> None:
        self._ask = getattr(pickle.loads(packed), method)  # noqa: S301 - packed by `Crew` below

    def ready(self) -> bool:
        """Answer once the actor has started."""
        return True

    def ask(self, samples: Sequence[Sample]) -> Any:
        """Ask the source."""
        return self._ask(samples)


class Crew:
    """Actors that share the work of one source; usable from many threads at once.

    Args:
        source: what to ask; it is pickled into every actor, so it must not hold what cannot be pickled.
        method: ``verify`` or ``score``.
        actors: how many.
        resources: ``num_cpus``, ``num_gpus`` and whatever else `ray.remote` takes, of each actor.
        batch: samples given to an actor at a time.
        timeout: seconds an actor may take for a batch; it is then killed and replaced.
        retries: how often a batch is given to another actor after one has died under it.
    """

    def __init__(
        self,
        source: Any,
        method: Literal["verify", "score"],
        actors: int,
        resources: Mapping[str, Any],
        batch: int,
        timeout: float,
        retries: int,
    ) -> None:
        import ray

        start()
        self._make: Any = ray.remote(**resources)(_Actor)
        self._packed = ray.put(pickle.dumps(source))
        self._method, self._batch, self._timeout, self._retries = method, batch, timeout, retries
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._alive: list[Any] = []
        self._changing = threading.Lock()
        self._broken = ""
        self._stillborn = 0
        for _ in range(actors):
            self._hire()
        self._threads = ThreadPoolExecutor(actors, thread_name_prefix="herokit-ray")

    def ask(self, samples: Sequence[Sample]) -> Iterator[tuple[Sequence[Sample], Any]]:
        """Return the batches in order, each with what the source said of it, or `Lost` for a single sample."""
        parts = [samples[at : at + self._batch] for at in range(0, len(samples), self._batch)]
        return itertools.chain.from_iterable(self._threads.map(self._one, parts))

    def close(self) -> None:
        """End the actors; Ray itself stays up."""
        import ray

        with self._changing:
            self._broken = "it is closed"
            gone, self._alive = self._alive, []
        self._idle.put((None, None))
        self._threads.shutdown(wait=False, cancel_futures=True)
        for actor in gone:
            ray.kill(actor)

    def _hire(self) -> None:
        """Start an actor; it becomes idle when it is ready, which may take as long as a model takes to load."""
        with self._changing:
            if self._broken:  # closed while an actor was at work: nobody would end this one
                return
            actor: Any = self._make.remote(self._packed, self._method)
            self._alive.append(actor)
        # told in a thread of Ray's own, which must not call Ray: the next who wants an actor looks at the error
        actor.ready.remote().future().add_done_callback(lambda done: self._idle.put((actor, done.exception())))

    def _replace(self, actor: Any) -> None:
        import ray

        with self._changing:
            if actor in self._alive:
                self._alive.remove(actor)
        ray.kill(actor)
        self._hire()

    def _borrow(self) -> Any:
        """Wait for an idle actor.

        Raises:
            SetupError: none comes up.
        """
        import ray

        until = time.monotonic() + START
        while not self._broken:
            try:
                actor, error = self._idle.get(timeout=max(until - time.monotonic(), 0.0))
            except queue.Empty:
                has = ray.cluster_resources()  # type: ignore[no-untyped-call] # Ray's own omission
                free = ray.available_resources()  # type: ignore[no-untyped-call]
                self._broken = f"none could start in {START:g} s: the cluster has {has}, free are {free}"
                break
            if error is None and actor is not None:
                return actor
            if actor is not None:
                self._bury(actor, error)
        self._idle.put((None, None))  # for the next who waits
        raise SetupError(f"no Ray actor for {self._method!r}: {self._broken}")

    def _bury(self, actor: Any, error: BaseException) -> None:
        """Replace an actor that died as it started; too many of them, and the crew is broken."""
        self._stillborn += 1
        if self._stillborn > self._retries:
            self._broken = _why(f"{self._stillborn} actors died as they started, the last of it", error)
        else:
            self._replace(actor)

    def _one(self, samples: Sequence[Sample]) -> list[tuple[Sequence[Sample], Any]]:
        """Ask for one batch, halving it when no actor survives it, down to the sample that is to blame."""
        lost = Lost(hung=False, reason="")
        for _ in range(self._retries + 1):
            answer, lost = self._try(samples)
            if lost is None:
                return [(samples, answer)]
            if lost.hung:
                break
        if len(samples) == 1:
            return [(samples, lost)]
        half = len(samples) // 2
        return [*self._one(samples[:half]), *self._one(samples[half:])]

    def _try(self, samples: Sequence[Sample]) -> tuple[Any, Any]:
        """Give a batch to one actor; return its answer, or how it was lost. What the source itself raises is raised."""
        import ray
        from ray import exceptions

        actor = self._borrow()
        try:
            answer = ray.get(actor.ask.remote(samples), timeout=self._timeout)
        except exceptions.GetTimeoutError:
            self._replace(actor)
            return None, Lost(hung=True, reason=f"past {self._timeout:g} s; the actor was killed")
        except exceptions.RayTaskError as error:
            self._idle.put((actor, None))
            raise error.cause if isinstance(error.cause, Exception) else error from None
        except exceptions.RayError as error:  # the actor, its node or the object store
            self._replace(actor)
            return None, Lost(hung=False, reason=_why(f"{self._retries + 1} actors died under it", error))
        self._idle.put((actor, None))
        return answer, None


def _why(what: str, error: BaseException) -> str:
    said = " ".join(str(error).split())
    return f"{what}: {type(error).__name__}: {said[:200]}"
