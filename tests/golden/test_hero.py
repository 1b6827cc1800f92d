"""The hand-checkable fixtures of the paper's equations, on every array library at hand."""

import numpy as np
import pytest
import torch

from herokit import Groups, Signals, Standardize, Stratify, WeightByStd, chain, hero
from herokit.combiners import Mean, Select, initial_reward

LIBRARIES = {
    "numpy64": (lambda x: np.asarray(x, np.float64), np.asarray),
    "numpy32": (lambda x: np.asarray(x, np.float32), np.asarray),
    "torch64": (lambda x: torch.tensor(x, dtype=torch.float64), torch.as_tensor),
    "torch32": (lambda x: torch.tensor(x, dtype=torch.float32), torch.as_tensor),
}


@pytest.fixture(params=LIBRARIES)
def make(request):
    floats, integers = LIBRARIES[request.param]

    def signals(groups, **values):
        index = np.asarray(groups, np.int64)
        return Signals({k: floats(v) for k, v in values.items()}, Groups(integers(index), int(index.max()) + 1))

    return signals


def test_bands_of_the_paper(make):
    signals = make([0, 0, 0, 0], rm=[2, 4, 1, 5], verifier=[0, 0, 1, 1])
    reward = Stratify(alpha=0.1, beta=0.1)(signals["rm"], signals)
    np.testing.assert_allclose(np.asarray(reward), [-0.1, 0.1, 0.9, 1.1], atol=1e-6)


SETS = {
    (0.4, 3.0, 6.0): {-1: 0.406, -0.5: 0.523, -0.1: 1.321, 0: 1.700, 0.1: 2.079, 0.5: 2.877, 1: 2.994},
    (0.5, 2.0, 5.0): {-1: 0.510, -0.5: 0.614, -0.1: 1.066, 0: 1.250, 0.1: 1.434, 0.5: 1.886, 1: 1.990},
}


@pytest.mark.parametrize("constants", SETS)
@pytest.mark.parametrize("away", [-1, -0.5, -0.1, 0, 0.1, 0.5, 1])
def test_weights_of_both_published_sets(make, constants, away):
    low, high, steepness = constants
    spread = 2.0 + away  # scores 0 and 2s have population deviation s
    signals = make([0, 0], rm=[0.0, 2 * spread])
    step = WeightByStd(min_weight=low, max_weight=high, steepness=steepness)
    weight, _ = step.weigh(signals["rm"], signals, Mean(7, 2.0))
    np.testing.assert_allclose(np.asarray(weight), SETS[constants][away], atol=5.1e-4)


def test_first_batch_is_neutral_and_the_mean_is_read_before_it_is_written(make):
    scheme, signals = hero(), make([0, 0, 1, 1], rm=[0, 2, 0, 6], verifier=[0, 1, 0, 1])
    bare = chain(*scheme.steps[:2])
    first, state = scheme.combine(initial_reward(signals), signals, scheme.init())
    plain, _ = bare.combine(initial_reward(signals), signals, bare.init())
    np.testing.assert_array_equal(np.asarray(first), np.asarray(plain))
    assert state[-1] == Mean(2, 2.0)  # deviations 1 and 3
    second, _ = scheme.combine(initial_reward(signals), signals, state)
    weight = 0.5 + 1.5 / (1 + np.exp(-5 * (np.array([1, 1, 3, 3]) - 2.0)))
    np.testing.assert_allclose(np.asarray(second), weight * np.asarray(plain), rtol=1e-6)


def test_stratify_puts_a_lone_row_on_the_floor_or_the_midpoint(make):
    signals = make([0, 0, 0], rm=[3, 1, 2], verifier=[1, 0, 0])
    assert float(Stratify()(signals["rm"], signals)[0]) == pytest.approx(0.9)
    assert float(Stratify(ties="midpoint")(signals["rm"], signals)[0]) == pytest.approx(1.0)


def test_evaluation_batches_of_one_do_not_give_the_first_training_batch_a_weight_of_three():
    from herokit import Rewarder, Sample, Verdict

    class Right:
        def verify(self, samples):
            return [Verdict(1.0) for _ in samples]

    class Length:
        def score(self, samples):
            return [float(len(s.completion)) for s in samples]

    rewarder = Rewarder({"verifier": Right(), "rm": Length()}, hero(constants="appendix"))
    for text in ("a", "bb", "ccc"):
        rewarder([Sample("p", text, group=text)], update_state=False)
    outcome = rewarder([Sample("p", "x", "g"), Sample("p", "xxxxxxxx", "g")])
    assert outcome.weight.tolist() == [1.0, 1.0]


def _batch(seed=0, groups=64):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, groups)
    index = np.repeat(np.arange(groups), sizes)[rng.permutation(sizes.sum())]
    return index, rng.normal(0, 3, len(index)), (rng.random(len(index)) < 0.4).astype(float)


def test_numpy_and_torch_agree_to_the_last_bit_in_float64():
    index, rm, right = _batch()
    a = Signals({"rm": rm, "verifier": right}, Groups(index, 64))
    b = Signals({k: torch.from_numpy(v) for k, v in a.values.items()}, Groups(torch.from_numpy(index), 64))
    scheme = hero()
    _, state = scheme.combine(initial_reward(a), a, scheme.init())
    _, torch_state = scheme.combine(initial_reward(b), b, scheme.init())
    assert torch_state[-1].count == state[-1].count
    assert torch_state[-1].value == pytest.approx(state[-1].value, rel=1e-15)
    ours, _ = scheme.combine(initial_reward(a), a, state)
    theirs, _ = scheme.combine(initial_reward(b), b, state)
    np.testing.assert_allclose(theirs.numpy(), ours, rtol=4e-16, atol=0)  # one unit in the last place, from tanh


def test_float32_stays_within_1e_6_of_float64():
    index, rm, right = _batch(1)
    scheme = hero()
    state = (None, None, Mean(10, 2.5))
    rewards = []
    for dtype in (np.float64, np.float32):
        signals = Signals({"rm": rm.astype(dtype), "verifier": right.astype(dtype)}, Groups(index, 64))
        reward, _ = scheme.combine(initial_reward(signals), signals, state)
        assert reward.dtype == dtype
        rewards.append(reward)
    exact = Signals({"rm": rm.astype(np.float32).astype(float), "verifier": right}, Groups(index, 64))
    reference, _ = scheme.combine(initial_reward(exact), exact, state)
    np.testing.assert_allclose(rewards[1], reference, atol=1e-6)
    tensors = Signals(
        {k: torch.tensor(v, dtype=torch.float32) for k, v in exact.values.items()}, Groups(torch.from_numpy(index), 64)
    )
    reward, _ = scheme.combine(initial_reward(tensors), tensors, state)
    assert reward.dtype == torch.float32
    np.testing.assert_allclose(reward.numpy(), reference, atol=1e-6)


def test_weight_cancels_before_standardize_and_not_after_center():
    index, rm, right = _batch(2)
    signals = Signals({"rm": rm, "verifier": right}, Groups(index, 64))
    shaped, weight = chain(Select("rm"), Stratify()), WeightByStd()
    state = Mean(10, 2.5)

    def run(*steps):
        made = chain(*steps)
        states = tuple(state if isinstance(s, WeightByStd) else None for s in made.steps)
        return made.combine(initial_reward(signals), signals, states)[0]

    plain, weighted = run(shaped, Standardize(eps=1e-6)), run(shaped, weight, Standardize(eps=1e-6))
    assert np.abs(plain - weighted).max() < 1e-3
    assert np.abs(plain - run(shaped, Standardize(eps=1e-6), weight)).max() > 0.1
