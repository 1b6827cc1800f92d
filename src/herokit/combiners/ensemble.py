"""Steps that join several signals: weighted mixes and cautious ensembles of reward models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from herokit._segment import namespace
from herokit.combiners.base import Combiner, Stateless
from herokit.combiners.chain import chain
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval, check_weights
from herokit.errors import ConfigError, check_choice
from herokit.types import Array, Signals

__all__ = ["REDUCTIONS", "Ensemble", "Reduction", "WeightedSum", "join"]

Reduction = Literal["mean", "min", "mean_minus_std", "median"]
REDUCTIONS: tuple[Reduction, ...] = ("mean", "min", "mean_minus_std", "median")


@dataclass(frozen=True, slots=True)
class WeightedSum(Stateless):
    """Weighted sum of signals: ``r = sum_k w_k s_k``, each normalized first if wished.

    Args:
        weights: signal -> weight.
        transform: a step, or chain, without memory, applied to every signal before it is weighed, e.g. `Standardize` (GDPO, TRL's
            ``normalize_then_sum``) or `MinMax`: signals of different units must not be added raw.
        normalize: divide by the sum of the weights, as rubric rewards do (arXiv 2507.17746).

    Raises:
        ConfigError: no weights, a weight that is no finite number, or weights that sum to 0 and are to be normalized.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"a": np.array([1.0, 0.0]), "b": np.array([1.0, 1.0])}, Groups.from_keys("qq"))
        >>> WeightedSum({"a": 3.0, "b": 1.0}, normalize=True)(np.zeros(2), signals).tolist()
        [1.0, 0.25]
    """

    weights: Mapping[str, float]
    transform: Combiner[Any] | None = None
    normalize: bool = False

    def __post_init__(self) -> None:
        check_weights(self.weights, "(-inf, inf)")
        if self.normalize and sum(self.weights.values()) == 0:
            raise ConfigError(f"weights to be normalized must not sum to 0, got {dict(self.weights)}")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the mix, (N,)."""
        mixed = namespace(reward).zeros_like(reward)
        for name, weight in self.weights.items():
            mixed = mixed + weight * _prepare(signals[name], signals, self.transform)
        return mixed / sum(self.weights.values()) if self.normalize else mixed


@dataclass(frozen=True, slots=True)
class Ensemble(Stateless):
    """Join reward models so that fooling one of them does not pay.

    ``"min"`` is ``min_k s_k``; ``"mean_minus_std"`` is ``mean_k - k std_k`` (population, over the models): a rollout on
    which the models disagree is scored down. Against reward hacking, arXiv 2310.02743. ``"mean"`` and ``"median"``
    only average.

    Args:
        signals: the reward models' names, at least two.
        reduction: how to join them.
        std_coef: how many deviations to subtract, for ``"mean_minus_std"``; at least 0.
        transform: a step, or chain, without memory, applied to every model's scores first, to bring them to one unit, e.g. `Standardize` or `Rank`.

    Raises:
        ConfigError: fewer than two models, an unknown `reduction`, or a negative `std_coef`.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"a": np.array([1.0, 2.0]), "b": np.array([3.0, 2.0])}, Groups.from_keys("qq"))
        >>> Ensemble(("a", "b"), "mean_minus_std")(np.zeros(2), signals).tolist()
        [1.0, 2.0]
    """

    signals: tuple[str, ...]
    reduction: Reduction = "min"
    std_coef: ScalarOrSchedule = 1.0
    transform: Combiner[Any] | None = None

    def __post_init__(self) -> None:
        if len(set(self.signals)) < 2:  # noqa: PLR2004 - one model is no ensemble
            raise ConfigError(f"an ensemble has two or more models, got {self.signals!r}")
        check_choice("reduction", self.reduction, REDUCTIONS)
        check_in_interval("std_coef", self.std_coef, "[0, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:  # noqa: ARG002 - it replaces the reward
        """Return the joint score, (N,)."""
        scores = [signals[name] for name in self.signals]
        return join([_prepare(s, signals, self.transform) for s in scores], self.reduction, self.std_coef)


def _prepare(signal: Array, signals: Signals, each: Combiner[Any] | None) -> Array:
    if each is None:
        return signal
    built = chain(each)
    return built.combine(signal, signals, built.init())[0]


def join(scores: Sequence[Array], reduction: Reduction, k: float = 1.0) -> Array:
    """Join the scores of several models, each (N,).

    Example:
        >>> import numpy as np
        >>> join([np.array([1.0]), np.array([5.0]), np.array([6.0])], "median").tolist()
        [5.0]
    """
    xp = namespace(*scores)
    table = xp.stack(list(scores))
    if reduction == "min":
        return xp.min(table, axis=0)
    if reduction == "median":
        ordered, n = xp.sort(table, axis=0), table.shape[0]
        return (ordered[(n - 1) // 2, ...] + ordered[n // 2, ...]) / 2.0
    if reduction == "mean_minus_std":
        middle = xp.mean(table, axis=0)
        deviation = table - middle  # by hand: torch's own deviation warns about an empty batch
        return middle - k * xp.sqrt(xp.mean(deviation * deviation, axis=0))
    return xp.mean(table, axis=0)
