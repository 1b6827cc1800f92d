"""verl: a reward manager, an advantage estimator and a mixin for its trainers."""

from herokit.adapters.verl.functions import SUPPORT, ComputeScore, Estimator, Packing, register
from herokit.adapters.verl.state import SaveState
from herokit.adapters.verl.trainer import GroupRewards, replace_trainers

__all__ = [
    "SUPPORT",
    "ComputeScore",
    "Estimator",
    "GroupRewards",
    "Packing",
    "SaveState",
    "register",
    "replace_trainers",
]
