"""herokit on torch: reward models, and running means that are equal on every rank."""

from herokit_torch.language import TorchJudge, TorchLikelihood
from herokit_torch.model import TorchRewardModel
from herokit_torch.pairwise import TorchPairwiseJudge
from herokit_torch.sync import AllReduce

__all__ = ["AllReduce", "TorchJudge", "TorchLikelihood", "TorchPairwiseJudge", "TorchRewardModel"]
