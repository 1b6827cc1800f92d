"""Find the steps of a chain that a trainer's normalization cancels, by leaving each step out."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from herokit._display import short_repr
from herokit.combiners import Chain, Combiner, Filter, Weight, initial_reward
from herokit.combiners.base import Composite, produces_advantage
from herokit.errors import ConfigError
from herokit.rewarder import Rewarder
from herokit.trainers.table import Normalization, find_trainer
from herokit.types import Array, Groups, Signals, Verifier

__all__ = [
    "AblatedChain",
    "StepCancelledWarning",
    "advantages_differ",
    "cancelled_steps",
    "check_normalization",
    "find_cancelled_steps",
    "uncentered_step",
]

MIN_RELATIVE_CHANGE = 0.02
"""A step is cancelled if no advantage changes by this share of the largest advantage in its group."""

ROUNDING = 1e-6
"""Advantages that differ by less than this are equal."""

NUM_GROUPS, GROUP_SIZE = 12, 6
"""The shape of the synthetic batches."""

SCORE_SCALES = (1.0, 1.0, 4.0)
"""One batch per entry; the last has wider scores, so that running means are no longer at their first value."""

Path = tuple[int, ...]

Advantages = Callable[[Chain, Signals, Any], tuple[Array, Any]]
"""``(chain, signals, state)`` -> the advantages (N,) that the policy learns from, and the next state."""


class StepCancelledWarning(UserWarning):
    """A step of the chain has no effect under the trainer's settings, or another one."""


@dataclass(frozen=True, slots=True)
class AblatedChain:
    """A chain without one of its steps.

    Attributes:
        step: the step that is left out.
        path: its position. For a step inside a composite: the composite's position, the number of the part, and the
            position in that part.
    """

    step: Combiner[Any]
    path: Path

    def chain(self, whole: Chain) -> Chain:
        """Return `whole` without the step."""
        return Chain(_remove_step(whole.steps, self.path))

    def state(self, whole: Any) -> Any:
        """Return the state of `whole` without the state of the step."""
        return _remove_state(whole, self.path)


def find_cancelled_steps(chain: Chain, verdicts: Mapping[str, bool], advantages: Advantages) -> list[AblatedChain]:
    """Return the steps that change rewards, and no advantage.

    The chain runs with and without each step on synthetic groups: verdicts of 0 or 1, some groups uniform, scores with
    a standard deviation between 0.3 and 12. Not tried are filters, steps that produce advantages (trainers do the same
    themselves) and the first step of the chain.

    Args:
        chain: the chain to try; errors of its steps propagate.
        verdicts: for every signal, whether it is a verdict (0 or 1) and not a score.
        advantages: computes the advantages, with the trainer's normalization.

    Example:
        >>> from herokit import Center, Standardize, Select, WeightByStd, chain
        >>> def unchanged(steps, signals, state):
        ...     return steps.combine(np.zeros(72), signals, state)
        >>> found = find_cancelled_steps(chain(Select("rm"), WeightByStd(), Standardize()), {"rm": False}, unchanged)
        >>> [type(ablated.step).__name__ for ablated in found]
        ['WeightByStd']
        >>> find_cancelled_steps(chain(Select("rm"), Standardize(), WeightByStd()), {"rm": False}, unchanged)
        []
    """
    candidates, active = list(_ablations(chain, ())), set[Path]()
    state = chain.init()
    for signals in _synthetic_batches(verdicts):
        groups = [signals.groups.ids == group for group in range(NUM_GROUPS)]
        full, next_state = advantages(chain, signals, state)
        cancelled = []
        for ablated in candidates:
            without, _ = advantages(ablated.chain(chain), signals, ablated.state(state))
            if not any(advantages_differ(full[rows], without[rows]) for rows in groups):
                cancelled.append(ablated)
                active |= {ablated.path} if _changes_rewards(chain, ablated, signals, state) else set()
        candidates, state = cancelled, next_state
    return [ablated for ablated in candidates if ablated.path in active]


def _synthetic_batches(verdicts: Mapping[str, bool]) -> Iterator[Signals]:
    """Yield one batch for each of `SCORE_SCALES`."""
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(NUM_GROUPS), GROUP_SIZE)
    for scale in SCORE_SCALES:
        scales = scale * rng.uniform(0.3, 3.0, NUM_GROUPS)[ids]
        correct_rate = rng.choice([0.0, 0.5, 0.5, 1.0], NUM_GROUPS)[ids]
        values = {
            name: 1.0 * (rng.random(len(ids)) < correct_rate) if is_verdict else rng.normal(0.0, 1.0, len(ids)) * scales
            for name, is_verdict in verdicts.items()
        }
        yield Signals(values, Groups(ids, NUM_GROUPS))


def _changes_rewards(chain: Chain, ablated: AblatedChain, signals: Signals, state: Any) -> bool:
    """Return whether a step does something on synthetic rows; a penalty beyond a thousand tokens does nothing there."""
    position, *inner = ablated.path
    reward = initial_reward(signals)
    after = chain.trace(reward, signals, state)[0][position].after
    without = ablated.chain(chain).trace(reward, signals, ablated.state(state))[0]
    return advantages_differ(after, without[position if inner else position - 1].after)


def advantages_differ(full: Array, without: Array) -> bool:
    """Return whether the advantages of one group with a step differ from those without it."""
    largest = max(np.abs(full).max(), np.abs(without).max())
    return bool(np.abs(full - without).max() > MIN_RELATIVE_CHANGE * largest + ROUNDING)


def cancelled_steps(rewarder: Rewarder, normalization: Callable[[Array, Array], Array]) -> list[str]:
    """Return the names of the steps that have no effect after the trainer's normalization.

    Steps inside a composite are tried too. A chain with a step that raises on the synthetic batches is not tried: an
    error of such a step shows on the real rows.

    Args:
        rewarder: holds the chain; its state does not change.
        normalization: ``(reward (N,), group ids (N,))`` -> advantages (N,), such as an entry of
            `herokit.trainers.TRAINERS`.

    Example:
        >>> from herokit import hero, hero_advantage
        >>> from herokit.trainers import TRAINERS
        >>> class Zero:
        ...     def score(self, samples):
        ...         return [0.0] * len(samples)
        >>> class No:
        ...     def verify(self, samples):
        ...         return []
        >>> rewarder = Rewarder({"verifier": No(), "rm": Zero()}, hero_advantage())
        >>> len(cancelled_steps(rewarder, TRAINERS["trl"])), cancelled_steps(rewarder, TRAINERS["trl-none"])
        (1, [])
    """

    def advantages(steps: Chain, signals: Signals, state: Any) -> tuple[Array, Any]:
        out, next_state = steps.combine(initial_reward(signals), signals, state)
        return normalization(out, signals.groups.ids), next_state

    try:
        cancelled = find_cancelled_steps(rewarder.combiner, _verdicts(rewarder), advantages)
    except Exception:  # noqa: BLE001 - synthetic rows: an error of the user's own step shows on the real rows
        return []
    return [_step_name(ablated, rewarder.combiner) for ablated in cancelled]


def uncentered_step(rewarder: Rewarder, normalization: Callable[[Array, Array], Array]) -> str:
    """Return the first step whose advantages a trainer changes by subtracting the mean of each group; empty if there is none.

    Not every method makes advantages that average to 0 in a group: `StandardizeWithVirtual` punishes all rollouts of a group
    without a correct one, which a trainer that subtracts the mean turns into 0.

    Args:
        rewarder: holds the chain; its state does not change.
        normalization: ``(reward (N,), group ids (N,))`` -> advantages (N,).

    Example:
        >>> from herokit.schemes import ngrpo
        >>> from herokit.trainers import TRAINERS
        >>> class No:
        ...     def verify(self, samples):
        ...         return []
        >>> uncentered_step(Rewarder({"verifier": No()}, ngrpo()), TRAINERS["trl-none"])
        'StandardizeWithVirtual()'
    """
    chain = rewarder.combiner
    state = chain.init()
    for signals in _synthetic_batches(_verdicts(rewarder)):
        ids = signals.groups.ids
        try:
            trace, state = chain.trace(initial_reward(signals), signals, state)
        except Exception:  # noqa: BLE001 - as above
            return ""
        last, makes_advantages = trace[-1].after, False
        changes = advantages_differ(last, np.asarray(normalization(last, ids)))
        for done in trace:
            makes_advantages = makes_advantages or produces_advantage(done.step)
            means = np.bincount(ids, done.after) / GROUP_SIZE
            limit = ROUNDING + MIN_RELATIVE_CHANGE * np.abs(done.after).max()
            if changes and makes_advantages and np.abs(means).max() > limit:
                return short_repr(done.step)
    return ""


def _verdicts(rewarder: Rewarder) -> dict[str, bool]:
    return {name: isinstance(source, Verifier) for name, source in rewarder.sources.items()}


def check_normalization(
    rewarder: Rewarder,
    trainer: str | Normalization,
    *,
    fix: str,
    on_cancelled_step: Literal["warn", "raise"] = "warn",
) -> list[str]:
    """Warn about steps that the trainer's normalization cancels, or raise.

    Args:
        rewarder: holds the chain.
        trainer: the trainer with its settings: a name in `herokit.trainers.TRAINERS`, or a `Normalization`.
        fix: what the user can set instead; the end of the message.
        on_cancelled_step: whether to warn or to raise.

    Returns:
        The names of the cancelled steps, and of the first one whose advantages are centered again.

    Raises:
        ConfigError: a step is cancelled and `on_cancelled_step` is ``"raise"``; no trainer of that name.
    """
    normalization = find_trainer(trainer) if isinstance(trainer, str) else trainer
    steps = cancelled_steps(rewarder, normalization)
    moved = uncentered_step(rewarder, normalization)
    effects = [f"cancels {', '.join(steps)}"] if steps else []
    effects += [f"subtracts the group's mean from the advantages of {moved}, which are not centered"] if moved else []
    if effects:
        message = f"{normalization.source}: the normalization {' and '.join(effects)}; {fix}"
        if on_cancelled_step == "raise":
            raise ConfigError(message)
        warnings.warn(message, StepCancelledWarning, stacklevel=2)
    return [*steps, *([moved] if moved else [])]


def _step_name(ablated: AblatedChain, whole: Chain) -> str:
    """Return the step's name, and the composite that contains it."""
    composite = f" in {type(whole.steps[ablated.path[0]]).__name__}" if len(ablated.path) > 1 else ""
    return f"{short_repr(ablated.step)}{composite}"


def _ablations(chain: Chain, path: Path) -> Iterator[AblatedChain]:
    """Yield the steps that can be left out, inside composites too."""
    for position, scheduled in enumerate(chain.steps):
        step: Any = getattr(scheduled, "step", scheduled)
        if isinstance(step, Composite):
            for number, part in enumerate(step.parts):
                yield from _ablations(part, (*path, position, number))
        is_first = position == 0 and (not path or not isinstance(step, Weight))  # a part can begin with a weight
        if not is_first and not produces_advantage(step) and not isinstance(step, Filter):
            yield AblatedChain(step, (*path, position))


def _remove_step(steps: tuple[Any, ...], path: Path) -> tuple[Any, ...]:
    position, *inner = path
    if not inner:
        return steps[:position] + steps[position + 1 :]
    number, *rest = inner
    parts = list(steps[position].parts)
    parts[number] = Chain(_remove_step(parts[number].steps, tuple(rest)))
    return (*steps[:position], steps[position].with_parts(parts), *steps[position + 1 :])


def _remove_state(state: tuple[Any, ...], path: Path) -> tuple[Any, ...]:
    position, *inner = path
    if not inner:
        return state[:position] + state[position + 1 :]
    return (*state[:position], _remove_state(state[position], tuple(inner)), *state[position + 1 :])
