"""Ranks are compared over all rows and within prompts, against scipy and values worked out by hand."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from herokit.errors import DataError
from herokit.reward_models import compare_ranks
from herokit.reward_models.agreement import spearman


def test_spearman_is_that_of_scipy():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 6, (2, 15))
        assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)


def test_compare_ranks_sees_noise_within_prompts_that_hides_among_prompts():
    rng = np.random.default_rng(0)
    prompts = np.repeat(np.arange(50), 4)
    exact = 10.0 * prompts + rng.normal(size=200)
    other = 10.0 * prompts + rng.normal(size=200)  # another order in every prompt
    agreement = compare_ranks(exact, other, prompts.tolist())
    assert agreement.overall > 0.99
    by_hand = [spearmanr(exact[prompts == p], other[prompts == p]).statistic for p in range(50)]
    assert agreement.within == pytest.approx(np.mean(by_hand), abs=1e-12)
    assert agreement.within < 0.2
    assert 0.35 < agreement.signs_kept < 0.65
    assert (agreement.rows, agreement.prompts) == (200, 50)


def test_compare_ranks_leaves_out_rows_without_a_score_and_prompts_without_an_order():
    nan = float("nan")
    exact = [1.0, 2.0, 3.0, 7.0, 7.0, 5.0, nan, 0.0]
    other = [1.0, 3.0, 2.0, 6.0, 8.0, 5.0, 1.0, nan]
    agreement = compare_ranks(exact, other, ["a", "a", "a", "b", "b", "c", "c", "d"])
    assert (agreement.rows, agreement.prompts) == (6, 1)
    assert agreement.within == pytest.approx(0.5)
    assert agreement.signs_kept == pytest.approx(1 / 3)  # means 2 and 2: -, 0, + against -, +, 0
    constant = compare_ranks([1.0, 2.0], [3.0, 3.0], ["a", "a"])
    assert (constant.within, constant.prompts) == (0.0, 1)


def test_compare_ranks_counts_rows_that_the_second_fails():
    nan = float("nan")
    agreement = compare_ranks([1.0, 2.0, 3.0, nan], [1.0, 2.0, nan, 4.0], ["a", "a", "b", "b"])
    assert (agreement.rows, agreement.failures) == (2, 1)
    assert str(agreement).endswith("; 1 rows have a score from the first alone")


def test_compare_ranks_says_that_there_is_nothing_within_prompts():
    agreement = compare_ranks([1.0, 2.0], [1.0, 3.0], ["a", "b"])
    assert np.isnan(agreement.within)
    assert str(agreement).endswith(
        "within prompts nothing to rank, because no prompt has two rows with different scores"
    )
    assert np.isnan(compare_ranks([], [], []).overall)
    with pytest.raises(DataError, match="2 and 1 scores of 2 rows"):
        compare_ranks([1.0, 2.0], [1.0], ["a", "b"])
