"""Two facts that the paper does not address: a weight on the reward cancels, and uniform groups are amplified."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from herokit import Groups, Signals, Standardize, chain, hero
from herokit.schemes import stratified
from herokit.trainers import TRAINERS

PATH = Path(__file__).resolve().parents[2] / "docs" / "make_weights.py"
spec = importlib.util.spec_from_file_location("make_weights", PATH)
page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(page)


def advantages(scheme, trainer):
    signals = page.batch()
    return TRAINERS[trainer](page.run(scheme, signals)[0], signals.groups.ids)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_weight_on_the_reward_survives_only_without_group_deviation(trainer):
    if TRAINERS[trainer].scale == "group":
        assert page.survival(trainer) < 0.01
    else:
        assert page.survival(trainer) > 0.99


@pytest.mark.parametrize(("trainer", "limit"), [("trl", 1e-2), ("verl", 1e-4)])
def test_remaining_change_is_caused_by_the_trainers_epsilon(trainer, limit):
    weighted, plain = advantages(hero(), trainer), advantages(stratified(), trainer)
    nonzero = np.abs(plain) > 1e-3
    assert (np.abs(weighted - plain)[nonzero] / np.abs(plain)[nonzero]).max() < limit


def test_weight_after_centering_survives():
    assert page.advantage_survival() == pytest.approx(1.0)


def stratified_batch(num_correct, *, alpha=0.05, std=1.0):
    rng = np.random.default_rng(0)
    groups = 4000
    index = np.repeat(np.arange(groups), 8)
    verdicts = np.tile((np.arange(8) < num_correct) * 1.0, groups)
    signals = Signals({"rm": std * rng.normal(size=groups * 8), "verifier": verdicts}, Groups(index, groups))
    return page.run(stratified(alpha=alpha, beta=alpha), signals)[0], signals


@pytest.mark.parametrize(
    ("num_correct", "divided", "centered"), [(0, 0.77, 0.027), (1, 0.62, 0.21), (4, 0.93, 0.50), (8, 0.77, 0.027)]
)
def test_group_deviation_amplifies_uniform_groups(num_correct, divided, centered):
    reward, signals = stratified_batch(num_correct)
    for trainer, expected in (("trl", divided), ("verl", divided), ("dr-grpo", centered)):
        mean_advantage = np.abs(TRAINERS[trainer](reward, signals.groups.ids)).mean()
        assert mean_advantage == pytest.approx(expected, rel=0.02)


def test_group_deviation_removes_alpha_in_uniform_groups():
    narrow, signals = stratified_batch(0, alpha=0.01)
    wide, _ = stratified_batch(0, alpha=0.4)
    a, b = (TRAINERS["verl"](r, signals.groups.ids) for r in (narrow, wide))
    np.testing.assert_allclose(a, b, rtol=1e-3)
    a, b = (TRAINERS["dr-grpo"](r, signals.groups.ids) for r in (narrow, wide))
    np.testing.assert_allclose(40 * a, b, rtol=1e-9)


def test_min_range_removes_unit_advantages_of_nearly_equal_scores():
    reward, signals = stratified_batch(0, std=7e-4 / 3)
    assert np.abs(TRAINERS["trl"](reward, signals.groups.ids)).mean() > 0.7
    from herokit import Stratify

    flattened = Stratify(alpha=0.05, beta=0.05, min_range=0.1)(signals["rm"], signals)
    assert np.abs(TRAINERS["trl"](flattened, signals.groups.ids)).max() < 1e-9


def test_min_std_or_a_fixed_scale_keeps_uniform_groups_small():
    reward, signals = stratified_batch(0)
    for step in (Standardize(min_std=0.5), Standardize(scale=0.5)):
        combiner = chain(step)
        assert np.abs(combiner.combine(reward, signals, combiner.init())[0]).mean() < 0.06


def test_weight_with_a_batch_baseline_lowers_the_advantage_of_a_solved_prompt():
    # two prompts: one solved, with nearly equal scores (weight 0.43), and one mixed; the baseline is the batch's mean
    plain = np.array([1.0] * 8 + [1.0] * 2 + [0.0] * 6)
    weighted = plain * np.repeat([0.43, 1.0], 8)
    solved = slice(0, 8)
    assert (plain - plain.mean())[solved].mean() > 0.3
    assert (weighted - weighted.mean())[solved].mean() < 0.1
