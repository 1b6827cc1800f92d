"""Schemes that weight advantages or select the rollouts to learn from."""

from herokit.combiners import (
    Affine,
    Chain,
    ConsistencyFilter,
    DivideByMad,
    IfUniform,
    Select,
    Standardize,
    WeightByAgreement,
    WeightByCorrectRate,
    WeightByDifficulty,
    chain,
)
from herokit.combiners.schedules import ScalarOrSchedule

__all__ = ["dgpo", "earned_trust", "grpo_lead", "prof"]


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
    opposite. A reward model that is exploited, or has no more to teach, stops agreeing and loses its influence.

    Args:
        verifier: the verifier's name.
        reward_model: the reward model's name.
        scale: the scale of the advantages of uniform groups at full agreement, relative to those of mixed groups.
        power: the exponent of the agreement; above 1, partial agreement counts less.
        momentum: momentum of the running mean per mixed group, in [0, 1).

    Source: herokit's own, found by a search on one set of problems and tested on another;
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
