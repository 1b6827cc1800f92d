"""Claimable laws: what the reward model may do beside the verifier."""

import numpy as np

from herokit.testing.batches import Batch, Case, Numbers
from herokit.testing.law import Choose, law
from herokit.testing.laws.compare import CLOSE, same
from herokit.testing.laws.pairs import equals, stand_above
from herokit.testing.subjects import CombinerSubject
from herokit.testing.verdict import Broken, Moot

HACKED = 1e6
"""A score no honest completion gets."""


@law("combiner", universal=False, span="wide", measures=("smallest margin", min))
def verifier_dominates(subject: CombinerSubject, case: Case, choose: Choose, *, margin: float = 0.0) -> float:
    """Within a group every verified rollout stands above every unverified one, by more than a margin.

    Why: the reward model may refine the order among equals; once it can overrule the verifier it will be hacked.

    In training: the policy would learn what the reward model likes at the price of being wrong.
    """
    del choose
    run = subject.here(case)
    above, below = stand_above(case.batch, subject.verdicts)
    gaps = run.out[above] - run.out[below]
    if not len(gaps):
        raise Moot("no group with a right and a wrong rollout")
    worst = int(np.argmin(gaps))
    if gaps[worst] <= margin:
        pair = case.batch.take([above[worst], below[worst]])
        raise Broken(
            f"in group {case.batch.labels()[above[worst]]} a rollout with verdicts {_says(pair, subject, 0)} gets "
            f"{run.out[above[worst]]:.5g}, one with {_says(pair, subject, 1)} gets {run.out[below[worst]]:.5g}",
            case.batch,
            reward=run.out,
            advantage=run.advantage,
        )
    return float(gaps[worst])


def _says(batch: Batch, subject: CombinerSubject, row: int) -> str:
    return ", ".join(f"{batch.values[name][row]:g}" for name in subject.verdicts)


@law("combiner", universal=False, span="wide", measures=("largest absolute value", max))
def bounded(subject: CombinerSubject, case: Case, choose: Choose, *, limit: float = 10.0) -> float:
    """No reward leaves fixed bounds, whatever the scores.

    Why: a reward model's outlier must not become the loudest voice in the batch.

    In training: one broken score would make one huge step, which clipping turns into a wasted batch.
    """
    del choose
    run = subject.here(case)
    largest = float(np.abs(run.out).max())
    if largest > limit:
        raise Broken(f"a reward of {largest:.5g} is beyond {limit:g}", case.batch, reward=run.out)
    return largest


@law("combiner", universal=False)
def monotone_in_score(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Among rollouts of one group with equal verdicts, a higher score never gets a lower reward.

    Why: the one thing a reward model is asked for is order.

    In training: the policy would be pushed away from the better of two answers.
    """
    del choose
    if not subject.scores:
        raise Moot("it reads no score")
    run = subject.here(case)
    above, below = stand_above(case.batch, subject.scores, among=subject.verdicts)
    if not len(above):
        raise Moot("no two rollouts of one group with equal verdicts and other scores")
    wrong = run.out[above] < run.out[below] - CLOSE
    if wrong.any():
        one = int(np.argmax(wrong))
        raise Broken(
            f"row {above[one] + 1} scores above row {below[one] + 1} and gets less",
            case.batch,
            reward=run.out,
            advantage=run.advantage,
        )


@law("combiner", universal=False, span="plain")
def affine_invariant_in_score(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Another unit and zero point for the scores changes no reward.

    Why: reward models have units of their own; swapping one for another should not need new constants.

    In training: constants tuned for one reward model would be wrong for the next, silently.
    """
    free = [name for name in subject.scores if subject.signals[name] == "score"]
    if not free:
        raise Moot("it reads no score with a unit of its own")
    factor, offset = (2.0, 0.5, 8.0)[choose(3)], (0.0, 1.0, -16.0)[choose(3)]

    def convert(batch: Batch) -> Batch:
        return batch.replace(**{name: factor * batch.values[name] + offset for name in free})

    other = Case(convert(case.batch), tuple(convert(batch) for batch in case.earlier))
    here, there = subject.here(case), subject.run(other.batch, subject.state(other))
    message = f"with every score times {factor:g} plus {offset:g} the rewards are others"
    same(case.batch, message, 1e-3, reward=here.out, in_other_units=there.out)


@law("combiner", universal=False, span="plain")
def robust_to_score_noise(
    subject: CombinerSubject, case: Case, choose: Choose, *, noise: float = 2.0**-10, limit: float = 0.05
) -> None:
    """Small noise on the scores makes a small change in the rewards.

    Why: the same model in another batch, or on another GPU, gives scores that differ in the last digits.

    In training: the order of near-equal answers would be noise, blown up to the size of a real difference.
    """
    if not subject.scores:
        raise Moot("it reads no score")
    n = len(case.batch)
    signs = np.array([(0.0, 1.0, -1.0)[choose(3)] for _ in range(n)])
    rows = np.arange(n)
    rows[choose(n)] = choose(n)  # a tie, where noise shows most
    tied = case.batch.replace(**{name: case.batch.values[name][rows] for name in subject.scores})
    moved = tied.replace(**{name: tied.values[name] + noise * signs for name in subject.scores})
    state = subject.state(case)
    here, there = subject.run(tied, state), subject.run(moved, state)
    if np.abs(here.out - there.out).max() > limit:
        message = f"noise of {noise:.2g} on the scores moves a reward by {np.abs(here.out - there.out).max():.2g}"
        raise Broken(message, tied, noise=noise * signs, reward=here.out, with_noise=there.out)


@law("combiner", universal=False)
def neutral_to_constant_score(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Where every rollout of a group has the same score, rollouts with equal verdicts get equal rewards.

    Why: a reward model that sees no difference must not make one.

    In training: noise with no source would move the policy.
    """
    del choose
    if not subject.scores:
        raise Moot("it reads no score")
    flat = case.batch.replace(**{name: np.full(len(case.batch), case.batch.values[name][0]) for name in subject.scores})
    run = subject.run(flat, subject.state(case))
    one, other = equals(flat, subject.verdicts)
    if not len(one):
        raise Moot("no two rollouts of one group with equal verdicts")
    if (np.abs(run.out[one] - run.out[other]) > CLOSE).any():
        raise Broken("equal verdicts and equal scores, other rewards", flat, reward=run.out, advantage=run.advantage)


@law("combiner", universal=False, measures=("largest gain", max))
def hacking_gain_bounded(subject: CombinerSubject, case: Case, choose: Choose, *, limit: float = 1.0) -> float:
    """A wrong rollout that fools the reward model, and stays wrong, gains no more than a limit.

    Why: what can be gained without becoming correct is what a policy under pressure will go and get.

    In training: reward rises while accuracy falls; the paper saw a score go from 5 to 40 and MATH500 from 0.75 to 0.
    """
    wrong = _wrong(subject, case.batch)
    if not subject.scores or not len(wrong):
        raise Moot("no wrong rollout with a score")
    row = int(wrong[choose(len(wrong))])
    state = subject.state(case)
    before, gains = subject.here(case), []
    for score in (HACKED, -HACKED):
        changed = {name: case.batch.values[name].copy() for name in subject.scores}
        for name, values in changed.items():
            values[row] = score if subject.signals[name] == "score" else float(score > 0)
        after = subject.run(case.batch.replace(**changed), state)
        gains.append(float(after.out[row] - before.out[row]))
        if gains[-1] > limit:
            raise Broken(
                f"row {row + 1} is wrong; with a score of {score:g} it gains {gains[-1]:.5g}, more than {limit:g}",
                case.batch,
                reward=before.out,
                with_the_hack=after.out,
            )
    return max(gains)


def _wrong(subject: CombinerSubject, batch: Batch) -> Numbers:
    if not subject.verdicts:
        return np.arange(len(batch))
    return np.flatnonzero(np.max([batch.values[name] for name in subject.verdicts], axis=0) < 1.0)
