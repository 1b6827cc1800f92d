"""The part of pytest that tests of a solution use; inside the sandbox, where it is the module ``pytest``.

`run_test` calls a test function with every combination of its parameters and its fixtures. `herokit_code.pytest_functions`
has checked that the function needs nothing else.
"""

from __future__ import annotations

__all__ = ["approx", "fail", "fixture", "importorskip", "mark", "param", "raises", "run_test", "skip"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_RELATIVE, _ABSOLUTE = 1e-6, 1e-12
_FIXTURES: dict[str, tuple[Callable[..., Any], list[Any], bool]] = {}
_PARAMETERS: dict[int, list[tuple[list[str], list[Any]]]] = {}
_FIXTURES_OF_MARKS: dict[int, list[str]] = {}
_GENERATOR = type(_ for _ in ())


class Failed(BaseException):
    """The test has failed."""


class approx:  # noqa: N801 - pytest's name
    """A number, or numbers in a list, tuple or dict, that equals what is near it."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, expected: Any, rel: Any = None, abs: Any = None, nan_ok: bool = False) -> None:  # noqa: A002, FBT001, FBT002
        self.expected, self.rel, self.abs, self.nan_ok = expected, rel, abs, nan_ok

    def __eq__(self, actual: object) -> bool:
        return self._is_near(actual, self.expected)

    def __ne__(self, actual: object) -> bool:
        return not self == actual

    def __repr__(self) -> str:
        return f"approx({self.expected!r})"

    def _is_near(self, actual: Any, expected: Any) -> bool:
        if isinstance(expected, dict):
            return (
                isinstance(actual, dict)
                and actual.keys() == expected.keys()
                and all(self._is_near(actual[key], expected[key]) for key in expected)
            )
        if isinstance(expected, (list, tuple)):
            return (
                isinstance(actual, (list, tuple))
                and len(actual) == len(expected)
                and all(map(self._is_near, actual, expected))
            )
        if isinstance(expected, (str, bytes, bool)) or expected is None:
            return bool(actual == expected)
        return self._is_near_number(actual, expected)

    def _is_near_number(self, actual: Any, expected: Any) -> bool:
        if actual == expected:
            return True
        try:
            if expected != expected:  # noqa: PLR0124 - NaN
                return self.nan_ok and actual != actual  # noqa: PLR0124 - NaN
            if not abs_(actual - expected) < float("inf"):
                return False
            relative = (_RELATIVE if self.rel is None else self.rel) * float(abs_(expected))
            absolute = _ABSOLUTE if self.abs is None else self.abs
            tolerance = absolute if self.rel is None and self.abs is not None else max(relative, absolute)
            return float(abs_(actual - expected)) <= tolerance
        except (TypeError, ValueError, OverflowError):
            return False


abs_ = abs


class raises:  # noqa: N801 - pytest's name
    """A context in which an error of a type must be raised, or a call that must raise one."""

    expected: Any
    match_pattern: Any
    value: Any = None
    type: Any = None

    def __new__(cls, expected: Any, *args: Any, match: Any = None, **kwargs: Any) -> Any:
        """Return a context, or what a call has raised."""
        self = object.__new__(cls)
        self.expected, self.match_pattern = expected, match
        if args:
            with self:
                args[0](*args[1:], **kwargs)
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: Any, error: object, _: object) -> bool:  # noqa: PYI036 - `type` is an attribute here
        if kind is None:
            raise Failed(f"nothing raised {self.expected!r}")
        if not issubclass(kind, self.expected):
            return False
        self.type, self.value = kind, error
        return self.match_pattern is None or self.match(self.match_pattern)

    def match(self, pattern: Any) -> bool:
        """Check the error's message.

        Raises:
            Failed: the pattern is not in the message.
        """
        import re

        if not re.search(pattern, str(self.value)):
            raise Failed(f"{pattern!r} is not in {str(self.value)!r}")
        return True


class _Mark:
    """Marks: parametrize and usefixtures work, others change nothing."""

    def __getattr__(self, name: str) -> Any:
        def mark(*args: Any, **_: Any) -> Any:
            return args[0] if len(args) == 1 and callable(args[0]) else lambda function: function

        return mark

    def parametrize(self, argnames: Any, argvalues: Any, **_: Any) -> Any:
        """Give a test its arguments."""
        names = [each.strip() for each in argnames.split(",")] if isinstance(argnames, str) else list(argnames)

        def decorate(function: Any) -> Any:
            _PARAMETERS.setdefault(id(function), []).append((names, list(argvalues)))
            return function

        return decorate

    def usefixtures(self, *names: str) -> Any:
        """Run fixtures for a test that does not ask for their values."""

        def decorate(function: Any) -> Any:
            _FIXTURES_OF_MARKS.setdefault(id(function), []).extend(names)
            return function

        return decorate


mark = _Mark()


class param(tuple):  # type: ignore[type-arg]  # noqa: N801, SLOT001 - pytest's name
    """Values of one case of parametrize."""

    def __new__(cls, *values: Any, **_: Any) -> Any:
        """Return the values; id and marks change nothing."""
        return tuple.__new__(cls, values)


class _Request:
    param: Any = None


def fixture(function: Any = None, *, params: Any = None, autouse: bool = False, name: str = "", **_: Any) -> Any:
    """Register a function that makes a value for tests."""

    def register(maker: Any) -> Any:
        _FIXTURES[name or maker.__name__] = (maker, [None] if params is None else list(params), autouse)
        return maker

    return register if function is None else register(function)


def fail(reason: str = "", **_: Any) -> None:
    """Fail the test.

    Raises:
        Failed: always.
    """
    raise Failed(reason)


def skip(reason: str = "", **_: Any) -> None:
    """Refuse to skip: a test that runs in part says nothing.

    Raises:
        Failed: always.
    """
    raise Failed(f"skipped: {reason}")


def importorskip(name: str, **_: Any) -> Any:
    """Import a module."""
    return __import__(name)


def run_test(function: Callable[..., Any]) -> None:
    """Call a test function with every combination of its parameters and of those of its fixtures."""
    for given in _combinations(_PARAMETERS.get(id(function), [])):
        names = [each for each in _arguments(function) if each not in given]
        automatic = [each for each, (_, _, autouse) in _FIXTURES.items() if autouse]
        needed: list[str] = []
        for each in (*automatic, *_FIXTURES_OF_MARKS.get(id(function), []), *names):
            _collect(each, needed)
        choices = [([each], [param(value) for value in _FIXTURES[each][1]]) for each in needed]
        for chosen in _combinations(choices):
            _run_once(function, given, names, chosen)


def _run_once(function: Any, given: dict[str, Any], names: list[str], chosen: dict[str, Any]) -> None:
    values: dict[str, Any] = {}
    open_generators: list[Any] = []
    try:
        for each, choice in chosen.items():
            request = _Request()
            request.param = choice
            arguments = {n: request if n == "request" else values[n] for n in _arguments(_FIXTURES[each][0])}
            value = _FIXTURES[each][0](**arguments)
            if type(value) is _GENERATOR:
                open_generators.append(value)
                value = next(value)
            values[each] = value
        function(**given, **{n: values[n] for n in names})
    finally:
        for generator in reversed(open_generators):
            next(generator, None)


def _collect(name: str, needed: list[str]) -> None:
    """Add a fixture behind those that it needs."""
    if name in _FIXTURES and name not in needed:
        for each in _arguments(_FIXTURES[name][0]):
            _collect(each, needed)
        needed.append(name)


def _combinations(choices: list[tuple[list[str], list[Any]]]) -> Iterator[dict[str, Any]]:
    """Yield the arguments of every combination of cases."""
    if not choices:
        yield {}
        return
    (names, cases), *rest = choices
    for case in cases:
        values = case if type(case) is param or len(names) > 1 else (case,)
        if len(values) != len(names):
            raise Failed(f"parametrize has {len(names)} names and {len(values)} values")
        for others in _combinations(rest):
            yield {**dict(zip(names, values, strict=True)), **others}


def _arguments(function: Any) -> list[str]:
    """Return the names of a function's arguments without defaults."""
    code = function.__code__
    count = code.co_argcount - len(function.__defaults__ or ())
    return list(code.co_varnames[:count])
