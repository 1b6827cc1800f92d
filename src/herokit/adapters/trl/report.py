"""The report of a run with TRL: the rollouts of recent steps and their results, as a file and as a page."""

import json
import os
import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from herokit.adapters.trl.functions import RewardFunction
from herokit.errors import ConfigError, HerokitError
from herokit.outcome import RewardOutput
from herokit.records import Row, replace_surrogates, to_rows
from herokit.report import check_output, read_results, write_report
from herokit.report.exports import check_exports, export_tables, make_export_tables
from herokit.report.results import LABEL_COLUMNS
from herokit.types import Sample

__all__ = ["ReportWriter"]


@dataclass(frozen=True, slots=True)
class _Batch:
    """The rows of one rank in one batch; ``is_local`` if their groups are numbered on that rank alone."""

    number: int
    is_local: bool
    rows: list[Row]


class ReportWriter:
    """Writes the report of a run every k steps, and at its end; ``ReportCallback`` is this class as TRL's callback.

    The scored rollouts go to a file next to the page, ``report.jsonl`` for ``report.html``: the columns of `herokit score`, with
    the step in ``step``. A group is named after its batch and its place in it. All ranks take part; the first writes.
    Rollouts of evaluation are left out. A page that cannot be written is a warning, and training goes on.

    Args:
        function: the reward function of the trainer.
        path: the page, ``.html``.
        every_steps: optimizer steps between two pages.
        max_rollouts: rollouts kept of all ranks: the most recent batches, complete, and at least one.
        log_to: ``"wandb"``, ``"tensorboard"``: where the tables go too, with the step. W&B gets them into the active run,
            TensorBoard into the folder ``NAME.tensorboard`` next to the page.

    Raises:
        ConfigError: a number is below 1, the function has a writer already, or `log_to` has another name.
        DataError: the path does not end in ``.html``.
        SetupError: the packages of the extra ``report``, or of `log_to`, are missing.
    """

    def __init__(
        self,
        function: RewardFunction,
        path: str | Path,
        *,
        every_steps: int = 50,
        max_rollouts: int = 2_000,
        log_to: Sequence[str] = (),
    ) -> None:
        for name, value in (("every_steps", every_steps), ("max_rollouts", max_rollouts)):
            if value < 1:
                raise ConfigError(f"ReportCallback: {name} must be 1 or more, got {value!r}")
        if function.on_batch is not None:
            raise ConfigError(
                f"ReportCallback: {function.name} writes a report already; use one callback for a function"
            )
        self.path = check_output(Path(path))
        check_exports(log_to)
        self.log_to = log_to
        self.every_steps, self.max_rollouts = every_steps, max_rollouts
        self._batches: deque[_Batch] = deque()
        self._kept: deque[list[Row]] = deque()
        self._number = 0
        function.on_batch = self._add

    def on_step_end(self, args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Write the report if it is time; TRL calls this on every rank."""
        if state.global_step % self.every_steps == 0:
            self._write(args.process_index, state.global_step)

    def on_train_end(self, args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Write the last report."""
        if state.global_step % self.every_steps:  # else it is written
            self._write(args.process_index, state.global_step)

    def _add(self, samples: Sequence[Sample], output: RewardOutput, rows: slice, step: int | None) -> None:
        """Keep the rows of this rank until the next page."""
        results = to_rows(output.columns())[rows]
        batch = [
            _describe_sample(sample) | {"step": step} | result for sample, result in zip(samples, results, strict=True)
        ]
        self._batches.append(_Batch(self._number, rows == slice(None), batch))
        self._number += 1
        _drop_oldest(self._batches, [len(batch.rows) for batch in self._batches], self.max_rollouts)

    def _write(self, rank: int, step: int) -> None:
        """Gather the new batches; the first rank writes the file and the page."""
        from accelerate.utils import gather_object

        ranks = gather_object([list(self._batches)])
        self._batches.clear()
        if rank:
            return
        for batches in zip(*ranks, strict=True):  # every rank has the same number
            parts = [_name_groups(batch, number if len(batches) > 1 else None) for number, batch in enumerate(batches)]
            self._kept.append([row for rows in parts for row in rows])
        _drop_oldest(self._kept, list(map(len, self._kept)), self.max_rollouts)
        if not self._kept:
            return
        try:
            results = read_results(str(self._write_rows()))
            write_report(results, self.path)
            if self.log_to:
                folder = self.path.with_suffix(".tensorboard")
                export_tables(make_export_tables(results), self.log_to, step=step, folder=folder)
        except (HerokitError, OSError) as error:
            warnings.warn(
                f"ReportCallback: step {step}: {self.path} or what log_to names was not written: {error}",
                RuntimeWarning,
                stacklevel=2,
            )

    def _write_rows(self) -> Path:
        target = self.path.with_suffix(".jsonl")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        with part.open("w", encoding="utf-8") as file:
            for row in (row for rows in self._kept for row in rows):
                file.write(json.dumps(replace_surrogates(row), ensure_ascii=False, default=str) + "\n")
        os.replace(part, target)  # noqa: PTH105 - atomic, on Windows too
        return target


def _describe_sample(sample: Sample) -> Row:
    """Return the columns of the input that the report shows."""
    facts = {"num_tokens": sample.num_tokens, "truncated": sample.truncated}
    labels = {name: sample.meta[name] for name in LABEL_COLUMNS if name in sample.meta}
    return {"prompt": sample.prompt, "completion": sample.completion, "reference": sample.reference, **facts, **labels}


def _name_groups(batch: _Batch, rank: int | None) -> list[Row]:
    """Return the rows with names of groups that no other batch and no other rank has."""
    place = f"{batch.number}." if rank is None or not batch.is_local else f"{batch.number}.{rank}."
    return [row | {"group": f"{place}{row['group']}"} for row in batch.rows]


def _drop_oldest(batches: deque[Any], sizes: Sequence[int], limit: int) -> None:
    """Drop batches from the left while the others are enough, but not the last one."""
    total = sum(sizes)
    for size in sizes[:-1]:
        if total <= limit:
            return
        batches.popleft()
        total -= size
