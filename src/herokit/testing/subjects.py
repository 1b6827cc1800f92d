"""A combiner under test: which signals it reads, and how to run it on a case."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from herokit.combiners import (
    Chain,
    Combiner,
    StepTrace,
    Sync,
    chain,
    initial_reward,
    no_sync,
    produces_advantage,
    summarize_trace,
)
from herokit.rewarder import Rewarder
from herokit.testing.backends import NUMPY, Backend, read
from herokit.testing.batches import Batch, Case, Kind, Numbers
from herokit.testing.law import Choose, Span
from herokit.testing.strategies import make_case
from herokit.testing.stubs import sources
from herokit.testing.verdict import Broken
from herokit.trainers import TRAINERS, Normalization
from herokit.types import Array, Groups, Signals


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a chain made of a batch.

    Attributes:
        out: (N,) the last step's output.
        raw: the same, in the library the batch was in.
        reward: (N,) the value before it turned to advantages; `out` if it never does.
        advantage: (N,) `out` if the chain turned it to advantages, else what the trainer makes of it.
        later: (N,) the product of the weights applied to advantages.
        state: the state after the batch.
        trace: what each step did.
    """

    out: Numbers
    raw: Array
    reward: Numbers
    advantage: Numbers
    later: Numbers
    state: Any
    trace: tuple[StepTrace, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CombinerSubject:
    """A combiner under test; made by `subject_of`.

    Attributes:
        thing: the combiner, as a chain.
        signals: what it reads: name -> what the signal holds.
        trainer: what happens to rewards after it.
        backends: the array libraries to run on.
        untouched: a copy that never ran, for laws about what an object may hide in itself.
        seen: the last case, its state and what the combiner made of it, for the next law that asks.
    """

    thing: Chain
    signals: Mapping[str, Kind]
    trainer: Normalization = TRAINERS["dr-grpo"]
    backends: tuple[Backend, ...] = (NUMPY,)
    untouched: Chain = field(kw_only=True)
    seen: dict[str, Any] = field(default_factory=dict)

    @property
    def verdicts(self) -> list[str]:
        """Names of the signals that say how right a rollout is."""
        return [name for name, kind in self.signals.items() if kind in ("binary", "grade")]

    @property
    def scores(self) -> list[str]:
        """Names of the signals that say how good it is."""
        return [name for name, kind in self.signals.items() if kind not in ("binary", "grade")]

    def make(self, choose: Choose) -> Callable[[Span], Case]:
        """Choose an input."""
        return make_case(choose, self.signals)

    def state(self, case: Case) -> Any:
        """Return the state after the case's earlier batches; kept for the next law that asks."""
        if self.seen.get("case") is not case:
            state = self.thing.init()
            for batch in case.earlier:
                state = self.run(batch, state).state
            self.seen.update(case=case, state=state)
            self.seen.pop("here", None)
        return self.seen["state"]

    def here(self, case: Case) -> Run:
        """Return what the combiner makes of the case; kept for the next law that asks."""
        state = self.state(case)
        if "here" not in self.seen:
            self.seen["here"] = self.run(case.batch, state)
        return cast("Run", self.seen["here"])

    def run(
        self, batch: Batch, state: Any, *, sync: Sync = no_sync, backend: Backend = NUMPY, dtype: str = "float64"
    ) -> Run:
        """Combine one batch.

        Raises:
            Broken: the combiner raised, or returned something that is not one number a row.
        """
        return self.apply(backend.signals(batch, dtype), batch, state, sync=sync)

    def apply(
        self, signals: Signals, batch: Batch, state: Any, *, sync: Sync = no_sync, steps: Chain | None = None
    ) -> Run:
        """Combine signals that are at hand already, with the subject or with other steps."""
        try:
            trace, after = (steps or self.thing).trace(initial_reward(signals), signals, state, sync=sync)
            raw = trace[-1].after
            shape = tuple(raw.shape)
        except Exception as error:
            raise Broken(f"it raised {type(error).__name__}: {error}", batch) from error
        if shape != (len(batch),):
            raise Broken(f"it returned shape {shape} for {len(batch)} rollouts", batch)
        out = read(raw)
        reached = [position for position, done in enumerate(trace) if produces_advantage(done.step)]
        reward = summarize_trace(trace, initial_reward(signals))[0]
        later = summarize_trace(trace[reached[0] :], raw)[1] if reached else None
        return Run(
            out,
            raw,
            out if reward is None else read(reward),
            out if reached else self.trainer(out, batch.index),
            np.ones(len(batch)) if later is None else read(later),
            after,
            tuple(trace),
        )

    def rewarder(self) -> Rewarder:
        """Return a fresh rewarder whose sources repeat the numbers of a batch's samples."""
        return Rewarder(sources(self.signals), copy.deepcopy(self.untouched))

    def score(self, rewarder: Rewarder, *batches: Batch, update_state: bool = True) -> Numbers:
        """Score batches in turn; returns the rewards of the last.

        Raises:
            Broken: scoring raised.
        """
        reward = np.array([])
        for batch in batches:
            try:
                reward = read(rewarder(batch.samples(), update_state=update_state).reward)
            except Exception as error:
                raise Broken(f"it raised {type(error).__name__}: {error}", batch) from error
        return reward


class _Listening(dict[str, Any]):
    """Signals that exist as soon as they are asked for."""

    def __contains__(self, name: object) -> bool:
        self.setdefault(str(name), np.array([0.0, 1.0]))
        return True


def signals_read(combiner: Combiner[Any]) -> list[str]:
    """Return the names of the signals that a combiner reads.

    Example:
        >>> from herokit import hero
        >>> signals_read(hero(verifier="math"))
        ['rm', 'math']
    """
    heard = _Listening()
    for step in chain(combiner).steps:
        step.combine(np.array([0.0, 1.0]), Signals(heard, Groups(np.array([0, 0]), 1)), step.init())
    return list(heard)


def subject_of(
    combiner: Combiner[Any],
    signals: Mapping[str, Kind] | None = None,
    *,
    trainer: Normalization = TRAINERS["dr-grpo"],
    backends: tuple[Backend, ...] = (NUMPY,),
) -> CombinerSubject:
    """Make a combiner a subject; a signal named ``verifier...`` is 0 or 1, any other a score, unless said otherwise.

    Example:
        >>> from herokit import hero
        >>> subject_of(hero()).signals
        {'rm': 'score', 'verifier': 'binary'}
    """
    untouched, known = copy.deepcopy(chain(combiner)), signals or {}
    names = list(known) or signals_read(combiner)
    kinds: dict[str, Kind] = {n: known.get(n, "binary" if n.startswith("verifier") else "score") for n in names}
    return CombinerSubject(chain(combiner), kinds, trainer, backends, untouched=untouched)
