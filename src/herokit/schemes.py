"""Named schemes: published rewards, each a short chain of shared parts."""

from herokit.combine import Blend, Chain, MinMax, Stratify, Take, WeightBySpread, chain


def hero(
    verifier: str = "verifier",
    model: str = "rm",
    *,
    alpha: float = 0.1,
    beta: float = 0.1,
    low: float = 0.5,
    high: float = 2.0,
    steepness: float = 5.0,
) -> Chain:
    """HERO as published: stratified normalization, then the variance-aware weight on the reward.

    ``r = w(sigma_u) * rhat(m, c)``; see `Stratify` and `WeightBySpread` for the equations and the open points.
    arXiv 2510.07242, Eq. 3 to 5. The weight acts on the uncentred reward, as printed there: it cancels in trainers
    that divide by the group's standard deviation.

    Example:
        >>> hero(alpha=0.05, beta=0.05).steps[1]
        Stratify(by='verifier', alpha=0.05, beta=0.05, eps=1e-06, tied='floor')
    """
    return chain(
        Take(model),
        Stratify(by=verifier, alpha=alpha, beta=beta),
        WeightBySpread(of=model, low=low, high=high, steepness=steepness),
    )


def verifier_only(verifier: str = "verifier") -> Chain:
    """Return the verifier's value as the reward: ``r = c``. The paper's baseline.

    Example:
        >>> verifier_only()
        Chain(steps=(Take(signal='verifier'),))
    """
    return chain(Take(verifier))


def rm_only(model: str = "rm") -> Chain:
    """Return the reward model's raw score as the reward: ``r = m``. The paper's baseline.

    Example:
        >>> rm_only()
        Chain(steps=(Take(signal='rm'),))
    """
    return chain(Take(model))


def naive_blend(verifier: str = "verifier", model: str = "rm", *, share: float = 0.5) -> Chain:
    """Mix both without strata: ``r = share * c + (1 - share) * minmax_g(m)``.

    The paper's Table 9 uses shares 0.1, 0.5 and 0.9 and finds it weaker than HERO: wrong rollouts may outrank right
    ones when ``share < 0.5``.

    Example:
        >>> naive_blend(share=0.9).steps[-1]
        Blend(signal='verifier', share=0.9)
    """
    return chain(Take(model), MinMax(), Blend(verifier, share=share))
