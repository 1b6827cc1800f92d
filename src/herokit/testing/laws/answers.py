"""Laws of verifiers and reward functions about answers: right ones, wrong ones, unreadable ones."""

from typing import Any

from herokit.testing.batches import Draw
from herokit.testing.law import LawViolation, NotApplicable, law
from herokit.testing.laws.helpers import check_reads_reference, compare_values, describe_rows, mixed_samples
from herokit.testing.samples import HOSTILE, SENTENCES
from herokit.testing.text_subjects import AnswerSubject, RewardFunctionSubject, VerifierSubject, shorten
from herokit.types import Sample

__all__ = [
    "answer_format_invariance",
    "empty_reference_pays_nothing",
    "hostile_text_below_right",
    "hostile_text_rejected",
    "missing_reference_abstains",
    "near_miss_rejected",
    "reference_accepted",
    "right_above_wrong",
    "surrounding_text_invariance",
    "symmetric_equivalence",
    "unreadable_rows_move_no_verdict",
]

EMPTY_REFERENCES: tuple[Any, ...] = ("", "  ", "\n", (), {})
"""References of rows whose data have an error."""

HALF = 0.5
"""A wrong answer may get some credit for its parts, and no more than this share of the way from wrong to right."""


@law("verifier")
def reference_accepted(subject: VerifierSubject, example: list[str], draw: Draw) -> None:
    """A completion that gives the reference as its answer is correct.

    Why: this is the minimum; a failure is a reward of 0 for a perfect answer.

    In training: the policy would be penalized for the answer in the data.
    """
    del draw
    samples = [Sample("?", subject.answer_format.write(answer), answer, answer) for answer in example]
    _check_correct(subject, samples, "the reference itself is rejected")


@law("verifier")
def near_miss_rejected(subject: VerifierSubject, example: list[str], draw: Draw) -> None:
    """An answer close to the reference (one more digit, plus one, another sign) gets no more than half.

    Why: a verifier that searches for the reference inside the answer accepts 123 for 12.

    In training: the policy would learn to list numbers until one of them contains the answer.
    """
    answer_format = subject.answer_format
    near_misses = [(answer, answer_format.near_miss(answer, draw)) for answer in example]
    samples = [Sample("?", answer_format.write(other), answer, answer) for answer, other in near_misses]
    _check_incorrect(subject, samples, "an incorrect answer is accepted")


@law("reward function")
def right_above_wrong(subject: RewardFunctionSubject, example: list[str], draw: Draw) -> None:
    """A completion that gives the reference as its answer gets a higher reward than one that is close to it.

    Why: this is what the reward is for; a difference in the wrong direction, or none, teaches nothing or the opposite.

    In training: the policy would not learn to be right.
    """
    check_reads_reference(subject)
    answer_format = subject.answer_format
    for answer in example:
        wrong = answer_format.near_miss(answer, draw)
        samples = [Sample("?", answer_format.write(text), 0, answer) for text in (answer, wrong)]
        of_right, of_wrong = subject.values(samples)
        if of_right is None or of_wrong is None or not of_right > of_wrong:
            raise LawViolation(
                "a right answer gets no higher reward than a wrong one",
                **describe_rows(samples, reward=[of_right, of_wrong]),
            )


@law("verifier", "reward function")
def unreadable_rows_move_no_verdict(subject: AnswerSubject, example: list[str], draw: Draw) -> None:
    """Among unreadable and hostile completions every row gets the value that it gets alone.

    Why: code that drops what it cannot read returns the other values one row too early.

    In training: rollouts would be rewarded for their neighbors, in the batches with unreadable text only.
    """
    samples: list[Sample] = []
    for sample in mixed_samples(subject, example):
        hostile = HOSTILE[draw(len(HOSTILE))]
        samples += [Sample("?", hostile, 0, subject.answer_format.reference), sample]
    message = "next to unreadable completions a sample gets another value than alone"
    compare_values(subject, samples, message, "alone", lambda rows: [subject.values([row])[0] for row in rows])


@law("verifier", "reward function", run_once=True)
def empty_reference_pays_nothing(subject: AnswerSubject, example: None, draw: Draw) -> None:
    """An empty reference raises nothing, changes no other row, and no completion is correct for it.

    Why: an empty text is part of every text and equals every empty answer.

    In training: on prompts with an error in the data every rollout, or every empty one, would be paid.
    """
    del example, draw
    right = subject.answer_format.reference
    answer = subject.answer_format.write(right)
    references = (right, *subject.answer_format.near_misses(right))
    of_right, *of_others = subject.values([Sample("?", answer, 0, reference) for reference in references])
    of_wrong = min((value for value in of_others if value is not None), default=None)
    if of_right is None or of_wrong is None or not of_right > of_wrong:
        raise NotApplicable("a right answer gets no more for its reference than for others")
    limit = of_wrong + HALF * (of_right - of_wrong)
    for reference in EMPTY_REFERENCES:
        samples = [Sample("?", text, 0, reference) for text in (answer, "", " ", "None", "nan")]
        neighbor = Sample("?", answer, 0, right)
        *values, of_neighbor = subject.values([*samples, neighbor])
        for sample, value in zip(samples, values, strict=True):
            if value is not None and value > limit:
                message = f"the reference {reference!r} is empty, and a completion gets {value:g}"
                raise LawViolation(message, **describe_rows([sample], value=[value]))
        (alone,) = subject.values([neighbor])
        if of_neighbor != alone:
            raise LawViolation(f"next to the empty reference {reference!r} a row gets {of_neighbor}, alone {alone}")


@law("verifier", run_once=True)
def hostile_text_rejected(subject: VerifierSubject, example: None, draw: Draw) -> None:
    """Empty, malformed and hostile completions are incorrect; none raises, none is without a verdict.

    Why: rows without a verdict leave the batch, so a policy that cannot answer would learn to be unreadable.

    In training: unreadable text would cost nothing, and one completion could end the job.
    """
    del example, draw
    for text in HOSTILE:
        sample = Sample("?", text, 0, subject.answer_format.reference)
        _check_incorrect(subject, [sample], "a completion without an answer is not incorrect")


@law("reward function", run_once=True)
def hostile_text_below_right(subject: RewardFunctionSubject, example: None, draw: Draw) -> None:
    """Empty, malformed and hostile completions get a reward, and a lower one than the right answer; none raises.

    Why: rows without a reward leave the batch, so a policy that cannot answer would learn to be unreadable.

    In training: unreadable text would cost nothing, and one completion could end the job.
    """
    del example, draw
    check_reads_reference(subject)
    reference = subject.answer_format.reference
    right = Sample("?", subject.answer_format.write(reference), 0, reference)
    (of_right,) = subject.values([right])
    if of_right is None:
        raise NotApplicable("the right answer gets no reward")
    for text in HOSTILE:
        sample = Sample("?", text, 0, reference)
        (value,) = subject.values([sample])
        if value is None or value >= of_right:
            problem = "no reward" if value is None else "as high a reward as the right answer"
            message = f"a completion without an answer gets {problem}"
            raise LawViolation(message, **describe_rows([right, sample], reward=[of_right, value]))


@law("verifier", universal=False, run_once=True)
def missing_reference_abstains(subject: VerifierSubject, example: None, draw: Draw) -> None:
    """Without a reference the value of the verdict is None, not 0.

    Why: a missing reference is an error of the data; a 0 would penalize the policy for it.

    In training: on prompts without a reference the policy would move away from every answer that it tries.
    """
    del example
    answer_format = subject.answer_format
    (verdict,) = subject.verify([Sample("?", answer_format.write(answer_format.draw(draw)), 0, None)])
    if verdict.value is not None:
        raise LawViolation(f"without a reference the verdict is {verdict.value:g}, not None")


@law("verifier", universal=False, run_once=True)
def symmetric_equivalence(subject: VerifierSubject, example: None, draw: Draw) -> None:
    """If a is accepted for the reference b, then b is accepted for the reference a.

    Why: which of two equal forms is in the data is random.

    In training: half of the prompts would reject an answer that the other half accepts.
    """
    del example, draw
    answer_format = subject.answer_format
    if not answer_format.equivalents:
        raise NotApplicable(f"{answer_format.name} has no pairs of equal answers")
    for a, b in answer_format.equivalents:
        write = answer_format.write
        samples = [Sample("?", write(a), 0, b), Sample("?", write(b), 0, a)]
        first, second = subject.values(samples)
        if first != second:
            message = f"{a} for the reference {b} gets {first}, {b} for the reference {a} gets {second}"
            raise LawViolation(message, **describe_rows(samples, verdict=[first, second]))


@law("verifier", universal=False)
def answer_format_invariance(subject: VerifierSubject, example: list[str], draw: Draw) -> None:
    """The same answer in another format (display math, bold, spaces in the box) is correct too.

    Why: the policy is trained to be correct, not to guess what the parser accepts.

    In training: style would be rewarded as if it were correctness.
    """
    answer_format = subject.answer_format
    if not answer_format.variants:
        raise NotApplicable(f"{answer_format.name} has one way to write an answer")
    write = answer_format.variants[draw(len(answer_format.variants))]
    samples = [Sample("?", write(answer), 0, answer) for answer in example]
    _check_correct(subject, samples, "the answer in another format is rejected")


@law("verifier", universal=False)
def surrounding_text_invariance(subject: VerifierSubject, example: list[str], draw: Draw) -> None:
    """Sentences and blank lines before the answer change nothing.

    Why: the reasoning comes first; its length and language say nothing about the answer.

    In training: reasoning would be penalized.
    """
    text = " ".join(SENTENCES[draw(len(SENTENCES))] for _ in range(1 + draw(3)))
    gap = ("\n\n", " ", "\n   \n")[draw(3)]
    samples = [Sample("?", text + gap + subject.answer_format.write(answer), 0, answer) for answer in example]
    _check_correct(subject, samples, "the answer after other text is rejected")


def _check_correct(subject: VerifierSubject, samples: list[Sample], message: str) -> None:
    """Raise `LawViolation` for the first sample whose verdict is not 1."""
    _check(subject, samples, lambda value: value == 1.0, f"{message}: expected 1")


def _check_incorrect(subject: VerifierSubject, samples: list[Sample], message: str) -> None:
    """Raise `LawViolation` for the first sample that has no verdict or gets more than half."""
    _check(subject, samples, lambda value: value is not None and value <= HALF, f"{message}: expected 0")


def _check(subject: VerifierSubject, samples: list[Sample], accepts: Any, message: str) -> None:
    for sample, verdict in zip(samples, subject.verify(samples), strict=True):
        if not accepts(verdict.value):
            reason = f": {verdict.reason}" if verdict.reason else ""
            raise LawViolation(
                f"{message}, got {verdict.value} ({verdict.status.value}{reason})",
                reference=[sample.reference],
                completion=[shorten(sample.completion_text)],
                verdict=[str(verdict.value)],
            )
