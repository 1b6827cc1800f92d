"""What stands in one process for classes and objects of the other one; runs inside the sandbox.

A class is mirrored by a class of the same name, bases and methods, each of which asks the other end.
"""

from __future__ import annotations

from herokit_code.proxy_operators import (
    BINARY,
    COMPARING,
    CONTAINERS,
    KEEPING,
    SPECIAL,
    VALUES,
    VIEWS,
    Handle,
    RefusedError,
    operator_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

TOLD = ("__name__", "__qualname__", "__wrapped__")
"""What a decorator wants to know of a function."""


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
    special = [name[2:-2] for name in names if name[:2] == name[-2:] == "__" and names[name] is not None]
    special = [name for name in special if name in SPECIAL] + ["-hash"] * (names.get("__hash__", 1) is None)
    methods = tuple(name for name, what in names.items() if name[:1] != "_" and type(what) in (_FUNCTION, _BUILT))
    bases = tuple(b for b in cls.__bases__ if b is not object)
    return cls.__name__, str(cls.__module__), bases, tuple(special), methods, base


_FUNCTION, _BUILT = type(describe), type(list.append)


def mirror(
    end: Any, called: str, module: str, bases: Iterable[Any], special: Iterable[str], methods: Iterable[str], base: str
) -> Any:
    """Make the class that stands for one of the other end's, from its description, whatever that claims."""
    special, methods = tuple(special), tuple(methods)
    if any(type(word) is not str for word in (called, module, base, *special, *methods)):
        raise RefusedError("a class that is described by what is no text")  # with methods of its own, say
    roots = tuple(b for b in bases if isinstance(b, Mirror) or (isinstance(b, type) and issubclass(b, BaseException)))
    value = value_of(roots) or VALUES.get(base)
    failing = any(issubclass(b, BaseException) for b in roots)
    made: list[Any] = []
    asking = {name: _method(end, name, made) for name in methods if _is_method(name, value or BaseException)}
    space: dict[str, Any] = {"herokit_end": end, "herokit_base": base, "__module__": module, **_ALWAYS, **asking}
    space |= _operators(special, value, failing=failing)
    if base in CONTAINERS:
        space["__class__"] = property(lambda _: CONTAINERS[base])
        space.setdefault("__radd__", SPECIAL["radd"])
    own = () if failing else (value,) if value else (Handle,)
    for parents in ((*roots, *own), own or (Exception,)):
        try:
            made.append(type.__new__(Mirror, called, tuple(dict.fromkeys(parents)), space))
        except TypeError:  # parents that do not go together here
            continue
        for base_class in bases:
            if base_class.__module__ == "collections.abc":  # no number: a Decimal would ask it how much it is
                base_class.register(made[0])
        return made[0]
    raise RefusedError(f"a class {called!r} that cannot be")


def _operators(special: Iterable[str], value: Any, *, failing: bool) -> dict[str, Any]:
    """Return a mirror's special methods; of what they were described by, only the known ones."""
    found: dict[str, Any] = {}
    for each in special:
        name = each.removeprefix("r") if each[1:] in BINARY else each
        if each == "-hash":
            found["__hash__"] = None
        elif each in SPECIAL and (each in KEEPING or not (value or failing)):
            found[f"__{each}__"] = SPECIAL[each]
        elif value and name in (*COMPARING, *BINARY):
            found[f"__{each}__"] = operator_of(name, value, swapped=name != each)
    return found


def _is_method(name: str, base: type) -> bool:
    """Whether a name may be a mirror's method: no special one, none that a value has itself."""
    return name.isidentifier() and name[:1] != "_" and name[:8] != "herokit_" and not hasattr(base, name)


def value_of(classes: Iterable[type]) -> Any:
    """Return the built-in type of values that a class comes from, None if it comes from none."""
    return next((c for each in classes for c in each.__mro__ if c in VALUES.values()), None)


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


def _method(end: Any, name: str, cls: list[Any]) -> Callable[..., Any]:
    def method(*args: Any, **named: Any) -> Any:
        if args and end.borrowed(args[0]) is not None:
            return end.ask("method", args[0], name, args[1:], named)
        return end.ask("method", cls[0], name, args, named)  # a function that is called through its class

    return method


def instance(cls: Any, extra: Any) -> Any:
    """Make what stands for an object: of an exception, extra are its arguments and attributes; of a value, the value."""
    if issubclass(cls, BaseException):
        return _error(cls, *extra)
    base = value_of([cls]) if isinstance(cls, Mirror) else None
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
