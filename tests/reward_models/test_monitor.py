import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from herokit._statistics import Moments
from herokit.reward_models.monitor import ScoreMonitor, looks_like_probabilities

scores = st.lists(st.floats(-1e3, 1e3) | st.just(float("nan")), max_size=20)


@given(scores, scores)
def test_moments_of_parts_merge_to_those_of_the_whole(a, b):
    both, whole = Moments.from_values(a).merge(Moments.from_values(b)), Moments.from_values(a + b)
    assert (both.count, both.min, both.max) == (whole.count, whole.min, whole.max)
    np.testing.assert_allclose([both.mean, both.std], [whole.mean, whole.std], rtol=1e-6, atol=1e-6)


def test_moments_keep_the_std_at_a_large_mean():
    values = 1e8 + np.random.default_rng(0).normal(size=10_000)
    total = Moments()
    for part in np.split(values, 100):
        total = total.merge(Moments.from_values(part))
    assert total.std == pytest.approx(values.std(), rel=1e-6)


@given(st.integers(1, 9), st.lists(st.integers(1, 7), max_size=12), st.integers(1, 6))
def test_monitor_windows_are_those_of_the_whole_stream(window, cuts, seed):
    values = np.random.default_rng(seed).normal(size=sum(cuts))
    monitor = ScoreMonitor(window)
    for part in np.split(values, np.cumsum(cuts)[:-1]) if cuts else ():
        monitor.update(part)
    assert monitor.first.count == min(window, len(values))
    if len(values) < 2 * window:
        assert np.isnan(monitor.mean_shift)
        return
    first, last = values[:window], values[-window:]
    if first.std():
        assert monitor.mean_shift == pytest.approx((last.mean() - first.mean()) / first.std())
        assert monitor.std_ratio == pytest.approx(last.std() / first.std())


def test_monitor_warns_once_and_ignores_failed_rows():
    rng = np.random.default_rng(0)
    monitor = ScoreMonitor(window=50)
    warnings = []
    for step in range(40):
        warnings += monitor.update([*rng.normal(step / 4, 1, 16), float("nan")])
    assert len(warnings) == 1
    assert "last 50 against first 50: mean shift +3" in warnings[0]
    assert "constants in the scheme may no longer fit this scale" in warnings[0]
    assert monitor.total.count == 640


def test_monitor_is_silent_on_a_steady_scale():
    rng = np.random.default_rng(1)
    monitor = ScoreMonitor(window=50)
    assert [monitor.update(rng.normal(-3, 2, 16)) for _ in range(40)] == [[]] * 40
    assert "std ratio" in str(monitor)


def test_monitor_finds_saturation_across_small_batches():
    monitor = ScoreMonitor()
    assert [len(monitor.update([0.1, 0.5, 0.9, 0.3])) for _ in range(5)] == [0, 0, 0, 1, 0]
    assert [len(ScoreMonitor(logits=False).update(np.full(20, x))) for x in (1.0, 0.4)] == [0, 0]
    assert not looks_like_probabilities([0.5] * 15)
    assert not looks_like_probabilities([0.5] * 16 + [1.5])


def test_monitor_of_equal_scores_has_no_drift():
    monitor = ScoreMonitor(window=4)
    assert monitor.update([2.0] * 10) == []
    assert np.isnan(monitor.mean_shift)
    assert str(monitor) == "scores 2.00 +- 0.00"
    assert not str(ScoreMonitor())
