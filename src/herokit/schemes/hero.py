"""HERO and its variants. arXiv 2510.07242 v3, ICLR 2026."""

from typing import Literal

from herokit.combiners import Center, Chain, IfUniform, Select, Stratify, WeightByStd, chain
from herokit.combiners.schedules import ScalarOrSchedule

__all__ = ["gated_fallback", "hero", "hero_advantage", "stratified"]


def hero(
    verifier: str = "verifier",
    reward_model: str = "rm",
    *,
    alpha: ScalarOrSchedule = 0.1,
    beta: ScalarOrSchedule = 0.1,
    constants: Literal["main", "appendix"] = "main",
) -> Chain:
    """HERO as published: stratified normalization, then the variance-aware weight on the reward.

    ``r = w(sigma_u) rhat(m, c)``: Eq. 3 to 5; see `Stratify` and `WeightByStd` for the equations and what the paper
    leaves open. The weight multiplies the uncentered reward, as published. It cancels in trainers that divide by the
    group's standard deviation, and shifts whole groups under an uncentered baseline; `hero_advantage` avoids both.

    Args:
        verifier: the verifier's name.
        reward_model: the reward model's name.
        alpha: half-width of the band of incorrect rollouts.
        beta: half-width of the band of correct rollouts.
        constants: the constants of the weight: ``main`` from section 3.2 of the paper, ``appendix`` from its appendix A.1.

    Source: arXiv 2510.07242.

    Example:
        >>> hero(alpha=0.05).steps[1].alpha
        0.05
    """
    return chain(
        Select(reward_model),
        Stratify(verifier=verifier, alpha=alpha, beta=beta),
        WeightByStd.published(constants, signal=reward_model),
    )


def hero_advantage(
    verifier: str = "verifier",
    reward_model: str = "rm",
    *,
    alpha: ScalarOrSchedule = 0.1,
    beta: ScalarOrSchedule = 0.1,
    min_weight: ScalarOrSchedule = 0.5,
    max_weight: ScalarOrSchedule = 2.0,
    steepness: ScalarOrSchedule = 5.0,
) -> Chain:
    """HERO on advantages, the recommended form: center inside the group, then weight.

    ``A = w(sigma_u) (rhat - mean_g(rhat))``. Nothing divides by the group's standard deviation, so uniform groups keep
    small advantages of at most alpha or beta, and the weight survives. The weight is 1 at the running mean of the
    standard deviation and depends on the ratio to that mean, so neither the learning rate nor `steepness` depends on
    the reward model. The trainer must use the advantages unchanged.

    Args:
        verifier: the verifier's name.
        reward_model: the reward model's name.
        alpha: half-width of the band of incorrect rollouts.
        beta: half-width of the band of correct rollouts.
        min_weight: the smallest weight, below 1.
        max_weight: the largest weight, above 1.
        steepness: how fast the weight rises with the relative standard deviation.

    Source: section 3.2 of arXiv 2510.07242 is titled "advantage reweighting"; the placement is ours.

    Example:
        >>> [type(step).__name__ for step in hero_advantage().steps]
        ['Select', 'Stratify', 'Center', 'WeightByStd']
    """
    weight = WeightByStd(reward_model, min_weight, max_weight, steepness, center="one", relative=True)
    return chain(Select(reward_model), Stratify(verifier=verifier, alpha=alpha, beta=beta), Center(), weight)


def stratified(
    verifier: str = "verifier", reward_model: str = "rm", *, alpha: ScalarOrSchedule = 0.1, beta: ScalarOrSchedule = 0.1
) -> Chain:
    """HERO without its weight: ``r = rhat(m, c)``, Eq. 3 alone.

    The paper's ablation "no reweighting". HERO equals it in a trainer that divides by the group's standard deviation.

    Args:
        verifier: the verifier's name.
        reward_model: the reward model's name.
        alpha: half-width of the band of incorrect rollouts.
        beta: half-width of the band of correct rollouts.

    Source: arXiv 2510.07242.

    Example:
        >>> len(stratified().steps)
        2
    """
    return chain(Select(reward_model), Stratify(verifier=verifier, alpha=alpha, beta=beta))


def gated_fallback(
    verifier: str = "verifier", reward_model: str = "rm", *, alpha: ScalarOrSchedule = 0.1, beta: ScalarOrSchedule = 0.1
) -> Chain:
    """The verifier's value in mixed groups; HERO's bands, ranked by the reward model, in uniform ones.

    ``r = c in mixed groups, rhat(m, c) of Eq. 3 in uniform ones``.

    Args:
        verifier: the verifier's name.
        reward_model: the reward model's name.
        alpha: half-width of the band of incorrect rollouts.
        beta: half-width of the band of correct rollouts.

    Source: the idea of VeriGate, arXiv 2605.30451.

    Example:
        >>> gated_fallback().steps[0].otherwise
        Select(signal='verifier')
    """
    return chain(
        IfUniform(stratified(verifier, reward_model, alpha=alpha, beta=beta), Select(verifier), verifier=verifier)
    )
