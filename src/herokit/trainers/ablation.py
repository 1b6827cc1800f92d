"""Steps that a trainer's own normalization would undo, found by leaving each one out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from herokit.combiners.base import Combiner, Filter, Weight, produces_advantage
from herokit.combiners.chain import Chain
from herokit.combiners.trace import Composite
from herokit.types import Array, Groups, Signals

SEEN = 0.02
"""A step that moves no advantage by this share of the largest one in its group might as well not be there."""

ROUNDING = 1e-6
"""Advantages that are nearer than this are the same."""

GROUPS, SIZE = 12, 6

Path = tuple[int, ...]
Advantages = Callable[[Chain, Signals, Any], tuple[Array, Any]]
"""(chain, signals, state) -> the advantages (N,) that the policy learns from, and the state after them."""


@dataclass(frozen=True, slots=True)
class AblatedChain:
    """One step of a chain left out.

    Attributes:
        step: the step that is left out.
        path: its place; a step in a part of a composite has the composite's place, the part and its place in there.
    """

    step: Combiner[Any]
    path: Path

    def chain(self, whole: Chain) -> Chain:
        """Return the chain without it."""
        return Chain(_steps(whole.steps, self.path))

    def state(self, whole: Any) -> Any:
        """Return the chain's state without its own."""
        return _states(whole, self.path)


def find_cancelled_steps(chain: Chain, verdicts: Mapping[str, bool], advantages: Advantages) -> list[AblatedChain]:
    """Return the steps whose effect on advantages is gone.

    The chain is tried with each step and without it on made-up groups in general position: verdicts 0 or 1, some
    groups uniform, scores of group spreads 0.3 to 12. Steps that turn rewards into advantages and filters are left
    out, for trainers do the first themselves, and so is the step that a chain begins with.

    Args:
        chain: the chain to try; what its steps raise goes through.
        verdicts: for every signal, whether it says how right a rollout is, 0 or 1.
        advantages: what the policy learns from, the trainer's normalization included.

    Example:
        >>> from herokit import Center, Standardize, Select, WeightByStd, chain
        >>> def as_they_are(steps, signals, state):
        ...     return steps.combine(np.zeros(72), signals, state)
        >>> lost = find_cancelled_steps(chain(Select("rm"), WeightByStd(), Standardize()), {"rm": False}, as_they_are)
        >>> [type(one.step).__name__ for one in lost]
        ['WeightByStd']
        >>> find_cancelled_steps(chain(Select("rm"), Standardize(), WeightByStd()), {"rm": False}, as_they_are)
        []
    """
    rng = np.random.default_rng(0)
    index = np.repeat(np.arange(GROUPS), SIZE)
    rows = [index == group for group in range(GROUPS)]
    left = list(_each(chain, ()))
    state = chain.init()
    for widest in (1.0, 1.0, 4.0):
        scales = widest * rng.uniform(0.3, 3.0, GROUPS)[index]
        odds = rng.choice([0.0, 0.5, 0.5, 1.0], GROUPS)[index]
        signals = Signals(
            {
                name: 1.0 * (rng.random(len(index)) < odds) if right else rng.normal(0.0, 1.0, len(index)) * scales
                for name, right in verdicts.items()
            },
            Groups(index, GROUPS),
        )
        full, after = advantages(chain, signals, state)
        left = [
            one for one in left if not _shows(full, advantages(one.chain(chain), signals, one.state(state))[0], rows)
        ]
        state = after
    return left


def differs(full: Array, without: Array) -> bool:
    """Return whether the advantages of one group with a step and without it are told apart."""
    loudest = max(np.abs(full).max(), np.abs(without).max())
    return bool(np.abs(full - without).max() > SEEN * loudest + ROUNDING)


def _shows(full: Array, without: Array, rows: list[Array]) -> bool:
    return any(differs(full[group], without[group]) for group in rows)


def _each(chain: Chain, path: Path) -> Iterator[AblatedChain]:
    """Go through the steps that may be left out, those in composites included."""
    for at, scheduled in enumerate(chain.steps):
        step: Any = getattr(scheduled, "step", scheduled)
        if isinstance(step, Composite):
            for number, part in enumerate(step.parts):
                yield from _each(part, (*path, at, number))
        begins = at == 0 and (not path or not isinstance(step, Weight))  # in a part, a weight acts on what was before
        if not begins and not produces_advantage(step) and not isinstance(step, Filter):
            yield AblatedChain(step, (*path, at))


def _steps(steps: tuple[Any, ...], path: Path) -> tuple[Any, ...]:
    at, *deeper = path
    if not deeper:
        return steps[:at] + steps[at + 1 :]
    number, *rest = deeper
    parts = list(steps[at].parts)
    parts[number] = Chain(_steps(parts[number].steps, tuple(rest)))
    return (*steps[:at], steps[at].with_parts(parts), *steps[at + 1 :])


def _states(state: tuple[Any, ...], path: Path) -> tuple[Any, ...]:
    at, *deeper = path
    if not deeper:
        return state[:at] + state[at + 1 :]
    return (*state[:at], _states(state[at], tuple(deeper)), *state[at + 1 :])
