"""Registers the plugin under the entry point ``torch``. A file of its own, because the entry point names it."""

from herokit.hookspecs import Register, hookimpl

__all__ = ["herokit_register"]


@hookimpl
def herokit_register(register: Register) -> None:
    """Register the reward models ``torch``, ``torch-judge``, ``torch-pairwise-judge`` and ``torch-likelihood``."""
    register.reward_model("torch", "herokit_torch:TorchRewardModel")
    register.reward_model("torch-judge", "herokit_torch:TorchJudge")
    register.reward_model("torch-pairwise-judge", "herokit_torch:TorchPairwiseJudge")
    register.reward_model("torch-likelihood", "herokit_torch:TorchLikelihood")
