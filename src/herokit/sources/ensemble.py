"""Several reward models as one, for trainers and services that take one score."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from herokit.combiners.ensemble import HOWS, How, join
from herokit.errors import ConfigError
from herokit.sources import execution
from herokit.types import RewardModel, Sample, Scores, Status, is_valid_score


@dataclass(frozen=True, slots=True)
class EnsembleRewardModel:
    """Join the scores of several reward models of one unit; a row that one of them cannot score fails.

    Inside a `Rewarder` prefer naming each model as a source and the `Ensemble` step: every score is then kept in the
    results and can be normalized by group first.

    Args:
        reward_models: the reward models, at least two.
        reduction: ``"min"``, ``"mean_minus_std"`` (mean minus k deviations), ``"mean"`` or ``"median"``.
        std_coef: how many deviations to subtract, for ``"mean_minus_std"``; at least 0.

    Raises:
        ConfigError: fewer than two models, an unknown `reduction`, or a negative `std_coef`.

    Example:
        >>> class Says:
        ...     def __init__(self, value):
        ...         self.value = value
        ...     def score(self, samples):
        ...         return [self.value] * len(samples)
        >>> EnsembleRewardModel((Says(1.0), Says(3.0)), "mean_minus_std").score([Sample("p", "c", "q")]).values.tolist()
        [1.0]
    """

    reward_models: tuple[RewardModel, ...]
    reduction: How = "min"
    std_coef: float = 1.0

    def __post_init__(self) -> None:
        if len(self.reward_models) < 2:  # noqa: PLR2004 - one model is no ensemble
            raise ConfigError(f"an ensemble has two or more reward models, got {len(self.reward_models)}")
        if self.reduction not in HOWS or not self.std_coef >= 0:
            raise ConfigError(
                f"how is one of {', '.join(HOWS)} and k at least 0, got {self.reduction!r}, {self.std_coef!r}"
            )

    def score(self, samples: Sequence[Sample], /) -> Scores:
        """Return N joint scores for N samples."""
        each = [execution.score(f"{i}", model, samples) for i, model in enumerate(self.reward_models)]
        joint = join([scores.values for scores in each], self.reduction, self.std_coef)  # NaN where any model has none
        usable = is_valid_score(joint) & np.logical_and.reduce([is_valid_score(scores.values) for scores in each])
        reasons = tuple("; ".join(d for d in row if d) for row in zip(*(s.reasons for s in each), strict=True))
        statuses = tuple(Status.JUDGED if ok else Status.FAILED for ok in usable)
        return Scores(np.where(usable, joint, np.nan), statuses, reasons)

    def close(self) -> None:
        """Close every model."""
        for model in self.reward_models:
            execution.close(model)
