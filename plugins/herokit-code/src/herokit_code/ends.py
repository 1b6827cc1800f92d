"""The two ends of a wire between a test and a solution; runs inside the sandbox, so little is imported.

No object of the solution's comes into the process that compares: whatever it claims to equal, there it is a handle, and
equals no value.
"""

from __future__ import annotations

import _operator

from herokit_code.wire import SINGLE, Wire, builtin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn

COMPARING = ("eq", "ne", "lt", "le", "gt", "ge")
MAKING = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor")
METHODS: dict[str, Callable[..., Any]] = {
    **{name: getattr(_operator, name) for name in (*COMPARING, *MAKING, "getitem", "setitem", "delitem", "contains")},
    **{function.__name__: function for function in (len, iter, next, bool, str, repr, hash)},
}


class Handle:
    """What the other end keeps: done to it is done there, but for comparing it with a value, which is false."""

    __slots__ = ("__end", "__number")

    def __init__(self, end: End, number: int) -> None:
        object.__setattr__(self, "_Handle__end", end)
        object.__setattr__(self, "_Handle__number", number)

    def __call__(self, *args: Any, **named: Any) -> Any:  # noqa: D102 - it is called
        return self.__end.ask("call", self, args, named)

    def __getattr__(self, name: str) -> Any:
        if name[:2] == name[-2:] == "__" and name not in ("__name__", "__doc__"):
            raise AttributeError(name)
        return self.__end.ask("getattr", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.__end.ask("setattr", self, name, value)

    def __instancecheck__(self, other: Any) -> bool:
        return type(other) is Handle and self.__end.ask("isinstance", other, self) is True


def _method(name: str, *, swapped: bool = False) -> Callable[..., Any]:
    def method(self: Any, *others: Any) -> Any:
        if name in COMPARING and type(others[0]) is not Handle:
            return NotImplemented
        result = self._Handle__end.ask(name, *((*others, self) if swapped else (self, *others)))
        if name in MAKING and type(result) is not Handle:  # a difference of 0 from everything, say
            raise TypeError(f"{name} of an object of the solution gave {type(result).__name__}: only objects are taken")
        return result

    return method


for _name in METHODS:
    setattr(Handle, f"__{_name.strip('_')}__", _method(_name))
for _name in MAKING:
    setattr(Handle, f"__r{_name.strip('_')}__", _method(_name, swapped=True))


class End(Wire):
    """One end: what it has lent, what it has borrowed, and what the other one may ask of it."""

    def __init__(self, reading: int, writing: int, verbs: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(reading, writing)
        self.verbs = {**verbs, "call": self._call}
        self.lent: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.known: dict[int, Any] = {}
        self.names: dict[int, int] = {}
        self.asked = False

    def lend(self, value: Any) -> int:
        """Return the number under which the other end knows this; kept for good, so that no other thing gets it."""
        if id(value) not in self.numbers:
            self.numbers[id(value)] = len(self.lent)
            self.lent.append(value)
        return self.numbers[id(value)]

    def borrowed(self, value: Any) -> int | None:
        """Return the number of what the other end has lent."""
        return value._Handle__number if isinstance(value, Handle) else self.names.get(id(value))  # noqa: SLF001 - its end

    def own(self, number: int) -> Any:
        """Return what we have lent under this number."""
        return self.lent[number]

    def handle(self, number: int, exception: tuple[str, str] | None) -> Any:
        """Return a handle, the same for the same number; for a class of exceptions, a class that can be caught."""
        if number not in self.known:
            made: Any = Handle(self, number)
            if exception is not None:
                made = type(exception[0], (builtin(exception[1]),), {"__getattr__": _original})
                self.names[id(made)] = number
            self.known[number] = made
        return self.known[number]

    def ask(self, verb: str, *rest: Any) -> Any:
        """Have the other end do something, and do meanwhile what it asks for.

        Raises:
            GoneError: it is gone.
            BaseException: what it raised.
        """
        self.asked = True
        self.put(self.text((verb, *rest)))
        while True:
            told, *news = self.receive()
            if told == "value":
                result, changed = news
                if changed is not None:
                    _renew(rest[1], changed)
                return result
            if told == "raise":
                _raise(*news)
            self.answer(told, *news)

    def answer(self, verb: str, *rest: Any) -> None:
        """Do what the other end asks for."""
        try:
            result = self.verbs.get(verb, _refuse)(*rest)
            reply = self.text(("value", *(result if verb == "call" else (result, None))))
        except BaseException as error:  # noqa: BLE001 - it is the other end's
            args = [argument if type(argument) in SINGLE else str(argument) for argument in error.args]
            reply = self.text(("raise", type(error), args, error))
        self.put(reply)

    def _call(self, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any]:
        before = self.text(args)
        result = function(*args, **named)
        return result, args if self.text(args) != before else None


def _refuse(*_: Any) -> NoReturn:
    raise TypeError("what a test hands over can be called and gone through, and no more")


def _original(error: Any, name: str) -> Any:
    """Look an attribute of an exception up at the other end."""
    if name == "herokit_original":  # raised here
        raise AttributeError(name)
    return getattr(error.herokit_original, name)


def _raise(kind: Any, args: list[Any], error: Any) -> NoReturn:
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        raise TypeError("the solution raised what is no exception")
    try:
        made = kind(*args)
    except Exception:  # noqa: BLE001 - of a class that takes something else
        made = kind.__new__(kind)
    if kind.__module__ != "builtins":
        made.herokit_original = error  # type: ignore[attr-defined]
    raise made


def _renew(args: tuple[Any, ...], changed: tuple[Any, ...]) -> None:
    """Give arguments that the other end has changed in place what they hold there."""
    for mine, theirs in zip(args, changed, strict=True):
        if type(mine) is type(theirs) and isinstance(mine, list | bytearray):
            mine[:] = theirs
        elif type(mine) is type(theirs) and isinstance(mine, dict | set):
            mine.clear()
            mine.update(theirs)
