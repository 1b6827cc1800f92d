"""Sources made of sources: verifiers joined, routed, cached, limited and audited; ensembles; and columns read as sources."""

from herokit.sources.after_marker import After
from herokit.sources.cache import Cache
from herokit.sources.cascade import Cascade
from herokit.sources.column import ScoreColumn, VerdictColumn
from herokit.sources.ensemble import EnsembleRewardModel
from herokit.sources.logic import AllOf, AnyOf
from herokit.sources.noisy_verifiers import Noisy
from herokit.sources.process_pool import Pool
from herokit.sources.route import Route
from herokit.sources.spot_check import Audit
from herokit.sources.time_limit import TimeLimit
from herokit.sources.vote import Vote

__all__ = [
    "After",
    "AllOf",
    "AnyOf",
    "Audit",
    "Cache",
    "Cascade",
    "EnsembleRewardModel",
    "Noisy",
    "Pool",
    "Route",
    "ScoreColumn",
    "TimeLimit",
    "VerdictColumn",
    "Vote",
]
