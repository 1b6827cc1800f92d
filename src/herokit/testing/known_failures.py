"""Steps and sources that violate a law by design, and why."""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from herokit.combiners import (
    BestMinusSecond,
    CenterIncorrect,
    Chain,
    Combiner,
    ConsistencyFilter,
    DivideBySummedStd,
    IfUniform,
    KimiLength,
    MinMax,
    Standardize,
    StandardizeWithVirtual,
    Stratify,
    TopPStdFilter,
    WeightByAgreement,
    WeightByCorrectRate,
    WeightByDifficulty,
    WeightByStd,
    Whiten,
    chain,
)
from herokit.combiners.base import is_step
from herokit.combiners.chain import Scheduled
from herokit.verifiers import RougeL, TokenF1

__all__ = ["known_failures", "known_source_failures"]

RULES: tuple[tuple[Callable[[Any], bool], str, str], ...] = (
    (
        lambda step: isinstance(step, Stratify | MinMax | KimiLength),
        "robust_to_score_noise",
        "the smallest and the largest score get the ends of the band, however close they are",
    ),
    (
        lambda step: isinstance(
            step, BestMinusSecond | DivideBySummedStd | Standardize | StandardizeWithVirtual | Whiten
        ),
        "robust_to_score_noise",
        "dividing by the standard deviation scales the smallest difference to unit size",
    ),
    (
        lambda step: isinstance(step, ConsistencyFilter),
        "robust_to_score_noise",
        "a rollout is kept or dropped: at the threshold the smallest difference decides",
    ),
    (
        lambda step: isinstance(step, ConsistencyFilter),
        "row_permutation_equivariance",
        "among equal scores the filter keeps the earlier rows",
    ),
    (
        lambda step: isinstance(step, ConsistencyFilter),
        "neutral_to_constant_score",
        "among equal scores some rows are dropped and get a reward of 0",
    ),
    (
        lambda step: isinstance(step, ConsistencyFilter),
        "hacking_gain_bounded",
        "an incorrect rollout with a high score is dropped and gets 0 instead of a negative reward",
    ),
    (
        lambda step: isinstance(step, ConsistencyFilter),
        "verifier_dominates",
        "a dropped rollout gets a reward of 0, whether it is correct or not",
    ),
    (
        lambda step: isinstance(step, WeightByStd) and not step.relative,
        "affine_invariant_in_score",
        "as published, the standard deviation is in the unit of the score; relative=True changes that",
    ),
    (
        lambda step: isinstance(step, WeightByStd) and step.momentum is not None,
        "batch_split_invariance",
        "an exponential moving average depends on where batches are split",
    ),
    (
        lambda step: isinstance(step, WeightByAgreement),
        "batch_split_invariance",
        "an exponential moving average depends on where batches are split",
    ),
    (
        lambda step: isinstance(step, Standardize) and step.scope == "batch",
        "group_independence",
        "it divides by the standard deviation of the whole batch",
    ),
    (lambda step: isinstance(step, Whiten), "group_independence", "it centers and scales the whole batch"),
    (
        lambda step: isinstance(step, TopPStdFilter),
        "group_independence",
        "which groups it keeps depends on how wide the others of the batch are",
    ),
    (
        lambda step: isinstance(step, TopPStdFilter),
        "robust_to_score_noise",
        "a group is kept or dropped: at the threshold the smallest difference decides",
    ),
    (
        lambda step: isinstance(step, StandardizeWithVirtual),
        "zero_advantage_without_signal",
        "it compares every group with a rollout that is not there",
    ),
    (
        lambda step: isinstance(step, StandardizeWithVirtual),
        "advantages_sum_to_zero",
        "the rollout that is not there gets the rest",
    ),
    (
        lambda step: isinstance(step, StandardizeWithVirtual),
        "singleton_has_zero_advantage",
        "it compares a rollout that is alone with one that is not there",
    ),
    (
        lambda step: isinstance(step, BestMinusSecond),
        "advantages_sum_to_zero",
        "only the best rollout has an advantage",
    ),
    (
        lambda step: isinstance(step, BestMinusSecond),
        "verifier_dominates",
        "all rollouts but the best one get 0, whether they are correct or not",
    ),
    (
        lambda step: isinstance(step, WeightByDifficulty),
        "group_independence",
        "its weights are a softmax over the prompts of the batch",
    ),
    (lambda step: isinstance(step, Scheduled), "batch_split_invariance", "a schedule counts batches"),
    (
        lambda step: isinstance(step, Whiten) or (isinstance(step, Standardize) and step.scope == "batch"),
        "group_copies_invariance",
        "the sample deviation of a batch depends on its number of rows",
    ),
    (
        lambda step: isinstance(step, WeightByAgreement),
        "group_copies_invariance",
        "its moving average takes a step for each mixed group",
    ),
    (lambda step: isinstance(step, Whiten), "advantages_sum_to_zero", "the baseline is the mean of the batch"),
    (lambda step: isinstance(step, Whiten), "singleton_has_zero_advantage", "the baseline is the mean of the batch"),
    (
        lambda step: isinstance(step, WeightByCorrectRate),
        "advantages_sum_to_zero",
        "positive and negative advantages have different weights",
    ),
    (
        lambda step: isinstance(step, ConsistencyFilter),
        "monotone_in_verdict",
        "a dropped rollout gets a reward of 0, whether it is correct or not",
    ),
    (
        lambda step: isinstance(step, ConsistencyFilter),
        "strictly_monotone_in_score",
        "the score decides which rollouts remain, and is no part of their reward",
    ),
    (
        lambda step: isinstance(step, IfUniform),
        "strictly_monotone_in_score",
        "one kind of groups may be rewarded without the score",
    ),
    (
        lambda step: isinstance(step, CenterIncorrect),
        "strictly_monotone_in_score",
        "correct rollouts get no bonus, whatever their score",
    ),
)
"""(whether a rule applies to a step, law, reason)."""

SOURCE_RULES: tuple[tuple[tuple[type, ...], str, str], ...] = (
    (
        (TokenF1, RougeL),
        "hack_does_not_pay",
        "it gives credit for every word of the reference, also to an answer that lists several",
    ),
)
"""(classes of sources, law, reason)."""


def known_source_failures(source: object) -> dict[str, str]:
    """Return the laws that a source may violate by design: law -> reason.

    Example:
        >>> from herokit.verifiers import ExactMatch, RougeL
        >>> sorted(known_source_failures(RougeL())), known_source_failures(ExactMatch())
        (['hack_does_not_pay'], {})
    """
    return {law: reason for classes, law, reason in SOURCE_RULES if isinstance(source, classes)}


def known_failures(combiner: Combiner[Any]) -> dict[str, str]:
    """Return the laws that a combiner may violate by design: law -> reason, from its steps.

    Example:
        >>> from herokit import hero
        >>> sorted(known_failures(hero()))
        ['affine_invariant_in_score', 'robust_to_score_noise']
    """
    steps = list(_walk(chain(combiner)))
    return {law: reason for applies, law, reason in reversed(RULES) if any(applies(step) for step in steps)}


def _walk(step: Any) -> Iterator[Any]:
    """Yield a step and the steps inside it."""
    yield step
    parts = step.steps if isinstance(step, Chain) else ()
    if is_dataclass(step) and not isinstance(step, Chain):
        parts = tuple(getattr(step, f.name) for f in fields(step))
    for part in parts:
        if is_step(part):
            yield from _walk(part)
