"""skyrl-gym's released registry, environment class and metrics, with the scoring environment in them."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import skyrl_gym
from skyrl_gym.envs.registration import registry
from skyrl_gym.metrics import default_aggregate_metrics
from stubs import GROUP_KEYS, TEXTS, make_rewarder, make_samples

from herokit.adapters.common.rows import combine_rows
from herokit.adapters.skyrl import ROW_KEY, environment

Herokit = environment(make_rewarder())


@pytest.fixture(autouse=True)
def registered():
    skyrl_gym.register(id="herokit", entry_point=Herokit)
    yield
    registry.pop("herokit")


def play(text, gold="4"):
    env = skyrl_gym.make("herokit", env_config={}, extras={"reward_spec": {"ground_truth": gold}})
    prompt, _ = env.init([{"role": "user", "content": "2 + 2?"}])
    assert prompt == [{"role": "user", "content": "2 + 2?"}]
    output = env.step(text)
    return output, env.get_metrics()


def test_skyrl_environment_scores_in_threads():
    with ThreadPoolExecutor(8) as pool:
        played = list(pool.map(play, TEXTS))
    assert [output["reward"] for output, _ in played] == [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert all(output["done"] and output["observations"] == [] for output, _ in played)
    assert played[7][0]["metadata"]["verifier_reason"] == "the sandbox is down"
    rows = [metrics[ROW_KEY] for _, metrics in played]
    np.testing.assert_allclose(
        combine_rows(make_rewarder(), rows, GROUP_KEYS).advantage, make_rewarder()(make_samples()).advantage
    )


def test_skyrl_metrics_average_numbers_and_drop_the_row():
    actual = default_aggregate_metrics([metrics for _, metrics in map(play, TEXTS)])
    assert actual["verifier"] == pytest.approx(2 / 8)
    assert actual["verifier_failed"] == pytest.approx(1 / 8)
    assert ROW_KEY not in actual


def test_skyrl_metrics_are_empty_before_the_first_step():
    env = skyrl_gym.make("herokit", env_config={}, extras={})
    assert env.get_metrics() == {}
    assert pickle.loads(pickle.dumps(play("4")[1])) == play("4")[1]
