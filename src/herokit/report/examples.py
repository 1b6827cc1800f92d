"""Choose rollouts to read: where the sources disagree, and those without a reward."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from herokit import _segment
from herokit.combiners.base import CORRECT_THRESHOLD
from herokit.report.results import Results
from herokit.types import Groups

__all__ = ["Example", "Section", "make_sections"]

EXAMPLES_PER_SECTION = 5

LabeledRows: TypeAlias = list[tuple[int, str]]
"""Rows of one prompt, each with its label."""


@dataclass(frozen=True, slots=True)
class Example:
    """A few rollouts of one prompt.

    Attributes:
        prompt: the prompt.
        reference: the reference answer, if there is one.
        group: the group's key.
        rollouts: each with its label, facts, reasons and text.
    """

    prompt: str
    reference: str | None
    group: Any
    rollouts: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Section:
    """Examples of one kind.

    Attributes:
        title: what they show.
        note: how many there are in all.
        examples: a few.
    """

    title: str
    note: str
    examples: list[Example]


def make_sections(results: Results) -> list[Section]:
    """Choose examples of every kind that occurs."""
    kinds = [_preferred_incorrect(results), _disagreements_with_labels(results), _without_reward(results)]
    rows = sorted({row for _, _, examples in kinds for example in examples for row, _ in example})
    texts = results.texts(rows)
    return [
        Section(title, note, [_make_example(results, texts, example) for example in examples])
        for title, note, examples in kinds
        if examples
    ]


def _preferred_incorrect(results: Results) -> tuple[str, str, list[LabeledRows]]:
    """Find mixed groups whose best incorrect rollout scores above the worst correct one, widest gaps first."""
    title = "The reward model prefers an incorrect rollout to a correct one"
    if results.verdict is None or not results.scores:
        return title, "", []
    name, score = next(iter(results.scores.items()))
    known = np.isfinite(score) & np.isfinite(results.verdict)
    correct = known & (results.verdict > CORRECT_THRESHOLD)
    incorrect = known & ~correct
    ids, count = results.groups.ids, results.groups.num_groups
    best = _segment.reduce(score[incorrect], Groups(ids[incorrect], count), "max")
    worst = _segment.reduce(score[correct], Groups(ids[correct], count), "min")
    with np.errstate(invalid="ignore"):
        gap = np.where(np.isfinite(best) & np.isfinite(worst), best - worst, -np.inf)
    mixed = np.isfinite(gap)
    examples: list[LabeledRows] = []
    for g in np.argsort(-gap, kind="stable")[:EXAMPLES_PER_SECTION]:
        if gap[g] > 0:
            low = int(np.flatnonzero((ids == g) & correct & (score == worst[g]))[0])
            high = int(np.flatnonzero((ids == g) & incorrect & (score == best[g]))[0])
            examples.append([(high, "incorrect, preferred"), (low, "correct")])
    share = float((gap[mixed] > 0).mean()) if mixed.any() else 0.0
    note = (
        f"In {share:.1%} of the {int(mixed.sum()):,} mixed groups, {name!r} scores some incorrect rollout above some "
        "correct one."
    )
    return title, note, examples


def _disagreements_with_labels(results: Results) -> tuple[str, str, list[LabeledRows]]:
    title = "The verifier and the labels of the input disagree"
    if results.verdict is None or results.label is None:
        return title, "", []
    known = np.isfinite(results.verdict) & np.isfinite(results.label)
    correct, label = results.verdict > CORRECT_THRESHOLD, results.label > CORRECT_THRESHOLD
    rows = np.flatnonzero(known & (correct != label))
    accepted = int(correct[rows].sum())
    note = (
        f"{len(rows):,} of {int(known.sum()):,} rows: {accepted:,} accepted against the label, "
        f"{len(rows) - accepted:,} rejected against it."
    )
    return title, note, [[(int(r), "accepted" if correct[r] else "rejected")] for r in rows[:EXAMPLES_PER_SECTION]]


def _without_reward(results: Results) -> tuple[str, str, list[LabeledRows]]:
    rows = np.flatnonzero(~np.isfinite(results.reward))
    examples = [[(int(row), "no reward")] for row in rows[:EXAMPLES_PER_SECTION]]
    return "Rollouts without a reward", f"{len(rows):,} of {len(results):,} rows.", examples


def _make_example(results: Results, texts: dict[int, dict[str, Any]], rows: LabeledRows) -> Example:
    first = texts[rows[0][0]]
    rollouts = []
    for row, label in rows:
        text = texts[row]
        facts = {"row": f"{row + 1:,}"}
        numbers = {**results.scores, "reward": results.reward, "advantage": results.advantage}
        facts |= {
            name: f"{values[row]:.3g}" if np.isfinite(values[row]) else "none" for name, values in numbers.items()
        }
        if text["answer"]:
            facts["answer"] = text["answer"]
        rollouts.append({"label": label, "facts": facts, "reasons": text["reasons"], "text": text["completion"]})
    return Example(first["prompt"], first["reference"], first["group"], rollouts)
