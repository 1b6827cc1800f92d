"""Real TRL runs: GRPO and RLOO, a tiny random model, a CPU, offline."""

import asyncio
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from herokit import Rewarder, earned_trust, hero, hero_advantage
from herokit.adapters.trl import AsyncRewardFunction, RewardFunction
from herokit.errors import ConfigError
from herokit.trainers import TRAINERS
from herokit.trainers.cancellation import StepCancelledWarning

pytestmark = [
    pytest.mark.usefixtures("two_ranks", "killed"),  # they run beside these tests
    pytest.mark.filterwarnings("ignore:.*(gradient|activation)_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


class Spy:
    """Keeps what a reward function answered."""

    def __init__(self, source):
        self.source, self.samples = source, []

    def verify(self, samples):
        self.samples.append(samples)
        return self.source.verify(samples)


def losses(story):
    return [entry["loss"] for entry in story.log if "loss" in entry]


def alone(runs, seen, scheme=None):
    """Score the same samples without any trainer."""
    rewarder = runs.rewarder(scheme=scheme)
    return [rewarder(samples) for samples in seen], rewarder


@pytest.mark.parametrize("chat", [True, False], ids=["chat", "plain"])
@pytest.mark.parametrize("kind", ["GRPO", "GroupGRPO", "RLOO", "GroupRLOO"])
def test_a_run_learns_from_the_advantages_of_the_chain(runs, tmp_path, kind, chat):
    spy = Spy(runs.Half())
    function = RewardFunction(runs.rewarder({"verifier": spy, "rm": runs.Taste()}))
    trainer = runs.make(kind, tmp_path, [function], chat=chat)
    trainer.train()
    story = runs.Story.of(trainer, function)
    batches = spy.samples
    assert len(batches) == 2
    assert {type(s.prompt) for s in batches[0]} == {str}
    if not kind.startswith("Group"):  # the mixin groups after the gather
        assert [s.group for s in batches[0]] == [0] * 4 + [1] * 4
    for batch in batches:
        for row, sample in enumerate(batch):
            batch[row] = runs.regroup(sample, row // 4)
    outcomes, rewarder = alone(runs, batches)
    expected = np.concatenate([outcome.advantage for outcome in outcomes])
    np.testing.assert_allclose(runs.advantages(story), expected * (4 / 3 if kind == "RLOO" else 1), atol=1e-6)
    assert np.abs(expected).max() > 0.1
    assert function.rewarder.state == rewarder.state
    assert np.isfinite(losses(story)).all()
    assert story.log[0]["herokit/verifier/judged"] == 1.0
    assert story.log[0]["herokit/weight/mean"] == pytest.approx(outcomes[0].weight.mean())


@pytest.mark.parametrize("kind", ["GRPO", "GroupGRPO"])
def test_advantages_that_a_step_inside_a_gate_makes_are_taken_as_they_are(runs, tmp_path, kind):
    spy, scheme = Spy(runs.Half()), earned_trust(momentum=0.5)
    function = RewardFunction(runs.rewarder({"verifier": spy, "rm": runs.Taste()}, scheme))
    trainer = runs.make(kind, tmp_path, [function])
    trainer.train()
    batches = [[runs.regroup(sample, row // 4) for row, sample in enumerate(batch)] for batch in spy.samples]
    outcomes, _ = alone(runs, batches, scheme)
    expected = np.concatenate([outcome.advantage for outcome in outcomes])
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(runs.advantages(runs.Story.of(trainer, function)), expected, atol=1e-6)


def test_a_coroutine_gives_what_the_function_gives(runs, tmp_path):
    found = []
    for kind in (RewardFunction, AsyncRewardFunction):
        for trainer_kind in ("GRPO", "GroupGRPO"):
            function = kind(runs.rewarder())
            trainer = runs.make(trainer_kind, tmp_path, [function])
            trainer.train()
            found.append((trainer.seen, function.rewarder.state_dict()))
    assert found[0] == found[2]
    assert found[1] == found[3]


def test_it_pickles_without_what_it_saw(runs, tmp_path):
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
def test_settings_that_undo_the_weight_are_named(runs, tmp_path, kind, settings):
    scheme = hero() if kind == "GroupGRPO" else hero_advantage()
    with pytest.warns(StepCancelledWarning, match=r'cancels WeightByStd.*scale_rewards="none"'):
        runs.make(kind, tmp_path, [RewardFunction(runs.rewarder(scheme=scheme))], max_steps=1, **settings).train()
    function = RewardFunction(runs.rewarder(scheme=scheme), on_cancelled_step="raise")
    with pytest.raises(ConfigError, match=r'cancels WeightByStd.*scale_rewards="none"'):
        runs.make(kind, tmp_path, [function], max_steps=1, **settings).train()


def test_the_mixin_makes_them_harmless(runs, tmp_path):
    plain = runs.run("GroupGRPO", tmp_path).seen
    for settings in ({"scale_rewards": "group"}, {"multi_objective_aggregation": "normalize_then_sum"}):
        assert runs.run("GroupGRPO", tmp_path, **settings).seen == plain


def test_a_batch_that_does_not_divide_is_refused_with_the_setting(runs, tmp_path):
    trainer = runs.make(
        "GRPO", tmp_path, [RewardFunction(runs.rewarder())], per_device_eval_batch_size=4, evaluation=True
    )
    trainer.num_generations_eval = 3
    with pytest.raises(ConfigError, match="set per_device_eval_batch_size=6"):
        trainer.evaluate()


def test_ids_that_are_not_one_a_group_are_refused(runs, tmp_path):
    function = RewardFunction(runs.rewarder(), uid="uid", num_generations=2)
    with pytest.raises(ConfigError, match=r"rows 2 to 3 must be one group of 2, got ids \['b', 'a'\]"):
        function(prompts=["p"] * 4, completions=["c"] * 4, uid=["a", "a", "b", "a"])
    runs.make("GRPO", tmp_path, [RewardFunction(runs.rewarder(), uid="uid")], max_steps=1).train()
    with pytest.raises(ConfigError, match="no column 'id'"):
        runs.make("GRPO", tmp_path, [RewardFunction(runs.rewarder(), uid="id")]).train()


def test_evaluation_does_not_move_the_running_mean(runs, tmp_path):
    for kind in ("GRPO", "GroupRLOO"):
        without = runs.run(kind, tmp_path)
        function = RewardFunction(runs.rewarder())
        settings = {"eval_strategy": "steps", "eval_steps": 1, "eval_on_start": True}
        trainer = runs.make(kind, tmp_path, [function], evaluation=True, **settings)
        trainer.train()
        story = runs.Story.of(trainer, function)
        assert len(runs.advantages(story, training=False)) == 3 * 16
        assert story.state == without.state
        np.testing.assert_array_equal(runs.advantages(story), runs.advantages(without))
        assert any("eval_herokit/reward/mean" in entry for entry in story.log)


@pytest.mark.parametrize("restore", [False, True])
def test_a_resumed_run_goes_on_with_the_same_mean(runs, tmp_path, restore):
    whole = runs.run("GroupGRPO", tmp_path, max_steps=4, save_strategy="steps", save_steps=2)
    again = runs.run(
        "GroupGRPO", tmp_path, max_steps=4, resume=str(tmp_path / "checkpoint-2"),
        restore_callback_states_from_checkpoint=restore,
    )  # fmt: skip
    assert again.state == whole.state
    assert len(again.seen) == 2
    np.testing.assert_array_equal(runs.advantages(again), runs.advantages(whole)[16:])


def test_a_checkpoint_without_a_state_is_told(runs, tmp_path):
    first = RewardFunction(runs.rewarder(), name="first")
    runs.make("GRPO", tmp_path, [first], max_steps=1, save_strategy="steps", save_steps=1).train()
    second = runs.make("GRPO", tmp_path, [RewardFunction(runs.rewarder(), name="second")], max_steps=2)
    with pytest.warns(RuntimeWarning, match="checkpoint of step 1 has no state 'second'"):
        second.train(resume_from_checkpoint=str(tmp_path / "checkpoint-1"))


def test_a_run_that_was_killed_goes_on_exactly(runs, killed, tmp_path):
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
def test_other_reward_functions_keep_their_part(runs, tmp_path, kind):
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


def test_the_penalty_of_rloo_stays(runs, tmp_path):
    function = RewardFunction(runs.rewarder())
    settings = {"beta": 1.0, "learning_rate": 0.1, "folder": tmp_path / "model"}
    trainer = runs.make("GroupRLOO", tmp_path, [function], **settings)
    trainer.train()
    rest = np.array(trainer.seen[-1][1]) - function.output.advantage
    assert np.abs(rest).max() > 1e-3
    np.testing.assert_allclose(rest.reshape(-1, 4).sum(1), 0.0, atol=1e-5)
    with pytest.raises(ConfigError, match="reward_clip_range"):
        runs.make("GroupRLOO", tmp_path, [RewardFunction(runs.rewarder())], **settings, reward_clip_range=(-1.0, 1.0))


def test_the_mixin_refuses_what_it_cannot_do(runs, tmp_path):
    with pytest.raises(ConfigError, match="one herokit.adapters.trl.RewardFunction among reward_funcs, got 0"):
        runs.make("GroupGRPO", tmp_path, [length])
    synced = Rewarder({"verifier": runs.Half(), "rm": runs.Taste()}, hero(), sync=lambda mean: mean)
    with pytest.raises(ConfigError, match="remove sync"):
        runs.make("GroupGRPO", tmp_path, [RewardFunction(synced)])


def test_a_scheme_that_stays_with_rewards_is_normalized_by_the_trainer(runs, tmp_path):
    found = []
    for kind in ("GRPO", "GroupGRPO"):
        trainer = runs.make(kind, tmp_path, [RewardFunction(runs.rewarder(scheme=hero()))])
        trainer.train()
        found.append(trainer.seen)
    assert found[0] == found[1]


def test_without_a_trainer_the_size_must_be_told(runs):
    with pytest.raises(ConfigError, match="pass num_generations"):
        RewardFunction(runs.rewarder())(prompts=["p"], completions=["c"])


@pytest.mark.parametrize("kind", [RewardFunction, AsyncRewardFunction])
def test_the_rollout_loop_of_async_grpo_scores_a_group(runs, monkeypatch, kind):
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
    found = [sample.advantage for sample in asyncio.run(loop._score_group(group))]
    expected = TRAINERS["trl-async"](function.output.advantage, np.zeros(4, int))
    assert np.ptp(found) > 0.5
    np.testing.assert_allclose(found, expected, atol=1e-9)
