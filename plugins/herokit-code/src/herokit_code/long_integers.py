"""Reading and writing code and JSON whose integers may have more digits than Python converts (4,300)."""

import ast
import io
import json
import re
import tokenize
from decimal import Decimal
from typing import Any

__all__ = ["dump_json", "literal", "load_json", "parse", "read_integer", "unparse"]

_MAX_SHORT = 4_300
"""Digits that Python converts by default; the limit of a process is its own setting and is not changed here."""
_MAX_DIGITS = 100_000
_MARK = "herokit long integer "
_LONG_NUMBER = re.compile(rf"\d{{{_MAX_SHORT + 1},}}")


def read_integer(digits: str) -> int:
    """Return the integer that is written in decimal digits, with or without a sign.

    Raises:
        ValueError: there are more than 100,000 digits.

    Example:
        >>> read_integer("-42"), read_integer("9" * 5_000) == 10**5_000 - 1
        (-42, True)
    """
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"an integer of {len(digits):,} digits; at most {_MAX_DIGITS:,} are read")
    return int(digits) if len(digits) <= _MAX_SHORT else int(Decimal(digits))


def load_json(text: str) -> Any:
    """Return the value of a JSON text."""
    return json.loads(text, parse_int=read_integer)


def dump_json(value: Any) -> str:
    """Return a value as JSON; what JSON does not have becomes text.

    Example:
        >>> load_json(dump_json({"a": [10**5_000]})) == {"a": [10**5_000]}
        True
    """
    try:
        return json.dumps(value, default=str)
    except ValueError:
        long: dict[str, str] = {}
        text = json.dumps(_set_aside(value, long), default=str)
    return re.sub(rf'"({_MARK}\d+)"', lambda match: long[match[1]], text)


def _set_aside(value: Any, long: dict[str, str]) -> Any:
    """Return a value with marks for its long integers, whose digits are put into `long`."""
    if isinstance(value, dict):
        return {key: _set_aside(each, long) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_set_aside(each, long) for each in value]
    if type(value) is int and value.bit_length() > _MAX_SHORT:
        mark = f"{_MARK}{len(long)}"
        long[mark] = str(Decimal(value))
        return mark
    return value


def literal(value: Any) -> str:
    """Return a plain value as source text: what `repr` writes, with long integers in hexadecimal.

    Example:
        >>> literal([1, "a"]), literal(10**5_000).startswith("0x")
        ("[1, 'a']", True)
    """
    try:
        return repr(value)
    except ValueError:
        pass
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(each)}" for key, each in value.items()) + "}"
    items = "".join(f"{literal(each)}, " for each in value)
    return f"[{items}]" if isinstance(value, list) else f"({items})" if isinstance(value, tuple) else f"{{{items}}}"


def parse(code: str) -> ast.Module:
    """Return the syntax tree of a code.

    Raises:
        SyntaxError: it is not Python.
    """
    return ast.parse(_write_in_hexadecimal(code) if _LONG_NUMBER.search(code) else code)


def unparse(node: ast.AST) -> str:
    """Return the source text of a syntax tree; long integers are written in hexadecimal.

    Example:
        >>> unparse(parse("f(" + "9" * 5_000 + ")"))[:10]
        'f(0x31e208'
    """
    try:
        return ast.unparse(node)
    except ValueError:
        return ast.unparse(_LongIntegers().visit(node))


class _LongIntegers(ast.NodeTransformer):
    """Replaces integers that `repr` cannot write by their hexadecimal form."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Return a node that is written as it should be."""
        is_long = type(node.value) is int and node.value.bit_length() > _MAX_SHORT
        return ast.Name(hex(node.value)) if is_long else node  # type: ignore[arg-type]


def _write_in_hexadecimal(code: str) -> str:
    """Return a code whose long integers are in hexadecimal; texts stay what they are."""
    lines = list(io.StringIO(code))
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, IndentationError) as error:
        raise SyntaxError(str(error)) from error
    for token in reversed(tokens):
        if token.type == tokenize.NUMBER and _LONG_NUMBER.fullmatch(digits := token.string.replace("_", "")):
            row, column = token.start
            line = lines[row - 1]
            lines[row - 1] = line[:column] + hex(read_integer(digits)) + line[token.end[1] :]
    return "".join(lines)
