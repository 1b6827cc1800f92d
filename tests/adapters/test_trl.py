"""Real TRL runs: GRPO and RLOO, a tiny random model, a CPU, offline."""

import asyncio
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from trl import GRPOTrainer

from herokit import Rewarder, earned_trust, hero, hero_advantage
from herokit.adapters.trl import AsyncRewardFunction, GroupRewardMixin, RewardFunction
from herokit.errors import ConfigError, DataError
from herokit.trainers import TRAINERS
from herokit.trainers.cancellation import StepCancelledWarning

pytestmark = [
    pytest.mark.usefixtures("two_ranks", "killed"),  # they run in the background
    pytest.mark.filterwarnings("ignore:.*(gradient|activation)_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


class Spy:
    """Records the samples that a verifier gets."""

    def __init__(self, source):
        self.source, self.samples = source, []

    def verify(self, samples):
        self.samples.append(samples)
        return self.source.verify(samples)


def losses(result):
    return [entry["loss"] for entry in result.log if "loss" in entry]


def alone(runs, seen, scheme=None):
    """Score the same samples without any trainer."""
    rewarder = runs.rewarder(scheme=scheme)
    return [rewarder(samples) for samples in seen], rewarder


@pytest.mark.parametrize("chat", [True, False], ids=["chat", "plain"])
@pytest.mark.parametrize("kind", ["GRPO", "GroupGRPO", "RLOO", "GroupRLOO"])
def test_trl_run_uses_the_advantages_of_the_chain(runs, tmp_path, kind, chat):
    spy = Spy(runs.Half())
    function = RewardFunction(runs.rewarder({"verifier": spy, "rm": runs.Taste()}))
    trainer = runs.make(kind, tmp_path, [function], chat=chat)
    trainer.train()
    result = runs.RunResult.from_trainer(trainer, function)
    batches = spy.samples
    assert len(batches) == 2
    assert {(type(s.prompt), s.truncated, s.thinking_opened) for s in batches[0]} == {
        (list, False, False) if chat else (str, False, None)
    }
    assert [s.num_tokens for s in batches[0]] == [
        len(s.final_text) + 1 for s in batches[0]
    ]  # a token a digit, and the end
    if not kind.startswith("Group"):  # the mixin groups after the gather
        assert [s.group for s in batches[0]] == [0] * 4 + [1] * 4
    for batch in batches:
        for row, sample in enumerate(batch):
            batch[row] = runs.regroup(sample, row // 4)
    outputs, rewarder = alone(runs, batches)
    expected = np.concatenate([output.advantage for output in outputs])
    np.testing.assert_allclose(runs.advantages(result), expected * (4 / 3 if kind == "RLOO" else 1), atol=1e-6)
    assert np.abs(expected).max() > 0.1
    assert function.rewarder.state == rewarder.state
    assert np.isfinite(losses(result)).all()
    assert result.log[0]["herokit/verifier/judged"] == 1.0
    assert result.log[0]["herokit/weight/mean"] == pytest.approx(outputs[0].weight.mean())


@pytest.mark.parametrize("kind", ["GRPO", "GroupGRPO"])
def test_trl_run_uses_advantages_of_a_step_inside_a_gate(runs, tmp_path, kind):
    spy, scheme = Spy(runs.Half()), earned_trust(momentum=0.5)
    function = RewardFunction(runs.rewarder({"verifier": spy, "rm": runs.Taste()}, scheme))
    trainer = runs.make(kind, tmp_path, [function])
    trainer.train()
    batches = [[runs.regroup(sample, row // 4) for row, sample in enumerate(batch)] for batch in spy.samples]
    outputs, _ = alone(runs, batches, scheme)
    expected = np.concatenate([output.advantage for output in outputs])
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(runs.advantages(runs.RunResult.from_trainer(trainer, function)), expected, atol=1e-6)


def test_async_reward_function_equals_the_plain_one(runs, tmp_path):
    actual = []
    for kind in (RewardFunction, AsyncRewardFunction):
        for trainer_kind in ("GRPO", "GroupGRPO"):
            function = kind(runs.rewarder())
            trainer = runs.make(trainer_kind, tmp_path, [function])
            trainer.train()
            actual.append((trainer.seen, function.rewarder.state_dict()))
    assert actual[0] == actual[2]
    assert actual[1] == actual[3]


def test_reward_function_pickles_without_its_output(runs, tmp_path):
    function = RewardFunction(runs.rewarder(), name="mine", uid="uid")
    runs.make("GRPO", tmp_path, [function], max_steps=1).train()
    again = pickle.loads(pickle.dumps(function))
    assert again.rewarder.state_dict() == function.rewarder.state_dict()
    assert (again.name, again.__name__, again.uid, again.output, again.state._restored_from) == (
        "mine",
        "mine",
        "uid",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("GRPO", {"scale_rewards": "group"}),
        ("GRPO", {"multi_objective_aggregation": "normalize_then_sum"}),
        ("GroupGRPO", {"scale_rewards": "group"}),
    ],
)
def test_reward_function_names_settings_that_cancel_the_weight(runs, tmp_path, kind, settings):
    scheme = hero() if kind == "GroupGRPO" else hero_advantage()
    with pytest.warns(StepCancelledWarning, match=r'cancels WeightByStd.*scale_rewards="none"'):
        runs.make(kind, tmp_path, [RewardFunction(runs.rewarder(scheme=scheme))], max_steps=1, **settings).train()
    function = RewardFunction(runs.rewarder(scheme=scheme), on_cancelled_step="raise")
    with pytest.raises(ConfigError, match=r'cancels WeightByStd.*scale_rewards="none"'):
        runs.make(kind, tmp_path, [function], max_steps=1, **settings).train()


def test_mixin_ignores_settings_that_cancel_the_weight(runs, tmp_path):
    plain = runs.run("GroupGRPO", tmp_path).seen
    for settings in ({"scale_rewards": "group"}, {"multi_objective_aggregation": "normalize_then_sum"}):
        assert runs.run("GroupGRPO", tmp_path, **settings).seen == plain


def test_reward_function_names_the_setting_for_incomplete_groups(runs, tmp_path):
    trainer = runs.make(
        "GRPO", tmp_path, [RewardFunction(runs.rewarder())], per_device_eval_batch_size=4, evaluation=True
    )
    trainer.num_generations_eval = 3
    with pytest.raises(ConfigError, match="set per_device_eval_batch_size=6"):
        trainer.evaluate()


def test_reward_function_rejects_several_ids_in_a_group(runs, tmp_path):
    function = RewardFunction(runs.rewarder(), uid="uid", num_generations=2)
    with pytest.raises(ConfigError, match=r"rows 2 to 3 must be one group of 2, got ids \['b', 'a'\]"):
        function(prompts=["p"] * 4, completions=["c"] * 4, uid=["a", "a", "b", "a"])
    runs.make("GRPO", tmp_path, [RewardFunction(runs.rewarder(), uid="uid")], max_steps=1).train()
    with pytest.raises(ConfigError, match="no column 'id'"):
        runs.make("GRPO", tmp_path, [RewardFunction(runs.rewarder(), uid="id")]).train()


@pytest.mark.parametrize("kind", ["GRPO", "GroupGRPO"])
def test_prompts_that_differ_inside_a_group_raise_with_both_rows(runs, tmp_path, kind, monkeypatch):
    """As those of an environment with random observations do."""
    calculate = GRPOTrainer._calculate_rewards if kind == "GRPO" else GroupRewardMixin._calculate_rewards
    owner = GRPOTrainer if kind == "GRPO" else GroupRewardMixin

    def observed(self, inputs, prompts, *rest):
        last = {"role": "user", "content": "You see a cat."}
        return calculate(self, inputs, [*prompts[:6], [last], prompts[7]], *rest)

    monkeypatch.setattr(owner, "_calculate_rewards", observed)
    with pytest.raises(
        DataError, match=r"group 1 has different prompts: '\d\+\d=' in row 4, 'You see a cat.' in row 6"
    ):
        runs.make(kind, tmp_path, [RewardFunction(runs.rewarder())], max_steps=1).train()
    rewarder = Rewarder(runs.rewarder().sources, hero_advantage(), equal_prompts=False)
    runs.make(kind, tmp_path, [RewardFunction(rewarder)], max_steps=1).train()


def test_trl_evaluation_keeps_the_running_mean(runs, tmp_path):
    for kind in ("GRPO", "GroupRLOO"):
        without = runs.run(kind, tmp_path)
        function = RewardFunction(runs.rewarder())
        settings = {"eval_strategy": "steps", "eval_steps": 1, "eval_on_start": True}
        trainer = runs.make(kind, tmp_path, [function], evaluation=True, **settings)
        trainer.train()
        result = runs.RunResult.from_trainer(trainer, function)
        assert len(runs.advantages(result, training=False)) == 3 * 16
        assert result.state == without.state
        np.testing.assert_array_equal(runs.advantages(result), runs.advantages(without))
        assert any("eval_herokit/reward/mean" in entry for entry in result.log)


@pytest.mark.parametrize("restore", [False, True])
def test_resumed_run_has_the_same_running_mean(runs, tmp_path, restore):
    whole = runs.run("GroupGRPO", tmp_path, max_steps=4, save_strategy="steps", save_steps=2)
    again = runs.run(
        "GroupGRPO", tmp_path, max_steps=4, resume=str(tmp_path / "checkpoint-2"),
        restore_callback_states_from_checkpoint=restore,
    )  # fmt: skip
    assert again.state == whole.state
    assert len(again.seen) == 2
    np.testing.assert_array_equal(runs.advantages(again), runs.advantages(whole)[16:])


def test_reward_function_warns_of_a_checkpoint_without_state(runs, tmp_path):
    first = RewardFunction(runs.rewarder(), name="first")
    runs.make("GRPO", tmp_path, [first], max_steps=1, save_strategy="steps", save_steps=1).train()
    second = runs.make("GRPO", tmp_path, [RewardFunction(runs.rewarder(), name="second")], max_steps=2)
    with pytest.warns(RuntimeWarning, match="checkpoint of step 1 has no state 'second'"):
        second.train(resume_from_checkpoint=str(tmp_path / "checkpoint-1"))


def test_killed_run_resumes_exactly(runs, killed, tmp_path):
    assert killed.wait() == 128 + 9
    whole = runs.run("GRPO", tmp_path, max_steps=6, save_strategy="steps", save_steps=2)
    assert [p.name for p in killed.folder.glob("out/checkpoint-*")] == ["checkpoint-2"]
    resumed = runs.run("GRPO", killed.folder / "out", max_steps=6, save_strategy="steps", save_steps=2, resume=True)
    assert resumed.state == whole.state
    assert resumed.state["state"][-1]["count"] == 12
    np.testing.assert_array_equal(runs.advantages(resumed), runs.advantages(whole)[16:])


def length(completions, **_):
    return [float(len(c[0]["content"])) for c in completions]


@pytest.mark.parametrize("kind", ["GroupGRPO", "GroupRLOO"])
def test_mixin_keeps_other_reward_functions(runs, tmp_path, kind):
    function = RewardFunction(runs.rewarder())
    trainer = runs.make(kind, tmp_path, [length, function], reward_weights=[0.01, 2.0])
    trainer.train()
    lengths = np.array(list(trainer._logs["rewards"]["length"])).reshape(-1, 4)
    centred = lengths - lengths.mean(1, keepdims=True)
    theirs = 0.01 * centred.reshape(-1) * (4 / 3 if kind == "GroupRLOO" else 1)
    expected = 2.0 * function.output.advantage + theirs
    np.testing.assert_allclose(trainer.seen[-1][1], expected, atol=1e-6)
    np.testing.assert_allclose(list(trainer._logs["advantages"]), expected, atol=1e-6)
    wrong = {"scale_rewards": "group"} if kind == "GroupGRPO" else {"normalize_advantages": True}
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))}=.* mixes herokit's advantages"):
        runs.make(kind, tmp_path, [length, RewardFunction(runs.rewarder())], **wrong)


def test_mixin_keeps_the_kl_penalty_of_rloo(runs, tmp_path):
    function = RewardFunction(runs.rewarder())
    settings = {"beta": 1.0, "learning_rate": 0.1, "folder": tmp_path / "model"}
    trainer = runs.make("GroupRLOO", tmp_path, [function], **settings)
    trainer.train()
    rest = np.array(trainer.seen[-1][1]) - function.output.advantage
    assert np.abs(rest).max() > 1e-3
    np.testing.assert_allclose(rest.reshape(-1, 4).sum(1), 0.0, atol=1e-5)
    with pytest.raises(ConfigError, match="reward_clip_range"):
        runs.make("GroupRLOO", tmp_path, [RewardFunction(runs.rewarder())], **settings, reward_clip_range=(-1.0, 1.0))


def test_mixin_rejects_what_it_cannot_combine(runs, tmp_path):
    with pytest.raises(ConfigError, match="one herokit.adapters.trl.RewardFunction among reward_funcs, got 0"):
        runs.make("GroupGRPO", tmp_path, [length])
    synced = Rewarder({"verifier": runs.Half(), "rm": runs.Taste()}, hero(), sync=lambda mean: mean)
    with pytest.raises(ConfigError, match="remove sync"):
        runs.make("GroupGRPO", tmp_path, [RewardFunction(synced)])


def test_trainer_normalizes_a_chain_of_rewards(runs, tmp_path):
    actual = []
    for kind in ("GRPO", "GroupGRPO"):
        trainer = runs.make(kind, tmp_path, [RewardFunction(runs.rewarder(scheme=hero()))])
        trainer.train()
        actual.append(trainer.seen)
    assert actual[0] == actual[1]


def test_reward_function_needs_num_generations_without_a_trainer(runs):
    with pytest.raises(ConfigError, match="pass num_generations"):
        RewardFunction(runs.rewarder())(prompts=["p"], completions=["c"])


@pytest.mark.parametrize("kind", [RewardFunction, AsyncRewardFunction])
def test_async_grpo_rollout_loop_scores_a_group(runs, monkeypatch, kind):
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    from accelerate import PartialState
    from trl.experimental.async_grpo.async_rollout_worker import RolloutGroup, _AsyncRolloutLoop

    PartialState(cpu=True)  # its log wants one
    function = pickle.loads(pickle.dumps(kind(runs.rewarder(), num_generations=4)))  # it is sent to a spawned process
    loop = object.__new__(_AsyncRolloutLoop)  # what its constructor opens needs vLLM
    vars(loop).update(
        reward_funcs=[function], reward_func_names=["herokit"], _env_reward_types=[], _provides_rollout_reward=False
    )
    prompts = [[{"role": "user", "content": "1+2="}]] * 4
    completions = [[{"role": "assistant", "content": text}] for text in ("3", "4", "33", "5")]
    row = SimpleNamespace(input_ids=[1, 2], completion_mask=[0, 1], old_log_probs=[0.0, 0.0])
    group = RolloutGroup(
        prompts=prompts, reward_kwargs={"answer": ["3"] * 4}, completions=completions, completions_ids=[[2]] * 4,
        completions_sequences=[[row]] * 4, tool_call_counts=[0] * 4, tool_failure_counts=[0] * 4, model_version=0,
        group_id=7, env_rewards=[], rollout_rewards=[],
    )  # fmt: skip
    actual = [sample.advantage for sample in asyncio.run(loop._score_group(group))]
    expected = TRAINERS["trl-async"](function.output.advantage, np.zeros(4, int))
    assert np.ptp(actual) > 0.5
    np.testing.assert_allclose(actual, expected, atol=1e-9)


@pytest.mark.parametrize("name", ["GRPOTrainer", "RLOOTrainer"])
def test_ready_trainer_is_trls_own_with_the_mixin(runs, tmp_path, monkeypatch, name):
    import trl

    from herokit.adapters import trl as adapter

    trainer = getattr(adapter, name)
    assert trainer is getattr(adapter, name)
    assert trainer.__mro__[1:3] == (GroupRewardMixin, getattr(trl, name))
    assert pickle.loads(pickle.dumps(trainer)) is trainer
    kind = name.removesuffix("Trainer")
    monkeypatch.setitem(runs.TRAINERS, kind, (type(kind, (runs.Scripted, trainer), {}), runs.TRAINERS[kind][1]))
    ready = runs.run(kind, tmp_path / "ready").seen
    monkeypatch.undo()
    assert ready == runs.run(f"Group{kind}", tmp_path / "mixin").seen


def test_adapter_for_trl_has_no_other_trainer():
    from herokit.adapters import trl as adapter

    with pytest.raises(AttributeError, match="no attribute 'PPOTrainer'"):
        _ = adapter.PPOTrainer
