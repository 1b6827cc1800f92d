"""Combiners: pure steps that turn signals into a reward or an advantage, and ways to compose them."""

from herokit.combiners.advantages import Center, DivideByMad, LeaveOneOut, Standardize, Whiten
from herokit.combiners.base import (
    CORRECT_THRESHOLD,
    Combiner,
    Composite,
    Filter,
    Mean,
    ProducesAdvantage,
    Stateless,
    StepTrace,
    Sync,
    Weight,
    is_step,
    is_step_type,
    no_sync,
    produces_advantage,
    summarize_trace,
)
from herokit.combiners.chain import (
    Chain,
    Scheduled,
    chain,
    check_signals,
    find_unread_sources,
    initial_reward,
    signals_read,
)
from herokit.combiners.elementwise import Add, Affine, Clip, Interpolate, Multiply, Select, Sigmoid
from herokit.combiners.ensemble import Ensemble, WeightedSum
from herokit.combiners.gating import CenterIncorrect, ConsistencyFilter, FlattenLowStd, Gate, IfUniform
from herokit.combiners.lengths import CosineLength, ExcessLength, GroupLengthPenalty, KimiLength, SoftOverlong
from herokit.combiners.normalizers import MinMax, Normalizer, QuantileMinMax, Rank, ZScoreSigmoid
from herokit.combiners.schedules import CosineSchedule, LinearSchedule, PiecewiseConstantSchedule, Schedule
from herokit.combiners.stratify import Stratify
from herokit.combiners.variance_weight import WeightByStd
from herokit.combiners.weights import WeightByAgreement, WeightByCorrectRate, WeightByDifficulty

STEPS = (
    *(Add, Affine, Interpolate, Clip, Multiply, Sigmoid, Select, Ensemble, WeightedSum),
    *(MinMax, QuantileMinMax, Rank, ZScoreSigmoid, Stratify),
    *(Center, LeaveOneOut, DivideByMad, Standardize, Whiten),
    *(WeightByAgreement, WeightByCorrectRate, WeightByDifficulty, WeightByStd),
    *(CenterIncorrect, IfUniform, Gate, FlattenLowStd, ConsistencyFilter),
    *(CosineLength, ExcessLength, GroupLengthPenalty, KimiLength, SoftOverlong),
    *(CosineSchedule, LinearSchedule, PiecewiseConstantSchedule),
)
"""Every step, and the schedules that stand for their numbers: what a scheme file can name."""

__all__ = [
    "CORRECT_THRESHOLD",
    "STEPS",
    "Add",
    "Affine",
    "Center",
    "CenterIncorrect",
    "Chain",
    "Clip",
    "Combiner",
    "Composite",
    "ConsistencyFilter",
    "CosineLength",
    "CosineSchedule",
    "DivideByMad",
    "Ensemble",
    "ExcessLength",
    "Filter",
    "FlattenLowStd",
    "Gate",
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
    "PiecewiseConstantSchedule",
    "ProducesAdvantage",
    "QuantileMinMax",
    "Rank",
    "Schedule",
    "Scheduled",
    "Select",
    "Sigmoid",
    "SoftOverlong",
    "Standardize",
    "Stateless",
    "StepTrace",
    "Stratify",
    "Sync",
    "Weight",
    "WeightByAgreement",
    "WeightByCorrectRate",
    "WeightByDifficulty",
    "WeightByStd",
    "WeightedSum",
    "Whiten",
    "ZScoreSigmoid",
    "chain",
    "check_signals",
    "find_unread_sources",
    "initial_reward",
    "is_step",
    "is_step_type",
    "no_sync",
    "produces_advantage",
    "signals_read",
    "summarize_trace",
]
