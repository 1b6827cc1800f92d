"""Composable rewards for reinforcement learning of language models.

Verifiers say what is right, reward models say what is better, combiners join them: HERO's stratified normalization
and variance-aware weighting (arXiv 2510.07242) and their siblings. Importing herokit loads numpy and nothing heavier.

The steps are in `herokit.combiners`, the named schemes in `herokit.schemes`; the most used of both are here.
"""

from herokit.combiners import Center, MinMax, Rank, Select, Standardize, Stratify, WeightByStd, chain
from herokit.errors import HerokitError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.schemes import earned_trust, hero, hero_advantage, naive_blend, rm_only, verifier_only
from herokit.types import Groups, RewardModel, Sample, Scores, Signals, Status, Verdict, Verifier

__all__ = [
    "Center",
    "Groups",
    "HerokitError",
    "MinMax",
    "Rank",
    "RewardModel",
    "RewardOutput",
    "Rewarder",
    "Sample",
    "Scores",
    "Select",
    "Signals",
    "Standardize",
    "Status",
    "Stratify",
    "Verdict",
    "Verifier",
    "WeightByStd",
    "chain",
    "earned_trust",
    "hero",
    "hero_advantage",
    "naive_blend",
    "rm_only",
    "verifier_only",
]
