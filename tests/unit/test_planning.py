import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from herokit.errors import ConfigError
from herokit.reward_models import batching as planning
from herokit.reward_models.batching import pad_right, plan_batches

rows = st.lists(st.lists(st.integers(0, 3), max_size=6), max_size=30)


@given(rows, st.integers(1, 20), st.integers(1, 5))
def test_every_row_gets_its_own_result_back(inputs, budget, limit):
    plan = plan_batches(inputs, budget=budget, limit=limit)
    results = np.full(len(plan.distinct), -1)
    for batch in plan.batches:
        results[batch] = [hash(tuple(inputs[plan.distinct[i]])) % 1000 for i in batch]
    assert plan.restore(results).tolist() == [hash(tuple(x)) % 1000 for x in inputs]


@given(rows, st.integers(1, 20), st.integers(1, 5))
def test_batches_keep_to_budget_and_limit(inputs, budget, limit):
    plan = plan_batches(inputs, budget=budget, limit=limit)
    sizes = [[len(inputs[plan.distinct[i]]) for i in batch] for batch in plan.batches]
    assert all(len(s) <= limit and (len(s) * max(s) <= budget or len(s) == 1) for s in sizes)
    assert sorted(i for batch in plan.batches for i in batch) == list(range(len({tuple(x) for x in inputs})))
    assert plan.padded_tokens == sum(len(s) * max(s) for s in sizes)
    assert plan.real_tokens == sum(map(sum, sizes))
    flat = [n for s in sizes for n in s]
    assert flat == sorted(flat, reverse=True)


@pytest.mark.parametrize("wrong", [{"budget": 0}, {"budget": 5, "limit": 0}])
def test_nothing_fits_in_nothing(wrong):
    with pytest.raises(ConfigError, match="at least one token"):
        plan_batches([[1]], **wrong)


def test_padding_keeps_every_row():
    ids, mask = pad_right([[1, 2, 3], [], [4]], pad=9)
    assert ids.tolist() == [[1, 2, 3], [9, 9, 9], [4, 9, 9]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert pad_right([])[0].shape == (0, 1)


def test_the_innermost_watcher_hears_and_the_models_own_callback_too():
    heard = []
    with planning.watched(lambda done, of: heard.append(("outer", done, of))):
        with planning.watched(lambda done, of: heard.append(("inner", done, of))):
            planning.tell(1, 3, also=lambda done, of: heard.append(("own", done, of)))
        planning.tell(2, 3)
        thread = threading.Thread(target=planning.tell, args=(3, 3))
        thread.start()
        thread.join()
    planning.tell(3, 3)
    assert heard == [("own", 1, 3), ("inner", 1, 3), ("outer", 2, 3)]


def test_a_watcher_is_gone_even_when_scoring_raised():
    heard = []
    with pytest.raises(OSError, match="gone"), planning.watched(lambda *both: heard.append(both)):
        raise OSError("gone")
    planning.tell(1, 1)
    assert heard == []
