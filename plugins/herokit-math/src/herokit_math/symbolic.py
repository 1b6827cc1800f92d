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

from herokit_math.expression import GREEK_LETTERS
from herokit_math.limits import check_latex_limits
from herokit_math.normalize import DIGIT_GROUP_SEPARATOR

__all__ = ["load_parser"]

_Convert: TypeAlias = Callable[[str], Any]
"""A LaTeX parser."""

_SIDE_BY_SIDE = re.compile(r"(?<![\d.^_])[\d.]+(?:\\[ ,;:!>]|\\q?quad|[\s~])+\.?\d|\.\d+\.\d")
_SUBSCRIPT = re.compile(r"(?<![\w\\}])\d+\s*(?:\^\s*(?:\{[^{}]*\}|\w)\s*)?_")
_INVISIBLE = re.compile(r"\\[hv]?phantom(?![a-z])")
_FUNCTION_TO_ZERO = re.compile(
    r"\\(?:(?:arc)?(?:sin|cos|tan|cot|sec|csc)h?|ln|lg|log|exp|max|min|gcd|lcm)"
    r"\s*\^\s*(?:0|\{[\s({+-]*0+(?:\.0*)?[\s)}]*\})"
)
_DIGIT_GROUP_PRIME = re.compile(r"(?<=\d)'(?=\d{3}(?!\d))")
_PRIME = re.compile(r"'|\\prime(?![A-Za-z])")
_INDEX = r"(\s*_\s*(?:\{[^{}]*\}|[A-Za-z\d]))?"
_PRIMED_NAME = re.compile(
    rf"((?<![\\A-Za-z])[A-Za-z]+|\\(?:{'|'.join(sorted(GREEK_LETTERS))})(?![A-Za-z])){_INDEX}"
    rf"((?:\s*'|\s*\^\s*(?:\\prime(?![A-Za-z])|\{{(?:\s*\\prime(?![A-Za-z]))+\s*\}}))+){_INDEX}"
)
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
    if isinstance(left, sympy.Basic | sympy.MatrixBase) and left.has(*_UNDEFINED):
        raise _ReferenceError("the reference has no definite value")
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
    if _INVISIBLE.search(text):
        raise ValueError("an invisible number")  # the parsers read the number
    if _FUNCTION_TO_ZERO.search(text):
        raise ValueError("a function to the power of zero")  # the parsers drop the power
    text = _PRIMED_NAME.sub(_move_primes, _DIGIT_GROUP_PRIME.sub("", text))
    if _PRIME.search(text):
        raise ValueError("a prime after something other than a name")  # the parsers drop every prime
    parsed = convert(text)
    if isinstance(parsed, sympy.Basic | sympy.MatrixBase) and any(map(_has_no_value, parsed.atoms(sympy.Pow))):
        return sympy.nan
    return _evaluate(parsed)


def _move_primes(match: re.Match[str]) -> str:
    """Return a name with its primes in its subscript, ``f_{1prime}`` for ``f_1'``, or as it is if it has two subscripts."""
    name, index, primes, late_index = match.groups()
    if index and late_index:
        return match[0]
    subscript = (index or late_index or "").strip(" _{}")
    return f"{name}_{{{subscript} {'prime' * len(_PRIME.findall(primes))}}}"


def _has_no_value(power: sympy.Pow) -> bool:
    r"""Return whether a power has no value: ``0^0``, ``\infty^0``, ``0^{-1}``, also with ``a - a`` or an integral for 0.

    The parsers do not evaluate powers; sympy would replace those to zero by 1, and divide by ``(x + 1)^2 - x^2 - 2x - 1``.
    """
    if power.base.is_Matrix:
        return False
    if power.exp.is_negative:
        return _is_zero(power.base.doit())
    if not _is_zero(power.exp.doit()):
        return False
    base = power.base.doit()
    return _is_zero(base) or bool(base.is_infinite) or base.has(*_UNDEFINED)


def _is_zero(value: Any) -> bool:
    return bool(value.is_zero or (value.is_zero is None and value.equals(0)))


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
