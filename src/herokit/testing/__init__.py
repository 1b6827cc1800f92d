"""Property-based tests of rewards; needs the extra ``testing`` (hypothesis and pytest).

`check_combiner` tries laws on many small batches and returns a result for each, with the smallest counterexample of
each violation. The names load on first use, so that the pytest plugin does not import hypothesis.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from herokit.testing.batches import MetaRewardModel, MetaVerifier
    from herokit.testing.check import (
        check_combiner,
        check_reward_function,
        check_reward_model,
        check_verifier,
        parametrize_with_laws,
    )
    from herokit.testing.isolation import check_isolated
    from herokit.testing.law import LawViolation, NotApplicable, Report, Result
    from herokit.testing.laws import LAWS, get_law, list_laws
    from herokit.testing.regressions import replay, write_test
    from herokit.testing.reports import to_junit, to_markdown
    from herokit.testing.samples import AnswerFormat
    from herokit.testing.scheme_checks import CheckOptions, check_scheme
    from herokit.testing.search import QUICK, THOROUGH, Profile
    from herokit.testing.stateful import rewarder_state_machine
    from herokit.testing.targets import resolve_target

__all__ = [
    "LAWS",
    "QUICK",
    "THOROUGH",
    "AnswerFormat",
    "CheckOptions",
    "LawViolation",
    "MetaRewardModel",
    "MetaVerifier",
    "NotApplicable",
    "Profile",
    "Report",
    "Result",
    "check_combiner",
    "check_isolated",
    "check_reward_function",
    "check_reward_model",
    "check_scheme",
    "check_verifier",
    "get_law",
    "list_laws",
    "parametrize_with_laws",
    "replay",
    "resolve_target",
    "rewarder_state_machine",
    "to_junit",
    "to_markdown",
    "write_test",
]

_MODULES = {
    "batches": ("MetaRewardModel", "MetaVerifier"),
    "check": (
        "check_combiner",
        "check_reward_function",
        "check_reward_model",
        "check_verifier",
        "parametrize_with_laws",
    ),
    "isolation": ("check_isolated",),
    "law": ("LawViolation", "NotApplicable", "Report", "Result"),
    "laws": ("LAWS", "get_law", "list_laws"),
    "samples": ("AnswerFormat",),
    "search": ("QUICK", "THOROUGH", "Profile"),
    "reports": ("to_junit", "to_markdown"),
    "regressions": ("replay", "write_test"),
    "scheme_checks": ("CheckOptions", "check_scheme"),
    "targets": ("resolve_target",),
    "stateful": ("rewarder_state_machine",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
