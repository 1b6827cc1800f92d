"""Several reward models as one, for trainers and services that take a single score."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from herokit.combiners.ensemble import REDUCTIONS, Reduction, join
from herokit.errors import ConfigError, check_choice
from herokit.samples import SampleLike, as_samples
from herokit.sources import execution
from herokit.sources.composite import CompositeSource
from herokit.types import RewardModel, Scores, Status, is_valid_score

__all__ = ["EnsembleRewardModel"]


@dataclass(frozen=True, slots=True)
class EnsembleRewardModel(CompositeSource):
    """Join the scores of reward models that share a unit; a row that one of them cannot score fails.

    Inside a `Rewarder`, prefer one source per model and the `Ensemble` step: every score then appears in the results
    and can be normalized by group first.

    Args:
        reward_models: the reward models, at least two.
        reduction: ``"min"``, ``"mean_minus_std"`` (mean minus k deviations), ``"mean"`` or ``"median"``.
        std_coef: how many deviations to subtract, for ``"mean_minus_std"``; at least 0.

    Raises:
        ConfigError: fewer than two models, an unknown `reduction`, or a negative `std_coef`.

    Example:
        >>> from herokit import Sample
        >>> class Constant:
        ...     def __init__(self, value):
        ...         self.value = value
        ...     def score(self, samples):
        ...         return [self.value] * len(samples)
        >>> EnsembleRewardModel((Constant(1.0), Constant(3.0)), "mean_minus_std").score([Sample("p", "c", "q")]).values.tolist()
        [1.0]
    """

    reward_models: tuple[RewardModel, ...]
    reduction: Reduction = "min"
    std_coef: float = 1.0

    def __post_init__(self) -> None:
        if len(self.reward_models) < 2:  # noqa: PLR2004 - one model is no ensemble
            raise ConfigError(
                f"EnsembleRewardModel: reward_models must hold two or more models, got {len(self.reward_models)}"
            )
        check_choice("EnsembleRewardModel: reduction", self.reduction, REDUCTIONS)
        if not self.std_coef >= 0:
            raise ConfigError(f"EnsembleRewardModel: std_coef must be at least 0, got {self.std_coef!r}")

    def score(self, samples: Sequence[SampleLike], /) -> Scores:
        """Return N scores for N samples; a row has no score if a model has none, and the status of that model.

        A row that failed for one model is failed, whatever the status of the others.
        """
        samples = as_samples(samples)
        columns = [execution.score(f"{i}", model, samples) for i, model in enumerate(self.reward_models)]
        joint = join(
            [scores.values for scores in columns], self.reduction, self.std_coef
        )  # NaN where any model has none
        valid = is_valid_score(joint) & np.logical_and.reduce([is_valid_score(scores.values) for scores in columns])
        reasons = tuple("; ".join(d for d in row if d) for row in zip(*(s.reasons for s in columns), strict=True))
        rows = zip(valid.tolist(), zip(*(scores.statuses for scores in columns), strict=True), strict=True)
        statuses = tuple(Status.JUDGED if is_valid else _join_statuses(row) for is_valid, row in rows)
        return Scores(np.where(valid, joint, np.nan), statuses, reasons)


def _join_statuses(statuses: Sequence[Status]) -> Status:
    """Return the status of a row without a score: the one that is not judged, failed if there are several."""
    others = {status for status in statuses if status is not Status.JUDGED}
    return others.pop() if len(others) == 1 else Status.FAILED
