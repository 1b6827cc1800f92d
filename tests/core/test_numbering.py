"""Ids of any kind become the numbers of groups: exactly, in order of first appearance where they are not dense."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from herokit import Groups
from herokit._segment import group_width
from herokit.combiners import numbering
from herokit.combiners.numbering import number_groups

INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, ">i8", "<u2"]


def in_order(keys):
    numbers = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def same_groups(groups, keys):
    assert groups.ids.dtype == np.int64
    assert groups.ids.min(initial=0) >= 0
    assert groups.ids.max(initial=-1) < groups.num_groups <= len(keys)
    assert in_order(groups.ids.tolist()) == in_order(keys)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_shuffled_ids_of_every_width_are_numbered_by_first_appearance(dtype):
    info = np.iinfo(dtype)
    rng = np.random.default_rng(0)
    drawn = rng.integers(info.min, info.max, 60, dtype=np.dtype(dtype).newbyteorder("="))
    distinct = np.array(sorted({info.min, info.max, *drawn.tolist()}), dtype=dtype)
    ids = rng.permutation(np.repeat(distinct, rng.integers(1, 5, len(distinct))))
    groups = number_groups(ids)
    same_groups(groups, ids.tolist())
    if info.max > len(ids):
        assert groups.ids.tolist() == in_order(ids.tolist())


@given(st.lists(st.sampled_from([0, 1, 2, 3, -1, 2**40, 2**62, -(2**63), 2**63 - 1]), max_size=40))
def test_any_integers(keys):
    same_groups(number_groups(keys), keys)
    same_groups(number_groups(np.array(keys, dtype=np.int64)), keys)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(1, 3)), max_size=12), st.sampled_from([1, 10**15, 0.5, "q"]))
def test_runs_of_any_lengths(runs, unit):
    keys = [key * unit if unit != "q" else f"q{key}" for key, length in runs for _ in range(length)]
    same_groups(number_groups(keys), keys)
    if unit != "q":
        same_groups(number_groups(np.array(keys)), keys)


def test_ids_that_are_made_to_collide_are_sorted(monkeypatch):
    """One slot in every round: the top bits of the products are equal."""
    rounds = [np.uint64(multiplier) for multiplier in numbering._MULTIPLIERS]
    pool = np.arange(1, 3_000_000, dtype=np.uint64)
    for multiplier in rounds:
        pool = pool[(pool * multiplier) >> np.uint64(60) == 3]
    ids = np.random.default_rng(0).permutation(np.repeat(pool[:5], 2))
    left = []
    sort = numbering._first_by_sort
    monkeypatch.setattr(numbering, "_first_by_sort", lambda keys: left.append(len(keys)) or sort(keys))
    assert numbering._first_rows(ids).tolist() == [ids.tolist().index(key) for key in ids.tolist()]
    assert left == [2]  # each of four rounds settles one of five keys


@pytest.mark.parametrize(
    "ids", [np.arange(40), np.arange(40)[::-1], np.random.default_rng(0).integers(-(2**62), 2**62, 40)]
)
def test_groups_that_lie_together_are_known_to_have_one_size(ids):
    groups = number_groups(np.repeat(ids, 3))
    assert groups.width == 3
    np.testing.assert_array_equal(groups.ids, np.repeat(np.arange(40), 3))


@pytest.mark.parametrize(
    "ids",
    [[0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 0, 0], [0, 0, 1, 2, 2, 2], [0, 1, 0, 1], [0, 0, 0, 1, 1, 1, 1, 1], [1, 1, 0, 0]],
)
def test_layouts_that_look_like_groups_of_one_size_are_not_taken_for_them(ids):
    count = len(set(ids))
    assert group_width(Groups(np.array(ids), count)) == 0
    same_groups(number_groups(np.array(ids)), ids)


def test_numbers_that_no_64_bits_hold_stay_apart():
    """Numpy makes floats of a list of such numbers, and rounds them."""
    for keys in ([2**63 + 1, 2**63, -1], [2**64 + 1, 2**64], [2**63 + 1, 2**63]):
        assert number_groups(keys).num_groups == len(keys)


def test_zeros_of_both_signs_are_one_id():
    assert number_groups(np.array([0.0, 1.5, -0.0, 1.5])).ids.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    "keys",
    [
        ["a", 1, "a", True],
        [("a", 1), ("a", 1), (None,)],
        [np.int64(3), 3, np.array(3)],
        [0.5, "x", 0.5],
        ["b", "a", "b"],
    ],
)
def test_keys_of_several_kinds(keys):
    plain = [key.tolist() if hasattr(key, "tolist") else key for key in keys]
    assert Groups.from_keys(keys).ids.tolist() == in_order(plain)
    assert Groups.from_keys(iter(keys)).num_groups == len(set(plain))


def test_no_warning_of_products_that_overflow():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert number_groups(np.array([2**62, 5, 2**62])).num_groups == 2
