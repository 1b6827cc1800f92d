"""Adapter for TRL, GRPO and RLOO: reward functions, a mixin for trainers, and TRL's own trainers with the mixin.

``from herokit.adapters.trl import GRPOTrainer`` takes the place of ``from trl import GRPOTrainer``; TRL is imported then.
"""

from typing import TYPE_CHECKING, Any

from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.trl.functions import AsyncRewardFunction, RewardFunction
from herokit.adapters.trl.trainer import GroupRewardMixin

if TYPE_CHECKING:
    GRPOTrainer: Any
    """TRL's `GRPOTrainer` with `GroupRewardMixin`."""

    RLOOTrainer: Any
    """TRL's `RLOOTrainer` with `GroupRewardMixin`."""

__all__ = ["AsyncRewardFunction", "GRPOTrainer", "GroupRewardMixin", "RLOOTrainer", "RewardFunction"]

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


def __getattr__(name: str) -> Any:
    """Make a trainer with the mixin on first use: TRL is heavy, and may be missing."""
    if name not in ("GRPOTrainer", "RLOOTrainer"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import trl

    text = f"TRL's `{name}` with `GroupRewardMixin`: rewards are combined after the gather, for whole groups."
    trainer = type(name, (GroupRewardMixin, getattr(trl, name)), {"__doc__": text, "__module__": __name__})
    globals()[name] = trainer
    return trainer
