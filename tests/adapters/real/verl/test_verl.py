"""verl's released reward manager, advantage code, trainers and checkpoint callback, with herokit in their hooks."""

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import ray
import torch
from omegaconf import OmegaConf
from stubs import GROUP_KEYS, TEXTS, make_rewarder, make_samples
from tensordict import TensorDict
from verl import DataProto
from verl.trainer.ppo import core_algos
from verl.trainer.ppo.checkpoint_callback import build_checkpoint_callback
from verl.trainer.ppo.ray_trainer import compute_advantage
from verl.trainer.ppo.reward import load_reward_manager
from verl.trainer.ppo.v1 import trainer_base
from verl.trainer.ppo.v1.utils import compute_advantage_for_multi_trajectories

from herokit import Center, Rewarder, Select, Verdict, chain
from herokit.adapters import verl as adapter
from herokit.adapters.common.rows import score_one
from herokit.adapters.verl import state
from herokit.combiners import ForParts
from herokit.errors import ConfigError, DataError

REWARDS = """
from stubs import make_rewarder
from herokit.adapters.verl import RewardFunction, Packing
compute_score = RewardFunction(make_rewarder())
packed = RewardFunction(make_rewarder(), Packing())
"""


class Letters:
    """A tokenizer of one token a character."""

    def decode(self, ids, **settings):
        return "".join(chr(i) for i in ids.tolist())


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "rewards.py"
    path.write_text(REWARDS)
    return OmegaConf.create(
        {
            "reward": {
                "custom_reward_function": {"path": str(path), "name": "compute_score", "reward_kwargs": {}},
                "reward_manager": {"source": "register", "name": "naive"},
            }
        }
    )


def item(text, **extra):
    ids = torch.tensor([[ord(c) for c in text]])
    batch = TensorDict({"responses": ids, "attention_mask": torch.ones_like(ids)}, batch_size=1)
    columns = {"data_source": "math", "reward_model": {"ground_truth": "4"}, "extra_info": {"prompt": "2 + 2?"} | extra}
    return DataProto(batch=batch, non_tensor_batch={k: np.array([v], dtype=object) for k, v in columns.items()})


def scored(config, texts):
    manager = load_reward_manager(config, Letters())

    async def all_of_them():
        return await asyncio.gather(*(manager.run_single(item(text)) for text in texts))

    return manager.loop.run_until_complete(all_of_them())


def test_verl_reward_manager_returns_source_results(config):
    results = scored(config, TEXTS)
    infos = [r["reward_extra_info"] for r in results]
    assert len({tuple(info) for info in infos}) == 1  # verl takes the keys of row 0 for all
    assert [r["reward_score"] for r in results] == [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert infos[7]["verifier"] is None
    assert infos[7]["verifier_status"] == "failed"
    assert infos[7]["verifier_reason"] == "the sandbox is down"
    plain = [score_one(make_rewarder(), s) for s in make_samples()]
    assert [{k: info[k] for k in row} for info, row in zip(infos, plain, strict=True)] == plain


def batch_of(numbers, uids, length=3):
    rewards = torch.zeros(len(numbers), length)
    rewards[:, -1] = torch.tensor(numbers)
    mask = torch.ones_like(rewards, dtype=torch.int64)
    mask[::2, 0] = 0
    tensors = TensorDict({"token_level_rewards": rewards, "response_mask": mask}, batch_size=len(numbers))
    return DataProto(batch=tensors, non_tensor_batch={"uid": np.array(uids, dtype=object)})


@pytest.fixture
def estimator():
    state._PROCESS_REWARDER.clear()
    core_algos.ADV_ESTIMATOR_REGISTRY.pop("herokit", None)
    return adapter.register(make_rewarder(), adapter.Packing())


@pytest.mark.parametrize("compute", ["legacy", "v1"])
def test_verl_estimator_reads_packed_scores(config, estimator, compute):
    config.reward.custom_reward_function.name = "packed"
    numbers = [r["reward_score"] for r in scored(config, TEXTS)]
    data = batch_of(numbers, GROUP_KEYS)
    if compute == "legacy":
        data = compute_advantage(data, adv_estimator="herokit", config=OmegaConf.create({}))
    else:
        keys = [f"{key}_{row}_0" for row, key in enumerate(GROUP_KEYS)]
        data = compute_advantage_for_multi_trajectories(data, keys, "herokit", config=OmegaConf.create({}))
    expected = make_rewarder()(make_samples())
    np.testing.assert_allclose(estimator.output.advantage, expected.advantage, atol=1e-5)
    full = np.nan_to_num(expected.advantage)[:, None] * data.batch["response_mask"].numpy()
    np.testing.assert_allclose(data.batch["advantages"].numpy(), full, atol=1e-5)
    assert data.batch["advantages"][7].abs().sum() == 0  # the source failed on it: no push, and not a wrong answer


def test_verl_estimator_keeps_weights_that_grpo_cancels(estimator):
    """The running mean has seen narrow groups, so a wide group weighs more: herokit keeps that, std division does not."""
    estimator.rewarder(make_samples())
    packing = adapter.Packing()
    narrow = [packing.pack({"verifier": v, "rm": s}) for v, s in ((1, 0.1), (0, 0.0), (0, 0.1), (1, 0.0))]
    wide = [packing.pack({"verifier": v, "rm": s}) for v, s in ((1, 9.0), (0, -9.0), (0, 9.0), (1, -9.0))]

    def spread(name):
        data = compute_advantage(batch_of(narrow + wide, GROUP_KEYS), adv_estimator=name, config=OmegaConf.create({}))
        sums = data.batch["advantages"][:, -1]
        return float(sums[4:].abs().mean() / sums[:4].abs().mean())

    assert spread("herokit") > 1.2
    assert spread("grpo") == pytest.approx(1.0, abs=0.01)


def test_verl_checkpoint_callback_saves_and_restores(estimator, tmp_path):
    trainer = {
        "checkpoint_callback_class": "herokit.adapters.verl.CheckpointCallback",
        "resume_mode": "auto",
        "default_local_dir": str(tmp_path),
    }
    config = OmegaConf.create({"trainer": trainer, "algorithm": {"adv_estimator": "herokit"}})
    callback = build_checkpoint_callback(config)
    estimator.rewarder(make_samples())
    before = estimator.rewarder.state_dict()
    assert before != make_rewarder().state_dict()
    folder = tmp_path / "global_step_7"
    callback.on_save(trainer=None, global_step=7, checkpoint_dir=str(folder), async_save=False)
    (tmp_path / "latest_checkpointed_iteration.txt").write_text("7")
    estimator.rewarder.load_state_dict(make_rewarder().state_dict())
    build_checkpoint_callback(config)
    assert estimator.rewarder.state_dict() == before
    config.algorithm.adv_estimator = "grpo"
    with pytest.raises(ConfigError, match="would read packed scores as rewards"):
        build_checkpoint_callback(config)


@pytest.fixture(scope="module")
def queue():
    import transfer_queue as tq
    import verl

    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # a busy machine takes its time
    ray.init(
        address="local",
        num_cpus=16,
        include_dashboard=False,
        object_store_memory=100 * 1024 * 1024,
        logging_level="ERROR",
    )
    settings = OmegaConf.load(Path(verl.__file__).parent / "trainer/config/transfer_queue/transfer_queue.yaml")
    settings.enable, settings.backend.SimpleStorage.num_data_storage_units = True, 1
    tq.init(settings)
    yield tq
    tq.close()
    ray.shutdown()


def algorithm(**extra):
    base = {"use_kl_in_reward": False, "adv_estimator": "grpo", "gamma": 1.0, "lam": 1.0, "rollout_correction": None}
    return OmegaConf.create({"algorithm": base | extra, "actor_rollout_ref": {"rollout": {"n": 4}}})


def put(tq, partition):
    """Eight rollouts, a second output of the first session, and a row of padding that copies the first row."""
    from verl.trainer.ppo.v1.agent_loop_tq import list_of_dict_to_tensordict

    plan = [(f"{key}_{row}_0", row, {}) for row, key in enumerate(GROUP_KEYS)]
    plan += [("a_0_1", 0, {}), ("padx_0_0", 0, {"is_padding": True})]
    compute_score = adapter.RewardFunction(make_rewarder())
    fields = []
    for key, row, tag in plan:
        length = 1 if tag else 2 + row % 3
        info = compute_score("math", TEXTS[row], "4", {"prompt": "2 + 2?"})
        mask = torch.zeros(length, dtype=torch.int64) if tag else torch.ones(length, dtype=torch.int64)
        scores = torch.zeros(length)
        scores[-1] = 0.0 if tag else info["score"]
        extra = {"reward_extra_info": info}
        fields.append({"uid": key.rsplit("_", 2)[0], "response_mask": mask, "rm_scores": scores, "extra_fields": extra})
    keys, tags = [key for key, _, _ in plan], [tag for _, _, tag in plan]
    return tq.kv_batch_put(keys=keys, fields=list_of_dict_to_tensordict(fields), tags=tags, partition_id=partition)


@pytest.mark.parametrize("mode", ["sync", "colocate_async", "separate_async"])
def test_verl_trainers_use_the_advantages_of_the_chain(queue, mode, monkeypatch):
    monkeypatch.setattr(trainer_base, "TRAINER_REGISTRY", dict(trainer_base.TRAINER_REGISTRY))
    monkeypatch.setattr(state, "_PROCESS_REWARDER", {})
    adapter.install(make_rewarder())
    cls = trainer_base.get_trainer_cls(mode)
    assert issubclass(cls, trainer_base.PPOTrainer)
    assert issubclass(cls, adapter.GroupRewardMixin)
    trainer = object.__new__(cls)
    trainer.config = algorithm()
    written = put(queue, mode)
    metrics = {}
    updated = trainer._compute_advantage(written, metrics)
    assert updated.keys == written.keys
    actual = queue.kv_batch_get(keys=written.keys, partition_id=mode, select_fields=["advantages", "response_mask"])
    got = [float(x[0]) for x in actual["advantages"].unbind()]
    expected = np.nan_to_num(make_rewarder()(make_samples()).advantage)
    np.testing.assert_allclose(got, [*expected, expected[0], 0.0], atol=1e-6)
    assert [len(x) for x in actual["advantages"].unbind()] == [len(x) for x in actual["response_mask"].unbind()]
    assert metrics["herokit/rows/invalid"] == pytest.approx(1 / 8)
    plain = make_rewarder()
    plain(make_samples())
    assert trainer.herokit.state_dict() == plain.state_dict()  # padding and second outputs left no trace


class Turns:
    """Judges the turns by the scores of verl's tool agent loop."""

    def verify(self, samples):
        return [Verdict(1.0, parts=tuple(map(Verdict, sample.meta["turn_scores"]))) for sample in samples]


def put_turns(tq, partition, compute_score, plan):
    from verl.trainer.ppo.v1.agent_loop_tq import list_of_dict_to_tensordict

    fields = []
    for scores, mask in plan:
        info = compute_score("tools", "text", None, {"turn_scores": scores})
        extra, rewards = {"reward_extra_info": info}, torch.tensor([0.0] * (len(mask) - 1) + [info["score"]])
        fields.append({"uid": "q", "response_mask": torch.tensor(mask), "rm_scores": rewards, "extra_fields": extra})
    keys = [f"q_{row}_0" for row in range(len(plan))]
    tags = [{} for _ in plan]
    return tq.kv_batch_put(keys=keys, fields=list_of_dict_to_tensordict(fields), tags=tags, partition_id=partition)


def test_verl_trainer_gives_every_token_the_advantage_of_its_turn(queue, monkeypatch):
    monkeypatch.setattr(trainer_base, "TRAINER_REGISTRY", dict(trainer_base.TRAINER_REGISTRY))
    monkeypatch.setattr(state, "_PROCESS_REWARDER", {})
    rewarder = Rewarder({"turn": Turns()}, chain(ForParts(chain(Select("turn"), Center()), mode="replace")))
    adapter.install(rewarder)
    trainer = object.__new__(trainer_base.get_trainer_cls("sync"))
    trainer.config = algorithm()
    plan = [([1.0, 0.0], [1, 1, 0, 1]), ([0.0, 1.0, 1.0], [1, 0, 1, 0, 0, 1, 1])]
    compute_score = adapter.RewardFunction(rewarder)
    written = put_turns(queue, "turns", compute_score, plan)
    trainer._compute_advantage(written, {})
    actual = queue.kv_batch_get(keys=written.keys, partition_id="turns", select_fields=["advantages"])
    rows = [[round(x, 6) for x in row.tolist()] for row in actual["advantages"].unbind()]
    assert rows == [[0.4, 0.4, 0.0, -0.6], [-0.6, 0.0, 0.4, 0.0, 0.0, 0.4, 0.4]]
    other = put_turns(queue, "adjacent", compute_score, [*plan, ([1.0, 0.0], [1, 1, 1])])
    with pytest.raises(DataError, match="'q_2_0': the rollout has 2 parts, but there are 1 spans"):
        trainer._compute_advantage(other, {})


def test_verl_mixin_rejects_kl_in_the_reward(queue, monkeypatch):
    monkeypatch.setattr(trainer_base, "TRAINER_REGISTRY", dict(trainer_base.TRAINER_REGISTRY))
    adapter.install(make_rewarder())
    trainer = object.__new__(trainer_base.get_trainer_cls("sync"))
    trainer.config = algorithm(use_kl_in_reward=True)
    with pytest.raises(ValueError, match="use_kl_loss=True"):
        trainer._compute_advantage(put(queue, "kl"), {})


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_verl_entry_point_loads_a_scheme_file(tmp_path):
    scheme = tmp_path / "scheme.toml"
    scheme.write_text(
        '[sources.verifier]\nuse = "exact-match"\n[[steps]]\nuse = "select"\nsignal = "verifier"\n[[steps]]\nuse = "center"\n'
    )
    code = """
        import json, verl
        from omegaconf import OmegaConf
        from verl.trainer.ppo.reward import get_custom_reward_fn
        from verl.trainer.ppo.v1 import get_trainer_cls
        where = {"path": "pkg://herokit.adapters.verl.plugin", "name": "compute_score", "reward_kwargs": {}}
        score = get_custom_reward_fn(OmegaConf.create({"reward": {"custom_reward_function": where}}))
        row = score(data_source="m", solution_str="4", ground_truth="4", extra_info={"prompt": "2 + 2?"})
        print(json.dumps([get_trainer_cls("sync").__name__, row["score"], row["verifier_status"]]))
    """
    actual = run(code, HEROKIT_SCHEME=str(scheme))
    assert actual == ["GroupRewardPPOTrainerSync", 1.0, "judged"]


def test_verl_entry_point_needs_the_variable_and_logs_a_bad_file():
    code = """
        import json, verl
        from verl.trainer.ppo.v1 import get_trainer_cls
        print(json.dumps(get_trainer_cls("sync").__name__))
    """
    environment = {name: value for name, value in os.environ.items() if name != "HEROKIT_SCHEME"}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    plain = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert json.loads(plain.stdout.splitlines()[-1]) == "PPOTrainerSync"
    environment["HEROKIT_SCHEME"] = "nowhere.toml"
    bad = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert "verl cannot use HEROKIT_SCHEME=nowhere.toml" in bad.stderr
    assert "no such scheme file" in bad.stderr


def test_verl_trainer_refuses_a_filter_by_the_verdict_that_would_hide_uniform_groups():
    trainer = type("T", (adapter.GroupRewardMixin, trainer_base.PPOTrainer), {"herokit": make_rewarder()})
    instance = object.__new__(trainer)
    for metric, refused in (("reward", True), ("acc", True), ("rm", False)):
        settings = {"filter_groups": {"enable": True, "metric": metric}}
        reward = {"reward_model": {"enable": False, "enable_resource_pool": False}}
        instance.config = OmegaConf.create({"algorithm": settings, "reward": reward})
        assert trainer_base.PPOTrainer._resolve_filter_groups_metric(instance) == metric
        if refused:
            with pytest.raises(ConfigError, match="never reach the chain"):
                instance._resolve_filter_groups_metric()
        else:
            assert instance._resolve_filter_groups_metric() == metric
