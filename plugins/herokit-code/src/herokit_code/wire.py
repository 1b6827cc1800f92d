"""How values cross between two processes that do not trust each other; runs inside the sandbox, so little is imported.

A value is written as its kind, its size and its bytes or items; a class or module of a library as its name. All else stays where it
is, and its number crosses with a description. Reading makes such values, finds such names, and gives `Wire.handle` the rest.
"""

from __future__ import annotations

import sys
from _io import BytesIO
from _struct import Struct
from abc import ABC, abstractmethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

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
MADE, NAMED, OURS, YOURS = b"m", b"c", b"o", b"y"
PARTS: dict[tuple[str, str], Callable[[Any], tuple[Any, ...]]] = {
    ("array", "array"): lambda v: (v.typecode, v.tolist()),
    ("builtins", "complex"): lambda v: (v.real, v.imag),
    ("builtins", "range"): lambda v: (v.start, v.stop, v.step),
    ("builtins", "slice"): lambda v: (v.start, v.stop, v.step),
    ("collections", "Counter"): lambda v: (dict(v),),
    ("collections", "OrderedDict"): lambda v: (list(v.items()),),
    ("collections", "defaultdict"): lambda v: (v.default_factory, dict(v)),
    ("collections", "deque"): lambda v: (list(v), v.maxlen),
    ("datetime", "date"): lambda v: (v.year, v.month, v.day),
    ("datetime", "time"): lambda v: (v.hour, v.minute, v.second, v.microsecond, v.tzinfo),
    ("datetime", "datetime"): lambda v: (v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond, v.tzinfo),
    ("datetime", "timedelta"): lambda v: (v.days, v.seconds, v.microseconds),
    ("datetime", "timezone"): lambda v: (v.utcoffset(None),),
    ("decimal", "Decimal"): lambda v: (str(v),),
    ("fractions", "Fraction"): lambda v: (v.numerator, v.denominator),
    ("numpy", "ndarray"): lambda v: (v.tolist(), v.dtype.str),
}
"""Types whose values are taken apart into plain ones, from which the type makes them again."""
LIBRARIES = frozenset({
    "array", "base64", "bisect", "calendar", "cmath", "collections", "collections.abc", "copy", "datetime", "decimal", "difflib",
    "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "numbers", "numpy", "operator", "pprint", "pytest",
    "random", "re", "statistics", "string", "struct", "textwrap", "time", "timeit", "typing",
})  # fmt: skip
"""Modules that do the same in whichever process they are imported."""


class Wire(ABC):
    """Reads and writes messages; what it does with things that are no values, its heir says."""

    def __init__(self, reading: Any, writing: Any, gone: Callable[[], NoReturn]) -> None:
        self._reading, self._writing, self._gone = reading, writing, gone

    @abstractmethod
    def borrowed(self, value: Any) -> int | None:
        """Return the number of what the other end has lent, None for what is ours."""

    @abstractmethod
    def lend(self, value: Any) -> tuple[int, Any]:
        """Return the number under which the other end knows this, and how it is described, None if that was told."""

    @abstractmethod
    def own(self, number: int) -> Any:
        """Return what we have lent under this number."""

    @abstractmethod
    def handle(self, number: int, description: Any) -> Any:
        """Return what stands for a thing of the other end's."""

    def put(self, text: bytes) -> None:
        """Send what `text` wrote; never comes back if the other end is gone."""
        try:
            self._writing.write(HEAD.pack(b" ", len(text)) + text)
            self._writing.flush()
        except OSError:
            self._gone()

    def receive(self) -> Any:
        """Read a message; never comes back if the other end is gone."""
        _, size = HEAD.unpack(self._bytes(HEAD.size))
        return self.read(BytesIO(self._bytes(size)))

    def _bytes(self, size: int) -> bytes:
        text: bytes = self._reading.read(size)
        if len(text) < size:
            self._gone()
        return text

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
            for item in value:
                self._write(item, put)
                if kind is dict:
                    self._write(value[item], put)
        elif (number := self.borrowed(value)) is not None:
            put(HEAD.pack(YOURS, number))
        elif (name := named(kind, value)) is not None:
            put(HEAD.pack(NAMED, 0))
            self._write(name, put)
        elif (name := (kind.__module__, kind.__qualname__)) in PARTS:
            put(HEAD.pack(MADE, 0))
            self._write((*name, *PARTS[name](value)), put)
        elif name[0] == "numpy" and not getattr(value, "shape", True):
            self._write(value.item(), put)
        else:
            number, description = self.lend(value)
            put(HEAD.pack(OURS, number))
            self._write(description, put)

    def read(self, text: BytesIO) -> Any:
        """Read a value."""
        letter, size = HEAD.unpack(text.read(HEAD.size))
        if letter in READ:
            return READ[letter](text.read(size))
        if letter == MANY[dict]:
            return {self.read(text): self.read(text) for _ in range(size)}
        if letter in COLLECT:
            return COLLECT[letter]([self.read(text) for _ in range(size)])
        if letter == MADE:
            module, name, *parts = self.read(text)
            return _maker(module, name)(*parts)
        if letter == NAMED:
            return find(*self.read(text))
        return self.own(size) if letter == YOURS else self.handle(size, self.read(text))


def _maker(module: str, name: str) -> Callable[..., Any]:
    if (module, name) not in PARTS:
        raise TypeError(f"{module}.{name} is not made of values")
    return getattr(__import__(module), "array" if name == "ndarray" else name)  # type: ignore[no-any-return]


def _shared(module: str) -> bool:
    """Whether a module's classes are the same in every process."""
    return module == "builtins" or module.partition(".")[0] in LIBRARIES


def named(kind: type, value: Any) -> tuple[str, str] | None:
    """Return the module and name of a library's module or class, None for all else."""
    if kind is type(sys):
        return (value.__name__, "") if value.__name__ in LIBRARIES else None
    if not isinstance(value, type):
        return None
    module, name = str(value.__module__), str(value.__qualname__)
    return (module, name) if _shared(module) and getattr(sys.modules.get(module), name, None) is value else None


def find(module: str, name: str) -> Any:
    """Return a module or a class by the name that `format_error` gave.

    Raises:
        TypeError: it is no such.
    """
    if _shared(module):
        __import__(module)
        found = getattr(sys.modules[module], name) if name else sys.modules[module]
        if isinstance(found, type) or not name:
            return found
    raise TypeError(f"{module}.{name} is not known")
