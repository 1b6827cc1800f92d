"""Reading test functions as pytest does: which are called, with what; outside the sandbox.

`herokit_code.pytest_module` runs them inside, as the sandbox has no pytest.
"""

import ast
from collections.abc import Iterator, Sequence

__all__ = ["is_main_guard", "pytest_calls"]

_MARKS_WITHOUT_EFFECT = {"parametrize", "usefixtures", "timeout", "slow", "unit", "integration", "order", "benchmark"}
_UNSUPPORTED_MARKS = {"skipif", "xfail", "asyncio"}


def pytest_calls(statements: Sequence[ast.stmt]) -> list[str]:
    r"""Return the code that runs each test function; [] if there are none.

    Raises:
        ValueError: a function needs something of pytest that is not available here.

    Example:
        >>> pytest_calls(ast.parse("def test_a(): pass").body)
        ['test_a()']
        >>> pytest_calls(ast.parse("def test_a(tmp_path): pass").body)
        Traceback (most recent call last):
        ValueError: the test test_a needs the fixture 'tmp_path', which the code does not define
    """
    functions = [each for each in statements if isinstance(each, ast.FunctionDef)]
    fixtures = {_fixture_name(each): each for each in functions if _decorators(each, "fixture")}
    is_automatic = any("autouse" in ast.unparse(call) for each in fixtures.values() for call in each.decorator_list)
    used = {
        node.id
        for each in statements
        if not isinstance(each, ast.FunctionDef) and not is_main_guard(each)
        for node in ast.walk(each)
        if isinstance(node, ast.Name)
    }
    tests = [each for each in functions if each.name.startswith("test") and not _decorators(each, "fixture")]
    calls = ["pass"] if any(each.name in used for each in tests) else []  # importing the code calls it
    for test in tests:
        if test.name in used or _decorators(test, "skip"):
            continue
        _check_arguments(test, test, fixtures, ())
        simple = not (test.args.args or test.decorator_list or is_automatic)
        calls.append(f"{test.name}()" if simple else f"import pytest as _pytest\n_pytest.run_test({test.name})")
    if tests and not calls:
        raise ValueError("every test is marked to be skipped")
    return calls


def is_main_guard(statement: ast.stmt) -> bool:
    """Return whether a statement is ``if __name__ == "__main__":``, which is false in a test."""
    return isinstance(statement, ast.If) and any(
        isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test)
    )


def _check_arguments(
    test: ast.FunctionDef, function: ast.FunctionDef, fixtures: dict[str, ast.FunctionDef], outer: tuple[str, ...]
) -> None:
    """Raise `ValueError` unless every argument has a value: of parametrize, of a fixture or a default."""
    for mark in _UNSUPPORTED_MARKS:
        if _decorators(function, mark):
            raise ValueError(f"the test {test.name} is marked {mark}, which is not available here")
    given = {name for each in _decorators(function, "parametrize") for name in _argument_names(each)}
    if function is not test:
        given.add("request")
    arguments = function.args.args[: len(function.args.args) - len(function.args.defaults)]
    needed = [each.arg for each in arguments if each.arg not in given]
    for each in _decorators(function, "usefixtures"):
        needed += [ast.literal_eval(argument) for argument in each.args] if isinstance(each, ast.Call) else []
    for name in needed:
        if name not in fixtures:
            raise ValueError(f"the test {test.name} needs the fixture {name!r}, which the code does not define")
        if name in outer:
            raise ValueError(f"the fixture {name!r} needs itself")
        _check_arguments(test, fixtures[name], fixtures, (*outer, name))


def _fixture_name(function: ast.FunctionDef) -> str:
    """Return the name under which tests ask for a fixture."""
    for each in _decorators(function, "fixture"):
        for keyword in each.keywords if isinstance(each, ast.Call) else []:
            if keyword.arg == "name":
                return str(ast.literal_eval(keyword.value))
    return function.name


def _argument_names(decorator: ast.expr) -> Iterator[str]:
    """Yield the names of the arguments that a parametrize decorator gives."""
    if not isinstance(decorator, ast.Call):
        return
    values = [*decorator.args[:1], *(each.value for each in decorator.keywords if each.arg == "argnames")]
    for value in values:
        names = ast.literal_eval(value)
        yield from (name.strip() for name in (names.split(",") if isinstance(names, str) else names))


def _decorators(function: ast.FunctionDef, name: str) -> list[ast.expr]:
    """Return the decorators of a function whose last name is `name`, called or not."""
    functions = [(each, each.func if isinstance(each, ast.Call) else each) for each in function.decorator_list]
    return [
        each
        for each, called in functions
        if (isinstance(called, ast.Attribute) and called.attr == name)
        or (isinstance(called, ast.Name) and called.id == name)
    ]
