"""Either end of the remote procedure calls between a test and a solution; runs inside the sandbox and imports little."""

from __future__ import annotations

from _thread import RLock

from herokit_code.proxies import describe_class, make_proxy, make_proxy_class, to_builtin
from herokit_code.proxy_operators import CONTAINER_TYPES, VALUE_TYPES, UntrustedResultError
from herokit_code.wire import SCALARS, Wire, global_name

__all__ = ["RpcEndpoint", "by_reference", "reject"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn

DICT_TYPES = ("Counter", "OrderedDict", "defaultdict")
"""Library containers that are sent by reference, as the built-in ones are."""
_LOOP_ENDS = (StopIteration, StopAsyncIteration, GeneratorExit)
"""Errors that Python itself catches where they are raised inside a loop or a generator."""


class RemoteReference:
    """A list, dict or set that is sent by reference: what a test does to it is done in the solution's process."""

    def __init__(self, value: Any) -> None:
        self.value = value


def by_reference(value: Any) -> Any:
    """Return a container as a reference to it; anything else unchanged."""
    is_container = type(value) in CONTAINER_TYPES.values() or type(value).__name__ in DICT_TYPES
    return RemoteReference(value) if is_container else value


class RpcEndpoint(Wire):
    """One end: the objects it has exported, its proxies of the other end's objects, and the operations it performs."""

    def __init__(
        self,
        reading: Any,
        writing: Any,
        operations: Mapping[str, Callable[..., Any]],
        on_disconnect: Callable[[], NoReturn],
    ) -> None:
        super().__init__(reading, writing, on_disconnect)
        self.operations = operations
        self.exported: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.described: set[int] = set()
        self.newly_described: set[int] = set()
        self.proxies: dict[int, Any] = {}
        self.proxy_numbers: dict[int, int] = {}
        self.tainted: set[int] = set()
        self.lock = RLock()

    def remote_number(self, value: Any) -> int | None:
        """Return the other end's number of the object that a proxy stands for; None for a local object."""
        return self.proxy_numbers.get(id(value))

    def local_object(self, number: int) -> Any:
        """Return the local object with this number."""
        return self.exported[number]

    def export(self, value: Any) -> tuple[int, Any]:
        """Return an object's number and description; the object is kept for good, so that its number stays its own."""
        value = value.value if type(value) is RemoteReference else value
        if id(value) not in self.numbers:
            self.numbers[id(value)] = len(self.exported)
            self.exported.append(value)
        number = self.numbers[id(value)]
        if number in self.described:
            return number, None
        self.newly_described.add(number)
        if isinstance(value, type):
            return number, describe_class(value)
        return number, (self._class_to_send(type(value)), _content_to_send(value))

    def _class_to_send(self, cls: type) -> Any:
        """Return an object's class so that it becomes a proxy class, even if its name is global: the object stays here."""
        if issubclass(cls, BaseException) or global_name(type(cls), cls) is None:
            return cls
        return RemoteReference(cls)

    def get_proxy(self, number: int, description: Any) -> Any:
        """Return the proxy for a number; the same one each time."""
        if number not in self.proxies:
            is_class = len(description) > 2  # noqa: PLR2004 - an object has a class and a content
            proxy = make_proxy_class(self, *description) if is_class else make_proxy(*description)
            self.proxies[number] = proxy
            self.proxy_numbers[id(proxy)] = number
        return self.proxies[number]

    def request(self, operation: str, *arguments: Any) -> Any:
        """Have the other end perform an operation, and serve its requests until the result is there.

        Raises:
            BaseException: what the other end raised.
        """
        with self.lock:  # the solution may have threads
            return self._request(operation, *arguments)

    def _request(self, operation: str, *arguments: Any) -> Any:
        self.send(operation, *arguments)
        while True:
            kind, *content = self.receive()
            if kind == "value":
                result, changed, position = content
                if operation in ("call", "method"):
                    _update_in_place(_call_arguments(*arguments[-2:]), changed)
                    return result if position is None else _call_arguments(*arguments[-2:])[position]
                return result
            if kind == "raise":
                _raise(operation, content[0])
            self.respond(kind, *content)

    def respond(self, operation: str, *arguments: Any) -> None:
        """Perform an operation that the other end requests, and send the result."""
        try:
            self.send("value", *self._perform(operation, *arguments))
        except BaseException as error:  # noqa: BLE001 - it is for the other end
            self.send("raise", error)

    def send(self, *message: Any) -> None:
        """Send a message; the other end then has the descriptions in it."""
        with self.lock:
            self.newly_described.clear()
            self.send_bytes(self.encode(message))
            self.described |= self.newly_described

    def _perform(self, operation: str, *arguments: Any) -> tuple[Any, dict[int, Any], int | None]:
        """Return the result, the arguments whose contents have changed, and the position of the argument it is."""
        function: Callable[..., Any] = self.operations.get(operation, reject)
        if operation not in ("call", "method"):
            return function(*arguments), {}, None
        args = _call_arguments(*arguments[-2:])
        before = [self.encode(argument) for argument in args]
        result = function(*arguments)
        changed = {i: a for i, (a, data) in enumerate(zip(args, before, strict=True)) if self.encode(a) != data}
        position = next((i for i, a in enumerate(args) if a is result and type(a) not in SCALARS), None)
        return result, changed, position


def _call_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    return [*args, *kwargs.values()]


def _content_to_send(value: Any) -> Any:
    """Return what of an object is sent: an exception's arguments and attributes, a value; None for others."""
    if isinstance(value, BaseException):
        return value.args, {name: each for name, each in vars(value).items() if type(each) in SCALARS}
    return to_builtin(value) if isinstance(value, tuple(VALUE_TYPES.values())) else None


def _raise(operation: str, error: Any) -> NoReturn:
    if not isinstance(error, BaseException):
        raise UntrustedResultError("raised something that is not an exception")
    is_end = operation == "next" and isinstance(error, StopIteration)
    if isinstance(error, _LOOP_ENDS) and not is_end:  # it would end a loop or a generator of the test
        raise RuntimeError(f"the solution raised {type(error).__name__}") from error
    raise error


def reject(*_: Any) -> NoReturn:
    """Perform nothing.

    Raises:
        TypeError: always.
    """
    raise TypeError("an object of the test can only be called and iterated over")


def _update_in_place(arguments: list[Any], changed: dict[int, Any]) -> None:
    """Copy the changes that the other end made to its copies of the arguments."""
    for position, remote in changed.items():
        local = arguments[position]
        if type(local) is not type(remote):
            continue
        if isinstance(local, list | bytearray):
            local[:] = remote
        elif isinstance(local, dict | set):
            local.clear()
            local.update(remote)
        elif type(local).__name__ == "deque":
            local.clear()
            local.extend(remote)
