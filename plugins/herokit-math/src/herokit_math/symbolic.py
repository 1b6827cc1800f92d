"""The sympy tier: are two LaTeX strings equal? It runs in worker processes only, and a task is one pair as JSON."""

import json
import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, TypeAlias

import sympy
from sympy.core.relational import Relational

from herokit_math.limits import refuse_latex
from herokit_math.normalize import GROUPED

__all__ = ["load_parser"]

_Convert: TypeAlias = Callable[[str], Any]
"""A LaTeX parser."""

_SIDE_BY_SIDE = re.compile(r"(?<![\d.^_])[\d.]+(?:\\[ ,;:!>]|\\q?quad|[\s~])+\.?\d|\.\d+\.\d")
_SHORT = re.compile(r"\\[dt]?frac\s*(\{[^{}]*\}|\d)\s*(\{[^{}]*\}|\d)")


class _ReferenceError(Exception):
    """The reference could not be parsed: no policy caused it."""


def load_parser(payload: bytes) -> Callable[[bytes], dict[str, Any]]:
    r"""Return the function with which a worker process decides one pair; `payload` is the name of the LaTeX parser.

    Example:
        >>> decide = load_parser(b"latex2sympy2_extended")
        >>> decide(json.dumps(["1", r"\int_0^1 2x\,dx"]).encode())["equal"]
        True
    """
    parser = payload.decode()
    convert = import_module(parser).latex2sympy
    if parser == "latex2sympy2_extended":
        config = import_module(f"{parser}.latex2sympy2").ConversionConfig(lowercase_symbols=False)
        convert = partial(convert, is_real=False, conversion_config=config)
    _decide(convert, "x", r"\int_0^1 2x\,dx")  # sympy loads and caches lazily; no pair pays for it
    return lambda task: _decide(convert, *json.loads(task))


def _decide(convert: _Convert, reference: str, answer: str) -> dict[str, Any]:
    """Decide one pair; whatever sympy raises becomes an undecided reply."""
    try:
        equal, reason = _equal(convert, reference, answer)
    except _ReferenceError as error:
        return {"equal": None, "reason": str(error), "reference_readable": False}
    except MemoryError:
        equal, reason = None, "sympy ran out of memory"
    except RecursionError:
        equal, reason = None, "sympy recursed too deep"
    except Exception as error:  # noqa: BLE001 - third-party parsers raise anything; the pair stays undecided
        equal, reason = None, f"sympy raised {type(error).__name__}"
    return {"equal": equal, "reason": reason, "reference_readable": True}


def _equal(convert: _Convert, reference: str, answer: str) -> tuple[bool | None, str]:
    """Decide whether two LaTeX strings mean the same.

    Args:
        convert: the parser.
        reference: the reference; may be unreadable.
        answer: what is checked against it; hostile.

    Returns:
        The verdict (None: cannot say) and the reason.

    Raises:
        _ReferenceError: the reference cannot be parsed.
        Exception: whatever the parser or sympy raises on an answer it does not understand.
    """
    if refusal := refuse_latex(reference):
        raise _ReferenceError(refusal)
    try:
        left = _parse(convert, reference)
    except Exception as error:
        raise _ReferenceError(f"sympy could not read the reference: {type(error).__name__}") from error
    if left is None:
        raise _ReferenceError("sympy could not read the reference")
    if refusal := refuse_latex(answer):
        return None, refusal
    right = _parse(convert, answer)
    if right is None:
        return None, "sympy could not parse"
    return _same(left, right)


def _parse(convert: _Convert, text: str) -> Any:
    text = GROUPED.sub("", _SHORT.sub(_braces, text))
    if _SIDE_BY_SIDE.search(text):
        raise ValueError("two numbers side by side")  # the parsers add or multiply them
    parsed = convert(text)
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
