"""Length shaping: values by hand, and what it must not do."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from herokit import Center, Groups, Select, Signals, chain
from herokit.combiners import (
    CosineLength,
    ExcessLength,
    GroupLengthPenalty,
    KimiLength,
    LinearSchedule,
    SoftOverlong,
    initial_reward,
)
from herokit.errors import ConfigError
from herokit.schemes import dapo, grpo_length, hero_length

SHAPINGS = [
    SoftOverlong(100, 60, weight=0.7),
    CosineLength(100, 0.35, 0.35),
    KimiLength(),
    GroupLengthPenalty(),
    GroupLengthPenalty({"tokens": 0.25, "turns": 0.1}),
    ExcessLength(),
]
"""The distance of correct and incorrect rollouts is 0.8 in HERO."""

SCHEMES = [
    dapo(max_tokens=100, buffer=60),
    *(grpo_length(shaping=step) for step in SHAPINGS),
    grpo_length(shaping=CosineLength(100), incorrect=-1.0),
    *(hero_length(shaping=step) for step in SHAPINGS),
]

ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 300), st.integers(1, 9), st.integers(-5, 5)),
    min_size=2,
    max_size=12,
)


def run(combiner, groups, correct, tokens, turns=None, rm=None):
    n = len(correct)
    values = {
        "verifier": np.array(correct, float),
        "tokens": np.array(tokens, float),
        "turns": np.ones(n) if turns is None else np.array(turns, float),
        "rm": np.zeros(n) if rm is None else np.array(rm, float),
    }
    signals = Signals(values, Groups.from_keys(groups))
    steps = chain(combiner)
    return steps.combine(initial_reward(signals), signals, steps.init())[0]


def reward(step, correct, tokens, **more):
    return run(chain(Select("verifier"), step), ["q"] * len(correct), correct, tokens, **more).tolist()


@pytest.mark.parametrize(
    ("tokens", "penalty"), [(0, 0.0), (40, 0.0), (55, 0.25), (70, 0.5), (100, 1.0), (101, 1.0), (10**6, 1.0)]
)
def test_soft_overlong_by_hand(tokens, penalty):
    assert reward(SoftOverlong(100, 60), [1, 0], [tokens] * 2) == pytest.approx([1 - penalty, -penalty])
    assert reward(SoftOverlong(100, 60, weight=0.5), [1], [tokens]) == pytest.approx([1 - penalty / 2])


def test_soft_overlong_equals_trl():
    from trl.rewards import get_soft_overlong_punishment

    ids = [[1] * n for n in (0, 39, 40, 41, 77, 100, 101, 400)]
    expected = get_soft_overlong_punishment(100, 60)(completion_ids=ids)
    assert reward(SoftOverlong(100, 60), [0] * len(ids), list(map(len, ids))) == pytest.approx(expected)


def test_cosine_length_equals_the_published_reward():
    scheme = chain(Select("verifier"), *grpo_length(shaping=CosineLength(100), incorrect=-1.0).steps[1:-1])
    tokens = [0, 25, 50, 100, 400]
    height = [(1 - math.cos(math.pi * min(n / 100, 1))) / 2 for n in tokens]
    assert run(scheme, ["q"] * 5, [1] * 5, tokens) == pytest.approx([1 - 0.5 * h for h in height])
    assert run(scheme, ["q"] * 5, [0] * 5, tokens) == pytest.approx([-1 + 0.5 * h for h in height])


def test_cosine_length_equals_trl(monkeypatch):
    from trl.rewards import accuracy_rewards

    monkeypatch.setattr(accuracy_rewards, "accuracy_reward", lambda completions, _: completions)
    correct, lengths = [1.0, 0.0] * 3, [0, 10, 50, 50, 99, 200]
    expected = accuracy_rewards.get_cosine_scaled_reward(100)(correct, [""] * 6, [[1] * n for n in lengths])
    scheme = chain(*grpo_length(shaping=CosineLength(100), incorrect=-1.0).steps[:-1])
    assert run(scheme, ["q"] * 6, correct, lengths) == pytest.approx(expected)


def test_cosine_length_narrows_the_distance_in_groups_of_equal_length():
    scheme = chain(Select("verifier"), CosineLength(100, 0.2, 0.3))
    assert run(scheme, ["q"] * 2, [1, 0], [100, 100]) == pytest.approx([0.8, 0.3])


def test_kimi_length_by_hand():
    assert reward(KimiLength(), [1, 1, 1, 0, 0], [10, 20, 50, 10, 40]) == pytest.approx([1.5, 1.25, 0.5, 0, -0.25])
    assert reward(KimiLength(0.2), [1, 0], [10, 50]) == pytest.approx([1.1, -0.1])
    assert reward(KimiLength(), [1, 0], [30, 30]) == [1, 0]


def test_group_length_penalty_by_hand():
    expected = [1 - 0.5 * 0.25 * 0.5, 0 - 0.5 * 0.25]
    assert reward(GroupLengthPenalty(), [1, 0], [10, 20]) == pytest.approx(expected)
    step = GroupLengthPenalty({"tokens": 0.25, "turns": 0.1})
    expected = [1 - 0.5 * (0.125 + 0.1), -0.5 * (0.25 + 0.02)]
    assert reward(step, [1, 0], [10, 20], turns=[5, 1]) == pytest.approx(expected)
    assert reward(GroupLengthPenalty(), [0, 0], [10, 20]) == [0, 0]  # nothing to learn from an unsolved prompt
    assert reward(GroupLengthPenalty(), [1, 1], [0, 0]) == [1, 1]


def test_excess_length_by_hand():
    step = ExcessLength(quantile=0.5, relative=0.5, absolute=10, rate=0.5, cap=0.4, floor=0.7)
    # of 100, 200, 300 the reference is 200, the allowance 310; 350 and more is an excess of 40 and more
    assert reward(step, [1, 1, 1, 0], [100, 200, 300, 900]) == [1, 1, 1, 0]
    # of 100, 200, 350: 0.5 (350 - 310) / 200
    assert reward(step, [1, 1, 1], [100, 200, 350]) == pytest.approx([1, 1, 0.9])
    # far beyond: the cap of 0.4 is stopped by the floor
    assert reward(step, [1, 1, 1], [100, 200, 9000]) == pytest.approx([1, 1, 0.7])
    assert reward(step, [1, 0, 0], [9000, 1, 1]) == [1, 0, 0]  # one correct rollout has no reference
    low = chain(Select("rm"), step)
    assert run(low, ["q"] * 3, [1] * 3, [1, 1, 99], rm=[0, 0, 0]).tolist() == [0, 0, 0]  # below the floor already


@pytest.mark.parametrize("scheme", SCHEMES)
@given(rows=ROWS)
def test_length_shaping_never_lifts_an_incorrect_rollout_above_a_correct_one(scheme, rows):
    groups, correct, tokens, turns, rm = map(list, zip(*rows, strict=True))
    out = run(scheme, groups, correct, tokens, turns, rm)
    for i, first in enumerate(rows):
        for j, second in enumerate(rows):
            if first[0] == second[0] and first[1] and not second[1]:
                assert out[i] > out[j], (out, i, j)


PLAIN = [step for step in SHAPINGS if not isinstance(step, CosineLength)]


@pytest.mark.parametrize(
    "scheme",
    [
        dapo(max_tokens=100, buffer=60),
        *(maker(shaping=step) for step in PLAIN for maker in (grpo_length, hero_length)),
        *(chain(Select("verifier"), step, Center()) for step in PLAIN),
    ],
)
@given(rows=ROWS, length=st.integers(0, 300))
def test_length_shaping_does_not_move_advantages_of_groups_of_equal_length(scheme, rows, length):
    groups, correct, _, _, rm = map(list, zip(*rows, strict=True))
    without = chain(*(step for step in scheme.steps if type(step) not in map(type, PLAIN)))
    assert len(without.steps) == len(scheme.steps) - 1
    tokens = [length] * len(rows)
    expected = run(without, groups, correct, tokens, rm=rm)
    np.testing.assert_allclose(run(scheme, groups, correct, tokens, rm=rm), expected, atol=1e-9)


def test_length_shaping_refuses_numbers_out_of_range():
    for make in (
        lambda: SoftOverlong(0, 1),
        lambda: SoftOverlong(10, 0),
        lambda: SoftOverlong(10, 11),
        lambda: SoftOverlong(LinearSchedule(10, 20, transition_steps=2), 11),
        lambda: CosineLength(10, -0.1),
        lambda: KimiLength(-1),
        lambda: GroupLengthPenalty({}),
        lambda: GroupLengthPenalty({"tokens": -0.1}),
        lambda: ExcessLength(quantile=1.5),
        lambda: grpo_length(incorrect=1.0),
    ):
        with pytest.raises(ConfigError):
            make()
