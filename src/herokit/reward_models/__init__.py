"""What reward models that run in this process share: batches, memory, progress, score monitoring, model families."""

from herokit.reward_models.agreement import RankAgreement, compare_ranks
from herokit.reward_models.batching import plan_batches
from herokit.reward_models.families import ModelProfile, find_profile
from herokit.reward_models.lazy import LazyResource, ResourceOwner
from herokit.reward_models.local import LocalRewardModel
from herokit.reward_models.monitor import ScoreMonitor
from herokit.reward_models.progress import progress_bar, track_progress

__all__ = [
    "LazyResource",
    "LocalRewardModel",
    "ModelProfile",
    "RankAgreement",
    "ResourceOwner",
    "ScoreMonitor",
    "compare_ranks",
    "find_profile",
    "plan_batches",
    "progress_bar",
    "track_progress",
]
