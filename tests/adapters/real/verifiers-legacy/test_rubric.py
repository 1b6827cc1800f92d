"""verifiers 0.1: the released `Rubric`, scored by the rewarder."""

import asyncio

import numpy as np
import pytest
from parts import make, samples

import verifiers as vf
from herokit.adapters.verifiers import rubric

TEXTS = ["4", "four", "eleven", "broken"]


def states(texts, **fields):
    """States as a rollout leaves them: prompt, answer and info lie in the input."""
    found = []
    for text in texts:
        given = {"prompt": [{"role": "user", "content": "2 + 2?"}], "answer": "4", "info": {}, "example_id": 0} | fields
        state = vf.State(input=given)
        state["completion"] = [{"role": "assistant", "content": text}]
        state["trajectory"] = [{"advantage": None, "reward": None}]
        found.append(state)
    return found


def test_score_group_sets_the_chains_advantages():
    judge = rubric(make())
    assert isinstance(judge, vf.Rubric)
    assert judge.has_group_rewards
    assert judge.has_advantages
    group = states(TEXTS)
    asyncio.run(judge.score_group(group))
    expected = np.nan_to_num(make()(samples(TEXTS, "aaaa")).advantage)
    np.testing.assert_allclose([s["advantage"] for s in group], expected, atol=1e-9)
    assert [s["trajectory"][0]["advantage"] for s in group] == [s["advantage"] for s in group]
    assert group[3]["metrics"] == {"verifier": 0.0, "rm": -1.5, "herokit_failed": 1.0}


def test_the_plain_rubric_turns_the_same_failure_into_a_wrong_answer():
    """What the adapter is for: an exception in a reward function is 0.0 for that rollout, and moves its siblings."""

    def exact(completion, answer, **columns):
        if "broken" in completion[0]["content"]:
            raise RuntimeError("the sandbox is down")
        return float(completion[0]["content"] == answer)

    plain, ours = states(["4", "4", "broken", "broken"]), states(["4", "4", "broken", "broken"])
    asyncio.run(vf.Rubric(funcs=[exact]).score_group(plain))
    assert [s["advantage"] for s in plain] == pytest.approx([0.5, 0.5, -0.5, -0.5])
    asyncio.run(rubric(make()).score_group(ours))
    assert [s["advantage"] for s in ours] == pytest.approx([0.0] * 4, abs=1e-9)


def test_evaluation_leaves_the_running_mean_alone():
    rewarder = make()
    before = rewarder.state_dict()
    asyncio.run(rubric(rewarder, update_state=False).score_group(states(TEXTS)))
    assert rewarder.state_dict() == before


def test_the_gold_answer_may_lie_in_info():
    group = states(TEXTS, answer="", info={"answer": "4"})
    asyncio.run(rubric(make()).score_group(group))
    assert [s["metrics"]["verifier"] for s in group] == [1.0, 0.0, 0.0, 0.0]
