"""Two schemes side by side, over the same rollouts or not."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from herokit import _segment
from herokit.report import charts, statistics
from herokit.report.results import Floats, Results
from herokit.types import Groups


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs.

    Attributes:
        table: a line each: what, the first's figure, the second's.
        note: how the advantages of common rows agree.
        cards: pictures of both.
    """

    table: list[tuple[str, str, str]]
    note: str
    cards: list[dict[str, Any]]


def compare(first: Results, second: Results) -> Comparison:
    """Compare two results; row by row where they hold the same completions in the same groups."""
    names = _names(first, second)
    groups = [statistics.per_group(results) for results in (first, second)]
    table = [("rollouts", *(f"{len(r):,}" for r in (first, second)))]
    for title, column in (("reward", "reward"), ("weight", "weight")):
        table.append((f"{title}, mean and deviation", *(_moments(getattr(r, column)) for r in (first, second))))
    silent = [f"{(g.pull[g.size > 0] <= statistics.SILENT).mean():.1%}" for g in groups]
    table.append(("groups without a signal", *silent))
    table.append(("mean |advantage| of a group", *(f"{g.pull[g.size > 0].mean():.3g}" for g in groups)))
    table.append(("share of all |advantage| in uniform groups", *map(_uniform, groups)))
    alike = len(first) == len(second) and bool((first.groups.ids == second.groups.ids).all())
    same = alike and first.digest() == second.digest()
    note = _agreement(first, second) if same else "The two hold different rollouts, so rows are not compared."
    spec = charts.pull(dict(zip(names, groups, strict=True)))
    card = {"title": "Size of advantages, both", "note": "Median and the middle 80 % of groups.", "spec": spec}
    return Comparison(table, note, [card])  # type: ignore[arg-type]


def _names(first: Results, second: Results) -> tuple[str, str]:
    one, two = Path(first.name).name, Path(second.name).name
    return (one, two) if one != two else (first.name, second.name) if first.name != second.name else (one, f"{two} (2)")


def _moments(values: Floats) -> str:
    known = values[np.isfinite(values)]
    return f"{known.mean():.3g} \u00b1 {known.std():.3g}" if len(known) else "none"


def _uniform(groups: statistics.PerGroup) -> str:
    """Say how much of the pull comes from groups that a verifier cannot tell apart; none where nothing is judged."""
    if not groups.judged.any():
        return "none"
    total = groups.pull * groups.size
    return f"{total[groups.silent].sum() / total.sum() if total.sum() > 0 else 0.0:.1%}"


def _agreement(first: Results, second: Results) -> str:
    both = np.isfinite(first.advantage) & np.isfinite(second.advantage)
    a, b = first.advantage[both], second.advantage[both]
    if len(a) < 2 or a.std() == 0 or b.std() == 0:  # noqa: PLR2004 - a correlation needs two
        return "Too few rows have an advantage in both to compare them."
    whole = Groups(np.zeros(len(a), dtype=np.int64), 1)
    ranks = [_segment.ranks(x, whole, shared=True) for x in (a, b)]
    opposite = float(((a * b) < 0).mean())
    return (
        f"Advantages of the same {len(a):,} rows: correlation {np.corrcoef(a, b)[0, 1]:.3f}, of ranks "
        f"{np.corrcoef(*ranks)[0, 1]:.3f}; opposite signs on {opposite:.1%}."
    )
