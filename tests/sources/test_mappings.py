"""The `verify` and `score` of every source take mappings, as `Rewarder` and `herokit.score` do."""

import asyncio

import pytest

from herokit.errors import DataError
from herokit.registry import get_registry
from herokit.samples import as_samples
from herokit.sources import execution
from herokit.types import RewardModel, Verifier
from herokit.verifiers import Number
from herokit_http import RequestPolicy

ROWS = [
    {"question": "1 + 1?", "response": "It is 2.", "answer": "2", "correct": 1.0, "task": "sums"},
    {"prompt": "1 + 1?", "completion": "3", "reference": "2", "correct": 0.0, "num_tokens": 4},
    {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "2"}], "reference": 2},
]

VERIFIER = Number()
ONCE = {"request": RequestPolicy(max_attempts=1)}
ARGUMENTS = {
    "cascade": {"first": VERIFIER, "second": VERIFIER},
    "vote": {"verifiers": (VERIFIER, VERIFIER)},
    "all-of": {"verifiers": (VERIFIER, VERIFIER)},
    "any-of": {"verifiers": (VERIFIER, VERIFIER)},
    "noisy-verifiers": {"verifiers": (VERIFIER,), "false_positives": (0.1,), "false_negatives": (0.1,)},
    "route": {"verifiers": {"sums": VERIFIER}, "keys": ("task",), "default": VERIFIER},
    "after-marker": {"verifier": VERIFIER, "marker": "is"},
    "cache": {"verifier": VERIFIER},
    "process-pool": {"verifier": VERIFIER},
    "spot-check": {"verifier": VERIFIER, "reference_verifier": VERIFIER},
    "verdict-column": {"column": "correct"},
    "score-column": {"column": "correct"},
    "length-limit": {"max": 10},
    "http-verifier": {"url": "http://127.0.0.1:9", **ONCE, "dialect": "openrlhf"},
    "http": {"url": "http://127.0.0.1:9", **ONCE, "dialect": "openrlhf"},
    "generative-verifier": {"url": "http://127.0.0.1:9/v1", **ONCE},
    "rubric-judge": {"url": "http://127.0.0.1:9/v1", **ONCE, "rubric": {"Is it short?": 1.0}},
    "pairwise-judge": {"url": "http://127.0.0.1:9/v1", **ONCE},
    "http-service": {"url": "http://127.0.0.1:9", **ONCE},
}
ELSEWHERE = {
    "torch",
    "torch-judge",
    "torch-pairwise-judge",
    "torch-likelihood",
    "onnx",
    "ray-verifier",
    "ray-reward-model",
    "ensemble-reward-model",
}
"""Sources that need a checkpoint or a cluster; the tests of their packages try them."""

SOURCES = [e.name for e in get_registry() if e.kind in ("verifier", "reward model") and e.name not in ELSEWHERE]


@pytest.mark.parametrize("name", SOURCES)
def test_source_takes_mappings_as_it_takes_samples(name):
    source = get_registry().find(name).load()(**ARGUMENTS.get(name, {}))
    method = source.verify if isinstance(source, Verifier) else source.score
    given, expected = method(ROWS), method(as_samples(ROWS))
    execution.close(source)
    if isinstance(source, RewardModel):
        given, expected = repr(given.rows()), repr(expected.rows())  # NaN equals its text
    assert given == expected
    with pytest.raises(DataError, match="row 1: unknown key 'completon'; did you mean 'completion'?"):
        method([ROWS[0], {"prompt": "?", "completon": "2"}])


def test_methods_beside_verify_take_mappings():
    from herokit_math import MathVerifier
    from herokit_onnx import OnnxRewardModel

    rows = [{"prompt": "1 + 1?", "completion": "It is 2.", "answer": "2"}]
    with MathVerifier() as verifier:
        assert [v.value for v in asyncio.run(verifier.averify(rows))] == [1.0]
    with OnnxRewardModel() as model:
        assert model.score(rows).values.tolist() == model.score(as_samples(rows)).values.tolist()
        assert model.encode(rows) == model.encode(as_samples(rows))
