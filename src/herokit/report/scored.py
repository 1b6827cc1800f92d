"""Read the results that a scored file holds, as outputs of sources and of a scheme: nothing runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from herokit.errors import DataError
from herokit.outcome import Explanation, ExplanationRow, RewardOutput
from herokit.records import SOURCE_SUFFIXES, from_rows
from herokit.report.results import find_prefix, find_sources
from herokit.sources.column import ScoreColumn, VerdictColumn
from herokit.sources.execution import SourceOutputs
from herokit.types import Bools, Floats, Groups, RewardModel, Sample, Signals, Verifier

__all__ = ["ScoredColumns", "StoredOutput", "find_scored_columns"]


class StoredOutput(RewardOutput):
    """The output of an earlier run. Its steps are not in the file; what they made of the signals is."""

    __slots__ = ()

    def explain(self, group: Any, samples: Sequence[Sample] = ()) -> Explanation:
        """Return what the file holds of one group; see `RewardOutput.explain`."""
        explanation = RewardOutput.explain(self, group, samples)
        columns = {name: [v.value for v in verdicts] for name, verdicts in self.verdicts.items()}
        columns |= {name: scores.values.tolist() for name, scores in self.scores.items()}
        columns |= {name: getattr(self, name).tolist() for name in ("reward", "weight", "advantage")}
        rows = [
            ExplanationRow(name, [_finite(values[row]) for row in explanation.rollouts])
            for name, values in columns.items()
        ]
        return replace(explanation, rows=rows)


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class ScoredColumns:
    """The result columns of a scored file.

    Attributes:
        prefix: what precedes their names.
        sources: name -> a source of its kind.
    """

    prefix: str
    sources: dict[str, Verifier | RewardModel]

    def outputs(self, samples: Sequence[Sample]) -> SourceOutputs:
        """Return the results of the sources for N samples.

        Raises:
            DataError: a result is not a number.
        """
        names = [f"{name}{suffix}" for name in self.sources for suffix in ("", *SOURCE_SUFFIXES)]
        rows = [{name: sample.meta.get(self.prefix + name) for name in names} for sample in samples]
        for row in rows:
            for name in self.sources:
                if row[f"{name}_status"] is None:
                    raise DataError(f"a row has no {self.prefix}{name}_status: the file is not scored to its end")
        return from_rows(self.sources, rows)

    def read(self, samples: Sequence[Sample]) -> StoredOutput:
        """Return the results of N samples as `Rewarder` returned them, without the trace of the steps."""
        outputs = self.outputs(samples)
        keys = [sample.group for sample in samples]
        reward = self._numbers("reward", samples)
        return StoredOutput(
            reward=reward,
            advantage=self._numbers("advantage", samples),
            weight=self._numbers("weight", samples),
            valid=self._flags("valid", samples, np.isfinite(reward)),
            kept=self._flags("kept", samples, np.isfinite(reward)),
            group_keys=keys,
            signals=Signals({}, Groups.from_keys([])),
            verdicts=outputs.verdicts,
            scores=outputs.scores,
            trace=(),
            seconds={},
        )

    def _flags(self, name: str, samples: Sequence[Sample], otherwise: Bools) -> Bools:
        values = [sample.meta.get(self.prefix + name) for sample in samples]
        return np.array(
            [o if v is None else bool(v) for v, o in zip(values, otherwise.tolist(), strict=True)], dtype=bool
        )

    def _numbers(self, name: str, samples: Sequence[Sample]) -> Floats:
        column = self.prefix + name
        try:
            return np.array([sample.meta.get(column, np.nan) for sample in samples], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"column {column!r} must hold numbers: {error}") from None


def find_scored_columns(names: Sequence[str]) -> ScoredColumns | None:
    """Return the result columns of a scored file; None if there are none.

    Example:
        >>> results = ["reward", "advantage", "weight", "rm", "rm_status", "rm_reason"]
        >>> list(find_scored_columns(["prompt", *results]).sources), find_scored_columns(["prompt", "reward"])
        (['rm'], None)
    """
    try:
        prefix, others = find_prefix("", names)
    except DataError:
        return None
    verifiers, models = find_sources([name for name in names if not name.startswith(others)], prefix)
    sources: dict[str, Verifier | RewardModel] = {name: VerdictColumn(name) for name in verifiers}
    sources |= {name: ScoreColumn(name) for name in models}
    return ScoredColumns(prefix, sources) if sources else None
