"""What the adapters of all trainers share; `herokit.adapters.common.base` describes how an adapter is built."""

from herokit.adapters.common.base import (
    RewarderLike,
    RewarderMixin,
    group_ids_by_position,
    load_state,
    save_state,
    score_group,
    to_rewarder,
    trainer_values,
)
from herokit.adapters.common.gather import GroupGatherer
from herokit.adapters.common.microbatch import MicroBatcher
from herokit.adapters.common.pointwise import check_group_independent
from herokit.adapters.common.rows import combine_rows, score_one
from herokit.adapters.common.samples import make_sample, make_samples
from herokit.adapters.common.templates import ChatTemplate

__all__ = [
    "ChatTemplate",
    "GroupGatherer",
    "MicroBatcher",
    "RewarderLike",
    "RewarderMixin",
    "check_group_independent",
    "combine_rows",
    "group_ids_by_position",
    "load_state",
    "make_sample",
    "make_samples",
    "save_state",
    "score_group",
    "score_one",
    "to_rewarder",
    "trainer_values",
]
