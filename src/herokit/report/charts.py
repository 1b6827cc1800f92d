"""Vega-Lite charts of aggregated numbers: the page stays small however long the input is.

Each says what its marks select in the tables: `Filter` is read by the page's script.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from herokit.combiners.base import CORRECT_THRESHOLD
from herokit.report.results import Floats, Results
from herokit.report.statistics import GroupStatistics, Ints, Timeline, round_floats

__all__ = ["advantage_chart", "composition_chart", "histogram", "length_chart", "timeline_chart", "weight_chart"]

Filter: TypeAlias = dict[str, Any]
"""``tab``: the table; ``fields``: for each axis that selects, the ``column`` of the tables (``source``: that of the title), its ``title``, and the names of the ``low``
and ``high`` ends of a mark; ``steps``: the column is rounded to that fraction of 1; ``last``: ends do not belong to a mark, but this one does; ``bounds``: the names of
the ends that people read."""

BINS = 40
LENGTHS = 10
"""Parts of equal size into which rollouts are divided by their length."""
MAX_POINTS = 1_500
"""Groups drawn as points, spread evenly over the input."""
HEIGHT = 200
COLORS = {"correct": "#1b9e8a", "incorrect": "#d9772b", "not judged": "#8a8f98"}


def histogram(results: Results, values: Floats, title: str, source: str) -> dict[str, Any]:
    """Return a histogram of the rewards (``source=""``), or of a source's values, one color per verdict."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    rows = []
    for name, chosen in _strata(results).items():
        counts, edges = np.histogram(values[chosen & np.isfinite(values)], bins=BINS, range=(low, high))
        rows += [
            {"from": float(a), "to": float(b), "rollouts": int(n), "verdict": name}
            for n, a, b in zip(counts, edges[:-1], edges[1:], strict=True)
            if n
        ]
    alt = _altair()
    return _to_spec(
        alt.Chart(alt.Data(values=rows))
        .mark_bar(opacity=0.6, binSpacing=0)
        .encode(
            x=alt.X("from:Q", title=title, bin="binned"),
            x2="to:Q",
            y=alt.Y("rollouts:Q", stack=None, title="rollouts"),
            color=alt.Color("verdict:N", title=None, scale=_color_scale(alt), legend=alt.Legend(orient="top")),
            tooltip=["verdict:N", *(alt.Tooltip(f"{f}:Q", format=".4~g") for f in ("from", "to")), "rollouts:Q"],
        ),
        _filter(
            "rollouts", _field("source" if source else "reward", source or "reward", "from", "to") | {"last": high}
        ),
    )


def length_chart(results: Results, rows: Ints, lengths: Floats, unit: str) -> dict[str, Any]:
    """Return the mean advantage of some rows by their length, a line per verdict."""
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, LENGTHS + 1))) if len(lengths) else np.zeros(0)
    places = np.clip(np.searchsorted(edges, lengths, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows_of_chart = []
    for name, chosen in _strata(results).items():
        inside = chosen[rows] & np.isfinite(results.advantage[rows])
        for place in range(len(edges) - 1):
            here = inside & (places == place)
            if here.any():
                bounds = {
                    "from": float(edges[place]),
                    "to": float(edges[place + 1]),
                    "length": float(lengths[here].mean()),
                }
                value = float(results.advantage[rows][here].mean())
                rows_of_chart.append({**bounds, "advantage": value, "rollouts": int(here.sum()), "verdict": name})
    alt = _altair()
    numbers = [alt.Tooltip(f"{f}:Q", format=".4~g") for f in ("from", "to", "advantage", "rollouts")]
    return _to_spec(
        alt.Chart(alt.Data(values=rows_of_chart))
        .mark_line(point=True)
        .encode(
            x=alt.X("length:Q", title=unit, scale=alt.Scale(zero=False)),
            y=alt.Y("advantage:Q", title="mean advantage"),
            color=alt.Color("verdict:N", title=None, scale=_color_scale(alt), legend=alt.Legend(orient="top")),
            tooltip=["verdict:N", *numbers],
        ),
        _filter("rollouts", _field("length", unit, "from", "to") | {"last": float(edges[-1]) if len(edges) else 0.0}),
    )


def composition_chart(groups: GroupStatistics) -> dict[str, Any]:
    """Return the number of groups by their number of correct rollouts, or by their fraction if sizes differ."""
    judged = groups.judged > 0
    sizes = np.unique(groups.judged[judged])
    position, title = np.round(10 * groups.accuracy) / 10, "fraction of correct rollouts"
    field = _field("accuracy", title, "correct") | {"steps": 10}
    if len(sizes) == 1:
        position, title = groups.correct, f"correct rollouts of {sizes[0]:g}"
        field = _field("correct", "correct rollouts", "correct")
    values, counts = np.unique(position[judged], return_counts=True)
    rows = [{"correct": float(v), "groups": int(n)} for v, n in zip(values, counts, strict=True)]
    alt = _altair()
    return _to_spec(
        alt.Chart(alt.Data(values=rows))
        .mark_bar(color=COLORS["correct"])
        .encode(
            x=alt.X("correct:O", title=title, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("groups:Q", title="groups", scale=alt.Scale(nice=True)),
            tooltip=["correct:Q", "groups:Q"],
        ),
        _filter("groups", field),
    )


def weight_chart(groups: GroupStatistics) -> dict[str, Any]:
    """Return each group's weight against the standard deviation of its scores."""
    known = np.flatnonzero(np.isfinite(groups.score_std) & np.isfinite(groups.weight))
    if len(known) > MAX_POINTS:
        known = known[np.linspace(0, len(known) - 1, MAX_POINTS).astype(int)]
    columns = {"score_std": groups.score_std, "weight": groups.weight, "correct": groups.correct}
    values = zip(*(round_floats(column[known]) for column in columns.values()), strict=True)
    rows = [dict(zip(columns, row, strict=True)) for row in values]
    alt = _altair()
    return _to_spec(
        alt.Chart(alt.Data(values=rows))
        .mark_circle(size=18, opacity=0.45, color=COLORS["incorrect"])
        .encode(
            x=alt.X("score_std:Q", title="standard deviation of the group's scores"),
            y=alt.Y("weight:Q", title="weight", scale=alt.Scale(zero=False)),
            tooltip=[alt.Tooltip(f"{f}:Q", format=".3~g") for f in columns],
        ),
        _filter(
            "groups",
            _field("spread", "standard deviation of scores", "score_std"),
            _field("weight", "weight", "weight"),
        ),
    )


def advantage_chart(named: Mapping[str, GroupStatistics]) -> dict[str, Any]:
    """Return the mean absolute advantage of groups against their fraction of correct rollouts, a line per results."""
    rows = []
    for name, groups in named.items():
        accuracy, judged = np.round(8 * groups.accuracy) / 8, groups.judged > 0
        for value in np.unique(accuracy[judged]):
            advantages = groups.mean_abs_advantage[(accuracy == value) & judged]
            low, median, high = (float(q) for q in np.quantile(advantages, [0.1, 0.5, 0.9]))
            quantiles = {"low": low, "median": median, "high": high}
            rows.append({"results": name, "correct": float(value), **quantiles, "groups": len(advantages)})
    alt = _altair()
    legend = alt.Legend(orient="top") if len(named) > 1 else None
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("correct:Q", title="fraction of correct rollouts in the group", axis=alt.Axis(format="%")),
        color=alt.Color("results:N", title=None, legend=legend),
    )
    band = base.mark_area(opacity=0.18).encode(y=alt.Y("low:Q", title="mean |advantage| of a group"), y2="high:Q")
    numbers = [alt.Tooltip(f"{f}:Q", format=".3~g") for f in ("correct", "low", "median", "high", "groups")]
    line = base.mark_line(point=True).encode(y="median:Q", tooltip=["results:N", *numbers])
    return _to_spec(
        band + line, _filter("groups", _field("accuracy", "fraction of correct rollouts", "correct") | {"steps": 8})
    )


def timeline_chart(timeline: Timeline, curves: Iterable[tuple[str, Floats]], title: str) -> dict[str, Any]:
    """Return curves over the segments of the input."""
    rows = [
        {"segment": segment, "start": start, "end": end, "curve": name, "value": float(value)}
        for name, values in curves
        for segment, (start, end, value) in enumerate(
            zip(timeline.start.tolist(), timeline.end.tolist(), values, strict=True)
        )
        if np.isfinite(value)
    ]
    unit = "training step" if timeline.by_step else "row of the input"
    alt = _altair()
    return _to_spec(
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=alt.OverlayMarkDef(size=14))
        .encode(
            x=alt.X("end:Q", title=unit, axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("value:Q", title=title, scale=alt.Scale(zero=False)),
            color=alt.Color("curve:N", title=None, legend=alt.Legend(orient="top")),
            tooltip=["curve:N", "end:Q", alt.Tooltip("value:Q", format=".4~g")],
        ),
        _filter("rollouts", _field("segment", unit, "segment") | {"bounds": ["start", "end"]}),
    )


def _altair() -> Any:
    import altair as alt

    return alt


def _color_scale(alt: Any) -> Any:
    return alt.Scale(domain=list(COLORS), range=list(COLORS.values()))


def _field(column: str, title: str, low: str, high: str = "") -> Filter:
    return {"column": column, "title": title, "low": low, "high": high or low}


def _filter(tab: str, *fields: Filter) -> Filter:
    return {"tab": tab, "fields": fields}


def _to_spec(chart: Any, filter_: Filter) -> dict[str, Any]:
    """Return the chart as JSON, with what its marks select."""
    spec: dict[str, Any] = chart.properties(width="container", height=HEIGHT, background="transparent").to_dict()
    spec.pop("config", None)  # the page has its own, light and dark
    return spec | {"usermeta": {"filter": filter_}}


def _strata(results: Results) -> dict[str, Any]:
    """Return which rows are incorrect, correct or not judged."""
    if results.verdict is None:
        return {"not judged": np.ones(len(results), dtype=bool)}
    judged = np.isfinite(results.verdict)
    correct = judged & (results.verdict > CORRECT_THRESHOLD)
    return {"incorrect": judged & ~correct, "correct": correct, "not judged": ~judged}
