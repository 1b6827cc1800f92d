"""Schemes that give credit to turns and steps on two small prompts, computed by hand."""

import numpy as np
import pytest

from herokit import Groups, Parts, Signals, schemes
from herokit.combiners import initial_reward

# prompt a: rollouts 1 (three parts), 2 (two), 3 (one); prompt b: rollout 4 (two), alone
COUNTS = [3, 2, 1, 2]
C = [1.0, 0.0, 0.0, 1.0]
STEP = [0.5, 0.0, 1.0, 1.0, 0.0, 0.25, 0.5, 1.0]
STATES = [0, 1, 2, 0, 1, 0, 3, 4]  # parts 1, 4 and 6 saw the same, and parts 2 and 5
ALONE = [0.0, 0.0]  # a rollout that is alone in its prompt


def signals(**values):
    parts = {name: np.array(x) for name, x in values.items()} or dict.fromkeys(("prm", "turn", "step"), np.array(STEP))
    made = Parts.from_counts(COUNTS, parts, states=Groups(np.array(STATES), 5))
    return Signals({"verifier": np.array(C)}, Groups(np.array([0, 0, 0, 1]), 2), made)


def credit(scheme, batch=None):
    batch = batch or signals()
    return scheme.trace(initial_reward(batch), batch, scheme.init())[0][-1].credit


def z(values, eps=1e-4):
    x = np.array(values)
    return (x - x.mean()) / (x.std(ddof=1) + eps)


def test_process_supervision_by_hand():
    a = z([0.5, 0.0, 1.0, 1.0, 0.0, 0.25])  # all six parts of prompt a; their mean is 2.75 / 6
    b = z([0.5, 1.0])
    expected = [a[0] + a[1] + a[2], a[1] + a[2], a[2], a[3] + a[4], a[4], a[5], b[0] + b[1], b[1]]
    np.testing.assert_allclose(credit(schemes.process_supervision()), expected, atol=1e-12)


def test_turn_grpo_by_hand():
    outcome = z([1.0, 0.0, 0.0])
    first, second = z([0.5, 1.0, 0.25]), z([0.0, 0.0])  # the third turn of rollout 1 has no other to compare with
    expected = [
        *(outcome[0] + 0.5 * first[0], outcome[0] + 0.5 * second[0], outcome[0]),
        *(outcome[1] + 0.5 * first[1], outcome[1] + 0.5 * second[1]),
        outcome[2] + 0.5 * first[2],
        *ALONE,
    ]
    np.testing.assert_allclose(credit(schemes.turn_grpo(weight=0.5)), expected, atol=1e-12)


def test_gigpo_with_the_outcome_on_the_last_step_by_hand():
    # returns: rollout 1 has .25 .5 1, rollouts 2 and 3 have 0; in state 0 the mean is .25 / 3, in state 1 it is .25
    expected = [
        *(2 / 3 + 0.25 - 0.25 / 3, 2 / 3 + 0.5 - 0.25, 2 / 3),
        *(-1 / 3 - 0.25 / 3, -1 / 3 - 0.25),
        -1 / 3 - 0.25 / 3,
        *ALONE,
    ]
    np.testing.assert_allclose(credit(schemes.gigpo(gamma=0.5)), expected, atol=1e-12)


def test_gigpo_with_step_rewards_by_hand():
    # returns with gamma .5: .75 .5 1, 1 0, .25, 1 1; in state 0 the mean is 2 / 3, in state 1 it is .25
    steps = np.array([0.75 - 2 / 3, 0.5 - 0.25, 0, 1 - 2 / 3, -0.25, 0.25 - 2 / 3, 0, 0])
    outcome = np.array([2 / 3] * 3 + [-1 / 3] * 3 + ALONE)
    found = credit(schemes.gigpo(step_reward="step", gamma=0.5, weight=2.0))
    np.testing.assert_allclose(found, outcome + 2 * steps, atol=1e-12)
    divided = credit(schemes.gigpo(step_reward="step", gamma=0.5, std=True))
    state_0, state_1, group = z([0.75, 1, 0.25], 1e-6), z([0.5, 0.0], 1e-6), z([1, 0, 0], 1e-6)
    expected = [group[0] + state_0[0], group[0] + state_1[0], group[0], group[1] + state_0[1], group[1] + state_1[1], group[2] + state_0[2], *ALONE]  # fmt: skip
    np.testing.assert_allclose(divided, expected, atol=1e-12)


OUTCOME = np.array([2 / 3] * 3 + [-1 / 3] * 3 + ALONE)


def test_discounted_turns_by_hand():
    expected = [*z([0.75, 0.5, 1.0, 1.0, 0.0, 0.25]), *ALONE]  # in prompt b both returns are 1
    np.testing.assert_allclose(credit(schemes.discounted_turns(gamma=0.5)), expected, atol=1e-12)


def test_discounted_outcome_by_hand():
    expected = OUTCOME * [0.25, 0.5, 1, 0.5, 1, 1, 0.5, 1]
    np.testing.assert_allclose(credit(schemes.discounted_outcome(gamma=0.5)), expected, atol=1e-12)


def test_progress_advantage_by_hand():
    first = (0.5 + 1.0 + 0.25) / 3  # the value of prompt a; that of prompt b is .5
    progress = np.array([0.5 - first, -0.5, 1.0, 1.0 - first, -1.0, 0.25 - first, 0.0, 0.5])
    np.testing.assert_allclose(credit(schemes.progress_advantage(weight=2.0)), OUTCOME + 2.0 * progress, atol=1e-12)


def test_turn_penalties_by_hand():
    outcome = np.repeat([*z([1.0, 0.0, 0.0]), 0.0], COUNTS)
    batch = signals(penalty=[0, -1, 0, -0.2, 0.2, 0, -1, 0])
    expected = outcome + 0.5 * np.array([0, -1, 0, -0.2, 0.2, 0, -1, 0])
    np.testing.assert_allclose(credit(schemes.turn_penalties(weight=0.5), batch), expected, atol=1e-12)


def test_redistribution_by_hand():
    # the scores of prompt a span 0 to 1; in rollouts 1 and 2 their mean is .5
    expected = [2 / 3, 2 / 3 * 0.75, 2 / 3 * 1.25, -1 / 3 * 0.75, -1 / 3 * 1.25, -1 / 3, *ALONE]
    np.testing.assert_allclose(credit(schemes.redistribution(weight=0.5)), expected, atol=1e-6)


def test_min_form_by_hand():
    # 2p - 1: 0 -1 1, 1 -1, -.5; the worst: 0 -1 0, 0 -1, -.5; their means -1/3, -1/2, -1/2; baselines -1/2, -5/12, -5/12
    steps = [0.5 - 0.5 + 0.5, -0.5 + 0.5, 0.5, 5 / 12 - 7 / 12, -7 / 12, -1 / 12, *ALONE]
    outcome = np.repeat([1.0, -0.5, -0.5, 0.0], COUNTS)
    found = credit(schemes.min_form(temperature=0.0, weight=2.0))
    np.testing.assert_allclose(found, np.array(steps) + 2.0 * outcome, atol=1e-12)
    np.testing.assert_allclose(credit(schemes.min_form(verifier=None, temperature=0.0)), steps, atol=1e-12)


def test_min_form_at_the_published_temperature_by_hand():
    weights = np.exp(np.array([0.0, 10.0, -10.0]))  # exp(-p / .1) of 0 -1 1
    q = weights / weights.sum() * [0.0, -1.0, 1.0]
    q_2 = np.exp([-10.0, 10.0]) / np.exp([-10.0, 10.0]).sum() * [1.0, -1.0]
    baseline = (q_2.mean() - 0.5) / 2
    found = credit(schemes.min_form(verifier=None))
    np.testing.assert_allclose(found[:3], np.cumsum((q - baseline)[::-1])[::-1], atol=1e-12)


def test_hero_steps_by_hand():
    # bands: 1, .9, 1.1 of the correct rollout, .1, -.1, -.05 of the others; the means of the rollouts are 1, 0, -.05
    mean = 0.95 / 3
    expected = [1.0 - mean, 0.9 - mean, 1.1 - mean, 0.1 - mean, -0.1 - mean, -0.05 - mean, -0.1, 0.1]
    np.testing.assert_allclose(credit(schemes.hero_steps()), expected, atol=1e-6)  # the first batch has weight 1


CREDIT_SCHEMES = [make for make in schemes.SCHEMES if make.__module__ == "herokit.schemes.credit"]


@pytest.mark.parametrize("make", CREDIT_SCHEMES, ids=lambda make: make.__name__)
def test_scheme_has_a_value_by_hand(make):
    assert any(name.startswith(f"test_{make.__name__}_") for name in globals())
