"""What stands in one process for classes and objects of the other one; runs inside the sandbox.

A class is mirrored by a class of the same name, bases and methods, each of which asks the other end. An object never answers for
itself what only a value can: whether it equals a value, how far it is from one.
"""

from __future__ import annotations

import _operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

COMPARING = ("eq", "ne", "lt", "le", "gt", "ge")
BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift")
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
HOLDING = {*CONTAINERS, *(view.__name__ for view in VIEWS)}
"""What holds values, and as what a test may have them."""
TOLD = ("__name__", "__qualname__", "__wrapped__")


class RefusedError(AssertionError, TypeError):
    """Something that an object of the solution's must not answer."""


class Mirror(type):
    """The class of mirrors: to call one makes an object at the other end."""

    herokit_end: Any

    def __call__(cls, *args: Any, **named: Any) -> Any:
        """Make an object there."""
        return cls.herokit_end.ask("call", cls, args, named)

    def __getattr__(cls, name: str) -> Any:
        if name[:2] == name[-2:] == "__":
            raise AttributeError(name)
        return cls.herokit_end.ask("getattr", cls, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        cls.herokit_end.ask("setattr", cls, name, value)

    def __iter__(cls) -> Any:
        return cls.herokit_end.ask("iter", cls)

    def __len__(cls) -> int:
        return cls.herokit_end.ask("len", cls)  # type: ignore[no-any-return]

    def __getitem__(cls, key: Any) -> Any:
        return cls.herokit_end.ask("getitem", cls, key)

    def __contains__(cls, item: Any) -> bool:
        return cls.herokit_end.ask("contains", cls, item)  # type: ignore[no-any-return]

    def __bool__(cls) -> bool:
        return True


class Handle:
    """The root of mirrors of objects that are no values."""

    herokit_end: Any
    herokit_base = ""


def describe(cls: type) -> tuple[str, str, tuple[type, ...], tuple[str, ...], tuple[str, ...], str]:
    """Return a class's name, module, bases, special methods, methods, and the built-in type whose values it extends."""
    own = [
        c for c in cls.__mro__ if c is not object and not (issubclass(c, BaseException) and c.__module__ == "builtins")
    ]
    base = next((name for name, kind in {**VALUES, **CONTAINERS}.items() if issubclass(cls, kind)), "")
    base = cls.__name__ if cls in VIEWS else base
    if base in VALUES:
        own = [c for c in own if c is not VALUES[base] and not issubclass(VALUES[base], c)]
    names = {name: vars(c)[name] for c in reversed(own) for name in vars(c)}
    special = tuple(name[2:-2] for name in names if f"{name[2:-2]}" in SPECIAL and names[name] is not None)
    methods = tuple(name for name, what in names.items() if name[:1] != "_" and type(what) in (_FUNCTION, _BUILT))
    hidden = ("hash",) if names.get("__hash__", 1) is None else ()
    bases = tuple(b for b in cls.__bases__ if b is not object)
    return cls.__name__, str(cls.__module__), bases, (*special, *(f"-{name}" for name in hidden)), methods, base


_FUNCTION, _BUILT = type(describe), type(list.append)


def mirror(
    end: Any, name: str, module: str, bases: Iterable[Any], special: Iterable[str], methods: Iterable[str], base: str
) -> Any:
    """Make the class that stands for one of the other end's, from its description, whatever that claims."""
    value = VALUES.get(base)
    roots = tuple(b for b in bases if isinstance(b, Mirror) or (isinstance(b, type) and issubclass(b, BaseException)))
    failing = any(issubclass(b, BaseException) for b in roots)
    space: dict[str, Any] = {"herokit_end": end, "herokit_base": base, "__module__": str(module), **_ALWAYS}
    for method in methods:
        if (
            method.isidentifier()
            and method[:1] != "_"
            and method[:8] != "herokit_"
            and not hasattr(value or BaseException, method)
        ):
            space[method] = _method(method)
    for each in special:
        if each == "-hash":
            space["__hash__"] = None
        elif each in SPECIAL and (each in _KEEPING or not (value or failing)):
            space[f"__{each}__"] = SPECIAL[each]
    if base in CONTAINERS:
        space["__class__"] = property(lambda _: CONTAINERS[base])
    own = () if failing else (value,) if value else (Handle,)
    for parents in ((*roots, *own), own or (Exception,)):
        try:
            return type.__new__(Mirror, name, tuple(dict.fromkeys(parents)), space)
        except TypeError:  # parents that do not go together here
            continue
    raise RefusedError(f"a class {name!r} that cannot be")


def _attribute(self: Any, name: str) -> Any:
    if name[:2] == name[-2:] == "__" and name not in TOLD:
        raise AttributeError(name)
    return self.herokit_end.ask("getattr", self, name)


_ALWAYS: dict[str, Any] = {
    "__getattr__": _attribute,
    "__setattr__": lambda self, name, value: self.herokit_end.ask("setattr", self, name, value),
    "__delattr__": lambda self, name: self.herokit_end.ask("delattr", self, name),
    "__copy__": lambda self: self.herokit_end.ask("copy", self),
    "__deepcopy__": lambda self, _: self.herokit_end.ask("deepcopy", self),
}


def _method(name: str) -> Callable[..., Any]:
    return lambda self, *args, **named: self.herokit_end.ask("method", self, name, args, named)


def _ask(name: str) -> Callable[..., Any]:
    return lambda self, *rest: self.herokit_end.ask(name, self, *rest)


def _number(name: str) -> Callable[..., Any]:
    def method(self: Any, *rest: Any) -> Any:
        if id(self) in self.herokit_end.tainted:
            raise RefusedError(
                f"{name} of what an object of the solution made with a value: it may claim any distance from it"
            )
        return self.herokit_end.ask(name, self, *rest)

    return method


def _compare(name: str) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if self.herokit_end.borrowed(other) is not None:
            return self.herokit_end.ask(name, self, other)
        return (
            VERBS[name](self.herokit_end.ask("plain", self), other) if self.herokit_base in HOLDING else NotImplemented
        )

    return method


def _make(name: str, *, swapped: bool = False) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        pair = (other, self) if swapped else (self, other)
        if self.herokit_end.borrowed(other) is not None:
            return self.herokit_end.ask(name, *pair)
        if self.herokit_base in HOLDING and name[0] != "i":
            plain = self.herokit_end.ask("plain", self)
            return VERBS[name](*((other, plain) if swapped else (plain, other)))
        made = self.herokit_end.ask(name, *pair)
        if not isinstance(made, Handle) or isinstance(made, tuple(VALUES.values())):
            raise RefusedError(f"{name} of an object of the solution and a value gave {type(made).__name__}: no object")
        if made is not self or name[0] != "i":
            self.herokit_end.tainted.add(id(made))
        return made

    return method


def _exit(self: Any, kind: Any, error: Any, _: Any) -> bool:
    if kind is not None and issubclass(kind, AssertionError):  # a failed test is nobody's to swallow
        self.herokit_end.ask("method", self, "__exit__", (kind, error, None), {})
        return False
    return bool(self.herokit_end.ask("method", self, "__exit__", (kind, error, None), {}))


SPECIAL: dict[str, Callable[..., Any]] = {
    **{name: _compare(name) for name in COMPARING},
    **{name: _make(name) for name in (*BINARY, "divmod", *(f"i{n}" for n in BINARY))},
    **{f"r{name}": _make(name, swapped=True) for name in (*BINARY, "divmod")},
    **{function.__name__: _number(function.__name__) for function in NUMBERS},
    "abs": _number("abs"),
    "len": _number("len"),
    **{name: _ask(name) for name in (*UNARY[:3], *ASKING)},
    **{function.__name__: _ask(function.__name__) for function in BUILT_IN if function not in (divmod, len)},
    "call": lambda self, *args, **named: self.herokit_end.ask("call", self, args, named),
    "enter": lambda self: self.herokit_end.ask("method", self, "__enter__", (), {}),
    "exit": _exit,
}
_KEEPING = ("str", "repr", "format", "call", "enter", "exit")
"""Special methods that a mirror of values, or of an exception, takes over; in all else it is the value."""


def instance(cls: Any, extra: Any) -> Any:
    """Make what stands for an object: of an exception, extra are its arguments and attributes; of a value, the value."""
    if issubclass(cls, BaseException):
        return _error(cls, *extra)
    base = VALUES.get(cls.herokit_base) if isinstance(cls, Mirror) else None
    if base is not None and type(extra) is base:
        return base.__new__(cls, extra)
    if base is not None or not issubclass(cls, Handle):
        raise RefusedError(f"{cls.__name__} is no class of the other end")
    return object.__new__(cls)


def _error(cls: Any, args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    new = cls.__new__
    try:
        made = new(cls) if isinstance(cls, Mirror) else cls(*args)
    except Exception:  # noqa: BLE001 - it wants to be made otherwise
        made = new(cls)
    made.__dict__.update({} if isinstance(cls, Mirror) else attributes)
    BaseException.args.__set__(made, args)  # type: ignore[attr-defined]
    return made  # type: ignore[no-any-return]


def plain(value: Any) -> Any:
    """Return what an object of a class that extends a built-in one holds, as the built-in one."""
    base = VIEWS.get(type(value)) or next(b for b in (*VALUES.values(), *CONTAINERS.values()) if isinstance(value, b))
    return {int: int.__int__, str: str.__str__}.get(base, base)(value)
