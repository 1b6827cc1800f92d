import array_api_strict
import numpy as np
import pytest
import torch

from herokit import Groups, Signals, WeightByStd, _segment

CASES = [([0, 0, 1, 2, 2, 2], 3), ([2, 0, 2, 0, 1, 2], 4), ([0], 1), ([3, 3], 5)]
LIBRARIES = {"numpy": np.asarray, "torch": torch.tensor, "strict": array_api_strict.asarray}


def loop(x, index, count, op):
    return [op([v for v, i in zip(x, index, strict=True) if i == g]) for g in range(count)]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("index", "count"), CASES)
def test_segment_reductions_equal_a_loop(library, index, count):
    make = LIBRARIES[library]
    x = [float(v) for v in np.random.default_rng(0).normal(size=len(index)).round(3)]
    groups, array = Groups(make(np.array(index)), count), make(np.array(x))
    found = {op: np.asarray(_segment.reduce(array, groups, op)) for op in ("sum", "min", "max")}
    np.testing.assert_allclose(found["sum"], loop(x, index, count, sum), atol=1e-12)
    np.testing.assert_array_equal(found["min"], loop(x, index, count, lambda v: min(v, default=np.inf)))
    np.testing.assert_array_equal(found["max"], loop(x, index, count, lambda v: max(v, default=-np.inf)))
    np.testing.assert_array_equal(np.asarray(_segment.counts(groups, array)), loop(x, index, count, len))
    for ddof in (0, 1):
        expected = loop(x, index, count, lambda v, d=ddof: np.std(v, ddof=d) if len(v) > d else 0.0)
        np.testing.assert_allclose(np.asarray(_segment.std(array, groups, ddof=ddof)), expected, atol=1e-12)
    back = np.asarray(_segment.expand(make(np.arange(count, dtype=float)), groups))
    np.testing.assert_array_equal(back, index)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_namespace_go_through(dtype):
    x, groups = np.ones(3, dtype), Groups(np.array([0, 1, 1]), 2)
    assert _segment.mean(x, groups).dtype == dtype
    tensor = torch.ones(3, dtype=getattr(torch, np.dtype(dtype).name))
    assert _segment.std(tensor, Groups(torch.tensor([0, 1, 1]), 2)).dtype == tensor.dtype


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_places_and_quantiles_count_rows_that_half_precision_cannot(dtype):
    index, x = np.arange(4000) // 4, np.tile([3.0, 1.0, 2.0, 2.0], 1000)
    groups, scores = Groups(torch.asarray(index), 1000), torch.asarray(x, dtype=dtype)
    assert _segment.ranks(scores, groups, shared=True).tolist() == [3.0, 0.0, 1.5, 1.5] * 1000
    assert _segment.quantiles(scores, groups, [0.0, 1.0])[1].tolist() == [3.0] * 1000


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_running_mean_counts_beyond_half_precision(dtype):
    scores = torch.asarray(np.tile([0.0, 2.0, 0.0, 1.0], 1501), dtype=dtype)
    signals = Signals({"rm": scores}, Groups(torch.arange(6004) // 2, 3002))
    _, state = WeightByStd().weigh(torch.ones_like(scores), signals, WeightByStd().init())
    assert (state.count, state.value) == (3002, 0.75)
