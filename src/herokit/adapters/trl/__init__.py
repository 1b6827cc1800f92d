"""Adapter for TRL, GRPO and RLOO: reward functions, and a mixin for trainers."""

from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.trl.functions import AsyncRewardFunction, RewardFunction
from herokit.adapters.trl.trainer import GroupRewardMixin

__all__ = ["AsyncRewardFunction", "GroupRewardMixin", "RewardFunction"]

INFO = AdapterInfo(
    trainer="TRL, GRPOTrainer and RLOOTrainer",
    version="1.16.0",
    tested="training",
    scope="the rows of one rank; with `GroupRewardMixin`, all rows",
    settings='`scale_rewards="none"`, or `GroupRewardMixin` with a chain that produces advantages',
    state="in `trainer_state.json` of every checkpoint",
    limitations="AsyncGRPO always divides by the standard deviation of the group; its scoring was tested, training with it "
    "(vLLM) was not",
    page="how-to/trl.md",
)
