"""The pytest plugin: ``pytest --herokit-scheme FILE`` adds one test a law of that scheme.

It is loaded by every pytest run where herokit is installed, so it imports hypothesis only when the option is given.
"""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from herokit.testing.results import Result

DEFAULT_TRAINER = "dr-grpo"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("herokit")
    group.addoption(
        "--herokit-scheme", action="append", default=[], metavar="FILE", help="check a reward scheme against laws"
    )
    group.addoption("--herokit-trainer", default=DEFAULT_TRAINER, help="whose normalization follows, e.g. trl")
    group.addoption("--herokit-budget", type=float, default=60.0, help="seconds a scheme, about")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add one item a law for each scheme asked for; laws are tried together, here, and each item tells of one."""
    for name in config.getoption("--herokit-scheme"):
        from herokit.testing.check_scheme import resolve_target
        from herokit.testing.survey import survey

        trainer, budget = config.getoption("--herokit-trainer"), config.getoption("--herokit-budget")
        for report in survey(resolve_target(name), trainer=trainer, budget=budget, expected={}):
            items += [LawItem.from_parent(session, name=f"{report.name}::{r.law}", result=r) for r in report]


class LawItem(pytest.Item):
    """What became of one law of one scheme."""

    def __init__(self, *, result: "Result", **rest: Any) -> None:
        super().__init__(**rest)
        self.result = result

    def runtest(self) -> None:
        """Fail where the law is broken."""
        result = self.result
        if result.outcome == "failed":
            raise LawBrokenError(result)
        if result.outcome == "xfailed":
            pytest.xfail(result.reason)
        if result.outcome == "skipped":
            pytest.skip(result.message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show a broken law as its counterexample, not as a traceback."""
        if isinstance(excinfo.value, LawBrokenError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Say where the item comes from."""
        return self.path, None, self.name


class LawBrokenError(Exception):
    """A scheme breaks a law."""

    def __init__(self, result: "Result") -> None:
        super().__init__(
            f"{result.statement}\n{result.message}\n{result.counterexample or ''}\nIn training: {result.consequence}"
        )
