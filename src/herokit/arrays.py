"""Combine arrays that people already have: `combine` for one batch, `ArrayCombiner` for a training loop."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from herokit._display import short_repr
from herokit._segment import counts, namespace
from herokit.combiners import Center, Chain, Combiner, Filter, Mean, Sync, chain, initial_reward
from herokit.combiners.base import StepTrace, no_sync, summarize_trace
from herokit.combiners.chain import (
    check_no_credit,
    check_signals,
    ends_with_credit,
    gives_credit,
)
from herokit.combiners.inputs import check_values, copy_input, read_arrays, spread_rows
from herokit.combiners.ragged import RaggedParts, read_parts
from herokit.credit import Credit, split_credit
from herokit.errors import ConfigError, warn_of_silence
from herokit.outcome import RewardOutput
from herokit.signals import group_key
from herokit.sources.results import to_float_array
from herokit.types import Array, Signals

__all__ = [
    "ArrayCombiner",
    "combine",
    "load_state",
    "named_chain",
    "split_trace",
    "state_from_json",
    "state_to_json",
    "warn_of_single_rows",
]


def combine(
    values: Mapping[str, Any],
    groups: Any,
    combiner: Combiner[Any] | str,
    *,
    parts: Mapping[str, Any] | None = None,
    offsets: Any = None,
    states: Any = None,
) -> RewardOutput:
    """Combine one batch of arrays, with a fresh state.

    Args:
        values: signal -> N numbers or booleans: lists, or arrays of numpy, torch or jax in any precision. It may be empty if the
            chain reads parts alone.
        groups: N ids, equal for the rollouts of a prompt: texts or numbers, in a list or an array.
        combiner: a chain, a step, or the name of one, such as ``"hero-advantage"`` or ``"my_rewards.py:scheme"``.
        parts: for a chain that gives credit to turns or steps: signal -> for each row the values of its parts, a list or an array.
        offsets: N + 1 integers: the parts are flat, and row i has those from ``offsets[i]`` to before ``offsets[i + 1]``.
        states: what each part saw, for `gigpo`: keys in the layout of the parts, None where it is unknown.

    Returns:
        Arrays in the library, floating dtype and device of the values. A row without a finite value in every signal, of every
        part, is NaN and changes no other, as in a `Rewarder`; so is a row without parts. The credit is `RewardOutput.credit`: flat
        in its ``values``, a list of arrays by its ``arrays()``.

    Raises:
        ConfigError: the chain ends with credit and no parts are given, or no step of it reads the parts.
        DataError: the arrays do not fit together; the message says what to write.
        SignalError: a step reads a signal that is not there.

    Example:
        >>> from herokit import hero_advantage
        >>> output = combine({"verifier": [1, 0, 0], "rm": [0.3, 0.5, 0.1]}, ["q", "q", "q"], hero_advantage())
        >>> output.advantage.round(3).tolist()
        [0.6, -0.2, -0.4]
        >>> from herokit.schemes import discounted_turns
        >>> output = combine({}, ["q", "q"], discounted_turns(gamma=0.5), parts={"turn": [[0.0, 1.0], [0.0]]})
        >>> [x.round(2).tolist() for x in output.credit.arrays()]
        [[0.0, 1.0], [-1.0]]
    """
    if parts is None or values:
        check_values(values)  # before the combiner: arguments in another order are a usual mistake
    return ArrayCombiner(combiner)(values, groups, parts=parts, offsets=offsets, states=states)


class ArrayCombiner:
    """A chain with its state, for a training loop of one's own: arrays in, rewards and advantages out.

    Args:
        combiner: a chain, a step, or the name of one, such as ``"hero-advantage"`` or ``"my_rewards.py:scheme"``.
        sync: merges running means across processes; `no_sync` for one process.

    Attributes:
        state: of the chain.

    Example:
        >>> from herokit import hero_advantage
        >>> rewards = ArrayCombiner(hero_advantage())
        >>> _ = rewards({"verifier": [1, 0], "rm": [0.3, 0.5]}, groups=["q", "q"])
        >>> rewards.state_dict()["state"][-1]["count"]
        1
    """

    def __init__(self, combiner: Combiner[Any] | str, *, sync: Sync = no_sync) -> None:
        self.combiner = named_chain(combiner) if isinstance(combiner, str) else chain(combiner)
        self.sync = sync
        self.state = self.combiner.init()
        self._checked: set[tuple[str, ...]] = set()
        self._warned_of_groups = self._warned_of_rows = False

    def __repr__(self) -> str:
        return f"ArrayCombiner({' -> '.join(map(short_repr, self.combiner.steps))})"

    def __call__(
        self,
        values: Mapping[str, Any],
        groups: Any,
        *,
        parts: Mapping[str, Any] | None = None,
        offsets: Any = None,
        states: Any = None,
        update_state: bool = True,
    ) -> RewardOutput:
        """Combine one batch; pass whole groups.

        Args:
            values: signal -> N numbers or booleans; see `combine`.
            groups: N ids.
            parts: signal -> the values of the parts of each row; see `combine`.
            offsets: N + 1 integers, if the parts are flat.
            states: what each part saw.
            update_state: whether the state changes; pass False for evaluation.

        Raises:
            ConfigError: the chain ends with credit and no parts are given, or no step of it reads the parts.
            DataError: the arrays do not fit together; the message says what to write.
            SignalError: a step reads a signal that is not there.
        """
        ragged = read_parts(parts, offsets, states)
        self._check_parts(ragged)
        signals, valid, ids, problems = read_arrays(values, groups, ragged)
        self._check_names(signals)
        self._warn_of_silence(problems, len(ids))
        if update_state and not self._warned_of_groups and 2 <= len(ids) == _count_used(signals):  # noqa: PLR2004 - two rows
            self._warned_of_groups = True
            warn_of_single_rows(ids)
        before = initial_reward(signals)
        trace = self._trace(before, signals, valid.shape[0], update_state=update_state)
        reward, advantage, weight, kept = split_trace(trace, signals, before)
        credit: Credit | None = None
        if ragged is not None and ends_with_credit(self.combiner):
            credit = _spread_credit(split_credit(trace, advantage, kept, signals), ragged.counts, valid)
        xp = namespace(reward)
        return RewardOutput(
            reward=spread_rows(copy_input(reward, signals), valid),
            advantage=spread_rows(copy_input(advantage, signals), valid),
            weight=spread_rows(weight, valid),
            valid=valid,
            kept=kept if kept.shape == valid.shape else spread_rows(xp.astype(kept, reward.dtype), valid) == 1,
            group_keys=ids,
            signals=signals,
            verdicts={},
            scores={},
            trace=trace,
            seconds={},
            credit=credit,
            row_problems=problems,
        )

    def _trace(self, before: Array, signals: Signals, count: int, *, update_state: bool) -> Sequence[StepTrace]:
        """Return what each step does, nothing if no row is left of `count`."""
        trace: Sequence[StepTrace] = ()
        state = self.state
        if signals.groups.num_groups or self.sync is not no_sync:
            trace, state = self.combiner.trace(before, signals, state, sync=self.sync)
        elif count:
            state = self.combiner.skip_batch(state)
        if update_state:
            self.state = state
        return trace

    def _check_parts(self, ragged: RaggedParts | None) -> None:
        if ragged is None:
            check_no_credit(
                self.combiner,
                "pass the parts of each row as parts={NAME: [[...], ...]} or states=[[...], ...]: without them herokit.combine",
            )
        elif not gives_credit(self.combiner):
            raise ConfigError(
                "parts are given, but no step of the chain reads the parts of rollouts; use one with ForParts, such as turn_grpo()"
            )

    def _check_names(self, signals: Signals) -> None:
        """Check that steps read no other signals than these, and warn of those that none reads: once for the same names."""
        names = _names(signals)
        if tuple(names) in self._checked:
            return
        unused = check_signals(self.combiner, names)
        self._checked.add(tuple(names))
        for name in sorted(set(signals.values) & set(signals.parts.values)) if signals.parts is not None else ():
            message = (
                f"{name!r} is given in values and in parts; steps inside ForParts read the parts, all others the values"
            )
            warn_of_silence(message)
        for name in unused:
            message = f"no step reads signal {name!r}; a row without a finite value of it gets no reward all the same"
            warn_of_silence(message)

    def _warn_of_silence(self, problems: Mapping[int, str], count: int) -> None:
        """Warn once of a batch of which every row leaves."""
        if 1 < count == len(problems) and not self._warned_of_rows:
            self._warned_of_rows = True
            message = f"none of {count} rows has a finite value in every signal; such rows get no reward (row 0: {problems[0]})"
            warn_of_silence(message)

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain JSON values, as `Rewarder.state_dict` does."""
        return {"version": 1, "state": state_to_json(self.state)}

    def load_state_dict(self, data: Mapping[str, Any]) -> None:
        """Restore a saved state, also that of a `Rewarder` with the same chain.

        Raises:
            ConfigError: the state is of another version or of another chain.
        """
        self.state = load_state(self.combiner, data)


def _names(signals: Signals) -> list[str]:
    """Return the names of the signals of rollouts, then of those that only parts have."""
    return list(dict.fromkeys([*signals.values, *(signals.parts.values if signals.parts is not None else ())]))


def _spread_credit(values: Array | None, counts: Any, valid: Array) -> Credit:
    """Return the credit of all rows, NaN for the parts of invalid ones, given that of the parts of valid rows."""
    rows: Any = np.asarray(to_float_array(valid)) == 1
    here = np.repeat(rows, counts)
    if values is None:  # no row is valid
        return Credit(np.full(len(here), np.nan), counts.tolist())
    xp = namespace(values)
    return Credit(spread_rows(values, xp.asarray(here, device=values.device)), counts.tolist())


def _count_used(signals: Signals) -> int:
    """Return the number of groups that have a row, or 0 if there are surely fewer than rows."""
    rows: Any = signals.groups.ids
    if signals.groups.num_groups < rows.shape[0]:
        return 0
    xp = namespace(rows)
    return int(xp.sum(counts(signals.groups, signals.groups.ids) > 0))


def warn_of_single_rows(group_keys: Sequence[Any]) -> None:
    """Warn that no row has another of its group to compare with."""
    first = ", ".join(f"{group_key(key, row)!r:.40}" for row, key in enumerate(group_keys[:3]))
    message = (
        f"all {len(group_keys)} groups have one row (groups {first} ...), so every group-relative advantage is 0: give "
        "all rollouts of a prompt the same group"
    )
    warn_of_silence(message)


def load_state(combiner: Chain, data: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the state that a state dict holds.

    Raises:
        ConfigError: the state is of another version or of another chain.
    """
    if data.get("version") != 1:
        raise ConfigError(f"a saved state has version 1, got {data.get('version')!r}")
    saved = data.get("state")
    if isinstance(saved, Sequence) and len(saved) != len(combiner.steps):
        raise ConfigError(
            f"the saved state does not fit this chain of {len(combiner.steps)} steps: it is of one of {len(saved)}"
        )
    try:
        state: tuple[Any, ...] = state_from_json(combiner.init(), data["state"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"the saved state does not fit this chain of {len(combiner.steps)} steps: {error!r:.300}"
        ) from error
    return state


def named_chain(name: str) -> Chain:
    """Return the chain that a name stands for: a registered scheme or step, or an object in a file.

    Args:
        name: ``"hero-advantage"``, ``"center"`` or ``"my_rewards.py:scheme"``; underscores count as dashes.

    Raises:
        ConfigError: there is no such name, or it is that of something else.

    Example:
        >>> named_chain("verifier-only")
        Chain(steps=(Select(signal='verifier'),))
    """
    from herokit.config.builder import build
    from herokit.config.objects import is_place, is_scheme_file
    from herokit.registry import STEP_KINDS

    if is_scheme_file(name):
        raise ConfigError(
            f"expected the steps, got the scheme file {name!r}; write herokit.load_scheme({name!r}).rewarder()"
        )
    return chain(build({"use": name if is_place(name) else name.replace("_", "-")}, kinds=STEP_KINDS))


def split_trace(trace: Sequence[StepTrace], signals: Signals, before: Array) -> tuple[Array, Array, Array, Array]:
    """Return reward, advantage, weight and kept rows; if no step makes an advantage, center the reward per group."""
    out = trace[-1].after if trace else before
    xp = namespace(out)
    reward, weight, kept = summarize_trace(trace, before)
    weight = xp.ones_like(out) if weight is None else weight
    if kept is None:  # the usual case, without a copy
        advantage = out if reward is not None else Center()(out, signals)
        reward = out if reward is None else reward
        return reward, advantage, weight, xp.ones(out.shape, dtype=xp.bool, device=out.device)
    advantage = out if reward is not None else chain(_Keep(kept), Center()).combine(out, signals, (None, None))[0]
    reward = out if reward is None else reward
    return (
        xp.where(kept, reward, xp.full_like(reward, float("nan"))),
        advantage,
        xp.where(kept, weight, xp.zeros_like(weight)),
        kept,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Keep(Filter):
    """Keep the given rows."""

    kept: Array

    def keep(self, reward: Array, signals: Signals) -> Array:  # noqa: ARG002 - the protocol's signature
        return self.kept


def state_to_json(state: Any) -> Any:
    """Return the state of a chain as plain JSON values."""
    if isinstance(state, tuple):
        return [state_to_json(part) for part in state]
    return asdict(state) if is_dataclass(state) and not isinstance(state, type) else state


def state_from_json(example: Any, data: Any) -> Any:
    """Rebuild a state of the shape of `example` from plain values."""
    if isinstance(example, tuple):
        return tuple(state_from_json(e, d) for e, d in zip(example, data, strict=True))
    if is_dataclass(example) and not isinstance(example, type):
        if set(data) != {f.name for f in fields(example)}:
            raise ValueError(f"{type(example).__name__} has fields {[f.name for f in fields(example)]}, got {data!r}")
        if isinstance(example, Mean):  # the fields of other states are not checked
            data = {name: state_from_json(getattr(example, name), value) for name, value in data.items()}
        return type(example)(**data)
    if isinstance(example, int) and isinstance(data, int) and not isinstance(data, bool) and data >= 0:
        return data  # a count of groups or of training steps
    if isinstance(example, float) and isinstance(data, float | int) and math.isfinite(data):
        return float(data)
    if data != example:
        raise ValueError(f"expected {example!r}, got {data!r}")
    return data
