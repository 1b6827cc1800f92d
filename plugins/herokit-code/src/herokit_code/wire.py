"""Serialization of values between two processes that do not trust each other.

A value is written as its kind, its size and its bytes or items; a class or module of a library is written as its name.
Any other object stays where it is: its number is sent with a description. Decoding builds values, imports names, and
leaves the rest to `Wire.get_proxy`. This module runs inside the sandbox and imports little.
"""

from __future__ import annotations

import sys
from _io import BytesIO
from _struct import Struct
from abc import ABC, abstractmethod

__all__ = ["LIBRARIES", "SCALARS", "Wire", "global_name"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

HEADER, FLOAT = Struct("<cQ"), Struct("<d")
SCALARS: dict[type, tuple[bytes, Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    type(None): (b"n", lambda _: b"", lambda _: None),
    bool: (b"b", lambda v: b"1" if v else b"", bool),
    int: (b"i", lambda v: b"%x" % v, lambda data: int(data, 16)),
    float: (b"f", FLOAT.pack, lambda data: FLOAT.unpack(data)[0]),
    str: (b"s", lambda v: v.encode("utf-8", "surrogatepass"), lambda data: data.decode("utf-8", "surrogatepass")),
    bytes: (b"r", bytes, bytes),
    bytearray: (b"a", bytes, bytearray),
}
"""Types that are written as bytes: the letter of their kind, the encoder and the decoder."""
COLLECTIONS: dict[type, bytes] = {list: b"l", tuple: b"t", set: b"e", frozenset: b"z", dict: b"d"}
"""Types that are written as their items, and the letter of their kind."""
SCALAR_DECODERS = {letter: decode for letter, _, decode in SCALARS.values()}
COLLECTION_TYPES = {letter: kind for kind, letter in COLLECTIONS.items()}
CONSTRUCTED, GLOBAL, SENDERS_OBJECT, RECEIVERS_OBJECT = b"m", b"c", b"o", b"y"
MAX_PRECISION = 10_000
"""Digits to which the precision of the receiver's decimal context is raised at most."""


def _fixed_zone(value: Any) -> Any:
    """Return the time zone of a time as one of the library: zones of other classes stay where they are."""
    zone = value.tzinfo
    timezone = sys.modules["datetime"].timezone
    if zone is None or type(zone) is timezone:
        return zone
    offset = value.utcoffset()
    return None if offset is None else timezone(offset, str(value.tzname() or ""))


CONSTRUCTORS: dict[tuple[str, str], Callable[[Any], tuple[Any, ...]]] = {
    ("array", "array"): lambda v: (v.typecode, v.tolist()),
    ("builtins", "complex"): lambda v: (v.real, v.imag),
    ("builtins", "range"): lambda v: (v.start, v.stop, v.step),
    ("builtins", "slice"): lambda v: (v.start, v.stop, v.step),
    ("collections", "Counter"): lambda v: (dict(v),),
    ("collections", "OrderedDict"): lambda v: (list(v.items()),),
    ("collections", "defaultdict"): lambda v: (v.default_factory, dict(v)),
    ("collections", "deque"): lambda v: (list(v), v.maxlen),
    ("datetime", "date"): lambda v: (v.year, v.month, v.day),
    ("datetime", "time"): lambda v: (v.hour, v.minute, v.second, v.microsecond, _fixed_zone(v)),
    ("datetime", "datetime"): lambda v: (
        v.year,
        v.month,
        v.day,
        v.hour,
        v.minute,
        v.second,
        v.microsecond,
        _fixed_zone(v),
    ),
    ("datetime", "timedelta"): lambda v: (v.days, v.seconds, v.microseconds),
    ("datetime", "timezone"): lambda v: (v.utcoffset(None), v.tzname(None)),
    ("decimal", "Decimal"): lambda v: (str(v), sys.modules["decimal"].getcontext().prec),
    ("fractions", "Fraction"): lambda v: (v.numerator, v.denominator),
    ("numpy", "ndarray"): lambda v: (v.tolist(), v.dtype.str),
}
"""Types that are written as the arguments of their constructor."""
LIBRARIES = frozenset({
    "array", "base64", "bisect", "calendar", "cmath", "collections", "collections.abc", "copy", "datetime", "decimal", "difflib",
    "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "numbers", "numpy", "operator", "pprint", "pytest",
    "random", "re", "statistics", "string", "struct", "textwrap", "time", "timeit", "typing",
})  # fmt: skip
"""Modules that behave the same in whichever process they are imported."""


class Wire(ABC):
    """Reads and writes messages; subclasses keep the objects that are sent by number."""

    def __init__(self, reading: Any, writing: Any, on_disconnect: Callable[[], NoReturn]) -> None:
        self._reading, self._writing, self._on_disconnect = reading, writing, on_disconnect

    @abstractmethod
    def remote_number(self, value: Any) -> int | None:
        """Return the other end's number of the object that a proxy stands for; None for a local object."""

    @abstractmethod
    def export(self, value: Any) -> tuple[int, Any]:
        """Return the number of a local object, and its description; None if the other end has it already."""

    @abstractmethod
    def local_object(self, number: int) -> Any:
        """Return the local object with this number."""

    @abstractmethod
    def get_proxy(self, number: int, description: Any) -> Any:
        """Return the proxy of the other end's object with this number."""

    def global_name(self, value: Any) -> tuple[str, str] | None:
        """Return the module and name of a library's module or class; None for anything else."""
        return global_name(type(value), value)

    def import_global(self, module: str, name: str) -> Any:
        """Return a library's module or class by its name."""
        return _import_global(module, name)

    def send_bytes(self, data: bytes) -> None:
        """Send an encoded message; never returns if the other end is gone."""
        try:
            self._writing.write(HEADER.pack(b" ", len(data)) + data)
            self._writing.flush()
        except OSError:
            self._on_disconnect()

    def receive(self) -> Any:
        """Receive and decode a message; never returns if the other end is gone."""
        _, size = HEADER.unpack(self._read_bytes(HEADER.size))
        return self.decode(BytesIO(self._read_bytes(size)))

    def _read_bytes(self, size: int) -> bytes:
        data: bytes = self._reading.read(size)
        if len(data) < size:
            self._on_disconnect()
        return data

    def encode(self, value: Any) -> bytes:
        """Return a value as bytes."""
        out: list[bytes] = []
        self._encode(value, out.append)
        return b"".join(out)

    def _encode(self, value: Any, put: Callable[[bytes], None]) -> None:
        kind = type(value)
        if kind in SCALARS:
            letter, encode, _ = SCALARS[kind]
            body = encode(value)
            put(HEADER.pack(letter, len(body)) + body)
        elif kind in COLLECTIONS:
            put(HEADER.pack(COLLECTIONS[kind], len(value)))
            for item in value:
                self._encode(item, put)
                if kind is dict:
                    self._encode(value[item], put)
        elif (number := self.remote_number(value)) is not None:
            put(HEADER.pack(RECEIVERS_OBJECT, number))
        elif (name := self.global_name(value)) is not None:
            put(HEADER.pack(GLOBAL, 0))
            self._encode(name, put)
        elif (name := (kind.__module__, kind.__qualname__)) in CONSTRUCTORS:
            put(HEADER.pack(CONSTRUCTED, 0))
            self._encode((*name, *CONSTRUCTORS[name](value)), put)
        elif name[0] == "numpy" and not getattr(value, "shape", True):
            self._encode(value.item(), put)
        else:
            number, description = self.export(value)
            put(HEADER.pack(SENDERS_OBJECT, number))
            self._encode(description, put)

    def decode(self, data: BytesIO) -> Any:
        """Read a value."""
        letter, size = HEADER.unpack(data.read(HEADER.size))
        if letter in SCALAR_DECODERS:
            return SCALAR_DECODERS[letter](data.read(size))
        if letter == COLLECTIONS[dict]:
            return {self.decode(data): self.decode(data) for _ in range(size)}
        if letter in COLLECTION_TYPES:
            return COLLECTION_TYPES[letter]([self.decode(data) for _ in range(size)])
        if letter == CONSTRUCTED:
            module, name, *arguments = self.decode(data)
            return _constructor(module, name)(*arguments)
        if letter == GLOBAL:
            return self.import_global(*self.decode(data))
        return self.local_object(size) if letter == RECEIVERS_OBJECT else self.get_proxy(size, self.decode(data))


def _constructor(module: str, name: str) -> Callable[..., Any]:
    if (module, name) not in CONSTRUCTORS:
        raise TypeError(f"{module}.{name} is not written as constructor arguments")
    if name == "Decimal":
        return _construct_decimal
    return getattr(__import__(module), "array" if name == "ndarray" else name)  # type: ignore[no-any-return]


def _construct_decimal(text: str, precision: int) -> Any:
    """Return a decimal; if its sender computes with more digits, so does this process from now on."""
    decimal = __import__("decimal")
    context = decimal.getcontext()
    if type(precision) is int and precision > context.prec:
        context.prec = min(precision, MAX_PRECISION)
    return decimal.Decimal(text)


def _is_library(module: str) -> bool:
    """Return whether a module's classes are the same in every process."""
    return module == "builtins" or module.partition(".")[0] in LIBRARIES


def global_name(kind: type, value: Any) -> tuple[str, str] | None:
    """Return the module and name of a library's module or class; None for anything else."""
    if kind is type(sys):
        return (value.__name__, "") if value.__name__ in LIBRARIES else None
    if not isinstance(value, type):
        return None
    module, name = str(value.__module__), str(value.__qualname__)
    return (module, name) if _is_library(module) and getattr(sys.modules.get(module), name, None) is value else None


def _import_global(module: str, name: str) -> Any:
    """Return a library's module or class by the name that `global_name` returned.

    Raises:
        TypeError: the name is not one of a library.
    """
    if _is_library(module):
        __import__(module)
        value = getattr(sys.modules[module], name) if name else sys.modules[module]
        if isinstance(value, type) or not name:
            return value
    raise TypeError(f"{module}.{name} is not a module or class of a library")
