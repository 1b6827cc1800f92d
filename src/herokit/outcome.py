"""`RewardOutput`, the result of a `Rewarder`: one row per sample, with a status for every source."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from herokit._display import (
    arrow_table,
    escape_controls,
    format_columns,
    html_table,
    pandas_frame,
    polars_frame,
    short_repr,
    shorten,
)
from herokit.combiners.base import CORRECT_THRESHOLD, StepTrace
from herokit.credit import Credit
from herokit.errors import DataError
from herokit.records import Row, source_columns, to_rows
from herokit.sources.execution import SourceOutputs
from herokit.sources.results import to_float_array
from herokit.types import Array, Bools, Floats, Sample, Scores, Signals, Status, Verdict, is_valid_score

__all__ = [
    "Explanation",
    "ExplanationRow",
    "RewardOutput",
]


@dataclass(frozen=True, slots=True)
class ExplanationRow:
    """One row of an explanation: a signal, a weight or a step, and its value for each rollout; None for no value."""

    name: str
    values: list[float | None]


_MAX_TEXT = 68
"""Characters shown of the end of a completion, and of an answer or a reference."""

_MAX_PROMPT = 300

_CAUSES = {
    Status.JUDGED.value: "",
    Status.UNPARSED.value: "it gives no answer",
    Status.TIMEOUT.value: "the check ran out of time",
    Status.CRASHED.value: "it made the check crash",
    Status.FAILED.value: "the source failed, not the policy",
}
"""What each status means, for people."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened to one group; ``print(explanation)`` shows it.

    Attributes:
        group: the key of the group.
        rollouts: its rollouts, as rows of the output.
        rows: the signals, then the result of each step.
        problems: for each rollout, why it has no value; empty if it has one.
        results: for each rollout, the results of the sources, by the names of `herokit.records`.
        samples: the rollouts themselves, if they were given.
        parts: for each rollout the number of its parts, 0 without a reward; empty if the chain reads no parts.
        part_rows: the signals of those parts, what each step made of them, and their credit.
    """

    group: Hashable
    rollouts: list[int]
    rows: list[ExplanationRow]
    problems: list[list[str]]
    results: list[Row] = field(default_factory=list)
    samples: Sequence[Sample] = ()
    parts: Sequence[int] = ()
    part_rows: Sequence[ExplanationRow] = ()

    def __str__(self) -> str:
        return self.text()

    def text(self, *, full: bool = False) -> str:
        """Return the explanation as text: problems, a table of signals and steps, and each rollout with its verdicts.

        Control characters are escaped, for a model wrote much of it.

        Args:
            full: whether prompts, completions and answers are shown whole.

        Example:
            >>> verdicts = [{"verifier": 0.0, "verifier_status": "judged", "verifier_reason": "", "verifier_answer": "5"}]
            >>> print(Explanation("q", [0], [ExplanationRow("verifier", [0.0])], [[]], verdicts).text())
            group q
            <BLANKLINE>
                verifier
            #1    0.0000
            <BLANKLINE>
            No step ran: no rollout of this group has all its signals.
            <BLANKLINE>
            #1
               verifier: rejected: read '5'
        """
        lines = [*self._heading(full), "", *self._table(), "", *self._part_table(), self._steps()]
        references = self._references()
        described = self.samples or self.results  # of arrays nothing else is known
        lines += [""] if described else []
        for i in range(len(self.rollouts)) if described else ():
            lines.append(f"#{i + 1}{self._completion(i, full)}")
            lines += [f"   reference: {shorten(references[i], _MAX_TEXT, full)}"] if len(set(references)) > 1 else []
            lines += [f"   {line}" for line in describe_results(self.results[i], full=full)] if self.results else []
        return escape_controls("\n".join(lines))

    def _references(self) -> list[str]:
        return [repr(sample.reference) for sample in self.samples]

    def _heading(self, full: bool) -> list[str]:  # noqa: FBT001 - private
        prompt = shorten(self.samples[0].prompt_text, _MAX_PROMPT, full) if self.samples else ""
        lines = [f"group {self.group}: {prompt}" if prompt else f"group {self.group}"]
        if references := self._references():
            equal = len(set(references)) == 1
            lines.append(f"reference: {shorten(references[0], _MAX_PROMPT, full) if equal else 'differs, see below'}")
        invalid = [(i, reasons) for i, reasons in enumerate(self.problems) if reasons]
        if invalid:
            lines.append(f"{len(invalid)} of {len(self.rollouts)} rollouts have no reward:")
            lines += [f"  #{i + 1} {'; '.join(reasons)}" for i, reasons in invalid]
        return lines

    def _table(self) -> list[str]:
        heads = ["", *(row.name.partition("(")[0] for row in self.rows)]
        cells = [
            [f"#{i + 1}", *("-" if row.values[i] is None else f"{row.values[i]:.4f}" for row in self.rows)]
            for i in range(len(self.rollouts))
        ]
        return format_columns(heads, cells)

    def _part_table(self) -> list[str]:
        """Return the table of the parts, in the order of the rollouts: #1.2 is the second part of the first rollout."""
        heads = ["", *(row.name.partition("(")[0] for row in self.part_rows)]
        labels = [f"#{i + 1}.{part + 1}" for i, count in enumerate(self.parts) for part in range(count)]
        cells = [[label, *(f"{row.values[i]:.4f}" for row in self.part_rows)] for i, label in enumerate(labels)]
        return ["parts:", *format_columns(heads, cells), ""] if labels else []

    def _steps(self) -> str:
        steps = [row.name for row in self.rows if "(" in row.name]
        return f"Steps: {', then '.join(steps)}" if steps else _NO_STEP if self._is_unscored() else _UNKNOWN_STEPS

    def _is_unscored(self) -> bool:
        return not any(row.name in ("reward", "advantage") for row in self.rows)

    def _completion(self, i: int, full: bool) -> str:  # noqa: FBT001 - private
        if not self.samples:
            return ""
        text = self.samples[i].completion_text
        line = " ".join(text.split())
        return f"\n{text}" if full else f" {'... ' * (len(line) > _MAX_TEXT)}{line[-_MAX_TEXT:]}"


_NO_STEP = "No step ran: no rollout of this group has all its signals."
_UNKNOWN_STEPS = (
    "Read from the file, nothing was scored again; --scheme NAME shows the steps of a scheme on these results."
)


def describe_results(row: Mapping[str, Any], *, full: bool = False) -> list[str]:
    """Return what each source found in one rollout, in words: a line for each verdict, and for each score that is missing.

    Args:
        row: the results of the sources, by the names of `herokit.records`.
        full: whether answers are shown whole.

    Example:
        >>> describe_results({"v": 1.0, "v_status": "judged", "v_reason": "", "v_answer": "4", "v_origin": "box"})
        ["v: accepted: read '4' (box)"]
        >>> describe_results({"v": 0.0, "v_status": "unparsed", "v_reason": "the last box is cut off", "v_answer": None})
        ['v: rejected: it gives no answer (unparsed): the last box is cut off']
        >>> describe_results({"rm": None, "rm_status": "failed", "rm_reason": "gave nan"})
        ['rm: no score: the source failed, not the policy (failed): gave nan']
    """
    lines = []
    for name in row:
        status = row.get(f"{name}_status")
        if status is None:
            continue
        value, is_verdict = row[name], f"{name}_answer" in row
        if not is_verdict and status == Status.JUDGED.value:
            continue  # the table shows the score
        decision = "accepted" if value is not None and value > CORRECT_THRESHOLD else "rejected"
        if not is_verdict or value is None:
            decision = "no verdict" if is_verdict else "no score"
        cause = f"{_CAUSES.get(status)} ({status})" if _CAUSES.get(status) else ""
        answer, origin = row.get(f"{name}_answer"), row.get(f"{name}_origin")
        if answer is not None:
            cause += f"{'; ' if cause else ''}read {shorten(repr(answer), _MAX_TEXT, full)}" + (
                f" ({origin})" if origin else ""
            )
        lines.append(": ".join(part for part in (name, decision, cause, row.get(f"{name}_reason") or "") if part))
    return lines


_MAX_DISPLAYED_ROWS = 10
_MAX_DISPLAYED_REASONS = 3


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RewardOutput:
    """The result of a `Rewarder` for N samples, one row each in the order given.

    The result of `herokit.combine` has arrays of the caller's library, and no verdicts and scores.

    Attributes:
        reward: (N,) the chain's value before the first step that makes an advantage; NaN where a source failed or a
            filter removed the row.
        advantage: (N,) the chain's output if a step such as `Center` or `Standardize` made it an advantage, else the
            reward centered in its group; NaN where a source failed, 0 where a filter removed the row.
        weight: (N,) the product of the weights in the chain; 1 without any, NaN and 0 as for the advantage.
        valid: (N,) True where every source gave a value.
        kept: (N,) True where the row is valid and no filter removed it.
        group_keys: the group of every row, as the samples have it.
        signals: the input of the combiner: the valid rows only.
        verdicts: source name -> N verdicts.
        scores: source name -> N scores.
        trace: what each step did to the valid rows.
        seconds: source name -> wall time it took.
        credit: the advantages of the parts of rollouts, if the chain ends with any; `advantage` is their mean then.
        row_problems: why rows have no reward for a reason that no source gave, such as a value of an array, or parts that disagree:
            row -> reason.

    Example:
        >>> from herokit import Rewarder, Sample
        >>> from herokit.schemes import rm_only
        >>> class Length:
        ...     def score(self, samples):
        ...         return [float(len(s.completion_text)) if s.completion_text else float("nan") for s in samples]
        >>> outcome = Rewarder({"rm": Length()}, rm_only())([Sample("p", "abc", "q"), Sample("p", "", "q")])
        >>> outcome.reward.tolist(), outcome.problems()
        ([3.0, nan], {1: 'rm: gave nan'})
    """

    reward: Floats
    advantage: Floats
    weight: Floats
    valid: Bools
    kept: Bools
    group_keys: Sequence[Hashable]
    signals: Signals
    verdicts: Mapping[str, Sequence[Verdict]]
    scores: Mapping[str, Scores]
    trace: Sequence[StepTrace]
    seconds: Mapping[str, float]
    credit: Credit | None = None
    row_problems: Mapping[int, str] = field(default_factory=dict)

    def problems(self) -> dict[int, str]:
        """Return why each invalid row has no reward: row -> reasons, each after its source's name."""
        return {row: "; ".join(self._reasons(row)) for row in np.flatnonzero(~to_float_array(self.valid)).tolist()}

    def __repr__(self) -> str:
        num_invalid = int(np.sum(~to_float_array(self.valid)))
        problems = f", {num_invalid} without a reward: see problems()" if num_invalid else ""
        return f"RewardOutput({self._describe_size()}{problems})"

    def _describe_size(self) -> str:
        count = len(set(self.group_keys))
        return f"{len(self.group_keys):,} rollouts of {count:,} group{'s' * (count != 1)}"

    def __str__(self) -> str:
        """Return a few lines: what is missing and why, then statuses, rewards and groups."""
        count, lines = (
            len(self.group_keys),
            [self._describe_size()],
        )
        reasons: dict[str, list[int]] = {}
        for row, reason in self.problems().items():
            reasons.setdefault(reason, []).append(row)
        for reason, rows in list(reasons.items())[:_MAX_DISPLAYED_REASONS]:
            lines.append(f"no reward: {len(rows):,} of {count:,} (first row {rows[0]}): {reason}")
        if len(reasons) > _MAX_DISPLAYED_REASONS:
            lines.append(f"and {len(reasons) - _MAX_DISPLAYED_REASONS} more reasons: see problems()")
        if count and not np.any(to_float_array(self.advantage[self.valid])):
            lines.append("every advantage is 0: no rollout gives a signal")
        for name, verdicts in self.verdicts.items():
            accepted = sum(v.value is not None and v.value > CORRECT_THRESHOLD for v in verdicts)
            lines.append(f"{name}: {accepted:,} of {count:,} accepted; {_count(v.status for v in verdicts)}")
        for name, scores in self.scores.items():
            lines.append(f"{name}: {_range(scores.values)}; {_count(scores.statuses)}")
        lines += [f"{name}: {_range(to_float_array(getattr(self, name)))}" for name in ("reward", "advantage")]
        return escape_controls("\n".join(lines))

    def explain(self, group: Hashable, samples: Sequence[Sample] = ()) -> "Explanation":
        """Return what each step did to each rollout of one group.

        Args:
            group: the key of the group, as the samples have it.
            samples: the samples of this output, so that the explanation shows prompt, reference and completions.

        Raises:
            DataError: no rollout of this output is in that group.

        Example:
            >>> from herokit import Rewarder, Sample, Select, Center, chain
            >>> class Length:
            ...     def score(self, samples):
            ...         return [float(len(s.completion_text)) for s in samples]
            >>> output = Rewarder({"rm": Length()}, chain(Select("rm"), Center()))([Sample("p", "abc", "q")])
            >>> [(row.name, row.values) for row in output.explain("q").rows]
            [('rm', [3.0]), ("Select(signal='rm')", [3.0]), ('Center()', [0.0])]
        """
        rollouts = [row for row, key in enumerate(self.group_keys) if key == group]
        if not rollouts:
            known = ", ".join(map(repr, dict.fromkeys(self.group_keys)))
            raise DataError(f"no rollout is in group {group!r}; groups here: {known}"[:300])
        place = {row: i for i, row in enumerate(np.flatnonzero(to_float_array(self.valid)).tolist())}
        named: list[tuple[str, Array | None]] = list(self.signals.values.items())
        for step in self.trace:
            named += [("weight", step.weight), ("kept", step.kept), (short_repr(step.step), step.after)]
        rows = [
            ExplanationRow(name, [float(values[place[r]]) if r in place else None for r in rollouts])
            for name, values in named
            if values is not None
        ]
        problems = [[] if self.valid[row] else self._reasons(row) for row in rollouts]
        results = to_rows({name: [values[r] for r in rollouts] for name, values in self._source_columns().items()})
        shown = [samples[r] for r in rollouts] if samples else ()
        return Explanation(group, rollouts, rows, problems, results, shown, *self._explain_parts(rollouts, place))

    def _explain_parts(
        self, rollouts: Sequence[int], place: Mapping[int, int]
    ) -> tuple[list[int], list[ExplanationRow]]:
        """Return how many parts the rollouts have, 0 for invalid ones, and the rows of a table of these parts."""
        parts = self.signals.parts
        if parts is None:
            return [], []
        places = [np.flatnonzero(parts.rollouts.ids == place[r]).tolist() if r in place else [] for r in rollouts]
        counts, chosen = [len(rows) for rows in places], [i for rows in places for i in rows]
        named: list[tuple[str, Array]] = list(parts.values.items())
        for step in self.trace:
            named += [(short_repr(inner.step), inner.after) for inner in step.parts]
            named += [] if step.credit is None else [("credit", step.credit)]
        return counts, [ExplanationRow(name, [float(values[i]) for i in chosen]) for name, values in named]

    def columns(self) -> dict[str, Any]:
        """Return the results as columns, one row a sample: numbers as they are, texts as lists.

        See `herokit.records` for the names: ``NAME``, ``NAME_status``, ``NAME_reason``, ``NAME_answer`` and
        ``NAME_steps`` of every source, after the columns of the combined batch.

        Example:
            >>> from herokit import Rewarder, Sample, Verdict, verifier_only
            >>> class Yes:
            ...     def verify(self, samples):
            ...         return [Verdict(1.0, answer=s.completion) for s in samples]
            >>> outcome = Rewarder({"verifier": Yes()}, verifier_only())([Sample("p", "4", "q")])
            >>> outcome.columns()["verifier_answer"]
            ['4']
        """
        combined = {
            name: to_float_array(getattr(self, name)) for name in ("reward", "advantage", "weight", "valid", "kept")
        }
        credit = {} if self.credit is None else {"credit": self.credit.ragged()}
        return {"group": list(self.group_keys), **combined, **credit, **self._source_columns()}

    def _source_columns(self) -> dict[str, Any]:
        return source_columns(SourceOutputs(self.verdicts, self.scores))

    def to_arrow(self) -> Any:
        """Return the `columns` as a pyarrow table; numbers are not copied.

        Raises:
            SetupError: pyarrow is not installed.
        """
        return arrow_table(self.columns())

    def to_pandas(self) -> Any:
        """Return the `columns` as a pandas data frame; numbers are not copied.

        Raises:
            SetupError: pandas is not installed.
        """
        return pandas_frame(self.columns())

    def to_polars(self) -> Any:
        """Return the `columns` as a polars data frame; numbers are not copied.

        Raises:
            SetupError: polars is not installed.
        """
        return polars_frame(self.columns())

    def _repr_html_(self) -> str:
        """Show the first rows in a notebook."""
        columns = self.columns()
        heads = [name for name in columns if not name.endswith(("_reason", "_answer"))]
        rows = [
            [_plain(columns[name][row]) for name in heads]
            for row in range(min(len(self.group_keys), _MAX_DISPLAYED_ROWS))
        ]
        num_invalid = int(np.sum(~to_float_array(self.valid)))
        return html_table(
            self._describe_size(), heads, rows, f"{num_invalid} without a reward: see problems()" if num_invalid else ""
        )

    def _reasons(self, row: int) -> list[str]:
        return (
            [
                f"{name}: {verdicts[row].reason or verdicts[row].status.value}"
                for name, verdicts in self.verdicts.items()
                if verdicts[row].value is None
            ]
            + [
                f"{name}: {scores.reasons[row] or scores.statuses[row].value}"
                for name, scores in self.scores.items()
                if not is_valid_score(scores.values[row])
            ]
            + ([self.row_problems[row]] if row in self.row_problems else [])
        )


def _plain(value: Any) -> object:
    """Turn a number of numpy into one of Python."""
    return value.item() if isinstance(value, np.generic) else value


def _count(statuses: Iterable[Status]) -> str:
    """Return how often each status occurs, the rarest first.

    Example:
        >>> _count([Status.JUDGED, Status.FAILED, Status.JUDGED])
        '1 failed, 2 judged'
    """
    counts = Counter(status.value for status in statuses)
    return ", ".join(f"{count:,} {status}" for status, count in reversed(counts.most_common()))


def _range(values: Floats) -> str:
    """Return the smallest value, the mean and the largest one.

    Example:
        >>> _range(np.array([1.0, 2.0, np.nan]))
        '1 to 2, mean 1.5'
    """
    finite = values[np.isfinite(values)]
    return f"{finite.min():.4g} to {finite.max():.4g}, mean {finite.mean():.4g}" if len(finite) else "no value"
