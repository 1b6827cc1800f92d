"""Rollouts worth reading: where the sources disagree most, and what could not be judged."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from herokit import _segment
from herokit.combiners import CORRECT_THRESHOLD
from herokit.report.results import Results
from herokit.types import Groups

EACH = 5
"""Examples of each kind."""


@dataclass(frozen=True, slots=True)
class Example:
    """A few rollouts of one prompt.

    Attributes:
        prompt: what was asked.
        reference: the gold answer, if any.
        group: the group's key.
        rollouts: each with its label, facts and text.
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
        note: how many there are of them.
        examples: some.
    """

    title: str
    note: str
    examples: list[Example] = field(default_factory=list)


def sections(results: Results) -> list[Section]:
    """Choose examples of every kind that occurs."""
    wanted = [_overruled(results), _against_labels(results), _without(results)]
    rows = sorted({row for _, _, picks in wanted for pick in picks for row, _ in pick})
    texts = results.texts(rows)
    made = []
    for title, note, picks in wanted:
        if picks:
            made.append(Section(title, note, [_example(results, texts, pick) for pick in picks]))
    return made


Pick = list[tuple[int, str]]
"""Rows of one prompt, each with its label."""


def _overruled(results: Results) -> tuple[str, str, list[Pick]]:
    """In mixed groups, a wrong rollout that the reward model prefers to a right one, widest gaps first."""
    title = "The reward model prefers a wrong rollout to a right one"
    if results.verdict is None or not results.scores:
        return title, "", []
    name, score = next(iter(results.scores.items()))
    known = np.isfinite(score) & np.isfinite(results.verdict)
    right = known & (results.verdict > CORRECT_THRESHOLD)
    wrong = known & ~right
    index, count = results.groups.ids, results.groups.num_groups
    best = _segment.reduce(score[wrong], Groups(index[wrong], count), "max")
    worst = _segment.reduce(score[right], Groups(index[right], count), "min")
    with np.errstate(invalid="ignore"):
        gap = np.where(np.isfinite(best) & np.isfinite(worst), best - worst, -np.inf)
    mixed = np.isfinite(gap)
    picks = []
    for g in np.argsort(-gap, kind="stable")[:EACH]:
        if gap[g] > 0:
            here = index == g
            low = int(np.flatnonzero(here & right & (score == worst[g]))[0])
            high = int(np.flatnonzero(here & wrong & (score == best[g]))[0])
            picks.append([(high, "wrong, preferred"), (low, "right")])
    share = float((gap[mixed] > 0).mean()) if mixed.any() else 0.0
    note = f"In {share:.1%} of the {int(mixed.sum()):,} mixed groups {name!r} scores some wrong rollout above some right one."
    return title, note, picks


def _against_labels(results: Results) -> tuple[str, str, list[Pick]]:
    """Rows on which the verifier and the input's label differ."""
    title = "The verifier and the labels of the input disagree"
    if results.verdict is None or results.label is None:
        return title, "", []
    known = np.isfinite(results.verdict) & np.isfinite(results.label)
    right, label = results.verdict > CORRECT_THRESHOLD, results.label > CORRECT_THRESHOLD
    differ = np.flatnonzero(known & (right != label))
    accepted = int((right[differ]).sum())
    note = (
        f"{len(differ):,} of {int(known.sum()):,} rows: {accepted:,} accepted against the label, "
        f"{len(differ) - accepted:,} refused against it."
    )
    return title, note, [[(int(row), "accepted" if right[row] else "refused")] for row in differ[:EACH]]


def _without(results: Results) -> tuple[str, str, list[Pick]]:
    """Rows without a reward."""
    missing = np.flatnonzero(~np.isfinite(results.reward))
    note = f"{len(missing):,} of {len(results):,} rows."
    return "Rollouts without a reward", note, [[(int(row), "no reward")] for row in missing[:EACH]]


def _example(results: Results, texts: dict[int, dict[str, Any]], pick: Pick) -> Example:
    first = texts[pick[0][0]]
    rollouts = []
    for row, label in pick:
        facts = {"row": f"{row + 1:,}"}
        facts |= {name: f"{score[row]:.3g}" for name, score in results.scores.items()}
        facts |= {"reward": f"{results.reward[row]:.3g}", "advantage": f"{results.advantage[row]:.3g}"}
        row_texts = texts[row]
        if row_texts["answer"]:
            facts["answer"] = row_texts["answer"]
        rollouts.append({"label": label, "facts": facts, "why": row_texts["reasons"], "text": row_texts["completion"]})
    return Example(first["prompt"], first["reference"], first["group"], rollouts)
