"""The laws of verifiers and reward models, with stub servers behind them."""

import re

import pytest

from herokit.testing import Profile, check_reward_model, check_verifier
from herokit.testing.laws import missing_reference_abstains
from herokit.testing.samples import MATH
from herokit_http import GenerativeVerifier, HttpRewardModel, HttpVerifier, PairwiseJudge, RubricJudge

FEW = Profile(max_examples=6)
SECTIONS = re.compile(
    r"--- reference answer ([0-9a-f]{8}) ---\n(.*)\n--- response \1 ---\n(.*)\n--- end \1 ---", re.DOTALL
)
RESPONSES = re.compile(
    r"--- response A ([0-9a-f]{8}) ---\n(.*)\n--- response B \1 ---\n(.*)\n--- end \1 ---", re.DOTALL
)


def chat(text):
    return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}


def extract_answer(completion):
    return completion.strip().rpartition("boxed{")[2].rstrip("}$. \n")


def verdict(_, body):
    mark, reference, response = SECTIONS.search(body["messages"][-1]["content"]).groups()
    return chat(f"Hm.\nVerdict {mark}: {'CORRECT' if extract_answer(response) == reference else 'WRONG'}")


def criterion(_, body):
    mark, reference, response = SECTIONS.search(body["messages"][-1]["content"]).groups()
    return chat(f"Criterion {mark} 1: {'YES' if extract_answer(response) == reference else 'NO'}")


def rows(_, body):
    return {"rows": [_row(sample) for sample in body["samples"]]}


def _row(sample):
    if sample["reference"] is None:
        return {"v": None, "v_status": "failed", "v_reason": "no reference", "v_answer": None}
    answer = extract_answer(sample["completion"])
    status = "judged" if answer else "unparsed"
    return {"v": float(answer == sample["reference"]), "v_status": status, "v_reason": "", "v_answer": answer}


def longer(_, body):
    mark, first, second = RESPONSES.search(body["messages"][-1]["content"]).groups()
    difference = len(first) - len(second)
    return chat(f"Verdict {mark}: {'A' if difference > 0 else 'B' if difference < 0 else 'TIE'}")


@pytest.mark.parametrize(
    ("respond", "make", "claims", "answer_format"),
    [
        (rows, lambda url: HttpVerifier(url, "v", cache_size=10_000), [missing_reference_abstains], "plain"),
        (verdict, lambda url: GenerativeVerifier(url, cache_size=10_000), [missing_reference_abstains], MATH),
        (criterion, lambda url: RubricJudge(url, {"Gives the reference answer": 1.0}, cache_size=10_000), [], "plain"),
    ],
    ids=["http-verifier", "generative-verifier", "rubric-judge"],
)
def test_verifiers_follow_the_laws(serve, respond, make, claims, answer_format):
    with make(serve(respond).url) as verifier:
        report = check_verifier(verifier, claims=claims, answer_format=answer_format, profile=FEW)
    assert report.passed, str(report)


def test_reward_model_follows_the_laws(serve):
    server = serve(lambda _, body: {"rewards": [float(len(q) % 17) for q in body["query"]]})
    with HttpRewardModel(server.url, "openrlhf", cache_size=10_000) as rm:
        report = check_reward_model(rm, profile=FEW)
    assert report.passed, str(report)


def test_pairwise_judge_follows_the_laws_except_batch_independence(serve):
    alone = "a score is the result of comparisons with the group; a single rollout has none"
    expected_failures = dict.fromkeys(["scores_batch_independent", "large_batches_agree", "finite_scores"], alone)
    with PairwiseJudge(serve(longer).url, cache_size=10_000) as rm:
        report = check_reward_model(rm, expected_failures=expected_failures, profile=FEW)
    assert report.passed, str(report)
