"""Property-based tests of reward schemes; needs the extra ``testing`` (hypothesis and pytest).

`check_combiner` tries a scheme on many small batches and returns what broke, each with its smallest counterexample.
Nothing else in herokit imports this package but `herokit check`. Its names load on first use, so that the pytest
plugin, which every pytest run where herokit is installed loads, costs no import of hypothesis.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from herokit.testing.check import check_combiner, check_reward_model, check_verifier
    from herokit.testing.laws import LAWS, get_law, list_laws
    from herokit.testing.parametrize import parametrize_with_laws
    from herokit.testing.results import Report, Result
    from herokit.testing.search import QUICK, THOROUGH, Profile
    from herokit.testing.stateful import rewarder_state_machine

__all__ = [
    "LAWS",
    "QUICK",
    "THOROUGH",
    "Profile",
    "Report",
    "Result",
    "check_combiner",
    "check_reward_model",
    "check_verifier",
    "get_law",
    "list_laws",
    "parametrize_with_laws",
    "rewarder_state_machine",
]

_HOMES = {
    "check": ("check_combiner", "check_reward_model", "check_verifier"),
    "laws": ("LAWS", "get_law", "list_laws"),
    "stateful": ("rewarder_state_machine",),
    "parametrize": ("parametrize_with_laws",),
    "results": ("Report", "Result"),
    "search": ("QUICK", "THOROUGH", "Profile"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
