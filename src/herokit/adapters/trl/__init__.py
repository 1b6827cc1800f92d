"""Adapter for TRL, GRPO and RLOO: reward functions, a mixin for trainers, and TRL's own trainers with the mixin.

``from herokit.adapters.trl import GRPOTrainer`` takes the place of ``from trl import GRPOTrainer``; TRL is imported then.
"""

from typing import TYPE_CHECKING, Any

from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.trl.functions import AsyncRewardFunction, RewardFunction
from herokit.adapters.trl.report import ReportWriter
from herokit.adapters.trl.trainer import GroupRewardMixin

if TYPE_CHECKING:
    GRPOTrainer: Any
    """TRL's `GRPOTrainer` with `GroupRewardMixin`."""

    RLOOTrainer: Any
    """TRL's `RLOOTrainer` with `GroupRewardMixin`."""

    ReportCallback: Any
    """`ReportWriter` as a callback of TRL's trainers: the report of recent steps, every k steps."""

__all__ = [
    "AsyncRewardFunction",
    "GRPOTrainer",
    "GroupRewardMixin",
    "RLOOTrainer",
    "ReportCallback",
    "ReportWriter",
    "RewardFunction",
]

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
    credit="GRPO with `GroupRewardMixin`: every token of a turn has its advantage; RLOO and the function alone refuse it",
)


def __getattr__(name: str) -> Any:
    """Make what derives from a class of TRL or transformers on first use: they are heavy, and may be missing."""
    if name in ("GRPOTrainer", "RLOOTrainer"):
        import trl

        text = f"TRL's `{name}` with `GroupRewardMixin`: rewards are combined after the gather, for whole groups."
        cls = type(name, (GroupRewardMixin, getattr(trl, name)), {"__doc__": text, "__module__": __name__})
    elif name == "ReportCallback":
        from transformers import TrainerCallback

        cls = type(name, (ReportWriter, TrainerCallback), {"__doc__": ReportWriter.__doc__, "__module__": __name__})
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = cls
    return cls
