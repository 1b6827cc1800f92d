"""The tables of groups and rollouts of the report: which rows are in it, their columns, and what is worth a look."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from herokit import _segment
from herokit.combiners.base import CORRECT_THRESHOLD
from herokit.report.comparison import Changes
from herokit.report.results import Results
from herokit.report.statistics import Booleans, GroupStatistics, Ints, Timeline, round_floats
from herokit.report.texts import RolloutTexts
from herokit.types import Floats, Groups, Status

__all__ = ["PRESETS", "Selection", "add_changes", "find_presets", "make_tables", "select_rows"]

HIGH_SCORE = 0.9
"""The quantile of all scores from which the score of an incorrect rollout is suspicious."""

PRESETS = {
    "preferred": "incorrect, and the reward model scores it above a correct rollout of its group",
    "unparsed": "a verifier reads no answer",
    "failed": "a source failed, ran out of time or crashed",
    "silent": "every advantage of its group is 0",
    "disagree": "two verifiers, or the verifier and the label, disagree",
    "suspect": "incorrect, and its score is among the highest tenth of all scores: a possible hack",
}
"""Names of what a rollout can be found by, and what each means."""


CHANGE_PRESETS = {
    "gains": "every advantage of its group is 0, but not those of the other file",
    "loses": "every advantage of its group is 0 in the other file, but not here",
}
"""The same for a comparison; the names are those of `Changes.signal`."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows that the page holds.

    Attributes:
        rows: (R,) positions in the input, complete groups only, in the input's order.
        groups: (K,) numbers of the groups.
        note: what was left out; "" for nothing.
    """

    rows: Ints
    groups: Ints
    note: str


def select_rows(results: Results, max_rollouts: int) -> Selection:
    """Choose complete groups, spread evenly over the input, of at most ``max_rollouts`` rows, but at least one group."""
    groups = results.groups
    sizes = np.bincount(groups.ids, minlength=groups.num_groups)
    count = groups.num_groups
    chosen = np.arange(count)
    while sizes[chosen].sum() > max_rollouts and count > 1:
        count = min(count - 1, max(1, int(count * max_rollouts / sizes[chosen].sum())))
        chosen = np.linspace(0, groups.num_groups - 1, count).astype(np.int64)
    is_chosen = np.zeros(groups.num_groups, dtype=bool)
    is_chosen[chosen] = True
    rows = np.flatnonzero(is_chosen[groups.ids])
    note = ""
    if len(rows) < len(results):
        note = (
            f"The tables hold {len(rows):,} of {len(results):,} rollouts: {len(chosen):,} of {groups.num_groups:,} complete "
            "groups, spread evenly over the input. Tiles and charts count all; --max-rollouts changes the number."
        )
    return Selection(rows, chosen, note)


def find_presets(results: Results, groups: GroupStatistics, texts: RolloutTexts, rows: Ints) -> dict[str, Booleans]:
    """Return which of the rows each of `PRESETS` holds."""
    verdict = _or_missing(results.verdict, results)[rows]
    label = _or_missing(results.label, results)[rows]
    judged = np.isfinite(verdict)
    truth = np.where(np.isfinite(label), label, verdict)
    incorrect = np.isfinite(truth) & (truth <= CORRECT_THRESHOLD)
    labeled = judged & np.isfinite(label)
    disagree = labeled & ((verdict > CORRECT_THRESHOLD) != (label > CORRECT_THRESHOLD))
    preferred, suspect = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    if results.scores:
        score = next(iter(results.scores.values()))
        lowest = _lowest_correct(results, score)[results.groups.ids[rows]]
        with np.errstate(invalid="ignore"):
            preferred = judged & (verdict <= CORRECT_THRESHOLD) & (score[rows] > lowest)
            if np.isfinite(score).any():
                suspect = incorrect & (score[rows] >= np.quantile(score[np.isfinite(score)], HIGH_SCORE))
    return {
        "preferred": preferred,
        "unparsed": texts.has_status(Status.UNPARSED),
        "failed": texts.has_status(Status.FAILED, Status.TIMEOUT, Status.CRASHED),
        "silent": groups.silent[results.groups.ids[rows]],
        "disagree": disagree | texts.verifiers_disagree(),
        "suspect": suspect,
    }


def _or_missing(values: Floats | None, results: Results) -> Floats:
    return np.full(len(results), np.nan) if values is None else values


def _lowest_correct(results: Results, score: Floats) -> Floats:
    """Return the lowest score of each group's correct rollouts, infinity for none."""
    verdict = _or_missing(results.verdict, results)
    correct = np.isfinite(score) & np.isfinite(verdict) & (verdict > CORRECT_THRESHOLD)
    ids, count = results.groups.ids[correct], results.groups.num_groups
    lowest: Floats = _segment.reduce(score[correct], Groups(ids, count), "min")
    return lowest


def make_tables(
    results: Results,
    groups: GroupStatistics,
    texts: RolloutTexts,
    selection: Selection,
    timeline: Timeline | None = None,
) -> dict[str, Any]:
    """Return the data of both tables as JSON values, a list per column; None for no value."""
    rows, chosen = selection.rows, selection.groups
    presets = find_presets(results, groups, texts, rows)
    place = np.full(results.groups.num_groups, -1)
    place[chosen] = np.arange(len(chosen))
    optional: Mapping[str, Floats | None] = {"step": results.step, "label": results.label}
    return {
        "note": selection.note,
        "total": len(results),
        "threshold": CORRECT_THRESHOLD,
        "sources": texts.sources,
        "unit": texts.unit,
        "presets": [[name, text, int(presets[name].sum())] for name, text in PRESETS.items()],
        "groups": _make_group_columns(groups, texts, chosen, place[results.groups.ids[rows]]),
        "rollouts": {
            "group": place[results.groups.ids[rows]].tolist(),
            "row": (rows + 1).tolist(),
            "reward": round_floats(results.reward[rows]),
            "advantage": round_floats(results.advantage[rows]),
            "weight": round_floats(results.weight[rows]),
            **{name: round_floats(values[rows]) for name, values in optional.items() if values is not None},
            **({} if timeline is None else {"segment": timeline.segments[rows].tolist()}),
            "values": [[row[i][0] for row in texts.results] for i in range(len(texts.sources))],
            "status": texts.worst_statuses(),
            "answer": texts.answers(),
            "length": texts.lengths,
            "tail": texts.tails,
            **{f"is_{name}": np.flatnonzero(mask).tolist() for name, mask in presets.items()},
        },
    }


def _make_group_columns(
    groups: GroupStatistics, texts: RolloutTexts, chosen: Ints, places: Ints
) -> dict[str, list[Any]]:
    """Return the columns of the table of groups; ``places`` are the groups of the rollouts, as positions in it."""
    return {
        "key": texts.group_keys,
        "prompt": texts.prompts_short,
        "size": _whole(groups.size[chosen]),
        "correct": _whole(groups.correct[chosen]),
        "incorrect": _whole((groups.judged - groups.correct)[chosen]),
        "unjudged": _whole((groups.size - groups.judged)[chosen]),
        "spread": round_floats(groups.score_std[chosen]),
        "weight": round_floats(groups.weight[chosen]),
        "inversions": round_floats(groups.inversions[chosen]),
        "advantage": round_floats(groups.mean_abs_advantage[chosen]),
        "silent": [bool(value) for value in groups.silent[chosen]],
        "status": _count_statuses(texts, places, len(chosen)),
    }


def add_changes(tables: dict[str, Any], changes: Changes, selection: Selection) -> None:
    """Add the columns of a comparison to the tables."""
    rows, chosen = selection.rows, selection.groups
    tables["groups"]["other"] = round_floats(changes.mean_abs_advantage[chosen])
    tables["groups"]["signal_change"] = [changes.signal[group] for group in chosen.tolist()]
    tables["rollouts"]["other"] = round_floats(changes.advantage[rows])
    tables["rollouts"]["change"] = round_floats(changes.rank[rows])
    signal = np.array(tables["groups"]["signal_change"])[tables["rollouts"]["group"]]
    for name, text in CHANGE_PRESETS.items():
        members = np.flatnonzero(signal == name).tolist()
        tables["presets"].append([name, text, len(members)])
        tables["rollouts"][f"is_{name}"] = members


def _count_statuses(texts: RolloutTexts, places: Ints, count: int) -> list[str]:
    """Return for each group how many of its rollouts have which status, in words; "" where all are judged."""
    counts = [Counter[str]() for _ in range(count)]
    for place, status in zip(places.tolist(), texts.worst_statuses(), strict=True):
        if status != Status.JUDGED.value:
            counts[place][status] += 1
    return [", ".join(f"{number} {status}" for status, number in counter.most_common()) for counter in counts]


def _whole(values: Floats) -> list[int]:
    return [int(value) for value in values]
