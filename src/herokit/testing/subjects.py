"""What laws are tried on, and the combiner under test; `text_subjects` has the sources."""

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Protocol

import numpy as np

from herokit.combiners import Chain, Combiner, Select, Sync, chain, initial_reward
from herokit.combiners.base import StepTrace, no_sync, produces_advantage, summarize_trace
from herokit.combiners.chain import signals_read
from herokit.errors import NoSignalWarning, format_error, locate_error
from herokit.rewarder import Rewarder
from herokit.testing.backends import NUMPY, Backend, to_numpy
from herokit.testing.batches import Batch, Draw, Numbers, ScoreRange, SignalKind, draw_batches, meta_sources
from herokit.testing.law import LawViolation
from herokit.trainers import TRAINERS
from herokit.trainers.cancellation import AblatedChain, find_cancelled_steps
from herokit.trainers.table import Normalization
from herokit.types import Array, Signals

__all__ = [
    "CombinerSubject",
    "Example",
    "Run",
    "Subject",
    "foreign_calls",
    "notify_call",
]


class Subject(Protocol):
    """Something that laws are tried on."""

    def draw_example(self, draw: Draw) -> Callable[[ScoreRange], Any]:
        """Draw one example; the returned function gives it scores of a range."""
        ...

    def reductions(self, example: Any) -> Iterator[Any]:
        """Yield examples that are smaller by one row or simpler by one column, boldest first."""
        ...

    def pack(self, example: Any) -> Any:
        """Return an example in plain values, from which `unpack` makes it again."""
        ...

    def unpack(self, packed: Any) -> Any:
        """Return the example of its plain values."""
        ...


_listeners: list[Callable[[float], None]] = []


@contextmanager
def foreign_calls(listener: Callable[[float], None]) -> Iterator[None]:
    """Inside the block the listener is called before each call of what is under test, with the seconds that it may take."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def notify_call(seconds: float = 0.0) -> None:
    """Tell the listeners of `foreign_calls`; 0 is the time that every call may take."""
    for listener in _listeners:
        listener(seconds)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """The output of a chain for one batch.

    Attributes:
        output: (N,) the output of the last step.
        array: the same, in the array library of the batch.
        reward: (N,) the value before it became an advantage; `output` if it never does.
        advantage: (N,) `output` if the chain produces advantages, else what the trainer makes of it.
        advantage_weight: (N,) the product of the weights applied to advantages.
        state: the next state.
        trace: what each step did.
    """

    output: Numbers
    array: Array
    reward: Numbers
    advantage: Numbers
    advantage_weight: Numbers
    state: Any
    trace: tuple[StepTrace, ...]


@dataclass(frozen=True, eq=False)
class CombinerSubject:
    """A combiner under test.

    Attributes:
        combiner: the combiner, as a chain.
        signals: what it reads: name -> what the signal holds.
        trainer: what normalizes its rewards.
        backends: the array libraries to run on.
        unused: a copy that never ran, for laws about state hidden in the object.
    """

    combiner: Chain
    signals: Mapping[str, SignalKind]
    trainer: Normalization = TRAINERS["dr-grpo"]
    backends: tuple[Backend, ...] = (NUMPY,)
    unused: Chain = field(kw_only=True)

    @classmethod
    def from_combiner(
        cls,
        combiner: Combiner[Any],
        signals: Mapping[str, SignalKind] | None = None,
        *,
        trainer: Normalization = TRAINERS["dr-grpo"],
        backends: tuple[Backend, ...] = (NUMPY,),
    ) -> "CombinerSubject":
        """Find out which signals the combiner reads; by default ``verifier...`` is binary, ``tokens`` a cost, others scores.

        One that reads none, such as `Center`, only changes rewards: it comes after ``Select("rm")``.

        Example:
            >>> from herokit import hero
            >>> CombinerSubject.from_combiner(hero()).signals
            {'rm': 'score', 'verifier': 'binary'}
        """
        given = signals or {}
        if not (given or signals_read(combiner)):
            combiner = chain(Select("rm"), combiner)
        unused = copy.deepcopy(chain(combiner))
        names = list(given) or signals_read(combiner)
        kinds: dict[str, SignalKind] = {
            name: given.get(name, "binary" if name.startswith("verifier") else "cost" if name == "tokens" else "score")
            for name in names
        }
        return cls(chain(combiner), kinds, trainer, backends, unused=unused)

    @property
    def verdicts(self) -> list[str]:
        """Names of the signals that are verdicts."""
        return [name for name, kind in self.signals.items() if kind in ("binary", "grade")]

    @property
    def scores(self) -> list[str]:
        """Names of the other signals."""
        return [name for name, kind in self.signals.items() if kind not in ("binary", "grade")]

    @cached_property
    def cancelled_steps(self) -> list[AblatedChain]:
        """The steps that change no advantage under the trainer; found once, on synthetic batches."""

        def advantages(steps: Chain, signals: Signals, state: Any) -> tuple[Numbers, Any]:
            values = {name: np.asarray(x) for name, x in signals.values.items()}
            run = self.apply(signals, Batch(values, signals.groups.ids, signals.groups.num_groups), state, steps=steps)
            return run.advantage, run.state

        verdicts = {name: name in self.verdicts for name in self.signals}
        return find_cancelled_steps(self.combiner, verdicts, advantages)

    def draw_example(self, draw: Draw) -> Callable[[ScoreRange], "Example"]:
        """Draw a batch and the batches that came before it."""
        in_range = draw_batches(draw, self.signals)
        return cache(lambda score_range: Example(self, *in_range(score_range)))

    def reductions(self, example: "Example") -> Iterator["Example"]:
        """Yield the example without an earlier batch or without a row, and with simpler numbers."""
        for number in range(len(example.earlier)):
            yield Example(self, example.batch, example.earlier[:number] + example.earlier[number + 1 :])
        for smaller in example.batch.reductions():
            yield Example(self, smaller, example.earlier)
        for number, batch in enumerate(example.earlier):
            for smaller in batch.reductions():
                yield Example(self, example.batch, (*example.earlier[:number], smaller, *example.earlier[number + 1 :]))

    def pack(self, example: "Example") -> list[Any]:
        """Return the batches, the last one first."""
        return [[b.lists(), b.group_ids.tolist(), b.num_groups] for b in (example.batch, *example.earlier)]

    def unpack(self, packed: list[Any]) -> "Example":
        """Return the example of its plain values."""
        batches = [
            Batch({name: np.array(x, np.float64) for name, x in values.items()}, np.array(ids, np.int64), num_groups)
            for values, ids, num_groups in packed
        ]
        return Example(self, batches[0], tuple(batches[1:]))

    def run(
        self, batch: Batch, state: Any, *, sync: Sync = no_sync, backend: Backend = NUMPY, dtype: str = "float64"
    ) -> Run:
        """Combine one batch.

        Raises:
            LawViolation: the combiner raised, or did not return one number per row.
        """
        return self.apply(backend.signals(batch, dtype), batch, state, sync=sync)

    def apply(
        self, signals: Signals, batch: Batch, state: Any, *, sync: Sync = no_sync, steps: Chain | None = None
    ) -> Run:
        """Combine the signals of a batch, with this combiner or with other steps.

        Raises:
            LawViolation: the combiner raised, or did not return one number per row.
        """
        notify_call()
        try:
            trace, next_state = (steps or self.combiner).trace(initial_reward(signals), signals, state, sync=sync)
            array = trace[-1].after
            shape = tuple(array.shape)
        except Exception as error:
            raise _raised(error, batch) from error
        if shape != (len(batch),):
            raise LawViolation(f"it returned shape {shape} for {len(batch)} rollouts", batch)
        output = to_numpy(array)
        first = next((i for i, step in enumerate(trace) if produces_advantage(step.step)), None)
        reward = summarize_trace(trace, initial_reward(signals))[0]
        weight = None if first is None else summarize_trace(trace[first:], array)[1]
        return Run(
            output,
            array,
            output if reward is None else to_numpy(reward),
            self.trainer(output, batch.group_ids) if first is None else output,
            np.ones(len(batch)) if weight is None else to_numpy(weight),
            next_state,
            tuple(trace),
        )

    def rewarder(self) -> Rewarder:
        """Return a new rewarder with stub sources that read the numbers of a batch's samples."""
        return Rewarder(meta_sources(self.signals), copy.deepcopy(self.unused))

    def score(self, rewarder: Rewarder, *batches: Batch, update_state: bool = True) -> Numbers:
        """Score batches in turn; return the rewards of the last one.

        Raises:
            LawViolation: scoring raised.
        """
        reward = np.array([])
        for batch in batches:
            notify_call()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", NoSignalWarning)  # groups of one row are among the examples
                    reward = to_numpy(rewarder(batch.samples(), update_state=update_state).reward)
            except Exception as error:
                raise _raised(error, batch) from error
        return reward


@dataclass(frozen=True, eq=False)
class Example:
    """A batch for a combiner, with what the combiner makes of it; all laws that look at the example share that.

    Attributes:
        subject: the combiner under test.
        batch: the batch.
        earlier: the batches that came before it.
    """

    subject: CombinerSubject
    batch: Batch
    earlier: tuple[Batch, ...] = ()

    @cached_property
    def state(self) -> Any:
        """The state after the earlier batches."""
        state = self.subject.combiner.init()
        for batch in self.earlier:
            state = self.subject.run(batch, state).state
        return state

    @cached_property
    def run(self) -> Run:
        """The combiner's output for the batch."""
        return self.subject.run(self.batch, self.state)

    def map(self, function: Callable[[Batch], Batch]) -> "Example":
        """Return the example with every batch changed."""
        return Example(self.subject, function(self.batch), tuple(map(function, self.earlier)))


def _raised(error: Exception, batch: Batch) -> LawViolation:
    return LawViolation(f"it raised {format_error(error)}{locate_error(error)}", batch)
