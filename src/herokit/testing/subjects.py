"""What laws are tried on: a combiner, a verifier or a reward model, with the examples it is given."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Protocol

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
    signals_read,
    summarize_trace,
)
from herokit.rewarder import Rewarder
from herokit.testing.backends import NUMPY, Backend, to_numpy
from herokit.testing.batches import Batch, Draw, Numbers, ScoreRange, SignalKind, draw_batches, meta_sources
from herokit.testing.law import LawViolation
from herokit.testing.samples import PLAIN, AnswerFormat, draw_chats
from herokit.trainers import TRAINERS, Normalization
from herokit.trainers.cancellation import AblatedChain, find_cancelled_steps
from herokit.types import Array, RewardModel, Sample, Scores, Signals, Verdict, Verifier

__all__ = [
    "CombinerSubject",
    "Example",
    "RewardModelSubject",
    "Run",
    "Subject",
    "VerifierSubject",
    "shorten",
]

MAX_SHOWN = 60
"""Characters of a completion shown in a counterexample."""


class Subject(Protocol):
    """Something that laws are tried on."""

    def draw_example(self, draw: Draw) -> Callable[[ScoreRange], Any]:
        """Draw one example; the returned function gives it scores of a range."""
        ...


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

        Example:
            >>> from herokit import hero
            >>> CombinerSubject.from_combiner(hero()).signals
            {'rm': 'score', 'verifier': 'binary'}
        """
        unused, given = copy.deepcopy(chain(combiner)), signals or {}
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

        verdicts = {name: kind != "score" for name, kind in self.signals.items()}
        return find_cancelled_steps(self.combiner, verdicts, advantages)

    def draw_example(self, draw: Draw) -> Callable[[ScoreRange], "Example"]:
        """Draw a batch and the batches that came before it."""
        in_range = draw_batches(draw, self.signals)
        return cache(lambda score_range: Example(self, *in_range(score_range)))

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
            try:
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


@dataclass(frozen=True, slots=True, eq=False)
class VerifierSubject:
    """A verifier under test.

    Attributes:
        verifier: the verifier.
        answer_format: its answers, and how completions give them.
        timeout: seconds that it may spend on one expensive completion.
    """

    verifier: Verifier
    answer_format: AnswerFormat = PLAIN
    timeout: float = 5.0

    def draw_example(self, draw: Draw) -> Callable[[ScoreRange], list[str]]:
        """Draw one to four distinct answers."""
        answers = list(dict.fromkeys(self.answer_format.draw(draw) for _ in range(1 + draw(4))))
        return lambda _: answers

    def verify(self, samples: Sequence[Sample]) -> list[Verdict]:
        """Return the verdicts.

        Raises:
            LawViolation: the verifier raised, or did not return one `Verdict` per sample.
        """
        try:
            verdicts = list(self.verifier.verify(samples))
        except Exception as error:
            raise _raised(error, samples) from error
        for verdict in verdicts:
            if not isinstance(verdict, Verdict):
                raise LawViolation(f"it returned {verdict!r} instead of a Verdict", **_text_columns(samples))
        if len(verdicts) != len(samples):
            raise LawViolation(
                f"it returned {len(verdicts)} verdicts for {len(samples)} samples", **_text_columns(samples)
            )
        return verdicts

    def values(self, samples: Sequence[Sample]) -> list[float | None]:
        """Return the values of the verdicts."""
        return [verdict.value for verdict in self.verify(samples)]


@dataclass(frozen=True, slots=True, eq=False)
class RewardModelSubject:
    """A reward model under test.

    Attributes:
        reward_model: the reward model.
        tolerance: the allowed difference between scores of the same sample in other batches, relative to the larger
            score or 1.
    """

    reward_model: RewardModel
    tolerance: float = 1e-4

    def draw_example(self, draw: Draw) -> Callable[[ScoreRange], list[Sample]]:
        """Draw chat completions."""
        samples = draw_chats(draw)
        return lambda _: samples

    def score(self, samples: Sequence[Sample]) -> Scores:
        """Return the scores.

        Raises:
            LawViolation: the reward model raised, or did not return one number per sample.
        """
        try:
            returned = self.reward_model.score(samples)
            scores = returned if isinstance(returned, Scores) else Scores.from_values(returned)
        except Exception as error:
            raise _raised(error, samples) from error
        if scores.values.shape != (len(samples),):
            raise LawViolation(
                f"it returned shape {scores.values.shape} for {len(samples)} samples", **_text_columns(samples)
            )
        return scores

    def check_equal(self, samples: Sequence[Sample], message: str, first: Numbers, second: Numbers) -> None:
        """Raise `LawViolation` unless two runs gave the same scores, up to the tolerance."""
        limit = self.tolerance * np.maximum(1.0, np.maximum(np.abs(first), np.abs(second)))
        if not ((np.abs(first - second) <= limit) | (np.isnan(first) & np.isnan(second))).all():
            raise LawViolation(message, **_text_columns(samples), score=first, score_then=second)


def shorten(text: str) -> str:
    """Return a completion in quotes, on one line and not longer than `MAX_SHOWN`.

    Example:
        >>> shorten("a" * 100)[-5:]
        "aa..'"
    """
    return repr(text if len(text) < MAX_SHOWN else f"{text[: MAX_SHOWN - 4]}..")


def _raised(error: Exception, example: Batch | Sequence[Sample]) -> LawViolation:
    message = f"it raised {type(error).__name__}: {error}"
    if isinstance(example, Batch):
        return LawViolation(message, example)
    return LawViolation(message, **_text_columns(example))


def _text_columns(samples: Sequence[Sample]) -> dict[str, Any]:
    return {
        "reference": [repr(sample.reference) for sample in samples],
        "completion": [shorten(sample.completion_text) for sample in samples],
    }
