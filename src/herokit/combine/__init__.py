"""Combiners: pure steps that turn signals into a reward or an advantage, and ways to compose them."""

from herokit.combine.agreement import WeightByAgreement
from herokit.combine.base import (
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
from herokit.combine.basic import Add, Affine, Blend, Clip, Multiply, Sigmoid, Take
from herokit.combine.chain import Chain, Scheduled, chain, start
from herokit.combine.ensemble import Ensemble, Mix
from herokit.combine.filters import KeepConsistent
from herokit.combine.gate import CenterWrong, IfUniform, OnlyIf, Quiet
from herokit.combine.group import Center, LeaveOneOut, MeanAbsoluteDeviation, Standardize, Whiten
from herokit.combine.numbers import Cosine, Linear, Piecewise, Schedule
from herokit.combine.spread import WeightBySpread
from herokit.combine.stratify import Stratify
from herokit.combine.trace import Composite, Trace, overall
from herokit.combine.unit import MinMax, Quantile, Rank, Squash, Unit
from herokit.combine.weights import WeightByCorrectRate, WeightByDifficulty

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
