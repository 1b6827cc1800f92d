"""TRL: GRPO and RLOO."""

from herokit.adapters.trl.functions import SUPPORT, AsyncRewardFunction, RewardFunction
from herokit.adapters.trl.trainer import GroupRewards

__all__ = ["SUPPORT", "AsyncRewardFunction", "GroupRewards", "RewardFunction"]
