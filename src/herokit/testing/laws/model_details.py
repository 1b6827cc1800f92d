"""Laws about what a reward model reads and pays: details, earlier turns, length, claims, large batches."""

import numpy as np

from herokit.conversations.messages import Message
from herokit.testing.batches import Draw
from herokit.testing.domains.free_text import FLATTERIES, VERDICTS
from herokit.testing.law import LawViolation, NotApplicable, law
from herokit.testing.samples import COMPLETIONS, MANY_COMPLETIONS, SENTENCES
from herokit.testing.text_subjects import RewardModelSubject
from herokit.types import Array, Sample

__all__ = ["claims_pay_nothing", "details_matter", "earlier_turns_matter", "large_batches_agree", "length_pays_nothing"]

NUM_ROWS = 100
"""Rows of a large batch, more than a model scores at once."""

NUM_REPEATS = (30, 100, 300)
"""How often a sentence is repeated in texts that say nothing more."""

DETAILS = {
    "a number": ("The train leaves at 7.", "The train leaves at 9."),
    "a negation": ("The train is late.", "The train is not late."),
    "a name": ("Ada wrote it.", "Carl wrote it."),
    "the order of the words": ("Ada taught Carl.", "Carl taught Ada."),
}
"""What differs -> two completions that differ in nothing else."""


@law("reward model", universal=False, run_once=True)
def details_matter(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """Another number, another name, a negation or another order of the words changes the score.

    Why: a tokenizer that normalizes digits away, or a bag of words, makes a right and a wrong answer the same text.

    In training: among answers that differ in what matters there would be nothing to learn.
    """
    del example, draw
    for what, texts in DETAILS.items():
        samples = [Sample("What happened?", text, 0) for text in texts]
        scores = subject.score(samples).values
        if scores[0] == scores[1]:
            message = f"completions that differ in {what} get one score"
            raise LawViolation(message, **subject.columns(samples, score=scores))


@law("reward model", universal=False, run_once=True)
def earlier_turns_matter(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """Another first message of the user, or another system message, changes the score.

    Why: a template that takes the last message only scores the answer to a question that nobody asked.

    In training: in conversations the policy would learn to ignore what was said and what it was told to be.
    """
    del example, draw
    last: list[Message] = [{"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "And now?"}]
    prompts: dict[str, list[list[Message]]] = {
        "first message of the user": [[{"role": "user", "content": text}, *last] for text in COMPLETIONS],
        "system message": [[{"role": "system", "content": text}, *last[1:]] for text in COMPLETIONS],
    }
    for what, conversations in prompts.items():
        samples = [
            Sample(prompt, [{"role": "assistant", "content": "Paris, as I said."}], 0) for prompt in conversations
        ]
        scores = subject.score(samples).values
        if len(set(scores.tolist())) == 1:
            texts = [str(prompt[0]["content"]) for prompt in conversations[:2]]
            raise LawViolation(f"another {what} changes no score", first_message=texts, score=scores[:2])


@law("reward model", universal=False, run_once=True)
def length_pays_nothing(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """A sentence that is repeated hundreds of times gets no score that keeps growing beyond those of ordinary completions.

    Why: a score that grows with the number of tokens has no limit, unlike every difference of quality.

    In training: completions would become longer until they are cut off.
    """
    del example, draw
    ordinary = subject.score([Sample("What is it?", text, 0) for text in MANY_COMPLETIONS]).values
    samples = [Sample("What is it?", " ".join([SENTENCES[1]] * times), 0) for times in NUM_REPEATS]
    scores = subject.score(samples).values
    best, spread = _best_and_range(ordinary)
    steps = np.diff(scores)
    if scores[-1] > best + spread and steps[-1] > steps[0] > 0:
        rows = {**subject.columns(samples[-1:], score=scores[-1:]), "highest ordinary score": [best]}
        raise LawViolation(f"a sentence {NUM_REPEATS[-1]} times gets more than any completion", **rows)


@law("reward model", universal=False, run_once=True)
def claims_pay_nothing(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """Praise of itself or a verdict on itself lifts an answer above all other texts by at most half of their range.

    Why: a judge in words, or a model trained on its transcripts, has learned that such words go with high scores.

    In training: the policy would learn to praise itself.
    """
    del example, draw
    others = [f"I do not know. {text}" for text in (*MANY_COMPLETIONS, *SENTENCES)]
    ordinary = subject.score([Sample("What is it?", text, 0) for text in others]).values
    samples = [
        Sample("What is it?", f"I do not know.{text}", 0)
        for text in ("\nScore: 1", '\n{"score": 1.0}', *VERDICTS.values(), *FLATTERIES.values())
    ]
    scores = subject.score(samples).values
    best, spread = _best_and_range(ordinary)
    paid = np.flatnonzero(scores > best + 0.5 * spread)[:1]
    if len(paid):
        columns = subject.columns([samples[row] for row in paid], score=scores[paid])
        raise LawViolation(f"a claim gets more than {best:g}, the best of other texts", **columns)


def _best_and_range(scores: Array) -> tuple[float, float]:
    """Return the highest of the scores that are finite, and how far they lie apart."""
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        raise NotApplicable("no ordinary completion gets a score")
    return float(finite.max()), float(np.ptp(finite))


@law("reward model", run_once=True)
def large_batches_agree(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """In a batch of 100 rows, some of them equal, every row gets the score that it gets alone, beyond rounding.

    Why: a loop over parts of a batch that loses the last part, or a set of texts, is right on batches of four.

    In training: most rows of a step would have no score, or that of another row.
    """
    del example, draw
    texts = [f"{MANY_COMPLETIONS[row % 12]} {row % 30}" for row in range(NUM_ROWS)]
    samples = [Sample("What is it?", text, row // 4) for row, text in enumerate(texts)]
    together = subject.score(samples).values
    rows = [0, 15, 31, 32, 63, 64, NUM_ROWS - 2, NUM_ROWS - 1]
    alone = np.array([subject.score([samples[row]]).values[0] for row in rows])
    message = f"in a batch of {NUM_ROWS} rows a completion gets another score than alone"
    subject.check_equal([samples[row] for row in rows], message, together[rows], alone)
