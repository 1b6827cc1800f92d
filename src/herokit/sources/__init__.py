"""Sources made of sources (verifiers joined, routed, cached, limited and checked) functions and columns as sources."""

from herokit.sources.cache import Cache
from herokit.sources.cascade import Cascade
from herokit.sources.column import ScoreColumn, VerdictColumn
from herokit.sources.ensemble import EnsembleRewardModel
from herokit.sources.functions import as_reward_model, as_verifier
from herokit.sources.logic import AllOf, AnyOf
from herokit.sources.process_pool import ProcessPool
from herokit.sources.route import AfterMarker, Route
from herokit.sources.spot_check import SpotCheck
from herokit.sources.tokens import NumTokens
from herokit.sources.vote import NoisyVerifiers, Vote

__all__ = [
    "AfterMarker",
    "AllOf",
    "AnyOf",
    "Cache",
    "Cascade",
    "EnsembleRewardModel",
    "NoisyVerifiers",
    "NumTokens",
    "ProcessPool",
    "Route",
    "ScoreColumn",
    "SpotCheck",
    "VerdictColumn",
    "Vote",
    "as_reward_model",
    "as_verifier",
]
