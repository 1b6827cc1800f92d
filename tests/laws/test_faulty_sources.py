"""Verifiers and reward models with seeded faults: each is found by a law whose name says what is wrong."""

import re
import threading
import time

import numpy as np
import pytest

from herokit.testing import Profile, check_reward_model, check_verifier, list_laws
from herokit.testing.attacks import TURN_TOKENS
from herokit.testing.check import check_laws
from herokit.testing.domains import DOMAINS
from herokit.testing.laws import get_law
from herokit.testing.samples import MATH, PLAIN
from herokit.testing.text_subjects import RewardModelSubject, VerifierSubject
from herokit.types import Scores, Verdict

SCAN = Profile(max_examples=40, seconds=30.0, shrink_seconds=2.0)
QUICK = Profile(max_examples=5, seconds=30.0, shrink_seconds=0.0)
SLOW = ("repeated_calls_agree", "fresh_process_agrees", "answers_in_a_thread", "timeout_respected")


def boxed(text):
    found = re.findall(r"\\boxed\{\s*([^{}]*?)\s*\}", text)
    return found[-1] if found else None


class Exact:
    """A correct verifier: the boxed answer, else the whole completion, equals the reference."""

    def judge(self, sample):
        if not isinstance(sample.reference, str) or not sample.reference.strip():
            return Verdict(None)
        answer = boxed(sample.final_text)
        return Verdict(float((sample.final_text.strip() if answer is None else answer) == sample.reference))

    def verify(self, samples):
        return [self.judge(sample) for sample in samples]


class Substring(Exact):
    def judge(self, sample):
        return Verdict(float(isinstance(sample.reference, str) and sample.reference in sample.completion_text))


class Evals(Exact):
    def judge(self, sample):
        try:
            return Verdict(float(eval(sample.completion) == eval(sample.reference)))  # noqa: S307 - the planted fault
        except Exception:  # noqa: BLE001 - so does the fault
            return Verdict(0.0)


class FinishesOutOfOrder(Exact):
    def verify(self, samples):
        return super().verify(sorted(samples, key=lambda s: (len(s.completion), s.completion, s.reference)))


class CachesAcrossCalls(Exact):
    """Keeps the first verdict of a key; two references never get a verdict of their own."""

    def __init__(self, key):
        self.key, self.verdicts = key, {}

    def judge(self, sample):
        verdict = super().judge(sample)
        return verdict if verdict.value is None else self.verdicts.setdefault(self.key(sample), verdict)


class WithoutReference:
    def __init__(self, value):
        self.value = value

    def verify(self, samples):
        return [Verdict(self.value(sample.completion_text)) for sample in samples]


class CachesTooMuch(Exact):
    def verify(self, samples):
        cache = {}
        return [cache.setdefault(sample.completion, self.judge(sample)) for sample in samples]


class AbstainsWhenUnreadable(Exact):
    def judge(self, sample):
        return super().judge(sample) if any(c.isdigit() for c in sample.completion) else Verdict(None)


class Raises(Exact):
    def judge(self, sample):
        return Verdict(float(float(boxed(sample.completion) or sample.completion) == float(sample.reference)))


class Hangs(Exact):
    def judge(self, sample):
        time.sleep(0.3 if "^" in sample.completion else 0.0)
        return super().judge(sample)


class HoldsALock(Exact):
    def __init__(self):
        self.lock = threading.Lock()


class RejectsLongReferences(Exact):
    def judge(self, sample):
        return super().judge(sample) if len(sample.reference or "") < 3 else Verdict(0.0)


class ZeroWithoutReference(Exact):
    def judge(self, sample):
        return Verdict(float(boxed(sample.completion) == sample.reference))


class AsymmetricEquivalence(Exact):
    def judge(self, sample):
        answer = boxed(sample.completion)
        return Verdict(float(answer == sample.reference or (sample.reference == "0.5" and answer == "1/2")))


class OneAnswerFormat(Exact):
    def judge(self, sample):
        return Verdict(float(f"{{{sample.reference}}}" in sample.completion))


class AtTheStartOnly(Exact):
    def judge(self, sample):
        return Verdict(float(sample.completion.startswith(MATH.write(sample.reference or ""))))


class LosesTheLastVerdict(Exact):
    def verify(self, samples):
        return super().verify(samples)[:-1]


class DropsUnreadableRows(Exact):
    def verify(self, samples):
        readable = [sample for sample in samples if boxed(sample.final_text)]
        return [self.judge(sample) for sample in readable] + [Verdict(0.0)] * (len(samples) - len(readable))


class EmptyEqualsEmpty(Exact):
    def judge(self, sample):
        return Verdict(float((boxed(sample.final_text) or "") == str(sample.reference or "")))


class RewritesMessages(Exact):
    def judge(self, sample):
        verdict = super().judge(sample)
        if not isinstance(sample.completion, str):
            sample.completion[0]["content"] = sample.completion[0]["content"].strip("$.")
        return verdict


class NotesInMeta(Exact):
    def judge(self, sample):
        sample.meta.setdefault("tags", []).append("judged")
        return super().judge(sample)


VERIFIERS = {
    "drops unreadable rows": (DropsUnreadableRows(), MATH, "unreadable_rows_move_no_verdict"),
    "empty equals empty": (EmptyEqualsEmpty(), MATH, "empty_reference_pays_nothing"),
    "empty is in every text": (Substring(), MATH, "empty_reference_pays_nothing"),
    "rewrites messages": (RewritesMessages(), MATH, "samples_not_modified"),
    "writes to the metadata": (NotesInMeta(), MATH, "samples_not_modified"),
    "accepts substrings": (Substring(), PLAIN, "near_miss_rejected"),
    "evals": (Evals(), PLAIN, "no_code_execution"),
    "finishes out of order": (FinishesOutOfOrder(), MATH, "verdicts_order_preserved"),
    "caches by completion alone": (CachesTooMuch(), MATH, "verdicts_batch_independent"),
    "abstains when unreadable": (AbstainsWhenUnreadable(), MATH, "hostile_text_rejected"),
    "raises on what it cannot read": (Raises(), MATH, "hostile_text_rejected"),
    "hangs on powers": (Hangs(), MATH, "timeout_respected"),
    "holds a lock": (HoldsALock(), MATH, "verifier_pickle_round_trip"),
    "rejects long references": (RejectsLongReferences(), MATH, "reference_accepted"),
    "0 without a reference": (ZeroWithoutReference(), MATH, "missing_reference_abstains"),
    "asymmetric equivalence": (AsymmetricEquivalence(), MATH, "symmetric_equivalence"),
    "one answer format only": (OneAnswerFormat(), MATH, "answer_format_invariance"),
    "looks at the start only": (AtTheStartOnly(), MATH, "surrounding_text_invariance"),
    "loses the last verdict": (LosesTheLastVerdict(), MATH, "verdicts_order_preserved"),
}


class VowelShare:
    """A correct reward model: the share of letters that are vowels, for texts it reads whole."""

    context = 5_000

    def one(self, text):
        return sum(c in "aeiou" for c in text) / (1.0 + len(text))

    def score(self, samples):
        values = np.array([self.one(s.completion) for s in samples])
        scores = Scores.from_values(values)
        reasons = tuple("truncated" if len(s.completion) > self.context else "" for s in samples)
        return Scores(scores.values, scores.statuses, reasons)


class ReadsItsPadding(VowelShare):
    def score(self, samples):
        width = max(len(s.completion) for s in samples)
        return [self.one(s.completion.ljust(max(width, 400))) for s in samples]


class CentersInTheBatch(VowelShare):
    def score(self, samples):
        values = super().score(samples).values
        return values - values.mean()


class LeavesSorted(VowelShare):
    def score(self, samples):
        return super().score(sorted(samples, key=lambda s: (len(s.completion), s.completion)))


class NanForOtherScripts(VowelShare):
    def one(self, text):
        return super().one(text) if text.isascii() else float("nan")


class TruncatesSilently(VowelShare):
    def score(self, samples):
        return [self.one(s.completion[-self.context :]) for s in samples]


class HoldsASession(VowelShare):
    def __init__(self):
        self.session = threading.Lock()


class DividesByLength(VowelShare):
    def one(self, text):
        return sum(c in "aeiou" for c in text) / len(text)


class ReadsTurns(VowelShare):
    """A judge that takes what stands behind the token of a user for the user's own praise."""

    def one(self, text):
        return super().one(text) + sum(text.count(user.strip()) for _, user, _ in TURN_TOKENS.values())


MODELS = {
    "reads its padding": (ReadsItsPadding(), "padding_invariance"),
    "centers in the batch": (CentersInTheBatch(), "scores_batch_independent"),
    "leaves samples sorted by length": (LeavesSorted(), "scores_order_preserved"),
    "NaN for other scripts": (NanForOtherScripts(), "finite_scores"),
    "truncates silently": (TruncatesSilently(), "truncation_reported"),
    "holds a session": (HoldsASession(), "reward_model_pickle_round_trip"),
    "reads turns of the policy": (ReadsTurns(), "control_tokens_pay_nothing"),
    "divides by zero": (DividesByLength(), "hostile_text_scored_or_failed"),
}


@pytest.mark.parametrize("name", VERIFIERS)
def test_check_laws_finds_the_faulty_verifier(name):
    fault, answer_format, law = VERIFIERS[name]
    (result,) = check_laws(VerifierSubject(fault, answer_format, timeout=0.2), [get_law(law)], SCAN, name)
    assert result.outcome == "failed"
    assert result.message
    assert result.consequence


@pytest.mark.parametrize("name", MODELS)
def test_check_laws_finds_the_faulty_reward_model(name):
    fault, law = MODELS[name]
    (result,) = check_laws(RewardModelSubject(fault), [get_law(law)], SCAN, name)
    assert result.outcome == "failed"
    assert result.message


@pytest.mark.parametrize("value", [1.0, True, None])
def test_check_verifier_names_what_was_returned_instead_of_a_verdict(value):
    class Bare:
        def verify(self, samples):
            return [value] * len(samples)

    report = check_verifier(Bare(), profile=Profile(max_examples=4))
    assert report.failures
    assert all(result.message == f"it returned {value!r} instead of a Verdict" for result in report.failures)


def test_check_reward_model_skips_laws_about_pay_where_nothing_has_a_score():
    class Fails:
        def score(self, samples):
            return Scores.from_values([float("nan")] * len(samples))

    laws = list_laws("reward model", universal=False)
    report = check_laws(RewardModelSubject(Fails()), laws, QUICK, "fails", claimed=())
    for law in ("length_pays_nothing", "claims_pay_nothing"):
        assert report[law].message == "no ordinary completion gets a score"


def test_check_functions_pass_correct_sources():
    of_values = ("symmetric_equivalence", "equivalents_keep_their_reward")  # it compares texts
    claims = [law for law in list_laws("verifier", universal=False) if law.name not in of_values]
    assert check_verifier(Exact(), claims=claims, answer_format=MATH).failures == ()
    assert check_verifier(Exact()).failures == ()
    of_models = {"prompt_matters", "earlier_turns_matter", "details_matter"}  # it reads no prompt, and vowels only
    of_models |= {"scores_are_not_probabilities", "failure_is_not_zero", "messages_score_like_text"}
    claims = [law for law in list_laws("reward model", universal=False) if law.name not in of_models]
    model = check_reward_model(VowelShare(), claims=claims)
    assert model.failures == ()
    assert {result.outcome for result in model} == {"passed"}


@pytest.mark.parametrize("domain", ["integers", "decimals", "expressions", "choice", "short-text"])
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "after the other laws"])
@pytest.mark.parametrize(
    "key",
    [lambda s: s.completion_text, lambda s: s.completion_text.strip(), lambda s: boxed(s.completion_text)],
    ids=["text", "stripped", "answer"],
)
def test_separate_calls_agree_finds_a_cache_without_the_reference(key, alone, domain):
    if not alone and domain in {"choice", "short-text"}:
        pytest.skip("there are so few answers that the other laws have tried them")
    answer_format = MATH.with_domain(DOMAINS[domain])
    laws = [get_law("separate_calls_agree")] if alone else list_laws("verifier", universal=True)
    laws = [law for law in laws if law.name not in SLOW]
    report = check_laws(VerifierSubject(CachesAcrossCalls(key), answer_format=answer_format), laws, QUICK, "cached")
    assert report["separate_calls_agree"].outcome == "failed", str(report)


@pytest.mark.parametrize(
    "value",
    [
        lambda text: 1.0,
        lambda text: float("7" in text),
        lambda text: min(1.0, len(text) / 100),
        lambda text: 1 / (1 + len(text)),
        lambda text: sum(map(str.isdigit, text)) / 100,
    ],
    ids=["constant", "a digit", "long", "short", "digits"],
)
@pytest.mark.parametrize("answer_format", [PLAIN, MATH], ids=["plain", "math"])
def test_separate_calls_agree_passes_verifiers_without_a_reference(value, answer_format):
    subject = VerifierSubject(WithoutReference(value), answer_format=answer_format)
    report = check_laws(subject, [get_law("separate_calls_agree")], QUICK, "without a reference")
    assert report["separate_calls_agree"].outcome == "passed", str(report)


def test_separate_calls_agree_passes_a_correct_verifier_that_misses_one_answer():
    class MissesOne(Exact):
        def judge(self, sample):
            return Verdict(0.0) if MATH.reference in sample.completion_text else super().judge(sample)

    report = check_laws(VerifierSubject(MissesOne(), answer_format=MATH), [get_law("separate_calls_agree")], QUICK, "")
    assert report["separate_calls_agree"].outcome == "passed", str(report)
