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
        check_reward_model,
        check_scheme,
        check_verifier,
        parametrize_with_laws,
        resolve_target,
    )
    from herokit.testing.law import LawViolation, NotApplicable, Report, Result, to_markdown
    from herokit.testing.laws import LAWS, get_law, list_laws
    from herokit.testing.samples import AnswerFormat
    from herokit.testing.search import QUICK, THOROUGH, Profile
    from herokit.testing.stateful import rewarder_state_machine

__all__ = [
    "LAWS",
    "QUICK",
    "THOROUGH",
    "AnswerFormat",
    "LawViolation",
    "MetaRewardModel",
    "MetaVerifier",
    "NotApplicable",
    "Profile",
    "Report",
    "Result",
    "check_combiner",
    "check_reward_model",
    "check_scheme",
    "check_verifier",
    "get_law",
    "list_laws",
    "parametrize_with_laws",
    "resolve_target",
    "rewarder_state_machine",
    "to_markdown",
]

_MODULES = {
    "batches": ("MetaRewardModel", "MetaVerifier"),
    "check": (
        "check_combiner",
        "check_reward_model",
        "check_scheme",
        "check_verifier",
        "parametrize_with_laws",
        "resolve_target",
    ),
    "law": ("LawViolation", "NotApplicable", "Report", "Result", "to_markdown"),
    "laws": ("LAWS", "get_law", "list_laws"),
    "samples": ("AnswerFormat",),
    "search": ("QUICK", "THOROUGH", "Profile"),
    "stateful": ("rewarder_state_machine",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
