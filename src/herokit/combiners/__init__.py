"""Combiners: pure steps that turn signals into a reward or an advantage, and ways to compose them."""

from herokit.combiners.advantages import (
    BestMinusSecond,
    Center,
    DivideByMad,
    DivideByMean,
    DivideBySummedStd,
    LeaveOneOut,
    Standardize,
    StandardizeWithVirtual,
    Whiten,
)
from herokit.combiners.base import Combiner, Composite, Filter, Mean, ProducesAdvantage, Stateless, Sync, Weight
from herokit.combiners.chain import Chain, chain, initial_reward
from herokit.combiners.credit import Discount, Progress, Redistribute, RewardToGo, SoftMin
from herokit.combiners.elementwise import Add, Affine, Clip, Interpolate, Multiply, Select, Sigmoid
from herokit.combiners.ensemble import Ensemble, WeightedSum
from herokit.combiners.gating import CenterIncorrect, ConsistencyFilter, FlattenLowStd, Gate, IfUniform, TopPStdFilter
from herokit.combiners.lengths import CosineLength, ExcessLength, GroupLengthPenalty, KimiLength, SoftOverlong
from herokit.combiners.normalizers import MinMax, Normalizer, QuantileMinMax, Rank, ZScoreSigmoid
from herokit.combiners.parts import AggregateParts, ForParts, GroupBy, PerRollout
from herokit.combiners.schedules import CosineSchedule, LinearSchedule, PiecewiseConstantSchedule, Schedule
from herokit.combiners.stratify import Stratify
from herokit.combiners.variance_weight import WeightByStd
from herokit.combiners.weights import WeightByAgreement, WeightByCorrectRate, WeightByDifficulty

STEPS = (
    *(Add, Affine, Interpolate, Clip, Multiply, Sigmoid, Select, Ensemble, WeightedSum),
    *(MinMax, QuantileMinMax, Rank, ZScoreSigmoid, Stratify),
    *(Center, LeaveOneOut, DivideByMad, Standardize, Whiten),
    *(BestMinusSecond, DivideByMean, DivideBySummedStd, StandardizeWithVirtual),
    *(WeightByAgreement, WeightByCorrectRate, WeightByDifficulty, WeightByStd),
    *(CenterIncorrect, IfUniform, Gate, FlattenLowStd, ConsistencyFilter, TopPStdFilter),
    *(CosineLength, ExcessLength, GroupLengthPenalty, KimiLength, SoftOverlong),
    *(ForParts, GroupBy, PerRollout, AggregateParts),
    *(Discount, Progress, Redistribute, RewardToGo, SoftMin),
    *(CosineSchedule, LinearSchedule, PiecewiseConstantSchedule),
)
"""Every step, and the schedules that stand for their numbers: what a scheme file can name."""

__all__ = [
    "Add",
    "Affine",
    "AggregateParts",
    "BestMinusSecond",
    "Center",
    "CenterIncorrect",
    "Chain",
    "Clip",
    "Combiner",
    "Composite",
    "ConsistencyFilter",
    "CosineLength",
    "CosineSchedule",
    "Discount",
    "DivideByMad",
    "DivideByMean",
    "DivideBySummedStd",
    "Ensemble",
    "ExcessLength",
    "Filter",
    "FlattenLowStd",
    "ForParts",
    "Gate",
    "GroupBy",
    "GroupLengthPenalty",
    "IfUniform",
    "Interpolate",
    "KimiLength",
    "LeaveOneOut",
    "LinearSchedule",
    "Mean",
    "MinMax",
    "Multiply",
    "Normalizer",
    "PerRollout",
    "PiecewiseConstantSchedule",
    "ProducesAdvantage",
    "Progress",
    "QuantileMinMax",
    "Rank",
    "Redistribute",
    "RewardToGo",
    "Schedule",
    "Select",
    "Sigmoid",
    "SoftMin",
    "SoftOverlong",
    "Standardize",
    "StandardizeWithVirtual",
    "Stateless",
    "Stratify",
    "Sync",
    "TopPStdFilter",
    "Weight",
    "WeightByAgreement",
    "WeightByCorrectRate",
    "WeightByDifficulty",
    "WeightByStd",
    "WeightedSum",
    "Whiten",
    "ZScoreSigmoid",
    "chain",
    "initial_reward",
]
