"""Asking ahead: several batches under way at once, answers in the batches' order."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from herokit.files.group_batches import Piece
from herokit.pipeline.run import Ask, Hear
from herokit.rewarder import Rewarder
from herokit.sources.execution import SourceOutputs


def ask_ahead(count: int) -> Ask:
    """Return a way to ask that keeps up to `count` batches under way; the sources must be usable from as many threads.

    No more than `count` batches are read before the first of them is answered, so memory stays bounded. What a source
    raises for a batch is raised in that batch's turn.

    Args:
        count: batches under way at once.
    """

    def ask(rewarder: Rewarder, pieces: Iterable[Piece], hear: Hear) -> Iterator[tuple[Piece, SourceOutputs]]:
        del hear  # batches come often enough to tell how far it is
        threads = ThreadPoolExecutor(count, thread_name_prefix="herokit-ask")
        waiting: deque[tuple[Piece, Future[SourceOutputs]]] = deque()
        try:
            for piece in pieces:
                waiting.append((piece, threads.submit(rewarder.run_sources, piece.samples)))
                if len(waiting) >= count:
                    first, answers = waiting.popleft()
                    yield first, answers.result()
            while waiting:
                first, answers = waiting.popleft()
                yield first, answers.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    return ask
