"""Laws of verifiers and reward functions about how they run: order, batches, copies, threads, time, side effects."""

import copy
import pickle
import random
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from herokit.conversations.messages import Message
from herokit.testing.batches import Draw
from herokit.testing.law import LawViolation, NotApplicable, law
from herokit.testing.laws.helpers import (
    audit_events,
    check_reads_reference,
    compare_values,
    describe_rows,
    draw_permutation,
    mixed_samples,
)
from herokit.testing.samples import CANARY, EXPENSIVE, code_injections
from herokit.testing.subjects import notify_call
from herokit.testing.text_subjects import AnswerSubject, shorten
from herokit.types import Sample

__all__ = [
    "accepts_trainer_arguments",
    "answers_in_a_thread",
    "fresh_process_agrees",
    "no_code_execution",
    "random_numbers_not_reset",
    "repeated_calls_agree",
    "samples_not_modified",
    "separate_calls_agree",
    "timeout_respected",
    "verdicts_batch_independent",
    "verdicts_order_preserved",
    "verifier_pickle_round_trip",
]

EXECUTION_EVENTS = frozenset({"os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "exec", "compile"})
"""Audit events of executed text; they count if they name the canary."""

NUM_CALLS = 3000
"""Calls after which the values must be the same."""

CALL_SECONDS = 3.0
"""Wall time for these calls; a slow source makes fewer."""

MAX_LEFT_OPEN = 50
"""Descriptors or threads that many calls may leave open."""

MAX_FIRST_SEEN = 5
"""Answers that are tried first with one reference and then with another; an odd number."""

THREAD_SECONDS = 30.0
PROCESS_SECONDS = 30.0


@law("verifier", "reward function")
def verdicts_order_preserved(subject: AnswerSubject, example: list[str], draw: Draw) -> None:
    """Permuting a batch permutes its values in the same way and changes none.

    Why: pools and servers finish out of order; one mistake gives every rollout the value of another.

    In training: rewards would be noise with the correct mean, which no metric shows.
    """
    samples = mixed_samples(subject, example)
    seeds = [draw(1 << 16) for _ in range(3)]

    def permuted(rows: list[Sample]) -> list[float | None]:
        for seed in seeds:
            order = draw_permutation(len(rows), lambda n, seed=seed: seed % n)  # type: ignore[misc]
            values: list[float | None] = [None] * len(rows)
            for row, value in zip(order, subject.values([rows[row] for row in order]), strict=True):
                values[row] = value
            if values != subject.values(rows):
                break
        return values

    compare_values(subject, samples, "the values depend on the order of the samples", "in another order", permuted)


@law("verifier", "reward function")
def verdicts_batch_independent(subject: AnswerSubject, example: list[str], draw: Draw) -> None:
    """A sample gets the same value alone as in a batch.

    Why: with an incomplete cache key or a shared time limit, one rollout changes the value of another.

    In training: the reward of a rollout would depend on the other rollouts.
    """
    del draw
    message = "alone a sample gets another value than in a batch"
    samples = mixed_samples(subject, example)
    compare_values(subject, samples, message, "alone", lambda rows: [subject.values([row])[0] for row in rows])


@law("verifier", "reward function", run_once=True)
def separate_calls_agree(subject: AnswerSubject, example: None, draw: Draw) -> None:
    """In calls one after the other, each completion is judged by its own reference, prompt and thinking.

    Why: a cache with an incomplete key returns what it computed for another row, hours later.

    In training: a completion that was right for one prompt would be paid for all of them.
    """
    del example, draw
    right, write = subject.answer_format.reference, subject.answer_format.write
    wrong = subject.answer_format.near_miss(right, lambda n: n - 1)
    texts = [write(right), write(wrong)]
    samples = [
        Sample(prompt, text, 0, reference)
        for prompt in ("a prompt of its own", "another prompt")
        for text in texts
        for reference in (right, wrong)
    ]
    together, apart = subject.values(samples), [subject.values([sample])[0] for sample in reversed(samples)][::-1]
    for i, (sample, value) in enumerate(zip(samples, apart, strict=True)):
        if value != together[i]:
            message = "in a call of its own a sample gets another value than in a batch"
            raise LawViolation(message, **describe_rows([sample], value=[together[i]], alone=[value]))
    check_reads_reference(subject)
    if together[0] != together[1] or together[2] != together[3]:
        return
    first_seen, then = _first_seen_with(subject)
    values = [subject.values([sample])[0] for sample in first_seen]
    paid, unpaid = ([value for value in part if value is not None] for part in (values[1::2], values[::2]))
    if len(paid) + len(unpaid) < len(values) or min(paid, default=0.0) <= max(unpaid, default=0.0):
        return
    if values == [subject.values([sample])[0] for sample in then]:
        message = "the value does not depend on the reference: the first one that was seen decides"
        raise LawViolation(message, **describe_rows(first_seen, value=values))


def _first_seen_with(subject: AnswerSubject) -> tuple[list[Sample], list[Sample]]:
    """Return completions with answers that are tried nowhere else, first every second one right, then the others.

    They are sorted, so that a verifier without a reference, which may like long texts or large numbers, values none so.
    """
    answer_format = subject.answer_format
    right = answer_format.reference
    near = [answer for first in answer_format.near_misses(right) for answer in answer_format.near_misses(first)]
    answers = [answer for answer in dict.fromkeys(near) if answer != right][:MAX_FIRST_SEEN]
    answers = sorted(answers, key=lambda answer: (len(answer), answer))[: len(answers) - 1 + len(answers) % 2]
    texts = [f"{answer_format.write(answer)}\n" for answer in answers]

    def samples(first_right: int) -> list[Sample]:
        references = [answer if i % 2 == first_right else right for i, answer in enumerate(answers)]
        return [Sample("a third prompt", text, 0, each) for text, each in zip(texts, references, strict=True)]

    return samples(1), samples(0)


@law("verifier", "reward function", run_once=True)
def repeated_calls_agree(subject: AnswerSubject, example: None, draw: Draw) -> None:
    """After 3,000 calls the values are the same, and neither files nor threads stay open.

    Why: random numbers, clocks, counters and leaks show only after many calls.

    In training: the same rollout would be right in one step and wrong in the next, or the job would stop after hours.
    """
    del example, draw
    samples = mixed_samples(subject, [subject.answer_format.reference, subject.answer_format.draw(lambda n: n // 2)])
    first, before, begin = subject.values(samples), _open_resources(), monotonic()
    for call in range(1, NUM_CALLS + 1):
        sample, expected = samples[call % len(samples)], first[call % len(samples)]
        (value,) = subject.values([sample])
        if value != expected:
            message = f"call {call} gives another value for the same sample"
            raise LawViolation(message, **describe_rows([sample], first=[expected], then=[value]))
        if monotonic() - begin > CALL_SECONDS:
            break
    for what, count in _open_resources().items():
        if count > before[what] + MAX_LEFT_OPEN:
            raise LawViolation(f"{call} calls left {count - before[what]} {what} open")


def _open_resources() -> dict[str, int]:
    folder = Path("/proc/self/fd")
    return {"threads": threading.active_count(), "files": len(list(folder.iterdir())) if folder.is_dir() else 0}


@law("verifier", "reward function", run_once=True)
def answers_in_a_thread(subject: AnswerSubject, example: None, draw: Draw) -> None:
    """In another thread, and in several threads at once, the values are the same.

    Why: trainers call rewards from a pool of threads; signals work in the main thread only, and shared buffers mix rows.

    In training: the reward would fail, or give every rollout the value of another, only under load.
    """
    del example, draw
    samples = mixed_samples(subject, [subject.answer_format.reference, subject.answer_format.draw(lambda n: n // 2)])
    expected = subject.values(samples)
    outcomes: list[list[float | None]] = []
    errors: list[BaseException] = []

    def judge() -> None:
        try:
            outcomes.extend(subject.values(samples) for _ in range(5))
        except BaseException as error:  # noqa: BLE001 - raised in the thread that asks
            errors.append(error)

    threads = [threading.Thread(target=judge, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(THREAD_SECONDS)
    if errors:
        raise LawViolation(f"in a thread {getattr(errors[0], 'message', errors[0])}", **describe_rows(samples[:1]))
    for values in outcomes:
        if values != expected:
            row = next(i for i, value in enumerate(values) if value != expected[i])
            columns = describe_rows([samples[row]], value=[expected[row]], in_a_thread=[values[row]])
            raise LawViolation("in a thread a sample gets another value", **columns)


@law("verifier", "reward function", run_once=True)
def samples_not_modified(subject: AnswerSubject, example: None, draw: Draw) -> None:
    """Messages, references and metadata are the same before and after.

    Why: other sources read the same objects, and trainers log and reuse them.

    In training: a source would judge what another one left, and logs would show texts that nobody wrote.
    """
    del example, draw
    right = subject.answer_format.reference
    text = subject.answer_format.write(right)
    message: Message = {"role": "assistant", "content": text}
    metadata = {"source": {"name": "a"}, "tags": ["b"]}
    prompt: list[Message] = [{"role": "user", "content": "?"}]
    in_messages = [
        Sample(prompt, [dict(message)], 0, reference, copy.deepcopy(metadata))  # type: ignore[list-item]
        for reference in (right, [right])
    ]
    in_texts = Sample("?", text, 0, right, metadata)
    for sample in (in_texts, *in_messages):
        before = copy.deepcopy((sample.prompt, sample.completion, sample.reference, dict(sample.meta)))
        try:
            subject.values([sample])
        except LawViolation:
            if subject.kind == "verifier" or sample is in_texts:
                raise
            continue  # a reward function may read texts only
        after = (sample.prompt, sample.completion, sample.reference, dict(sample.meta))
        for name, old, new in zip(("prompt", "completion", "reference", "meta"), before, after, strict=True):
            if old != new:
                raise LawViolation(f"it modified the {name} of a sample", before=[str(old)], after=[str(new)])


@law("verifier", "reward function", run_once=True)
def random_numbers_not_reset(subject: AnswerSubject, example: None, draw: Draw) -> None:
    """After a call the random numbers of Python and of numpy go on from where they were: no call sets their seed.

    Why: a seed that is set in a reward is set for the sampler, the data loader and every other reward, too.

    In training: every step would draw the same random numbers, and the rollouts of a group would be alike.
    """
    del example, draw
    sample = Sample(
        "?", subject.answer_format.write(subject.answer_format.reference), 0, subject.answer_format.reference
    )
    before = random.getstate(), np.random.get_state()  # noqa: NPY002 - what a reward may have set
    states: list[tuple[Any, str]] = []
    try:
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002 - what a reward may have set
            subject.values([sample])
            states.append((random.getstate(), str(np.random.get_state())))  # noqa: NPY002 - what a reward may have set
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002 - what a reward may have set
    for name, first, second in zip(("random", "numpy.random"), *states, strict=True):
        if first == second:
            raise LawViolation(f"a call sets the seed of {name}", **describe_rows([sample]))


@law("verifier", "reward function", run_once=True)
def timeout_respected(subject: AnswerSubject, example: None, draw: Draw) -> None:
    """The value of an expensive answer comes within the timeout.

    Why: a power tower or a million digits blocks a computer-algebra system, and a signal cannot interrupt C code.

    In training: one completion would block all GPUs of the run.
    """
    del example, draw
    for text in EXPENSIVE:
        begin = monotonic()
        subject.values([Sample("?", text, 0, subject.answer_format.reference)])
        seconds = monotonic() - begin
        if seconds > subject.timeout:
            message = f"it took {seconds:.1f} s; the timeout is {subject.timeout:g} s"
            raise LawViolation(message, completion=[shorten(text)])


@law("verifier", "reward function", run_once=True)
def no_code_execution(subject: AnswerSubject, example: None, draw: Draw) -> None:
    """No completion and no reference is executed as code, neither in this process nor in one that it starts.

    Why: the policy writes this text, and with `eval` it controls the machine.

    In training: the policy could hack the reward through a shell.
    """
    del example, draw
    with tempfile.TemporaryDirectory() as folder:
        canary = Path(folder, CANARY)
        for number, text in enumerate(code_injections(str(canary)), start=1):
            with audit_events(EXECUTION_EVENTS) as events:
                subject.values([Sample("?", text, 0, subject.answer_format.reference), Sample("?", text, 0, text)])
            executed = [event for event in events if CANARY in event]
            if executed or canary.exists():
                evidence = f"Python audit event {executed[0]}" if executed else "the file that it names exists"
                raise LawViolation(f"injection {number} was executed: {evidence}", completion=[shorten(text)])


@law("verifier", "reward function", run_once=True)
def verifier_pickle_round_trip(subject: AnswerSubject, example: None, draw: Draw) -> None:
    """A pickled copy gives the same values; it starts its own processes and sessions.

    Why: trainers send verifiers to worker processes.

    In training: the job would stop when its workers start.
    """
    del example
    answer_format = subject.answer_format
    samples = mixed_samples(subject, [answer_format.draw(draw), answer_format.draw(lambda _: 0)])
    values = subject.values(samples)
    try:
        copied = replace(subject, source=pickle.loads(pickle.dumps(subject.source)))  # noqa: S301 - our own bytes
        values_of_copy = copied.values(samples)
    except Exception as error:
        raise LawViolation(f"its pickled copy raised {type(error).__name__}: {error}") from error
    close = getattr(copied.source, "close", None)
    if callable(close):
        close()
    if values != values_of_copy:
        raise LawViolation("its pickled copy gives other values", value=values, of_the_copy=values_of_copy)


@law("reward function", run_once=True)
def accepts_trainer_arguments(subject: AnswerSubject, example: None, draw: Draw) -> None:
    """A reward function takes every argument that its trainer passes: TRL passes all columns, verl four texts.

    Why: the columns of the data and the arguments of the next release are not in the signature.

    In training: the job would stop at the first reward, after the models are loaded.
    """
    del example, draw
    source = subject.source
    if source.style not in ("trl", "verl", "openrlhf"):
        raise NotApplicable("no trainer calls it with more than it takes")
    if source.missing_arguments:
        names = ", ".join("**kwargs" if name == "**" else name for name in source.missing_arguments)
        raise LawViolation(f"{source.style} passes more arguments than it takes; add {names}")


_FRESH = (
    "import pickle, sys; read = lambda: pickle.load(sys.stdin.buffer); sys.path[:] = read(); kind, source, samples = read();"
    "sys.stdout.buffer.write(b'values' + pickle.dumps(kind(source).values(samples)))"
)


@law("verifier", "reward function", run_once=True)
def fresh_process_agrees(subject: AnswerSubject, example: None, draw: Draw) -> None:
    """A new process gives the same values, with another seed of hashes.

    Why: `hash` of a text differs in every process, and a warm cache hides what the code would say today.

    In training: the workers of one job would disagree, and a resumed run would have other rewards.
    """
    del example, draw
    samples = mixed_samples(subject, [subject.answer_format.reference, subject.answer_format.draw(lambda n: n // 2)])
    values = subject.values(samples)
    try:
        data = pickle.dumps(sys.path) + pickle.dumps((type(subject), subject.source, subject.prepare(samples)))
    except Exception as error:  # noqa: BLE001 - the law of pickling says so
        raise NotApplicable(f"it cannot be pickled: {error}") from None
    notify_call(PROCESS_SECONDS)
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", _FRESH], input=data, capture_output=True, timeout=PROCESS_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotApplicable(f"a new process took more than {PROCESS_SECONDS:g} s") from None
    _, mark, answer = done.stdout.partition(b"values")
    if not mark:
        raise NotApplicable(f"a new process cannot load it: {done.stderr.decode(errors='replace').strip()[-200:]}")
    fresh: list[Any] = pickle.loads(answer)  # noqa: S301 - our own bytes
    for sample, value, then in zip(samples, values, fresh, strict=True):
        if value != then:
            columns = describe_rows([sample], value=[value], in_a_new_process=[then])
            raise LawViolation("a new process gives another value", **columns)
