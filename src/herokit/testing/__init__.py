"""Property-based tests of reward schemes; needs the extra ``testing`` (hypothesis and pytest).

`check_combiner` tries a scheme on thousands of small batches and returns what broke, each with its smallest
counterexample. Nothing else in herokit imports this package.
"""

from herokit.testing.check import check_combiner, check_reward_model, check_verifier
from herokit.testing.laws import LAWS, find_law, laws_of
from herokit.testing.results import Report, Result
from herokit.testing.search import QUICK, THOROUGH, Profile

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
    "find_law",
    "laws_of",
]
