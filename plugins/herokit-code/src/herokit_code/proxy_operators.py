"""Operators of proxies: an operation on an object of the other process is requested there.

Only what a plain value must answer is refused. This module runs inside the sandbox and imports little.
"""

from __future__ import annotations

import _operator

__all__ = [
    "BINARY",
    "COMPARISONS",
    "CONTAINER_TYPES",
    "FORWARDED_FOR_VALUES",
    "OPERATIONS",
    "SPECIAL_METHODS",
    "VALUE_TYPES",
    "VIEW_TYPES",
    "Proxy",
    "UntrustedResultError",
    "value_operator",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift")
DIFFERENCES = {f"{prefix}{name}" for prefix in ("", "i") for name in ("sub", "mod", "and", "xor")}
"""Operators with which a test measures the difference between an object and a value."""
UNARY = ("neg", "pos", "invert", "abs")
INTEGER_CONVERSIONS = ("index", "trunc", "floor", "ceil")
CONVERSIONS = (int, float, complex, bytes, round, bool)
ITEM_ACCESS = ("getitem", "setitem", "delitem", "contains")
BUILTINS = (len, iter, next, reversed, str, repr, format, hash, divmod)
OPERATIONS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(_operator, f"{name}_" if name in ("and", "or") else name)
        for name in (*COMPARISONS, *BINARY, *UNARY, *ITEM_ACCESS, "index", "length_hint")
    },
    **{name: lambda value, name=name: getattr(__import__("math"), name)(value) for name in INTEGER_CONVERSIONS[1:]},
    **{f"i{name}": getattr(_operator, f"i{name}") for name in BINARY},
    **{function.__name__: function for function in (*CONVERSIONS, *BUILTINS, getattr, setattr, delattr)},
    "method": lambda value, name, args, kwargs: getattr(value, name)(*args, **kwargs),
}
"""Operations that can be requested on an object, in addition to calling it."""
VALUE_TYPES = {base.__name__: base for base in (int, float, str, bytes, tuple, frozenset)}
CONTAINER_TYPES = {base.__name__: base for base in (list, dict, set, bytearray)}
VIEW_TYPES: dict[type, type] = {type(dict[int, int]().keys()): set, type(dict[int, int]().items()): set}
CONTENT_TYPES: dict[str, type] = {**CONTAINER_TYPES, **{view.__name__: kind for view, kind in VIEW_TYPES.items()}}
"""Types that hold values, and the built-in type in which a test may get those."""


class UntrustedResultError(AssertionError, TypeError):
    """An object of the solution would decide something that only a plain value may decide."""


class Proxy:
    """Base class of proxies of objects that are not values."""

    herokit_endpoint: Any
    herokit_base = ""


def _is_tainted(*values: Any) -> bool:
    """Return whether a value comes from the difference between an object of the solution and a plain value."""
    return any(id(value) in values[0].herokit_endpoint.tainted for value in values)


def _unary_method(name: str) -> Callable[..., Any]:
    def method(self: Any, *rest: Any) -> Any:
        result = self.herokit_endpoint.request(name, self, *rest)
        if not _is_tainted(self):
            return result
        if name not in UNARY or not _is_opaque(result):
            raise UntrustedResultError(
                f"{name} of the difference between an object of the solution and a value is not trusted"
            )
        self.herokit_endpoint.tainted.add(id(result))
        return result

    return method


def _is_opaque(result: Any) -> bool:
    """Return whether a result is a proxy of an object that holds no value."""
    return (
        isinstance(result, Proxy)
        and not isinstance(result, tuple(VALUE_TYPES.values()))
        and result.herokit_base not in CONTENT_TYPES
    )


def _comparison_method(name: str) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if self.herokit_endpoint.remote_number(other) is not None:
            return self.herokit_endpoint.request(name, self, other)
        if self.herokit_base in CONTENT_TYPES and not _is_tainted(self):
            return OPERATIONS[name](_contents(self), other)
        return NotImplemented

    return method


def _contents(self: Any) -> Any:
    contents = self.herokit_endpoint.request("to_builtin", self)
    if type(contents) is not CONTENT_TYPES[self.herokit_base]:
        raise UntrustedResultError(f"a {self.herokit_base} that holds a {type(contents).__name__}")
    return contents


def _binary_method(name: str, *, swapped: bool = False) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        operands = (other, self) if swapped else (self, other)
        both_remote = self.herokit_endpoint.remote_number(other) is not None
        tainted = _is_tainted(self, other)
        if both_remote and not tainted:
            return self.herokit_endpoint.request(name, *operands)
        if self.herokit_base in CONTENT_TYPES and name[0] != "i":
            contents = _contents(self)
            return OPERATIONS[name](*((other, contents) if swapped else (contents, other)))
        result = self.herokit_endpoint.request(name, *operands)
        if not _is_opaque(result) and result is not self:
            kind = type(result).__name__
            raise UntrustedResultError(f"{name} of an object of the solution and a value gave a value, a {kind}")
        if tainted or name in DIFFERENCES:
            self.herokit_endpoint.tainted.add(id(result))
        return result

    return method


def value_operator(name: str, base: Any, *, swapped: bool) -> Callable[..., Any]:
    """Return an operator of a value's proxy: the solution's between two proxies, else the value's own."""

    def method(self: Any, other: Any) -> Any:
        both_remote = self.herokit_endpoint.remote_number(other) is not None
        is_scaled = base is tuple and name in BINARY and name not in DIFFERENCES  # a vector times a number
        if both_remote or is_scaled:
            result = self.herokit_endpoint.request(name, *((other, self) if swapped else (self, other)))
            if both_remote or isinstance(result, tuple):
                return result
        own = getattr(base, f"__{'r' if swapped else ''}{name}__", None)
        return own(self, other) if own else NotImplemented

    return method


def _contains_method(self: Any, item: Any) -> Any:
    if self.herokit_base in CONTENT_TYPES and self.herokit_endpoint.remote_number(item) is None:
        return item in _contents(self)
    return self.herokit_endpoint.request("contains", self, item)


def _exit_method(self: Any, kind: Any, error: Any, _: Any) -> bool:
    suppressed = bool(self.herokit_endpoint.request("method", self, "__exit__", (kind, error, None), {}))
    is_failed_test = kind is not None and (issubclass(kind, AssertionError) or not issubclass(kind, Exception))
    return suppressed and not is_failed_test  # a failed assertion, or pytest.fail, is never suppressed


def _forward(name: str) -> Callable[..., Any]:
    return lambda self, *rest: self.herokit_endpoint.request(name, self, *rest)


SPECIAL_METHODS: dict[str, Callable[..., Any]] = {
    **{name: _comparison_method(name) for name in COMPARISONS},
    **{name: _binary_method(name) for name in (*BINARY, "divmod", *(f"i{n}" for n in BINARY))},
    **{f"r{name}": _binary_method(name, swapped=True) for name in (*BINARY, "divmod")},
    **{
        name: _unary_method(name)
        for name in (
            *(*UNARY, *INTEGER_CONVERSIONS, "length_hint"),
            *(function.__name__ for function in (*CONVERSIONS, len, str, repr, format)),
        )
    },
    "contains": _contains_method,
    **{name: _forward(name) for name in ("getitem", "setitem", "delitem", "iter", "next", "reversed", "hash")},
    "call": lambda self, *args, **kwargs: self.herokit_endpoint.request("call", self, args, kwargs),
    "enter": lambda self: self.herokit_endpoint.request("method", self, "__enter__", (), {}),
    "exit": _exit_method,
}
"""The special methods of a proxy, by name without underscores."""
FORWARDED_FOR_VALUES = ("str", "repr", "format", "call", "enter", "exit")
"""Special methods that proxies of values and exceptions forward; all others are the value's own."""
