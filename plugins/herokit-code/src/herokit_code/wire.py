"""How values cross between two processes that do not trust each other; runs inside the sandbox, so little is imported.

A value is written as its kind, its size and its bytes or items. What is no value stays where it is: its number crosses.
Reading makes values of these kinds and numbers, and nothing else: no class, function or object of the other process.
"""

from __future__ import annotations

import builtins
import os
import sys
from _struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HEAD, FLOAT = Struct("<cQ"), Struct("<d")
SINGLE: dict[type, tuple[bytes, Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    type(None): (b"n", lambda _: b"", lambda _: None),
    bool: (b"b", lambda v: b"1" if v else b"", bool),
    int: (b"i", lambda v: b"%x" % v, lambda text: int(text, 16)),
    float: (b"f", FLOAT.pack, lambda text: FLOAT.unpack(text)[0]),
    str: (b"s", lambda v: v.encode("utf-8", "surrogatepass"), lambda text: text.decode("utf-8", "surrogatepass")),
    bytes: (b"r", bytes, bytes),
    bytearray: (b"a", bytes, bytearray),
}
MANY: dict[type, bytes] = {list: b"l", tuple: b"t", set: b"e", frozenset: b"z", dict: b"d"}
READ, COLLECT = {letter: read for letter, _, read in SINGLE.values()}, {letter: kind for kind, letter in MANY.items()}
MADE, OURS, YOURS = b"m", b"o", b"y"
BASES = (int, float, str, bytes, bytearray, dict, list, tuple, set, frozenset)
PARTS: dict[tuple[str, str], Callable[[Any], tuple[Any, ...]]] = {
    ("builtins", "complex"): lambda v: (v.real, v.imag),
    ("builtins", "range"): lambda v: (v.start, v.stop, v.step),
    ("collections", "Counter"): lambda v: (dict(v),),
    ("collections", "OrderedDict"): lambda v: (list(v.items()),),
    ("collections", "defaultdict"): lambda v: (None, dict(v)),
    ("collections", "deque"): lambda v: (list(v), v.maxlen),
    ("datetime", "date"): lambda v: (v.year, v.month, v.day),
    ("datetime", "timedelta"): lambda v: (v.days, v.seconds, v.microseconds),
    ("decimal", "Decimal"): lambda v: (str(v),),
    ("fractions", "Fraction"): lambda v: (v.numerator, v.denominator),
    ("numpy", "ndarray"): lambda v: (v.tolist(), v.dtype.str),
}
"""Types whose values are taken apart into plain ones, from which the type makes them again."""
MODULES = frozenset(
    {"array", "base64", "bisect", "calendar", "cmath", "collections", "collections.abc", "copy", "datetime", "decimal"}
    | {
        "difflib",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "itertools",
        "json",
        "math",
        "numbers",
        "numpy",
        "operator",
    }
    | {
        "pprint",
        "pytest",
        "random",
        "re",
        "solution",
        "statistics",
        "string",
        "struct",
        "textwrap",
        "time",
        "timeit",
        "typing",
    }
)
"""Modules that do the same in whichever process they are imported."""


class GoneError(BaseException):
    """The other end is gone: nothing that a test catches."""


class Wire:
    """Reads and writes messages; what it does with things that are no values, its heirs say."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = os.fdopen(reading, "rb"), os.fdopen(writing, "wb")

    def lend(self, value: Any) -> int:
        """Return the number under which the other end knows this."""
        raise NotImplementedError

    def borrowed(self, value: Any) -> int | None:
        """Return the number of what the other end has lent, None for what is ours."""
        raise NotImplementedError

    def own(self, number: int) -> Any:
        """Return what we have lent under this number."""
        raise NotImplementedError

    def handle(self, number: int, exception: tuple[str, str] | None) -> Any:
        """Return what stands for a thing of the other end's; of a class of exceptions name and built-in base are told."""
        raise NotImplementedError

    def put(self, text: bytes) -> None:
        """Send what `text` wrote."""
        self._writing.write(text)
        self._writing.flush()

    def text(self, value: Any) -> bytes:
        """Write a value."""
        out: list[bytes] = []
        self._write(value, out.append)
        return b"".join(out)

    def _write(self, value: Any, put: Callable[[bytes], None]) -> None:
        kind = type(value)
        if kind in SINGLE:
            letter, write, _ = SINGLE[kind]
            body = write(value)
            put(HEAD.pack(letter, len(body)) + body)
        elif kind in MANY:
            put(HEAD.pack(MANY[kind], len(value)))
            for item in value.items() if kind is dict else value:
                self._write(item, put)
        elif (number := self.borrowed(value)) is not None:
            put(HEAD.pack(YOURS, number))
        elif (parts := _apart(kind, value)) is not None:
            put(HEAD.pack(MADE, 0))
            self._write(parts, put)
        elif (base := next((b for b in BASES if isinstance(value, b)), None)) is not None:
            self._write(str.__str__(value) if base is str else base(value), put)
        else:
            put(HEAD.pack(OURS, self.lend(value)))
            self._write(_exception(value), put)

    def receive(self) -> Any:
        """Read a value.

        Raises:
            GoneError: the other end is.
        """
        letter, size = HEAD.unpack(self._bytes(HEAD.size))
        if letter in READ:
            return READ[letter](self._bytes(size))
        if letter in COLLECT:
            return COLLECT[letter]([self.receive() for _ in range(size)])
        if letter == MADE:
            return _whole(*self.receive())
        return self.own(size) if letter == YOURS else self.handle(size, self.receive())

    def _bytes(self, size: int) -> bytes:
        text = self._reading.read(size)
        if len(text) < size:
            raise GoneError
        return text


def _apart(kind: type, value: Any) -> tuple[str, str, tuple[Any, ...]] | None:
    """Return what a value is made of, if it is made of values."""
    called = str(getattr(value, "__name__", ""))
    if isinstance(value, type(sys)):
        return ("", "module", (called,)) if called in MODULES else None
    if isinstance(value, type) and getattr(builtins, called, None) is value:
        return "", "type", (called,)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return "", "named", (kind.__name__, tuple(value._fields), tuple(value))
    name = kind.__module__, kind.__qualname__
    return (*name, PARTS[name](value)) if name in PARTS else None


def _whole(module: str, name: str, parts: tuple[Any, ...]) -> Any:
    """Return what is made of these parts."""
    if (module, name) in PARTS:
        return getattr(__import__(module), "array" if name == "ndarray" else name)(*parts)
    makers: dict[str, Callable[..., Any]] = {"module": _module, "type": builtin, "named": _named}
    return makers[name](*parts)


def _module(name: str) -> Any:
    if name not in MODULES:
        raise ImportError(name)
    __import__(name)
    return sys.modules[name]


def builtin(name: str) -> type:
    """Return a built-in type by its name."""
    found = getattr(builtins, name)
    if not isinstance(found, type):
        raise TypeError(name)
    return found


def _named(name: str, fields: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    from collections import namedtuple  # seldom needed, and this starts often

    return namedtuple(name, fields)(*values)  # noqa: PYI024 - its fields are known here only


def _exception(value: Any) -> tuple[str, str] | None:
    """Return the name of a class of exceptions, and of the built-in one that it comes from; None for all else."""
    if not (isinstance(value, type) and issubclass(value, BaseException)):
        return None
    return value.__name__, next(c.__name__ for c in value.__mro__ if getattr(builtins, c.__name__, None) is c)
