import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from herokit.reward_models.monitor import Moments, Scale, squashed

scores = st.lists(st.floats(-1e3, 1e3) | st.just(float("nan")), max_size=20)


@given(scores, scores)
def test_moments_of_parts_add_up_to_those_of_the_whole(a, b):
    both, whole = Moments.of(a) + Moments.of(b), Moments.of(a + b)
    assert (both.count, both.low, both.high) == (whole.count, whole.low, whole.high)
    np.testing.assert_allclose([both.mean, both.std], [whole.mean, whole.std], rtol=1e-6, atol=1e-6)


def test_a_far_mean_does_not_swallow_the_spread():
    drawn = 1e8 + np.random.default_rng(0).normal(size=10_000)
    total = Moments()
    for part in np.split(drawn, 100):
        total += Moments.of(part)
    assert total.std == pytest.approx(drawn.std(), rel=1e-6)


@given(st.integers(1, 9), st.lists(st.integers(1, 7), max_size=12), st.integers(1, 6))
def test_first_and_last_windows_are_those_of_the_whole_stream(window, cuts, seed):
    drawn = np.random.default_rng(seed).normal(size=sum(cuts))
    scale = Scale(window)
    for part in np.split(drawn, np.cumsum(cuts)[:-1]) if cuts else ():
        scale.see(part)
    assert scale.first.count == min(window, len(drawn))
    if len(drawn) < 2 * window:
        assert np.isnan(scale.shift)
        return
    first, last = drawn[:window], drawn[-window:]
    if first.std():
        assert scale.shift == pytest.approx((last.mean() - first.mean()) / first.std())
        assert scale.stretch == pytest.approx(last.std() / first.std())


def test_each_doubt_is_said_once_and_failed_rows_do_not_count():
    rng = np.random.default_rng(0)
    scale = Scale(window=50)
    told = []
    for step in range(40):
        told += scale.see([*rng.normal(step / 4, 1, 16), float("nan")])
    assert len(told) == 1
    assert "the last 50 against the first 50: mean +3" in told[0]
    assert "fixed numbers in a scheme now mean something else" in told[0]
    assert scale.all.count == 640


def test_a_steady_scale_raises_no_doubt():
    rng = np.random.default_rng(1)
    scale = Scale(window=50)
    assert [scale.see(rng.normal(-3, 2, 16)) for _ in range(40)] == [[]] * 40
    assert "spread x" in str(scale)


def test_small_batches_together_show_what_one_of_them_does_not():
    scale = Scale()
    assert [len(scale.see([0.1, 0.5, 0.9, 0.3])) for _ in range(5)] == [0, 0, 0, 1, 0]
    assert [len(Scale(logits=False).see(np.full(20, x))) for x in (1.0, 0.4)] == [0, 0]
    assert squashed([0.5] * 15) == ""
    assert squashed([0.5] * 16 + [1.5]) == ""


def test_equal_scores_have_no_drift_to_speak_of():
    scale = Scale(window=4)
    assert scale.see([2.0] * 10) == []
    assert np.isnan(scale.shift)
    assert str(scale) == "scores 2.00 +- 0.00"
    assert not str(Scale())
