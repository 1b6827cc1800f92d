"""What several laws need: comparing runs, random permutations, audit events."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np

from herokit.testing.batches import Batch, Draw, Numbers
from herokit.testing.law import LawViolation, NotApplicable
from herokit.testing.text_subjects import AnswerSubject, shorten
from herokit.types import Sample

__all__ = [
    "SIDE_EFFECTS",
    "TOLERANCE",
    "audit_events",
    "check_equal",
    "check_reads_reference",
    "compare_values",
    "describe_rows",
    "draw_permutation",
    "entries_differ",
    "mixed_samples",
    "nested_lists",
    "states_differ",
]

TOLERANCE = 1e-6
"""Rewards that differ by less than this, relative to the larger one or 1, are equal up to rounding."""

SIDE_EFFECTS = frozenset(
    {
        "open",
        "socket.connect",
        "subprocess.Popen",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.system",
        "os.exec",
        "_thread.start_new_thread",
    }
)
"""Audit events of a constructor that does more than store its parameters."""

_listeners: list[tuple[int, frozenset[str], list[str]]] = []
_hook_added: list[bool] = []


def entries_differ(a: Numbers, b: Numbers, tolerance: float = TOLERANCE) -> Any:
    """Return which entries differ; NaN equals NaN.

    Example:
        >>> entries_differ(np.array([1.0, np.nan]), np.array([1.1, np.nan])).tolist()
        [True, False]
    """
    with np.errstate(all="ignore"):
        close = np.abs(a - b) <= tolerance * np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
    return ~(close | (a == b) | (np.isnan(a) & np.isnan(b)))


def check_equal(batch: Batch, message: str, tolerance: float = TOLERANCE, **columns: Numbers) -> None:
    """Raise `LawViolation` unless two named columns agree in every row.

    Example:
        >>> batch = Batch({}, np.array([0]), 1)
        >>> check_equal(batch, "differs", reward=np.array([1.0]), reward_again=np.array([2.0]))
        Traceback (most recent call last):
        ...
        herokit.testing.law.LawViolation: differs
        group  reward  reward again
        a      1       2
    """
    first, second = columns.values()
    if entries_differ(first, second, tolerance).any():
        raise LawViolation(message, batch, **columns)


def mixed_samples(subject: AnswerSubject, answers: list[str]) -> list[Sample]:
    """Return every answer with its own reference and with the reference of another answer."""
    write = subject.answer_format.write
    correct = [Sample("?", write(answer), answer, answer) for answer in answers]
    return correct + [Sample("?", write(answer), answer, answers[i - 1]) for i, answer in enumerate(answers)]


def check_reads_reference(subject: AnswerSubject) -> None:
    """Raise `NotApplicable` for a reward function that names no reference and gives every reference the same reward."""
    if getattr(subject.source, "names_reference", True):
        return
    right = subject.answer_format.reference
    references = (right, *subject.answer_format.near_misses(right))
    values = subject.values([Sample("?", subject.answer_format.write(right), 0, each) for each in references])
    if len(set(values)) == 1:
        raise NotApplicable("it does not read the reference")


def describe_rows(samples: Sequence[Sample], **columns: Sequence[object]) -> dict[str, Any]:
    """Return the columns of a counterexample: references, completions, and the values of each column as text."""
    return {
        "reference": [repr(sample.reference) for sample in samples],
        "completion": [shorten(sample.completion_text) for sample in samples],
        **{name: [str(value) for value in values] for name, values in columns.items()},
    }


def compare_values(
    subject: AnswerSubject,
    samples: list[Sample],
    message: str,
    way: str,
    judge: Callable[[list[Sample]], list[float | None]],
) -> None:
    """Raise `LawViolation` if samples judged in another way get other values; rows that do not matter are left out.

    Args:
        subject: what judges.
        samples: one batch.
        message: what is wrong.
        way: the name of the other way, for its column.
        judge: returns the values of samples in that way.
    """

    def values_differ(rows: list[Sample]) -> bool:
        return subject.values(rows) != judge(rows)

    if not values_differ(samples):
        return
    row = 0
    while row < len(samples) and len(samples) > 1:
        fewer = samples[:row] + samples[row + 1 :]
        if values_differ(fewer):
            samples = fewer
        else:
            row += 1
    raise LawViolation(message, **describe_rows(samples, value=subject.values(samples), **{way: judge(samples)}))


def states_differ(a: Any, b: Any) -> bool:
    """Return whether two states differ by more than rounding.

    Example:
        >>> states_differ((None, 1.0), (None, 1.0 + 1e-12)), states_differ((1,), (2,))
        (False, True)
    """
    a, b = nested_lists(a), nested_lists(b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) != len(b) or any(states_differ(x, y) for x, y in zip(a, b, strict=True))
    try:
        return bool(entries_differ(np.asarray(a, np.float64), np.asarray(b, np.float64), 1e-9).any())
    except (TypeError, ValueError):
        return bool(a != b)


def nested_lists(state: Any) -> Any:
    """Return a state as nested lists of numbers.

    Example:
        >>> nested_lists({"mean": (1, 0.5)})
        [[1, 0.5]]
    """
    if isinstance(state, tuple | list):
        return [nested_lists(part) for part in state]
    if is_dataclass(state) and not isinstance(state, type):
        return nested_lists(list(asdict(state).values()))
    if isinstance(state, dict):
        return nested_lists(list(state.values()))
    return state


def draw_permutation(n: int, draw: Draw) -> Numbers:
    """Draw a permutation of 0 to n - 1; drawing 0 every time gives the identity.

    Example:
        >>> draw_permutation(3, lambda n: 0).tolist(), draw_permutation(3, lambda n: n - 1).tolist()
        ([0, 1, 2], [2, 0, 1])
    """
    order = np.arange(n)
    for position in range(n - 1):
        other = position + draw(n - position)
        order[[position, other]] = order[[other, position]]
    return order


@contextmanager
def audit_events(names: frozenset[str] = SIDE_EFFECTS) -> Iterator[list[str]]:
    """Collect the audit events of these names that this thread causes inside the block.

    Python cannot remove an audit hook, so one hook is added on first use; it does nothing outside such blocks.

    Example:
        >>> with audit_events() as events:
        ...     open("/dev/null").close()
        >>> events
        ['open: /dev/null']
    """
    if not _hook_added:
        sys.addaudithook(_record_event)
        _hook_added.append(True)
    events: list[str] = []
    listener = (threading.get_ident(), names, events)
    _listeners.append(listener)
    try:
        yield events
    finally:
        _listeners.remove(listener)


def _record_event(event: str, args: tuple[object, ...]) -> None:
    for thread, names, events in _listeners:
        if event in names and thread == threading.get_ident():
            events.append(f"{event}: {str(args[0])[:300]}" if args else event)
