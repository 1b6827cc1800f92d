"""What a worker asks sympy: two LaTeX strings, parsed by latex2sympy2_extended, equal or not. Runs in workers only."""

import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import sympy
from sympy.core.relational import Relational

from herokit_math.limits import refuse_latex
from herokit_math.normalize import GROUPED

_parsers: list[Callable[[str], Any]] = []

_SIDE_BY_SIDE = re.compile(r"(?<![\d.^_])[\d.]+(?:\\[ ,;:!>]|\\q?quad|[\s~])+\.?\d|\.\d+\.\d")
_SHORT = re.compile(r"\\[dt]?frac\s*(\{[^{}]*\}|\d)\s*(\{[^{}]*\}|\d)")


class GoldError(Exception):
    """The reference could not be parsed: no policy caused it."""


def use(parser: str) -> None:
    """Choose the LaTeX parser: ``latex2sympy2_extended``, or the original ``latex2sympy2``.

    Raises:
        ImportError: it is not installed.
    """
    convert = import_module(parser).latex2sympy
    if parser == "latex2sympy2_extended":
        named = import_module(f"{parser}.latex2sympy2").ConversionConfig(lowercase_symbols=False)
        convert = partial(convert, is_real=False, conversion_config=named)
    _parsers[:] = [convert]


def equal(gold: str, answer: str) -> tuple[bool | None, str]:
    """Decide whether two LaTeX strings mean the same.

    Args:
        gold: the reference.
        answer: what is checked against it; hostile.

    Returns:
        The verdict (None: cannot say) and the reason.

    Raises:
        GoldError: the reference cannot be parsed.
        Exception: whatever the parser or sympy raises on an answer it does not understand.
    """
    if refusal := refuse_latex(gold):
        raise GoldError(refusal)
    try:
        left = _parse(gold)
    except Exception as error:
        raise GoldError(f"sympy could not read the reference: {type(error).__name__}") from error
    if left is None:
        raise GoldError("sympy could not read the reference")
    if refusal := refuse_latex(answer):
        return None, refusal
    right = _parse(answer)
    if right is None:
        return None, "sympy could not parse"
    return _same(left, right)


def _parse(text: str) -> Any:
    text = GROUPED.sub("", _SHORT.sub(_braces, text))
    if _SIDE_BY_SIDE.search(text):
        raise ValueError("two numbers side by side")  # the parsers add or multiply them
    parsed = _parsers[-1](text)
    return parsed.doit() if isinstance(parsed, sympy.Basic) else parsed


def _braces(short: re.Match[str]) -> str:
    r"""Write ``\frac12`` as ``\frac{1}{2}``, which the parsers want."""
    above, below = (part.strip("{}") for part in short.groups())
    return rf"\frac{{{above}}}{{{below}}}"


def _same(left: Any, right: Any) -> tuple[bool | None, str]:  # noqa: PLR0911 - one return a type
    if left == right:
        return True, "identical"
    if isinstance(left, Relational) and isinstance(right, Relational):
        return _same_relation(left, right)
    if isinstance(left, sympy.MatrixBase) and isinstance(right, sympy.MatrixBase):
        if left.shape != right.shape:
            return False, "shapes differ"
        return all(_same(a, b)[0] for a, b in zip(left, right, strict=True)), "entries compared"
    if isinstance(left, sympy.Expr) and isinstance(right, sympy.Expr):
        verdict = left.equals(right)
        if verdict is None:
            verdict = sympy.simplify(left - right) == 0
        return bool(verdict), "difference decided"
    if isinstance(left, sympy.Set) and isinstance(right, sympy.Set):
        return bool(left.symmetric_difference(right).is_empty), "sets compared"
    return None, f"{type(left).__name__} against {type(right).__name__}"


def _same_relation(left: Relational, right: Relational) -> tuple[bool | None, str]:
    if left.rel_op != right.rel_op:
        return False, "relations differ"
    ratio = sympy.simplify((left.lhs - left.rhs) / (right.lhs - right.rhs))
    return bool(ratio.is_number and ratio != 0 and (ratio > 0 or left.rel_op in {"==", "!="})), "relations"
