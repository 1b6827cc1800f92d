"""Schemes that shape rewards by the length of completions, on top of GRPO and HERO."""

from typing import Any

from herokit.combiners import Affine, Chain, Combiner, KimiLength, Select, SoftOverlong, Standardize, chain
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval
from herokit.schemes.hero import hero_advantage

__all__ = ["dapo", "grpo_length", "hero_length"]


def dapo(
    verifier: str = "verifier",
    tokens: str = "tokens",
    *,
    max_tokens: ScalarOrSchedule = 20480,
    buffer: ScalarOrSchedule = 4096,
) -> Chain:
    """GRPO with rewards of 1 and -1, and a penalty on completions near the length limit: ``A = z_g(2c - 1 + p(n))``.

    The reward of the method; its clipping, its loss over tokens and its sampling are settings of trainers. See
    `SoftOverlong` for p.

    Args:
        verifier: the verifier's name.
        tokens: the name of the signal of lengths, such as that of `NumTokens`.
        max_tokens: the length with the whole penalty.
        buffer: the tokens before it over which the penalty grows.

    Source: DAPO, arXiv 2503.14476, Eq. 7 and 13, limit 20480 and buffer 4096; eps 1e-4 is TRL's.

    Example:
        >>> dapo(max_tokens=1000, buffer=200).steps[2]
        SoftOverlong(max_tokens=1000, buffer=200, weight=1.0, tokens='tokens')
    """
    return grpo_length(verifier, SoftOverlong(max_tokens, buffer, tokens=tokens), incorrect=-1.0)


def grpo_length(verifier: str = "verifier", shaping: Combiner[Any] | None = None, *, incorrect: float = 0.0) -> Chain:
    """GRPO on a verdict shaped by length: ``A = z_g(shaping(c))``.

    Args:
        verifier: the verifier's name.
        shaping: a step of `herokit.combiners.lengths`; `KimiLength` by default.
        incorrect: the reward of an incorrect rollout before shaping, below 1; -1 for `CosineLength`, as published.

    Raises:
        ConfigError: `incorrect` is 1 or more.

    Source: Kimi k1.5, arXiv 2501.12599, for the default; eps 1e-4 is TRL's.

    Example:
        >>> from herokit.combiners import CosineLength
        >>> grpo_length(shaping=CosineLength(4096), incorrect=-1.0).steps[1]
        Affine(scale=2.0, shift=-1.0)
    """
    check_in_interval("incorrect", incorrect, "(-inf, 1)")
    shaping = KimiLength(verifier=verifier) if shaping is None else shaping
    spread = () if incorrect == 0.0 else (Affine(scale=1.0 - incorrect, shift=incorrect),)
    return chain(Select(verifier), *spread, shaping, Standardize())


def hero_length(
    verifier: str = "verifier",
    reward_model: str = "rm",
    shaping: Combiner[Any] | None = None,
    *,
    alpha: ScalarOrSchedule = 0.1,
    beta: ScalarOrSchedule = 0.1,
) -> Chain:
    """HERO on advantages, shaped by length between strata and centering: ``A = w(sigma_u) (s - mean_g(s)), s = shaping(rhat)``.

    Incorrect and correct rollouts are `1 - alpha - beta` apart before shaping; a shaping that moves them by less towards
    each other keeps every correct rollout above every incorrect one. The default moves them by up to half its weight.

    Args:
        verifier: the verifier's name.
        reward_model: the reward model's name.
        shaping: a step of `herokit.combiners.lengths`; `KimiLength` with weight 0.2 by default.
        alpha: half-width of the band of incorrect rollouts.
        beta: half-width of the band of correct rollouts.

    Source: herokit's own combination of `hero_advantage` and Kimi k1.5, arXiv 2501.12599.

    Example:
        >>> [type(step).__name__ for step in hero_length().steps]
        ['Select', 'Stratify', 'KimiLength', 'Center', 'WeightByStd']
    """
    shaping = KimiLength(0.2, verifier=verifier) if shaping is None else shaping
    select, bands, *rest = hero_advantage(verifier, reward_model, alpha=alpha, beta=beta).steps
    return chain(select, bands, shaping, *rest)
