"""The object behind the endpoints: it holds the `Rewarder`, runs batches of requests, and saves the state to disk."""

import glob
import json
import math
import os
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import time
from typing import Any

from herokit.conversations.prompts import check_group_prompts
from herokit.errors import ConfigError, DataError, HerokitError, PluginError, boundary, did_you_mean
from herokit.files.inputs import fsync_file
from herokit.records import Row, source_columns, to_rows
from herokit.rewarder import Rewarder
from herokit.service.bodies import reject_duplicates
from herokit.service.metrics import Metrics
from herokit.sources import execution
from herokit.sources.coroutines import await_result
from herokit.sources.execution import SourceOutputs
from herokit.types import Sample, Scores, Verifier

__all__ = ["Engine", "ScoreKey", "SourceKey", "describe_error"]

_MAX_STATE_NUMBER = 2.0**53
"""The largest number that a saved state may hold: above it, floats skip integers."""

_MAX_STATE_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class ScoreKey:
    """Requests for rewards; those with equal keys may share a batch.

    Attributes:
        update_state: as for `Rewarder`.
    """

    update_state: bool = True


@dataclass(frozen=True, slots=True)
class SourceKey:
    """Requests for the results of one source, without combining.

    Attributes:
        name: of the source.
    """

    name: str


class Engine:
    """Holds a `Rewarder`; every method that changes it runs in one thread, so it needs no lock.

    Sources run once for all requests of a batch. Each request is then combined by itself, in order of arrival, so its
    rewards and the running means do not depend on the other requests.

    Args:
        rewarder: the sources, the chain and its state.
        metrics: counts every row.
        state_path: the file of the rewarder's state; None keeps the state in memory.
    """

    def __init__(self, rewarder: Rewarder, metrics: Metrics, state_path: Path | None = None) -> None:
        self.rewarder, self.metrics, self.state_path = rewarder, metrics, state_path
        self._saved_state: Any = None

    @property
    def verifier(self) -> str | None:
        """The name of the scheme's first verifier, None if it has none."""
        return next((name for name, source in self.rewarder.sources.items() if isinstance(source, Verifier)), None)

    def open_sources(self) -> None:
        """Open what the sources open on first use, so that a missing model stops the service before its first request.

        Raises:
            SetupError: a source cannot work at all.
            ConfigError: a source has an invalid setting.
        """
        for name, source in self.rewarder.sources.items():
            with suppress(PluginError), boundary(f"source {name!r}"):  # it may reject an empty batch only
                await_result(source.verify([]) if isinstance(source, Verifier) else source.score([]))

    def run(self, key: Hashable, requests: Sequence[Sequence[Sample]]) -> list[list[Row] | Exception]:
        """Return for each request of a batch its rows, or the exception to raise for it.

        Args:
            key: the `ScoreKey` or `SourceKey` of all requests.
            requests: the samples of each.
        """
        try:
            outputs = self._run_sources(key, requests)
        except Exception as error:  # noqa: BLE001 - a request must not fail because of another: run each alone
            return [error] if len(requests) == 1 else [self.run(key, [one])[0] for one in requests]
        results: list[list[Row] | Exception] = []
        start = 0
        for samples in requests:
            own = _slice(outputs, start, start + len(samples))
            start += len(samples)
            results.append(
                self._combine(own, samples, key) if isinstance(key, ScoreKey) else to_rows(source_columns(own))
            )
        return results

    def find_source(self, name: str | None, *, only_reward_models: bool = False) -> str:
        """Return the name of a source of the scheme.

        Args:
            name: in the scheme; None takes the only one there is.
            only_reward_models: whether verifiers do not count.

        Raises:
            DataError: no such source, or several for None.
        """
        sources = self.rewarder.sources
        names = [n for n, source in sources.items() if not (only_reward_models and isinstance(source, Verifier))]
        kind = "reward model" if only_reward_models else "source"
        if name is None and len(names) == 1:
            return names[0]
        if name is None:
            raise DataError(f"'model' is missing; expected the name of one {kind} of the scheme: {names}")
        if name not in names:
            raise DataError(f"no {kind} {name[:80]!r}; {did_you_mean(name[:80], names)}")
        return name

    def load_state(self) -> bool:
        """Restore the state from its file; return whether there was one.

        Raises:
            ConfigError: it cannot be read, or is not a state of this scheme.
        """
        if self.state_path is None:
            return False
        try:
            if not self.state_path.exists():
                return False
            _remove_leftovers(self.state_path)
            if self.state_path.stat().st_size > _MAX_STATE_BYTES:
                raise ValueError(f"it has more than {_MAX_STATE_BYTES:,} bytes")  # noqa: TRY301 - as for other reasons
            data = json.loads(self.state_path.read_text(encoding="utf-8"), object_pairs_hook=reject_duplicates)
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"{self.state_path}: not a readable state: {error}") from error
        try:
            if not isinstance(data, Mapping):
                raise ConfigError(f"expected an object with 'version' and 'state', got {type(data).__name__}")  # noqa: TRY301
            self.restore_state(data)
        except ConfigError as error:
            raise ConfigError(f"{self.state_path}: {error}") from error
        self._saved_state = self.rewarder.state
        return True

    def save_state(self) -> bool:
        """Write the state file if the state has changed; return whether it was written.

        The file is replaced in one step, so a crash leaves the old one or the new one.

        Raises:
            OSError: it cannot be written; the file is then what it was.
        """
        if self.state_path is None or self.rewarder.state == self._saved_state:
            return False
        state = self.rewarder.state
        part = self.state_path.with_name(f".{self.state_path.name}.{os.getpid()}")
        try:
            with part.open("w", encoding="utf-8") as file:
                json.dump(self.rewarder.state_dict(), file)
            fsync_file(part)
            part.replace(self.state_path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        self._saved_state = state
        self.metrics.state_saved.set(time())
        return True

    def restore_state(self, data: Mapping[str, Any]) -> None:
        """Replace the state.

        Raises:
            ConfigError: it is not a state of this scheme, or holds a number that no run can produce.
        """
        before = self.rewarder.state
        self.rewarder.load_state_dict(data)
        try:
            _check_state(self.rewarder.state_dict()["state"])
        except ConfigError:
            self.rewarder.state = before
            raise

    def _run_sources(self, key: Hashable, requests: Sequence[Sequence[Sample]]) -> SourceOutputs:
        if isinstance(key, ScoreKey) and self.rewarder.equal_prompts:
            for one in requests:
                check_group_prompts([sample.prompt for sample in one], [sample.group for sample in one])
        samples = [  # groups of two requests are two groups, even if their keys are equal
            replace(sample, group=(number, sample.group)) for number, one in enumerate(requests) for sample in one
        ]
        sources = self.rewarder.sources
        outputs = execution.run_sources(
            {key.name: sources[key.name]} if isinstance(key, SourceKey) else sources, samples, self.rewarder.monitor
        )
        self.metrics.count_source_seconds(outputs.seconds)
        for name, verdicts in outputs.verdicts.items():
            self.metrics.count_rows(name, (verdict.status.value for verdict in verdicts))
        for name, scores in outputs.scores.items():
            self.metrics.count_rows(name, (status.value for status in scores.statuses))
        return outputs

    def _combine(self, outputs: SourceOutputs, samples: Sequence[Sample], key: ScoreKey) -> list[Row] | Exception:
        try:
            groups = [sample.group for sample in samples]
            outputs = self.rewarder.add_turns(outputs, samples)
            return to_rows(self.rewarder.combine(outputs, groups, update_state=key.update_state).columns())
        except Exception as error:  # noqa: BLE001 - raised for this request
            return error


def _slice(outputs: SourceOutputs, start: int, end: int) -> SourceOutputs:
    """Return the outputs of the rows from `start` to before `end`."""
    return SourceOutputs(
        {name: verdicts[start:end] for name, verdicts in outputs.verdicts.items()},
        {name: Scores.from_rows(scores.rows()[start:end]) for name, scores in outputs.scores.items()},
    )


def _remove_leftovers(path: Path) -> None:
    """Remove the unfinished state files of processes that were killed while they wrote."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*"):
        process = part.name.rpartition(".")[2]
        if process.isdecimal() and not _is_running(int(process)):
            with suppress(OSError):
                part.unlink()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it runs as another user
        return True
    return process != os.getpid()


def describe_error(error: Exception) -> str:
    """Return what went wrong in one line; only the class of an error that is not herokit's, as its text may be private."""
    return " ".join(str(error).split())[:500] if isinstance(error, HerokitError) else type(error).__name__


def _check_state(state: Any) -> None:
    """Reject numbers that no run can produce: they would spoil every later reward."""
    if isinstance(state, list | tuple):
        for part in state:
            _check_state(part)
    elif isinstance(state, Mapping):
        for name, value in state.items():
            if name == "count" and not (type(value) is int and 0 <= value <= _MAX_STATE_NUMBER):
                raise ConfigError(f"the state has count = {str(value)[:40]}; expected an integer from 0 to 2**53")
            _check_state(value)
    elif isinstance(state, float | int) and not (math.isfinite(state) and abs(state) <= _MAX_STATE_NUMBER):
        raise ConfigError(f"the state has the number {state!r:.40}; expected finite numbers up to 2**53")
    elif isinstance(state, str):
        raise ConfigError(f"the state has the text {state!r:.40}; expected numbers")
