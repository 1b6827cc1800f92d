"""Laws of reward models."""

import copy
import pickle
import threading
from dataclasses import replace
from time import monotonic

import numpy as np

from herokit.conversations.messages import Message
from herokit.testing.batches import Draw
from herokit.testing.law import LawViolation, law
from herokit.testing.laws.helpers import draw_permutation
from herokit.testing.samples import COMPLETIONS, FORMATTED, HOSTILE, MANY_COMPLETIONS, SENTENCES
from herokit.testing.text_subjects import RewardModelSubject, shorten
from herokit.types import Sample, Status

__all__ = [
    "completion_matters",
    "ends_matter",
    "failure_is_not_zero",
    "finite_scores",
    "hostile_text_scored_or_failed",
    "messages_score_like_text",
    "padding_invariance",
    "prompt_matters",
    "repeated_scores_agree",
    "reward_model_pickle_round_trip",
    "scores_are_not_probabilities",
    "scores_batch_independent",
    "scores_in_a_thread",
    "scores_leave_samples",
    "scores_order_preserved",
    "scores_unsaturated",
    "truncation_reported",
]

NUM_PADDING_SENTENCES = 400
"""Sentences of a completion next to which all others are mostly padding."""

NUM_TRUNCATED_SENTENCES = 20_000
"""Sentences of a completion that no model can read to the end."""

NUM_PAGE_SENTENCES = 400
"""Sentences of some pages: about 4,000 tokens."""

NUM_CALLS = 300
CALL_SECONDS = 2.0
THREAD_SECONDS = 60.0

PROMPTS = ("What is the capital of France?", "Write a poem about rain.", "3 + 4?")
LONG_TEXTS = (" ".join([SENTENCES[1]] * NUM_PAGE_SENTENCES), "a" * 50_000)

_IN_MESSAGES: tuple[list[Message], list[Message]] = (
    [{"role": "user", "content": PROMPTS[0]}],
    [{"role": "assistant", "content": COMPLETIONS[0]}],
)


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


@law("reward model", run_once=True)
def completion_matters(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """Not every completion gets the same score.

    Why: a model whose head is missing, or that reads the prompt alone, gives one number to all rollouts of a group.

    In training: the reward model would teach nothing, and no metric of its mean would show it.
    """
    del example, draw
    samples = [Sample("What is it?", text, 0) for text in (*MANY_COMPLETIONS, *FORMATTED, LONG_TEXTS[0])]
    scores = subject.score(samples).values
    if len(set(scores.tolist())) == 1:
        raise LawViolation("different completions get one score", **subject.columns(samples[:2], score=scores[:2]))


@law("reward model", universal=False, run_once=True)
def prompt_matters(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """The same completion gets another score for another prompt.

    Why: without the prompt a model cannot tell an answer from an answer to something else.

    In training: the policy would write one text that the model likes, whatever was asked.
    """
    del example, draw
    samples = [Sample(prompt, COMPLETIONS[0], 0) for prompt in PROMPTS]
    scores = subject.score(samples).values
    if len(set(scores.tolist())) == 1:
        prompts = [sample.prompt_text for sample in samples[:2]]
        raise LawViolation("for different prompts a completion gets one score", prompt=prompts, score=scores[:2])


@law("reward model", universal=False, run_once=True)
def ends_matter(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """Another first or last sentence of a completion of some pages changes its score, or a reason says what was cut off.

    Why: a text that is cut to fit loses its beginning or its answer.

    In training: what the policy writes beyond the limit would cost nothing and earn nothing.
    """
    del example, draw
    pages = " ".join([SENTENCES[1]] * NUM_PAGE_SENTENCES)
    for where, texts in {
        "first": [f"{end} {pages}" for end in COMPLETIONS],
        "last": [f"{pages} {end}" for end in COMPLETIONS],
    }.items():
        scores = subject.score([Sample("What is it?", text, 0) for text in texts])
        if len(set(scores.values.tolist())) == 1 and not any(scores.reasons):
            cut = [shorten(text) if where == "first" else shorten(f"..{text[-40:]}") for text in texts[:2]]
            message = f"another {where} sentence changes no score, and no reason says that the text was cut"
            raise LawViolation(message, completion=cut, score=scores.values[:2])


@law("reward model", universal=False, run_once=True)
def scores_unsaturated(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """Most different completions get different scores.

    Why: a model that clips, rounds or saturates gives the best rollouts of a group the same score.

    In training: among good rollouts there would be nothing left to learn.
    """
    del example, draw
    samples = [Sample("What is it?", text, 0) for text in MANY_COMPLETIONS]
    scores = subject.score(samples).values.tolist()
    most = max(set(scores), key=scores.count)
    if scores.count(most) > len(scores) // 2:
        rows = [row for row, score in enumerate(scores) if score == most][:2]
        message = f"{scores.count(most)} of {len(scores)} different completions get the score {most:g}"
        raise LawViolation(message, **subject.columns([samples[row] for row in rows], score=[most, most]))


@law("reward model", universal=False, run_once=True)
def scores_are_not_probabilities(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """Some score lies outside [0, 1]: the model gives logits.

    Why: a sigmoid squeezes the differences among good completions, and what follows expects the unit of the model.

    In training: the best rollouts would differ by less than the noise.
    """
    del example, draw
    samples = [Sample(prompt, text, 0) for prompt in PROMPTS for text in MANY_COMPLETIONS]
    scores = subject.score(samples).values
    if ((scores >= 0.0) & (scores <= 1.0)).all():
        rows = [int(scores.argmin()), int(scores.argmax())]
        message = f"all {len(scores)} scores lie between {scores.min():g} and {scores.max():g}, like probabilities"
        raise LawViolation(message, **subject.columns([samples[row] for row in rows], score=scores[rows]))


@law("reward model", universal=False, run_once=True)
def failure_is_not_zero(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """Texts that a model cannot read do not get the score 0, if no ordinary text does.

    Why: 0 is a score like any other: better than every negative logit.

    In training: the policy would learn to write what the model fails on.
    """
    del example, draw
    ordinary = subject.score([Sample("What is it?", text, 0) for text in MANY_COMPLETIONS]).values
    samples = [Sample("What is it?", text, 0) for text in (*HOSTILE, *LONG_TEXTS)]
    zeros = [sample for sample in samples if subject.score([sample]).values[0] == 0.0]
    if zeros and (ordinary != 0.0).all():
        raise LawViolation("a text gets exactly 0, as if it had failed", **subject.columns(zeros[:1], score=[0.0]))


@law("reward model", run_once=True)
def repeated_scores_agree(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """After many calls the scores are the same, beyond rounding.

    Why: dropout that is left on, random numbers, clocks and running statistics show after more than one call.

    In training: the same rollout would be better in one step and worse in the next.
    """
    del example, draw
    samples = [Sample(prompt, text, 0) for prompt in PROMPTS[:2] for text in COMPLETIONS]
    first, begin = subject.score(samples).values, monotonic()
    for call in range(1, NUM_CALLS + 1):
        scores = subject.score(samples).values
        subject.check_equal(samples, f"call {call} gives other scores", first, scores)
        if monotonic() - begin > CALL_SECONDS:
            return


@law("reward model", run_once=True)
def scores_in_a_thread(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """In another thread the scores are the same, beyond rounding.

    Why: trainers score from a pool of threads; a session or a signal that belongs to one thread fails there.

    In training: the reward would fail, or mix rows, only under load.
    """
    del example, draw
    samples = [Sample("What is it?", text, 0) for text in COMPLETIONS]
    expected = subject.score(samples).values
    outcomes: list[object] = []

    def score() -> None:
        try:
            outcomes.append(subject.score(samples).values)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that asks
            outcomes.append(error)

    thread = threading.Thread(target=score, daemon=True)
    thread.start()
    thread.join(THREAD_SECONDS)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise LawViolation(f"in a thread {getattr(outcome, 'message', outcome)}")
        subject.check_equal(samples, "in a thread the scores differ", expected, np.asarray(outcome))


@law("reward model", run_once=True)
def scores_leave_samples(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """Messages and metadata are the same before and after.

    Why: other sources read the same objects, and trainers log and reuse them.

    In training: a source would judge what another one left, and logs would show texts that nobody wrote.
    """
    del example, draw
    metadata = {"source": {"name": "a"}, "tags": ["b"]}
    in_texts = Sample(PROMPTS[0], COMPLETIONS[0], 0, None, metadata)
    in_messages = Sample(*copy.deepcopy(_IN_MESSAGES), 0, None, copy.deepcopy(metadata))
    for sample in (in_texts, in_messages):
        before = copy.deepcopy((sample.prompt, sample.completion, dict(sample.meta)))
        try:
            subject.score([sample])
        except LawViolation:
            if sample is in_texts:
                raise
            continue  # it may read texts only
        after = (sample.prompt, sample.completion, dict(sample.meta))
        for name, old, new in zip(("prompt", "completion", "meta"), before, after, strict=True):
            if old != new:
                raise LawViolation(f"it modified the {name} of a sample", before=[str(old)], after=[str(new)])


@law("reward model", universal=False, run_once=True)
def messages_score_like_text(subject: RewardModelSubject, example: None, draw: Draw) -> None:
    """A prompt and a completion as messages get the score that they get as texts, beyond rounding.

    Why: trainers hand over either; a model that prints the list of messages scores brackets and quotes.

    In training: the reward would depend on the layout of the data.
    """
    del example, draw
    prompt, completion = _IN_MESSAGES
    samples = [Sample(prompt, completion, 0), Sample(str(prompt[0]["content"]), str(completion[0]["content"]), 0)]
    scores = subject.score(samples).values
    subject.check_equal(samples[:1], "messages get another score than the same texts", scores[:1], scores[1:])
