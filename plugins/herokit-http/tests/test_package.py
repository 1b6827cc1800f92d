"""Names in a scheme, and the round trip of settings through tables."""

import pytest

from herokit.config.builder import build, describe
from herokit.registry import load_registry
from herokit_http import (
    GenerativeVerifier,
    HttpRewardModel,
    HttpVerifier,
    Judge,
    PairwiseJudge,
    RequestPolicy,
    RubricJudge,
    ServiceRewardModel,
)

URL = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "source",
    [
        HttpRewardModel(URL, "sglang-classify", template="chatml", request=RequestPolicy(max_attempts=1)),
        HttpVerifier(URL, "verifier"),
        ServiceRewardModel(URL, "advantage", update_state=False),
        GenerativeVerifier(URL, votes=3, judge=Judge("m", temperature=0.5, extra_body={"top_k": 3})),
        RubricJudge(URL, {"Is correct": "essential", "Rambles": -0.5}),
        PairwiseJudge(URL, rating="bradley-terry"),
    ],
    ids=lambda source: type(source).__name__,
)
def test_describe_and_build_round_trip(source):
    assert build(describe(source)) == source
    assert URL in repr(source)


def test_plugin_registers_its_sources():
    registered = {entry.name: entry.kind for entry in load_registry() if entry.owner == "herokit-http"}
    assert registered == {
        "http": "reward model",
        "http-service": "reward model",
        "pairwise-judge": "reward model",
        "http-verifier": "verifier",
        "generative-verifier": "verifier",
        "rubric-judge": "verifier",
    }
