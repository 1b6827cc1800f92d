"""Proxies in one process of classes and objects in the other one; runs inside the sandbox.

The proxy of a class is a class of the same name, bases and methods, each of which sends a request to the other end.
"""

from __future__ import annotations

from herokit_code.proxy_operators import (
    BINARY,
    COMPARISONS,
    CONTAINER_TYPES,
    FORWARDED_FOR_VALUES,
    SPECIAL_METHODS,
    VALUE_TYPES,
    VIEW_TYPES,
    Proxy,
    UntrustedResultError,
    value_operator,
)

__all__ = ["FUNCTION_ATTRIBUTES", "ProxyClass", "describe_class", "make_proxy", "make_proxy_class", "to_builtin"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

FUNCTION_ATTRIBUTES = ("__name__", "__qualname__", "__wrapped__")
"""Attributes of a function that a decorator reads."""
_FUNCTION, _METHOD_DESCRIPTOR = type(lambda: None), type(list.append)


class ProxyClass(type):
    """The metaclass of proxy classes: calling one creates an object at the other end."""

    herokit_endpoint: Any

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Create an object at the other end."""
        return cls.herokit_endpoint.request("call", cls, args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name[:2] == name[-2:] == "__":
            raise AttributeError(name)
        return cls.herokit_endpoint.request("getattr", cls, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        cls.herokit_endpoint.request("setattr", cls, name, value)

    def __iter__(cls) -> Any:
        return cls.herokit_endpoint.request("iter", cls)

    def __len__(cls) -> int:
        return cls.herokit_endpoint.request("len", cls)  # type: ignore[no-any-return]

    def __getitem__(cls, key: Any) -> Any:
        return cls.herokit_endpoint.request("getitem", cls, key)

    def __contains__(cls, item: Any) -> bool:
        return cls.herokit_endpoint.request("contains", cls, item)  # type: ignore[no-any-return]

    def __bool__(cls) -> bool:
        return True


def describe_class(cls: type) -> tuple[Any, ...]:
    """Return a class's name, module, bases, special methods, methods, built-in type that it extends, and pattern arguments."""
    own = [
        c for c in cls.__mro__ if c is not object and not (issubclass(c, BaseException) and c.__module__ == "builtins")
    ]
    base = next((name for name, kind in {**VALUE_TYPES, **CONTAINER_TYPES}.items() if issubclass(cls, kind)), "")
    base = cls.__name__ if cls in VIEW_TYPES else base
    if base in VALUE_TYPES:
        own = [c for c in own if c is not VALUE_TYPES[base] and not issubclass(VALUE_TYPES[base], c)]
    members = {name: vars(c)[name] for c in reversed(own) for name in vars(c)}
    special = [name[2:-2] for name in members if name[:2] == name[-2:] == "__" and members[name] is not None]
    special = [name for name in special if name in SPECIAL_METHODS]
    special += ["-hash"] * (members.get("__hash__", 1) is None)
    functions = (_FUNCTION, _METHOD_DESCRIPTOR)
    methods = tuple(name for name, member in members.items() if name[:1] != "_" and type(member) in functions)
    bases = tuple(b for b in cls.__bases__ if b is not object)
    pattern_arguments = getattr(cls, "__match_args__", ())
    return cls.__name__, str(cls.__module__), bases, tuple(special), methods, base, pattern_arguments


def make_proxy_class(
    endpoint: Any,
    name: str,
    module: str,
    bases: Iterable[Any],
    special: Iterable[str],
    methods: Iterable[str],
    base: str,
    pattern_arguments: Iterable[str] = (),
) -> Any:
    """Return the proxy of one of the other end's classes, from its description, which is not trusted."""
    special, methods, pattern_arguments = tuple(special), tuple(methods), tuple(pattern_arguments)
    if any(
        type(text) is not str for text in (name, module, base, *special, *methods, *pattern_arguments)
    ):  # a str subclass could lie
        raise UntrustedResultError("a class whose description has a name that is not a text")
    roots = tuple(
        b for b in bases if isinstance(b, ProxyClass) or (isinstance(b, type) and issubclass(b, BaseException))
    )
    value = _value_type(roots) or VALUE_TYPES.get(base)
    is_error = any(issubclass(b, BaseException) for b in roots)
    result: list[Any] = []
    names = [method for method in methods if _is_method_name(method, value or BaseException)]
    namespace: dict[str, Any] = {
        "herokit_endpoint": endpoint,
        "herokit_base": base,
        "__module__": module,
        "__match_args__": pattern_arguments,
        **_ATTRIBUTE_ACCESS,
        **{method: _forwarder(endpoint, method, result) for method in names},
    }
    namespace |= _special_methods(special, value, is_error=is_error)
    if base in CONTAINER_TYPES:
        namespace["__class__"] = property(lambda _: CONTAINER_TYPES[base])
        namespace.setdefault("__radd__", SPECIAL_METHODS["radd"])
    own = () if is_error else (value,) if value else (Proxy,)
    result.append(_create_class(name, [(*roots, *own), own or (Exception,)], namespace))
    for abstract in bases:
        if abstract.__module__ == "collections.abc":  # not numbers: a Decimal would read the object's value
            abstract.register(result[0])
    return result[0]


def _create_class(name: str, candidates: Iterable[tuple[Any, ...]], namespace: dict[str, Any]) -> Any:
    """Create the class with the first of the tuples of parents that can be combined."""
    for parents in candidates:
        try:
            return type.__new__(ProxyClass, name, tuple(dict.fromkeys(parents)), namespace)
        except TypeError:  # these parents cannot be combined here
            continue
    raise UntrustedResultError(f"a class {name!r} that cannot be created")


def _special_methods(special: Iterable[str], value: Any, *, is_error: bool) -> dict[str, Any]:
    """Return the special methods of a proxy class: those in its description that are known here."""
    methods: dict[str, Any] = {}
    for each in special:
        name = each.removeprefix("r") if each[1:] in BINARY else each
        if each == "-hash":
            methods["__hash__"] = None
        elif each in SPECIAL_METHODS and (each in FORWARDED_FOR_VALUES or not (value or is_error)):
            methods[f"__{each}__"] = SPECIAL_METHODS[each]
        elif value and name in (*COMPARISONS, *BINARY):
            methods[f"__{each}__"] = value_operator(name, value, swapped=name != each)
    return methods


def _is_method_name(name: str, base: type) -> bool:
    """Return whether a name may be a method of a proxy: it is not special, and the value has no such attribute."""
    return name.isidentifier() and name[:1] != "_" and name[:8] != "herokit_" and not hasattr(base, name)


def _value_type(classes: Iterable[type]) -> Any:
    """Return the built-in value type that one of the classes extends; None if none does."""
    return next((c for each in classes for c in each.__mro__ if c in VALUE_TYPES.values()), None)


def _get_attribute(self: Any, name: str) -> Any:
    if name[:2] == name[-2:] == "__" and name not in FUNCTION_ATTRIBUTES:
        raise AttributeError(name)
    return self.herokit_endpoint.request("getattr", self, name)


_ATTRIBUTE_ACCESS: dict[str, Any] = {
    "__getattr__": _get_attribute,
    "__setattr__": lambda self, name, value: self.herokit_endpoint.request("setattr", self, name, value),
    "__delattr__": lambda self, name: self.herokit_endpoint.request("delattr", self, name),
    "__copy__": lambda self: self.herokit_endpoint.request("copy", self),
    "__deepcopy__": lambda self, _: self.herokit_endpoint.request("deepcopy", self),
}


def _forwarder(endpoint: Any, name: str, proxy_class: list[Any]) -> Callable[..., Any]:
    """Return a method that is called at the other end; `proxy_class` holds its class once that exists."""

    def method(*args: Any, **kwargs: Any) -> Any:
        if args and endpoint.remote_number(args[0]) is not None:
            return endpoint.request("method", args[0], name, args[1:], kwargs)
        return endpoint.request("method", proxy_class[0], name, args, kwargs)  # called through its class

    return method


def make_proxy(cls: Any, content: Any) -> Any:
    """Return the proxy of an object; content is an exception's arguments and attributes, or a value."""
    if issubclass(cls, BaseException):
        return _make_error(cls, *content)
    base = _value_type([cls]) if isinstance(cls, ProxyClass) else None
    if base is not None and type(content) is base:
        return base.__new__(cls, content)
    if base is not None or not issubclass(cls, Proxy):
        raise UntrustedResultError(f"{cls.__name__} is not a class of the other end")
    return object.__new__(cls)


def _make_error(cls: Any, args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    new = cls.__new__
    try:
        error = new(cls) if isinstance(cls, ProxyClass) else cls(*args)
    except Exception:  # noqa: BLE001 - its constructor takes other arguments
        error = new(cls)
    error.__dict__.update({} if isinstance(cls, ProxyClass) else attributes)
    BaseException.args.__set__(error, args)  # type: ignore[attr-defined]
    return error  # type: ignore[no-any-return]


def to_builtin(value: Any) -> Any:
    """Return the content of an object whose class extends a built-in type, as that built-in type."""
    base = VIEW_TYPES.get(type(value)) or next(
        b for b in (*VALUE_TYPES.values(), *CONTAINER_TYPES.values()) if isinstance(value, b)
    )
    return {int: int.__int__, str: str.__str__}.get(base, base)(value)
