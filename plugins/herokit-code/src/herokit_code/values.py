"""A call's result: written inside the sandbox as plain Python, read outside without trust."""

import ast
import re
from typing import Any

PLAIN = """
def _plain(value):
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, complex):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, dict):
        return {_plain(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, tuple):
        return tuple([_plain(v) for v in value])
    if isinstance(value, _Set):
        return {_plain(v) for v in value}
    for kind in (int, float):
        if hasattr(value, f"__{kind.__name__}__") and kind(value) == value:
            return kind(value)
    raise TypeError
def _written(value):
    try:
        return repr(_plain(value))
    except Exception:
        return repr(value)
"""
"""Source text: a result as the literal that equals it, for a Counter is a dict, a named tuple a tuple, Decimal(4) is 4."""

_TOKEN = re.compile(
    r"""\s+ | [][(){},:+-] | (?:True|False|None|infj?|nan|set)\b | (?:\d+\.?\d*(?:e[+-]?\d+)?j?)(?![\w.])
    | b?'(?:[^'\\\n]|\\['"\\nrt]|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8})*'
    | b?"(?:[^"\\\n]|\\['"\\nrt]|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8})*" """,
    re.VERBOSE,
)


def read(text: str) -> Any:
    """Return the value that `repr` wrote.

    Whatever `repr` does not write is no value; the compiler is not shown it, for it would warn on our own stderr.

    Raises:
        ValueError: it is no value.

    Example:
        >>> read("[1, -inf, {'a': (2.5,)}, set()]")
        [1, -inf, {'a': (2.5,)}, set()]
    """
    at, words = 0, []
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise ValueError(f"no value: {text[at : at + 40]!r}")
        words.append({"inf": "1e999", "infj": "1e999j"}.get(found[0], found[0]))
        at = found.end()
    try:
        return ast.literal_eval("".join(words))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"no value: {error}") from None
