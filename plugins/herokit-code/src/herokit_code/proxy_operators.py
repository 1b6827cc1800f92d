"""What can be done with an object of the other process: asked there, but for what only a value can answer.

Runs inside the sandbox, so little is imported.
"""

from __future__ import annotations

import _operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

COMPARING = ("eq", "ne", "lt", "le", "gt", "ge")
BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift")
TAINTING = {f"{how}{name}" for how in ("", "i") for name in ("sub", "mod", "and", "xor")}
"""Operators by which a test measures how far something is from a value."""
UNARY = ("neg", "pos", "invert", "abs")
NUMBERS = (int, float, round, bool)
ASKING = ("getitem", "setitem", "delitem", "contains")
BUILT_IN = (len, iter, next, reversed, str, repr, format, hash, divmod)
VERBS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(_operator, f"{name}_" if name in ("and", "or") else name)
        for name in (*COMPARING, *BINARY, *UNARY, *ASKING)
    },
    **{f"i{name}": getattr(_operator, f"i{name}") for name in BINARY},
    **{function.__name__: function for function in (*NUMBERS, *BUILT_IN, getattr, setattr, delattr)},
    "method": lambda value, name, args, named: getattr(value, name)(*args, **named),
}
"""What can be asked of an object, beside calling it."""
VALUES = {base.__name__: base for base in (int, float, str, bytes, tuple, frozenset)}
CONTAINERS = {base.__name__: base for base in (list, dict, set, bytearray)}
VIEWS: dict[type, type] = {type(dict[int, int]().keys()): set, type(dict[int, int]().items()): set}
HOLDING: dict[str, type] = {**CONTAINERS, **{view.__name__: kind for view, kind in VIEWS.items()}}
"""What holds values, and as what a test may have them."""


class RefusedError(AssertionError, TypeError):
    """Something that an object of the solution's must not answer."""


class Handle:
    """The root of mirrors of objects that are no values."""

    herokit_end: Any
    herokit_base = ""


def _tainted(self: Any, *others: Any) -> bool:
    return any(id(each) in self.herokit_end.tainted for each in (self, *others))


def _unary(name: str) -> Callable[..., Any]:
    def method(self: Any, *rest: Any) -> Any:
        result = self.herokit_end.ask(name, self, *rest)
        if not _tainted(self):
            return result
        if name not in UNARY or not _is_object(result):
            raise RefusedError(
                f"{name} of the difference between an object of the solution and a value: it may claim any"
            )
        self.herokit_end.tainted.add(id(result))
        return result

    return method


def _is_object(made: Any) -> bool:
    """Whether something stands for an object of the other end that holds no value."""
    return (
        isinstance(made, Handle) and not isinstance(made, tuple(VALUES.values())) and made.herokit_base not in HOLDING
    )


def _compare(name: str) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if self.herokit_end.borrowed(other) is not None:
            return self.herokit_end.ask(name, self, other)
        return (
            VERBS[name](_held(self), other) if self.herokit_base in HOLDING and not _tainted(self) else NotImplemented
        )

    return method


def _held(self: Any) -> Any:
    plain = self.herokit_end.ask("plain", self)
    if type(plain) is not HOLDING[self.herokit_base]:
        raise RefusedError(f"a {self.herokit_base} that holds a {type(plain).__name__}")
    return plain


def _make(name: str, *, swapped: bool = False) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        pair = (other, self) if swapped else (self, other)
        both, tainted = self.herokit_end.borrowed(other) is not None, _tainted(self, other)
        if both and not tainted:
            return self.herokit_end.ask(name, *pair)
        if self.herokit_base in HOLDING and name[0] != "i":
            plain = _held(self)
            return VERBS[name](*((other, plain) if swapped else (plain, other)))
        made = self.herokit_end.ask(name, *pair)
        if not _is_object(made) and made is not self:
            raise RefusedError(f"{name} of an object of the solution and a value gave {type(made).__name__}: no object")
        if tainted or name in TAINTING:
            self.herokit_end.tainted.add(id(made))
        return made

    return method


def operator_of(name: str, base: Any, *, swapped: bool) -> Callable[..., Any]:
    """Return an operator of a value's mirror: the solution's between two mirrors, else the value's own."""

    def method(self: Any, other: Any) -> Any:
        both = self.herokit_end.borrowed(other) is not None
        if both or (base is tuple and name in BINARY):  # a vector times a number: neither is a distance
            made = self.herokit_end.ask(name, *((other, self) if swapped else (self, other)))
            if both or isinstance(made, tuple):
                return made
        own = getattr(base, f"__{'r' if swapped else ''}{name}__", None)
        return own(self, other) if own else NotImplemented

    return method


def _exit(self: Any, kind: Any, error: Any, _: Any) -> bool:
    swallowed = bool(self.herokit_end.ask("method", self, "__exit__", (kind, error, None), {}))
    return swallowed and not (
        kind is not None and issubclass(kind, AssertionError)
    )  # a failed test is nobody's to swallow


def _ask(name: str) -> Callable[..., Any]:
    return lambda self, *rest: self.herokit_end.ask(name, self, *rest)


SPECIAL: dict[str, Callable[..., Any]] = {
    **{name: _compare(name) for name in COMPARING},
    **{name: _make(name) for name in (*BINARY, "divmod", *(f"i{n}" for n in BINARY))},
    **{f"r{name}": _make(name, swapped=True) for name in (*BINARY, "divmod")},
    **{
        name: _unary(name) for name in (*UNARY, *(function.__name__ for function in (*NUMBERS, len, str, repr, format)))
    },
    **{name: _ask(name) for name in (*ASKING, "iter", "next", "reversed", "hash")},
    "call": lambda self, *args, **named: self.herokit_end.ask("call", self, args, named),
    "enter": lambda self: self.herokit_end.ask("method", self, "__enter__", (), {}),
    "exit": _exit,
}
KEEPING = ("str", "repr", "format", "call", "enter", "exit")
"""Special methods that a mirror of values, or of an exception, takes over; in all else it is the value."""
