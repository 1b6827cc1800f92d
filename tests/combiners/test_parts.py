"""Steps on the parts of rollouts: the same numbers in every array library, and as a loop over rollouts gives."""

from itertools import accumulate

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from herokit import Groups, Parts, Select, Signals, _segment, chain
from herokit.combiners import STEPS as ALL_STEPS
from herokit.combiners import (
    AggregateParts,
    Center,
    Discount,
    DivideByMad,
    ForParts,
    GroupBy,
    IfUniform,
    LeaveOneOut,
    MinMax,
    PerRollout,
    Progress,
    Rank,
    Redistribute,
    RewardToGo,
    SoftMin,
    Standardize,
    Stratify,
    WeightByStd,
)
from herokit.errors import ConfigError, SignalError

jax.config.update("jax_enable_x64", True)  # noqa: FBT003 - jax's own signature

LIBRARIES = {
    "torch": (torch.tensor, torch.Tensor),
    "jax": (jnp.asarray, jax.Array),
    "strict": (array_api_strict.asarray, type(array_api_strict.asarray(0))),
}

STEPS = [
    *(RewardToGo(), RewardToGo(0.5), RewardToGo(0.0), Discount(0.9), Progress(), Progress(0.5)),
    *(SoftMin(), SoftMin(0.0), Redistribute(), Redistribute(weight=0.9, normalizer=Rank())),
    *(GroupBy(key, step) for key in ("rollout", "position", "state") for step in (Center(), MinMax(), LeaveOneOut("rollout"))),
    *(PerRollout(step) for step in (Center(), Standardize(), DivideByMad(), LeaveOneOut(), LeaveOneOut("rollout"))),
    *(GroupBy("state", PerRollout(Standardize())), LeaveOneOut("rollout"), Stratify(), IfUniform(Center(), Select("verifier"))),
]  # fmt: skip


def test_parity_covers_every_step_of_credit():
    new = {AggregateParts, ForParts, GroupBy, PerRollout, Discount, Progress, Redistribute, RewardToGo, SoftMin}
    assert new <= set(ALL_STEPS)
    assert new - {type(step) for step in STEPS} == {AggregateParts, ForParts}  # every test below uses them


def batch(seed=0, rollouts=60, groups=12, dtype=np.float64):
    """Return rollouts of prompts in mixed order, with 1 to 7 parts, the parts of one block each in mixed order."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 8, rollouts)
    group = rng.integers(0, groups, rollouts)
    rm, verifier = rng.normal(size=rollouts), (rng.random(rollouts) < 0.4) * 1.0
    blocks = rng.permutation(rollouts)
    sizes = counts[blocks]
    of_rollout = np.repeat(blocks, sizes)
    positions = np.concatenate([np.arange(size) for size in sizes])
    prm = rng.normal(size=len(of_rollout)).round(1)  # ties
    states = group[of_rollout] * 4 + rng.integers(0, 4, len(of_rollout))
    values = {"rm": rm.astype(dtype), "verifier": verifier.astype(dtype)}
    return values, group, groups, {"prm": prm.astype(dtype)}, of_rollout, positions, states


def signals_in(make, values, group, groups, part_values, of_rollout, positions, states):
    rows = Groups(make(of_rollout), len(group))
    own = {name: make(x) for name, x in part_values.items()}
    parts = Parts(own, rows, make(positions), 7, Groups(make(states), groups * 4))
    return Signals({name: make(x) for name, x in values.items()}, Groups(make(group), groups), parts)


def run(step, signals):
    steps = chain(Select("rm"), Center(), ForParts(chain(Select("prm"), step), weight=0.5))
    return steps.trace(None, signals, steps.init())[0][-1]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("step", STEPS, ids=lambda s: repr(s)[:70])
def test_step_on_parts_is_equal_in_every_array_library(step, library, dtype):
    data, (make, kind) = batch(dtype=dtype), LIBRARIES[library]
    expected, found = run(step, signals_in(np.array, *data)), run(step, signals_in(make, *data))
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    for name in ("credit", "after"):
        array = getattr(found, name)
        assert isinstance(array, kind)
        assert np.asarray(array).dtype == dtype
        np.testing.assert_allclose(np.asarray(array), getattr(expected, name), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("step", STEPS, ids=lambda s: repr(s)[:70])
def test_step_on_parts_runs_under_jit(step):
    values, group, groups, part_values, of_rollout, positions, states = batch()

    @jax.jit
    def credit(values, part_values):
        make = jnp.asarray
        parts = Parts(
            part_values, Groups(make(of_rollout), len(group)), make(positions), 7, Groups(make(states), groups * 4)
        )
        return run(step, Signals(values, Groups(make(group), groups), parts)).credit

    expected = run(step, signals_in(np.array, *batch())).credit
    found = credit({k: jnp.asarray(x) for k, x in values.items()}, {k: jnp.asarray(x) for k, x in part_values.items()})
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def by_rollout(data, function):
    """Apply a function to the process scores of each rollout."""
    _, group, _, part_values, of_rollout, _, _ = data
    out = np.empty(len(of_rollout))
    for rollout in range(len(group)):
        rows = np.flatnonzero(of_rollout == rollout)
        out[rows] = function(part_values["prm"][rows])
    return out


LOOPS = [
    (RewardToGo(0.5), lambda p: list(accumulate(p[::-1], lambda total, x: x + 0.5 * total))[::-1]),
    (RewardToGo(), lambda p: np.cumsum(p[::-1])[::-1]),
    (Discount(0.9), lambda p: p * 0.9 ** np.arange(len(p))[::-1]),
    (Progress(0.5), lambda p: np.diff(p, prepend=0.5)),
    (SoftMin(0.1), lambda p: np.exp(-p / 0.1) / np.exp(-p / 0.1).sum() * p),
    (SoftMin(0.0), lambda p: np.where(np.arange(len(p)) == p.argmin(), p, 0.0)),
    (GroupBy("rollout", Center()), lambda p: p - p.mean()),
]


@pytest.mark.parametrize(("step", "function"), LOOPS, ids=[repr(step) for step, _ in LOOPS])
def test_step_on_parts_equals_a_loop_over_rollouts(step, function):
    data = batch()
    steps = chain(ForParts(chain(Select("prm"), step), mode="replace"))
    found = steps.trace(None, signals_in(np.array, *data), steps.init())[0][-1].credit
    np.testing.assert_allclose(found, by_rollout(data, function), atol=1e-12)


def test_per_rollout_and_leave_one_out_equal_a_loop_over_groups():
    data = batch()
    _, group, groups, part_values, of_rollout, _, _ = data
    prm, prompt = part_values["prm"], group[of_rollout]
    mean = np.array([prm[of_rollout == i].mean() for i in range(len(group))])
    inner = {"pooled": Center(), "equal": PerRollout(Center()), "others": PerRollout(LeaveOneOut("rollout"))}
    found = {
        name: chain(ForParts(chain(Select("prm"), step), mode="replace")).trace(None, signals_in(np.array, *data), (((None, None),),) if name == "pooled" else (((None, ((None,),)),),))[0][-1].credit
        for name, step in inner.items()
    }  # fmt: skip
    expected = {name: np.zeros(len(prm)) for name in inner}
    for g in range(groups):
        rollouts, rows = np.flatnonzero(group == g), np.flatnonzero(prompt == g)
        expected["pooled"][rows] = prm[rows] - prm[rows].mean() if len(rows) else 0.0
        for i in rollouts:
            own, others = of_rollout == i, rollouts[rollouts != i]
            expected["equal"][own] = prm[own] - mean[rollouts].mean()
            expected["others"][own] = prm[own] - mean[others].mean() if len(others) else 0.0
    for name, credit in found.items():
        np.testing.assert_allclose(credit, expected[name], atol=1e-12, err_msg=name)


def test_sum_to_go_does_not_mix_segments_of_very_different_size():
    x = np.array([1e150, -1e150, 1e-9, 2e-9])
    found = _segment.sum_to_go(x, Groups(np.array([0, 0, 1, 1]), 2), 1.0, 2)
    np.testing.assert_array_equal(found, [0.0, -1e150, 1e-9 + 2e-9, 2e-9])


def test_filters_and_weights_after_for_parts_act_on_credit_and_reward():
    from herokit.combiners import ConsistencyFilter

    data = batch()
    signals = signals_in(np.array, *data)
    give = (Select("rm"), Center(), ForParts(chain(Select("prm"), Center())))
    plain, kept = chain(*give), chain(*give, ConsistencyFilter(), WeightByStd())
    before = plain.trace(None, signals, plain.init())[0][-1].credit
    last = kept.trace(None, signals, kept.init())[0][-1]
    hidden = kept.trace(None, signals, kept.init())[0][-2].kept
    parts_kept = hidden[data[4]]
    np.testing.assert_allclose(last.credit[parts_kept], before[parts_kept])
    assert (last.credit[~parts_kept] == 0.0).all()
    assert 0 < parts_kept.sum() < len(parts_kept)
    first = chain(ConsistencyFilter(), *give)
    early = first.trace(None, signals, first.init())[0][-1].credit
    assert (early[~parts_kept] == 0.0).all()
    assert early.shape == before.shape


def test_aggregate_parts_returns_one_reward_a_rollout():
    data = batch()
    for how, function in (
        ("min", np.min),
        ("max", np.max),
        ("sum", np.sum),
        ("mean", np.mean),
        ("last", lambda p: p[-1]),
    ):
        steps = chain(ForParts(Select("prm"), mode="replace"), AggregateParts(how), Center())
        trace, _ = steps.trace(None, signals_in(np.array, *data), steps.init())
        assert trace[-1].credit is None
        rows = by_rollout(data, function)
        np.testing.assert_allclose(trace[1].after[data[4]], rows, atol=1e-12)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((Select("rm"), ForParts(Select("prm")), Center()), "Center cannot follow ForParts"),
        ((IfUniform(ForParts(Select("prm")), Select("rm")),), "IfUniform cannot contain ForParts"),
        ((ForParts(ForParts(Select("prm"))),), "ForParts cannot contain ForParts"),
    ],
)
def test_chain_refuses_steps_that_would_lose_the_credit(steps, message):
    with pytest.raises(ConfigError, match=message):
        chain(*steps)


def test_group_by_state_without_states_says_what_is_missing():
    signals = Signals({"rm": np.zeros(1)}, Groups.from_keys("q"), Parts.from_counts([2], {"prm": [0.0, 1.0]}))
    steps = chain(ForParts(chain(Select("prm"), GroupBy("state", Center()))))
    with pytest.raises(SignalError, match="no part of this batch has one"):
        steps.combine(np.zeros(1), signals, steps.init())
