"""Laws of verifiers: right is right however it is written, and nothing a policy writes can hurt."""

import pickle
import tempfile
from pathlib import Path
from time import monotonic

from herokit.testing.asked import VerifierSubject, short
from herokit.testing.audit_hooks import watched
from herokit.testing.law import Choose, law
from herokit.testing.laws.order import shuffled
from herokit.testing.samples import CANARY, HOSTILE, PROSE, SLOW, attacks
from herokit.testing.verdict import Broken, Moot
from herokit.types import Sample

RUNS = frozenset({"os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "exec", "compile"})
"""Audit events of text that is run; they count where the canary is named."""


def _pose(subject: VerifierSubject, answers: list[str]) -> list[Sample]:
    """Pose right and wrong answers alike: every answer against its own reference and against the next one's."""
    write = subject.answer_format.write
    right = [Sample("?", write(answer), answer, answer) for answer in answers]
    return right + [Sample("?", write(answer), answer, answers[i - 1]) for i, answer in enumerate(answers)]


def _expect(subject: VerifierSubject, samples: list[Sample], value: float, message: str) -> None:
    """Raise `Broken` with the first sample that is not judged as it should be."""
    for sample, verdict in zip(samples, subject.ask(samples), strict=True):
        if verdict.value != value:
            raise Broken(
                f"{message}: expected {value:g}, got {verdict.value} ({verdict.status.value}"
                f"{': ' + verdict.reason if verdict.reason else ''})",
                reference=[sample.reference],
                completion=[short(sample.completion)],
                verdict=[str(verdict.value)],
            )


@law("verifier")
def reference_accepted(subject: VerifierSubject, case: list[str], choose: Choose) -> None:
    """A completion that gives the reference as its answer is right.

    Why: the least a verifier must accept; its failures are rewards of 0 for perfect answers.

    In training: the policy would be punished for the very answer in the data.
    """
    del choose
    samples = [Sample("?", subject.answer_format.write(answer), answer, answer) for answer in case]
    _expect(subject, samples, 1.0, "the reference itself is refused")


@law("verifier")
def near_miss_rejected(subject: VerifierSubject, case: list[str], choose: Choose) -> None:
    """An answer that is a little off - a digit more, one too many, another sign - is wrong.

    Why: a verifier that looks for the reference inside the answer accepts 123 for 12.

    In training: the policy would learn to list numbers until one of them contains the answer.
    """
    wrong = [(answer, subject.answer_format.near_miss(answer, choose)) for answer in case]
    samples = [Sample("?", subject.answer_format.write(other), answer, answer) for answer, other in wrong]
    _expect(subject, samples, 0.0, "a wrong answer is accepted")


@law("verifier")
def verdicts_order_preserved(subject: VerifierSubject, case: list[str], choose: Choose) -> None:
    """Reordering a batch reorders its verdicts and changes none.

    Why: pools and servers finish out of order; one slip gives every rollout its neighbour's verdict.

    In training: rewards would be noise with the right mean, which no metric shows.
    """
    samples = _pose(subject, case)
    order = shuffled(len(samples), choose)
    here, there = subject.values(samples), subject.values([samples[row] for row in order])
    if there != [here[row] for row in order]:
        raise Broken(
            "another order gives other verdicts", order=order, verdict=there, by_row=[here[row] for row in order]
        )


@law("verifier")
def verdicts_batch_independent(subject: VerifierSubject, case: list[str], choose: Choose) -> None:
    """A sample gets the same verdict alone as in a batch.

    Why: a cache with too coarse a key, or a shared budget of time, lets one rollout decide about another.

    In training: a rollout's reward would depend on who else was sampled.
    """
    del choose
    samples = _pose(subject, case)
    whole, alone = subject.values(samples), [subject.values([sample])[0] for sample in samples]
    if whole != alone:
        raise Broken(
            "alone a sample gets another verdict",
            completion=[short(sample.completion) for sample in samples],
            verdict=[str(value) for value in whole],
            alone=[str(value) for value in alone],
        )


@law("verifier", once=True)
def hostile_text_rejected(subject: VerifierSubject, case: object, choose: Choose) -> None:
    """Empty, broken and hostile completions get 0; none raises, none is left without a verdict.

    Why: what abstains is dropped from the batch, so a policy that cannot answer would learn to be unreadable.

    In training: garbage would cost nothing, and one bad completion could end the job.
    """
    del case, choose
    for text in HOSTILE:
        _expect(
            subject,
            [Sample("?", text, 0, subject.answer_format.reference)],
            0.0,
            "a completion without an answer is not wrong",
        )


@law("verifier", once=True)
def timeout_respected(subject: VerifierSubject, case: object, choose: Choose) -> None:
    """An expensive answer is judged within the limit.

    Why: a power tower or a million digits hangs a computer-algebra system, and a signal cannot stop C code.

    In training: one completion would freeze every GPU of the run.
    """
    del case, choose
    for text in SLOW:
        begun = monotonic()
        subject.ask([Sample("?", text, 0, subject.answer_format.reference)])
        spent = monotonic() - begun
        if spent > subject.timeout:
            raise Broken(f"it took {spent:.1f} s, its limit is {subject.timeout:g} s", completion=[short(text)])


@law("verifier", once=True)
def no_code_execution(subject: VerifierSubject, case: object, choose: Choose) -> None:
    """No completion and no reference is run as code, by this process or by one it starts.

    Why: the policy writes this text; eval gives it the machine.

    In training: the reward hack would be a shell.
    """
    del case, choose
    with tempfile.TemporaryDirectory() as folder:
        canary = Path(folder, CANARY)
        for number, text in enumerate(attacks(str(canary)), start=1):
            with watched(RUNS) as events:
                subject.ask([Sample("?", text, 0, subject.answer_format.reference), Sample("?", text, 0, text)])
            ran = [event for event in events if CANARY in event]
            if ran or canary.exists():
                how = f"Python was asked to {ran[0]}" if ran else "the file it names was made"
                raise Broken(f"attack {number} was run: {how}", completion=[short(text)])


@law("verifier", once=True)
def verifier_pickle_round_trip(subject: VerifierSubject, case: object, choose: Choose) -> None:
    """A pickled copy judges alike: it leaves processes and sessions behind and opens its own.

    Why: trainers send verifiers to workers.

    In training: the job would die when its workers start.
    """
    del case
    samples = _pose(subject, [subject.answer_format.draw(choose), subject.answer_format.draw(lambda _: 0)])
    here = subject.values(samples)
    try:
        copied = pickle.loads(pickle.dumps(subject.thing))  # noqa: S301 - we made these bytes
        there = [verdict.value for verdict in copied.verify(samples)]
    except Exception as error:
        raise Broken(f"its pickled copy raised {type(error).__name__}: {error}") from error
    close = getattr(copied, "close", None)
    if callable(close):
        close()
    if here != there:
        raise Broken("its pickled copy judges otherwise", verdict=here, of_the_copy=there)


@law("verifier", universal=False, once=True)
def missing_reference_abstains(subject: VerifierSubject, case: object, choose: Choose) -> None:
    """Without a reference there is no verdict: None, and not 0.

    Why: a missing reference is the data's fault; a 0 would punish the policy for it.

    In training: prompts without a gold answer would push probability away from whatever was tried.
    """
    del case
    (verdict,) = subject.ask([Sample("?", subject.answer_format.write(subject.answer_format.draw(choose)), 0, None)])
    if verdict.value is not None:
        raise Broken(f"without a reference it says {verdict.value:g}")


@law("verifier", universal=False, once=True)
def symmetric_equivalence(subject: VerifierSubject, case: object, choose: Choose) -> None:
    """If a is accepted where b is the reference, b is accepted where a is.

    Why: which of two forms the data holds is chance.

    In training: half the prompts would refuse an answer that the other half accepts.
    """
    del case, choose
    if not subject.answer_format.equivalents:
        raise Moot(f"no two answers mean the same in {subject.answer_format.name}")
    write = subject.answer_format.write
    for one, other in subject.answer_format.equivalents:
        first, second = subject.values([Sample("?", write(one), 0, other), Sample("?", write(other), 0, one)])
        if first != second:
            raise Broken(
                f"{one} for {other} gets {first}, {other} for {one} gets {second}",
                reference=[other, one],
                completion=[write(one), write(other)],
                verdict=[str(first), str(second)],
            )


@law("verifier", universal=False)
def answer_format_invariance(subject: VerifierSubject, case: list[str], choose: Choose) -> None:
    """The same answer in another wrapping - display math, bold, spaces in the box - is as right.

    Why: the policy is trained to be right, not to guess the parser.

    In training: style would be rewarded as if it were correctness.
    """
    if not subject.answer_format.variants:
        raise Moot(f"there is one way to write an answer in {subject.answer_format.name}")
    way = subject.answer_format.variants[choose(len(subject.answer_format.variants))]
    _expect(subject, [Sample("?", way(answer), 0, answer) for answer in case], 1.0, "another wrapping is refused")


@law("verifier", universal=False)
def surrounding_text_invariance(subject: VerifierSubject, case: list[str], choose: Choose) -> None:
    """Sentences and blank lines before the answer change nothing.

    Why: reasoning comes first; its length and language say nothing about the answer.

    In training: thinking aloud would be punished.
    """
    prose = " ".join(PROSE[choose(len(PROSE))] for _ in range(1 + choose(3)))
    gap = ("\n\n", " ", "\n   \n")[choose(3)]
    samples = [Sample("?", prose + gap + subject.answer_format.write(answer), 0, answer) for answer in case]
    _expect(subject, samples, 1.0, "with prose before it the answer is refused")
