"""The one object with memory: it asks the sources, combines, and remembers the combiner's state."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np

from herokit import distributed
from herokit.combiners import (
    Center,
    Combiner,
    Filter,
    Mean,
    StepTrace,
    Sync,
    chain,
    initial_reward,
    no_sync,
    summarize_trace,
)
from herokit.errors import ConfigError, DataError, SignalError
from herokit.outcome import RewardOutput
from herokit.sources import execution
from herokit.sources.execution import SourceOutputs
from herokit.types import Array, Groups, RewardModel, Sample, Signals, Verifier, is_valid_score


class Rewarder:
    """Sources, a combiner and its state: samples in, rewards out.

    Rows that a source cannot judge leave before combining and come back as NaN with a status; they never touch the
    state. A verifier's verdict and a reward model's score become signals under the source's name.

    Args:
        sources: name -> verifier or reward model; the names are what the combiner's steps refer to.
        combiner: a chain, or a single step.
        sync: merges running means across processes; `no_sync` for one process.

    Raises:
        ConfigError: no source, or one that has neither `verify` nor `score`.
        SignalError: a step refers to a source that is not there.

    Example:
        >>> from herokit import Sample, Verdict
        >>> from herokit.schemes import hero
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.completion == s.reference)) for s in samples]
        >>> class Short:
        ...     def score(self, samples):
        ...         return [-float(len(s.completion)) for s in samples]
        >>> rewarder = Rewarder({"verifier": Exact(), "rm": Short()}, hero())
        >>> samples = [Sample("1 + 1?", text, "q1", "2") for text in ("2", "two", "eleven")]
        >>> rewarder(samples).reward.round(3).tolist()
        [0.9, 0.1, -0.1]
    """

    def __init__(
        self, sources: Mapping[str, Verifier | RewardModel], combiner: Combiner[Any], *, sync: Sync = no_sync
    ) -> None:
        if not sources:
            raise ConfigError("a Rewarder needs at least one verifier or reward model")
        for name, source in sources.items():
            if isinstance(source, type) or not isinstance(source, Verifier | RewardModel):
                raise ConfigError(f"source {name!r} must be a verifier or a reward model, got {source!r}")
        self.sources = dict(sources)
        self.combiner = chain(combiner)
        self.sync = sync
        self.state = self.combiner.init()
        self._try_combiner()

    def __call__(self, samples: Sequence[Sample], *, update_state: bool = True) -> RewardOutput:
        """Score samples; pass whole groups, for a group split over two calls is compared with half of itself.

        Args:
            samples: N samples, in any order.
            update_state: whether the combiner's state moves; evaluation passes False and leaves no trace.

        Raises:
            PluginError: a source broke its contract.
            SetupError: a source cannot work at all.
        """
        return self.combine(self.run_sources(samples), [sample.group for sample in samples], update_state=update_state)

    def run_sources(self, samples: Sequence[Sample]) -> SourceOutputs:
        """Run every source on N samples; needs no whole groups, and leaves the state alone.

        Where `sync` merges processes, an error here also ends the wait of the other ranks in `combine`: without that,
        one rank without its model would leave all others in the collective until it times out.

        Raises:
            PluginError: a source broke its contract.
            SetupError: a source cannot work at all.
        """
        try:
            return execution.run_sources(self.sources, samples)
        except Exception:
            distributed.abort_peers(self.combiner, self.sources, self.state, self.sync)
            raise

    def combine(self, answers: SourceOutputs, keys: Sequence[Hashable], *, update_state: bool = True) -> RewardOutput:
        """Combine what the sources have said, wherever they were asked: the second half of a call.

        Args:
            answers: what every source of this rewarder said of N samples.
            keys: the group of every sample, N; whole groups, as for a call.
            update_state: whether the combiner's state moves.

        Raises:
            DataError: the answers are not of N samples, or not from these sources.
            SetupError: a source of a peer failed, see `run_sources`.

        Example:
            >>> from herokit import Sample, Select
            >>> class Length:
            ...     def score(self, samples):
            ...         return [len(s.completion) for s in samples]
            >>> rewarder = Rewarder({"rm": Length()}, Select("rm"))
            >>> rewarder.combine(rewarder.run_sources([Sample("p", "abc", "q")]), ["q"]).reward.tolist()
            [3.0]
        """
        columns = {name: _column(name, answers, len(keys)) for name in self.sources}
        usable = np.logical_and.reduce([is_valid_score(x) for x in columns.values()])
        groups = Groups.from_keys(key for key, ok in zip(keys, usable, strict=True) if ok)
        signals = Signals({name: x[usable] for name, x in columns.items()}, groups)
        trace: Sequence[StepTrace] = ()
        state = self.state
        if groups.num_groups or self.sync is not no_sync:  # peers wait for this process's part of the mean
            trace, state = self.combiner.trace(
                initial_reward(signals), signals, state, sync=distributed.raise_on_peer_failure(self.sync)
            )
        elif keys:
            state = self.combiner.skip_batch(state)
        if update_state:
            self.state = state
        reward, advantage, weight, kept = (_expand_rows(x, usable) for x in _split(trace, signals))
        return RewardOutput(
            reward,
            advantage,
            weight,
            usable,
            kept == 1.0,
            tuple(keys),
            signals,
            answers.verdicts,
            answers.scores,
            trace,
            answers.seconds,
        )

    def _try_combiner(self) -> None:
        """Combine two made-up rows, so that a misspelt signal is found before any work is done.

        A step of the user's own that cannot take made-up rows is left for the real ones.
        """
        names = dict.fromkeys(self.sources, np.array([0.0, 1.0]))
        signals = Signals(names, Groups(np.array([0, 0]), 1))
        try:
            self.combiner.trace(initial_reward(signals), signals, self.combiner.init(), sync=no_sync)
        except SignalError:
            raise
        except Exception:  # noqa: BLE001, S110 - a rehearsal: what is really wrong shows on the real rows
            pass

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain JSON values.

        Example:
            >>> from herokit import Select, WeightByStd, chain
            >>> class Zero:
            ...     def score(self, samples):
            ...         return [0.0] * len(samples)
            >>> Rewarder({"rm": Zero()}, chain(Select("rm"), WeightByStd())).state_dict()
            {'version': 1, 'state': [None, {'count': 0, 'value': 0.0}]}
        """
        return {"version": 1, "state": _state_to_json(self.state)}

    def load_state_dict(self, data: Mapping[str, Any]) -> None:
        """Go on from a saved state, exactly as if never stopped.

        Raises:
            ConfigError: the state is of another version or of another chain.
        """
        if data.get("version") != 1:
            raise ConfigError(f"a saved state has version 1, got {data.get('version')!r}")
        try:
            self.state = _state_from_json(self.combiner.init(), data["state"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"the saved state does not fit this chain of {len(self.combiner.steps)} steps: {error!r}"
            ) from error

    def close(self) -> None:
        """Close every source that holds processes, sessions or connections."""
        for source in self.sources.values():
            execution.close(source)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _column(name: str, answers: SourceOutputs, count: int) -> Array:
    """Return what one source said, (N,), NaN where it could not say."""
    if name in answers.verdicts:
        values = np.array([np.nan if v.value is None else v.value for v in answers.verdicts[name]])
    elif name in answers.scores:
        values = answers.scores[name].values
    else:
        raise DataError(f"no answers from source {name!r}; there are {[*answers.verdicts, *answers.scores]}")
    if len(values) != count:
        raise DataError(f"source {name!r} answered for {len(values)} samples, and there are {count}")
    return values


def _split(trace: Sequence[StepTrace], signals: Signals) -> tuple[Array, Array, Array, Array]:
    """Read reward, advantage, weight and kept rows off what the steps did; a chain that never centres is centred here."""
    before = initial_reward(signals)
    out = trace[-1].after if trace else before
    reward, weight, kept = summarize_trace(trace, before)
    kept = np.ones(len(out), dtype=bool) if kept is None else kept
    weight = np.ones_like(out) if weight is None else weight
    advantage = out if reward is not None else chain(_Keep(kept), Center()).combine(out, signals, (None, None))[0]
    reward = out if reward is None else reward
    return np.where(kept, reward, np.nan), advantage, np.where(kept, weight, 0.0), kept


@dataclass(frozen=True, slots=True, eq=False)
class _Keep(Filter):
    """Mark the rows that an earlier filter marked."""

    kept: Array

    def keep(self, reward: Array, signals: Signals) -> Array:  # noqa: ARG002 - it is told
        return self.kept


def _expand_rows(x: Array, usable: Array) -> Array:
    """Put the usable rows back among the others, which are NaN."""
    full = np.full(len(usable), np.nan)
    full[usable] = x
    return full


def _state_to_json(state: Any) -> Any:
    if isinstance(state, tuple):
        return [_state_to_json(part) for part in state]
    return asdict(state) if is_dataclass(state) and not isinstance(state, type) else state


def _state_from_json(example: Any, data: Any) -> Any:
    """Rebuild a state of the shape of `example` from plain values."""
    if isinstance(example, tuple):
        return tuple(_state_from_json(e, d) for e, d in zip(example, data, strict=True))
    if is_dataclass(example) and not isinstance(example, type):
        if set(data) != {f.name for f in fields(example)}:
            raise ValueError(f"{type(example).__name__} has fields {[f.name for f in fields(example)]}, got {data!r}")
        if isinstance(example, Mean):  # what other states hold is their own affair
            data = {name: _state_from_json(getattr(example, name), value) for name, value in data.items()}
        return type(example)(**data)
    if isinstance(example, int) and isinstance(data, int) and not isinstance(data, bool) and data >= 0:
        return data  # a count of groups or of training steps
    if isinstance(example, float) and isinstance(data, float | int) and math.isfinite(data):
        return float(data)
    if data != example:
        raise ValueError(f"expected {example!r}, got {data!r}")
    return data
