"""Claimable laws: what is left of a reward once the trainer has normalized it."""

from functools import reduce
from typing import Any

import numpy as np

from herokit.combine import Chain, Filter, ToAdvantage
from herokit.testing.backends import NUMPY
from herokit.testing.case import Batch, Case, Numbers
from herokit.testing.law import Choose, law
from herokit.testing.laws.compare import CLOSE
from herokit.testing.subject import CombinerSubject
from herokit.testing.verdict import Broken, Moot

SEEN = 0.02
"""A step that moves no advantage by this share of the largest one in its group might as well not be there."""

MOVED = 0.2
"""A step that moves a reward by this share of its group's spread does something to rewards."""

LOUD = 3.0
"""How many times wider than the rewards a uniform group's advantages may be; leave-one-out doubles pairs."""


@law("combiner", universal=False, span="plain")
def every_step_is_visible_to_the_trainer(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Each step that changes rewards still changes advantages after the trainer's normalization.

    Why: a group-constant weight, an offset or a scale cancels where the trainer divides by the group's deviation.

    In training: the step costs compute and does nothing; results would be credited to a part that never acted.
    """
    del choose
    if "hidden" not in subject.seen:
        subject.seen["hidden"] = _hidden(subject)
    hidden: list[int] = subject.seen["hidden"]
    state, signals = subject.state(case), NUMPY.signals(case.batch)
    full = subject.apply(signals, case.batch, state)
    for position in hidden:
        before, after = (full.trace[p].after for p in (position - 1, position))
        without = subject.apply(
            signals, case.batch, _drop(state, position), steps=Chain(_drop(subject.thing.steps, position))
        )
        for rows in case.batch.members():
            if _moves(before[rows], after[rows]) and not _shows(full.advantage[rows], without.advantage[rows]):
                name = type(full.trace[position].step).__name__
                weight = full.trace[position].weight
                shown = {"reward_without": before, "reward": after} if weight is None else {"weight": weight}
                raise Broken(
                    f"{name} cancels under {_where(subject)}: with and without it the advantages are the same",
                    case.batch,
                    **shown,
                    advantage=full.advantage,
                    advantage_without=without.advantage,
                )


def _hidden(subject: CombinerSubject) -> list[int]:
    """Return the positions of steps that change no advantage on batches in general position."""
    rng = np.random.default_rng(0)
    shown: set[int] = set()
    state = subject.thing.init()
    candidates = [
        position
        for position, step in enumerate(subject.thing.steps)
        if position and not isinstance(step, ToAdvantage | Filter)
    ]
    for spread in (1.0, 1.0, 4.0):
        index = np.repeat(np.arange(12), 6)
        scales = spread * rng.uniform(0.3, 3.0, 12)[index]
        values: dict[str, Numbers] = {
            name: rng.normal(0.0, 1.0, 72) * scales if kind == "score" else rng.choice([0.0, 1.0], 72)
            for name, kind in subject.signals.items()
        }
        batch = Batch(values, index, 12)
        signals = NUMPY.signals(batch)
        full = subject.apply(signals, batch, state)
        for position in candidates:
            steps = Chain(_drop(subject.thing.steps, position))
            without = subject.apply(signals, batch, _drop(state, position), steps=steps)
            if any(_shows(full.advantage[rows], without.advantage[rows]) for rows in batch.members()):
                shown.add(position)
        state = full.state
    return [position for position in candidates if position not in shown]


def _drop(parts: tuple[Any, ...], position: int) -> tuple[Any, ...]:
    return parts[:position] + parts[position + 1 :]


def _moves(before: Numbers, after: Numbers) -> bool:
    away, now = before - before.mean(), after - after.mean()
    spread = max(np.abs(away).max(), np.abs(now).max())
    return bool(spread > CLOSE and np.abs(now - away).max() > MOVED * spread)


def _shows(full: Numbers, without: Numbers) -> bool:
    loudest = max(np.abs(full).max(), np.abs(without).max())
    return bool(np.abs(full - without).max() > SEEN * loudest + CLOSE)


@law("combiner", universal=False, span="plain")
def uniform_groups_are_not_inflated(subject: CombinerSubject, case: Case, choose: Choose) -> None:
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
def no_gradient_from_an_indifferent_rm(subject: CombinerSubject, case: Case, choose: Choose) -> None:
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
