"""Schemes that act on advantages, or on which rollouts are learned from."""

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
    """GRPO where the verifier speaks; where it is silent, the reward model as far as it has earned trust.

    ``A = z_g(c) in mixed groups, high a^power z_g(m) in uniform ones``, with ``a`` in [0, 1] the running mean of how
    much likelier an accepted rollout of a mixed group is to outscore a rejected one than the opposite. A reward model
    that is hacked, or outgrown, stops agreeing and loses its say.

    Args:
        verifier: the verifier's name.
        reward_model: the reward model's name.
        scale: the scale of a uniform group's advantages under full trust, beside 1 of a mixed one.
        power: above 1 trusts half-hearted agreement less.
        momentum: of the running mean, for each mixed group, in [0, 1).

    Source: herokit's own, found by a search on one set of problems and tested on another; see
    docs/explanation/when-hero-helps.md for where it helps and where it does not.

    Example:
        >>> earned_trust().steps[-1]
        WeightByAgreement(signal='rm', verifier='verifier', momentum=0.97, power=1.0)
    """
    dense = chain(Select(reward_model), Standardize(), Affine(scale=scale))
    gate = IfUniform(dense, chain(Select(verifier), Standardize()), verifier=verifier)
    return chain(gate, WeightByAgreement(signal=reward_model, verifier=verifier, momentum=momentum, power=power))


def grpo_lead(verifier: str = "verifier") -> Chain:
    """Weigh surprises more: ``A = z_g(c) w(rho)`` where positive, ``z_g(c) w(1 - rho)`` elsewhere.

    The advantage part of the method; its length reward is a reward of its own. See `WeightByCorrectRate`.

    Args:
        verifier: the verifier's name.

    Source: GRPO-LEAD, arXiv 2504.09696, constants and eps 1e-6 of its published code.

    Example:
        >>> grpo_lead().steps[-1].midpoint
        0.75
    """
    return chain(Select(verifier), Standardize(eps=1e-6), WeightByCorrectRate(verifier=verifier))


def dgpo(verifier: str = "verifier", *, temperature: ScalarOrSchedule = 2.0) -> Chain:
    """Give every group the same total advantage, then favour hard prompts: ``A = w (c - mean_g) / mad_g``.

    ``w`` shares the batch's weight among mixed groups by ``softmax(-mean correctness / temperature)``.

    Args:
        verifier: the verifier's name.
        temperature: T of the softmax over questions; higher weighs them more alike.

    Source: DGPO, arXiv 2601.20614, temperature 2 of its published scripts.

    Example:
        >>> dgpo().steps[-1]
        WeightByDifficulty(verifier='verifier', temperature=2.0)
    """
    return chain(Select(verifier), DivideByMad(), WeightByDifficulty(verifier=verifier, temperature=temperature))


def prof(verifier: str = "verifier", reward_model: str = "rm", *, keep_fraction: ScalarOrSchedule = 0.5) -> Chain:
    """Learn only from rollouts on which verifier and process score agree: filter, then ``A = z_g(c)``.

    Rollouts that do not agree are marked and get advantage 0; see `ConsistencyFilter`.

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
