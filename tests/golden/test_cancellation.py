"""Two facts the paper does not address: a weight on the reward cancels, and uniform groups are inflated."""

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
def test_a_weight_on_the_reward_survives_only_where_no_group_deviation_divides(trainer):
    if TRAINERS[trainer].scale == "group":
        assert page.survival(trainer) < 0.01
    else:
        assert page.survival(trainer) > 0.99


@pytest.mark.parametrize(("trainer", "most"), [("trl", 1e-2), ("verl", 1e-4)])
def test_the_change_that_is_left_is_the_trainers_epsilon(trainer, most):
    weighted, plain = advantages(hero(), trainer), advantages(stratified(), trainer)
    seen = np.abs(plain) > 1e-3
    assert (np.abs(weighted - plain)[seen] / np.abs(plain)[seen]).max() < most


def test_a_weight_after_centring_survives():
    assert page.advantage_survival() == pytest.approx(1.0)


def uniform(right, *, alpha=0.05, spread=1.0):
    rng = np.random.default_rng(0)
    groups = 4000
    index = np.repeat(np.arange(groups), 8)
    verdicts = np.tile((np.arange(8) < right) * 1.0, groups)
    signals = Signals({"rm": spread * rng.normal(size=groups * 8), "verifier": verdicts}, Groups(index, groups))
    return page.run(stratified(alpha=alpha, beta=alpha), signals)[0], signals


@pytest.mark.parametrize(
    ("right", "divided", "centred"), [(0, 0.77, 0.027), (1, 0.62, 0.21), (4, 0.93, 0.50), (8, 0.77, 0.027)]
)
def test_uniform_groups_are_blown_up_by_their_own_deviation(right, divided, centred):
    reward, signals = uniform(right)
    for trainer, expected in (("trl", divided), ("verl", divided), ("dr-grpo", centred)):
        found = np.abs(TRAINERS[trainer](reward, signals.groups.ids)).mean()
        assert found == pytest.approx(expected, rel=0.02)


def test_alpha_does_not_matter_in_a_uniform_group_that_is_divided():
    narrow, signals = uniform(0, alpha=0.01)
    wide, _ = uniform(0, alpha=0.4)
    a, b = (TRAINERS["verl"](r, signals.groups.ids) for r in (narrow, wide))
    np.testing.assert_allclose(a, b, rtol=1e-3)
    a, b = (TRAINERS["dr-grpo"](r, signals.groups.ids) for r in (narrow, wide))
    np.testing.assert_allclose(40 * a, b, rtol=1e-9)


def test_a_score_spread_of_7e_4_still_yields_unit_advantages_unless_a_minimum_is_asked_for():
    reward, signals = uniform(0, spread=7e-4 / 3)
    assert np.abs(TRAINERS["trl"](reward, signals.groups.ids)).mean() > 0.7
    from herokit import Stratify

    quiet = Stratify(alpha=0.05, beta=0.05, min_range=0.1)(signals["rm"], signals)
    assert np.abs(TRAINERS["trl"](quiet, signals.groups.ids)).max() < 1e-9


def test_a_floor_or_the_batch_deviation_keeps_uniform_groups_small():
    reward, signals = uniform(0)
    for step in (Standardize(min_std=0.5), Standardize(scale=0.5)):
        made = chain(step)
        assert np.abs(made.combine(reward, signals, made.init())[0]).mean() < 0.06


def test_a_weight_on_an_uncentred_baseline_pushes_a_solved_prompt_down():
    # two prompts, one solved with a narrow spread (weight 0.43), one mixed; the baseline is the batch's mean
    plain = np.array([1.0] * 8 + [1.0] * 2 + [0.0] * 6)
    weighted = plain * np.repeat([0.43, 1.0], 8)
    solved = slice(0, 8)
    assert (plain - plain.mean())[solved].mean() > 0.3
    assert (weighted - weighted.mean())[solved].mean() < 0.1
