"""Every step gives the same numbers on every array library: ragged groups, groups of one, ties, a million rows."""

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from herokit import Groups, Signals, _segment, chain, hero, schemes
from herokit.combiners import (
    STEPS,
    Add,
    Affine,
    AggregateParts,
    BestMinusSecond,
    Center,
    CenterIncorrect,
    Chain,
    Clip,
    ConsistencyFilter,
    CosineLength,
    Discount,
    DivideByMad,
    DivideByMean,
    DivideBySummedStd,
    Ensemble,
    ExcessLength,
    Filter,
    FlattenLowStd,
    ForParts,
    Gate,
    GroupBy,
    GroupLengthPenalty,
    IfUniform,
    Interpolate,
    KimiLength,
    LeaveOneOut,
    LinearSchedule,
    Mean,
    MinMax,
    Multiply,
    PerRollout,
    Progress,
    QuantileMinMax,
    Rank,
    Redistribute,
    RewardToGo,
    Schedule,
    Select,
    Sigmoid,
    SoftMin,
    SoftOverlong,
    Standardize,
    StandardizeWithVirtual,
    Stratify,
    TopPStdFilter,
    WeightByAgreement,
    WeightByCorrectRate,
    WeightByDifficulty,
    WeightByStd,
    WeightedSum,
    Whiten,
    ZScoreSigmoid,
    initial_reward,
)  # fmt: skip

jax.config.update("jax_enable_x64", True)  # noqa: FBT003 - jax's own signature


def read_only(x):
    x = np.array(x)
    x.flags.writeable = False
    return x


LIBRARIES = {
    "numpy": (np.array, np.ndarray),
    "read-only": (read_only, np.ndarray),
    "torch": (torch.tensor, torch.Tensor),
    "jax": (jnp.asarray, jax.Array),
    "strict": (array_api_strict.asarray, type(array_api_strict.asarray(0))),
}

SCALED = [
    Add("verifier", 0.3), Affine(2.0, -1.0), Interpolate("verifier", 0.3), Clip(-1.0, 1.0), Multiply("verifier"), Sigmoid(0.5), Select("rm"),
    WeightedSum({"rm": 1.0, "verifier": 2.0}, transform=Standardize()), WeightedSum({"rm": 1.0, "verifier": 2.0}, normalize=True),
    *(Ensemble(("rm", "rm2"), how, 0.5, transform=Rank()) for how in ("mean", "min", "mean_minus_std", "median")),
    MinMax(), Rank(), ZScoreSigmoid(), QuantileMinMax(), QuantileMinMax(0.0, 1.0), Stratify(), Stratify(ties="midpoint", min_range=0.5),
    *(Stratify(normalizer=unit) for unit in (Rank(), ZScoreSigmoid(), QuantileMinMax())),
    Stratify("graded", 0.1, 0.2, levels=(0.0, 0.5, 1.0), inner_half_width=0.05), Stratify("graded", 0.1, 0.1, (0.0, 0.5, 1.0), thresholds=(0.2, 0.9)),
    Center(), LeaveOneOut(), DivideByMad(), Whiten(),
    *(Standardize(**k) for k in ({}, {"ddof": 0}, {"scope": "batch"}, {"min_std": 1.0}, {"scale": 2.0})),
    WeightByAgreement(), WeightByCorrectRate(), WeightByDifficulty(), WeightByStd(), WeightByStd(ddof=1, center="one", relative=True, momentum=0.8),
    ForParts(Center(), weight=0.5), GroupBy("state", Center()), PerRollout(Standardize()), AggregateParts("min"),
    RewardToGo(0.5), Discount(0.5), Progress(), SoftMin(), Redistribute("rm2"),
    CenterIncorrect(), IfUniform(Stratify(), Select("verifier")), IfUniform(WeightByDifficulty(), Center()), Gate("verifier"), FlattenLowStd("rm", 1.0), ConsistencyFilter(),
    TopPStdFilter(), BestMinusSecond(), DivideByMean(), DivideBySummedStd({"rm": 0.5, "verifier": 1.0}), StandardizeWithVirtual(),
    SoftOverlong(300, 200), CosineLength(300), KimiLength(), GroupLengthPenalty({"tokens": 0.25, "graded": 0.1}), ExcessLength(),
]  # fmt: skip


def test_parity_covers_every_step():
    assert {type(step) for step in SCALED} == {step for step in STEPS if not issubclass(step, Schedule)}


def batch(seed=0, groups=40, dtype=np.float64):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, groups)
    index = np.repeat(np.arange(groups), sizes)[rng.permutation(sizes.sum())]
    n = len(index)
    rm = rng.normal(0, 3, n).round(1)  # ties
    rm[index == 3] = 1.5  # a group of equal scores
    values = {
        "rm": rm,
        "rm2": rng.normal(0, 1, n),
        "verifier": (rng.random(n) < 0.4) * 1.0,
        "graded": rng.integers(0, 3, n) / 2,
        "tokens": rng.integers(0, 400, n) * 1.0,
    }
    return index, groups, {k: v.astype(dtype) for k, v in values.items()}


def on(library, index, groups, values):
    make, _ = LIBRARIES[library]
    return Signals({k: make(v) for k, v in values.items()}, Groups(make(index), groups))


def run(step, signals):
    made = chain(Select("rm"), step)
    state = tuple(Mean(9, 2.5) if isinstance(s, Mean) else s for s in made.init())
    return made.combine(initial_reward(signals), signals, state)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "numpy"])
@pytest.mark.parametrize("step", SCALED, ids=lambda s: repr(s)[:60])
def test_step_is_equal_in_every_array_library(step, library, dtype):
    data = batch(dtype=dtype)
    expected, expected_state = run(step, on("numpy", *data))
    signals = on(library, *data)
    found, state = run(step, signals)
    assert isinstance(found, LIBRARIES[library][1])
    assert found.dtype == signals["rm"].dtype
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    np.testing.assert_allclose(np.asarray(found), expected, rtol=tolerance, atol=tolerance)
    for ours, theirs in zip(expected_state, state, strict=True):
        if isinstance(ours, Mean):
            assert theirs.count == ours.count
            assert theirs.value == pytest.approx(ours.value, rel=1e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("step", SCALED, ids=lambda s: repr(s)[:60])
def test_neighbouring_groups_of_one_size_are_reduced_to_the_same(step):
    rng = np.random.default_rng(1)
    rm, right = rng.normal(size=64).round(1), (rng.random(64) < 0.5) * 1.0
    values = {
        "rm": rm,
        "rm2": rng.normal(size=64),
        "verifier": right,
        "graded": right / 2,
        "tokens": rng.integers(0, 400, 64) * 1.0,
    }
    whole = Signals(values, Groups(np.repeat(np.arange(8), 8), 8))  # column by column
    order = rng.permutation(64)
    mixed = Signals({k: v[order] for k, v in values.items()}, Groups(whole.groups.ids[order], 8))  # by ids
    a, b = run(step, whole)[0], run(step, mixed)[0]
    if isinstance(step, ConsistencyFilter):  # which of two equal scores is kept goes by row order
        assert (a != 0).sum() == (b != 0).sum()
    else:
        np.testing.assert_allclose(a[order], b, atol=1e-12)


MEMORY = (WeightByAgreement, WeightByStd)
MEMORYLESS = [s for s in SCALED if not isinstance(s, (*MEMORY, Filter))]


@pytest.mark.parametrize("step", MEMORYLESS, ids=lambda s: repr(s)[:60])
def test_steps_without_memory_run_under_jit(step):
    index, groups, values = batch()
    made = chain(Select("rm"), step)

    @jax.jit
    def reward(index, values):
        signals = Signals(values, Groups(index, groups))
        return made.combine(initial_reward(signals), signals, made.init())[0]

    arrays = {k: jnp.asarray(v) for k, v in values.items()}
    expected, _ = run(step, on("numpy", index, groups, values))
    np.testing.assert_allclose(reward(jnp.asarray(index), arrays), expected, rtol=1e-12, atol=1e-12)


class Reads(TorchDispatchMode):
    """Counts what would wait for a CUDA device: reading a value, or an output whose size depends on values."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in {"_local_scalar_dense", "nonzero", "item"}:
            self.count += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("step", [s for s in SCALED if not isinstance(s, Filter)], ids=lambda s: repr(s)[:60])
def test_step_reads_the_device_at_most_once(step, monkeypatch):
    signals = on("torch", *batch())
    brought, read = [], _segment.to_host
    monkeypatch.setattr(_segment, "to_host", lambda x: brought.append(x) or read(x))
    with Reads() as reads:
        run(step, signals)
    assert reads.count == 0
    assert len(brought) == isinstance(step, MEMORY)


@pytest.mark.parametrize("make", schemes.SCHEMES, ids=lambda m: m.__name__)
def test_chain_combines_a_million_rows(make):
    rows, each = 1_000_000, 8
    rng = np.random.default_rng(0)
    names = (
        "rm",
        "verifier",
        "format",
        "unfinished",
        "essential",
        "important",
        "optional",
        "pitfall",
        "prm",
        "turn",
        "penalty",
    )
    values = {
        n: rng.normal(size=rows) if n in ("rm", "prm", "turn", "penalty") else (rng.random(rows) < 0.4) * 1.0
        for n in names
    }
    values["tokens"] = rng.integers(0, 30_000, rows) * 1.0
    index = np.repeat(np.arange(rows // each), each)
    scheme: Chain = make()
    big = Signals(values, Groups(index, rows // each))
    found, _ = scheme.combine(initial_reward(big), big, scheme.init())
    assert np.isfinite(found).all()
    tensors = on("torch", index, rows // each, values)
    torch_found, _ = scheme.combine(initial_reward(tensors), tensors, scheme.init())
    np.testing.assert_allclose(torch_found.numpy(), found, atol=1e-8)


def test_schedules_count_training_steps_and_evaluation_does_not():
    from herokit import Rewarder, Sample, Verdict

    class Right:
        def verify(self, samples):
            return [Verdict(float(s.completion == "ok")) for s in samples]

    class Length:
        def score(self, samples):
            return [float(len(s.completion)) for s in samples]

    sources = {"verifier": Right(), "rm": Length()}
    rewarder = Rewarder(sources, hero(alpha=LinearSchedule(0.2, 0.1, transition_steps=2)))
    samples = [Sample("p", text, "q") for text in ("ok", "no", "none")]
    seen = []
    for _ in range(4):
        rewarder(samples, update_state=False)
        seen.append(rewarder(samples).trace[1].after[2].item())  # the best wrong one stands at alpha
    np.testing.assert_allclose(seen, [0.2, 0.15, 0.1, 0.1], atol=1e-6)
    resumed = Rewarder(sources, hero(alpha=LinearSchedule(0.2, 0.1, transition_steps=2)))
    resumed.load_state_dict(rewarder.state_dict())
    assert resumed.state == rewarder.state
    assert resumed.state[1] == (4, None)
