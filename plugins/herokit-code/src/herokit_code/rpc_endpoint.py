"""The two ends of a wire between a test and a solution; runs inside the sandbox, so little is imported."""

from __future__ import annotations

from _thread import RLock

from herokit_code.proxies import describe, instance, mirror, plain
from herokit_code.proxy_operators import CONTAINERS, VALUES, RefusedError
from herokit_code.wire import SINGLE, Wire, named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn

DICTS = ("Counter", "OrderedDict", "defaultdict")
"""Containers beside the built-in ones that stay where they are held."""


class Kept:
    """A list, dict or set that an object or module of the solution's holds: what a test does to it is done there."""

    def __init__(self, value: Any) -> None:
        self.value = value


def kept(value: Any) -> Any:
    """Return what somebody holds as what is told of it: containers stay there, values cross."""
    return Kept(value) if type(value) in CONTAINERS.values() or type(value).__name__ in DICTS else value


class End(Wire):
    """One end: what it has lent, what it has borrowed, and what the other one may ask of it."""

    def __init__(
        self, reading: Any, writing: Any, verbs: Mapping[str, Callable[..., Any]], gone: Callable[[], NoReturn]
    ) -> None:
        super().__init__(reading, writing, gone)
        self.verbs = verbs
        self.lent: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.told: set[int] = set()
        self.fresh: set[int] = set()
        self.known: dict[int, Any] = {}
        self.names: dict[int, int] = {}
        self.tainted: set[int] = set()
        self.lock = RLock()

    def borrowed(self, value: Any) -> int | None:
        """Return the number of what the other end has lent."""
        return self.names.get(id(value))

    def own(self, number: int) -> Any:
        """Return what we have lent under this number."""
        return self.lent[number]

    def lend(self, value: Any) -> tuple[int, Any]:
        """Return a number, kept for good so that no other thing gets it, and the description."""
        value = value.value if type(value) is Kept else value
        if id(value) not in self.numbers:
            self.numbers[id(value)] = len(self.lent)
            self.lent.append(value)
        number = self.numbers[id(value)]
        if number in self.told:
            return number, None
        self.fresh.add(number)
        return number, describe(value) if isinstance(value, type) else (self._class(type(value)), _extra(value))

    def _class(self, cls: type) -> Any:
        """Return an object's class so that it is mirrored, though it may have a name everywhere: what it holds does not cross."""
        return cls if issubclass(cls, BaseException) or named(type(cls), cls) is None else Kept(cls)

    def handle(self, number: int, description: Any) -> Any:
        """Return a mirror, the same for the same number."""
        if number not in self.known:
            made = mirror(self, *description) if len(description) > 2 else instance(*description)  # noqa: PLR2004 - of a class
            self.known[number] = made
            self.names[id(made)] = number
        return self.known[number]

    def ask(self, verb: str, *rest: Any) -> Any:
        """Have the other end do something, and do meanwhile what it asks for.

        Raises:
            BaseException: what the other end raised.
        """
        with self.lock:  # the solution may have threads
            return self._ask(verb, *rest)

    def _ask(self, verb: str, *rest: Any) -> Any:
        self.send(verb, *rest)
        while True:
            told, *news = self.receive()
            if told == "value":
                result, changed, which = news
                if verb in ("call", "method"):
                    _renew(_arguments(*rest[-2:]), changed)
                    return result if which is None else _arguments(*rest[-2:])[which]
                return result
            if told == "raise":
                _raise(verb, news[0])
            self.answer(told, *news)

    def answer(self, verb: str, *rest: Any) -> None:
        """Do what the other end asks for."""
        try:
            self.send("value", *self._done(verb, *rest))
        except BaseException as error:  # noqa: BLE001 - it is the other end's
            self.send("raise", error)

    def send(self, *message: Any) -> None:
        """Say something; from now on the other end knows what is described in it."""
        with self.lock:
            self.fresh.clear()
            self.put(self.text(message))
            self.told |= self.fresh

    def _done(self, verb: str, *rest: Any) -> tuple[Any, dict[int, Any], int | None]:
        """Return the result, which arguments have other contents now, and which argument the result is."""
        function: Callable[..., Any] = self.verbs.get(verb, refuse)
        if verb not in ("call", "method"):
            return function(*rest), {}, None
        args = _arguments(*rest[-2:])
        before = [self.text(argument) for argument in args]
        result = function(*rest)
        changed = {i: a for i, (a, text) in enumerate(zip(args, before, strict=True)) if self.text(a) != text}
        return result, changed, next((i for i, a in enumerate(args) if a is result and type(a) not in SINGLE), None)


def _arguments(args: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
    return [*args, *named.values()]


def _extra(value: Any) -> Any:
    if isinstance(value, BaseException):
        return value.args, {name: each for name, each in vars(value).items() if type(each) in SINGLE}
    return plain(value) if isinstance(value, tuple(VALUES.values())) else None


def _raise(verb: str, error: Any) -> NoReturn:
    if not isinstance(error, BaseException):
        raise RefusedError("raised what is no exception")
    if verb in ("call", "method") and isinstance(error, StopIteration):  # which would end the test's loop
        raise RuntimeError("the solution raised StopIteration") from error
    raise error


def refuse(*_: Any) -> NoReturn:
    """Do nothing of what was asked.

    Raises:
        TypeError: always.
    """
    raise TypeError("what a test hands over can be called and gone through, and no more")


def _renew(mine: list[Any], changed: dict[int, Any]) -> None:
    """Give arguments that the other end has changed in place what they hold there."""
    for number, theirs in changed.items():
        old = mine[number]
        if type(old) is not type(theirs):
            continue
        if isinstance(old, list | bytearray):
            old[:] = theirs
        elif isinstance(old, dict | set):
            old.clear()
            old.update(theirs)
        elif type(old).__name__ == "deque":
            old.clear()
            old.extend(theirs)
