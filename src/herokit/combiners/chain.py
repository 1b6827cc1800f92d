"""Compose steps: `chain` resolves schedules, and hides the rows that a filter excludes from later steps."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import is_numpy_array

from herokit import _segment
from herokit._display import html_table, short_repr
from herokit._segment import namespace
from herokit.combiners.base import (
    Combiner,
    Composite,
    CreditStep,
    Filter,
    ProducesAdvantage,
    StepTrace,
    Sync,
    Weight,
    is_step,
    no_sync,
    produces_advantage,
)
from herokit.combiners.inputs import copy_input, read_arrays, spread_rows
from herokit.combiners.numbering import number_groups
from herokit.combiners.schedules import Schedule
from herokit.errors import ConfigError, DataError, SignalError, did_you_mean
from herokit.signals import ArrayT
from herokit.tags import CheckTags
from herokit.types import Array, Groups, Parts, Signals

__all__ = [
    "Chain",
    "Scheduled",
    "chain",
    "check_no_credit",
    "check_signals",
    "ends_with_credit",
    "gives_credit",
    "initial_reward",
    "signals_read",
]


@dataclass(frozen=True, slots=True)
class Scheduled(ProducesAdvantage):
    """A step with schedules among its numbers; its state counts the training steps. `chain` makes it."""

    step: Any

    def init(self) -> tuple[int, Any]:
        """Return training step 0 and the step's own state."""
        return 0, self.at_step(0).init()

    @property
    def to_advantage(self) -> bool:
        """Whether it holds for the step."""
        return produces_advantage(self.step)

    def at_step(self, count: int) -> Any:
        """Return the step with the numbers of one training step."""
        changed = {f.name: v(count) for f in fields(self.step) if isinstance(v := getattr(self.step, f.name), Schedule)}
        return replace(self.step, **changed)

    def combine(
        self, reward: Array, signals: Signals, state: tuple[int, Any], *, sync: Sync = no_sync
    ) -> tuple[Array, tuple[int, Any]]:
        """Apply the step as it is now, and count."""
        count, before = state
        reward, after = self.at_step(count).combine(reward, signals, before, sync=sync)
        return reward, (count + 1, after)

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(known_failures={"batch_split_invariance": "a schedule counts batches"})


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps applied in order; build it with `chain`.

    The reward starts as zeros, so the first step is one that reads a signal, such as `Select`.
    """

    steps: tuple[Combiner[Any], ...]

    def _repr_html_(self) -> str:
        """Show the steps in a notebook."""
        inner = (step.step if isinstance(step, Scheduled) else step for step in self.steps)
        rows = [
            (n, short_repr(step), (step.__doc__ or "").strip().partition("\n")[0]) for n, step in enumerate(inner, 1)
        ]
        return html_table(f"Chain of {len(self.steps)} steps", ("", "step", "what it does"), rows)

    def __call__(
        self, values: Mapping[str, Any] | None = None, groups: Any = None, *rest: Any, **signals: Any
    ) -> Array:
        """Return the output of the chain for arrays, (N,), with a fresh state; `herokit.combine` returns all of it.

        Args:
            values: signal -> N values, of any array library.
            groups: N ids.
            rest: too many arguments, for the message.
            signals: the values by keyword, in place of `values`.

        Raises:
            DataError: the arrays do not fit; the message says what to write.

        Example:
            >>> from herokit import hero
            >>> hero()({"verifier": [1, 0], "rm": [0.2, 0.4]}, groups=["q", "q"]).tolist()
            [0.9, -0.1]
        """
        if rest or (values is not None and not isinstance(values, Mapping)):
            names = ", ".join(f"{name!r}: ..." for name in signals_read(self))
            raise DataError(f"signals have names; write chain({{{names}}}, groups=ids)")
        read, valid, *_ = read_arrays(values if values is not None else signals, groups)
        return spread_rows(copy_input(self.combine(initial_reward(read), read, self.init())[0], read), valid)

    def init(self) -> tuple[Any, ...]:
        """Return the steps' states, in order."""
        return tuple(step.init() for step in self.steps)

    def skip_batch(self, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the state after a training step in which no row could be judged: schedules count it, nothing else does."""
        return tuple(_skip_batch(step, now) for step, now in zip(self.steps, state, strict=True))

    def combine(
        self, reward: ArrayT, signals: Signals[ArrayT], state: tuple[Any, ...], *, sync: Sync = no_sync
    ) -> tuple[ArrayT, tuple[Any, ...]]:
        """Apply every step."""
        done, after = self.trace(reward, signals, state, sync=sync)
        return (done[-1].after if done else reward), after

    def trace(
        self, reward: Array, signals: Signals, state: tuple[Any, ...], *, sync: Sync = no_sync
    ) -> tuple[Sequence[StepTrace], tuple[Any, ...]]:
        """Apply every step and keep what each one did, for explanations and diagnostics.

        A reward of None begins with zeros. Groups may be bare ids, or ids of numpy beside values of another library.
        """
        signals = _with_groups(signals)
        reward = initial_reward(signals) if reward is None else reward
        whole, done, after = signals.parts, [], []
        kept: Array | None = None
        credit: Array | None = None
        for step, before in zip(self.steps, state, strict=True):
            if isinstance(step, Scheduled):
                count, inner = before
                trace, reward, now = _apply(step.at_step(count), reward, credit, signals, inner, sync)
                now = (count + 1, now)
            else:
                trace, reward, now = _apply(step, reward, credit, signals, before, sync)
            here, credit = trace.kept, trace.credit
            if kept is not None:
                trace = _all_rows(trace, kept, whole)
            if here is not None:
                credit = None if credit is None else credit[_parts_of(here, signals)]
                signals, reward = _only(here, signals), reward[here]
                kept = trace.kept
            done.append(trace)
            after.append(now)
        return done, tuple(after)


def _skip_batch(step: Any, state: Any) -> Any:
    if isinstance(step, Scheduled):
        return state[0] + 1, _skip_batch(step.step, state[1])
    if isinstance(step, Composite):
        return tuple(part.skip_batch(now) for part, now in zip(step.parts, state, strict=True))
    return state


def _with_groups(signals: Signals) -> Signals:
    """Return signals whose groups are `Groups` in the library of the values."""
    groups: Any = signals.groups
    first = next(iter(signals.values.values()), None)
    if not isinstance(groups, Groups):
        groups = number_groups(groups)
    elif not is_numpy_array(groups.ids):
        return signals
    if first is not None and not is_numpy_array(first):
        groups = replace(groups, ids=namespace(first).asarray(groups.ids, device=first.device))
    return replace(signals, groups=groups)


def _apply(
    step: Any, reward: Array, credit: Array | None, signals: Signals, state: Any, sync: Sync
) -> tuple[StepTrace, Array, Any]:
    """Apply one step; a filter's reward and credit are returned whole, for the caller to narrow."""
    if isinstance(step, CreditStep):
        trace, now = step.trace_credit(reward, credit, signals, state, sync=sync)
        return trace, trace.after, now
    trace, after, now = _apply_to_rows(step, reward, signals, state, sync)
    if credit is not None:  # `chain` admits weights and filters only
        factor = namespace(credit).astype(trace.kept, credit.dtype) if trace.weight is None else trace.weight
        credit = credit * factor if signals.parts is None else credit * _segment.expand(factor, signals.parts.rollouts)
        trace = replace(trace, credit=credit)
    return trace, after, now


def _apply_to_rows(step: Any, reward: Array, signals: Signals, state: Any, sync: Sync) -> tuple[StepTrace, Array, Any]:
    if isinstance(step, Composite):
        trace, now = step.trace_step(reward, signals, state, sync=sync)
        return trace, trace.after, now
    if isinstance(step, Weight):
        weight, now = step.weigh(reward, signals, state, sync=sync)
        reward = reward * weight
        return StepTrace(step, reward, weight), reward, now
    if isinstance(step, Filter):
        kept = step.keep(reward, signals)
        return StepTrace(step, namespace(reward).where(kept, reward, 0.0 * reward), None, kept), reward, None
    reward, now = step.combine(reward, signals, state, sync=sync)
    return StepTrace(step, reward), reward, now


def _all_rows(trace: StepTrace, kept: Array, parts: Parts | None) -> StepTrace:
    """Spread what a step did to the kept rows, and to their parts, over all rows."""
    rows = {name: getattr(trace, name) for name in ("after", "weight", "kept", "reward")}
    spread = {name: _put_back(x, kept) for name, x in rows.items() if x is not None}
    if trace.credit is None:
        return replace(trace, **spread)
    kept_parts = kept if parts is None else _segment.expand(kept, parts.rollouts)
    inner = [_all_rows(step, kept_parts, None) for step in trace.parts]
    return replace(trace, **spread, credit=_put_back(trace.credit, kept_parts), parts=inner)


def _parts_of(kept: Array, signals: Signals) -> Array:
    """Return the parts of the kept rows, (S,) booleans; of rows without parts, the rows."""
    return kept if signals.parts is None else _segment.expand(kept, signals.parts.rollouts)


def _only(kept: Array, signals: Signals) -> Signals:
    weights = None if signals.groups.weights is None else signals.groups.weights[kept]
    groups = Groups(signals.groups.ids[kept], signals.groups.num_groups, weights)
    values = {name: x[kept] for name, x in signals.values.items()}
    parts, level = signals.parts, signals.level
    if parts is not None:
        xp, here = namespace(kept), _parts_of(kept, signals)
        numbers = xp.cumulative_sum(xp.astype(kept, parts.rollouts.ids.dtype)) - 1
        parts = parts.take(here, Groups(_segment.expand(numbers, parts.rollouts)[here], groups.ids.shape[0]))
    if level is not None:
        level = level.take(kept, Groups(level.rollouts.ids[kept], level.rollouts.num_groups))
    return Signals(values, groups, parts, level)


def _put_back(x: Array, kept: Array) -> Array:
    """Spread the values of the kept rows over all rows, zero (or False) elsewhere."""
    xp = namespace(x, kept)
    if x.shape[0] == 0:
        return xp.zeros(kept.shape, dtype=x.dtype, device=x.device)
    place = xp.cumulative_sum(xp.astype(kept, xp.int32)) - 1
    spread = xp.take(x, xp.where(kept, place, xp.zeros_like(place)))
    return xp.where(kept, spread, xp.zeros_like(spread))


def chain(*steps: Combiner[Any]) -> Chain:
    """Compose steps into one combiner; a chain among them is flattened, a step with schedules counts steps.

    Raises:
        ConfigError: no step, or something that is not one; the message says what was meant.

    Example:
        >>> from herokit.combiners import Center, Select
        >>> chain(Select)
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: expected a step such as Select('rm'), got the class Select; did you mean Select(...)?
        >>> chain(Select("rm"), Center())
        Chain(steps=(Select(signal='rm'), Center()))
    """
    if not steps:
        raise ConfigError("a chain needs at least one step")
    flat: list[Combiner[Any]] = []
    for step in steps:
        if not is_step(step):
            raise ConfigError(f"expected a step such as Select('rm'), got {_describe(step)}")
        flat.extend(step.steps if isinstance(step, Chain) else (step,))
    _check_credit(flat)
    return Chain(tuple(Scheduled(step) if _has_schedule(step) else step for step in flat))


def _check_credit(steps: Sequence[Any]) -> None:
    """Check that only steps that know what to do with the credit of parts follow one that gives it.

    Raises:
        ConfigError: another step does, or a step inside a step gives credit; the message says what can be done.
    """
    gives = False
    for step in (getattr(step, "step", step) for step in steps):
        name = type(step).__name__
        if isinstance(step, CreditStep):
            gives = isinstance(step, Composite)
        elif gives and not isinstance(step, Weight | Filter):
            raise ConfigError(
                f"{name} cannot follow ForParts, because it would not change the credit of parts; put it before, or into "
                "ForParts, or put AggregateParts between them. Weights, filters and another ForParts can follow"
            )
        for part in step.parts if isinstance(step, Composite) else ():
            if any(isinstance(getattr(inner, "step", inner), CreditStep) for inner in part.steps):
                raise ConfigError(
                    f"{name} cannot contain ForParts or AggregateParts; they are steps of the outermost chain"
                )


def gives_credit(combiner: Chain) -> bool:
    """Return whether a chain gives credit to the parts of rollouts in any of its steps.

    Example:
        >>> from herokit import hero
        >>> gives_credit(hero())
        False
    """
    return any(isinstance(getattr(step, "step", step), CreditStep) for step in combiner.steps)


def check_no_credit(combiner: Chain, owner: str) -> None:
    """Check that a chain ends with one number a rollout, for what takes nothing finer.

    Args:
        combiner: the chain.
        owner: what takes the result, at the beginning of the message.

    Raises:
        ConfigError: the chain ends with credit of parts, of which the owner would use the mean; the message names the step.

    Example:
        >>> from herokit.combiners import ForParts, Select
        >>> check_no_credit(chain(ForParts(Select("prm"))), "slime")
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: slime takes one number a rollout, but step 1 of the chain, ForParts, gives credit to the \
parts of a rollout, and only their mean would be used; end the chain with AggregateParts, or use what takes credit: \
a Rewarder and RewardOutput.credit, TRL's GRPOTrainer with herokit.adapters.trl.GroupRewardMixin, verl's \
trainers with herokit.adapters.verl.install, or the adapters of SkyRL, NeMo-RL, prime-rl, verifiers and tinker-cookbook
    """
    given = _last_credit(combiner)
    if given:
        name = type(getattr(combiner.steps[given - 1], "step", combiner.steps[given - 1])).__name__
        raise ConfigError(
            f"{owner} takes one number a rollout, but step {given} of the chain, {name}, gives credit to the parts of a rollout, "
            "and only their mean would be used; end the chain with AggregateParts, or use what takes credit: "
            f"{_TAKES_CREDIT}"
        )


def ends_with_credit(combiner: Chain) -> bool:
    """Return whether a chain ends with credit of parts, which no `AggregateParts` makes one number a rollout again.

    Example:
        >>> from herokit.combiners import AggregateParts, ForParts, Select
        >>> ends_with_credit(chain(ForParts(Select("prm")))), ends_with_credit(chain(ForParts(Select("prm")), AggregateParts()))
        (True, False)
    """
    return _last_credit(combiner) > 0


def _last_credit(combiner: Chain) -> int:
    """Return the number of the step whose credit the chain ends with, 0 if there is none."""
    given = 0
    for number, step in enumerate(combiner.steps, 1):
        inner = getattr(step, "step", step)
        if isinstance(inner, CreditStep):
            given = number if isinstance(inner, Composite) else 0
    return given


_TAKES_CREDIT = (
    "a Rewarder and RewardOutput.credit, TRL's GRPOTrainer with herokit.adapters.trl.GroupRewardMixin, verl's trainers with "
    "herokit.adapters.verl.install, or the adapters of SkyRL, NeMo-RL, prime-rl, verifiers and tinker-cookbook"
)


def _describe(value: object) -> str:
    """Name something that is not a step, and what was probably meant."""
    kind = type(value).__name__
    if isinstance(value, type):
        return f"the class {value.__name__}; did you mean {value.__name__}(...)?"
    if isinstance(getattr(value, "combiner", None), Chain):  # a Scheme, a Rewarder
        return f"a {kind}; its steps are in its attribute 'combiner'"
    if isinstance(value, str):
        return f"the text {value[:80]!r}; a scheme by name is a function, such as herokit.hero()"
    if callable(value):
        return f"the function {getattr(value, '__name__', kind)}; did you forget to call it?"
    return f"{kind}: {repr(value)[:120]}"


def _has_schedule(step: Any) -> bool:
    return is_dataclass(step) and any(isinstance(getattr(step, f.name), Schedule) for f in fields(step))


def initial_reward(signals: Signals[ArrayT]) -> ArrayT:
    """Return the reward a chain starts from: zeros (N,) like the first signal, of parts if rollouts have none."""
    if not signals.values and signals.parts is not None:
        part: Any = next(iter(signals.parts.values.values()))
        ids: Any = signals.groups.ids
        rows: ArrayT = namespace(part).zeros(ids.shape, dtype=part.dtype, device=part.device)
        return rows
    first = next(iter(signals.values.values()))
    zeros: ArrayT = namespace(first).zeros_like(first)
    return zeros


class _AnySignal(dict[str, Array]):
    """Signals that exist as soon as a step looks them up."""

    def __contains__(self, name: object) -> bool:
        self.setdefault(str(name), np.array([0.0, 1.0]))
        return True

    def __missing__(self, name: str) -> Array:
        return self.setdefault(name, np.array([0.0, 1.0]))


def signals_read(combiner: Combiner[Any]) -> list[str]:
    """Return the names of the signals that a combiner reads, in the order in which it reads them.

    Every step runs on one group of two synthetic rows. A step that raises on them is skipped.

    Example:
        >>> from herokit import hero
        >>> signals_read(hero(verifier="math"))
        ['rm', 'math']
    """
    return _try_steps(combiner)[0]


def _try_steps(combiner: Combiner[Any]) -> tuple[list[str], bool]:
    """Run each step on synthetic rows; return the names of the signals it read, and whether every step worked."""
    values, complete = _AnySignal(), True
    signals = Signals(values, Groups(np.array([0, 0]), 1))
    for step in chain(combiner).steps:
        try:
            step.combine(np.array([0.0, 1.0]), signals, step.init())
        except Exception:  # noqa: BLE001 - a step may need more rows than these
            complete = False
    return list(values), complete


def check_signals(combiner: Combiner[Any], names: Collection[str]) -> list[str]:
    """Check that a combiner reads no other signals than these.

    Returns:
        Those that no step reads; none if a step does not run on synthetic rows.

    Raises:
        SignalError: it reads another; the message offers the nearest name.

    Example:
        >>> from herokit.combiners import Select
        >>> check_signals(Select("rm"), ["rm", "verifier"])
        ['verifier']
        >>> check_signals(Select("mr"), ["rm", "verifier"])
        Traceback (most recent call last):
        ...
        herokit.errors.SignalError: a step reads the signal 'mr', but no source has that name; did you mean 'rm'?
    """
    read, complete = _try_steps(combiner)
    problems = [
        f"a step reads the signal {name!r}, but no source has that name; {did_you_mean(name, list(names))}"
        for name in read
        if name not in names
    ]
    if problems:
        raise SignalError("; ".join(problems))
    return [name for name in names if complete and name not in read]
