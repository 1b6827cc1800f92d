"""Assembling the page: one HTML file that asks for nothing else and lets no text of a model run."""

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from herokit.combiners import CORRECT_THRESHOLD
from herokit.errors import DataError, SetupError
from herokit.files.reading import format_columns
from herokit.report import charts, statistics
from herokit.report.comparison import compare
from herokit.report.examples import sections
from herokit.report.mathml import as_html
from herokit.report.results import Results, read_results
from herokit.report.statistics import Course, PerGroup
from herokit.types import Groups

Card = dict[str, Any]

ENDINGS = (".html", ".htm")


def write_report(
    results: str, output: Path, *, other: str | None = None, columns: Mapping[str, str] | None = None
) -> Path:
    """Write the report of scored rollouts.

    Args:
        results: what `herokit score` has written, a file or a folder.
        output: the HTML file to write.
        other: results of another scheme to compare them with.
        columns: role -> column, as for `herokit score`; of both.

    Raises:
        DataError: no results there, the file is none for a page, or cannot be written.
        SetupError: the packages of the extra ``report`` are missing.
    """
    if output.suffix not in ENDINGS:
        raise DataError(f"{output}: a report ends in {' or '.join(ENDINGS)}, got {output.suffix!r}")
    page = render(read_results(results, columns), read_results(other, columns) if other else None)
    part = output.with_name(output.name + ".part")
    try:
        part.write_text(page, encoding="utf-8")
        os.replace(part, output)  # noqa: PTH105 - as the sinks do
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DataError(f"{output}: cannot be written: {error.strerror or error}") from error
    return output


def render(results: Results, other: Results | None = None) -> str:
    """Return the page's text.

    Raises:
        SetupError: the packages of the extra ``report`` are missing.
    """
    try:
        import altair as alt  # noqa: F401 - asked for here, so that nothing is computed in vain
        import jinja2
        import latex2mathml.converter  # noqa: F401
        import vl_convert
        from markupsafe import Markup
    except ModuleNotFoundError as error:
        raise SetupError(f"herokit report needs {error.name}: pip install 'herokit[report]'") from None
    groups = statistics.per_group(results)
    found = statistics.course(results)
    versus = compare(results, other) if other is not None else None
    cards = [*_cards(results, groups, found), *(versus.cards if versus else [])]
    cards = [card for card in cards if card["spec"]["data"]["values"]]  # of nothing there is no picture
    here = files("herokit.report")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["formulas"] = lambda text: Markup(as_html(str(text)))  # noqa: S704 - as_html escapes
    scripts = [_bundle(vl_convert), here.joinpath("page.js").read_text()]
    if any("</script" in script.lower() for script in scripts):
        raise SetupError("the chart library cannot be embedded: it holds the text '</script'")
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return environment.from_string(here.joinpath("page.html").read_text()).render(
        name=Path(results.name).name,
        other=Path(other.name).name if other is not None else "",
        parts=_parts(results),
        tiles=_tiles(results, groups, found),
        warning=_warning(found),
        cards=cards,
        specs=Markup(_embedded([card["spec"] for card in cards])),  # noqa: S704 - escaped there
        statuses=results.statuses,
        reasons={source: why for source, why in results.reasons.items() if why},
        rows=len(results),
        sections=sections(results),
        versus=versus,
        style=Markup(here.joinpath("page.css").read_text()),  # noqa: S704 - our own
        scripts=[Markup(s) for s in scripts],  # noqa: S704 - hashed above
        hashes=hashes,
    )


def _bundle(vl_convert: Any) -> str:
    """Return Vega, Vega-Lite and their embedding as one script; Any, for the package's types forget a default."""
    script: str = vl_convert.javascript_bundle()
    return script


def _embedded(value: Any) -> str:
    """Return JSON that cannot end the element it stands in."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _parts(results: Results) -> str:
    """Say which columns were read as what: a group taken from the wrong one shows here."""
    return format_columns(results.columns) + (
        f", results from {results.prefix}reward and its kin" if results.prefix else ""
    )


def _tiles(results: Results, groups: PerGroup, found: Course | None) -> list[tuple[str, str]]:
    some = groups.size > 0
    tiles = [("rollouts", f"{len(results):,}"), ("groups", f"{int(some.sum()):,}")]
    if results.verdict is not None:
        known = results.verdict[np.isfinite(results.verdict)]
        judged = groups.judged > 0
        tiles.append(
            ("right, by the verifier", f"{(known > CORRECT_THRESHOLD).mean():.1%}" if len(known) else "none judged")
        )
        tiles.append(
            ("groups where the verifier is silent", f"{groups.silent[judged].mean():.1%}" if judged.any() else "none")
        )
    tiles.append(("groups without a signal under the scheme", f"{(groups.pull[some] <= statistics.SILENT).mean():.1%}"))
    if found is not None and results.verdict is not None:
        name, score = next(iter(results.scores.items()))
        given = np.isfinite(results.verdict)
        right = results.verdict[given] > CORRECT_THRESHOLD
        within = statistics.auc_in_groups(
            score[given], right, Groups(results.groups.ids[given], results.groups.num_groups)
        )
        tiles.append((f"AUC of {name}", _area(statistics.auc(score[given], right))))
        tiles.append((f"AUC of {name} inside groups", _area(within)))
    tiles.append(("rows without a reward", f"{int((~np.isfinite(results.reward)).sum()):,}"))
    return tiles


def _area(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "none"


def _warning(found: Course | None) -> str:
    if found is None or not found.hacked():
        return ""
    fell = (
        "verified accuracy" if statistics.trend(found.accuracy).direction < 0 else "its power to tell right from wrong"
    )
    return (
        f"Reward hacking? The reward model's score rises from the start of these results to their end while {fell} falls. "
        "If they are in the order of training, the policy may be learning what the model likes instead of what is right."
    )


def _cards(results: Results, groups: PerGroup, found: Course | None) -> list[Card]:
    cards = []
    for name, score in results.scores.items():
        cards.append(
            _card(
                f"Scores of {name}, before shaping",
                "What the reward model said, by verdict.",
                charts.by_verdict(results, score, "score"),
            )
        )
    cards.append(
        _card(
            "Reward, after shaping",
            "Strata that overlap here can put a wrong rollout above a right one.",
            charts.by_verdict(results, results.reward, "reward"),
        )
    )
    cards.append(
        _card(
            "Group composition",
            "Groups at both ends give a verifier-only reward no signal.",
            charts.composition(groups),
        )
    )
    cards.append(
        _card(
            "Size of advantages",
            "Median and the middle 80 % of groups: which groups move the policy.",
            charts.pull({Path(results.name).name: groups}),
        )
    )
    if results.scores:
        cards.append(
            _card(
                "Spread and weight",
                "One dot a group: whether wide scores weigh more.",
                charts.spread_and_weight(groups),
            )
        )
    if found is not None and len(found.at) > 1:
        curves = [("verified accuracy", found.accuracy), ("AUC of the score", found.area)]
        cards.append(
            _card(
                "Accuracy over time",
                "Share of right rollouts, and how well the score tells them apart.",
                charts.through(found, curves, "share"),
            )
        )
        curves = [("mean", found.score), ("standard deviation", found.spread)]
        cards.append(
            _card(
                "Score over time",
                "A score that rises while accuracy falls is being hacked.",
                charts.through(found, curves, "score"),
            )
        )
    return cards


def _card(title: str, note: str, spec: dict[str, Any]) -> Card:
    return {"title": title, "note": note, "spec": spec}
