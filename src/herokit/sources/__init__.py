"""Sources made of sources: cascades and votes of verifiers, ensembles of reward models."""

from herokit.sources.cascade import Cascade
from herokit.sources.ensemble import EnsembleRewardModel
from herokit.sources.vote import Vote

__all__ = ["Cascade", "EnsembleRewardModel", "Vote"]
