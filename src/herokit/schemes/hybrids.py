"""Published rewards that join a verifier with a dense score, row by row or group by group."""

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
    """Squash the score and shift incorrect rollouts down: ``r = sigmoid(scale m) + (c - 1)``.

    Correct rollouts lie in (0, 1), incorrect ones in (-1, 0); no group is needed.

    Args:
        verifier: the verifier's name.
        reward_model: the reward model's name.
        scale: what the score is multiplied by inside the sigmoid.

    Source: Qwen2.5-Math, arXiv 2409.12122, scale 0.5.

    Example:
        >>> qwen_shaping().steps[1]
        Sigmoid(scale=0.5)
    """
    return chain(Select(reward_model), Sigmoid(scale), Add(verifier), Affine(shift=-1.0))


def p_grpo(verifier: str = "verifier", thinking: str = "rm", format: str = "format") -> Chain:  # noqa: A002 - the paper's word
    """Reward thinking only where the outcome is correct: ``r = R_format + R_outcome + R_outcome R_thinking``.

    Args:
        verifier: the outcome's name.
        thinking: the thinking score's name.
        format: the format reward's name.

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
        weights: signal -> weight; verifier and rm alike by default.
        condition: the signal that others are conditioned on; none by default.
        threshold: how high it must be.

    Source: GDPO, arXiv 2601.05242; TRL's form is `normalize_then_sum`.

    Example:
        >>> gdpo(condition="verifier").steps[0].transform.steps[0]
        Gate(signal='verifier', threshold=1.0)
    """
    each = chain(Gate(condition, threshold), Standardize()) if condition else Standardize()
    return chain(WeightedSum(dict(weights or {"verifier": 1.0, "rm": 1.0}), transform=each), Whiten())


def swe_rm(verifier: str = "verifier", reward_model: str = "rm", unfinished: str = "unfinished") -> Chain:
    """Lift resolved rollouts by one, lower unfinished ones by a half: ``r = s + c - 0.5 u``.

    Args:
        verifier: 1 where the task is resolved.
        reward_model: the score s, in [0, 1].
        unfinished: 1 where the rollout did not come to an end.

    Source: SWE-RM, arXiv 2512.21919: 1 + s resolved, -0.5 + s unfinished, s otherwise.

    Example:
        >>> swe_rm().steps[-1]
        Add(signal='unfinished', weight=-0.5)
    """
    return chain(Select(reward_model), Add(verifier), Add(unfinished, weight=-0.5))


def crf(verifier: str = "verifier", reward_model: str = "rm", *, weight: float = 0.1, offset: float = 0.0) -> Chain:
    """Let a score modulate the outcome and never replace it: ``r = c [1 + weight (s + offset)]``.

    Incorrect rollouts get 0 whatever their score.

    Args:
        verifier: the outcome's name.
        reward_model: the conciseness score s.
        weight: the product of the paper's two coefficients.
        offset: what is added to the score.

    Source: the conciseness reward function, arXiv 2511.09158: ``R_o [1 + a c (s + d)]``.

    Example:
        >>> crf(weight=0.5, offset=1.0).steps[1]
        Affine(scale=0.5, shift=1.5)
    """
    return chain(Select(reward_model), Affine(scale=weight, shift=1.0 + weight * offset), Multiply(verifier))


def progrs(verifier: str = "verifier", reward_model: str = "rm", *, weight: ScalarOrSchedule = 0.1) -> Chain:
    """Rank what the verifier rejects, with a bonus that averages to zero: ``r = c + weight b``.

    ``b`` is the score of incorrect rollouts centred among the group's incorrect rollouts, 0 for correct ones; see `CenterIncorrect`.

    Args:
        verifier: the verifier's name.
        reward_model: the reward model's name.
        weight: what the centred scores are multiplied by.

    Source: PROGRS-style centring, arXiv 2604.02341.

    Example:
        >>> progrs().steps[1]
        CenterIncorrect(verifier='verifier')
    """
    check_in_interval("weight", weight, "[0, inf)")
    return chain(Select(reward_model), CenterIncorrect(verifier=verifier), Affine(scale=weight), Add(verifier))
