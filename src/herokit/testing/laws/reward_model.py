"""Laws of reward models: a score belongs to its completion, not to the batch it came in."""

import pickle
from dataclasses import replace

import numpy as np

from herokit.testing.asked import ModelSubject, short
from herokit.testing.law import Choose, law
from herokit.testing.laws.order import shuffled
from herokit.testing.samples import HOSTILE, PROSE
from herokit.testing.verdict import Broken
from herokit.types import Sample, Status

LONG = 400
"""Sentences of a neighbour that makes every other row of its batch padding, mostly."""

LONGEST = 20_000
"""Sentences beyond any model's context."""


@law("reward model")
def scores_order_preserved(subject: ModelSubject, case: list[Sample], choose: Choose) -> None:
    """Reordering a batch reorders its scores and changes none, beyond rounding.

    Why: batches are sorted by length for speed; they must be put back.

    In training: every rollout would be rewarded for another one's text.
    """
    order = shuffled(len(case), choose)
    here, there = subject.ask(case).values, subject.ask([case[row] for row in order]).values
    back = np.empty(len(case))
    back[order] = there
    subject.same(case, "another order gives other scores", here, back)


@law("reward model")
def scores_batch_independent(subject: ModelSubject, case: list[Sample], choose: Choose) -> None:
    """A completion gets the same score alone as in a batch, beyond rounding.

    Why: a score that moves with the batch is noise that the strata stretch to their full width.

    In training: the same rollout would be better or worse by the luck of the draw.
    """
    del choose
    whole = subject.ask(case).values
    alone = np.array([subject.ask([sample]).values[0] for sample in case])
    subject.same(case, "alone a completion gets another score", whole, alone)


@law("reward model", costly=True)
def padding_invariance(subject: ModelSubject, case: list[Sample], choose: Choose) -> None:
    """A much longer neighbour, which pads the others, changes no score.

    Why: a missing attention mask lets the model read its padding, and only long neighbours show it.

    In training: short answers would be scored by how long the longest answer of their batch was.
    """
    long = Sample("p", " ".join([PROSE[choose(3)]] * LONG), "long")
    here, there = subject.ask(case).values, subject.ask([*case, long]).values[: len(case)]
    subject.same(case, "beside a long completion the scores are others", here, there)


@law("reward model")
def finite_scores(subject: ModelSubject, case: list[Sample], choose: Choose) -> None:
    """Every ordinary completion gets a finite score.

    Why: a row without a score leaves the batch, and its group shrinks.

    In training: groups of one remain, which teach nothing.
    """
    del choose
    scores = subject.ask(case)
    if not np.isfinite(scores.values).all():
        raise Broken("a score is not finite", completion=[short(s.completion) for s in case], score=scores.values)


@law("reward model", once=True)
def hostile_text_scored_or_failed(subject: ModelSubject, case: object, choose: Choose) -> None:
    """Empty, broken and hostile text gets a finite score, or NaN with a status and a reason; nothing raises.

    Why: the policy will write all of it in its first thousand steps.

    In training: one completion would end the job.
    """
    del case, choose
    for text in HOSTILE:
        scores = subject.ask([Sample("p", text, 0)])
        if not np.isfinite(scores.values[0]) and scores.statuses[0] is not Status.FAILED:
            raise Broken("NaN without the status failed", completion=[short(text)])


@law("reward model", once=True)
def reward_model_pickle_round_trip(subject: ModelSubject, case: object, choose: Choose) -> None:
    """A pickled copy gives equal scores: it leaves its session behind and opens its own.

    Why: trainers send reward models to workers.

    In training: the job would die when its workers start.
    """
    del case, choose
    samples = [Sample("p", text, 0) for text in PROSE]
    here = subject.ask(samples).values
    try:
        copied = replace(subject, thing=pickle.loads(pickle.dumps(subject.thing)))  # noqa: S301 - we made these bytes
    except Exception as error:
        raise Broken(f"pickling raised {type(error).__name__}: {error}") from error
    subject.same(samples, "its pickled copy gives other scores", here, copied.ask(samples).values)


@law("reward model", universal=False, once=True)
def truncation_reported(subject: ModelSubject, case: object, choose: Choose) -> None:
    """A completion too long to be read whole is scored and says so in its row's reason.

    Why: a score of half an answer looks like any other score.

    In training: long answers would be judged by their ending, and nobody would know.
    """
    del case, choose
    long = Sample("p", " ".join([PROSE[0]] * LONGEST), 0)
    scores = subject.ask([long, Sample("p", PROSE[0], 0)])
    if not scores.reasons[0]:
        raise Broken(f"{LONGEST} sentences get {scores.values[0]:g} and not a word about it")
    if scores.reasons[1]:
        raise Broken(f"one sentence is said to be special: {scores.reasons[1]}")
