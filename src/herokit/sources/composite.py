"""What sources made of sources share: they find, report and close the sources inside, and read verdicts alike."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from herokit.combiners.base import CORRECT_THRESHOLD
from herokit.sources import execution
from herokit.types import Status, Verdict

__all__ = ["CompositeSource", "accepts", "columns_read", "first_answer", "joint_status", "walk_sources"]


class CompositeSource:
    """Base of sources made of sources: their reports are joined, and closing closes every source inside."""

    __slots__ = ()

    def report(self) -> str:
        """Return one line on this source, where it counts anything, and the reports of the sources inside."""
        return "\n".join(filter(None, [self._report_line(), *map(execution.report, _inner_sources(self))]))

    def close(self) -> None:
        """Close every source inside."""
        for source in _inner_sources(self):
            execution.close(source)

    def _report_line(self) -> str:
        return ""


def walk_sources(value: Any) -> Iterator[Any]:
    """Yield a source and every source inside it, also those in tuples, lists and mappings.

    Example:
        >>> from herokit.sources import Vote
        >>> from herokit.verifiers import ExactMatch, Number
        >>> [type(source).__name__ for source in walk_sources(Vote((ExactMatch(), Number())))]
        ['Vote', 'ExactMatch', 'Number']
    """
    if _is_source(value):
        yield value
    for part in _parts(value):
        yield from walk_sources(part)


def columns_read(source: Any) -> Iterator[str]:
    """Yield the columns that a source, or a source inside it, cannot work without.

    Example:
        >>> from herokit.sources import VerdictColumn, Vote
        >>> list(columns_read(Vote((VerdictColumn("a"), VerdictColumn("b")))))
        ['a', 'b']
    """
    for part in walk_sources(source):
        yield from getattr(part, "reads", ())


def _inner_sources(value: Any) -> Iterator[Any]:
    """Yield the sources one level down."""
    for part in _parts(value):
        if _is_source(part):
            yield part
        else:
            yield from _inner_sources(part)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, tuple | list):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value) if field.init]
    return ()


def _is_source(value: Any) -> bool:
    return (hasattr(value, "verify") or hasattr(value, "score")) and not isinstance(value, type)


def accepts(verdict: Verdict) -> bool:
    """Return whether a verdict says that the completion is correct.

    Example:
        >>> accepts(Verdict(0.7)), accepts(Verdict(0.5)), accepts(Verdict(None, Status.FAILED))
        (True, False, False)
    """
    return verdict.value is not None and verdict.value > CORRECT_THRESHOLD


def first_answer(verdicts: Iterable[Verdict]) -> str | None:
    """Return the first answer that a verifier read; None if none did."""
    return next((verdict.answer for verdict in verdicts if verdict.answer is not None), None)


def joint_status(verdicts: Iterable[Verdict]) -> Status:
    """Return the status of a verdict made of several: JUDGED if one with a value is judged, FAILED if none has a value.

    Example:
        >>> joint_status([Verdict(None, Status.FAILED), Verdict(0.0, Status.TIMEOUT)]).value
        'timeout'
    """
    statuses = [verdict.status for verdict in verdicts if verdict.value is not None]
    return Status.JUDGED if Status.JUDGED in statuses else next(iter(statuses), Status.FAILED)
