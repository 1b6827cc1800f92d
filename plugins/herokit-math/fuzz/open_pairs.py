# ruff: noqa: INP001 - a module of scripts, not of a package
"""Judge many pairs that were left to sympy in minutes: each text is parsed once, and most pairs are apart in numbers.

The verdicts are those of the workers: `herokit_math.symbolic` accepts a pair only if both texts are read and are of one type.
Two expressions that differ at a point with positive rational coordinates are not equal, so sympy compares only the others.
"""

import resource
import signal
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import sympy
from latex2sympy2_extended import latex2sympy
from latex2sympy2_extended.latex2sympy2 import ConversionConfig
from sympy.core.relational import Relational

from herokit_math import symbolic
from herokit_math.limits import check_latex_limits

__all__ = ["Judged", "judge_open_pairs"]

_PARSE_S, _POINT_S, _COMPARE_S = 5.0, 2.0, 3.0
_MAX_LATE = 3  # pairs of a text without a result after which its others are not compared
_MAX_BYTES = 3 << 30
_GAP = 1e-9  # relative to the size of both values
_MAX_SIZE = 1e200


class _LateError(BaseException):
    """A limit of time is over; no handler of sympy takes it."""


class Judged(NamedTuple):
    """Accepted pairs, and how many pairs ended in which way."""

    accepted: list[tuple[str, str, str]]
    counts: Counter[str]


def judge_open_pairs(pairs: Iterable[tuple[str, str]]) -> Judged:
    """Return the (reference, answer, reason) of the pairs that sympy accepts."""
    signal.signal(signal.SIGALRM, _raise_late)
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, _MAX_BYTES))
    pairs = list(pairs)
    texts = dict.fromkeys(text for pair in pairs for text in pair)
    values = {text: _limited(partial(_parse, text), _PARSE_S) for text in texts}
    kinds = {text: _kind(value) for text, value in values.items()}
    points = {text: _evaluate(values[text]) for text, kind in kinds.items() if kind == "expression"}
    judged = Judged([], Counter())
    num_late: Counter[str] = Counter()
    for reference, answer in pairs:
        outcome = _exclude(kinds[reference], kinds[answer], points.get(reference, ()), points.get(answer, ()))
        if not outcome and max(num_late[reference], num_late[answer]) >= _MAX_LATE:
            outcome = "not compared, because other pairs of a side were late"
        if not outcome:
            compare = partial(symbolic._compare, values[reference], values[answer])  # noqa: SLF001
            result = _limited(compare, _COMPARE_S)
            outcome = _OUTCOMES[result[0]] if result else "late or raised"
            if result is None:
                num_late.update((reference, answer))
            elif result[0]:
                judged.accepted.append((reference, answer, result[1]))
        judged.counts[outcome] += 1
    return judged


_OUTCOMES = {True: "accepted", False: "different for sympy", None: "undecided by sympy"}


def _raise_late(*_: object) -> None:
    raise _LateError


def _limited(run: Callable[[], Any], seconds: float) -> Any:
    """Return what a function returns; None if it is late, needs too much memory or raises anything."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return run()
    except (_LateError, Exception):  # noqa: BLE001 - third-party parsers raise anything
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _parse(text: str) -> Any:
    if check_latex_limits(text):
        return None
    convert = partial(latex2sympy, is_real=None, conversion_config=ConversionConfig(lowercase_symbols=False))
    return symbolic._parse(convert, text)  # noqa: SLF001


def _kind(value: Any) -> str:
    """Return what a parsed text is, in one word; an empty text for what sympy cannot read or does not compare."""
    if value is None:
        return ""
    if isinstance(value, Relational):
        return "relation"
    if not _limited(partial(symbolic._is_value, value), _POINT_S):  # noqa: SLF001
        return "no value"
    types = {sympy.MatrixBase: "matrix", sympy.Expr: "expression", sympy.Set: "set"}
    return next((kind for type_, kind in types.items() if isinstance(value, type_)), "other")


def _evaluate(value: Any) -> tuple[complex | None, ...]:
    """Return the values of an expression at two points."""

    def at_point(k: int) -> complex | None:
        names = {s: sympy.Rational(zlib.crc32(f"{s.name}{k}".encode()) % 9973 + 1999, 4999) for s in value.free_symbols}
        number = complex(sympy.N(value.subs(names), 20))
        return number if abs(number) < _MAX_SIZE else None

    return tuple(_limited(partial(at_point, k), _POINT_S) for k in range(2))


def _exclude(kind: str, other: str, values: tuple[complex | None, ...], others: tuple[complex | None, ...]) -> str:
    """Return why a pair cannot be accepted; an empty text if sympy must compare it."""
    if not (kind and other):
        return "not read by sympy"
    if "no value" in (kind, other):
        return "a statement or no value"
    if kind != other:
        return "different types"
    pairs = [(a, b) for a, b in zip(values, others, strict=True) if a is not None and b is not None]
    return "apart in numbers" if any(abs(a - b) > _GAP * (1 + abs(a) + abs(b)) for a, b in pairs) else ""
