"""The small training under schemes of credit: its exact success against samples, and its credit by hand."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "credit_rl.py"


@pytest.fixture
def training(monkeypatch):
    monkeypatch.syspath_prepend(str(PATH.parent))
    spec = importlib.util.spec_from_file_location("credit_rl", PATH)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "credit_rl", module)
    spec.loader.exec_module(module)
    return module


def test_measure_equals_the_mean_of_samples(training):
    rng = np.random.default_rng(0)
    right = np.append(training.RIGHT_TOOLS, np.full((training.NUM_TASKS, 1), training.ANSWER), axis=1)
    logits = 2.0 * np.eye(training.ANSWER + 1)[right]
    batches = [training.sample(logits, rng) for _ in range(100)]
    solved = np.mean([batch.solved.mean() for batch in batches])
    empty = np.mean([(batch.action == training.EMPTY).sum() / len(batch.task) for batch in batches])
    np.testing.assert_allclose((solved, empty), training.measure(logits), atol=0.03)
    assert 0.2 < solved < 0.8


def test_judge_pays_empty_steps_only_where_it_is_flawed(training, monkeypatch):
    monkeypatch.setattr(training, "NOISE", 0.0)
    one = np.array([0])
    actions = np.array([training.EMPTY, training.RIGHT_TOOLS[0, 0], training.ANSWER])
    rollouts = training.Rollouts(one, np.array([3]), np.array([0, 0, 1]), actions, np.array([0.0]))
    sound = training.judge(rollouts, np.random.default_rng(0), flawed=False)
    flawed = training.judge(rollouts, np.random.default_rng(0), flawed=True)
    assert (sound["prm"].tolist(), flawed["prm"].tolist()) == ([0.3, 0.8, 0.3], [0.9, 0.8, 0.3])
    np.testing.assert_allclose(sound["value"] * 6, [0, 1, 1])
    np.testing.assert_allclose(flawed["value"] * 6, [1, 2, 2])


def test_outcome_alone_gives_every_turn_the_advantage_of_its_rollout(training):
    rollouts = training.sample(np.zeros((4, 6, 6)), np.random.default_rng(1))
    scores = training.judge(rollouts, np.random.default_rng(1), flawed=False)
    credit = training.credit(training.SCHEMES["outcome alone"], rollouts, scores)
    starts = np.cumsum(rollouts.counts) - rollouts.counts
    np.testing.assert_array_equal(credit, np.repeat(credit[starts], rollouts.counts))
