"""skyrl-gym's released registry, environment class and metrics, with the scoring environment in them."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import skyrl_gym
from parts import KEYS, TEXTS, make, samples
from skyrl_gym.envs.registration import registry
from skyrl_gym.metrics import default_aggregate_metrics

from herokit.adapters.common.rows import combine_rows
from herokit.adapters.skyrl import ROW_KEY, environment

Herokit = environment(make())


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


def test_an_environment_scores_its_trajectory_off_the_main_thread():
    with ThreadPoolExecutor(8) as pool:
        played = list(pool.map(play, TEXTS))
    assert [output["reward"] for output, _ in played] == [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert all(output["done"] and output["observations"] == [] for output, _ in played)
    assert played[7][0]["metadata"]["verifier_reason"] == "the sandbox is down"
    rows = [metrics[ROW_KEY] for _, metrics in played]
    np.testing.assert_allclose(combine_rows(make(), rows, KEYS).advantage, make()(samples()).advantage)


def test_skyrls_own_aggregation_of_metrics_takes_the_numbers_and_drops_the_row():
    found = default_aggregate_metrics([metrics for _, metrics in map(play, TEXTS)])
    assert found["verifier"] == pytest.approx(2 / 8)
    assert found["verifier_failed"] == pytest.approx(1 / 8)
    assert ROW_KEY not in found


def test_metrics_before_the_first_step_are_empty_and_rows_pickle():
    env = skyrl_gym.make("herokit", env_config={}, extras={})
    assert env.get_metrics() == {}
    assert pickle.loads(pickle.dumps(play("4")[1])) == play("4")[1]
