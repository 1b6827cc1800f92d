"""Combiners: pure steps that turn signals into a reward or an advantage, and ways to compose them."""

from herokit.combiners.advantages import Center, LeaveOneOut, MeanAbsoluteDeviation, Standardize, Whiten
from herokit.combiners.agreement import WeightByAgreement
from herokit.combiners.base import (
    RIGHT,
    Apart,
    Combiner,
    Filter,
    Mean,
    Stateless,
    Sync,
    ToAdvantage,
    Weight,
    alone,
    is_to_advantage,
)
from herokit.combiners.chain import Chain, Scheduled, chain, start
from herokit.combiners.elementwise import Add, Affine, Blend, Clip, Multiply, Sigmoid, Take
from herokit.combiners.ensemble import Ensemble, Mix
from herokit.combiners.filters import KeepConsistent
from herokit.combiners.gating import CenterWrong, IfUniform, OnlyIf, Quiet
from herokit.combiners.normalizers import MinMax, Quantile, Rank, Squash, Unit
from herokit.combiners.schedules import Cosine, Linear, Piecewise, Schedule
from herokit.combiners.stratify import Stratify
from herokit.combiners.trace import Composite, Trace, overall
from herokit.combiners.variance_weight import WeightBySpread
from herokit.combiners.weights import WeightByCorrectRate, WeightByDifficulty

STEPS = (
    *(Add, Affine, Blend, Clip, Multiply, Sigmoid, Take, Ensemble, Mix),
    *(MinMax, Quantile, Rank, Squash, Stratify),
    *(Center, LeaveOneOut, MeanAbsoluteDeviation, Standardize, Whiten),
    *(WeightByAgreement, WeightByCorrectRate, WeightByDifficulty, WeightBySpread),
    *(CenterWrong, IfUniform, OnlyIf, Quiet, KeepConsistent),
    *(Cosine, Linear, Piecewise),
)
"""Every step, and the schedules that stand for their numbers: what a scheme file can name."""

__all__ = [
    "RIGHT",
    "STEPS",
    "Add",
    "Affine",
    "Apart",
    "Blend",
    "Center",
    "CenterWrong",
    "Chain",
    "Clip",
    "Combiner",
    "Composite",
    "Cosine",
    "Ensemble",
    "Filter",
    "IfUniform",
    "KeepConsistent",
    "LeaveOneOut",
    "Linear",
    "Mean",
    "MeanAbsoluteDeviation",
    "MinMax",
    "Mix",
    "Multiply",
    "OnlyIf",
    "Piecewise",
    "Quantile",
    "Quiet",
    "Rank",
    "Schedule",
    "Scheduled",
    "Sigmoid",
    "Squash",
    "Standardize",
    "Stateless",
    "Stratify",
    "Sync",
    "Take",
    "ToAdvantage",
    "Trace",
    "Unit",
    "Weight",
    "WeightByAgreement",
    "WeightByCorrectRate",
    "WeightByDifficulty",
    "WeightBySpread",
    "Whiten",
    "alone",
    "chain",
    "is_to_advantage",
    "overall",
    "start",
]
