"""The verifiers and reward models of this project satisfy all laws."""

import re
from dataclasses import dataclass

import pytest

from herokit.sources import Cascade, EnsembleRewardModel, Vote
from herokit.testing import Profile, check_reward_model, check_verifier, list_laws
from herokit.testing.samples import MATH
from herokit.types import Verdict

PROFILE = Profile(max_examples=60, seconds=30.0, shrink_seconds=2.0)


@dataclass(frozen=True)
class Boxed:
    def verify(self, samples):
        found = [re.findall(r"\\boxed\{\s*([^{}]*?)\s*\}", sample.final_text) for sample in samples]
        return [Verdict(float(bool(f) and f[-1] == s.reference)) for f, s in zip(found, samples, strict=True)]


@dataclass(frozen=True)
class Vowels:
    per: float = 1.0

    def score(self, samples):
        return [sum(c in "aeiou" for c in s.completion) / (self.per + len(s.completion)) for s in samples]


def test_math_verifier_obeys_all_laws():
    verifier = pytest.importorskip("herokit_math").MathVerifier
    with verifier(timeout=1.0) as math:
        report = check_verifier(
            math, claims=list_laws("verifier", universal=False), answer_format=MATH, timeout=6.0, profile=PROFILE
        )
    assert report.passed, str(report)
    assert {result.outcome for result in report} == {"passed"}


def test_onnx_reward_model_obeys_all_laws():
    model = pytest.importorskip("herokit_onnx").OnnxRewardModel
    with model() as rm:
        report = check_reward_model(rm, claims=list_laws("reward model", universal=False), profile=PROFILE)
    assert report.passed, str(report)
    assert {result.outcome for result in report} == {"passed"}


def test_composite_sources_obey_all_laws():
    for verifier in (Cascade(Boxed(), Boxed()), Vote((Boxed(), Boxed(), Boxed()))):
        assert check_verifier(verifier, answer_format=MATH, profile=PROFILE).passed, verifier
    assert check_reward_model(EnsembleRewardModel((Vowels(), Vowels(per=9.0))), profile=PROFILE).passed
