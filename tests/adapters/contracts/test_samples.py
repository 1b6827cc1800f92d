"""What every adapter hands to the sources: messages, native references, tokens, truncation, opened thinking."""

import asyncio
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from herokit import Rewarder, Sample, Select
from herokit.adapters import (
    areal,
    generic,
    nemo_rl,
    open_instruct,
    openrlhf,
    prime_rl,
    rllm,
    skyrl,
    slime,
    swift,
    tinker,
    trl,
    verifiers,
    verl,
)
from herokit.adapters.common.templates import ChatTemplate
from herokit.errors import DataError

USER = {"role": "user", "content": "2 + 2?"}
SYSTEM = {"role": "system", "content": "Be brief."}
RENDERED = "<|user|>2 + 2?<|assistant|>\n<think>\n"
TEXT = "Perhaps 5.</think>It is 4."
GOLD = {"target": np.array(["4", "four"])}
NATIVE = {"target": ["4", "four"]}


@pytest.fixture
def recorder(stubs):
    return stubs.Recorder()


@pytest.fixture
def rewarder(recorder):
    return Rewarder({"rm": recorder}, Select("rm"))


class Base:
    """What classes of adapters extend."""

    turns = 0

    def __init__(self, *args, **kwargs):
        pass

    def init(self, prompt):
        return prompt, {}


class Tokenizer:
    """One token a character, and a template that opens the thinking."""

    chat_template = "<think>"

    def apply_chat_template(self, messages, *, add_generation_prompt, tokenize):
        return RENDERED

    def decode(self, tokens, *, skip_special_tokens):
        return "".join(map(chr, tokens))


def facts(sample):
    return sample.final_text, sample.reference, sample.num_tokens, sample.truncated


def test_verl_hands_over_messages_and_mappings(rewarder, recorder):
    function = verl.RewardFunction(rewarder, template=ChatTemplate(Tokenizer()))
    function("math", TEXT, GOLD, {"prompt": np.array([SYSTEM, USER], dtype=object), "index": 3})
    (sample,) = recorder.samples
    assert sample.messages[:2] == [SYSTEM, USER]
    assert (*facts(sample), sample.thinking_opened) == ("It is 4.", NATIVE, None, None, True)
    with pytest.raises(DataError, match="verl: math: prompt: message 0 has no role"):
        function("math", TEXT, GOLD, {"prompt": [{"content": "2 + 2?"}]})


def test_skyrl_hands_over_messages_and_mappings(rewarder, recorder):
    environment = skyrl.environment(rewarder, Base, template=ChatTemplate(Tokenizer()))
    instance = environment(None, {"reward_spec": {"ground_truth": GOLD}})
    instance.init([SYSTEM, USER])
    instance.step("Perhaps 4.")
    (sample,) = recorder.samples
    assert sample.messages[:2] == [SYSTEM, USER]
    assert facts(sample) == ("", NATIVE, None, None)


def test_slime_hands_over_lengths_and_truncation(rewarder, recorder):
    status = SimpleNamespace(value="truncated")
    own = SimpleNamespace(
        prompt=[SYSTEM, USER], response=TEXT, label=["4"], metadata={}, group_index=0, index=7, response_length=9,
        loss_mask=None, status=status,
    )  # fmt: skip
    turns = SimpleNamespace(**vars(own) | {"loss_mask": [1, 0, 0, 1], "prompt": RENDERED, "status": None})
    asyncio.run(slime.RewardFunction(rewarder)(None, [own, turns]))
    assert [facts(s) for s in recorder.samples] == [("It is 4.", ["4"], 9, True), ("It is 4.", ["4"], 2, None)]
    assert recorder.samples[0].messages[:2] == [SYSTEM, USER]


def test_slime_estimator_compares_the_prompts_of_a_group(rewarder):
    samples = [
        SimpleNamespace(prompt=p, group_index=0, index=i, rollout_id=None, reward={"reward": 0.0, "rm": 0.0})
        for i, p in enumerate(["a", "b"])
    ]
    with pytest.raises(DataError, match="group 0 has different prompts: 'a' in row 0, 'b' in row 1"):
        slime.AdvantageEstimator(rewarder)(None, samples)


def test_nemo_rl_hands_over_the_message_log(rewarder, recorder):
    log = [
        {"role": "user", "content": RENDERED, "token_ids": torch.arange(5)},
        {
            "role": "assistant",
            "content": "Let me call.",
            "token_ids": torch.arange(3),
            "generation_logprobs": torch.zeros(3),
        },
        {"role": "environment", "content": "4", "token_ids": torch.arange(2)},
        {"role": "assistant", "content": TEXT, "token_ids": torch.arange(4), "generation_logprobs": torch.zeros(4)},
    ]
    nemo_rl.RewardFunction(rewarder)([log, [log[0], {"role": "assistant", "content": "4"}]], [{"answer": 4}, None])
    first, second = recorder.samples
    assert [(m["role"], set(m)) for m in first.messages] == [
        (role, {"role", "content"}) for role in ("user", "assistant", "environment", "assistant")
    ]
    assert (*facts(first), first.thinking_opened) == ("It is 4.", 4, 7, None, True)
    assert first.turns[0].results[0].text == "4"
    assert (*facts(second), second.final.problem) == (
        "", None, None, None, "the thinking has no end: the marker in the prompt is not closed",
    )  # fmt: skip


def test_openrlhf_hands_over_tokens_and_truncation(rewarder, recorder):
    class Executor:
        async def execute(self, prompt, *rest):
            tokens = [*map(ord, prompt + TEXT)]
            return {"observation_tokens": tokens, "action_ranges": [(len(prompt), len(tokens))], "truncated": True}

    agent = openrlhf.executor(rewarder, base=Executor)()
    asyncio.run(agent.execute(RENDERED, {"target": ["4"]}, None, 256, Tokenizer(), None))
    assert facts(recorder.samples[0]) == ("It is 4.", {"target": ["4"]}, len(TEXT), True)
    openrlhf.RewardFunction(rewarder)([RENDERED + "Perhaps 4."], [RENDERED], [[4]])
    assert facts(recorder.samples[1]) == ("", [4], None, None)


def test_areal_reads_the_end_of_the_rendered_prompt(rewarder, recorder):
    async def arun_episode(engine, data):
        tokens = torch.tensor([[*map(ord, RENDERED + "Perhaps 4.")]])
        mask = torch.tensor([[0] * len(RENDERED) + [1] * len("Perhaps 4.")])
        return {"input_ids": tokens, "loss_mask": mask, "rewards": torch.zeros(1)}

    single = SimpleNamespace(arun_episode=arun_episode)
    workflow = areal.group_workflow(single, 2, rewarder, Tokenizer(), base=Base, concat=list)
    asyncio.run(workflow.arun_episode(None, {"messages": [SYSTEM, USER], "answer": ["4"]}))
    sample = recorder.samples[0]
    assert sample.messages[:2] == [SYSTEM, USER]
    assert (*facts(sample), sample.thinking_opened) == ("", ["4"], len("Perhaps 4."), None, True)
    areal.RewardFunction(rewarder)(RENDERED, TEXT, [1], [1, 2, 3], answer=4)
    assert facts(recorder.samples[-1]) == ("It is 4.", 4, 3, None)


def test_open_instruct_hands_over_tokens_and_truncation(rewarder, recorder):
    function = open_instruct.RewardFunction(rewarder)
    truths = [np.array([4]), [{"inputs": ["1"]}]]
    asyncio.run(
        function([[1, 2], [3]], [TEXT, "Perhaps 4."], truths, ["math"] * 2, ["stop", "length"], None, [RENDERED] * 2)
    )
    assert [facts(s) for s in recorder.samples] == [("It is 4.", 4, 2, False), ("", {"inputs": ["1"]}, 1, True)]
    with pytest.raises(DataError, match="group 'group' has different prompts: 'a' in row 0, 'b' in row 1"):
        asyncio.run(function([[1]] * 2, ["4"] * 2, ["4"] * 2, ["math"] * 2, ["stop"] * 2, None, ["a", "b"]))


def test_rllm_hands_over_the_messages_of_a_trajectory(rewarder, recorder):
    call = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "a", "function": {"name": "add", "arguments": "{}"}}],
    }
    chat = [
        SYSTEM,
        USER,
        call,
        {"role": "tool", "tool_call_id": "a", "content": "4"},
        {"role": "assistant", "content": TEXT},
    ]
    steps = [
        SimpleNamespace(chat_completions=chat[:3], response_ids=[1, 2]),
        SimpleNamespace(chat_completions=chat, response_ids=[3]),
    ]
    evaluate = rllm.RewardFunction(rewarder)
    for output in ("It is 4.", None, "five"):
        trajectory = SimpleNamespace(output=output, steps=steps)
        evaluate({"question": "2 + 2?", "answer": None, "label": 4}, SimpleNamespace(trajectories=[trajectory]))
    assert [facts(s) for s in recorder.samples] == [
        ("It is 4.", 4, 3, None), ("It is 4.", 4, 3, None), ("five", 4, 3, None),
    ]  # fmt: skip
    assert recorder.samples[0].messages == chat
    assert recorder.samples[2].prompt == "2 + 2?"


class Message(SimpleNamespace):
    """A message of verifiers, which is a model of pydantic."""

    def model_dump(self, *, exclude_none):
        return {key: value for key, value in vars(self).items() if value is not None}


def make_trace(prompt=USER, gold=GOLD):
    messages = [
        (False, Message(**prompt)),
        (True, Message(role="assistant", content=None, tool_calls=[{"id": "a", "name": "add", "arguments": "{}"}])),
        (False, Message(role="tool", tool_call_id="a", content="4")),
        (True, Message(role="assistant", content="It is 4.", reasoning_content="Perhaps 5.")),
    ]
    nodes = [SimpleNamespace(message=message, sampled=sampled) for sampled, message in messages]
    return SimpleNamespace(
        task=SimpleNamespace(data=SimpleNamespace(prompt_text="2 + 2?", answer=gold)), branches=[SimpleNamespace(nodes=nodes)],
        root_reply=None, num_output_tokens=12, is_truncated=False, last_reply="It is 4.",
        agent=SimpleNamespace(trainable=True), has_error=False, rewards={}, record_metrics=lambda values: None,
        record_reward=lambda *values: None,
    )  # fmt: skip


def test_verifiers_hands_over_the_last_branch(rewarder, recorder):
    trace = make_trace()
    asyncio.run(verifiers.RewardFunction(rewarder)(trace))
    trace.root_reply = "It is 4."
    asyncio.run(verifiers.RewardFunction(rewarder)(trace))
    first, second = recorder.samples
    assert [m["role"] for m in first.messages] == ["user", "assistant", "tool", "assistant"]
    assert (*facts(first), first.turns[1].thinking) == ("It is 4.", NATIVE, 12, False, "Perhaps 5.")
    assert (second.prompt, second.completion) == ("2 + 2?", "It is 4.")


def test_verifiers_and_prime_rl_compare_the_prompts_of_a_group(rewarder, install_module):
    class Own:
        async def finalize(self, task, episode):
            pass

    class Environment(verifiers.GroupRewardMixin, Own, herokit=rewarder):
        pass

    traces = [make_trace(), make_trace({"role": "user", "content": "3 + 3?"})]
    with pytest.raises(DataError, match=r"group 'e' has different prompts: '2 \+ 2\?' in row 0, '3 \+ 3\?' in row 1"):
        asyncio.run(Environment().finalize(None, SimpleNamespace(traces=traces, id="e")))
    install_module(
        "prime_rl.orchestrator.algo.base", iter_trainable_traces=lambda episodes: [(None, t) for t in traces]
    )
    install_module("prime_rl.orchestrator.algo.routing", assign_advantages=lambda trace, value: None)
    algorithm = type("Algorithm", (prime_rl.GroupRewardMixin,), {}, herokit=rewarder)()
    with pytest.raises(DataError, match="group 'group' has different prompts"):
        asyncio.run(algorithm.score_group([]))


def test_rubric_hands_over_messages_and_tokens(rewarder, recorder, install_module):
    install_module("verifiers", Rubric=Base)
    state = {
        "prompt": [SYSTEM, USER], "completion": [{"role": "assistant", "content": TEXT}], "answer": "", "info": {"gold": [4]},
        "is_truncated": True,
        "trajectory": [{"tokens": {"completion_ids": [1, 2]}, "advantage": None, "reward": None}],
    }  # fmt: skip
    asyncio.run(verifiers.rubric(rewarder).score_group([state]))
    (sample,) = recorder.samples
    assert sample.messages[:2] == [SYSTEM, USER]
    assert facts(sample) == ("It is 4.", [4], 2, True)


def test_swift_hands_over_messages_and_images(rewarder, recorder):
    chats = [[USER, {"role": "assistant", "content": TEXT}]] * 2
    function = swift.RewardFunction(rewarder, 2)
    function([TEXT] * 2, messages=chats, solution=np.array([4, 5]), images=[["cat.png"]] * 2)
    assert [facts(s) for s in recorder.samples] == [("It is 4.", 4, None, None), ("It is 4.", 5, None, None)]
    assert recorder.samples[0].prompt[0]["content"][0] == {"type": "image", "image": "cat.png"}
    with pytest.raises(DataError, match="'2 \\+ 2\\?' with other images, roles or fields in row 0"):
        function([TEXT] * 2, messages=chats, solution=[4, 5], images=[["cat.png"], ["dog.png"]])


def test_swift_hands_over_the_turns_of_a_scheduler(rewarder, recorder):
    call = {"role": "assistant", "content": "<tool_call>{}</tool_call>"}
    first = [SYSTEM, USER, call, {"role": "tool", "content": "4"}, {"role": "assistant", "content": TEXT}]
    second = [SYSTEM, USER, {"role": "assistant", "content": "Perhaps 4."}]
    swift.RewardFunction(rewarder, 2)(
        [TEXT, "Perhaps 4."], messages=[first, second], solution=[4, 4],
        rollout_infos=[{"num_turns": 2}, {"num_turns": 1}], is_truncated=[False, True],
    )  # fmt: skip
    assert [facts(s) for s in recorder.samples] == [("It is 4.", 4, None, False), ("Perhaps 4.", 4, None, True)]
    assert [s.prompt for s in recorder.samples] == [[SYSTEM, USER]] * 2
    assert recorder.samples[0].turns[0].results[0].text == "4"


@pytest.mark.parametrize("name", ["generic", "trl", "swift"])
def test_functions_take_the_chat_template(rewarder, recorder, name):
    template = ChatTemplate(Tokenizer())
    if name == "swift":
        chats = [[USER, {"role": "assistant", "content": "Perhaps 4."}]] * 2
        swift.RewardFunction(rewarder, 2, template=template)(["Perhaps 4."] * 2, messages=chats)
    elif name == "trl":
        function = pickle.loads(pickle.dumps(trl.RewardFunction(rewarder, num_generations=2, template=template)))
        recorder = function.rewarder.sources["rm"]
        function(prompts=[[USER]] * 2, completions=["Perhaps 4."] * 2)
    else:
        generic.RewardFunction(rewarder, 2, template=template)([[USER]] * 2, ["Perhaps 4."] * 2)
    assert [(s.final_text, s.thinking_opened) for s in recorder.samples] == [("", True)] * 2


def test_tinker_compares_the_prompts_of_a_group(rewarder):
    builder = type("Builder", (tinker.GroupRewardMixin,), {}, herokit=rewarder)
    builder.herokit_make_sample = staticmethod(lambda text, env: Sample(env, text, None))
    with pytest.raises(DataError, match="different prompts: 'a' in row 0, 'b' in row 1"):
        asyncio.run(builder().compute_group_rewards(["4", "5"], ["a", "b"]))
    rewarder.equal_prompts = False
    assert len(asyncio.run(builder().compute_group_rewards(["4", "5"], ["a", "b"]))) == 2
