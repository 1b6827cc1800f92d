"""Compare the results of two schemes or two runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from herokit import _segment
from herokit.errors import warn_of_silence
from herokit.report.charts import advantage_chart
from herokit.report.results import Floats, Results
from herokit.report.statistics import GroupStatistics, group_statistics
from herokit.types import Groups

__all__ = ["Changes", "Comparison", "compare"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two results next to each other.

    Attributes:
        table: rows of (quantity, value of the first, value of the second).
        note: how well the advantages of the same rows agree.
        chart: the size of the advantages of both.
        changes: what changed row by row and group by group; None if the files hold different rollouts.
    """

    table: list[tuple[str, str, str]]
    note: str
    chart: dict[str, Any]
    changes: "Changes | None"


@dataclass(frozen=True, slots=True)
class Changes:
    """What the second scheme changed in N rows of G groups.

    Attributes:
        advantage: (N,) the second's advantage.
        rank: (N,) the change of the advantage's rank among all rows, as a fraction of them: schemes differ in scale.
        mean_abs_advantage: (G,) the second's mean absolute advantage.
        signal: (G,) "gains" for a group that only the second gives a signal, "loses" for the contrary, else "".
    """

    advantage: Floats
    rank: Floats
    mean_abs_advantage: Floats
    signal: list[str]


def compare(first: Results, second: Results) -> Comparison:
    """Compare two results; row by row if they hold the same completions in the same groups, else with a warning."""
    a, b = group_statistics(first), group_statistics(second)
    table = [
        ("rollouts", f"{len(first):,}", f"{len(second):,}"),
        ("reward, mean \u00b1 std", _mean_and_std(first.reward), _mean_and_std(second.reward)),
        ("weight, mean \u00b1 std", _mean_and_std(first.weight), _mean_and_std(second.weight)),
        ("zero-signal groups", f"{a.zero_signal_rate():.1%}", f"{b.zero_signal_rate():.1%}"),
        ("mean |advantage| of a group", _mean_advantage(a), _mean_advantage(b)),
        ("share of all |advantage| in uniform groups", _uniform_share(a), _uniform_share(b)),
    ]
    same_groups = len(first) == len(second) and bool((first.groups.ids == second.groups.ids).all())
    same_rows = same_groups and first.digest() == second.digest()
    changes = _find_changes(first, second, a, b) if same_rows else None
    if changes:
        counts = [f"{changes.signal.count(kind):,}" for kind in ("gains", "loses")]
        note = f"{_agreement(first, second)} Groups that gain a signal with the second: {counts[0]}; that lose theirs: {counts[1]}."
    else:
        note = _describe_mismatch(first, second)
        warn_of_silence(f"{first.name}, {second.name}: {note}")
    return Comparison(table, note, advantage_chart(dict(zip(_names(first, second), (a, b), strict=True))), changes)


def _describe_mismatch(first: Results, second: Results) -> str:
    what = "their rollouts are not those of the same groups, with the same completions and in the same order"
    if len(first) != len(second):
        what = f"the first has {len(first):,}, the second {len(second):,}"
    return f"The files hold different rollouts: {what}. Rows are not compared."


def _find_changes(first: Results, second: Results, a: GroupStatistics, b: GroupStatistics) -> Changes:
    words = {(True, False): "gains", (False, True): "loses"}
    signal = [words.get(pair, "") for pair in zip(a.silent.tolist(), b.silent.tolist(), strict=True)]
    rank = _fractional_ranks(second.advantage) - _fractional_ranks(first.advantage)
    return Changes(second.advantage, rank, b.mean_abs_advantage, signal)


def _fractional_ranks(values: Floats) -> Floats:
    """Return the rank of every known value, from 0 to 1, ties shared; NaN for the others."""
    known = np.isfinite(values)
    ranks = np.full(len(values), np.nan)
    ranks[known] = _segment.ranks(values[known], Groups(np.zeros(int(known.sum()), dtype=np.int64), 1), shared=True)
    return ranks / max(int(known.sum()) - 1, 1)


def _names(first: Results, second: Results) -> tuple[str, str]:
    one, two = Path(first.name).name, Path(second.name).name
    if one != two:
        return one, two
    return (first.name, second.name) if first.name != second.name else (one, f"{two} (2)")


def _mean_and_std(values: Floats) -> str:
    finite = values[np.isfinite(values)]
    return f"{finite.mean():.3g} \u00b1 {finite.std():.3g}" if len(finite) else "none"


def _mean_advantage(groups: GroupStatistics) -> str:
    return f"{groups.mean_abs_advantage[groups.size > 0].mean():.3g}"


def _uniform_share(groups: GroupStatistics) -> str:
    if not groups.judged.any():
        return "none"
    total = groups.mean_abs_advantage * groups.size
    return f"{total[groups.uniform].sum() / total.sum() if total.sum() > 0 else 0.0:.1%}"


def _agreement(first: Results, second: Results) -> str:
    both = np.isfinite(first.advantage) & np.isfinite(second.advantage)
    a, b = first.advantage[both], second.advantage[both]
    if len(a) < 2 or a.std() == 0 or b.std() == 0:  # noqa: PLR2004 - a correlation needs two
        return "Too few rows have an advantage in both files to compare them."
    one_group = Groups(np.zeros(len(a), dtype=np.int64), 1)
    ranks = [_segment.ranks(x, one_group, shared=True) for x in (a, b)]
    opposite = float(((a * b) < 0).mean())
    return (
        f"Advantages of the same {len(a):,} rows: correlation {np.corrcoef(a, b)[0, 1]:.3f}, rank correlation "
        f"{np.corrcoef(*ranks)[0, 1]:.3f}, opposite signs on {opposite:.1%}."
    )
