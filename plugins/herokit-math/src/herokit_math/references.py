r"""References as data sets store them: text, numbers, lists, JSON, text that lost its backslashes.

A JSON or Python reader turns ``\frac`` into a form feed and ``rac``. Such text is repaired where a known command was
damaged; the caller must not judge an answer against other text with control characters.
"""

import ast
import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from herokit.verifiers.references import ANSWER_KEYS, answer_keys

__all__ = ["InvalidReferenceError", "is_damaged", "repair_commands", "to_reference_text"]

_MAX_MEMBERS = 64
_ESCAPES = {
    "\a": "a",
    "\b": "b",
    "\t": "t",
    "\n": "n",
    "\v": "v",
    "\f": "f",
    "\r": "r",
}  # what an escape made of \a and so on
_COMMANDS = """
alpha approx angle arcsin arccos arctan ast begin beta bar binom boxed big bigl bigr bigcup bmod bot boldsymbol text textbf
textit textrm times tan tanh theta tau triangle tfrac top tilde neq not neg nabla notin nu nolimits vec vee varphi varepsilon
vartheta vert varnothing vdots frac floor forall flat fbox right rangle rfloor rceil rho rbrace rvert rightarrow
"""
_DAMAGED_COMMANDS = re.compile(
    "|".join(
        rf"\\?{re.escape(char)}(?:{'|'.join(command[1:] for command in _COMMANDS.split() if command[0] == letter)})(?![a-z])"
        for char, letter in _ESCAPES.items()
    )
)
_BARE_COMMAND = re.compile(r"(?<![\\a-zA-Z])(?=(?:[dt]?frac|sqrt|text|binom|boxed|mathrm|mathbb)\{)")
_ADJACENT_TEXTS = re.compile(r"""['"]\s+['"]""")  # numpy prints no commas, and Python would join such texts
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")


class InvalidReferenceError(ValueError):
    """A reference has no text that an answer can be compared with."""


def to_reference_text(reference: object) -> str:
    r"""Return the text of a reference that a data set stores as a number, a list, a mapping or JSON.

    Args:
        reference: text; a number; a list, whose members are all required; a mapping with one of
            `herokit.verifiers.references.ANSWER_KEYS`. Text that is a list of strings
            or such a mapping, in JSON or as Python prints it, is read as one.

    Raises:
        InvalidReferenceError: the reference is missing, empty, not finite, or of another type.

    Example:
        >>> to_reference_text(0.5), to_reference_text([2, "x+1"]), to_reference_text('["2", "3"]')
        ('0.5', '2, x+1', '2, 3')
        >>> to_reference_text({"target": [[1, 2], [3, 4]]})
        '(1, 2), (3, 4)'
    """
    if isinstance(reference, str):
        text = _read_data(reference)
    elif isinstance(reference, bool):
        text = str(reference)
    elif isinstance(reference, int | float | Fraction | Decimal):
        text = _format_number(reference)
    elif isinstance(reference, Mapping):
        text = to_reference_text(_get_value(reference))
    elif isinstance(reference, Sequence) and not isinstance(reference, bytes | bytearray):
        text = _join_members(reference, is_inner=False)
    else:
        raise InvalidReferenceError(
            f"the reference is {_describe(reference)}; expected text, a number, a list or a mapping"
        )
    if not text.strip():
        raise InvalidReferenceError("the reference is empty")
    return text


def _describe(value: object) -> str:
    return "missing" if value is None else f"of type {type(value).__name__}"


def _read_data(text: str) -> str:
    """Return text; a list of strings, or a mapping with a known key, as the text of its contents: JSON, or as Python prints it."""
    start = text.lstrip()[:3].replace(" ", "")
    if not start.startswith(('["', '{"', "['", "{'")) or _ADJACENT_TEXTS.search(text):
        return text
    try:
        value = json.loads(text, strict=False) if start[1] == '"' else ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text
    return text if isinstance(value, set) else to_reference_text(value)


def _format_number(number: Fraction | Decimal | float) -> str:
    if isinstance(number, Decimal | float):
        if not math.isfinite(number):
            raise InvalidReferenceError(f"the reference is {number}; expected a finite number")
        exact = Decimal(repr(number)) if isinstance(number, float) else number
        number = int(exact) if exact == exact.to_integral_value() and abs(exact) < Decimal(10) ** 30 else exact
    if isinstance(number, Decimal):
        return f"{number:f}" if abs(number.adjusted()) < 30 else str(number)  # noqa: PLR2004 - digits that one can read
    try:
        return str(number)
    except ValueError as error:  # more digits than Python writes
        raise InvalidReferenceError(f"the reference is too long a number: {error}") from error


def _get_value(mapping: Mapping[object, object]) -> object:
    keys = answer_keys(mapping)
    if len(keys) != 1:
        raise InvalidReferenceError(
            f"the reference is a mapping with {len(keys)} of the keys {', '.join(ANSWER_KEYS)}; expected one"
        )
    return mapping[keys[0]]


def _join_members(members: Sequence[object], *, is_inner: bool) -> str:
    if not members or len(members) > _MAX_MEMBERS:
        raise InvalidReferenceError(f"the reference is a list of {len(members)}; expected 1 to {_MAX_MEMBERS}")
    texts = [
        _join_members(member, is_inner=True)
        if isinstance(member, Sequence) and not isinstance(member, str | bytes | bytearray) and not is_inner
        else _format_member(member)
        for member in members
    ]
    separator = "; " if any("," in text and not text.startswith(("(", "[", "\\")) for text in texts) else ", "
    return f"({separator.join(texts)})" if is_inner else separator.join(texts)


def _format_member(member: object) -> str:
    if isinstance(member, str | int | float | Fraction | Decimal):
        return to_reference_text(member)
    raise InvalidReferenceError(f"a member of the reference is {_describe(member)}; expected text or a number")


def repair_commands(text: str) -> str:
    r"""Return text with LaTeX commands whose backslash an escape sequence swallowed, or that lack it before a brace.

    Example:
        >>> repair_commands("\frac{1}{3}") == repair_commands("frac{1}{3}") == r"\frac{1}{3}"
        True
    """
    text = _DAMAGED_COMMANDS.sub(_restore_command, text)
    return _BARE_COMMAND.sub(r"\\", text) if "{" in text else text


def _restore_command(match: re.Match[str]) -> str:
    damaged = match[0].removeprefix("\\")
    return f"\\{_ESCAPES[damaged[0]]}{damaged[1:]}"


def is_damaged(text: str) -> bool:
    r"""Return whether text holds control characters or replacement characters, so that its meaning is lost.

    Example:
        >>> is_damaged("\x0coo{1}"), is_damaged(r"\frac{1}{3}")
        (True, False)
    """
    return not (text.isascii() and text.isprintable()) and _CONTROL.search(text) is not None
