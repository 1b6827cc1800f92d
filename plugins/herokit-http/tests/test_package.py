"""Names in a scheme, and settings that come back from tables."""

import pytest

from herokit.config.builder import build, describe
from herokit.registry import load_registry
from herokit_http import (
    GenerativeVerifier,
    HttpRewardModel,
    HttpVerifier,
    Judge,
    PairwiseJudge,
    Reach,
    RubricJudge,
    ServiceRewardModel,
)

URL = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "thing",
    [
        HttpRewardModel(URL, "sglang-classify", template="chatml", reach=Reach(tries=1)),
        HttpVerifier(URL, "verifier"),
        ServiceRewardModel(URL, "advantage", update_state=False),
        GenerativeVerifier(URL, Judge("m", temperature=0.5, extra={"top_k": 3}), votes=3),
        RubricJudge(URL, {"Is right": "essential", "Rambles": -0.5}),
        PairwiseJudge(URL, rating="bradley-terry"),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_a_table_describes_it(thing):
    assert build(describe(thing)) == thing
    assert URL in repr(thing)


def test_the_plugin_offers_its_sources():
    offered = {entry.name: entry.kind for entry in load_registry() if entry.owner == "herokit-http"}
    assert offered == {
        "http": "reward model",
        "http-service": "reward model",
        "pairwise-judge": "reward model",
        "http-verifier": "verifier",
        "generative-verifier": "verifier",
        "rubric-judge": "verifier",
    }
