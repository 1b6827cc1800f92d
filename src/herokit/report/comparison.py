"""Compare the results of two schemes or two runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from herokit import _segment
from herokit.report.charts import advantage_chart
from herokit.report.results import Floats, Results
from herokit.report.statistics import GroupStatistics, group_statistics
from herokit.types import Groups

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two results next to each other.

    Attributes:
        table: rows of (quantity, value of the first, value of the second).
        note: how well the advantages of the same rows agree.
        chart: the size of the advantages of both.
    """

    table: list[tuple[str, str, str]]
    note: str
    chart: dict[str, Any]


def compare(first: Results, second: Results) -> Comparison:
    """Compare two results; row by row if they hold the same completions in the same groups."""
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
    note = _agreement(first, second) if same_rows else "The files hold different rollouts: rows are not compared."
    return Comparison(table, note, advantage_chart(dict(zip(_names(first, second), (a, b), strict=True))))


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
