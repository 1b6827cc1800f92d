"""Adapter for verl: a reward function for workers, an advantage estimator and a mixin for its trainers."""

from herokit.adapters.verl.functions import INFO, AdvantageEstimator, Packing, RewardFunction, register
from herokit.adapters.verl.state import CheckpointCallback
from herokit.adapters.verl.trainer import GroupRewardMixin, install

__all__ = [
    "INFO",
    "AdvantageEstimator",
    "CheckpointCallback",
    "GroupRewardMixin",
    "Packing",
    "RewardFunction",
    "install",
    "register",
]
