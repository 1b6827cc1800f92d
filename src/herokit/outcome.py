"""What comes back from a `Rewarder`: one row a sample, with a status for every source."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass

import numpy as np

from herokit.combine import Trace
from herokit.errors import DataError
from herokit.types import Array, Scores, Signals, Verdict


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an explanation: a signal, a weight or a step, and its value for each rollout; None for no value."""

    name: str
    values: list[float | None]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened to one group.

    Attributes:
        key: the group.
        rows: its rollouts, as rows of the outcome.
        lines: the signals, then what each step made of them.
        problems: for each rollout, why it has no value; empty if it has one.
    """

    key: Hashable
    rows: list[int]
    lines: list[Line]
    problems: list[list[str]]


def label(step: object) -> str:
    """Name a step briefly: its class and what differs from the defaults.

    Example:
        >>> from herokit import Stratify
        >>> label(Stratify(alpha=0.2))
        'Stratify(alpha=0.2)'
    """
    if not is_dataclass(step):
        return type(step).__name__
    told = [f"{f.name}={v!r}" for f in fields(step) if (v := getattr(step, f.name)) != f.default]
    return f"{type(step).__name__}({', '.join(told)})"


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a `Rewarder` says of N samples, one row each in the order given.

    Attributes:
        reward: (N,) the chain's value before it turns to advantages; NaN where a source could not say or a filter
            marked the row.
        advantage: (N,) the chain's output if a step such as `Center` or `Standardize` made it an advantage, else the
            reward centred in its group; NaN where a source could not say, 0 where a filter marked the row.
        weight: (N,) the product of the weights the chain applied; 1 where it applied none, NaN and 0 as above.
        usable: (N,) True where every source gave a value.
        kept: (N,) True where the row is usable and no filter marked it.
        keys: the group of every row, as the samples name it.
        signals: what the combiner saw: the usable rows alone.
        verdicts: source name -> N verdicts.
        scores: source name -> N scores.
        trace: what each step did to the usable rows.
        seconds: source name -> wall time spent asking it.

    Example:
        >>> from herokit import Rewarder, Sample
        >>> from herokit.schemes import rm_only
        >>> class Length:
        ...     def score(self, samples):
        ...         return [float(len(s.completion)) if s.completion else float("nan") for s in samples]
        >>> outcome = Rewarder({"rm": Length()}, rm_only())([Sample("p", "abc", "q"), Sample("p", "", "q")])
        >>> outcome.reward.tolist(), outcome.problems()
        ([3.0, nan], {1: 'rm: gave nan'})
    """

    reward: Array
    advantage: Array
    weight: Array
    usable: Array
    kept: Array
    keys: Sequence[Hashable]
    signals: Signals
    verdicts: Mapping[str, Sequence[Verdict]]
    scores: Mapping[str, Scores]
    trace: Sequence[Trace]
    seconds: Mapping[str, float]

    def problems(self) -> dict[int, str]:
        """Say why each unusable row has no reward: row -> reasons, each after its source's name."""
        return {row: "; ".join(self._reasons(row)) for row in np.flatnonzero(~self.usable).tolist()}

    def explain(self, key: Hashable) -> "Explanation":
        """Say what each step did to each rollout of one group.

        Args:
            key: the group, as the samples name it.

        Raises:
            DataError: no rollout of this outcome is in that group.

        Example:
            >>> from herokit import Rewarder, Sample, Take, Center, chain
            >>> class Length:
            ...     def score(self, samples):
            ...         return [float(len(s.completion)) for s in samples]
            >>> outcome = Rewarder({"rm": Length()}, chain(Take("rm"), Center()))([Sample("p", "abc", "q")])
            >>> [(line.name, line.values) for line in outcome.explain("q").lines]
            [('rm', [3.0]), ("Take(signal='rm')", [3.0]), ('Center()', [0.0])]
        """
        rows = [row for row, group in enumerate(self.keys) if group == key]
        if not rows:
            raise DataError(
                f"no rollout is in group {key!r}; groups here: {', '.join(map(repr, dict.fromkeys(self.keys)))}"[:300]
            )
        place = {row: i for i, row in enumerate(np.flatnonzero(self.usable).tolist())}

        def line(name: str, values: Array | None) -> list[Line]:
            return (
                [] if values is None else [Line(name, [float(values[place[r]]) if r in place else None for r in rows])]
            )

        lines = [x for name, values in self.signals.values.items() for x in line(name, values)]
        for done in self.trace:
            lines += line("weight", done.weight)
            lines += line("kept", done.kept) + line(label(done.step), done.after)
        return Explanation(key, rows, lines, [self._reasons(row) for row in rows])

    def _reasons(self, row: int) -> list[str]:
        return [
            f"{name}: {verdicts[row].detail or verdicts[row].status.value}"
            for name, verdicts in self.verdicts.items()
            if verdicts[row].value is None
        ] + [
            f"{name}: {scores.details[row] or scores.statuses[row].value}"
            for name, scores in self.scores.items()
            if np.isnan(scores.values[row])
        ]
