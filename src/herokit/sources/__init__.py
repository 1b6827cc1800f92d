"""Sources made of sources: verifiers joined, routed, cached, limited and audited; ensembles; and columns read as sources."""

from herokit.sources.after_marker import AfterMarker
from herokit.sources.cache import Cache
from herokit.sources.cascade import Cascade
from herokit.sources.column import ScoreColumn, VerdictColumn
from herokit.sources.ensemble import EnsembleRewardModel
from herokit.sources.logic import AllOf, AnyOf
from herokit.sources.noisy_verifiers import NoisyVerifiers
from herokit.sources.process_pool import ProcessPool
from herokit.sources.route import Route
from herokit.sources.spot_check import SpotCheck
from herokit.sources.vote import Vote

__all__ = [
    "AfterMarker",
    "AllOf",
    "AnyOf",
    "Cache",
    "Cascade",
    "EnsembleRewardModel",
    "NoisyVerifiers",
    "ProcessPool",
    "Route",
    "ScoreColumn",
    "SpotCheck",
    "VerdictColumn",
    "Vote",
]
