"""Claimable laws: how much the reward model may change what the verifier says."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from herokit.testing.batches import Batch, Draw, Numbers
from herokit.testing.law import LawViolation, NotApplicable, law
from herokit.testing.laws.helpers import TOLERANCE, check_equal
from herokit.testing.subjects import CombinerSubject, Example

__all__ = [
    "affine_invariant_in_score",
    "bounded",
    "graded_verdicts_accepted",
    "hacking_gain_bounded",
    "monotone_in_score",
    "monotone_in_verdict",
    "neutral_to_constant_score",
    "robust_to_score_noise",
    "strictly_monotone_in_score",
    "verifier_dominates",
]

HACKED_SCORE = 1e6
"""A score that no honest completion gets."""


@law("combiner", universal=False, score_range="wide", measures=("smallest margin", min))
def verifier_dominates(subject: CombinerSubject, example: Example, draw: Draw, *, margin: float = 0.0) -> float:
    """In each group every correct rollout gets a higher reward than every incorrect one, by more than a margin.

    Why: the reward model may rank rollouts with the same verdict; if it can overrule the verifier, it gets hacked.

    In training: the policy would learn what the reward model prefers, even where that is incorrect.
    """
    del draw
    batch, run = example.batch, example.run
    higher, lower = _dominating_pairs(batch, subject.verdicts)
    margins = run.output[higher] - run.output[lower]
    if not len(margins):
        raise NotApplicable("no group has a correct and an incorrect rollout")
    worst = int(np.argmin(margins))
    if margins[worst] <= margin:
        first, second = higher[worst], lower[worst]
        raise LawViolation(
            f"in group {batch.labels()[first]} a rollout with {_verdicts(batch, subject, first)} gets "
            f"{run.output[first]:.5g}, one with {_verdicts(batch, subject, second)} gets {run.output[second]:.5g}",
            batch,
            reward=run.output,
            advantage=run.advantage,
        )
    return float(margins[worst])


def _verdicts(batch: Batch, subject: CombinerSubject, row: int) -> str:
    values = [f"{batch.values[name][row]:g}" for name in subject.verdicts]
    return f"{'verdict' if len(values) == 1 else 'verdicts'} {', '.join(values)}"


@law("combiner", universal=False, score_range="wide", measures=("largest absolute value", max))
def bounded(subject: CombinerSubject, example: Example, draw: Draw, *, limit: float = 10.0) -> float:
    """No reward exceeds a limit, whatever the scores.

    Why: an outlier of the reward model must not dominate the batch.

    In training: one wrong score would cause one very large update, or a wasted batch after clipping.
    """
    del subject, draw
    output = example.run.output
    largest = float(np.abs(output).max())
    if largest > limit:
        raise LawViolation(f"a reward of {largest:.5g} exceeds the limit of {limit:g}", example.batch, reward=output)
    return largest


@law("combiner", universal=False)
def monotone_in_score(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """Of two rollouts of a group with equal verdicts, the one with the higher score (the lower cost) never gets less.

    Why: the reward model is there to rank rollouts.

    In training: the policy would move away from the better of two answers.
    """
    del draw
    if not subject.scores:
        raise NotApplicable("it reads no score")
    batch, run = example.batch, example.run
    higher, lower = _dominating_pairs(_costs_negated(subject, batch), subject.scores, equal_in=subject.verdicts)
    if not len(higher):
        raise NotApplicable("no two rollouts of a group have equal verdicts and different scores")
    wrong = run.output[higher] < run.output[lower] - TOLERANCE
    if wrong.any():
        first = int(np.argmax(wrong))
        raise LawViolation(
            f"row {higher[first] + 1} has {_better(subject)} than row {lower[first] + 1} and gets a lower reward",
            batch,
            reward=run.output,
            advantage=run.advantage,
        )


@law("combiner", universal=False, score_range="plain")
def strictly_monotone_in_score(
    subject: CombinerSubject, example: Example, draw: Draw, *, resolution: float = 0.0
) -> None:
    """Of two rollouts of a group with equal verdicts, the one whose score is higher by more than `resolution` gets more.

    Why: clipping, rounding and quantiles make equal what the reward model tells apart; whoever wants that names it.

    In training: in groups with equal verdicts, where the score is the only signal, there would be none.
    """
    del draw
    if not subject.scores:
        raise NotApplicable("it reads no score")
    batch, run = example.batch, example.run
    signed = _costs_negated(subject, batch)
    higher, lower = _dominating_pairs(signed, subject.scores, equal_in=subject.verdicts)
    distances = [signed.values[name][higher] - signed.values[name][lower] for name in subject.scores]
    apart = np.max(distances, axis=0) > resolution
    higher, lower = higher[apart], lower[apart]
    if not len(higher):
        raise NotApplicable("no two rollouts of a group have equal verdicts and different scores")
    wrong = run.output[higher] <= run.output[lower]
    if wrong.any():
        first = int(np.argmax(wrong))
        raise LawViolation(
            f"row {higher[first] + 1} has {_better(subject)} than row {lower[first] + 1} and does not get more",
            batch,
            reward=run.output,
            advantage=run.advantage,
        )


def _costs_negated(subject: CombinerSubject, batch: Batch) -> Batch:
    """Return the batch with costs as scores, so that more is better in every signal."""
    return batch.replace(**{name: -batch.values[name] for name in subject.scores if subject.signals[name] == "cost"})


def _better(subject: CombinerSubject) -> str:
    kinds = {subject.signals[name] for name in subject.scores}
    return "a lower cost" if kinds == {"cost"} else "a higher score" if "cost" not in kinds else "better scores"


GRADES = (0.0, 0.3, 0.5, 0.8, 1.0)
"""Verdicts of a verifier with partial credit."""


def _graded(subject: CombinerSubject, example: Example, draw: Draw) -> Batch:
    """Return the batch with graded verdicts in the place of binary ones.

    Raises:
        NotApplicable: it reads no verdict.
    """
    if not subject.verdicts:
        raise NotApplicable("it reads no verdict")
    n = len(example.batch)
    return example.batch.replace(
        **{name: np.array([GRADES[draw(len(GRADES))] for _ in range(n)]) for name in subject.verdicts}
    )


@law("combiner")
def graded_verdicts_accepted(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """Verdicts between 0 and 1 give finite rewards and no error, of the float type that binary verdicts give.

    Why: a verifier with partial credit returns 0.3; a table of two rows or an integer index knows 0 and 1 only.

    In training: the job would stop at the first partly correct rollout, or lose its group.
    """
    batch = _graded(subject, example, draw)
    run = subject.run(batch, example.state)
    if not np.isfinite(run.output).all():
        raise LawViolation("with graded verdicts the reward is not finite", batch, reward=run.output)


@law("combiner", universal=False)
def monotone_in_verdict(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """Of two rollouts of a group with equal scores, the one with the higher verdict, also a graded one, never gets less.

    Why: a better verdict is never a reason for less reward.

    In training: the policy would move away from the more correct of two answers.
    """
    graded = _graded(subject, example, draw)
    constant = graded.replace(**{name: np.full(len(graded), graded.values[name][0]) for name in subject.scores})
    run = subject.run(constant, example.state)
    higher, lower = _dominating_pairs(constant, subject.verdicts)
    if not len(higher):
        raise NotApplicable("no two rollouts of a group have different verdicts")
    wrong = run.output[higher] < run.output[lower] - TOLERANCE
    if wrong.any():
        first = int(np.argmax(wrong))
        message = f"row {higher[first] + 1} has a higher verdict than row {lower[first] + 1} and gets a lower reward"
        raise LawViolation(message, constant, reward=run.output, advantage=run.advantage)


@law("combiner", universal=False, score_range="plain")
def affine_invariant_in_score(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """Multiplying all scores by a positive factor and adding a constant changes no reward.

    Why: every reward model has its own scale; replacing one by another should need no new constants.

    In training: constants tuned for one reward model would be wrong for the next, without a warning.
    """
    names = [name for name in subject.scores if subject.signals[name] == "score"]
    if not names:
        raise NotApplicable("it reads no score with a scale of its own")
    factor, offset = (2.0, 0.5, 8.0)[draw(3)], (0.0, 1.0, -16.0)[draw(3)]
    reward = example.run.output
    rescaled = example.map(
        lambda batch: batch.replace(**{name: factor * batch.values[name] + offset for name in names})
    )
    message = f"with scores times {factor:g} plus {offset:g} the rewards change"
    check_equal(example.batch, message, 1e-3, reward=reward, rescaled=rescaled.run.output)


@law("combiner", universal=False, score_range="plain")
def robust_to_score_noise(
    subject: CombinerSubject, example: Example, draw: Draw, *, noise: float = 2.0**-10, limit: float = 0.05
) -> None:
    """Small noise on the scores changes the rewards only a little.

    Why: in another batch or on another GPU the same model gives scores that differ in the last digits.

    In training: the order of almost equal answers would be noise, scaled to the size of a real difference.
    """
    if not subject.scores:
        raise NotApplicable("it reads no score")
    n = len(example.batch)
    signs = np.array([(0.0, 1.0, -1.0)[draw(3)] for _ in range(n)])
    rows = np.arange(n)
    rows[draw(n)] = draw(n)  # a tie, where noise has the largest effect
    tied = example.batch.replace(**{name: example.batch.values[name][rows] for name in subject.scores})
    noisy = tied.replace(**{name: tied.values[name] + noise * signs for name in subject.scores})
    before, after = subject.run(tied, example.state).output, subject.run(noisy, example.state).output
    change = np.abs(before - after).max()
    if change > limit:
        message = f"noise of {noise:.2g} on the scores changes a reward by {change:.2g}"
        raise LawViolation(message, tied, noise=noise * signs, reward=before, with_noise=after)


@law("combiner", universal=False)
def neutral_to_constant_score(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """If all rollouts of a group have the same score, rollouts with equal verdicts get equal rewards.

    Why: a reward model that sees no difference must not make one.

    In training: the policy would change because of noise.
    """
    del draw
    if not subject.scores:
        raise NotApplicable("it reads no score")
    batch = example.batch
    constant = batch.replace(**{name: np.full(len(batch), batch.values[name][0]) for name in subject.scores})
    run = subject.run(constant, example.state)
    first, second = np.nonzero(np.triu(_same_group(constant, subject.verdicts), k=1))
    if not len(first):
        raise NotApplicable("no two rollouts of a group have equal verdicts")
    if (np.abs(run.output[first] - run.output[second]) > TOLERANCE).any():
        message = "rollouts with equal verdicts and equal scores get different rewards"
        raise LawViolation(message, constant, reward=run.output, advantage=run.advantage)


@law("combiner", universal=False, measures=("largest gain", max))
def hacking_gain_bounded(subject: CombinerSubject, example: Example, draw: Draw, *, limit: float = 1.0) -> float:
    """An incorrect rollout that deceives the reward model gains no more than a limit.

    Why: what can be gained without being correct is what a policy learns under optimization pressure.

    In training: the reward rises while accuracy falls; in the paper a score rose from 5 to 40 and MATH500 fell from 0.75 to 0.
    """
    batch = example.batch
    incorrect = _incorrect_rows(subject, batch)
    if not subject.scores or not len(incorrect):
        raise NotApplicable("no incorrect rollout has a score")
    row = int(incorrect[draw(len(incorrect))])
    before, gains = example.run.output, []
    for score in (HACKED_SCORE, -HACKED_SCORE):
        changed = {name: batch.values[name].copy() for name in subject.scores}
        for name, values in changed.items():
            values[row] = {"score": score, "cost": max(0.0, -score)}.get(subject.signals[name], float(score > 0))
        after = subject.run(batch.replace(**changed), example.state).output
        gains.append(float(after[row] - before[row]))
        if gains[-1] > limit:
            message = f"row {row + 1} is incorrect; with a score of {score:g} it gains {gains[-1]:.5g}, over {limit:g}"
            raise LawViolation(message, batch, reward=before, with_hacked_score=after)
    return max(gains)


def _incorrect_rows(subject: CombinerSubject, batch: Batch) -> Numbers:
    if not subject.verdicts:
        return np.arange(len(batch))
    return np.flatnonzero(np.max([batch.values[name] for name in subject.verdicts], axis=0) < 1.0)


def _dominating_pairs(batch: Batch, names: Sequence[str], *, equal_in: Sequence[str] = ()) -> tuple[Numbers, Numbers]:
    """Return row numbers (higher, lower) of pairs of a group: no signal of `names` is lower, and one is higher.

    Args:
        batch: the rollouts.
        names: the signals that are compared.
        equal_in: signals that must be equal.

    Example:
        >>> batch = Batch({"v": np.array([0.0, 1.0, 1.0])}, np.array([0, 0, 1]), 2)
        >>> [rows.tolist() for rows in _dominating_pairs(batch, ["v"])]
        [[1], [0]]
    """
    if not names:
        return np.array([], int), np.array([], int)
    table = np.stack([batch.values[name] for name in names], axis=1)
    dominates = (table[:, None] >= table[None]).all(axis=2) & (table[:, None] > table[None]).any(axis=2)
    higher, lower = np.nonzero(dominates & _same_group(batch, equal_in))
    return higher, lower


def _same_group(batch: Batch, equal_in: Sequence[str]) -> Any:
    """Return which pairs share a group and the values of the signals, (N, N)."""
    pairs = batch.group_ids[:, None] == batch.group_ids[None]
    for name in equal_in:
        pairs &= batch.values[name][:, None] == batch.values[name][None]
    return pairs
