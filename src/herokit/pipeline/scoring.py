"""Score one batch of whole groups: a pure function of the batch and the state, whoever calls it and wherever."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from herokit.files.columns import whole_text
from herokit.outcome import RewardOutput
from herokit.pipeline.summary import Summary, summarize
from herokit.rewarder import Rewarder
from herokit.sources.execution import SourceOutputs
from herokit.types import Sample, Scores, Verifier


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """N rollouts scored.

    Attributes:
        record: N rows of result columns, as an Arrow record batch.
        summary: what they hold.
        state: the rewarder's state after them, as `Rewarder.state_dict` gives it.
    """

    record: Any
    summary: Summary
    state: Mapping[str, Any]


def combine_batch(
    rewarder: Rewarder, answers: SourceOutputs, samples: Sequence[Sample], rows: Sequence[int], state: Mapping[str, Any]
) -> Scored:
    """Combine what the sources said of one batch.

    Batches must be combined in their order, each with the state that the one before has left; asking for the answers,
    which takes the time, needs no order.

    Args:
        rewarder: holds the combiner; its own state is overwritten.
        answers: what its sources said, `Rewarder.run_sources`.
        samples: N samples; whole groups, each one's rows together.
        rows: where each row stands in the whole input, N.
        state: the state before the batch.
    """
    rewarder.load_state_dict(state)
    outcome = rewarder.combine(answers, [s.group for s in samples])
    return Scored(record_of(outcome), summarize(outcome, rows, [s.prompt for s in samples]), rewarder.state_dict())


def record_of(outcome: RewardOutput) -> Any:
    """Lay an outcome out as an Arrow record batch; null stands for "cannot say".

    A scheme's only verifier gives ``verdict``, ``status``, ``extracted`` and ``reason``; with several, each name is
    prefixed by the verifier's. A reward model named ``rm`` gives ``rm_score``, ``rm_status`` and ``rm_reason``, and
    ``rm_steps``, a list a sample, null unless it is a process reward model.
    """
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name, verdicts in outcome.verdicts.items():
        lead = f"{name}_" if len(outcome.verdicts) > 1 else ""
        columns[f"{lead}verdict"] = pa.array([v.value for v in verdicts], pa.float64())
        columns[f"{lead}status"] = pa.array([v.status.value for v in verdicts], pa.string())
        columns[f"{lead}extracted"] = _texts([v.answer for v in verdicts])
        columns[f"{lead}reason"] = _texts([v.reason for v in verdicts])
    for name, scores in outcome.scores.items():
        columns[f"{name}_score"] = _numbers(scores.values)
        columns[f"{name}_status"] = pa.array([s.value for s in scores.statuses], pa.string())
        columns[f"{name}_reason"] = _texts(scores.reasons)
        steps = scores.steps or [None] * len(scores)
        rows = [None if row is None else [x if np.isfinite(x) else None for x in row] for row in steps]
        columns[f"{name}_steps"] = pa.array(rows, pa.list_(pa.float64()))
    for name in ("reward", "advantage", "weight"):
        columns[name] = _numbers(getattr(outcome, name))
    columns["kept"] = pa.array(outcome.kept)
    return pa.record_batch(columns)


def result_columns(rewarder: Rewarder) -> list[str]:
    """Name the columns that a rewarder's results may have, without asking its sources.

    The scores of steps, ``rm_steps``, are left out of a file in which no sample has any.
    """
    return list(result_schema(rewarder).names)


def result_schema(rewarder: Rewarder) -> Any:
    """Return the Arrow schema of a rewarder's results, without asking its sources."""
    asked = [name for name, source in rewarder.sources.items() if isinstance(source, Verifier)]
    scores = [name for name in rewarder.sources if name not in asked]
    nothing = SourceOutputs({name: [] for name in asked}, {name: Scores.from_values([]) for name in scores})
    return record_of(rewarder.combine(nothing, [], update_state=False)).schema


def _numbers(values: Any) -> Any:
    import pyarrow as pa

    return pa.array(values, pa.float64(), mask=~np.isfinite(values))


def _texts(values: Sequence[str | None]) -> Any:
    import pyarrow as pa

    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        return pa.array([whole_text(value) for value in values], pa.string())
