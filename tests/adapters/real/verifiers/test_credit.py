"""verifiers 0.4: credit on the nodes of the released traces, every token by hand."""

import asyncio

import pytest
import verifiers.v1 as vf
from stubs import OnePart, Turns, make_credit_rewarder
from verifiers.v1.envs.best_of_n.env import BestOfNEnv
from verifiers.v1.episode import Episode
from verifiers.v1.graph import MessageNode
from verifiers.v1.trace import AgentInfo, Trace, TraceTask

from herokit.adapters.verifiers import GroupRewardMixin
from herokit.errors import DataError

QUESTION, TOOL = (vf.UserMessage(content="2 + 2?"), 3), (vf.ToolMessage(content="ok", tool_call_id="a"), 2)


def said(text, tokens):
    return vf.AssistantMessage(content=text), tokens


def trace_of(*messages):
    """Return a trace whose policy messages are two tokens of template, then the sampled ones."""
    nodes = []
    for number, (message, tokens) in enumerate((QUESTION, *messages)):
        sampled = message.role == "assistant"
        mask = [False] * 2 + [True] * tokens if sampled else [False] * tokens
        nodes.append(
            MessageNode(
                parent=number - 1 if number else None,
                message=message,
                sampled=sampled,
                token_ids=list(range(len(mask))),
                mask=mask,
                logprobs=[-1.0] * sum(mask),
            )
        )
    data = TraceTask(type="Sums", data=vf.TaskData(prompt="2 + 2?"))
    return Trace(task=data, agent=AgentInfo(config=vf.AgentConfig()), nodes=nodes, ok=True)


def finalize(*traces, judge=Turns):
    rewarder = make_credit_rewarder(judge)
    env = object.__new__(type("Env", (GroupRewardMixin, BestOfNEnv), {"herokit": rewarder}))
    env.config = type("Config", (), {"threshold": 1.0})
    episode = Episode(task=traces[0].task, traces=list(traces), ok=True)
    asyncio.run(env.finalize(None, episode))
    return env


def advantages(trace):
    return [None if node.advantages is None else pytest.approx(node.advantages) for node in trace.nodes]


def test_nodes_have_the_advantage_of_their_turn():
    # four turns: 1, 0, 1, 1, of mean 0.75
    first = trace_of(said("1", 2), TOOL, said("0", 1))
    second = trace_of(said("1", 1), TOOL, said("1", 3))
    finalize(first, second)
    assert advantages(first) == [None, [0.25, 0.25], None, [-0.75]]
    assert advantages(second) == [None, [0.25], None, [0.25] * 3]
    # on the whole branch: template and tool tokens 0
    assert first.branches[0].advantages == [0.0] * 5 + [0.25] * 2 + [0.0] * 4 + [-0.75]


def test_messages_without_a_tool_between_them_are_one_turn_and_a_turn_may_be_empty():
    adjacent = trace_of(said("1", 2), said("", 1), TOOL, said("", 0))  # turns 1 and 0
    other = trace_of(said("0", 2))  # 0; the mean is 1/3
    finalize(adjacent, other)
    third = 1 / 3
    assert advantages(adjacent) == [None, [2 * third, 2 * third], [2 * third], None, []]
    assert advantages(other) == [None, [-third, -third]]


def test_a_truncated_trace_has_credit_up_to_its_end():
    cut = trace_of(said("1", 2), TOOL)
    cut.stop_condition = "max_turns"
    other = trace_of(said("0", 1), TOOL, said("0", 1))
    finalize(cut, other)
    third = 1 / 3
    assert advantages(cut) == [None, [2 * third, 2 * third], None]
    assert advantages(other) == [None, [-third], None, [-third]]


def test_a_failed_trace_has_an_error_and_no_advantages():
    traces = [trace_of(said("1", 1)), trace_of(said("broken", 1)), trace_of(said("0", 1))]
    env = finalize(*traces)
    assert advantages(traces[1]) == [None, None]
    assert traces[1].has_error
    assert [advantages(trace)[1] for trace in (traces[0], traces[2])] == [[0.5], [-0.5]]
    assert [trace.rewards["herokit"].score for trace in (traces[0], traces[2])] == [1.0, 0.0]
    assert env.herokit_output.credit.counts == [1, 1, 1]


def test_turns_that_are_not_the_judged_parts_raise_with_both_numbers():
    trace = trace_of(said("1", 1), TOOL, said("0", 1))
    with pytest.raises(DataError, match=r"verifiers: trace 1, .*the rollout has 1 parts, but there are 2 spans"):
        finalize(trace_of(said("1", 1)), trace, judge=OnePart)
    assert advantages(trace) == [None] * 4


def test_a_trace_with_branches_raises_with_both_numbers():
    trace = trace_of(said("1", 3), TOOL, said("0", 1))
    trace.nodes.append(
        MessageNode(
            parent=0, message=vf.AssistantMessage(content="1"), sampled=True, token_ids=[1], mask=[True], logprobs=[0.0]
        )
    )
    assert len(trace.branches) == 2
    with pytest.raises(DataError, match="trace 0 has 5 sampled tokens, 1 of them on its last branch.*AggregateParts"):
        finalize(trace)
