"""Adapter for TRL, GRPO and RLOO: reward functions, and a mixin for trainers."""

from herokit.adapters.trl.functions import INFO, AsyncRewardFunction, RewardFunction
from herokit.adapters.trl.trainer import GroupRewardMixin

__all__ = ["INFO", "AsyncRewardFunction", "GroupRewardMixin", "RewardFunction"]
