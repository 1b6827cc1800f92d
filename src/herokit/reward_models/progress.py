"""Progress of local reward models: models report after every batch, callers track all scoring inside a context."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from herokit.errors import SetupError

__all__ = ["ProgressCallback", "progress_bar", "report_progress", "track_progress"]

ProgressCallback: TypeAlias = Callable[[int, int], None]
"""Called with (unique inputs done, unique inputs in all) of the `score` that is running."""

_TRACKER: ContextVar[ProgressCallback | None] = ContextVar("herokit_progress", default=None)


@contextmanager
def track_progress(callback: ProgressCallback) -> Iterator[None]:
    """Call `callback` after every batch that a local model scores inside this context, also within ensembles and wrappers.

    Equal inputs run once, so a batch of N rows ends at (U, U) with U <= N: a bar over rows is at ``N * done / total``.
    Two models in one `Rewarder` report one after the other, each from its beginning. Of nested contexts only the
    innermost is called. A thread started inside does not inherit the context. An exception in `callback` stops scoring.

    Args:
        callback: called with (unique inputs done, unique inputs in all).

    Example:
        >>> with track_progress(print):
        ...     report_progress(1, 2)
        1 2
        >>> report_progress(2, 2)
    """
    token = _TRACKER.set(callback)
    try:
        yield
    finally:
        _TRACKER.reset(token)


@contextmanager
def progress_bar() -> Iterator[None]:
    """Show a progress bar for local models that score inside; only in a terminal or a notebook.

    Raises:
        SetupError: tqdm is not installed.

    Example:
        >>> with progress_bar():
        ...     report_progress(1, 2)
    """
    try:
        from tqdm.auto import tqdm
    except ModuleNotFoundError:
        raise SetupError("progress_bar needs tqdm: pip install tqdm") from None
    with tqdm(disable=None, unit=" rows") as bar:

        def update(done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.refresh()

        with track_progress(update):
            yield


def report_progress(done: int, total: int, *, callback: ProgressCallback | None = None) -> None:
    """Report progress to the active `track_progress` and to `callback`.

    Args:
        done: unique inputs that have run.
        total: unique inputs of this `score`.
        callback: the model's own callback, if it has one.
    """
    for function in (callback, _TRACKER.get()):
        if function is not None:
            function(done, total)
