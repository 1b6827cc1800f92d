"""Composable rewards for reinforcement learning of language models.

Verifiers say what is right, reward models say what is better, combiners join them: HERO's stratified normalization
and variance-aware weighting (arXiv 2510.07242) and their siblings. Importing herokit loads numpy and nothing heavier.
"""

from herokit.combine import Blend, Center, MinMax, Standardize, Stratify, Take, WeightBySpread, chain
from herokit.errors import HerokitError
from herokit.outcome import Outcome
from herokit.rewarder import Rewarder
from herokit.schemes import hero, naive_blend, rm_only, verifier_only
from herokit.types import Groups, RewardModel, Sample, Scores, Signals, Status, Verdict, Verifier

__all__ = [
    "Blend",
    "Center",
    "Groups",
    "HerokitError",
    "MinMax",
    "Outcome",
    "RewardModel",
    "Rewarder",
    "Sample",
    "Scores",
    "Signals",
    "Standardize",
    "Status",
    "Stratify",
    "Take",
    "Verdict",
    "Verifier",
    "WeightBySpread",
    "chain",
    "hero",
    "naive_blend",
    "rm_only",
    "verifier_only",
]
