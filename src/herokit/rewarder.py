"""`Rewarder`: runs the sources, combines their signals, and owns the combiner's state."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypedDict, cast

import numpy as np

from herokit import distributed
from herokit._display import short_repr
from herokit.arrays import load_state, named_chain, split_trace, state_to_json, warn_of_single_rows
from herokit.combiners import Chain, Combiner, Sync, chain, initial_reward
from herokit.combiners.base import StepTrace, no_sync
from herokit.combiners.chain import check_signals, ends_with_credit, gives_credit
from herokit.combiners.numbering import number_groups
from herokit.conversations import Turn
from herokit.conversations.prompts import check_group_prompts
from herokit.credit import Credit, PartColumns, split_credit
from herokit.errors import ConfigError, DataError, ErrorCollector, warn_of_silence
from herokit.outcome import RewardOutput
from herokit.records import check_source_names
from herokit.samples import SampleLike, as_samples
from herokit.signals import group_key
from herokit.sources import execution
from herokit.sources.execution import SourceOutputs
from herokit.sources.functions import as_source
from herokit.types import (
    Array,
    Bools,
    Closeable,
    Floats,
    RewardModel,
    Sample,
    Signals,
    Status,
    Verifier,
    is_valid_score,
)

__all__ = ["Rewarder", "StateDict"]


class StateDict(TypedDict):
    """The state of a `Rewarder` as JSON values.

    Attributes:
        version: of the format.
        state: one entry per step of the chain.
    """

    version: int
    state: Any


class _HasCombiner(Protocol):
    """What holds a chain: a `Scheme`."""

    @property
    def combiner(self) -> Chain:
        """The chain."""
        ...


class Rewarder(Closeable):
    """Sources, a combiner and its state: samples in, rewards out.

    Rows on which a source fails are dropped before combining and come back as NaN with a status; they do not change
    the state. A row that the policy left without a score (see `Status`) gets the lowest score of its group instead. A
    verifier's verdict and a reward model's score become signals under the source's name.

    Args:
        sources: name -> verifier, reward model, or reward function of a trainer (`herokit.sources.functions`), which
            is a verifier if its name begins with ``verifier``; or, as in scheme files, a registered name
            (``"exact-match"``), the place of an object (``"my_rewards.py:accuracy"``), or a table
            (``{"use": "number", "rel_tol": 0.01}``). The combiner's steps refer to the names.
        combiner: a chain, a step, the name of one (``"hero-advantage"``, ``"my_rewards.py:scheme"``), or a `Scheme`, whose
            chain is used and whose sources are not.
        sync: merges running means across processes; `no_sync` for one process.
        equal_prompts: whether prompts that differ inside a group raise, by text or by the content of messages and images.
            Pass False if rollouts of different prompts compete on purpose, as two players of a game do.

    Raises:
        ConfigError: no source; a source with the name of a result column, or that is none of the above; or such a
            combiner.
        NotInstalledError: a source, or a package that it needs, is not installed; several are named in one `SchemeError`.
        SignalError: a step refers to a source that is not there.

    Example:
        >>> from herokit import Sample, Verdict
        >>> from herokit.schemes import hero
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.final_text == s.reference)) for s in samples]
        >>> class Short:
        ...     def score(self, samples):
        ...         return [-float(len(s.completion_text)) for s in samples]
        >>> rewarder = Rewarder({"verifier": Exact(), "rm": Short()}, hero())
        >>> samples = [Sample("1 + 1?", text, "q1", "2") for text in ("2", "two", "eleven")]
        >>> rewarder(samples).reward.round(3).tolist()
        [0.9, 0.1, -0.1]
    """

    def __init__(
        self,
        sources: Mapping[str, Verifier | RewardModel | Callable[..., Any] | str | Mapping[str, Any]],
        combiner: Combiner[Any] | _HasCombiner | str,
        *,
        sync: Sync = no_sync,
        equal_prompts: bool = True,
    ) -> None:
        if not isinstance(sources, Mapping):
            raise ConfigError(
                f'expected a mapping from name to source such as {{"verifier": "math", "rm": "onnx"}}, got {sources!r:.100}'
            )
        if not sources:
            raise ConfigError("a Rewarder needs at least one verifier or reward model")
        check_source_names(sources)
        self.sources = _resolve_sources(sources)
        self.combiner = _resolve_combiner(combiner)
        self.sync = sync
        self.equal_prompts = equal_prompts
        self.state = self.combiner.init()
        self.monitor = execution.SourceMonitor()
        self._warned_of_groups = False
        for name in check_signals(self.combiner, self.sources):
            message = f"no step reads the signal of source {name!r}; it still runs, and a row on which it fails gets no reward"
            warn_of_silence(message)

    def __repr__(self) -> str:
        sources = ", ".join(f"{name!r}: {short_repr(source)}" for name, source in self.sources.items())
        return f"Rewarder({{{sources}}}, {' -> '.join(map(short_repr, self.combiner.steps))})"

    def __call__(self, samples: Sequence[SampleLike], *, update_state: bool = True) -> RewardOutput:
        """Score samples; pass whole groups, because a rollout is compared only with those of its group in the same call.

        Args:
            samples: N samples, in any order; or mappings with the usual keys, see `herokit.samples`.
            update_state: whether the combiner's state changes; pass False for evaluation.

        Raises:
            DataError: prompts differ inside a group; see `equal_prompts`.
            PluginError: a source broke its contract.
            SetupError: a source cannot work at all.
        """
        samples = as_samples(samples, grouped=True)
        return self.combine(self.run_sources(samples), [sample.group for sample in samples], update_state=update_state)

    def run_sources(self, samples: Sequence[SampleLike]) -> SourceOutputs:
        """Run every source on N samples; groups may be incomplete, and the state does not change.

        Prompts are compared within each group; a sample whose group is None belongs to no group yet.

        If `sync` merges processes, an error here also makes the other ranks raise in `combine`, where they would
        otherwise wait in the collective until it times out.

        Raises:
            DataError: prompts differ inside a group; see `equal_prompts`.
            PluginError: a source broke its contract.
            SetupError: a source cannot work at all.
        """
        try:
            samples = as_samples(samples)
            if self.equal_prompts:
                keys = [group_key(sample.group, row) for row, sample in enumerate(samples)]
                check_group_prompts([sample.prompt for sample in samples], keys)
            return self.add_turns(execution.run_sources(self.sources, samples, self.monitor), samples)
        except Exception:
            distributed.abort_peers(self.combiner, self.sources, self.state, self.sync)
            raise

    def add_turns(self, outputs: SourceOutputs, samples: Sequence[Sample]) -> SourceOutputs:
        """Return the outputs with the turns of the samples, if the combiner gives credit to parts; else as they are.

        Args:
            outputs: of sources that ran elsewhere.
            samples: their N samples.
        """
        return (
            replace(outputs, turns=[_turns(sample) for sample in samples]) if gives_credit(self.combiner) else outputs
        )

    def combine(
        self, outputs: SourceOutputs, group_keys: Sequence[Hashable], *, update_state: bool = True
    ) -> RewardOutput:
        """Combine the outputs of the sources, wherever they ran: the second half of a call.

        Args:
            outputs: the output of every source of this rewarder for N samples.
            group_keys: the group of every sample, N; whole groups, as for a call.
            update_state: whether the combiner's state changes.

        Raises:
            DataError: the outputs are not of N samples, or not from these sources.
            SetupError: a source of a peer failed, see `run_sources`.

        Example:
            >>> from herokit import Sample, Select
            >>> class Length:
            ...     def score(self, samples):
            ...         return [len(s.completion_text) for s in samples]
            >>> rewarder = Rewarder({"rm": Length()}, Select("rm"))
            >>> rewarder.combine(rewarder.run_sources([Sample("p", "abc", "q")]), ["q"]).reward.tolist()
            [3.0]
        """
        group_keys = tuple(group_key(key, row) for row, key in enumerate(group_keys))
        if update_state:
            self._check_group_sizes(group_keys)
        signals, valid, parts = self._signals(outputs, group_keys)
        trace: Sequence[StepTrace] = ()
        state, before = self.state, initial_reward(signals)
        if signals.groups.num_groups or self.sync is not no_sync:  # other ranks wait for this rank's part of the mean
            trace, state = self.combiner.trace(
                before, signals, state, sync=distributed.raise_on_peer_failure(self.sync)
            )
        elif group_keys:
            state = self.combiner.skip_batch(state)
        if update_state:
            self.state = state
        rows = split_trace(trace, signals, before)
        credit: Credit | None = None
        if parts is not None and ends_with_credit(self.combiner):
            credit = parts.credit(split_credit(trace, rows[1], rows[3], signals), valid)
        reward, advantage, weight, kept = (_expand_rows(x, valid) for x in rows)
        return RewardOutput(
            reward=reward,
            advantage=advantage,
            weight=weight,
            valid=valid,
            kept=kept == 1.0,
            group_keys=group_keys,
            signals=signals,
            verdicts=outputs.verdicts,
            scores=outputs.scores,
            trace=trace,
            seconds=outputs.seconds,
            credit=credit,
            row_problems={} if parts is None else parts.problems,
        )

    def _signals(
        self, outputs: SourceOutputs, group_keys: Sequence[Hashable]
    ) -> tuple[Signals, Bools, PartColumns | None]:
        """Return the signals of the valid rows, which rows these are, and the parts of all rows if the chain reads parts."""
        columns = {name: _column(name, outputs, group_keys) for name in self.sources}
        valid = np.logical_and.reduce([is_valid_score(x) for x in columns.values()])
        parts: PartColumns | None = None
        if gives_credit(self.combiner):
            parts = PartColumns.from_outputs(outputs, self.sources, len(group_keys))
            valid[list(parts.problems)] = False
        groups = number_groups([key for key, ok in zip(group_keys, valid, strict=True) if ok])
        values = {name: x[valid] for name, x in columns.items()}
        return Signals(values, groups, parts.parts(columns, group_keys, valid) if parts else None), valid, parts

    def _check_group_sizes(self, group_keys: Sequence[Hashable]) -> None:
        """Warn once if no row has another to compare with."""
        if len(group_keys) < 2 or self._warned_of_groups or len(set(group_keys)) < len(group_keys):  # noqa: PLR2004 - two rows
            return
        self._warned_of_groups = True
        warn_of_single_rows(group_keys)

    def state_dict(self) -> StateDict:
        """Return the state as plain JSON values.

        Example:
            >>> from herokit import Select, WeightByStd, chain
            >>> class Zero:
            ...     def score(self, samples):
            ...         return [0.0] * len(samples)
            >>> Rewarder({"rm": Zero()}, chain(Select("rm"), WeightByStd())).state_dict()
            {'version': 1, 'state': [None, {'count': 0, 'value': 0.0}]}
        """
        return {"version": 1, "state": state_to_json(self.state)}

    def load_state_dict(self, data: Mapping[str, Any]) -> None:
        """Restore a saved state: the next call returns what it would have returned without the interruption.

        Raises:
            ConfigError: the state is of another version or of another chain.
        """
        self.state = load_state(self.combiner, data)

    def close(self) -> None:
        """Close every source that holds processes, sessions or connections."""
        for source in self.sources.values():
            execution.close(source)


def _resolve_sources(sources: Mapping[str, Any]) -> dict[str, Verifier | RewardModel]:
    """Return the sources that the caller holds or names.

    Raises:
        ConfigError: one or several of them are no sources.
    """
    errors = ErrorCollector()
    resolved: dict[str, Verifier | RewardModel] = {}
    for name, source in sources.items():
        table = {"use": source} if isinstance(source, str) else source
        with errors.collect():
            if isinstance(table, Mapping):
                from herokit.config.builder import build
                from herokit.registry import SOURCE_KINDS

                resolved[name] = build(table, kinds=SOURCE_KINDS, location=f"source {name!r}", name=name)
            else:
                resolved[name] = as_source(name, source)
                execution.check_installed(f"source {name!r}", source)
    errors.raise_all("Rewarder")
    return resolved


def _resolve_combiner(combiner: Combiner[Any] | _HasCombiner | str) -> Chain:
    """Return the chain that the caller names or holds."""
    if isinstance(combiner, str):
        return named_chain(combiner)
    if isinstance(combiner, Rewarder):
        raise ConfigError("expected a chain, a step, a Scheme or a name, got a Rewarder; use its attribute 'combiner'")
    inner = getattr(combiner, "combiner", None)
    return inner if isinstance(inner, Chain) else chain(cast("Combiner[Any]", combiner))


def _turns(sample: Sample) -> Sequence[Turn] | str:
    """Return the turns of a sample, or why they cannot be read."""
    try:
        return sample.turns
    except DataError as error:
        return str(error)


def _column(name: str, outputs: SourceOutputs, group_keys: Sequence[Hashable]) -> Floats:
    """Return the values of one source, (N,), NaN where it failed; what the policy left without a score is the worst."""
    count = len(group_keys)
    if name in outputs.verdicts:
        values = np.array([np.nan if v.value is None else v.value for v in outputs.verdicts[name]], dtype=np.float64)
    elif name in outputs.scores:
        values = outputs.scores[name].values
    else:
        raise DataError(f"no outputs of source {name!r}; there are {[*outputs.verdicts, *outputs.scores]}")
    if len(values) != count:
        raise DataError(f"source {name!r} has outputs for {len(values)} samples; expected {count}")
    return _fill_with_lowest(values, outputs.scores[name].statuses, group_keys) if name in outputs.scores else values


def _fill_with_lowest(values: Floats, statuses: Sequence[Status], group_keys: Sequence[Hashable]) -> Floats:
    """Give rows that the policy left without a score the lowest score of their group, else of the batch, else 0.

    No score means "worst" in the unit of every reward model, and a row that left its batch would cost the policy nothing.

    Example:
        >>> statuses = [Status.JUDGED, Status.JUDGED, Status.UNPARSED, Status.FAILED]
        >>> _fill_with_lowest(np.array([2.0, -1.0, np.nan, np.nan]), statuses, "aaaa").tolist()
        [2.0, -1.0, -1.0, nan]
    """
    unanswered = [row for row, s in enumerate(statuses) if s is not Status.FAILED and not is_valid_score(values[row])]
    if not unanswered:
        return values
    lowest: dict[Hashable, float] = {}
    for key, value in zip(group_keys, values.tolist(), strict=True):
        if is_valid_score(value):
            lowest[key] = min(value, lowest.get(key, value))
    overall = min(lowest.values(), default=0.0)
    values = values.copy()
    values[unanswered] = [lowest.get(group_keys[row], overall) for row in unanswered]
    return values


def _expand_rows(x: Array, valid: Bools) -> Floats:
    """Spread the values of the valid rows over all rows, NaN elsewhere."""
    full = np.full(len(valid), np.nan)
    full[valid] = x
    return full
