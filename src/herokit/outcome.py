"""`RewardOutput`, the result of a `Rewarder`: one row per sample, with a status for every source."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from herokit._display import arrow_table, html_table, pandas_frame, polars_frame, short_repr
from herokit.combiners import StepTrace
from herokit.errors import DataError
from herokit.records import source_columns
from herokit.sources.execution import SourceOutputs
from herokit.types import Array, Bools, Floats, Scores, Signals, Verdict, is_valid_score

__all__ = ["Explanation", "ExplanationRow", "RewardOutput"]


@dataclass(frozen=True, slots=True)
class ExplanationRow:
    """One row of an explanation: a signal, a weight or a step, and its value for each rollout; None for no value."""

    name: str
    values: list[float | None]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened to one group.

    Attributes:
        group: the key of the group.
        rollouts: its rollouts, as rows of the output.
        rows: the signals, then the result of each step.
        problems: for each rollout, why it has no value; empty if it has one.
    """

    group: Hashable
    rollouts: list[int]
    rows: list[ExplanationRow]
    problems: list[list[str]]


_MAX_DISPLAYED_ROWS = 10


@dataclass(frozen=True, slots=True, eq=False)
class RewardOutput:
    """The result of a `Rewarder` for N samples, one row each in the order given.

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

    def problems(self) -> dict[int, str]:
        """Return why each invalid row has no reward: row -> reasons, each after its source's name."""
        return {row: "; ".join(self._reasons(row)) for row in np.flatnonzero(~self.valid).tolist()}

    def explain(self, group: Hashable) -> "Explanation":
        """Return what each step did to each rollout of one group.

        Args:
            group: the key of the group, as the samples have it.

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
        place = {row: i for i, row in enumerate(np.flatnonzero(self.valid).tolist())}
        named: list[tuple[str, Array | None]] = list(self.signals.values.items())
        for step in self.trace:
            named += [("weight", step.weight), ("kept", step.kept), (short_repr(step.step), step.after)]
        rows = [
            ExplanationRow(name, [float(values[place[r]]) if r in place else None for r in rollouts])
            for name, values in named
            if values is not None
        ]
        return Explanation(group, rollouts, rows, [self._reasons(row) for row in rollouts])

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
        combined = {name: getattr(self, name) for name in ("reward", "advantage", "weight", "valid", "kept")}
        return {
            "group": list(self.group_keys),
            **combined,
            **source_columns(SourceOutputs(self.verdicts, self.scores)),
        }

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
        num_invalid = int(np.sum(~self.valid))
        title = f"{len(self.group_keys):,} rollouts of {len(set(self.group_keys)):,} groups"
        return html_table(title, heads, rows, f"{num_invalid} without a reward: see problems()" if num_invalid else "")

    def _reasons(self, row: int) -> list[str]:
        return [
            f"{name}: {verdicts[row].reason or verdicts[row].status.value}"
            for name, verdicts in self.verdicts.items()
            if verdicts[row].value is None
        ] + [
            f"{name}: {scores.reasons[row] or scores.statuses[row].value}"
            for name, scores in self.scores.items()
            if not is_valid_score(scores.values[row])
        ]


def _plain(value: Any) -> object:
    """Turn a number of numpy into one of Python."""
    return value.item() if isinstance(value, np.generic) else value
