"""Built-in schemes: published rewards and one of our own, each a short chain of shared steps, with its source.

`SCHEMES` lists them. A scheme file names one with dashes: ``use = "hero-advantage"``.
"""

from collections.abc import Callable

from herokit.combiners import Chain
from herokit.schemes.advantages import dgpo, dvao, earned_trust, grpo_lead, max_rl, ngrpo, pass_at_k, prof
from herokit.schemes.baselines import (
    naive_blend,
    noisy_verifier,
    normalize_then_sum,
    rm_only,
    rubric,
    sum_then_normalize,
    verifier_only,
)
from herokit.schemes.credit import (
    discounted_outcome,
    discounted_turns,
    gigpo,
    hero_steps,
    min_form,
    process_supervision,
    progress_advantage,
    redistribution,
    turn_grpo,
    turn_penalties,
)
from herokit.schemes.hero import gated_fallback, hero, hero_advantage, stratified
from herokit.schemes.hybrids import crf, gdpo, p_grpo, progrs, qwen_shaping, swe_rm
from herokit.schemes.lengths import dapo, grpo_length, hero_length

SCHEMES: tuple[Callable[..., Chain], ...] = (
    hero,
    hero_advantage,
    stratified,
    gated_fallback,
    earned_trust,
    verifier_only,
    rm_only,
    naive_blend,
    qwen_shaping,
    p_grpo,
    gdpo,
    sum_then_normalize,
    normalize_then_sum,
    swe_rm,
    crf,
    progrs,
    prof,
    grpo_lead,
    dgpo,
    rubric,
    noisy_verifier,
    max_rl,
    ngrpo,
    pass_at_k,
    dvao,
    dapo,
    grpo_length,
    hero_length,
    process_supervision,
    turn_grpo,
    gigpo,
    discounted_turns,
    discounted_outcome,
    min_form,
    progress_advantage,
    turn_penalties,
    redistribution,
    hero_steps,
)
"""Every named scheme, HERO first."""

SCHEMES_BY_NAME = {scheme.__name__.replace("_", "-"): scheme for scheme in SCHEMES}
"""The same by the name that scheme files use."""

__all__ = [
    "crf",
    "dapo",
    "dgpo",
    "discounted_outcome",
    "discounted_turns",
    "dvao",
    "earned_trust",
    "gated_fallback",
    "gdpo",
    "gigpo",
    "grpo_lead",
    "grpo_length",
    "hero",
    "hero_advantage",
    "hero_length",
    "hero_steps",
    "max_rl",
    "min_form",
    "naive_blend",
    "ngrpo",
    "noisy_verifier",
    "normalize_then_sum",
    "p_grpo",
    "pass_at_k",
    "process_supervision",
    "prof",
    "progress_advantage",
    "progrs",
    "qwen_shaping",
    "redistribution",
    "rm_only",
    "rubric",
    "stratified",
    "sum_then_normalize",
    "swe_rm",
    "turn_grpo",
    "turn_penalties",
    "verifier_only",
]
