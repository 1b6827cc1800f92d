"""Write the report page: one HTML file that loads nothing and runs no text of a model."""

import base64
import gzip
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from herokit.combiners.base import CORRECT_THRESHOLD
from herokit.errors import DataError, SetupError
from herokit.files.inputs import find_inputs
from herokit.files.reading import format_columns
from herokit.report import charts, statistics
from herokit.report.comparison import Comparison, compare
from herokit.report.examples import make_sections
from herokit.report.mathml import to_html
from herokit.report.results import Results, read_results
from herokit.report.rollouts import Selection, add_changes, make_tables, select_rows
from herokit.report.statistics import GroupStatistics, Timeline
from herokit.report.steps import trace_steps
from herokit.report.texts import RolloutTexts, read_texts
from herokit.types import Groups

__all__ = ["MAX_ROLLOUTS", "render", "watch_inputs", "write_report"]

Card: TypeAlias = dict[str, Any]
"""A chart with its title and note."""

SUFFIXES = (".html", ".htm")
MAX_ROLLOUTS = 20_000
"""Rollouts whose texts the page holds."""
WATCH_INTERVAL_S = 5.0
"""Seconds between two looks at the input."""
PACKAGES = ("altair", "jinja2", "latex2mathml", "vl_convert", "itables")
SCRIPTS = ("tables.js", "differences.js", "group.js", "marks.js", "page.js")


def write_report(
    results: str | Results,
    output: Path,
    *,
    other: str | None = None,
    columns: Mapping[str, str] | None = None,
    max_rollouts: int = MAX_ROLLOUTS,
    scheme: str | None = None,
) -> Path:
    """Write the report of scored rollouts.

    Args:
        results: the results of `herokit score`, a file or a folder, or what `read_results` returns.
        output: the HTML file to write.
        other: results of another scheme or run, to compare them with.
        columns: role -> column, as for `herokit score`; of both.
        max_rollouts: rollouts in the tables; of a longer input, complete groups spread evenly over it.
        scheme: a scheme whose steps are shown, a file or a name; no source runs.

    Raises:
        DataError: there are no results, the output is not an HTML file or cannot be written.
        SetupError: the packages of the extra ``report`` are missing.
    """
    check_output(output)
    others = read_results(other, columns) if other else None
    first = read_results(results, columns) if isinstance(results, str) else results
    page = render(first, others, max_rollouts=max_rollouts, scheme=scheme)
    part = output.with_name(output.name + ".part")
    try:
        part.write_bytes(page.encode("utf-8", "backslashreplace"))  # a text may hold half of a surrogate pair
        os.replace(part, output)  # noqa: PTH105 - atomic, on Windows too
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DataError(f"{output}: cannot be written: {error.strerror or error}") from error
    return output


def check_output(output: Path) -> Path:
    """Return the path of a page if it can be one, and the packages that make it are there.

    Raises:
        DataError: it is not an HTML file.
        SetupError: the packages of the extra ``report`` are missing.
    """
    if output.suffix not in SUFFIXES:
        raise DataError(f"{output}: expected a file that ends in {' or '.join(SUFFIXES)}, got {output.suffix!r}")
    _check_packages()
    return output


def _check_packages() -> None:
    """Check that the packages of the extra ``report`` are there.

    Raises:
        SetupError: some are not; the message names them.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise SetupError(f"herokit report needs {' and '.join(missing)}: pip install 'herokit[report]'")


def watch_inputs(
    names: Sequence[str], write: Callable[[], None], on_error: Callable[[DataError], None], *, rounds: int | None = None
) -> None:
    """Call a function now, and again after each change of some inputs, until the program is interrupted.

    An input that is not there yet, or whose last row is half written, is tried again at its next change: an earlier page
    stays. An interruption (Ctrl-C) ends it without an error.

    Args:
        names: files, or folders of them.
        write: writes the report.
        on_error: gets the error for which there is no new page.
        rounds: number of looks; None for no limit.
    """
    last: object = None
    number = 0
    try:
        while rounds is None or number < rounds:
            if number:
                time.sleep(WATCH_INTERVAL_S)
            number += 1
            state = _describe(names)
            if state == last:
                continue
            last = state
            try:
                write()
            except DataError as error:
                on_error(error)
    except KeyboardInterrupt:
        return


def _describe(names: Sequence[str]) -> list[object]:
    """Return what changes when an input changes; nothing for one that is not there."""
    try:
        stats = [(path, path.stat()) for path in find_inputs(names)]
    except (DataError, OSError):
        return []
    return [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]


def render(
    results: Results, other: Results | None = None, *, max_rollouts: int = MAX_ROLLOUTS, scheme: str | None = None
) -> str:
    """Return the page as text.

    Raises:
        SetupError: the packages of the extra ``report`` are missing.
    """
    _check_packages()
    import jinja2
    import vl_convert
    from markupsafe import Markup

    table_library = _find_table_library()
    comparison = compare(results, other) if other is not None else None
    groups, timeline = statistics.group_statistics(results), statistics.make_timeline(results)
    selection = select_rows(results, max_rollouts)
    texts = read_texts(results, selection.rows.tolist(), selection.groups.tolist())
    cards = [*_make_cards(results, groups, timeline), *_make_comparison_cards(comparison)]
    cards.insert(len(results.scores) + 3, _make_length_card(results, texts, selection))
    cards = [card for card in cards if card["spec"]["data"]["values"]]
    steps = trace_steps(results, scheme, selection.rows).as_json() if scheme else None
    tables = make_tables(results, groups, texts, selection, timeline)
    if comparison and comparison.changes:
        add_changes(tables, comparison.changes, selection)
    folder = files("herokit.report")
    own = "\n".join(folder.joinpath(name).read_text() for name in SCRIPTS)
    scripts = [_javascript_bundle(vl_convert), _read_table_script(table_library), own]
    style = (table_library / "dt_bundle.css").read_text(encoding="utf-8") + folder.joinpath("page.css").read_text()
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["formulas"] = lambda text: Markup(to_html(str(text)))  # noqa: S704 - to_html escapes
    return environment.from_string(folder.joinpath("page.html").read_text()).render(
        _make_content(results, other, comparison, groups, timeline),
        note=tables["note"],
        cards=cards,
        specs=Markup(_embed_json([card["spec"] for card in cards])),  # noqa: S704 - escaped by _embed_json
        tables=Markup(_embed_json(tables)),  # noqa: S704 - escaped by _embed_json
        texts=Markup(_compress_json(texts.as_json() | {"steps": steps})),  # noqa: S704 - base64
        style=Markup(style),  # noqa: S704 - our own and the table library's
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own and the libraries
        hashes=_content_hashes(scripts),
    )


def _make_content(
    results: Results,
    other: Results | None,
    comparison: Comparison | None,
    groups: GroupStatistics,
    timeline: Timeline | None,
) -> dict[str, Any]:
    """Return the variables of the page's template that depend on the results; the template escapes them."""
    return {
        "name": Path(results.name).name,
        "other": Path(other.name).name if other is not None else "",
        "columns": _describe_columns(results),
        "tiles": _make_tiles(results, groups, timeline),
        "warning": _hacking_warning(timeline),
        "statuses": results.statuses,
        "reasons": {source: reasons for source, reasons in results.reasons.items() if reasons},
        "rows": len(results),
        "sections": make_sections(results),
        "comparison": comparison,
    }


def _javascript_bundle(vl_convert: Any) -> str:
    """Return Vega, Vega-Lite and vega-embed as one script; Any because the package's types lack a default."""
    script: str = vl_convert.javascript_bundle()
    return script


def _find_table_library() -> Path:
    """Return the folder of DataTables, which the package itables contains; itables itself is not imported."""
    spec = find_spec("itables")
    assert spec is not None and spec.origin is not None  # noqa: S101, PT018 - _check_packages has found it
    return Path(spec.origin).parent / "html"


def _read_table_script(folder: Path) -> str:
    """Return DataTables as a script that sets ``window.DataTable``, without what an HTML parser takes for a tag."""
    script = (folder / "dt_bundle.js").read_text(encoding="utf-8")
    exports = re.search(r"export\{[^}]*?([\w$]+) as default[^}]*\}", script)
    if exports is None:
        raise SetupError(f"{folder}: no DataTables as the default export; install the version of herokit[report]")
    script = f"{script[: exports.start()]}window.DataTable={exports[1]}{script[exports.end() :]}"
    return script.replace("<!--", "\\x3C!--").replace("<script", "\\x3Cscript")


def _compress_json(value: Any) -> str:
    """Return JSON compressed by gzip, in base64: a page of 20,000 rollouts stays small, and no text is HTML."""
    data = json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()


def _content_hashes(scripts: list[str]) -> str:
    """Return the hashes for the content security policy."""
    if any("</script" in script.lower() for script in scripts):
        raise SetupError("the chart library cannot be embedded: it contains the text '</script'")
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def _embed_json(value: Any) -> str:
    """Return JSON that cannot close the element around it."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _describe_columns(results: Results) -> str:
    """Say which columns were read: a wrong group column shows here."""
    prefix = f"; results from columns that begin with {results.prefix}" if results.prefix else ""
    return format_columns(results.columns) + prefix


def _make_tiles(results: Results, groups: GroupStatistics, timeline: Timeline | None) -> list[tuple[str, str]]:
    tiles = [("rollouts", f"{len(results):,}"), ("groups", f"{int((groups.size > 0).sum()):,}")]
    if results.verdict is not None:
        values = results.verdict[np.isfinite(results.verdict)]
        judged = groups.judged > 0
        tiles += [
            (
                "correct, by the verifier",
                f"{(values > CORRECT_THRESHOLD).mean():.1%}" if len(values) else "none judged",
            ),
            ("uniform groups", f"{groups.uniform[judged].mean():.1%}" if judged.any() else "none"),
        ]
    tiles.append(("zero-signal groups", f"{groups.zero_signal_rate():.1%}"))
    if timeline is not None and results.verdict is not None:
        name, scores = next(iter(results.scores.items()))
        given = np.isfinite(results.verdict)
        correct, ids = results.verdict[given] > CORRECT_THRESHOLD, results.groups.ids[given]
        within = statistics.auc_within_groups(scores[given], correct, Groups(ids, results.groups.num_groups))
        tiles += [
            (f"AUC of {name}", _format_auc(statistics.auc(scores[given], correct))),
            (f"AUC of {name} within groups", _format_auc(within)),
        ]
    tiles.append(("rows without a reward", f"{int((~np.isfinite(results.reward)).sum()):,}"))
    return tiles


def _format_auc(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "none"


def _hacking_warning(timeline: Timeline | None) -> str:
    if timeline is None or not timeline.suggests_hacking():
        return ""
    falls = statistics.fit_trend(timeline.accuracy).direction < 0
    return (
        "Possible reward hacking: from the start of these results to their end, the reward model's score rises while "
        f"{'verified accuracy' if falls else 'its AUC against the verdicts'} falls. If the rows are in the order of "
        "training, the policy may be exploiting the reward model."
    )


def _make_cards(results: Results, groups: GroupStatistics, timeline: Timeline | None) -> list[Card]:
    cards = [
        _card(
            f"Scores of {name}",
            "Raw scores of the reward model, by verdict.",
            charts.histogram(results, s, "score", name),
        )
        for name, s in results.scores.items()
    ]
    rewards = np.array(statistics.round_floats(results.reward), dtype=np.float64)  # as in the tables
    note = "Where the strata overlap, an incorrect rollout can get a higher reward than a correct one."
    cards.append(_card("Rewards", note, charts.histogram(results, rewards, "reward", "")))
    note = "A verifier-only reward gives no signal to the groups at both ends."
    cards.append(_card("Group composition", note, charts.composition_chart(groups)))
    note = "Median and the middle 80% of groups: which groups move the policy."
    chart = charts.advantage_chart({Path(results.name).name: groups})
    cards.append(_card("Size of advantages", note, chart))
    if results.scores:
        note = "One point per group: do groups with a wider range of scores get a larger weight?"
        cards.append(_card("Weight by standard deviation", note, charts.weight_chart(groups)))
    if timeline is not None and len(timeline.end) > 1:
        curves = [("verified accuracy", timeline.accuracy), ("AUC of the score", timeline.auc)]
        note = "Fraction of correct rollouts, and how well the score separates them from the others."
        cards.append(_card("Accuracy over time", note, charts.timeline_chart(timeline, curves, "fraction")))
        curves = [("mean", timeline.mean_score), ("standard deviation", timeline.score_std)]
        note = "If the score rises while accuracy falls, the policy exploits the reward model."
        cards.append(_card("Score over time", note, charts.timeline_chart(timeline, curves, "score")))
    return cards


def _make_comparison_cards(comparison: Comparison | None) -> list[Card]:
    note = "Median and the middle 80% of groups."
    return [_card("Size of advantages, both files", note, comparison.chart)] if comparison else []


def _make_length_card(results: Results, texts: RolloutTexts, selection: Selection) -> Card:
    """Return the card that says whether length is paid for, of the rollouts in the tables."""
    rows, lengths = selection.rows, np.array(texts.lengths, dtype=np.float64)
    strata = {"": np.ones(len(rows), dtype=bool)}
    if results.verdict is not None:
        verdict = results.verdict[rows]
        strata |= {
            " of correct rollouts": verdict > CORRECT_THRESHOLD,
            " of incorrect ones": verdict <= CORRECT_THRESHOLD,
        }
    parts = []
    for name, chosen in strata.items():
        groups = Groups(results.groups.ids[rows][chosen], results.groups.num_groups)
        value = statistics.correlation_within_groups(lengths[chosen], results.advantage[rows][chosen], groups)
        parts += [f"{value:+.2f}{name}"] if np.isfinite(value) else []
    note = "Mean advantage by length: does a longer text get more? "
    note += f"Rank correlation inside groups: {', '.join(parts) or 'none, length or advantage is constant'}."
    return _card("Advantage by length", note, charts.length_chart(results, rows, lengths, texts.unit))


def _card(title: str, note: str, spec: dict[str, Any]) -> Card:
    return {"title": title, "note": note, "spec": spec | {"description": title}}
