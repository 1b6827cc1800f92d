"""Single rollouts asked about together: what arrives while the sources work is the next batch.

Trainers that score one rollout a call make many such calls at once. A reward model of batch size 1 is slow, and not
every source may be used from several threads; here one thread asks, for all that wait.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any

from herokit.adapters.common.rows import run_sources
from herokit.rewarder import Rewarder
from herokit.types import Sample


class Scorer:
    """Asks a rewarder's sources about samples from any thread or event loop; its state is never touched.

    The thread starts with the first call; pickling drops it.

    Args:
        rewarder: whose sources are asked.

    Example:
        >>> from herokit import Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> scorer = Scorer(Rewarder({"rm": Length()}, Select("rm")))
        >>> scorer.rows([Sample("p", "abc", "q")])
        [{'rm': 3.0, 'rm_status': 'judged', 'rm_reason': ''}]
        >>> scorer.close()
    """

    def __init__(self, rewarder: Rewarder) -> None:
        self.rewarder = rewarder
        self._open()

    def _open(self) -> None:
        self._waiting: list[tuple[Sequence[Sample], Future[list[dict[str, Any]]]]] = []
        self._lock = Lock()
        self._thread: ThreadPoolExecutor | None = None

    def rows(self, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """Return one component row a sample; blocks until the sources have answered.

        Raises:
            PluginError: a source broke its contract.
            SetupError: a source cannot work at all.
        """
        return self._add(samples).result()

    async def arows(self, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """Do what `rows` does without blocking the event loop."""
        return await asyncio.wrap_future(self._add(samples))

    def close(self) -> None:
        """End the thread; the next call starts one. The rewarder's sources stay open."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown()

    def __getstate__(self) -> dict[str, Any]:
        return {"rewarder": self.rewarder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.rewarder = state["rewarder"]
        self._open()

    def _add(self, samples: Sequence[Sample]) -> "Future[list[dict[str, Any]]]":
        future: Future[list[dict[str, Any]]] = Future()
        future.set_running_or_notify_cancel()  # a caller that is cancelled leaves the others' batch as it is
        with self._lock:
            self._waiting.append((samples, future))
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, "herokit")
            self._thread.submit(self._ask)
        return future

    def _ask(self) -> None:
        """Ask about everything that waits; a later turn then finds nothing."""
        with self._lock:
            taken, self._waiting = self._waiting, []
        if not taken:
            return
        try:
            rows = iter(run_sources(self.rewarder, [sample for samples, _ in taken for sample in samples]))
            for samples, future in taken:
                future.set_result([next(rows) for _ in samples])
        except BaseException as error:  # noqa: BLE001 - it is handed to every caller, none waits for ever
            for _, future in taken:
                if not future.done():
                    future.set_exception(error)
