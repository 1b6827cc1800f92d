"""Every entry point of every adapter takes a Rewarder, a Scheme or the path of a scheme, and refuses a chain."""

import asyncio
import pickle
from types import SimpleNamespace

import pytest

from herokit import Center, Rewarder, Sample, Select, chain, hero
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
from herokit.adapters.common.base import RewarderMixin, score_group, to_rewarder
from herokit.adapters.common.microbatch import MicroBatcher
from herokit.adapters.common.rows import combine_rows
from herokit.adapters.verl import state as verl_state
from herokit.combiners import AggregateParts, ForParts
from herokit.config import load_scheme
from herokit.errors import ConfigError

TEXTS, PROMPTS, ANSWERS = ["4", "5"], ["2 + 2?"] * 2, ["4"] * 2
SAMPLES = [Sample("2 + 2?", text, "q", "4") for text in TEXTS]
CHATS = [[{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": text}] for text in TEXTS]
REFUSED = r"expected a Rewarder, a Scheme, or the path or name of a scheme, got .*; write Rewarder\(sources, chain\)"


class Base:
    """What mixins and classes of adapters extend."""

    turns = 0

    def __init__(self, *args, **kwargs):
        pass

    def init(self, prompt):
        return prompt, {}


def score(holder):
    """Return the rewards of the rewarder that a mixin or an estimator holds."""
    rewarder = holder.herokit if hasattr(holder, "herokit") else holder.rewarder
    return rewarder(SAMPLES).reward.tolist()


def call_verifiers(value):
    data = SimpleNamespace(prompt_text="2 + 2?", answer="4")
    traces = [SimpleNamespace(task=SimpleNamespace(data=data), last_reply=text) for text in TEXTS]
    function = verifiers.RewardFunction(value)
    return [asyncio.run(function(trace))["verifier"] for trace in traces]


def call_rubric(value):
    states = [{"prompt": "2 + 2?", "completion": text, "answer": "4"} for text in TEXTS]
    asyncio.run(verifiers.rubric(value).score_group(states))
    return [state["reward"] for state in states]


def call_swift(value):
    function = swift.orm(value)(args=SimpleNamespace(num_generations=2))
    return function(TEXTS, messages=CHATS, solution=ANSWERS)


def call_skyrl(value):
    environment = skyrl.environment(value, base=Base)
    instances = [environment(None, {"reward_spec": {"ground_truth": "4"}}) for _ in TEXTS]
    return [instance.step(text)["reward"] for instance, text in zip(instances, TEXTS, strict=True)]


def call_nemo_rl(value):
    environment = nemo_rl.environment(value, base=Base, result=SimpleNamespace)()
    return environment.step(CHATS, [{"answer": "4"}] * 2).rewards["verifier"].tolist()


def call_openrlhf(value):
    scorer = openrlhf.executor(value, base=Base)().group_scorer
    _, group = (scorer.enter(PROMPTS[0], "4") for _ in TEXTS)

    async def play():
        return await asyncio.gather(*(scorer.reward(group, text) for text in TEXTS))

    return [reply["reward"] for reply in asyncio.run(play())]


def call_slime(value):
    rollout = SimpleNamespace(prompt="2 + 2?", label="4", metadata={}, group_index=0)
    batch = [SimpleNamespace(**vars(rollout), response=text) for text in TEXTS]
    return [row["reward"] for row in asyncio.run(slime.RewardFunction(value)(None, batch))]


def call_areal(value):
    function = areal.RewardFunction(value)
    return [function("2 + 2?", text, [], [], answer="4") for text in TEXTS]


def call_areal_workflow(value):
    torch = pytest.importorskip("torch")
    texts = list(TEXTS)

    async def arun_episode(engine, data):
        tokens = torch.tensor([[ord(texts.pop(0))]])
        return {"input_ids": tokens, "loss_mask": torch.ones(1, 1), "rewards": torch.zeros(1)}

    tokenizer = SimpleNamespace(decode=lambda tokens, **_: "".join(map(chr, tokens)))
    single = SimpleNamespace(arun_episode=arun_episode)
    workflow = areal.group_workflow(single, 2, value, tokenizer, base=Base, concat=list)
    results = asyncio.run(workflow.arun_episode(None, {"prompt": "2 + 2?", "answer": "4"}))
    return [float(result["rewards"]) for result in results]


def call_open_instruct(value):
    function = open_instruct.install(value)
    return asyncio.run(function([[1]] * 2, TEXTS, ANSWERS, ["math"] * 2, ["stop"] * 2, None, PROMPTS))[0]


def install_verl(value):
    verl.install(value)
    return score(SimpleNamespace(rewarder=verl_state._PROCESS_REWARDER[verl_state.ESTIMATOR_NAME]))


def subclass(mixin):
    """Return an entry point that gives the rewarder to a mixin as a class argument."""
    return lambda value: score(type("Subclass", (mixin, Base), {}, herokit=value)())


ENTRY_POINTS = {
    "areal.RewardFunction": call_areal,
    "areal.group_workflow": call_areal_workflow,
    "generic.AsyncRewardFunction": lambda value: asyncio.run(
        generic.AsyncRewardFunction(value, group_size=2)(PROMPTS, TEXTS, answer=ANSWERS)
    ),
    "generic.RewardFunction": lambda value: generic.RewardFunction(value, 2)(PROMPTS, TEXTS, answer=ANSWERS),
    "MicroBatcher": lambda value: [row["verifier"] for row in MicroBatcher(value).run(SAMPLES)],
    "nemo_rl.environment": call_nemo_rl,
    "nemo_rl.install": lambda value: score(nemo_rl.install(value)),
    "open_instruct.install": call_open_instruct,
    "openrlhf.RewardFunction": lambda value: openrlhf.RewardFunction(value)(
        [p + t for p, t in zip(PROMPTS, TEXTS, strict=True)], PROMPTS, ANSWERS
    )["rewards"],
    "openrlhf.executor": call_openrlhf,
    "prime_rl.GroupRewardMixin": subclass(prime_rl.GroupRewardMixin),
    "prime_rl.install": lambda value: score(prime_rl.install(value)),
    "rllm.RewardFunction": lambda value: [
        rllm.RewardFunction(value).score({"question": "2 + 2?", "answer": "4"}, text)["reward"] for text in TEXTS
    ],
    "rllm.register": lambda value: score(rllm.register(value)),
    "skyrl.GroupRewardMixin": subclass(skyrl.GroupRewardMixin),
    "skyrl.environment": call_skyrl,
    "slime.AdvantageEstimator": lambda value: score(slime.AdvantageEstimator(value)),
    "slime.RewardFunction": call_slime,
    "swift.orm": call_swift,
    "tinker.GroupRewardMixin": subclass(tinker.GroupRewardMixin),
    "trl.AsyncRewardFunction": lambda value: asyncio.run(
        trl.AsyncRewardFunction(value, num_generations=2)(PROMPTS, TEXTS, answer=ANSWERS)
    ),
    "trl.RewardFunction": lambda value: trl.RewardFunction(value, num_generations=2)(PROMPTS, TEXTS, answer=ANSWERS),
    "verifiers.GroupRewardMixin": subclass(verifiers.GroupRewardMixin),
    "verifiers.RewardFunction": call_verifiers,
    "verifiers.rubric": call_rubric,
    "verl.GroupRewardMixin": subclass(verl.GroupRewardMixin),
    "verl.RewardFunction": lambda value: [
        verl.RewardFunction(value)("math", text, "4", {"prompt": "2 + 2?"})["score"] for text in TEXTS
    ],
    "verl.install": install_verl,
    "verl.register": lambda value: score(verl.register(value)),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "scheme.toml"
    path.write_text('[sources.verifier]\nuse = "exact-match"\n[[steps]]\nuse = "select"\nsignal = "verifier"\n')
    return path


@pytest.fixture(autouse=True)
def trainers(install_module, monkeypatch):
    """The stubs of trainers that these entry points import."""
    install_module("verifiers", Rubric=Base)
    install_module("swift.rewards", ORM=Base)
    install_module("nemo_rl.algorithms.grpo", _create_advantage_estimator=lambda config: None)
    install_module("open_instruct.ground_truth_utils", RewardConfig=SimpleNamespace())
    install_module("prime_rl.orchestrator.algo", ALGORITHM_CLASSES={"grpo": Base})
    install_module("rllm.trainer.algorithms.advantage", register_rllm_adv_estimator=lambda _: lambda function: function)
    registry = {"ADV_ESTIMATOR_REGISTRY": {}, "register_adv_est": lambda _: lambda function: function}
    install_module("verl.trainer.ppo.core_algos", **registry)
    install_module("verl.trainer.ppo.v1.trainer_base", TRAINER_REGISTRY={})
    monkeypatch.setattr(verl_state, "_PROCESS_REWARDER", {})


@pytest.mark.parametrize("form", ["rewarder", "scheme", "path", "text"])
@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_entry_point_returns_equal_rewards_for_every_form(name, form, path):
    scheme = load_scheme(path)
    value = {"rewarder": scheme.rewarder(), "scheme": scheme, "path": path, "text": str(path)}[form]
    assert ENTRY_POINTS[name](value) == [1.0, 0.0]


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_entry_point_refuses_a_chain(name):
    with pytest.raises(ConfigError, match=REFUSED):
        ENTRY_POINTS[name](chain(Select("verifier")))


def credit_rewarder(*last):
    return Rewarder(
        {"verifier": load_scheme("verifier-only").rewarder().sources["verifier"]},
        chain(Select("verifier"), Center(), ForParts(Select("verifier"), weight=0.0), *last),
    )


CREDIT_REFUSED = (
    r"takes one number a rollout, but step 3 of the chain, ForParts, gives credit .*; end the chain with AggregateParts"
)


TAKES_CREDIT = {
    "MicroBatcher",
    "nemo_rl.install",
    "prime_rl.GroupRewardMixin",
    "prime_rl.install",
    "skyrl.GroupRewardMixin",
    "skyrl.environment",
    "tinker.GroupRewardMixin",
    "verifiers.GroupRewardMixin",
    "verifiers.rubric",
    "verl.GroupRewardMixin",
    "verl.RewardFunction",
    "verl.install",
}


@pytest.mark.parametrize("name", [name for name in ENTRY_POINTS if name not in TAKES_CREDIT])
def test_entry_point_refuses_a_scheme_that_ends_with_credit(name):
    with pytest.raises(ConfigError, match=CREDIT_REFUSED):
        ENTRY_POINTS[name](credit_rewarder())


@pytest.mark.parametrize("name", ["slime.AdvantageEstimator", "rllm.register", "prime_rl.install"])
def test_entry_point_takes_a_scheme_whose_credit_is_aggregated(name):
    assert ENTRY_POINTS[name](credit_rewarder(AggregateParts("mean"))) == [1.0, 0.0]


def test_mixin_refuses_an_attribute_whose_scheme_ends_with_credit():
    with pytest.raises(ConfigError, match=CREDIT_REFUSED):
        type("Subclass", (RewarderMixin, Base), {"herokit": credit_rewarder()})


def test_combining_rows_or_a_group_refuses_a_scheme_that_ends_with_credit():
    with pytest.raises(ConfigError, match=CREDIT_REFUSED):
        combine_rows(credit_rewarder(), [{"verifier": 1.0}], ["q"])
    with pytest.raises(ConfigError, match=CREDIT_REFUSED):
        asyncio.run(score_group(credit_rewarder(), SAMPLES))


@pytest.mark.parametrize("value", [hero(), Select("rm"), Rewarder, None, {"verifier": 1}, 3])
def test_to_rewarder_refuses_what_is_no_rewarder(value):
    with pytest.raises(ConfigError, match=REFUSED):
        to_rewarder(value)


def test_to_rewarder_returns_a_rewarder_as_it_is_and_new_ones_for_a_scheme(path):
    assert to_rewarder("verifier-only").combiner == chain(Select("verifier"))
    scheme = load_scheme(path)
    rewarder = scheme.rewarder()
    assert to_rewarder(rewarder) is rewarder
    assert to_rewarder(scheme) is not to_rewarder(scheme)
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        to_rewarder("nowhere.toml")


def test_mixin_passes_other_class_arguments_on_and_inherits_its_rewarder(path):
    class Parent:
        def __init_subclass__(cls, *, role, **kwargs):
            cls.role = role
            super().__init_subclass__(**kwargs)

    class First(RewarderMixin, Parent, herokit=path, role="first"):
        pass

    class Second(First, role="second"):
        pass

    assert First.herokit is Second.herokit
    assert Second.role == "second"


def test_slime_data_source_refuses_a_scheme_whose_state_would_not_be_the_estimators(path):
    with pytest.raises(ConfigError, match="pass the `rewarder` attribute of the AdvantageEstimator"):
        slime.data_source(path, Base)


@pytest.mark.parametrize(
    "adapter",
    [
        lambda path: trl.RewardFunction(path, num_generations=2, log_rows=False),
        lambda path: generic.RewardFunction(path, uid="uid"),
        verl.RewardFunction,
        verl.AdvantageEstimator,
        areal.RewardFunction,
        rllm.RewardFunction,
        slime.RewardFunction,
        MicroBatcher,
    ],
)
def test_adapter_of_a_path_pickles_with_its_rewarder(adapter, path):
    again = pickle.loads(pickle.dumps(adapter(path)))
    path.unlink()
    assert score(again) == [1.0, 0.0]
