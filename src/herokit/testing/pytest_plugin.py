"""The pytest plugin: ``pytest --herokit-scheme FILE`` adds one test for each law of that scheme.

Every pytest run loads it where herokit is installed, so it imports hypothesis only if the option is given.
"""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from herokit.testing.law import Result

__all__ = ["LawItem", "pytest_addoption", "pytest_collection_modifyitems"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("herokit")
    group.addoption(
        "--herokit-scheme",
        action="append",
        default=[],
        metavar="SCHEME",
        help="check this scheme against the laws: a file, a registered name or FILE.py:OBJECT",
    )
    group.addoption(
        "--herokit-trainer", default="dr-grpo", help="the trainer whose normalization follows, for example trl"
    )
    group.addoption("--herokit-budget", type=float, default=60.0, help="seconds per scheme, approximately")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check each scheme and add one item per law, which reports its result."""
    for name in config.getoption("--herokit-scheme"):
        from herokit.testing.check import check_scheme

        trainer, budget = config.getoption("--herokit-trainer"), config.getoption("--herokit-budget")
        for report in check_scheme(name, trainer=trainer, budget=budget):
            items += [LawItem.from_parent(session, name=f"{report.name}::{r.law}", result=r) for r in report]


class LawItem(pytest.Item):
    """The result of one law."""

    def __init__(self, *, result: "Result", **rest: Any) -> None:
        super().__init__(**rest)
        self.result = result

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
        if excinfo.value is self.result.violation:
            return f"{self.result.statement}\n{self.result.violation}\nIn training: {self.result.consequence}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Return where the item comes from."""
        return self.path, None, self.name
