"""Stateful test of `Rewarder`: batches, evaluations, checkpoints, lost ranks and failing sources in any order."""

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
from herokit.testing.batches import Batch, Numbers, SignalKind, batches, meta_sources
from herokit.testing.laws.helpers import entries_differ, states_differ
from herokit.testing.subjects import CombinerSubject
from herokit.types import Sample

__all__ = ["RewarderStateMachine", "rewarder_state_machine"]


class _RankLostError(RuntimeError):
    """A peer did not answer."""


class _Peer:
    """A sync with one other rank, which has the same batches; the rank can be lost."""

    def __init__(self) -> None:
        self.failing = False

    def __call__(self, local: Mean, /) -> Mean:
        if self.failing:
            raise _RankLostError("rank 1 did not answer")
        return local.merge(local)


class _FailingSource:
    """A source that raises if a sample has ``meta["fails"]``."""

    def __init__(self, source: Any) -> None:
        self.source = source
        for method in ("verify", "score"):
            if hasattr(source, method):
                setattr(self, method, self._run)

    def _run(self, samples: Sequence[Sample]) -> Any:
        if any(sample.meta.get("fails") for sample in samples):
            raise OSError("connection reset")
        return self.source.verify(samples) if hasattr(self.source, "verify") else self.source.score(samples)


BATCH = st.runner().flatmap(lambda machine: machine.strategy)
"""Batches with the signals that the combiner of the machine reads."""


class RewarderStateMachine(RuleBasedStateMachine):
    """Drives a `Rewarder` and the bare combiner; both must agree after every step."""

    subject: CombinerSubject
    strategy: st.SearchStrategy[Batch]

    def __init__(self) -> None:
        super().__init__()
        self.peer = _Peer()
        self.rewarder = self._new_rewarder()
        self.state = self.subject.combiner.init()
        self.checkpoint = json.dumps(self.rewarder.state_dict()), self.state

    def _new_rewarder(self) -> Rewarder:
        sources: Any = {name: _FailingSource(source) for name, source in meta_sources(self.subject.signals).items()}
        return Rewarder(sources, self.subject.combiner, sync=self.peer)

    def _combine(self, batch: Batch) -> tuple[Numbers, Any]:
        run = self.subject.apply(NUMPY.signals(batch), batch, self.state, sync=self.peer)
        return run.output, run.state

    @rule(batch=BATCH)
    def train(self, batch: Batch) -> None:
        """Score a batch."""
        expected, self.state = self._combine(batch)
        _check_close(self.rewarder(batch.samples()).trace[-1].after, expected)

    @rule(batch=BATCH)
    def evaluate(self, batch: Batch) -> None:
        """Score a batch without updating the state."""
        _check_close(self.rewarder(batch.samples(), update_state=False).trace[-1].after, self._combine(batch)[0])

    @rule()
    def save(self) -> None:
        """Save a checkpoint."""
        self.checkpoint = json.dumps(self.rewarder.state_dict()), self.state

    @rule()
    def crash_and_restore(self) -> None:
        """Make a new rewarder from the last checkpoint."""
        text, self.state = self.checkpoint
        self.rewarder = self._new_rewarder()
        self.rewarder.load_state_dict(json.loads(text))

    @rule(batch=BATCH)
    def lose_a_rank(self, batch: Batch) -> None:
        """Score a batch without the peer: a step that needs it raises, and the state does not change."""
        self.peer.failing = True
        try:
            self.rewarder(batch.samples())
        except _RankLostError:
            return
        finally:
            self.peer.failing = False
        self.state = self._combine(batch)[1]

    @rule(batch=BATCH, failing=st.sets(st.integers(0, 5), min_size=1))
    def fail_some_rows(self, batch: Batch, failing: set[int]) -> None:
        """Score a batch with failing rows: they are NaN with a reason; the others are scored as if alone."""
        samples = [
            replace(sample, meta={**sample.meta, "fails": row in failing}) for row, sample in enumerate(batch.samples())
        ]
        failed = [row for row in range(len(batch)) if row in failing]
        valid = np.array([row for row in range(len(batch)) if row not in failing], int)
        out = self.rewarder(samples)
        expected, self.state = self._combine(batch.take(valid))
        _check_close(out.trace[-1].after, expected)
        _check_same(sorted(out.problems()), failed)
        _check_same(np.flatnonzero(np.isnan(out.reward)).tolist(), failed)

    @invariant()
    def states_agree(self) -> None:
        """Compare the states."""
        if states_differ(self.rewarder.state, self.state):
            _check_same(self.rewarder.state, self.state)


def rewarder_state_machine(
    combiner: Combiner[Any], signals: Mapping[str, SignalKind] | None = None
) -> type[RewarderStateMachine]:
    """Return a hypothesis state machine for a `Rewarder` with this combiner; its ``TestCase`` is a test.

    Args:
        combiner: a chain or a step.
        signals: what each signal holds; see `herokit.testing.check_combiner`.

    Example:
        >>> from herokit import hero
        >>> TestHero = rewarder_state_machine(hero()).TestCase  # pytest and unittest can run it
    """
    subject = CombinerSubject.from_combiner(combiner, signals)
    strategy = batches(subject.signals, score_range="plain", max_rows=6)
    return type("RewarderStateMachine", (RewarderStateMachine,), {"subject": subject, "strategy": strategy})


def _check_close(actual: Any, expected: Numbers) -> None:
    if entries_differ(np.asarray(actual), expected, 1e-12).any():
        _check_same(np.asarray(actual).tolist(), expected.tolist())


def _check_same(actual: Any, expected: Any) -> None:
    if actual != expected:
        raise AssertionError(f"the rewarder gives {actual!r}, the bare combiner {expected!r}")
