"""Published rewards that combine a verifier with a dense score."""

from collections.abc import Mapping

from herokit.combiners import (
    Add,
    Affine,
    CenterIncorrect,
    Chain,
    Gate,
    Multiply,
    Select,
    Sigmoid,
    Standardize,
    WeightedSum,
    Whiten,
    chain,
)
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval

__all__ = ["crf", "gdpo", "p_grpo", "progrs", "qwen_shaping", "swe_rm"]


def qwen_shaping(verifier: str = "verifier", reward_model: str = "rm", *, scale: ScalarOrSchedule = 0.5) -> Chain:
    """Map the score to (0, 1) and shift incorrect rollouts down by 1: ``r = sigmoid(scale m) + (c - 1)``.

    Correct rollouts are in (0, 1), incorrect ones in (-1, 0). It does not compare rollouts of a group.

    Args:
        verifier: the verifier's name.
        reward_model: the reward model's name.
        scale: the factor of the score inside the sigmoid.

    Source: Qwen2.5-Math, arXiv 2409.12122, scale 0.5.

    Example:
        >>> qwen_shaping().steps[1]
        Sigmoid(scale=0.5)
    """
    return chain(Select(reward_model), Sigmoid(scale), Add(verifier), Affine(shift=-1.0))


def p_grpo(verifier: str = "verifier", thinking: str = "rm", format: str = "format") -> Chain:  # noqa: A002 - the paper's word
    """Reward thinking only where the outcome is correct: ``r = R_format + R_outcome + R_outcome R_thinking``.

    Args:
        verifier: the name of the outcome reward.
        thinking: the name of the thinking score.
        format: the name of the format reward.

    Source: Posterior-GRPO, arXiv 2508.05170.

    Example:
        >>> p_grpo().steps[-1]
        Add(signal='format', weight=1.0)
    """
    return chain(Select(thinking), Multiply(verifier), Add(verifier), Add(format))


def gdpo(weights: Mapping[str, float] | None = None, *, condition: str = "", threshold: float = 1.0) -> Chain:
    """Standardize each reward in the group, add by weight, whiten the batch; easy rewards conditioned on a hard one.

    ``A = z_b(sum_k w_k z_g(r_k))`` with ``r_k = 0`` where the condition's signal is below `threshold`.

    Args:
        weights: signal -> weight; 1 for verifier and rm by default.
        condition: the signal that others are conditioned on; none by default.
        threshold: the smallest value of that signal with which the others count.

    Source: GDPO, arXiv 2601.05242; TRL's form is `normalize_then_sum`.

    Example:
        >>> gdpo(condition="verifier").steps[0].transform.steps[0]
        Gate(signal='verifier', threshold=1.0)
    """
    each = chain(Gate(condition, threshold), Standardize()) if condition else Standardize()
    return chain(WeightedSum(dict(weights or {"verifier": 1.0, "rm": 1.0}), transform=each), Whiten())


def swe_rm(verifier: str = "verifier", reward_model: str = "rm", unfinished: str = "unfinished") -> Chain:
    """Add 1 to resolved rollouts, subtract 0.5 from unfinished ones: ``r = s + c - 0.5 u``.

    Args:
        verifier: the name of a signal that is 1 if the task is resolved.
        reward_model: the name of the score s, in [0, 1].
        unfinished: the name of a signal that is 1 if the rollout did not end by itself.

    Source: SWE-RM, arXiv 2512.21919: 1 + s resolved, -0.5 + s unfinished, s otherwise.

    Example:
        >>> swe_rm().steps[-1]
        Add(signal='unfinished', weight=-0.5)
    """
    return chain(Select(reward_model), Add(verifier), Add(unfinished, weight=-0.5))


def crf(verifier: str = "verifier", reward_model: str = "rm", *, weight: float = 0.1, offset: float = 0.0) -> Chain:
    """Scale the reward of correct rollouts by a score: ``r = c [1 + weight (s + offset)]``.

    Incorrect rollouts get 0, whatever their score.

    Args:
        verifier: the name of the outcome reward.
        reward_model: the name of the conciseness score s.
        weight: the product of the paper's two coefficients.
        offset: a number that is added to the score.

    Source: the conciseness reward function, arXiv 2511.09158: ``R_o [1 + a c (s + d)]``.

    Example:
        >>> crf(weight=0.5, offset=1.0).steps[1]
        Affine(scale=0.5, shift=1.5)
    """
    return chain(Select(reward_model), Affine(scale=weight, shift=1.0 + weight * offset), Multiply(verifier))


def progrs(verifier: str = "verifier", reward_model: str = "rm", *, weight: ScalarOrSchedule = 0.1) -> Chain:
    """Rank incorrect rollouts by a bonus with mean zero: ``r = c + weight b``.

    ``b`` is the score of an incorrect rollout minus the mean over the group's incorrect ones, and 0 for a correct rollout;
    see `CenterIncorrect`.

    Args:
        verifier: the verifier's name.
        reward_model: the reward model's name.
        weight: the factor of the centered scores.

    Source: PROGRS-style centering, arXiv 2604.02341.

    Example:
        >>> progrs().steps[1]
        CenterIncorrect(verifier='verifier')
    """
    check_in_interval("weight", weight, "[0, inf)")
    return chain(Select(reward_model), CenterIncorrect(verifier=verifier), Affine(scale=weight), Add(verifier))
