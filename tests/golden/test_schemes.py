"""Every named scheme on one small batch, computed by hand."""

import numpy as np
import pytest

from herokit import Groups, Signals, combine, load_scheme, schemes, verifier_only
from herokit.combiners import LeaveOneOut, Mean, WeightByAgreement, chain, initial_reward
from herokit.errors import ConfigError
from herokit.schemes import SCHEMES_BY_NAME, sum_then_normalize
from herokit.schemes.baselines import STANDARD_ADVANTAGES

# group a: right 2 of 4; group b: all wrong
RM = [1.0, 3.0, 2.0, 6.0, 0.0, 4.0]
C = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]
SIGNALS = Signals(
    {
        "rm": np.array(RM),
        "prm": np.array(RM),
        "turn": np.array(RM),
        "penalty": -np.array(RM),
        "verifier": np.array(C),
        "format": np.array([1.0, 1.0, 0.0, 1.0, 1.0, 0.0]),
        "tokens": np.array([1000.0, 18432.0, 20480.0, 30000.0, 5.0, 16384.0]),
        "unfinished": np.array([0.0, 0.0, 1.0, 0.0, 0.0, 1.0]),
        "essential": np.array(C),
        "important": np.array([1.0, 1.0, 0.0, 0.0, 1.0, 0.0]),
        "optional": np.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0]),
        "pitfall": np.array([0.0, 0.0, 1.0, 1.0, 1.0, 0.0]),
    },
    Groups(np.array([0, 0, 0, 0, 1, 1]), 2),
)

EQ3 = [-0.1, 0.9, 0.1, 1.1, -0.1, 0.1]
SIG = [1 / (1 + np.exp(-0.5 * m)) for m in RM]


def z(values, eps=1e-4):
    x = np.array(values)
    return (x - x.mean()) / (x.std(ddof=1) + eps)


Z_C = [*z([0, 1, 0, 1]), 0.0, 0.0]  # sample deviation of 0101 is 0.57735
Z_M = [*z([1, 3, 2, 6]), *z([0, 4])]


def gate(x):
    return 1 / (1 + np.exp(-x))


# deviations of the scores: group a sqrt(14)/2 = 1.8708, group b 2
SIGMA = np.array([14**0.5 / 2] * 4 + [2.0] * 2)
W_PAPER = 0.5 + 1.5 * gate(5 * (SIGMA - 1.9))
W_ONE = 0.5 + 1.5 * gate(5 * (SIGMA / 1.9 - 1) - np.log(2))  # (1 - 0.5) / (2 - 1) = 1/2, so w(1.9) = 1
CENTRED = np.array([-0.6, 0.4, -0.4, 0.6, -0.1, 0.1])


def lead(rate):
    return 0.4 + 1.1 / (1 + np.exp(10 * (rate - 0.75)))


def unconditioned():
    raw = np.array(Z_C) + np.array(Z_M)
    return z(raw)


def conditioned():
    kept = [m if c else 0.0 for m, c in zip(RM, C, strict=True)]
    raw = np.array(Z_C) + np.array([*z(kept[:4]), 0.0, 0.0])
    return z(raw)


# 0.5 less the place between the shortest and the longest, which incorrect rollouts feel below 0 only
KIMI = np.array([0.0, 0.5 - 17432 / 29000, 0.5 - 19480 / 29000, -0.5, 0.0, -0.5])


def centered(values):
    a, b = np.array(values[:4]), np.array(values[4:])
    return np.array([*(a - a.mean()), *(b - b.mean())])


EXPECTED = {
    "hero": W_PAPER * EQ3,
    "hero_advantage": W_ONE * CENTRED,
    "stratified": EQ3,
    "gated_fallback": [0, 1, 0, 1, -0.1, 0.1],
    "earned_trust": [*z([0, 1, 0, 1]), *(0.25 * 0.8 * z([0, 4]))],
    "verifier_only": C,
    "rm_only": RM,
    "naive_blend": [0.0, 0.5 + 0.2, 0.1, 1.0, 0.0, 0.5],
    "qwen_shaping": [s + c - 1 for s, c in zip(SIG, C, strict=True)],
    "p_grpo": [1, 1 + 1 + 3, 0, 1 + 1 + 6, 1, 0],
    "gdpo": unconditioned(),
    "sum_then_normalize": [*z([1, 4, 2, 7]), *z([0, 4])],
    "normalize_then_sum": unconditioned(),
    "swe_rm": [1, 4, 1.5, 7, 0, 3.5],
    "crf": [0, 1 + 0.1 * 3, 0, 1 + 0.1 * 6, 0, 0],
    "progrs": [-0.05, 1, 0.05, 1, -0.2, 0.2],
    "prof": [z([0, 1])[0], 0.0, 0.0, z([0, 1])[1], 0.0, 0.0],  # a: keep 6.0 of the right, 1.0 of the wrong; b: 0.0
    "grpo_lead": [w * a for w, a in zip([lead(0.5)] * 4 + [0, 0], [*z([0, 1, 0, 1], 1e-6), 0, 0], strict=True)],
    "dgpo": [-0.5 / 0.5001, 0.5 / 0.5001, -0.5 / 0.5001, 0.5 / 0.5001, 0, 0],  # one mixed group: its weight is 1
    "rubric": [(0.7 + 0.3) / 2.9, 1.7 / 2.9, 1.2 / 2.9, 1.9 / 2.9, 1.9 / 2.9, 0.0],
    "noisy_verifier": C,
    "max_rl": [-1, 1, -1, 1, 0, 0],
    # a: 0, 1, 0, 1 and 1 have mean 0.6 and variance 1.2 / 4; b: 0, 0 and 1 have mean 1/3 and variance (2/3) / 2
    "ngrpo": [-0.6 / 0.3**0.5, 0.4 / 0.3**0.5, -0.6 / 0.3**0.5, 0.4 / 0.3**0.5, *[-1 / 3 / (1 / 3) ** 0.5] * 2],
    "pass_at_k": [0] * 6,  # two share the best reward, or all do
    # a: the deviations are 0.57735 of c and sqrt(14/3) of m; b: 0 and sqrt(8)
    "dvao": [
        *((centered(C) + centered(RM))[:4] / (3**-0.5 + (14 / 3) ** 0.5 + 1e-4)),
        *(np.array([-2, 2]) / (8**0.5 + 1e-4)),
    ],
    "dapo": [*z([-1, 1 - 0.5, -1 - 1, 1 - 1]), 0, 0],  # the buffer is 16384 to 20480
    "grpo_length": [*z(C[:4] + KIMI[:4]), *z(KIMI[4:])],
    "hero_length": W_ONE * centered(np.array(EQ3) + 0.2 * KIMI),
    # rollouts of one part; tests/golden/test_credit.py has those of several
    "process_supervision": Z_M,
    "turn_grpo": np.array(Z_C) + np.array(Z_M),
    "discounted_turns": Z_M,
    "discounted_outcome": [-0.5, 0.5, -0.5, 0.5, 0, 0],
    "min_form": [-6, 2 / 3, -10 / 3, 26 / 3, -8, 8],  # 2 rm - 1 and c, each less the mean of the others
    "progress_advantage": [-0.5 - 10, 0.5, -0.5 - 5, 0.5 + 15, -10, 10],
    "turn_penalties": np.array(Z_C) - np.array(RM),
    "redistribution": [-0.5, 0.5, -0.5, 0.5, 0, 0],
    "hero_steps": W_ONE * CENTRED,
    "gigpo": [-1, 1, -1, 1, 0, 0],  # 0.5 in the group, and again among the first turns of the prompt
}


def apply(scheme):
    mean = Mean(9, 0.8 if any(isinstance(step, WeightByAgreement) for step in scheme.steps) else 1.9)
    return scheme.combine(initial_reward(SIGNALS), SIGNALS, with_mean(scheme.init(), mean))[0]


def with_mean(state, mean):
    """Put a running mean in place, also inside composites."""
    if isinstance(state, tuple):
        return tuple(with_mean(part, mean) for part in state)
    return mean if isinstance(state, Mean) else state


def test_schemes_all_have_a_golden_value():
    assert (
        set(EXPECTED)
        == {make.__name__ for make in schemes.SCHEMES}
        == set(schemes.__all__) - {"SCHEMES", "SCHEMES_BY_NAME"}
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_by_hand(name):
    np.testing.assert_allclose(apply(getattr(schemes, name)()), EXPECTED[name], atol=3e-6)


def test_gdpo_conditions_easy_rewards_on_hard_ones():
    np.testing.assert_allclose(apply(schemes.gdpo(condition="verifier")), conditioned(), atol=1e-12)


def test_pass_at_k_rewards_the_only_correct_rollout():
    signals = Signals({"verifier": np.array([1.0, 0, 0, 0, 1, 1, 1, 0])}, Groups(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 2))
    scheme = schemes.pass_at_k()
    advantage, _ = scheme.combine(initial_reward(signals), signals, scheme.init())
    np.testing.assert_allclose(advantage, [1 / (0.5 + 1e-6), 0, 0, 0, 0, 0, 0, 0])  # 0.25 * 0.75 * 4 / 3 = 0.25


@pytest.mark.parametrize("name", ["gdpo", "normalize_then_sum"])
def test_rewards_that_sum_to_a_constant_give_no_advantage_even_one_by_one(name):
    values = {"verifier": np.array([1.0, 0.0, 0.0, 1.0]), "format": np.array([2.0, 3.0, 3.0, 2.0])}
    scheme = getattr(schemes, name)({"verifier": 1.0, "format": 1.0})
    signals = Signals(values, Groups.from_keys("aaaa"))
    np.testing.assert_allclose(scheme.combine(initial_reward(signals), signals, scheme.init())[0], 0, atol=1e-9)
    scheme = getattr(schemes, name)({"verifier": 1.0, "format": 0.5})
    assert np.abs(scheme.combine(initial_reward(signals), signals, scheme.init())[0]).max() > 0.5


def test_dgpo_favours_the_harder_of_two_mixed_groups():
    signals = Signals({"verifier": np.array([1.0, 0, 0, 0, 1, 1, 1, 0])}, Groups(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 2))
    scheme = schemes.dgpo(temperature=0.5)
    advantage, _ = scheme.combine(initial_reward(signals), signals, scheme.init())
    hard, easy = np.exp(-0.25 / 0.5), np.exp(-0.75 / 0.5)
    mad = 0.375 + 1e-4
    np.testing.assert_allclose(advantage[0], 2 * hard / (hard + easy) * 0.75 / mad)
    np.testing.assert_allclose(advantage[4], 2 * easy / (hard + easy) * 0.25 / mad)


def test_noisy_verifier_is_unbiased():
    scheme = schemes.noisy_verifier(false_positive=0.1, false_negative=0.3)
    wrong, right = scheme.combine(
        np.zeros(2), Signals({"verifier": np.array([0.0, 1.0])}, Groups.from_keys("aa")), scheme.init()
    )[0]
    assert 0.9 * wrong + 0.1 * right == pytest.approx(0)  # a wrong rollout, accepted one time in ten
    assert 0.3 * wrong + 0.7 * right == pytest.approx(1)


def test_schemes_build_by_their_names_in_files():
    from herokit.config.builder import build
    from herokit.registry import load_registry

    known = load_registry(plugins=False)
    for make in schemes.SCHEMES:
        assert build({"use": make.__name__.replace("_", "-")}, registry=known) == make()


@pytest.mark.parametrize("name", ["grpo", "GRPO", "gspo", "cispo"])
def test_standard_names_of_grpo_are_told_its_scheme(name):
    with pytest.raises(
        ConfigError, match=r"'sum-then-normalize', with weights = \{verifier = 1.0\} for a verifier alone"
    ):
        load_scheme(name)
    with pytest.raises(ConfigError, match="'sum-then-normalize'"):
        combine({"verifier": [1, 0]}, [0, 0], name)


def test_what_is_named_for_a_standard_baseline_is_equal_to_it():
    reward, groups = np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.5]), [0, 0, 0, 0, 1, 1, 1]
    for name in ("dr_grpo", "rloo"):
        with pytest.raises(ConfigError, match=r"the advantage of .* is the (scheme|step)"):
            load_scheme(name)
    grpo = combine({"verifier": reward}, groups, sum_then_normalize({"verifier": 1.0})).advantage
    dr_grpo = combine({"verifier": reward}, groups, "verifier-only").advantage
    rloo = combine({"verifier": reward}, groups, chain(verifier_only(), LeaveOneOut())).advantage
    for rows in (slice(0, 4), slice(4, 7)):
        r = reward[rows]
        np.testing.assert_allclose(grpo[rows], (r - r.mean()) / (r.std(ddof=1) + 1e-4))
        np.testing.assert_allclose(dr_grpo[rows], r - r.mean())
        np.testing.assert_allclose(rloo[rows], [x - (r.sum() - x) / (len(r) - 1) for x in r])


def test_names_of_standard_baselines_are_not_those_of_schemes():
    assert not set(STANDARD_ADVANTAGES) & set(SCHEMES_BY_NAME)
