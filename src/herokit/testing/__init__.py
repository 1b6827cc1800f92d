"""Property-based tests of rewards; needs the extra ``testing`` (hypothesis and pytest).

`check_combiner` tries laws on many small batches and returns a result for each, with the smallest counterexample of
each violation. The names load on first use, so that the pytest plugin does not import hypothesis.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from herokit.testing.check import (
        check_combiner,
        check_reward_function,
        check_reward_model,
        check_verifier,
        parametrize_with_laws,
    )
    from herokit.testing.law import LawViolation, Report, Result
    from herokit.testing.laws import list_laws
    from herokit.testing.regressions import replay
    from herokit.testing.samples import AnswerFormat
    from herokit.testing.scheme_checks import CheckOptions, check_scheme
    from herokit.testing.search import QUICK, THOROUGH, Profile
    from herokit.testing.stateful import rewarder_state_machine

__all__ = [
    "QUICK",
    "THOROUGH",
    "AnswerFormat",
    "CheckOptions",
    "LawViolation",
    "Profile",
    "Report",
    "Result",
    "check_combiner",
    "check_reward_function",
    "check_reward_model",
    "check_scheme",
    "check_verifier",
    "list_laws",
    "parametrize_with_laws",
    "replay",
    "rewarder_state_machine",
]

_MODULES = {
    "check": (
        "check_combiner",
        "check_reward_function",
        "check_reward_model",
        "check_verifier",
        "parametrize_with_laws",
    ),
    "law": ("LawViolation", "Report", "Result"),
    "laws": ("list_laws",),
    "samples": ("AnswerFormat",),
    "search": ("QUICK", "THOROUGH", "Profile"),
    "regressions": ("replay",),
    "scheme_checks": ("CheckOptions", "check_scheme"),
    "stateful": ("rewarder_state_machine",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
