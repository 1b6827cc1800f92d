"""The laws of verifiers and reward models, with stand-in servers behind them."""

import re

import pytest

from herokit.testing import Profile, check_reward_model, check_verifier
from herokit.testing.laws import missing_reference_abstains
from herokit_http import GenerativeVerifier, HttpRewardModel, HttpVerifier, PairwiseJudge, RubricJudge

FEW = Profile(max_examples=6)
SHOWN = re.compile(
    r"--- reference answer ([0-9a-f]{8}) ---\n(.*)\n--- response \1 ---\n(.*)\n--- end \1 ---", re.DOTALL
)
PAIR = re.compile(r"--- response A ([0-9a-f]{8}) ---\n(.*)\n--- response B \1 ---\n(.*)\n--- end \1 ---", re.DOTALL)


def chat(text):
    return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}


def answer_in(completion):
    return completion.strip().rpartition("boxed{")[2].rstrip("}$. \n")


def verdict(_, body):
    mark, reference, response = SHOWN.search(body["messages"][-1]["content"]).groups()
    return chat(f"Hm.\nVerdict {mark}: {'CORRECT' if answer_in(response) == reference else 'WRONG'}")


def criterion(_, body):
    mark, reference, response = SHOWN.search(body["messages"][-1]["content"]).groups()
    return chat(f"Criterion {mark} 1: {'YES' if answer_in(response) == reference else 'NO'}")


def rows(_, body):
    return {"rows": [_row(sample) for sample in body["samples"]]}


def _row(sample):
    if sample["reference"] is None:
        return {"value": None, "status": "failed", "reason": "no reference", "answer": None}
    said = answer_in(sample["completion"])
    right = said == sample["reference"]
    return {"value": float(right), "status": "judged" if said else "unparsed", "reason": "", "answer": said}


def longer(_, body):
    mark, first, second = PAIR.search(body["messages"][-1]["content"]).groups()
    difference = len(first) - len(second)
    return chat(f"Verdict {mark}: {'A' if difference > 0 else 'B' if difference < 0 else 'TIE'}")


@pytest.mark.parametrize(
    ("say", "make", "claims"),
    [
        (rows, lambda url: HttpVerifier(url, "verifier", cache=10_000), [missing_reference_abstains]),
        (verdict, lambda url: GenerativeVerifier(url, cache=10_000), [missing_reference_abstains]),
        (criterion, lambda url: RubricJudge(url, {"Gives the reference answer": 1.0}, cache=10_000), []),
    ],
    ids=["http-verifier", "generative-verifier", "rubric-judge"],
)
def test_a_verifier_keeps_the_laws(serve, say, make, claims):
    with make(serve(say).url) as verifier:
        report = check_verifier(verifier, claims=claims, profile=FEW)
    assert report.passed, str(report)


def test_a_reward_model_behind_http_keeps_the_laws(serve):
    fake = serve(lambda _, body: {"rewards": [float(len(q) % 17) for q in body["query"]]})
    with HttpRewardModel(fake.url, "openrlhf", cache=10_000) as rm:
        report = check_reward_model(rm, profile=FEW)
    assert report.passed, str(report)


def test_a_judge_of_pairs_keeps_the_laws_but_those_of_rows_judged_alone(serve):
    alone = "a score is the result of comparisons with siblings; a lone row has none"
    known = {"scores_batch_independent": alone, "finite_scores": alone}
    with PairwiseJudge(serve(longer).url, cache=10_000) as rm:
        report = check_reward_model(rm, expected_failures=known, profile=FEW)
    assert report.passed, str(report)
