"""Source results of one rollout as a flat row that travels between processes, and batches combined from such rows."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from herokit.combiners.chain import check_no_credit, gives_credit
from herokit.conversations.prompts import check_group_prompts
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.records import Row, from_rows, source_columns, to_rows
from herokit.rewarder import Rewarder
from herokit.sources import execution
from herokit.sources.execution import SourceOutputs
from herokit.types import Sample, Status, Verifier

__all__ = [
    "Row",
    "combine_rows",
    "display_value",
    "format_status",
    "log_values",
    "run_sources",
    "score_one",
    "source_rows",
]


def run_sources(rewarder: Rewarder, samples: Sequence[Sample]) -> list[Row]:
    """Run the sources of a process that does not combine, and return one row per sample.

    The state stays as it is. After an error nothing is sent to other ranks: they do not wait for this process. If a step of the
    chain reads the parts of rollouts, rows have ``NAME_steps``, the values of the parts.

    Raises:
        PluginError: a source broke its contract.
        SetupError: a source cannot work at all.
    """
    outputs = execution.run_sources(rewarder.sources, samples, rewarder.monitor)
    return to_rows(source_columns(outputs, steps=gives_credit(rewarder.combiner)))


def source_rows(outputs: SourceOutputs) -> list[Row]:
    """Return the results of the sources as one flat row per sample, every row with the same keys; no step scores.

    Example:
        >>> from herokit import Verdict
        >>> source_rows(SourceOutputs({"verifier": [Verdict(1.0, answer="4")]}, {}))
        [{'verifier': 1.0, 'verifier_status': 'judged', 'verifier_reason': '', 'verifier_answer': '4', 'verifier_origin': ''}]
    """
    return to_rows(source_columns(outputs, steps=False))


def score_one(rewarder: Rewarder, sample: Sample) -> Row:
    """Run the sources on one sample: the worker's part. See `run_sources`.

    Example:
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> from herokit import Select
        >>> score_one(Rewarder({"rm": Length()}, Select("rm")), Sample("p", "abc", "q"))
        {'rm': 3.0, 'rm_status': 'judged', 'rm_reason': ''}
    """
    return run_sources(rewarder, [sample])[0]


def combine_rows(
    rewarder: Rewarder,
    rows: Sequence[Mapping[str, Any] | None],
    group_keys: Sequence[Hashable],
    *,
    prompts: Sequence[Any] | None = None,
    samples: Sequence[Sample] | None = None,
    takes_credit: bool = False,
    update_state: bool = True,
) -> RewardOutput:
    """Combine rows that workers returned: the driver's part, once for the whole batch.

    Args:
        rewarder: one with the same sources as the workers'.
        rows: N rows of `score_one`; None for a rollout without an answer from a worker.
        group_keys: the group of every row, N.
        prompts: the prompt of every row, N, if the driver has them: those of a group are compared.
        samples: in place of the prompts, the N samples, if this process made them: their turns are the parts, and the caller passes
            the credit of parts on or has refused such a chain.
        takes_credit: whether the caller, without samples, passes the credit of parts on.
        update_state: False for evaluation.

    Raises:
        ConfigError: without samples: the chain ends with credit of parts that the caller does not take, or reads parts that no row
            has.
        DataError: a row lacks a source of this rewarder, or prompts differ inside a group.
    """
    if samples is None:
        if not takes_credit:
            check_no_credit(rewarder.combiner, "this adapter")
        _check_parts(rewarder, rows)
    else:
        prompts = [sample.prompt for sample in samples]
    if prompts is not None and rewarder.equal_prompts:
        check_group_prompts(prompts, group_keys)
    outputs = from_rows(rewarder.sources, rows)
    outputs = outputs if samples is None else rewarder.add_turns(outputs, samples)
    return rewarder.combine(outputs, group_keys, update_state=update_state)


def _check_parts(rewarder: Rewarder, rows: Sequence[Mapping[str, Any] | None]) -> None:
    """Check that the parts of rollouts, if the chain reads them, have come with the rows.

    Raises:
        ConfigError: no row has any; every rollout would be one part.
    """
    given = [row for row in rows if row is not None]
    names = [f"{name}_steps" for name in rewarder.sources]
    if not given or not gives_credit(rewarder.combiner):
        return
    if all(row.get(name) is None for row in given for name in names):
        raise ConfigError(
            f"the chain reads the parts of rollouts, such as turns, but none of {len(given)} rows has one of {names}: no source "
            "judges parts, or the trainer drops their values on the way to the driver; every rollout would be one part. Use a "
            "source that judges parts, or a chain without ForParts"
        )


def display_value(rewarder: Rewarder, row: Mapping[str, Any]) -> float:
    """Return the value of the first verifier, else of the first source: what to show before anything is combined.

    It is 0 without a value; the status of the row tells the difference. It is for logs and filters, not for training.
    """
    verifiers = [name for name, source in rewarder.sources.items() if isinstance(source, Verifier)]
    value = row[(verifiers or list(rewarder.sources))[0]]
    return 0.0 if value is None else float(value)


def log_values(rewarder: Rewarder, row: Mapping[str, Any]) -> dict[str, float]:
    """Return one row as numbers only, for logs: the value of each source (0 without one) and ``NAME_failed``."""
    return {
        key: number
        for name in rewarder.sources
        for key, number in ((name, float(row[name] or 0.0)), (f"{name}_failed", float(row[name] is None)))
    }


def format_status(row: Mapping[str, Any], sources: Iterable[str]) -> str:
    """Return the statuses of a row in one line, for tables that people read.

    Example:
        >>> format_status({"rm": None, "rm_status": "failed", "rm_reason": "raised OSError: gone"}, ["rm"])
        'rm failed: raised OSError: gone'
        >>> format_status({"rm": 1.0, "rm_status": "judged", "rm_reason": ""}, ["rm"])
        'judged'
    """
    results = [(name, row[f"{name}_status"], row[f"{name}_reason"][:200]) for name in sources]
    problems = [
        f"{name} {status}: {reason}".rstrip(": ") for name, status, reason in results if status != Status.JUDGED.value
    ]
    return "; ".join(problems) or Status.JUDGED.value
