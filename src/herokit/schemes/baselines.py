"""Baselines of HERO: single sources, plain sums, and the ways in which trainers add several rewards."""

from collections.abc import Mapping

from herokit.combiners import Affine, Chain, Interpolate, MinMax, Select, Standardize, WeightedSum, Whiten, chain
from herokit.combiners.schedules import ScalarOrSchedule
from herokit.errors import ConfigError, did_you_mean

__all__ = [
    "STANDARD_ADVANTAGES",
    "naive_blend",
    "noisy_verifier",
    "normalize_then_sum",
    "rm_only",
    "rubric",
    "suggest_scheme",
    "sum_then_normalize",
    "verifier_only",
]


def verifier_only(verifier: str = "verifier") -> Chain:
    """Return the verifier's value as the reward: ``r = c``.

    Args:
        verifier: the verifier's name.

    Source: the baseline of arXiv 2510.07242.

    Example:
        >>> verifier_only()
        Chain(steps=(Select(signal='verifier'),))
    """
    return chain(Select(verifier))


def rm_only(reward_model: str = "rm") -> Chain:
    """Return the reward model's raw score as the reward: ``r = m``.

    In the paper it is exploited on data that cannot be verified: the score rises from 5 to 40 while MATH500 falls to 0.

    Args:
        reward_model: the reward model's name.

    Source: the baseline of arXiv 2510.07242.

    Example:
        >>> rm_only()
        Chain(steps=(Select(signal='rm'),))
    """
    return chain(Select(reward_model))


def naive_blend(verifier: str = "verifier", reward_model: str = "rm", *, weight: ScalarOrSchedule = 0.5) -> Chain:
    """Blend both without strata: ``r = weight c + (1 - weight) minmax_g(m)``.

    If ``weight < 0.5``, an incorrect rollout may outrank a correct one.

    Args:
        verifier: the verifier's name.
        reward_model: the reward model's name.
        weight: the verifier's weight, in [0, 1].

    Source: Table 9 of arXiv 2510.07242, with weights 0.1, 0.5 and 0.9.

    Example:
        >>> naive_blend(weight=0.9).steps[-1]
        Interpolate(signal='verifier', weight=0.9)
    """
    return chain(Select(reward_model), MinMax(), Interpolate(verifier, weight=weight))


def sum_then_normalize(weights: Mapping[str, float] | None = None) -> Chain:
    """Add rewards by weight, then standardize in the group: ``A = z_g(sum_k w_k r_k)``.

    Args:
        weights: signal -> weight; 1 for verifier and rm by default.

    Source: TRL 1.16.0, ``multi_objective_aggregation="sum_then_normalize"`` (its default), eps 1e-4.

    Example:
        >>> sum_then_normalize({"verifier": 1.0, "rm": 0.5}).steps[1]
        Standardize(scope='group', eps=0.0001, ddof=1, min_std=0.0, scale=None)
    """
    return chain(WeightedSum(dict(weights or {"verifier": 1.0, "rm": 1.0})), Standardize())


def normalize_then_sum(weights: Mapping[str, float] | None = None) -> Chain:
    """Standardize each reward in the group, add by weight, whiten the batch: ``A = z_b(sum_k w_k z_g(r_k))``.

    Every reward counts by its weight, whatever its scale. A group weight such as HERO's cancels.

    Args:
        weights: signal -> weight; 1 for verifier and rm by default.

    Source: TRL 1.16.0, ``multi_objective_aggregation="normalize_then_sum"``, eps 1e-4: its form of GDPO.

    Example:
        >>> normalize_then_sum().steps[0].transform.eps
        0.0001
    """
    return chain(WeightedSum(dict(weights or {"verifier": 1.0, "rm": 1.0}), transform=Standardize()), Whiten())


def rubric(weights: Mapping[str, float] | None = None) -> Chain:
    """Average graded criteria by weight: ``r = sum_j w_j c_j / sum_j w_j``.

    Args:
        weights: criterion -> weight; the names and weights of the source by default.

    Source: rubrics as rewards, arXiv 2507.17746, weights 1.0 / 0.7 / 0.3 / 0.9.

    Example:
        >>> rubric({"correct": 1.0, "style": 0.3}).steps[0].normalize
        True
    """
    usual = {"essential": 1.0, "important": 0.7, "optional": 0.3, "pitfall": 0.9}
    return chain(WeightedSum(dict(weights or usual), normalize=True))


def noisy_verifier(verifier: str = "verifier", *, false_positive: float = 0.0, false_negative: float = 0.0) -> Chain:
    """Correct a verifier's value for its known error rates: ``r = (c - rho0) / (1 - rho0 - rho1)``.

    Its mean over the verifier's errors is the true label: 1 for correct rollouts, 0 for incorrect ones.

    Args:
        verifier: the verifier's name.
        false_positive: rho0, the fraction of incorrect rollouts it accepts.
        false_negative: rho1, the fraction of correct rollouts it rejects.

    Raises:
        ConfigError: rates outside [0, 1), or that sum to 1 or more: such a verifier is uninformative.

    Source: the backward correction of arXiv 2510.00915.

    Example:
        >>> noisy_verifier(false_positive=0.1, false_negative=0.4).steps[1]
        Affine(scale=2.0, shift=-0.2)
    """
    rates = (false_positive, false_negative)
    if not all(0.0 <= rate < 1.0 for rate in rates) or sum(rates) >= 1.0:
        raise ConfigError(f"error rates must be in [0, 1) and sum to less than 1, got {rates}")
    scale = 1.0 / (1.0 - sum(rates))
    return chain(Select(verifier), Affine(scale=scale, shift=-false_positive * scale))


_GRPO = "the scheme 'sum-then-normalize', with weights = {verifier = 1.0} for a verifier alone"

STANDARD_ADVANTAGES = {
    "grpo": f"the advantage of GRPO is {_GRPO}",
    "dr-grpo": "the advantage of Dr. GRPO is the scheme 'verifier-only': without another step herokit centers rewards in the group",
    "rloo": "the advantage of RLOO is the step 'leave-one-out' after the scheme 'verifier-only'",
    "gspo": f"GSPO is a loss of trainers, and its advantage is that of GRPO: {_GRPO}",
    "cispo": f"CISPO is a loss of trainers, and its advantage is that of GRPO: {_GRPO}",
}
"""What computes the advantage of a standard baseline that has no scheme of its name."""


def suggest_scheme(name: str, known: list[str]) -> str:
    """Finish an "unknown name" message: what a standard baseline is called here, or the nearest known name.

    Example:
        >>> suggest_scheme("RLOO", ["hero"])
        "the advantage of RLOO is the step 'leave-one-out' after the scheme 'verifier-only'"
        >>> suggest_scheme("heroo", ["hero"])
        "did you mean 'hero'?"
    """
    return STANDARD_ADVANTAGES.get(name.lower().replace("_", "-")) or did_you_mean(name, known)
