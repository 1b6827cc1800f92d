"""The pytest plugin: ``pytest --herokit-scheme FILE --herokit-reward FILE.py:FUNCTION`` adds one test for each law.

Every pytest run loads it where herokit is installed, so it imports hypothesis only if an option is given. The laws are
tried when the first of these tests runs, in a process of their own.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from herokit.testing.law import Result

__all__ = ["LawItem", "pytest_addoption", "pytest_collection_modifyitems"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("herokit")
    for option, what in (("--herokit-scheme", "scheme"), ("--herokit-reward", "reward function, verifier or model")):
        group.addoption(
            option,
            action="append",
            default=[],
            metavar="TARGET",
            help=f"check this {what} against the laws: a file, a registered name or FILE.py:OBJECT",
        )
    group.addoption(
        "--herokit-trainer", default="dr-grpo", help="the trainer whose normalization follows, for example trl"
    )
    group.addoption("--herokit-budget", type=float, default=60.0, help="seconds per target")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add one item per target and law; nothing is checked yet."""
    names = [*config.getoption("--herokit-scheme"), *config.getoption("--herokit-reward")]
    for name in names:
        from herokit.testing.isolation import list_parts
        from herokit.testing.scheme_checks import CheckOptions

        trainer, budget = config.getoption("--herokit-trainer"), config.getoption("--herokit-budget")
        run = _Run(name, CheckOptions(trainer=trainer, budget=budget))
        for title, laws in list_parts(name, budget):
            items += [LawItem.from_parent(session, name=f"{title}::{law}", run=run, key=(title, law)) for law in laws]


class _Run:
    """One target; it is checked when the first result is asked for."""

    def __init__(self, target: str, options: Any) -> None:
        self.target, self.options = target, options

    @cached_property
    def results(self) -> dict[tuple[str, str], "Result"]:
        from herokit.testing.isolation import check_isolated

        return {(r.name, result.law): result for r in check_isolated(self.target, self.options) for result in r}


class LawItem(pytest.Item):
    """The result of one law."""

    def __init__(self, *, run: _Run, key: tuple[str, str], **rest: Any) -> None:
        super().__init__(**rest)
        self.run_of_target, self.key = run, key

    @property
    def result(self) -> "Result":
        """The result; the first one that is asked for checks the target."""
        return self.run_of_target.results[self.key]

    def runtest(self) -> None:
        """Report the result.

        Raises:
            LawViolation: the law failed.
        """
        if self.result.outcome == "xfailed":
            pytest.xfail(self.result.reason)
        if self.result.outcome == "skipped":
            pytest.skip(self.result.message)
        if self.result.violation is not None:
            raise self.result.violation

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Print a violation with its counterexample instead of a traceback."""
        if isinstance(excinfo.value, AssertionError) and excinfo.value is self.result.violation:
            return f"{self.result.statement}\n{self.result.violation}\nIn training: {self.result.consequence}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Return where the item comes from."""
        return self.path, None, self.name
