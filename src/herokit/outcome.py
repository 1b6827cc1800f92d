"""What comes back from a `Rewarder`: one row a sample, with a status for every source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from herokit.combine import Trace
from herokit.types import Array, Scores, Signals, Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a `Rewarder` says of N samples, one row each in the order given.

    Attributes:
        reward: (N,) the chain's value before it turns to advantages; NaN where a source could not say.
        advantage: (N,) the chain's output if a step such as `Center` or `Standardize` made it an advantage, else the
            reward centred in its group; NaN where a source could not say.
        weight: (N,) the product of the weights the chain applied; 1 where it applied none, NaN as above.
        usable: (N,) True where every source gave a value.
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
    signals: Signals
    verdicts: Mapping[str, Sequence[Verdict]]
    scores: Mapping[str, Scores]
    trace: Sequence[Trace]
    seconds: Mapping[str, float]

    def problems(self) -> dict[int, str]:
        """Say why each unusable row has no reward: row -> reasons, each after its source's name."""
        return {row: "; ".join(self._reasons(row)) for row in np.flatnonzero(~self.usable).tolist()}

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
