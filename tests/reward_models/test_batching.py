import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from herokit.errors import ConfigError
from herokit.reward_models.batching import (
    OUT_OF_MEMORY,
    pad_right,
    plan_batches,
    plan_micro_batches,
    run_with_oom_retry,
)

rows = st.lists(st.lists(st.integers(0, 3), max_size=6), max_size=30)


@given(rows, st.integers(1, 20), st.integers(1, 5))
def test_plan_restores_every_row(inputs, tokens, size):
    plan = plan_batches(inputs, max_batch_tokens=tokens, max_batch_size=size)
    results = np.full(len(plan.unique), -1)
    for batch in plan.batches:
        results[batch] = [hash(tuple(inputs[plan.unique[i]])) % 1000 for i in batch]
    assert plan.restore(results).tolist() == [hash(tuple(x)) % 1000 for x in inputs]


@given(rows, st.integers(1, 20), st.integers(1, 5))
def test_plan_respects_limits(inputs, tokens, size):
    plan = plan_batches(inputs, max_batch_tokens=tokens, max_batch_size=size)
    lengths = [[len(inputs[plan.unique[i]]) for i in batch] for batch in plan.batches]
    assert all(len(s) <= size and (len(s) * max(s) <= tokens or len(s) == 1) for s in lengths)
    assert sorted(i for batch in plan.batches for i in batch) == list(range(len({tuple(x) for x in inputs})))
    assert plan.padded_tokens == sum(len(s) * max(s) for s in lengths)
    assert plan.real_tokens == sum(map(sum, lengths))
    flat = [n for s in lengths for n in s]
    assert flat == sorted(flat, reverse=True)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_batch_tokens": 0}, "max_batch_tokens must be at least 1, got 0"),
        ({"max_batch_tokens": 5, "max_batch_size": 0}, "max_batch_size must be at least 1, got 0"),
    ],
)
def test_plan_rejects_limits_below_one(limits, message):
    with pytest.raises(ConfigError, match=message):
        plan_batches([[1]], **limits)


def test_pad_right_keeps_every_row():
    ids, mask = pad_right([[1, 2, 3], [], [4]], pad=9)
    assert ids.tolist() == [[1, 2, 3], [9, 9, 9], [4, 9, 9]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert pad_right([])[0].shape == (0, 1)


@given(
    st.lists(st.lists(st.integers(0, 3), max_size=6), max_size=30, unique_by=tuple),
    st.integers(1, 20),
    st.integers(1, 20),
)
def test_oom_retry_loses_only_rows_above_the_memory(inputs, tokens, memory):
    released = []

    def run(batch):
        if batch.tokens > memory:
            raise MemoryError
        return [len(inputs[i]) for i in batch.rows]

    done = []
    results, left = run_with_oom_retry(
        len(inputs),
        lambda pending, limit: plan_micro_batches(inputs, pending, limit),
        run,
        tokens,
        lambda batch: done.append(batch.tokens),
        lambda: released.append(1),
    )
    assert results == [len(row) if len(row) <= memory else None for row in inputs]
    assert 1 <= left <= tokens
    assert all(tokens <= memory for tokens in done)


def test_oom_retry_raises_other_errors():
    with pytest.raises(ZeroDivisionError):
        run_with_oom_retry(
            1, lambda pending, limit: plan_micro_batches([[1]], pending, limit), lambda _: 1 / 0, 5, lambda _: None
        )
    assert "memory" in OUT_OF_MEMORY
