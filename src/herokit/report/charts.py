"""The pictures, as Vega-Lite charts over aggregated numbers, so a report stays small however long the input."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from herokit.combiners import CORRECT_THRESHOLD
from herokit.report.results import Floats, Results
from herokit.report.statistics import Course, PerGroup

BINS = 40
DOTS = 1_500
"""Groups drawn as dots, at most, spread evenly over the input."""
HEIGHT = 200
COLORS = {"right": "#1b9e8a", "wrong": "#d9772b", "not judged": "#8a8f98"}


def by_verdict(results: Results, values: Floats, title: str) -> Any:
    """Return a histogram of values, split by verdict."""
    rows = []
    for name, which in _strata(results).items():
        known = values[which & np.isfinite(values)]
        low, high = _ends(values)
        counts, edges = np.histogram(known, bins=BINS, range=(low, high))
        rows += [
            {"from": float(a), "to": float(b), "rollouts": int(n), "verdict": name}
            for n, a, b in zip(counts, edges[:-1], edges[1:], strict=True)
            if n
        ]
    alt = _altair()
    return _sized(
        alt.Chart(alt.Data(values=rows))
        .mark_bar(opacity=0.6, binSpacing=0)
        .encode(
            x=alt.X("from:Q", title=title, bin="binned"),
            x2="to:Q",
            y=alt.Y("rollouts:Q", stack=None, title="rollouts"),
            color=_verdict_color(alt),
            tooltip=["verdict:N", *(alt.Tooltip(f"{f}:Q", format=".4~g") for f in ("from", "to")), "rollouts:Q"],
        )
    )


def composition(groups: PerGroup) -> Any:
    """Return how many groups have how many right rollouts, of those judged."""
    some = groups.judged > 0
    sizes = np.unique(groups.judged[some])
    same = len(sizes) == 1
    at = groups.right if same else np.round(10 * groups.share) / 10
    values, counts = np.unique(at[some], return_counts=True)
    rows = [{"right": float(v), "groups": int(n)} for v, n in zip(values, counts, strict=True)]
    alt = _altair()
    title = f"right rollouts of {sizes[0]:g}" if same else "share of right rollouts"
    return _sized(
        alt.Chart(alt.Data(values=rows))
        .mark_bar(color=COLORS["right"])
        .encode(
            x=alt.X("right:O", title=title, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("groups:Q", title="groups", scale=alt.Scale(nice=True)),
            tooltip=["right:Q", "groups:Q"],
        )
    )


def spread_and_weight(groups: PerGroup) -> Any:
    """Return each group's spread of scores against its weight."""
    some = np.flatnonzero(np.isfinite(groups.spread) & np.isfinite(groups.weight))
    chosen = some[np.unique(np.linspace(0, len(some) - 1, min(DOTS, len(some))).astype(int))] if len(some) else some
    rows = [
        {"spread": float(groups.spread[g]), "weight": float(groups.weight[g]), "right": float(groups.right[g])}
        for g in chosen
    ]
    alt = _altair()
    return _sized(
        alt.Chart(alt.Data(values=rows))
        .mark_circle(size=18, opacity=0.45, color=COLORS["wrong"])
        .encode(
            x=alt.X("spread:Q", title="standard deviation of the group's scores"),
            y=alt.Y("weight:Q", title="weight", scale=alt.Scale(zero=False)),
            tooltip=[alt.Tooltip(f"{f}:Q", format=".3~g") for f in ("spread", "weight", "right")],
        )
    )


def pull(named: Mapping[str, PerGroup]) -> Any:
    """Return how large advantages are in groups with few and with many right rollouts, one line a set of results."""
    rows = []
    for name, groups in named.items():
        share, some = np.round(8 * groups.share) / 8, groups.judged > 0
        for value in np.unique(share[some]):
            found = groups.pull[(share == value) & some]
            low, middle, high = np.quantile(found, [0.1, 0.5, 0.9])
            rows.append(
                {
                    "results": name,
                    "right": float(value),
                    "low": float(low),
                    "middle": float(middle),
                    "high": float(high),
                    "groups": len(found),
                }
            )
    alt = _altair()
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("right:Q", title="share of right rollouts in the group", axis=alt.Axis(format="%")),
        color=alt.Color("results:N", title=None, legend=None if len(named) < 2 else alt.Legend(orient="top")),  # noqa: PLR2004 - one line needs no legend
    )
    band = base.mark_area(opacity=0.18).encode(y=alt.Y("low:Q", title="mean |advantage| of a group"), y2="high:Q")
    shown = [alt.Tooltip(f"{f}:Q", format=".3~g") for f in ("right", "low", "middle", "high", "groups")]
    line = base.mark_line(point=True).encode(y="middle:Q", tooltip=["results:N", *shown])
    return _sized(band + line)


def through(found: Course, curves: Iterable[tuple[str, Floats]], title: str) -> Any:
    """Return curves over the course of the input."""
    rows = [
        {"at": float(at), "curve": name, "value": float(value)}
        for name, values in curves
        for at, value in zip(found.at, values, strict=True)
        if np.isfinite(value)
    ]
    alt = _altair()
    return _sized(
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=alt.OverlayMarkDef(size=14))
        .encode(
            x=alt.X("at:Q", title="training step" if found.by_step else "row of the input"),
            y=alt.Y("value:Q", title=title, scale=alt.Scale(zero=False)),
            color=alt.Color("curve:N", title=None, legend=alt.Legend(orient="top")),
            tooltip=["curve:N", "at:Q", alt.Tooltip("value:Q", format=".4~g")],
        )
    )


def _altair() -> Any:
    import altair as alt

    return alt


def _verdict_color(alt: Any) -> Any:
    scale = alt.Scale(domain=list(COLORS), range=list(COLORS.values()))
    return alt.Color("verdict:N", title=None, scale=scale, legend=alt.Legend(orient="top"))


def _sized(chart: Any) -> dict[str, Any]:
    made: dict[str, Any] = chart.properties(width="container", height=HEIGHT, background="transparent").to_dict()
    made.pop("config", None)  # the page's own, light or dark
    return made


def _strata(results: Results) -> dict[str, Any]:
    if results.verdict is None:
        return {"not judged": np.ones(len(results), dtype=bool)}
    known = np.isfinite(results.verdict)
    right = known & (results.verdict > CORRECT_THRESHOLD)
    return {"wrong": known & ~right, "right": right, "not judged": ~known}


def _ends(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)
