"""Claimable laws: what remains of a reward after the trainer's normalization."""

from functools import reduce

import numpy as np

from herokit.combiners import Weight
from herokit.testing.backends import NUMPY
from herokit.testing.batches import Batch, Draw, Numbers
from herokit.testing.law import LawViolation, NotApplicable, law
from herokit.testing.laws.helpers import TOLERANCE
from herokit.testing.subjects import CombinerSubject, Example
from herokit.trainers.cancellation import advantages_differ

__all__ = [
    "advantages_sum_to_zero",
    "singleton_has_zero_advantage",
    "steps_not_cancelled",
    "uniform_groups_not_amplified",
    "zero_advantage_without_signal",
]

MIN_REWARD_CHANGE = 0.2
"""A step changes rewards if one of them moves by this share of the group's largest deviation."""

MAX_AMPLIFICATION = 3.0
"""How many times wider than the rewards the advantages of a uniform group may be; leave-one-out doubles pairs."""


@law("combiner", universal=False, score_range="plain")
def steps_not_cancelled(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """Each step that changes rewards also changes advantages after the trainer's normalization.

    Why: a weight that is constant in a group, an offset or a scale cancels if the trainer divides by the group's deviation.

    In training: the step would cost compute without effect, and results would be credited to it.
    """
    del draw
    batch, signals = example.batch, NUMPY.signals(example.batch)
    full = example.run
    for ablated in subject.cancelled_steps:
        position, *inner = ablated.path
        without = subject.apply(signals, batch, ablated.state(example.state), steps=ablated.chain(subject.combiner))
        before, after = without.trace[position if inner else position - 1].after, full.trace[position].after
        for rows in batch.rows_by_group():
            moved = _rewards_differ(before[rows], after[rows])
            if moved and not advantages_differ(full.advantage[rows], without.advantage[rows]):
                name = type(ablated.step).__name__
                weight = full.trace[position].weight if isinstance(ablated.step, Weight) else None
                columns = {"reward_without": before, "reward": after} if weight is None else {"weight": weight}
                raise LawViolation(
                    f"{name} cancels under {subject.trainer.name}: the advantages are the same without it",
                    batch,
                    **columns,
                    advantage=full.advantage,
                    advantage_without=without.advantage,
                )


def _rewards_differ(before: Numbers, after: Numbers) -> bool:
    before, after = before - before.mean(), after - after.mean()
    largest = max(np.abs(before).max(), np.abs(after).max())
    return bool(largest > TOLERANCE and np.abs(after - before).max() > MIN_REWARD_CHANGE * largest)


@law("combiner", universal=False, score_range="plain")
def uniform_groups_not_amplified(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """If all verdicts of a group are equal, the range of its advantages is at most three times that of its rewards.

    Why: dividing by the group's deviation scales the narrow band of an all-incorrect group to unit advantages.

    In training: preferences among incorrect answers would weigh as much as the difference between correct and incorrect.
    """
    del draw
    if not subject.verdicts:
        raise NotApplicable("it reads no verdict")
    batch, run, has_equal_rows = example.batch, example.run, False
    for rows in batch.rows_by_group():
        if len(rows) == 1 or any(np.ptp(batch.values[name][rows]) > 0 for name in subject.verdicts):
            continue
        has_equal_rows = True
        reward_range = float(np.ptp(run.reward[rows]) * np.abs(run.advantage_weight[rows]).max())
        advantage_range = float(np.ptp(run.advantage[rows]))
        if advantage_range > MAX_AMPLIFICATION * reward_range + TOLERANCE:
            label, trainer = batch.labels()[rows[0]], subject.trainer.name
            message = (
                f"group {label} is uniform; under {trainer} its rewards have range {reward_range:.3g} and its "
                f"advantages {advantage_range:.3g}: {advantage_range / reward_range:.3g} times as much"
                if reward_range
                else f"a uniform group with equal rewards gets advantages of range {advantage_range:.3g}"
            )
            raise LawViolation(message, batch, reward=run.reward, advantage=run.advantage)
    if not has_equal_rows:
        raise NotApplicable("no group of two or more is uniform")


@law("combiner", universal=False, score_range="plain")
def zero_advantage_without_signal(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """A group with equal verdicts and equal scores gets advantages of zero.

    Why: nothing says that one rollout is better than another, so there is nothing to learn from them.

    In training: rounding errors, divided by their own deviation, would change the policy at full strength.
    """
    del draw
    constant = reduce(
        lambda batch, name: batch.replace(**{name: np.full(len(batch), batch.values[name][0])}),
        [*subject.verdicts, *subject.scores],
        example.batch,
    )
    run = subject.run(constant, example.state)
    groups = [rows for rows in constant.rows_by_group() if len(rows) > 1]
    if not groups:
        raise NotApplicable("every group has one rollout")
    if any(np.abs(run.advantage[rows]).max() > TOLERANCE for rows in groups):
        message = f"all signals of a group are equal, and under {subject.trainer.name} its advantages are not zero"
        raise LawViolation(message, constant, reward=run.reward, advantage=run.advantage)


@law("combiner", universal=False, score_range="plain")
def advantages_sum_to_zero(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """The advantages of each group sum to zero.

    Why: a group is compared with itself; with another baseline every rollout of a group can be praised or blamed.

    In training: the policy would become more or less likely to say anything at all, and its entropy would drift.
    """
    del subject, draw
    run = example.run
    for rows in example.batch.rows_by_group():
        total, size = float(run.advantage[rows].sum()), float(np.abs(run.advantage[rows]).sum())
        if abs(total) > TOLERANCE * max(1.0, size):
            message = f"the advantages of group {example.batch.labels()[rows[0]]} sum to {total:.5g}"
            raise LawViolation(message, example.batch, reward=run.reward, advantage=run.advantage)


@law("combiner", universal=False)
def singleton_has_zero_advantage(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """The only rollout of a group gets an advantage of zero.

    Why: there is nothing to compare it with; its reward says how hard its prompt is, not how good it is.

    In training: after lost or filtered rollouts, what remains of a group would be praised for an easy prompt.
    """
    row = draw(len(example.batch))
    group_ids = example.batch.group_ids.copy()
    group_ids[row] = example.batch.num_groups
    batch = Batch(example.batch.values, group_ids, example.batch.num_groups + 1)
    run = subject.run(batch, example.state)
    if not abs(run.advantage[row]) <= TOLERANCE:
        message = f"row {row + 1} is alone in its group and gets an advantage of {run.advantage[row]:.5g}"
        raise LawViolation(message, batch, reward=run.reward, advantage=run.advantage)
