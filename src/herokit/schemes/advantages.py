"""Schemes that weight advantages or select the rollouts to learn from."""

from collections.abc import Mapping

from herokit.combiners import (
    Affine,
    BestMinusSecond,
    Chain,
    ConsistencyFilter,
    DivideByMad,
    DivideByMean,
    DivideBySummedStd,
    IfUniform,
    Select,
    Standardize,
    StandardizeWithVirtual,
    WeightByAgreement,
    WeightByCorrectRate,
    WeightByDifficulty,
    WeightedSum,
    chain,
)
from herokit.combiners.schedules import ScalarOrSchedule

__all__ = ["dgpo", "dvao", "earned_trust", "grpo_lead", "max_rl", "ngrpo", "pass_at_k", "prof"]


def earned_trust(
    verifier: str = "verifier",
    reward_model: str = "rm",
    *,
    scale: ScalarOrSchedule = 0.25,
    power: ScalarOrSchedule = 1.0,
    momentum: float = 0.97,
) -> Chain:
    """GRPO on mixed groups; on uniform groups, reward-model advantages scaled by its agreement with the verifier.

    ``A = z_g(c) in mixed groups, scale a^power z_g(m) in uniform ones``, with ``a`` in [0, 1] the running mean of the
    agreement: how much more often an accepted rollout of a mixed group has a higher score than a rejected one than the
    opposite. A reward model that stops agreeing loses its influence.

    The agreement is with the verdict, not with the truth: a verifier that accepts wrong answers misleads it twice, and
    training collapses. It is measured in mixed groups and used in uniform ones, where the reward model can be worse.

    Args:
        verifier: the verifier's name.
        reward_model: the reward model's name.
        scale: the scale of the advantages of uniform groups at full agreement, relative to those of mixed groups.
        power: the exponent of the agreement; above 1, partial agreement counts less.
        momentum: momentum of the running mean per mixed group, in [0, 1).

    Source: herokit's own, found by a search on one set of problems and tested, more than once, on another;
    docs/explanation/when-hero-helps.md shows where it helps and where it does not.

    Example:
        >>> earned_trust().steps[-1]
        WeightByAgreement(signal='rm', verifier='verifier', momentum=0.97, power=1.0)
    """
    dense = chain(Select(reward_model), Standardize(), Affine(scale=scale))
    gate = IfUniform(dense, chain(Select(verifier), Standardize()), verifier=verifier)
    return chain(gate, WeightByAgreement(signal=reward_model, verifier=verifier, momentum=momentum, power=power))


def grpo_lead(verifier: str = "verifier") -> Chain:
    """Weight unexpected results more: ``A = z_g(c) w(rho)`` where positive, ``z_g(c) w(1 - rho)`` elsewhere.

    The advantage part of the method; its length reward is a separate reward. See `WeightByCorrectRate`.

    Args:
        verifier: the verifier's name.

    Source: GRPO-LEAD, arXiv 2504.09696, constants and eps 1e-6 of its published code.

    Example:
        >>> grpo_lead().steps[-1].midpoint
        0.75
    """
    return chain(Select(verifier), Standardize(eps=1e-6), WeightByCorrectRate(verifier=verifier))


def dgpo(verifier: str = "verifier", *, temperature: ScalarOrSchedule = 2.0) -> Chain:
    """Give every group the same total advantage, then weight hard prompts more: ``A = w (c - mean_g) / mad_g``.

    ``w`` divides the weight of the batch among mixed groups by ``softmax(-mean correctness / temperature)``.

    Args:
        verifier: the verifier's name.
        temperature: temperature of the softmax over prompts; higher values give more equal weights.

    Source: DGPO, arXiv 2601.20614, temperature 2 of its published scripts.

    Example:
        >>> dgpo().steps[-1]
        WeightByDifficulty(verifier='verifier', temperature=2.0)
    """
    return chain(Select(verifier), DivideByMad(), WeightByDifficulty(verifier=verifier, temperature=temperature))


def prof(verifier: str = "verifier", reward_model: str = "rm", *, keep_fraction: ScalarOrSchedule = 0.5) -> Chain:
    """Learn only from rollouts on which verifier and process score agree: filter, then ``A = z_g(c)``.

    Rollouts that do not agree are excluded and get advantage 0; see `ConsistencyFilter`.

    Args:
        verifier: the verifier's name.
        reward_model: the name of the process reward model.
        keep_fraction: the part of the rollouts that is kept; see `ConsistencyFilter`.

    Source: PROF, arXiv 2509.03403.

    Example:
        >>> prof().steps[0].keep_fraction
        0.5
    """
    return chain(
        ConsistencyFilter(signal=reward_model, verifier=verifier, keep_fraction=keep_fraction),
        Select(verifier),
        Standardize(),
    )


def dvao(weights: Mapping[str, float] | None = None) -> Chain:
    """Add rewards by weight, each by its own deviation: ``A = sum_k w_k (r_k - mean_g) / (sum_k w_k std_g)``.

    A reward that is nearly constant in a group stays small there; `gdpo` scales it up to the size of the others.

    Args:
        weights: signal -> weight; 1 for verifier and rm by default.

    Source: DVAO, arXiv 2605.25604; eps 1e-4 is herokit's.

    Example:
        >>> dvao({"verifier": 1.0, "rm": 0.5}).steps[1].weights["rm"]
        0.5
    """
    weights = dict(weights or {"verifier": 1.0, "rm": 1.0})
    return chain(WeightedSum(weights), DivideBySummedStd(weights))


def max_rl(verifier: str = "verifier") -> Chain:
    """Weight a prompt by the inverse of its success rate: ``A = (c - mean_g) / mean_g``, 0 where no rollout is correct.

    Args:
        verifier: the verifier's name.

    Source: maximum-likelihood RL, arXiv 2602.02710, as in prime-rl 559b447.

    Example:
        >>> max_rl()
        Chain(steps=(Select(signal='verifier'), DivideByMean()))
    """
    return chain(Select(verifier), DivideByMean())


def ngrpo(verifier: str = "verifier") -> Chain:
    """GRPO with one more, correct, rollout in every group that is not there: ``A = (c - mean_g) / (std_g + eps)``.

    Groups of only incorrect rollouts get negative advantages, so they teach without any reward model what not to write: the
    baseline of HERO on such groups.

    Args:
        verifier: the verifier's name.

    Source: NGRPO, arXiv 2509.18851, its virtual reward of 1 and eps 1e-6; its asymmetric clipping is a setting of trainers.

    Example:
        >>> ngrpo().steps[1]
        StandardizeWithVirtual(max_reward=1.0, eps=1e-06)
    """
    return chain(Select(verifier), StandardizeWithVirtual())


def pass_at_k(verifier: str = "verifier") -> Chain:
    """Reward the only correct rollout of a group: ``A = (max_g - second_g) / (std_g + eps)`` for the best, 0 for all others.

    Args:
        verifier: the verifier's name.

    Source: pass@k policy optimization, arXiv 2503.19595, as in verl 0.9.1, ``grpo_passk``.

    Example:
        >>> pass_at_k().steps[1]
        BestMinusSecond(eps=1e-06)
    """
    return chain(Select(verifier), BestMinusSecond())
