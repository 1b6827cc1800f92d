"""The one object behind the endpoints: it holds the `Rewarder`, answers batches, and keeps its state on disk."""

import json
import math
import os
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import time
from typing import Any

from herokit.errors import ConfigError, DataError, HerokitError, PluginError, boundary, did_you_mean
from herokit.rewarder import Rewarder
from herokit.service.metrics import Metrics
from herokit.service.serialize import part, rows_of, said
from herokit.sources import execution
from herokit.sources.execution import SourceOutputs
from herokit.types import Sample, Verifier

MOST = 2.0**53
"""The largest count a saved state may hold: beyond it, floats skip whole numbers."""


@dataclass(frozen=True, slots=True)
class Reward:
    """A request for rewards; `update_state` as `Rewarder` means it."""

    update_state: bool = True


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for what one source says, with nothing combined."""

    source: str


class Keeper:
    """Holds a `Rewarder`; everything here runs in one thread, so it needs no lock.

    Sources are asked for many requests at once; each request is then combined by itself, in order of arrival, so that
    its rewards and the running means are those it would have had alone.

    Args:
        rewarder: what is asked.
        metrics: is told of every row.
        state: the file that keeps the rewarder's state; None keeps it in memory only.
    """

    def __init__(self, rewarder: Rewarder, metrics: Metrics, state: Path | None = None) -> None:
        self.rewarder, self.metrics, self.path = rewarder, metrics, state
        self._saved: Any = None

    @property
    def verifier(self) -> str | None:
        """The name of the scheme's first verifier, None without one."""
        return next((n for n, source in self.rewarder.sources.items() if isinstance(source, Verifier)), None)

    def warm(self) -> None:
        """Open what the sources open on first use, so that a missing model stops the service and not its first request.

        Raises:
            SetupError: a source cannot work at all.
            ConfigError: a source cannot work as it is set.
        """
        for name, source in self.rewarder.sources.items():
            with suppress(PluginError), boundary(f"source {name!r}"):  # what dislikes nothing may like something
                _ = source.verify([]) if isinstance(source, Verifier) else source.score([])

    def run(self, key: Hashable, requests: Sequence[Sequence[Sample]]) -> list[Any]:
        """Answer the requests of a batch: a list of rows for each, or the exception it deserves.

        Args:
            key: a `Reward` or an `Ask`; all requests have it in common.
            requests: the samples of each.
        """
        try:
            answers = self._ask(key, requests)
        except Exception as error:  # noqa: BLE001 - one request must not spoil the others: each is tried alone
            return [error] if len(requests) == 1 else [self.run(key, [one])[0] for one in requests]
        found: list[Any] = []
        begin = 0
        for samples in requests:
            own = part(answers, begin, begin + len(samples))
            begin += len(samples)
            if isinstance(key, Ask):
                found.append(said(own)[key.source])
                continue
            try:
                outcome = self.rewarder.combine(own, [s.group for s in samples], update_state=_remembers(key))
            except Exception as error:  # noqa: BLE001 - it is the answer to this request
                found.append(error)
            else:
                found.append(rows_of(outcome))
        return found

    def source(self, name: str | None, *, scores: bool = False) -> str:
        """Find a source by name; None finds the only one that scores.

        Args:
            name: as the scheme has it.
            scores: whether it must be a reward model.

        Raises:
            DataError: there is no such source, or several that could be meant.
        """
        sources = self.rewarder.sources
        known = [n for n, source in sources.items() if not (scores and isinstance(source, Verifier))]
        if name is None and len(known) == 1:
            return known[0]
        if name is None:
            raise DataError(f"name one of the scheme's reward models; there are {known}")
        if name not in known:
            raise DataError(
                f"no {'reward model' if scores else 'source'} {name[:80]!r}; {did_you_mean(name[:80], known)}"
            )
        return name

    def load(self) -> bool:
        """Go on from the state file; True if there is one.

        Raises:
            ConfigError: it cannot be read, or is not a state of this scheme.
        """
        if self.path is None:
            return False
        try:
            if not self.path.exists():
                return False
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.path}: not a readable state: {error}") from error
        try:
            self.restore(data)
        except ConfigError as error:
            raise ConfigError(f"{self.path}: {error}") from error
        self._saved = self.rewarder.state
        return True

    def save(self) -> bool:
        """Write the state file anew, if the state has moved since; a crash leaves the old file or the new one.

        Raises:
            OSError: it cannot be written.
        """
        if self.path is None or self.rewarder.state == self._saved:
            return False
        state = self.rewarder.state
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(self.rewarder.state_dict(), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        self._saved = state
        self.metrics.saved.set(time())
        return True

    def restore(self, data: Mapping[str, Any]) -> None:
        """Replace the state.

        Raises:
            ConfigError: it is not a state of this scheme, or holds a number that no run could have left.
        """
        before = self.rewarder.state
        self.rewarder.load_state_dict(data)
        try:
            _check(self.rewarder.state_dict()["state"])
        except ConfigError:
            self.rewarder.state = before
            raise

    def _ask(self, key: Hashable, requests: Sequence[Sequence[Sample]]) -> SourceOutputs:
        samples = [  # groups of two requests are two groups, whatever they are called
            replace(sample, group=(number, sample.group)) for number, one in enumerate(requests) for sample in one
        ]
        sources = self.rewarder.sources
        answers = execution.run_sources({key.source: sources[key.source]} if isinstance(key, Ask) else sources, samples)
        self.metrics.asked(answers.seconds)
        for name, verdicts in answers.verdicts.items():
            self.metrics.rows(name, [v.status.value for v in verdicts])
        for name, scores in answers.scores.items():
            self.metrics.rows(name, [s.value for s in scores.statuses])
        return answers


def problem(error: Exception) -> str:
    """Say what went wrong, in a line, without the insides of code that is not ours."""
    return " ".join(str(error).split())[:500] if isinstance(error, HerokitError) else type(error).__name__


def _remembers(key: Hashable) -> bool:
    return isinstance(key, Reward) and key.update_state


def _check(state: Any) -> None:
    """Refuse numbers that no run could have left in a state: they would poison every later reward."""
    if isinstance(state, list | tuple):
        for part in state:
            _check(part)
    elif isinstance(state, Mapping):
        for name, value in state.items():
            if name == "count" and not (type(value) is int and 0 <= value <= MOST):
                raise ConfigError(f"a count is a whole number from 0, got {str(value)[:40]!r}")
            _check(value)
    elif isinstance(state, float | int) and not (math.isfinite(state) and abs(state) <= MOST):
        raise ConfigError(f"the state holds {state!r:.40}; expected finite numbers up to 2**53")
    elif isinstance(state, str):
        raise ConfigError(f"the state holds the text {state!r:.40}; expected numbers")
