"""Adapter for verl: a reward function for workers, an advantage estimator and a mixin for its trainers."""

from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.verl.functions import AdvantageEstimator, Packing, RewardFunction, register
from herokit.adapters.verl.state import CheckpointCallback
from herokit.adapters.verl.trainer import GroupRewardMixin, install

__all__ = [
    "AdvantageEstimator",
    "CheckpointCallback",
    "GroupRewardMixin",
    "Packing",
    "RewardFunction",
    "install",
    "register",
]

INFO = AdapterInfo(
    trainer="verl, v1 trainers",
    version="0.9.1",
    tested="integration",
    scope="one rollout; the driver has the batch and its uids",
    settings="`algorithm.adv_estimator=herokit`, or the trainer mixin, whose advantages replace those of any estimator",
    state="`trainer.checkpoint_callback_class=herokit.adapters.verl.CheckpointCallback`",
    limitations="the estimator counts every output of a session with several, the mixin one; no training run (needs a GPU); tested were the reward manager, the estimator, `compute_advantage`, the "
    "trainers' `_compute_advantage` on a real TransferQueue and the checkpoint callback; packed scores appear in "
    "`critic/score` and in DAPO's filter; the deprecated trainer (`use_v1=False`) was not tested",
    page="how-to/verl.md",
    credit="with `install`, every trained token has the advantage of its turn; `register` and `Packing` refuse it",
)
