"""Why a step breaks a law by design: known once, said wherever the step is used."""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from herokit.combiners import (
    Chain,
    Combiner,
    ConsistencyFilter,
    MinMax,
    Scheduled,
    Standardize,
    Stratify,
    WeightByAgreement,
    WeightByDifficulty,
    WeightByStd,
    Whiten,
    chain,
)

Rule = tuple[Callable[[Any], bool], str, str]


def _a(*kinds: type) -> Callable[[Any], bool]:
    return lambda step: isinstance(step, kinds)


RULES: tuple[Rule, ...] = (
    (
        _a(Stratify, MinMax),
        "robust_to_score_noise",
        "the smallest and the largest score span the whole band, however near they are",
    ),
    (
        _a(Standardize, Whiten),
        "robust_to_score_noise",
        "dividing by the deviation brings the smallest difference to unit scale",
    ),
    (
        _a(ConsistencyFilter),
        "robust_to_score_noise",
        "a rollout is in or out: at the border the smallest difference decides",
    ),
    (
        _a(ConsistencyFilter),
        "row_permutation_equivariance",
        "among equal scores the earlier row is kept: some must leave",
    ),
    (_a(ConsistencyFilter), "neutral_to_constant_score", "among equal scores some rows leave and get nothing"),
    (
        _a(ConsistencyFilter),
        "hacking_gain_bounded",
        "a wrong rollout that scores high is filtered out: 0 instead of a punishment",
    ),
    (_a(ConsistencyFilter), "verifier_dominates", "a rollout that is filtered out gets nothing, right or wrong"),
    (
        lambda step: isinstance(step, WeightByStd) and not step.relative,
        "affine_invariant_in_score",
        "as published the spread is measured in the score's own units; relative=True changes that",
    ),
    (
        lambda step: isinstance(step, WeightByStd) and step.momentum is not None,
        "batch_split_invariance",
        "an exponential mean weighs batches, so it depends on where they are cut",
    ),
    (_a(WeightByAgreement), "batch_split_invariance", "a mean that forgets depends on where batches are cut"),
    (
        lambda step: isinstance(step, Standardize) and step.scope == "batch",
        "group_independence",
        "it divides by the deviation of the whole batch",
    ),
    (_a(Whiten), "group_independence", "it centres and scales the whole batch"),
    (_a(WeightByDifficulty), "group_independence", "a softmax over the batch's prompts shares out attention"),
    (_a(Scheduled), "batch_split_invariance", "a schedule counts batches"),
)
"""(which step, law, why)."""


def reasons(combiner: Combiner[Any]) -> dict[str, str]:
    """Return why a combiner may break laws by design: law -> reason, from the steps it is made of.

    Example:
        >>> from herokit import hero
        >>> sorted(reasons(hero()))
        ['affine_invariant_in_score', 'robust_to_score_noise']
    """
    steps = list(_walk(chain(combiner)))
    return {law: why for applies, law, why in reversed(RULES) if any(applies(step) for step in steps)}


def _walk(step: Any) -> Iterator[Any]:
    """Go through a step and the steps inside it."""
    yield step
    inner = step.steps if isinstance(step, Chain) else ()
    if is_dataclass(step) and not isinstance(step, Chain):
        inner = tuple(getattr(step, f.name) for f in fields(step))
    for part in inner:
        if hasattr(part, "combine"):
            yield from _walk(part)
