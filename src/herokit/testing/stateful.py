"""A `Rewarder` under every order of events: batches, evaluation, checkpoints, a lost rank, failing sources."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from herokit.combiners import Combiner, Mean
from herokit.rewarder import Rewarder
from herokit.testing.backends import NUMPY
from herokit.testing.batches import Batch, Kind, Numbers
from herokit.testing.laws.compare import far, states_differ
from herokit.testing.strategies import batches
from herokit.testing.stubs import sources
from herokit.testing.subjects import CombinerSubject, subject_of
from herokit.types import Sample


class RankLostError(RuntimeError):
    """A peer did not answer."""


class _Peers:
    """Another rank that sees the same batches, or is gone."""

    def __init__(self) -> None:
        self.lost = False

    def __call__(self, local: Mean, /) -> Mean:
        if self.lost:
            raise RankLostError("rank 1 did not answer")
        return local.merge(local)


class _Fragile:
    """A source that raises for samples whose `meta` says so, and for all of them when it is down."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        for ask in ("verify", "score"):
            if hasattr(inner, ask):
                setattr(self, ask, self._ask)

    def _ask(self, samples: Sequence[Sample]) -> Any:
        if any(sample.meta.get("fails") for sample in samples):
            raise OSError("connection reset")
        return self.inner.verify(samples) if hasattr(self.inner, "verify") else self.inner.score(samples)


BATCH = st.runner().flatmap(lambda machine: machine.drawn)
"""Batches with the signals that the machine's combiner reads."""


class RewarderStateMachine(RuleBasedStateMachine):
    """Drives a `Rewarder` and does the same with the combiner alone; both must agree after every step."""

    subject: CombinerSubject
    drawn: st.SearchStrategy[Batch]

    def __init__(self) -> None:
        super().__init__()
        self.peers = _Peers()
        self.rewarder = self._fresh()
        self.state = self.subject.thing.init()
        self.saved = json.dumps(self.rewarder.state_dict()), self.state

    def _fresh(self) -> Rewarder:
        asked: Any = {name: _Fragile(source) for name, source in sources(self.subject.signals).items()}
        return Rewarder(asked, self.subject.thing, sync=self.peers)

    def _alone(self, batch: Batch) -> tuple[Numbers, Any]:
        run = self.subject.apply(NUMPY.signals(batch), batch, self.state, sync=self.peers)
        return run.out, run.state

    @rule(batch=BATCH)
    def train(self, batch: Batch) -> None:
        """Score a batch."""
        expected, self.state = self._alone(batch)
        _equal(self.rewarder(batch.samples()).trace[-1].after, expected)

    @rule(batch=BATCH)
    def evaluate(self, batch: Batch) -> None:
        """Score a batch and leave no trace."""
        _equal(self.rewarder(batch.samples(), update_state=False).trace[-1].after, self._alone(batch)[0])

    @rule()
    def save(self) -> None:
        """Write a checkpoint."""
        self.saved = json.dumps(self.rewarder.state_dict()), self.state

    @rule()
    def crash_and_restore(self) -> None:
        """Start anew from the last checkpoint."""
        text, self.state = self.saved
        self.rewarder = self._fresh()
        self.rewarder.load_state_dict(json.loads(text))

    @rule(batch=BATCH)
    def lose_a_rank(self, batch: Batch) -> None:
        """Score a batch while a peer is gone: a step that needs it raises, and nothing is remembered."""
        self.peers.lost = True
        try:
            self.rewarder(batch.samples())
        except RankLostError:
            return
        finally:
            self.peers.lost = False
        self.state = self._alone(batch)[1]

    @rule(batch=BATCH, failing=st.sets(st.integers(0, 5), min_size=1))
    def some_rows_fail(self, batch: Batch, failing: set[int]) -> None:
        """Score a batch with rows a source fails on: they are NaN with a reason, the others as if alone."""
        samples = [
            replace(sample, meta={**sample.meta, "fails": row in failing}) for row, sample in enumerate(batch.samples())
        ]
        lost = [row for row in range(len(batch)) if row in failing]
        kept = np.array([row for row in range(len(batch)) if row not in failing], int)
        outcome = self.rewarder(samples)
        expected, self.state = self._alone(batch.take(kept))
        _equal(outcome.trace[-1].after, expected)
        _agree(sorted(outcome.problems()), lost)
        _agree(np.flatnonzero(np.isnan(outcome.reward)).tolist(), lost)

    @invariant()
    def remembers_what_the_combiner_alone_would(self) -> None:
        """Compare the states."""
        if states_differ(self.rewarder.state, self.state):
            _agree(self.rewarder.state, self.state)


def rewarder_state_machine(
    combiner: Combiner[Any], signals: Mapping[str, Kind] | None = None
) -> type[RewarderStateMachine]:
    """Return a state machine for a `Rewarder` with this combiner; its ``TestCase`` is a test.

    Args:
        combiner: a chain or a single step.
        signals: what each signal holds; see `herokit.testing.check_combiner`.

    Example:
        >>> from herokit import hero
        >>> TestHero = rewarder_state_machine(hero()).TestCase  # pytest and unittest both run it
    """
    subject = subject_of(combiner, signals)
    drawn = batches(subject.signals, span="plain", max_rows=6)
    return type("RewarderStateMachine", (RewarderStateMachine,), {"subject": subject, "drawn": drawn})


def _equal(found: Any, expected: Numbers) -> None:
    if far(np.asarray(found), expected, 1e-12).any():
        _agree(np.asarray(found).tolist(), expected.tolist())


def _agree(found: Any, expected: Any) -> None:
    if found != expected:
        raise AssertionError(f"the rewarder says {found!r}, the combiner alone {expected!r}")
