"""Planted faults in verifiers and reward models: each is caught, by a law whose name says what is wrong."""

import re
import threading
import time

import numpy as np
import pytest

from herokit.testing import Profile, check_reward_model, check_verifier, find_law, laws_of
from herokit.testing.asked import ModelSubject, VerifierSubject
from herokit.testing.check import check
from herokit.testing.samples import MATH, PLAIN
from herokit.types import Scores, Verdict

SCAN = Profile(examples=40, seconds=30.0, shrinking=2.0)


def boxed(text):
    found = re.findall(r"\\boxed\{\s*([^{}]*?)\s*\}", text)
    return found[-1] if found else None


class Exact:
    """Correct: the boxed answer, else the whole completion, equals the reference."""

    def judge(self, sample):
        if sample.reference is None:
            return Verdict(None)
        answer = boxed(sample.completion)
        return Verdict(float((sample.completion if answer is None else answer) == sample.reference))

    def verify(self, samples):
        return [self.judge(sample) for sample in samples]


class Substring(Exact):
    def judge(self, sample):
        return Verdict(float(sample.reference is not None and sample.reference in sample.completion))


class Evals(Exact):
    def judge(self, sample):
        try:
            return Verdict(float(eval(sample.completion) == eval(sample.reference)))  # noqa: S307 - the planted fault
        except Exception:  # noqa: BLE001 - so does the fault
            return Verdict(0.0)


class FinishesOutOfOrder(Exact):
    def verify(self, samples):
        return super().verify(sorted(samples, key=lambda s: (len(s.completion), s.completion, s.reference)))


class CachesTooMuch(Exact):
    def verify(self, samples):
        known = {}
        return [known.setdefault(sample.completion, self.judge(sample)) for sample in samples]


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


class RefusesTheLong(Exact):
    def judge(self, sample):
        return super().judge(sample) if len(sample.reference or "") < 3 else Verdict(0.0)


class WrongWithoutReference(Exact):
    def judge(self, sample):
        return Verdict(float(boxed(sample.completion) == sample.reference))


class OneWay(Exact):
    def judge(self, sample):
        answer = boxed(sample.completion)
        return Verdict(float(answer == sample.reference or (sample.reference == "0.5" and answer == "1/2")))


class OneWrapping(Exact):
    def judge(self, sample):
        return Verdict(float(f"{{{sample.reference}}}" in sample.completion))


class AtTheStartOnly(Exact):
    def judge(self, sample):
        return Verdict(float(sample.completion.startswith(MATH.write(sample.reference or ""))))


class Forgets(Exact):
    def verify(self, samples):
        return super().verify(samples)[:-1]


VERIFIERS = {
    "accepts substrings": (Substring(), PLAIN, "perturbation_is_refused"),
    "evals": (Evals(), PLAIN, "nothing_is_executed"),
    "finishes out of order": (FinishesOutOfOrder(), MATH, "verdicts_follow_their_samples"),
    "caches by completion alone": (CachesTooMuch(), MATH, "verdicts_do_not_see_neighbours"),
    "abstains when unreadable": (AbstainsWhenUnreadable(), MATH, "hostile_text_is_wrong_not_missing"),
    "raises on what it cannot read": (Raises(), MATH, "hostile_text_is_wrong_not_missing"),
    "hangs on powers": (Hangs(), MATH, "limit_is_kept"),
    "holds a lock": (HoldsALock(), MATH, "verifier_survives_pickling"),
    "refuses long references": (RefusesTheLong(), MATH, "reference_verifies_itself"),
    "0 without a reference": (WrongWithoutReference(), MATH, "missing_reference_abstains"),
    "one way only": (OneWay(), MATH, "equivalence_is_symmetric"),
    "one wrapping only": (OneWrapping(), MATH, "wrapping_does_not_matter"),
    "looks at the start only": (AtTheStartOnly(), MATH, "prose_does_not_matter"),
    "loses the last verdict": (Forgets(), MATH, "verdicts_follow_their_samples"),
}


class Length:
    """Correct: the share of letters that are vowels, for texts it reads whole."""

    context = 5_000

    def one(self, text):
        return sum(c in "aeiou" for c in text) / (1.0 + len(text))

    def score(self, samples):
        values = np.array([self.one(s.completion) for s in samples])
        scores = Scores.from_values(values)
        cut = tuple("truncated" if len(s.completion) > self.context else "" for s in samples)
        return Scores(scores.values, scores.statuses, cut)


class ReadsItsPadding(Length):
    def score(self, samples):
        width = max(len(s.completion) for s in samples)
        return [self.one(s.completion.ljust(max(width, 400))) for s in samples]


class CentredInTheBatch(Length):
    def score(self, samples):
        values = super().score(samples).values
        return values - values.mean()


class LeftSorted(Length):
    def score(self, samples):
        return super().score(sorted(samples, key=lambda s: (len(s.completion), s.completion)))


class NanForOtherScripts(Length):
    def one(self, text):
        return super().one(text) if text.isascii() else float("nan")


class TruncatesInSilence(Length):
    def score(self, samples):
        return [self.one(s.completion[-self.context :]) for s in samples]


class HoldsASession(Length):
    def __init__(self):
        self.session = threading.Lock()


class DividesByLength(Length):
    def one(self, text):
        return sum(c in "aeiou" for c in text) / len(text)


MODELS = {
    "reads its padding": (ReadsItsPadding(), "padding_does_not_matter"),
    "centred in the batch": (CentredInTheBatch(), "scores_do_not_see_neighbours"),
    "left sorted by length": (LeftSorted(), "scores_follow_their_samples"),
    "NaN for other scripts": (NanForOtherScripts(), "scores_are_finite"),
    "truncates in silence": (TruncatesInSilence(), "truncation_is_reported"),
    "holds a session": (HoldsASession(), "model_survives_pickling"),
    "divides by zero": (DividesByLength(), "hostile_text_gets_a_score_or_a_reason"),
}


@pytest.mark.parametrize("name", VERIFIERS)
def test_a_faulty_verifier_is_caught(name):
    fault, domain, law = VERIFIERS[name]
    (result,) = check(VerifierSubject(fault, domain, limit=0.2), [find_law(law)], {}, SCAN, name)
    assert result.outcome == "broken"
    assert result.message
    assert result.training


@pytest.mark.parametrize("name", MODELS)
def test_a_faulty_reward_model_is_caught(name):
    fault, law = MODELS[name]
    (result,) = check(ModelSubject(fault), [find_law(law)], {}, SCAN, name)
    assert result.outcome == "broken"
    assert result.message


@pytest.mark.parametrize("value", [1.0, True, None])
def test_a_verifier_that_returns_no_verdicts_is_told_so(value):
    class Bare:
        def verify(self, samples):
            return [value] * len(samples)

    report = check_verifier(Bare(), profile=Profile(examples=4))
    assert report.broken
    assert all(result.message == f"it returned {value!r} where a Verdict was expected" for result in report.broken)


def test_correct_sources_raise_no_alarm():
    claims = [law for law in laws_of("verifier", universal=False) if law.name != "equivalence_is_symmetric"]
    assert check_verifier(Exact(), claims=claims, domain=MATH).broken == ()
    assert check_verifier(Exact()).broken == ()
    model = check_reward_model(Length(), claims=laws_of("reward model", universal=False))
    assert model.broken == ()
    assert {result.outcome for result in model} == {"kept"}
