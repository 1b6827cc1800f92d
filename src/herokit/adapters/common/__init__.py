"""What the adapters of all trainers share; `herokit.adapters.common.base` describes how an adapter is built."""

from herokit.adapters.common.base import RewarderLike, load_state, save_state, score_group
from herokit.adapters.common.metrics import compute_metrics
from herokit.adapters.common.rows import combine_rows, score_one
from herokit.adapters.common.templates import ChatTemplate

__all__ = [
    "ChatTemplate",
    "RewarderLike",
    "combine_rows",
    "compute_metrics",
    "load_state",
    "save_state",
    "score_group",
    "score_one",
]
