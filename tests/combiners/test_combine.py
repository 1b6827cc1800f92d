import numpy as np
import pytest

from herokit import (
    Center,
    Groups,
    MinMax,
    Select,
    Signals,
    Standardize,
    Stratify,
    WeightByStd,
    chain,
    naive_blend,
)
from herokit.combiners import Chain, Interpolate, Mean, Stateless, initial_reward
from herokit.errors import ConfigError, SignalError

SIGNALS = Signals(
    {"rm": np.array([2.0, 4.0, 3.0, 7.0]), "verifier": np.array([1.0, 0.0, 0.0, 1.0])}, Groups.from_keys("aaab")
)


def run(*steps):
    made = chain(*steps)
    return made.combine(initial_reward(SIGNALS), SIGNALS, made.init())[0]


def test_naive_blend_by_hand():
    np.testing.assert_allclose(run(naive_blend(weight=0.9)), [0.9, 0.1, 0.05, 0.9], atol=1e-6)


def test_standardize_by_hand():
    # group a: mean 3, sample deviation 1, population deviation sqrt(2/3); group b: one row
    np.testing.assert_allclose(run(Select("rm"), Standardize(eps=1e-4)), np.array([-1, 1, 0, 0]) / 1.0001)
    np.testing.assert_allclose(
        run(Select("rm"), Standardize(eps=1e-9, ddof=0)), [-(1.5**0.5), 1.5**0.5, 0, 0], atol=1e-8
    )


def test_chain_is_flat_and_compares_equal():
    assert chain(chain(Select("rm")), Center()) == Chain((Select("rm"), Center()))
    assert hash(chain(Select("rm"))) == hash(chain(Select("rm")))


@pytest.mark.parametrize("bad", [(), ("rm",), (Select,), (None,)])
def test_chain_rejects_what_is_not_a_step(bad):
    with pytest.raises(ConfigError):
        chain(*bad)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stratify(alpha=0.5, beta=0.5), "the bands overlap: alpha \\+ beta must be below 1, got 0.5 \\+ 0.5"),
        (lambda: Stratify(alpha=0.0), "alpha lies in \\(0, 1\\], got 0.0"),
        (lambda: Stratify(beta=float("nan")), "beta lies in \\(0, 1\\], got nan"),
        (lambda: Stratify(min_range=-1.0), "min_range lies in"),
        (lambda: Stratify(ties="roof"), "ties must be 'floor' or 'midpoint', got 'roof'"),
        (
            lambda: WeightByStd(min_weight=2.0, max_weight=1.0),
            "0 < min_weight < max_weight, got min_weight=2.0, max_weight=1.0",
        ),
        (lambda: WeightByStd(steepness=-1.0), "steepness lies in \\(0, inf\\), got -1.0"),
        (lambda: WeightByStd(ddof=2), "ddof must be 0 or 1, got 2"),
        (lambda: Standardize(ddof=3), "ddof must be 0 or 1, got 3"),
        (lambda: Standardize(eps=-1.0), "eps lies in \\(0, inf\\)"),
        (lambda: MinMax(eps=0.0), "eps lies in \\(0, inf\\)"),
        (lambda: Interpolate("rm", weight=1.5), "weight lies in \\[0, 1\\], got 1.5"),
    ],
)
def test_step_names_a_parameter_outside_its_range(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_signals_suggest_the_nearest_name():
    with pytest.raises(SignalError, match="no signal 'rn' in this batch; did you mean 'rm'"):
        run(Select("rn"))


def test_sync_makes_two_ranks_equal_one_process():
    rng = np.random.default_rng(0)
    rm, index = rng.normal(size=40), np.repeat(np.arange(10), 4)
    step = WeightByStd()

    def half(rows, groups):
        return Signals({"rm": rm[rows]}, Groups(index[rows] - index[rows][0], groups))

    whole = Signals({"rm": rm}, Groups(index, 10))
    _, together = step.weigh(rm, whole, Mean())
    first, second = half(slice(0, 12), 3), half(slice(12, 40), 7)
    sent = []
    step.weigh(first["rm"], first, Mean(), sync=lambda m: sent.append(m) or m)
    _, synced = step.weigh(second["rm"], second, Mean(), sync=lambda m: m.merge(sent[0]))
    assert synced.count == together.count
    assert synced.value == pytest.approx(together.value, rel=1e-12)


def test_weight_by_std_ignores_empty_groups():
    signals = Signals({"rm": np.array([0.0, 2.0])}, Groups(np.array([1, 1]), 5))
    _, state = WeightByStd().weigh(signals["rm"], signals, Mean())
    assert state == Mean(1, 1.0)


def test_inputs_are_never_written():
    for values in SIGNALS.values.values():
        values.flags.writeable = False
    run(Select("rm"), Stratify(), WeightByStd(), Standardize(), MinMax(), Interpolate("verifier"))


def test_extreme_spreads_do_not_overflow():
    signals = Signals({"rm": np.array([-1e300, 1e300, 0.0, 1e-300])}, Groups.from_keys("aabb"))
    with np.errstate(over="ignore"):  # the spread of 1e300 squares to infinity; the weight is still its bound
        weight, _ = WeightByStd(steepness=1e3).weigh(signals["rm"], signals, Mean(3, 1.0))
    np.testing.assert_allclose(weight, [2.0, 2.0, 0.5, 0.5])


def test_stateless_step_needs_one_method():
    class Negate(Stateless):
        def __call__(self, reward, signals):
            return -reward

    np.testing.assert_array_equal(run(Select("rm"), Negate()), [-2, -4, -3, -7])


@pytest.mark.parametrize("relative", [False, True])
def test_weight_by_std_is_one_while_its_mean_is_zero(relative):
    step = WeightByStd(relative=relative)
    tied = Signals({"rm": np.ones(4)}, Groups.from_keys("aabb"))
    wide = Signals({"rm": np.array([0.0, 2.0, 0.0, 8.0])}, Groups.from_keys("aabb"))
    _, after_ties = step.weigh(np.ones(4), tied, step.init())
    assert after_ties.value == 0.0
    weight, after = step.weigh(np.ones(4), wide, after_ties)
    assert (len(set(weight.tolist())) == 1) is relative  # in units of nothing, 1 is as wide as 4
    assert weight[0] == 1.0 or not relative
    assert after.value == 1.25
