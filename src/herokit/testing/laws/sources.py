"""Laws of verifiers and reward models."""

import copy
import pickle
import tempfile
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from herokit.conversations.messages import Message
from herokit.testing.batches import Draw
from herokit.testing.law import LawViolation, NotApplicable, law
from herokit.testing.laws.helpers import audit_events, draw_permutation
from herokit.testing.samples import CANARY, EXPENSIVE, HOSTILE, SENTENCES, code_injections
from herokit.testing.subjects import RewardModelSubject, VerifierSubject, shorten
from herokit.types import Sample, Status

__all__ = [
    "answer_format_invariance",
    "empty_reference_pays_nothing",
    "finite_scores",
    "hostile_text_rejected",
    "hostile_text_scored_or_failed",
    "missing_reference_abstains",
    "near_miss_rejected",
    "no_code_execution",
    "padding_invariance",
    "reference_accepted",
    "reward_model_pickle_round_trip",
    "samples_not_modified",
    "scores_batch_independent",
    "scores_order_preserved",
    "surrounding_text_invariance",
    "symmetric_equivalence",
    "timeout_respected",
    "truncation_reported",
    "unreadable_rows_move_no_verdict",
    "verdicts_batch_independent",
    "verdicts_order_preserved",
    "verifier_pickle_round_trip",
]

EXECUTION_EVENTS = frozenset({"os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "exec", "compile"})
"""Audit events of executed text; they count if they name the canary."""

EMPTY_REFERENCES: tuple[Any, ...] = ("", "  ", "\n", (), {})
"""References of rows whose data have an error."""

NUM_PADDING_SENTENCES = 400
"""Sentences of a completion next to which all others are mostly padding."""

NUM_TRUNCATED_SENTENCES = 20_000
"""Sentences of a completion that no model can read to the end."""


@law("verifier")
def reference_accepted(subject: VerifierSubject, example: list[str], draw: Draw) -> None:
    """A completion that gives the reference as its answer is correct.

    Why: this is the minimum; a failure is a reward of 0 for a perfect answer.

    In training: the policy would be penalized for the answer in the data.
    """
    del draw
    samples = [Sample("?", subject.answer_format.write(answer), answer, answer) for answer in example]
    _check_verdicts(subject, samples, 1.0, "the reference itself is rejected")


@law("verifier")
def near_miss_rejected(subject: VerifierSubject, example: list[str], draw: Draw) -> None:
    """An answer close to the reference (one more digit, plus one, another sign) is incorrect.

    Why: a verifier that searches for the reference inside the answer accepts 123 for 12.

    In training: the policy would learn to list numbers until one of them contains the answer.
    """
    answer_format = subject.answer_format
    near_misses = [(answer, answer_format.near_miss(answer, draw)) for answer in example]
    samples = [Sample("?", answer_format.write(other), answer, answer) for answer, other in near_misses]
    _check_verdicts(subject, samples, 0.0, "an incorrect answer is accepted")


@law("verifier")
def verdicts_order_preserved(subject: VerifierSubject, example: list[str], draw: Draw) -> None:
    """Permuting a batch permutes its verdicts in the same way and changes none.

    Why: pools and servers finish out of order; one mistake gives every rollout the verdict of another.

    In training: rewards would be noise with the correct mean, which no metric shows.
    """
    samples = _mixed_samples(subject, example)
    order = draw_permutation(len(samples), draw)
    values, permuted = subject.values(samples), subject.values([samples[row] for row in order])
    expected = [values[row] for row in order]
    if permuted != expected:
        message = "the verdicts depend on the order of the samples"
        raise LawViolation(message, row=order, verdict=permuted, expected=expected)


@law("verifier")
def verdicts_batch_independent(subject: VerifierSubject, example: list[str], draw: Draw) -> None:
    """A sample gets the same verdict alone as in a batch.

    Why: with an incomplete cache key or a shared time limit, one rollout changes the verdict of another.

    In training: the reward of a rollout would depend on the other rollouts.
    """
    del draw
    samples = _mixed_samples(subject, example)
    together, alone = subject.values(samples), [subject.values([sample])[0] for sample in samples]
    if together != alone:
        raise LawViolation(
            "alone a sample gets another verdict than in a batch",
            completion=[shorten(sample.completion_text) for sample in samples],
            verdict=[str(value) for value in together],
            alone=[str(value) for value in alone],
        )


@law("verifier")
def unreadable_rows_move_no_verdict(subject: VerifierSubject, example: list[str], draw: Draw) -> None:
    """Among unreadable and hostile completions every row gets the verdict that it gets alone.

    Why: code that drops what it cannot read returns the other verdicts one row too early.

    In training: rollouts would be rewarded for their neighbors, in the batches with unreadable text only.
    """
    samples: list[Sample] = []
    for sample in _mixed_samples(subject, example):
        hostile = HOSTILE[draw(len(HOSTILE))]
        samples += [Sample("?", hostile, 0, subject.answer_format.reference), sample]
    together, alone = subject.values(samples), [subject.values([sample])[0] for sample in samples]
    if together != alone:
        raise LawViolation(
            "next to unreadable completions a sample gets another verdict than alone",
            completion=[shorten(sample.completion_text) for sample in samples],
            verdict=[str(value) for value in together],
            alone=[str(value) for value in alone],
        )


@law("verifier", run_once=True)
def empty_reference_pays_nothing(subject: VerifierSubject, example: None, draw: Draw) -> None:
    """An empty reference raises nothing, changes no other row, and no completion is correct for it.

    Why: an empty text is part of every text and equals every empty answer.

    In training: on prompts with an error in the data every rollout, or every empty one, would be paid.
    """
    del example
    right = subject.answer_format.reference
    answer = subject.answer_format.write(right)
    references = (right, subject.answer_format.near_miss(right, draw))
    if len(set(subject.values([Sample("?", answer, 0, reference) for reference in references]))) == 1:
        raise NotApplicable("it does not read the reference")
    for reference in EMPTY_REFERENCES:
        samples = [Sample("?", text, 0, reference) for text in (answer, "", " ", "None", "nan")]
        neighbor = Sample("?", answer, 0, right)
        *values, of_neighbor = subject.values([*samples, neighbor])
        for sample, value in zip(samples, values, strict=True):
            if value:
                message = f"the reference {reference!r} is empty, and a completion gets {value:g}"
                completion = [shorten(sample.completion_text)]
                raise LawViolation(message, reference=[repr(reference)], completion=completion, verdict=[value])
        (alone,) = subject.values([neighbor])
        if of_neighbor != alone:
            raise LawViolation(f"next to the empty reference {reference!r} a row gets {of_neighbor}, alone {alone}")


@law("verifier", run_once=True)
def samples_not_modified(subject: VerifierSubject, example: None, draw: Draw) -> None:
    """Messages, references and metadata are the same before and after.

    Why: other sources read the same objects, and trainers log and reuse them.

    In training: a source would judge what another one left, and logs would show texts that nobody wrote.
    """
    del example, draw
    right = subject.answer_format.reference
    message: Message = {"role": "assistant", "content": subject.answer_format.write(right)}
    sample = Sample([{"role": "user", "content": "?"}], [message], 0, [right], {"source": {"name": "a"}, "tags": ["b"]})
    before = copy.deepcopy((sample.prompt, sample.completion, sample.reference, dict(sample.meta)))
    subject.values([sample])
    after = (sample.prompt, sample.completion, sample.reference, dict(sample.meta))
    for name, old, new in zip(("prompt", "completion", "reference", "meta"), before, after, strict=True):
        if old != new:
            raise LawViolation(f"it modified the {name} of a sample", before=[str(old)], after=[str(new)])


@law("verifier", run_once=True)
def hostile_text_rejected(subject: VerifierSubject, example: None, draw: Draw) -> None:
    """Empty, malformed and hostile completions get 0; none raises, none is without a verdict.

    Why: rows without a verdict leave the batch, so a policy that cannot answer would learn to be unreadable.

    In training: unreadable text would cost nothing, and one completion could end the job.
    """
    del example, draw
    for text in HOSTILE:
        sample = Sample("?", text, 0, subject.answer_format.reference)
        _check_verdicts(subject, [sample], 0.0, "a completion without an answer is not incorrect")


@law("verifier", run_once=True)
def timeout_respected(subject: VerifierSubject, example: None, draw: Draw) -> None:
    """The verdict on an expensive answer comes within the timeout.

    Why: a power tower or a million digits blocks a computer-algebra system, and a signal cannot interrupt C code.

    In training: one completion would block all GPUs of the run.
    """
    del example, draw
    for text in EXPENSIVE:
        begin = monotonic()
        subject.verify([Sample("?", text, 0, subject.answer_format.reference)])
        seconds = monotonic() - begin
        if seconds > subject.timeout:
            message = f"it took {seconds:.1f} s; the timeout is {subject.timeout:g} s"
            raise LawViolation(message, completion=[shorten(text)])


@law("verifier", run_once=True)
def no_code_execution(subject: VerifierSubject, example: None, draw: Draw) -> None:
    """No completion and no reference is executed as code, neither in this process nor in one that it starts.

    Why: the policy writes this text, and with `eval` it controls the machine.

    In training: the policy could hack the reward through a shell.
    """
    del example, draw
    with tempfile.TemporaryDirectory() as folder:
        canary = Path(folder, CANARY)
        for number, text in enumerate(code_injections(str(canary)), start=1):
            with audit_events(EXECUTION_EVENTS) as events:
                subject.verify([Sample("?", text, 0, subject.answer_format.reference), Sample("?", text, 0, text)])
            executed = [event for event in events if CANARY in event]
            if executed or canary.exists():
                evidence = f"Python audit event {executed[0]}" if executed else "the file that it names exists"
                raise LawViolation(f"injection {number} was executed: {evidence}", completion=[shorten(text)])


@law("verifier", run_once=True)
def verifier_pickle_round_trip(subject: VerifierSubject, example: None, draw: Draw) -> None:
    """A pickled copy gives the same verdicts; it starts its own processes and sessions.

    Why: trainers send verifiers to worker processes.

    In training: the job would stop when its workers start.
    """
    del example
    answer_format = subject.answer_format
    samples = _mixed_samples(subject, [answer_format.draw(draw), answer_format.draw(lambda _: 0)])
    values = subject.values(samples)
    try:
        copied = pickle.loads(pickle.dumps(subject.verifier))  # noqa: S301 - our own bytes
        values_of_copy = [verdict.value for verdict in copied.verify(samples)]
    except Exception as error:
        raise LawViolation(f"its pickled copy raised {type(error).__name__}: {error}") from error
    close = getattr(copied, "close", None)
    if callable(close):
        close()
    if values != values_of_copy:
        raise LawViolation("its pickled copy gives other verdicts", verdict=values, of_the_copy=values_of_copy)


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
        first, second = subject.values([Sample("?", write(a), 0, b), Sample("?", write(b), 0, a)])
        if first != second:
            raise LawViolation(
                f"{a} for the reference {b} gets {first}, {b} for the reference {a} gets {second}",
                reference=[b, a],
                completion=[write(a), write(b)],
                verdict=[str(first), str(second)],
            )


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
    _check_verdicts(subject, samples, 1.0, "the answer in another format is rejected")


@law("verifier", universal=False)
def surrounding_text_invariance(subject: VerifierSubject, example: list[str], draw: Draw) -> None:
    """Sentences and blank lines before the answer change nothing.

    Why: the reasoning comes first; its length and language say nothing about the answer.

    In training: reasoning would be penalized.
    """
    text = " ".join(SENTENCES[draw(len(SENTENCES))] for _ in range(1 + draw(3)))
    gap = ("\n\n", " ", "\n   \n")[draw(3)]
    samples = [Sample("?", text + gap + subject.answer_format.write(answer), 0, answer) for answer in example]
    _check_verdicts(subject, samples, 1.0, "the answer after other text is rejected")


@law("reward model")
def scores_order_preserved(subject: RewardModelSubject, example: list[Sample], draw: Draw) -> None:
    """Permuting a batch permutes its scores in the same way and changes none, beyond rounding.

    Why: batches are sorted by length for speed, and the scores must be put back in order.

    In training: every rollout would be rewarded for the text of another.
    """
    order = draw_permutation(len(example), draw)
    permuted = np.empty(len(example))
    scores = subject.score(example).values
    permuted[order] = subject.score([example[row] for row in order]).values
    subject.check_equal(example, "the scores depend on the order of the samples", scores, permuted)


@law("reward model")
def scores_batch_independent(subject: RewardModelSubject, example: list[Sample], draw: Draw) -> None:
    """A completion gets the same score alone as in a batch, beyond rounding.

    Why: a score that changes with the batch is noise, and the normalization inside a stratum amplifies it.

    In training: the same rollout would be better or worse depending on which others were sampled.
    """
    del draw
    together = subject.score(example).values
    alone = np.array([subject.score([sample]).values[0] for sample in example])
    subject.check_equal(example, "alone a completion gets another score than in a batch", together, alone)


@law("reward model", costly=True)
def padding_invariance(subject: RewardModelSubject, example: list[Sample], draw: Draw) -> None:
    """A much longer completion in the batch, which pads the others, changes no score.

    Why: without an attention mask the model reads its padding; only long completions show it.

    In training: short answers would be scored by the length of the longest answer in their batch.
    """
    long = Sample("p", " ".join([SENTENCES[draw(3)]] * NUM_PADDING_SENTENCES), "long")
    scores, padded = subject.score(example).values, subject.score([*example, long]).values[: len(example)]
    subject.check_equal(example, "next to a long completion the scores change", scores, padded)


@law("reward model")
def finite_scores(subject: RewardModelSubject, example: list[Sample], draw: Draw) -> None:
    """Every ordinary completion gets a finite score.

    Why: a row without a score leaves the batch, and its group gets smaller.

    In training: groups of one would remain, from which nothing can be learned.
    """
    del draw
    scores = subject.score(example).values
    if not np.isfinite(scores).all():
        completions = [shorten(sample.completion_text) for sample in example]
        raise LawViolation("a score is not finite", completion=completions, score=scores)


@law("reward model", run_once=True)
def hostile_text_scored_or_failed(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """Empty, malformed and hostile text gets a finite score, or NaN with the status failed or unparsed; nothing raises.

    Why: the policy writes all of these in its first thousand steps.

    In training: one completion would end the job.
    """
    del example, draw
    for text in HOSTILE:
        scores = subject.score([Sample("p", text, 0)])
        if not np.isfinite(scores.values[0]) and scores.statuses[0] not in (Status.FAILED, Status.UNPARSED):
            raise LawViolation("the score is NaN without the status failed or unparsed", completion=[shorten(text)])


@law("reward model", run_once=True)
def reward_model_pickle_round_trip(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """A pickled copy gives the same scores; it opens its own session.

    Why: trainers send reward models to worker processes.

    In training: the job would stop when its workers start.
    """
    del example, draw
    samples = [Sample("p", text, 0) for text in SENTENCES]
    scores = subject.score(samples).values
    try:
        copied = replace(subject, reward_model=pickle.loads(pickle.dumps(subject.reward_model)))  # noqa: S301 - our own bytes
    except Exception as error:
        raise LawViolation(f"pickling raised {type(error).__name__}: {error}") from error
    subject.check_equal(samples, "its pickled copy gives other scores", scores, copied.score(samples).values)


@law("reward model", universal=False, run_once=True)
def truncation_reported(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """A completion that is too long to be read to the end gets a score and a reason that says so.

    Why: the score of half an answer looks like any other score.

    In training: long answers would be scored by a part of their text, without a warning.
    """
    del example, draw
    long = Sample("p", " ".join([SENTENCES[0]] * NUM_TRUNCATED_SENTENCES), 0)
    scores = subject.score([long, Sample("p", SENTENCES[0], 0)])
    if not scores.reasons[0]:
        sentences = f"{NUM_TRUNCATED_SENTENCES} sentences"
        raise LawViolation(f"{sentences} get the score {scores.values[0]:g} without a reason that mentions truncation")
    if scores.reasons[1]:
        raise LawViolation(f"one sentence gets a reason, although it is not truncated: {scores.reasons[1]}")


def _mixed_samples(subject: VerifierSubject, answers: list[str]) -> list[Sample]:
    """Return every answer with its own reference and with the reference of another answer."""
    write = subject.answer_format.write
    correct = [Sample("?", write(answer), answer, answer) for answer in answers]
    return correct + [Sample("?", write(answer), answer, answers[i - 1]) for i, answer in enumerate(answers)]


def _check_verdicts(subject: VerifierSubject, samples: list[Sample], value: float, message: str) -> None:
    """Raise `LawViolation` for the first sample with another verdict."""
    for sample, verdict in zip(samples, subject.verify(samples), strict=True):
        if verdict.value != value:
            reason = f": {verdict.reason}" if verdict.reason else ""
            raise LawViolation(
                f"{message}: expected {value:g}, got {verdict.value} ({verdict.status.value}{reason})",
                reference=[sample.reference],
                completion=[shorten(sample.completion_text)],
                verdict=[str(verdict.value)],
            )
