"""Composable rewards for reinforcement learning of language models.

Verifiers decide what is correct, reward models score what is better, and combiners join both: HERO's stratified
normalization and variance-aware weighting (arXiv 2510.07242), and other published schemes.

The common steps and schemes are here; `herokit.combiners` and `herokit.schemes` have all of them. ``import herokit``
loads numpy and nothing heavier; `load_scheme`, `Scheme` and `score` are imported on first use.
"""

from typing import TYPE_CHECKING, Any

from herokit.arrays import ArrayCombiner, combine
from herokit.combiners import Center, Chain, MinMax, Rank, Select, Standardize, Stateless, Stratify, WeightByStd, chain
from herokit.errors import HerokitError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.schemes import earned_trust, hero, hero_advantage, naive_blend, rm_only, verifier_only
from herokit.sources import as_reward_model, as_verifier
from herokit.types import Groups, Parts, RewardModel, Sample, Scores, Signals, Status, Verdict, Verifier

if TYPE_CHECKING:
    from herokit.config import Scheme, load_scheme
    from herokit.pipeline.tables import score

    __version__: str
    """The version of the installed distribution."""

__all__ = [
    "ArrayCombiner",
    "Center",
    "Chain",
    "Groups",
    "HerokitError",
    "MinMax",
    "Parts",
    "Rank",
    "RewardModel",
    "RewardOutput",
    "Rewarder",
    "Sample",
    "Scheme",
    "Scores",
    "Select",
    "Signals",
    "Standardize",
    "Stateless",
    "Status",
    "Stratify",
    "Verdict",
    "Verifier",
    "WeightByStd",
    "__version__",
    "as_reward_model",
    "as_verifier",
    "chain",
    "combine",
    "earned_trust",
    "hero",
    "hero_advantage",
    "load_scheme",
    "naive_blend",
    "rm_only",
    "score",
    "verifier_only",
]


def __getattr__(name: str) -> Any:
    """Import what is too heavy for ``import herokit``, on first use."""
    if name in ("Scheme", "load_scheme"):
        from herokit import config

        return getattr(config, name)
    if name == "score":
        from herokit.pipeline import tables

        return tables.score
    if name == "__version__":
        from importlib.metadata import version

        return version("herokit")
    hint = '; arrays: herokit.combine({"verifier": v, "rm": s}, groups=ids, combiner=herokit.hero())'
    raise AttributeError(f"module 'herokit' has no attribute {name!r}{hint if 'reward' in name.lower() else ''}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
