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
    (_a(Stratify, MinMax), "robust", "the smallest and the largest score span the whole band, however near they are"),
    (_a(Standardize, Whiten), "robust", "dividing by the deviation brings the smallest difference to unit scale"),
    (_a(ConsistencyFilter), "robust", "a rollout is in or out: at the border the smallest difference decides"),
    (_a(ConsistencyFilter), "rows_permute", "among equal scores the earlier row is kept: some must leave"),
    (_a(ConsistencyFilter), "neutral_when_the_rm_is_constant", "among equal scores some rows leave and get nothing"),
    (
        _a(ConsistencyFilter),
        "hacking_is_bounded",
        "a wrong rollout that scores high is filtered out: 0 instead of a punishment",
    ),
    (_a(ConsistencyFilter), "verifier_dominates", "a rollout that is filtered out gets nothing, right or wrong"),
    (
        lambda step: isinstance(step, WeightByStd) and not step.relative,
        "affine_invariant_in_the_rm",
        "as published the spread is measured in the score's own units; relative=True changes that",
    ),
    (
        lambda step: isinstance(step, WeightByStd) and step.momentum is not None,
        "batches_split",
        "an exponential mean weighs batches, so it depends on where they are cut",
    ),
    (_a(WeightByAgreement), "batches_split", "a mean that forgets depends on where batches are cut"),
    (
        lambda step: isinstance(step, Standardize) and step.scope == "batch",
        "groups_independent",
        "it divides by the deviation of the whole batch",
    ),
    (_a(Whiten), "groups_independent", "it centres and scales the whole batch"),
    (_a(WeightByDifficulty), "groups_independent", "a softmax over the batch's prompts shares out attention"),
    (_a(Scheduled), "batches_split", "a schedule counts batches"),
)
"""(which step, law, why)."""


def reasons(combiner: Combiner[Any]) -> dict[str, str]:
    """Return why a combiner may break laws by design: law -> reason, from the steps it is made of.

    Example:
        >>> from herokit import hero
        >>> sorted(reasons(hero()))
        ['affine_invariant_in_the_rm', 'robust']
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
