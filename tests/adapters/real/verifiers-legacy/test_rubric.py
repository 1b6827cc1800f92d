"""verifiers 0.1: the released `Rubric`, scored by the rewarder."""

import asyncio

import numpy as np
import pytest
from stubs import make_credit_rewarder, make_rewarder, make_samples

import verifiers as vf
from herokit.adapters.verifiers import rubric
from herokit.errors import DataError

TEXTS = ["4", "four", "eleven", "broken"]


def states(texts, **fields):
    """Return states as after a rollout: prompt, answer and info are in the input."""
    group = []
    for text in texts:
        inputs = {
            "prompt": [{"role": "user", "content": "2 + 2?"}],
            "answer": "4",
            "info": {},
            "example_id": 0,
        } | fields
        state = vf.State(input=inputs)
        state["completion"] = [{"role": "assistant", "content": text}]
        state["trajectory"] = [{"advantage": None, "reward": None}]
        group.append(state)
    return group


def test_rubric_sets_the_advantages_of_the_chain():
    judge = rubric(make_rewarder())
    assert isinstance(judge, vf.Rubric)
    assert judge.has_group_rewards
    assert judge.has_advantages
    group = states(TEXTS)
    asyncio.run(judge.score_group(group))
    expected = np.nan_to_num(make_rewarder()(make_samples(TEXTS, "aaaa")).advantage)
    np.testing.assert_allclose([s["advantage"] for s in group], expected, atol=1e-9)
    assert [s["trajectory"][0]["advantage"] for s in group] == [s["advantage"] for s in group]
    assert group[3]["metrics"] == {"verifier": 0.0, "rm": -1.5, "herokit_failed": 1.0}


def test_plain_rubric_counts_a_failure_as_incorrect():
    """Why the adapter exists: a plain rubric counts an exception as 0.0, which changes the advantages of the group."""

    def exact(completion, answer, **columns):
        if "broken" in completion[0]["content"]:
            raise RuntimeError("the sandbox is down")
        return float(completion[0]["content"] == answer)

    plain, ours = states(["4", "4", "broken", "broken"]), states(["4", "4", "broken", "broken"])
    asyncio.run(vf.Rubric(funcs=[exact]).score_group(plain))
    assert [s["advantage"] for s in plain] == pytest.approx([0.5, 0.5, -0.5, -0.5])
    asyncio.run(rubric(make_rewarder()).score_group(ours))
    assert [s["advantage"] for s in ours] == pytest.approx([0.0] * 4, abs=1e-9)


def test_rubric_evaluation_keeps_the_running_mean():
    rewarder = make_rewarder()
    before = rewarder.state_dict()
    asyncio.run(rubric(rewarder, update_state=False).score_group(states(TEXTS)))
    assert rewarder.state_dict() == before


def test_rubric_finds_the_reference_in_info():
    group = states(TEXTS, answer="", info={"answer": "4"})
    asyncio.run(rubric(make_rewarder()).score_group(group))
    assert [s["metrics"]["verifier"] for s in group] == [1.0, 0.0, 0.0, 0.0]


def test_rubric_gives_a_step_of_the_trajectory_the_advantage_of_its_turn():
    group = states(["", "", ""])
    for state, turns in zip(group, (["1", "0"], ["0"], ["broken"]), strict=True):
        chat = [m for text in turns for m in ({"role": "assistant", "content": text}, {"role": "user", "content": "?"})]
        state["completion"] = chat
        state["trajectory"] = [{"advantage": None, "reward": None} for _ in turns]
    asyncio.run(rubric(make_credit_rewarder()).score_group(group))
    actual = [[step["advantage"] for step in state["trajectory"]] for state in group]
    assert actual == [[pytest.approx(2 / 3), pytest.approx(-1 / 3)], [pytest.approx(-1 / 3)], [0.0]]
    group[1]["trajectory"] *= 2
    with pytest.raises(DataError, match="state 1 has 1 parts, but its trajectory has 2 steps"):
        asyncio.run(rubric(make_credit_rewarder()).score_group(group))
