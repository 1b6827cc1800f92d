"""ORS scoring, on stand-ins with the fields of OpenReward 0.1.167; `make test-trainer-openreward` runs the released server and client."""

import asyncio
from contextlib import contextmanager
from types import SimpleNamespace as Block

import pytest

from herokit import Rewarder, Sample, Select, Verdict, as_reward_model, as_verifier, chain, hero_advantage
from herokit.adapters.openreward import GroupScoreMixin, TerminalReward
from herokit.combiners import AggregateParts, ForParts
from herokit.combiners.base import Filter
from herokit.errors import PluginError


class Exact:
    def verify(self, samples):
        return [
            Verdict(None, reason="down") if s.final_text == "broken" else Verdict(float(s.final_text == s.reference))
            for s in samples
        ]


def rewarder():
    return Rewarder({"verifier": Exact(), "rm": lambda completion: -float(len(completion))}, hero_advantage())


def candidate(text):
    calls = [Block(type="tool_call", id="c", name="add", input={"a": 2}), Block(type="reasoning", text="Well.")]
    result = Block(type="tool_result", tool_call_id="c", blocks=[Block(type="text", text="4")], is_error=False)
    messages = [
        Block(
            role="user",
            blocks=[Block(type="text", text="2 + 2?"), Block(type="image", data="iVBO", mimeType="image/png")],
        ),
        Block(role="assistant", blocks=calls),
        Block(role="user", blocks=[result]),
        Block(role="assistant", blocks=[Block(type="text", text=text)]),
    ]
    return Block(messages=messages, metadata=None)


class Environment(GroupScoreMixin):
    task_spec = {"question": "2 + 2?", "answer": "4"}  # noqa: RUF012 - as an environment has it


def score(*texts):
    env = type("Sums", (Environment,), {}, herokit=rewarder())()
    return asyncio.run(env.score_group([candidate(text) for text in texts]))


def test_group_score_is_the_output_of_the_chain():
    texts = ("4", "five", "44")
    samples = [Sample("2 + 2?", text, "q", "4") for text in texts]
    assert score(*texts) == pytest.approx(rewarder()(samples).advantage.tolist())


def test_group_score_reads_calls_results_and_thinking():
    sample = Environment().herokit_make_sample(candidate("4"))
    assert [message["role"] for message in sample.messages] == ["user", "assistant", "tool", "assistant"]
    assert (sample.turns[0].calls[0].name, sample.turns[0].thinking, sample.final_text) == ("add", "Well.", "4")
    assert sample.reference == "4"


def test_group_score_raises_for_a_candidate_without_one_and_names_it():
    with pytest.raises(PluginError, match="candidate 1 has no score: verifier: down"):
        score("4", "broken", "5")


class FirstPart:
    """Judges two parts, of which the second of a bad candidate has no value."""

    def verify(self, samples):
        second = [None if s.final_text == "bad" else 0.0 for s in samples]
        return [Verdict(1.0, parts=(Verdict(1.0), Verdict(x, reason="no tool"))) for x in second]


class LongFails(Filter):
    def keep(self, reward, signals):
        return reward > -3


@pytest.mark.parametrize(
    ("source", "chain", "reason"),
    [
        (FirstPart(), chain(ForParts(Select("source"), mode="replace"), AggregateParts()), "source: part 2: no tool"),
        (lambda completion: -float(len(completion)), chain(Select("source"), LongFails()), "a filter dropped it"),
    ],
)
def test_group_score_names_parts_and_filters_that_leave_a_candidate_without_one(source, chain, reason):
    env = type("Sums", (Environment,), {}, herokit=Rewarder({"source": source}, chain))()
    with pytest.raises(PluginError, match=f"candidate 1 has no score: {reason}$"):
        asyncio.run(env.score_group([candidate("4"), candidate("bad")]))


def sessions(outcome):
    @contextmanager
    def session(sample):
        def call_terminal_tool(text):
            if isinstance(outcome, Exception):
                raise outcome
            return Block(reward=outcome, blocks=[Block(type="text", text=f"got {text}"), Block(type="image", data="")])

        yield Block(call_terminal_tool=call_terminal_tool)

    return session


@pytest.mark.parametrize(
    ("outcome", "row"),
    [
        (0.5, (0.5, "judged", "got 4")),
        (None, (None, "failed", "got 4")),
        (RuntimeError("gone"), (None, "failed", "raised RuntimeError: gone")),
    ],
)
def test_terminal_reward_keeps_failures_apart_from_zero(outcome, row):
    [verdict] = as_verifier(TerminalReward(sessions(outcome))).verify([Sample("2 + 2?", "4", 0)])
    assert (verdict.value, verdict.status.value, verdict.reason.partition(" (")[0]) == row


def test_terminal_reward_may_be_any_number_as_a_reward_model():
    assert as_reward_model(TerminalReward(sessions(-3.0))).score([Sample("p", "4", 0)]).values.tolist() == [-3.0]
