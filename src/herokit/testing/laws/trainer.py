"""Claimable laws: what is left of a reward once the trainer has normalized it."""

from functools import reduce
from typing import Any

import numpy as np

from herokit.combiners import Chain, Weight
from herokit.testing.backends import NUMPY
from herokit.testing.batches import Batch, Case, Numbers
from herokit.testing.law import Choose, law
from herokit.testing.laws.compare import CLOSE
from herokit.testing.subjects import CombinerSubject
from herokit.testing.verdict import Broken, Moot
from herokit.trainers.cancellation import AblatedChain, advantages_differ, find_cancelled_steps
from herokit.types import Signals

MOVED = 0.2
"""A step that moves a reward by this share of its group's spread does something to rewards."""

LOUD = 3.0
"""How many times wider than the rewards a uniform group's advantages may be; leave-one-out doubles pairs."""


@law("combiner", universal=False, span="plain")
def steps_not_cancelled(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Each step that changes rewards still changes advantages after the trainer's normalization.

    Why: a group-constant weight, an offset or a scale cancels where the trainer divides by the group's deviation.

    In training: the step costs compute and does nothing; results would be credited to a part that never acted.
    """
    del choose
    if "hidden" not in subject.seen:
        subject.seen["hidden"] = _hidden(subject)
    left_out: list[AblatedChain] = subject.seen["hidden"]
    state, signals = subject.state(case), NUMPY.signals(case.batch)
    full = subject.apply(signals, case.batch, state)
    for one in left_out:
        at, *inside = one.path
        without = subject.apply(signals, case.batch, one.state(state), steps=one.chain(subject.thing))
        before, after = without.trace[at if inside else at - 1].after, full.trace[at].after
        for rows in case.batch.members():
            if _moves(before[rows], after[rows]) and not advantages_differ(
                full.advantage[rows], without.advantage[rows]
            ):
                name = type(one.step).__name__
                weight = full.trace[at].weight if isinstance(one.step, Weight) else None
                shown = {"reward_without": before, "reward": after} if weight is None else {"weight": weight}
                raise Broken(
                    f"{name} cancels under {_where(subject)}: with and without it the advantages are the same",
                    case.batch,
                    **shown,
                    advantage=full.advantage,
                    advantage_without=without.advantage,
                )


def _hidden(subject: CombinerSubject) -> list[AblatedChain]:
    """Return the steps that change no advantage on batches in general position."""

    def advantages(steps: Chain, signals: Signals, state: Any) -> tuple[Numbers, Any]:
        values = {name: np.asarray(x) for name, x in signals.values.items()}
        batch = Batch(values, signals.groups.ids, signals.groups.num_groups)
        run = subject.apply(signals, batch, state, steps=steps)
        return run.advantage, run.state

    return find_cancelled_steps(
        subject.thing, {name: kind != "score" for name, kind in subject.signals.items()}, advantages
    )


def _moves(before: Numbers, after: Numbers) -> bool:
    away, now = before - before.mean(), after - after.mean()
    spread = max(np.abs(away).max(), np.abs(now).max())
    return bool(spread > CLOSE and np.abs(now - away).max() > MOVED * spread)


@law("combiner", universal=False, span="plain")
def uniform_groups_not_amplified(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Where all verdicts of a group are equal, advantages spread no wider than the rewards did, times three.

    Why: dividing by the group's deviation turns the narrow band of an all-wrong group into unit advantages.

    In training: taste among wrong answers would push as hard as the difference between right and wrong.
    """
    del choose
    if not subject.verdicts:
        raise Moot("it reads no verdict")
    run, looked = subject.here(case), False
    for rows in case.batch.members():
        if len(rows) == 1 or any(np.ptp(case.batch.values[name][rows]) > 0 for name in subject.verdicts):
            continue
        looked = True
        wide = float(np.ptp(run.reward[rows]) * np.abs(run.later[rows]).max())
        loud = float(np.ptp(run.advantage[rows]))
        if loud > LOUD * wide + CLOSE:
            raise Broken(
                f"group {case.batch.labels()[rows[0]]} is uniform; its rewards span {wide:.3g} and its advantages "
                f"under {_where(subject)} {loud:.3g}: {loud / wide:.3g} times as much"
                if wide
                else f"a uniform group with equal rewards gets advantages that span {loud:.3g}",
                case.batch,
                reward=run.reward,
                advantage=run.advantage,
            )
    if not looked:
        raise Moot("no uniform group of two or more")


@law("combiner", universal=False, span="plain")
def zero_advantage_without_signal(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """A group of equal verdicts and equal scores gets advantages of zero.

    Why: nobody said that one rollout is better than another, so nothing must be learned from them.

    In training: rounding errors, divided by their own deviation, would move the policy at full strength.
    """
    del choose
    names = [*subject.verdicts, *subject.scores]
    flat = reduce(
        lambda batch, name: batch.replace(**{name: np.full(len(batch), batch.values[name][0])}), names, case.batch
    )
    run = subject.run(flat, subject.state(case))
    groups = [rows for rows in flat.members() if len(rows) > 1]
    if not groups:
        raise Moot("only groups of one")
    if any(np.abs(run.advantage[rows]).max() > CLOSE for rows in groups):
        raise Broken(
            f"nothing tells these rollouts apart, and under {_where(subject)} they get advantages",
            flat,
            reward=run.reward,
            advantage=run.advantage,
        )


def _where(subject: CombinerSubject) -> str:
    return subject.trainer.name
