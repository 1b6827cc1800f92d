"""The sympy tier: compare two LaTeX strings. It runs only in worker processes; a task is a pair as JSON."""

import json
import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, TypeAlias

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from herokit_math.limits import check_latex_limits
from herokit_math.normalize import DIGIT_GROUP_SEPARATOR

__all__ = ["load_parser"]

_Convert: TypeAlias = Callable[[str], Any]
"""A LaTeX parser."""

_SIDE_BY_SIDE = re.compile(r"(?<![\d.^_])[\d.]+(?:\\[ ,;:!>]|\\q?quad|[\s~])+\.?\d|\.\d+\.\d")
_SUBSCRIPT = re.compile(r"(?<![\w\\}])\d+\s*(?:\^\s*(?:\{[^{}]*\}|\w)\s*)?_")
_DROPPED = re.compile(r"\\[hv]?phantom(?![a-z])|\d\s*(?:'(?!\d{3}(?!\d))|\^\s*\{?\s*\\prime)")
_INDETERMINATE = re.compile(r"(?:\\infty|(?<![\d.])0)\s*[)}]*\s*\^\s*[({]*\s*0(?![\d.])")
_SHORT_FRACTION = re.compile(r"\\[dt]?frac\s*(\{[^{}]*\}|\d)\s*(\{[^{}]*\}|\d)")


_STATEMENTS = (Relational, BooleanFunction, BooleanAtom)
_UNDEFINED = (sympy.nan, sympy.zoo, sympy.AccumBounds)


class _ReferenceError(Exception):
    """The reference could not be parsed, which is not the policy's fault."""


def load_parser(payload: bytes) -> Callable[[bytes], dict[str, Any]]:
    r"""Return the function by which a worker process decides a pair; `payload` is the name of the LaTeX parser.

    Example:
        >>> decide = load_parser(b"latex2sympy2_extended")
        >>> decide(json.dumps(["1", r"\int_0^1 2x\,dx"]).encode())["equal"]
        True
    """
    parser = payload.decode()
    convert = import_module(parser).latex2sympy
    if parser == "latex2sympy2_extended":
        config = import_module(f"{parser}.latex2sympy2").ConversionConfig(lowercase_symbols=False)
        convert = partial(convert, is_real=None, conversion_config=config)
    _decide(convert, "x", r"\int_0^1 2x\,dx")  # sympy imports and caches lazily: warm up, so that no pair times out
    return lambda task: _decide(convert, *json.loads(task))


def _decide(convert: _Convert, reference: str, answer: str) -> dict[str, Any]:
    """Return the reply to a task; if sympy raises, the pair is undecided."""
    try:
        equal, reason = _parse_and_compare(convert, reference, answer)
    except _ReferenceError as error:
        return {"equal": None, "reason": str(error), "reference_readable": False}
    except MemoryError:
        equal, reason = None, "out of memory"
    except RecursionError:
        equal, reason = None, "recursion limit exceeded"
    except Exception as error:  # noqa: BLE001 - third-party parsers raise anything; the pair stays undecided
        equal, reason = None, f"raised {type(error).__name__}"
    return {"equal": equal, "reason": reason, "reference_readable": True}


def _parse_and_compare(convert: _Convert, reference: str, answer: str) -> tuple[bool | None, str]:
    """Decide whether two LaTeX strings are equal.

    Args:
        convert: the parser.
        reference: the reference; may be unreadable.
        answer: the answer; hostile.

    Returns:
        The decision (None for undecided) and the reason.

    Raises:
        _ReferenceError: the reference cannot be parsed.
        Exception: any error of the parser or sympy on the answer.
    """
    if limit := check_latex_limits(reference):
        raise _ReferenceError(limit)
    try:
        left = _parse(convert, reference)
    except Exception as error:
        raise _ReferenceError(f"could not parse the reference: {type(error).__name__}") from error
    if left is None:
        raise _ReferenceError("could not parse the reference")
    if limit := check_latex_limits(answer):
        return None, limit
    right = _parse(convert, answer)
    if right is None:
        return None, "could not parse the answer"
    return _compare(left, right)


def _parse(convert: _Convert, text: str) -> Any:
    text = DIGIT_GROUP_SEPARATOR.sub("", _SHORT_FRACTION.sub(_add_braces, text))
    if _SUBSCRIPT.search(text):
        raise ValueError("a number with a subscript")  # the parsers drop it
    if _SIDE_BY_SIDE.search(text):
        raise ValueError("two numbers side by side")  # the parsers add or multiply them
    if _DROPPED.search(text):
        raise ValueError(
            "an invisible number, or one with a prime"
        )  # the parsers read the number alone; 1'234 is a group of digits
    if _INDETERMINATE.search(text):
        raise ValueError("a power without a value")  # 1 for sympy
    return _evaluate(convert(text))


def _evaluate(parsed: Any) -> Any:
    """Return a parsed text with its integrals, limits and so on evaluated, but no statement replaced by its truth."""
    if isinstance(parsed, Relational):
        return parsed.func(parsed.lhs.doit(), parsed.rhs.doit(), evaluate=False)
    if isinstance(parsed, sympy.Basic) and not parsed.atoms(*_STATEMENTS):
        return sympy.nan if any(map(_is_of_a_name, parsed.atoms(sympy.Derivative, sympy.Limit))) else parsed.doit()
    return parsed


def _is_of_a_name(node: Any) -> bool:
    """Return whether a derivative or limit is of names that may depend on its variable: sympy would call them constant."""
    body = node.args[0]
    variables = set(node.variables) if isinstance(node, sympy.Derivative) else {node.args[1]}
    return bool(body.free_symbols) and not variables & body.free_symbols


def _add_braces(match: re.Match[str]) -> str:
    r"""Return ``\frac{1}{2}`` for ``\frac12``, which the parsers do not support."""
    numerator, denominator = (part.strip("{}") for part in match.groups())
    return rf"\frac{{{numerator}}}{{{denominator}}}"


def _compare(left: Any, right: Any) -> tuple[bool | None, str]:  # noqa: PLR0911 - one return per type
    if isinstance(left, Relational) and isinstance(right, Relational):
        return _compare_relations(left, right)
    if not (_is_value(left) and _is_value(right)):
        return None, "a statement, or no definite value"
    if left == right:
        return True, "identical"
    if isinstance(left, sympy.MatrixBase) and isinstance(right, sympy.MatrixBase):
        if left.shape != right.shape:
            return False, "shapes differ"
        return all(_compare(a, b)[0] for a, b in zip(left, right, strict=True)), "entries compared"
    if isinstance(left, sympy.Expr) and isinstance(right, sympy.Expr):
        equal = left.equals(right)
        if equal is None:
            equal = sympy.simplify(left - right) == 0
        return bool(equal), "difference simplified"
    if isinstance(left, sympy.Set) and isinstance(right, sympy.Set):
        return bool(left.symmetric_difference(right).is_empty), "sets compared"
    return None, f"{type(left).__name__} and {type(right).__name__}"


def _is_value(parsed: Any) -> bool:
    """Return whether an object is a value: it contains no statement, and nothing that is undefined."""
    if isinstance(parsed, sympy.MatrixBase):
        return all(map(_is_value, parsed))
    return isinstance(parsed, sympy.Basic) and not parsed.atoms(*_STATEMENTS) and not parsed.has(*_UNDEFINED)


def _compare_relations(left: Relational, right: Relational) -> tuple[bool | None, str]:
    """Compare statements by their sides: whether both are true, or both false, does not matter."""
    sides = left.lhs, left.rhs, right.lhs, right.rhs
    if not all(map(_is_value, sides)) or not all(isinstance(side, sympy.Expr) for side in sides):
        return None, "a statement about statements"
    other = right if left.rel_op == right.rel_op else right.reversed
    if left.rel_op != other.rel_op:
        return False, "relations differ"
    differences = sympy.simplify(left.lhs - left.rhs), sympy.simplify(other.lhs - other.rhs)
    if not all(difference.free_symbols for difference in differences):
        return None, "statements without variables"
    ratio = sympy.simplify(differences[0] / differences[1])
    return bool(ratio.is_number and ratio != 0 and (ratio > 0 or left.rel_op in {"==", "!="})), "relations compared"
