"""The door for arrays: every library, precision and kind of id gives what a `Rewarder` gives; wrong guesses are told what to write."""

import json
import re
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import torch

import herokit
from herokit import ArrayCombiner, Groups, Rewarder, Sample, Signals, combine, hero, hero_advantage
from herokit.combiners import Filter, Select, chain
from herokit.combiners.numbering import number_groups
from herokit.errors import ConfigError, DataError, NoSignalWarning, SignalError
from herokit.sources import ScoreColumn
from herokit.types import MAX_ABS_SCORE

jax.config.update("jax_enable_x64", True)  # noqa: FBT003 - jax's own signature

RNG = np.random.default_rng(0)
KEYS = ["b", "b", "a", "a", "b", "c", "a", "c", "c"]
RM = RNG.normal(size=9).round(2)
VERDICTS = np.array([1, 0, 0, 1, 0, 1, 1, 0, 1])

LIBRARIES = {
    "list": (list, [float]),
    "numpy": (np.array, [np.float64, np.float32, np.float16]),
    "torch": (torch.tensor, [torch.float64, torch.float32, torch.float16, torch.bfloat16]),
    "jax": (jnp.asarray, [jnp.float64, jnp.float32]),
}
CASES = [(library, dtype) for library, (_, dtypes) in LIBRARIES.items() for dtype in dtypes]
NUMBERS = [{"a": 7, "b": 3, "c": 5}[key] for key in KEYS]
IDS = {
    "texts": KEYS,
    "tuple": tuple(KEYS),
    "numbers": NUMBERS,
    "numpy": np.array(NUMBERS),
    "numpy texts": np.array(KEYS),
    "objects": np.array(KEYS, dtype=object),
    "floats": np.array(NUMBERS, dtype=float),
    "torch": torch.tensor(NUMBERS),
    "jax": jnp.asarray(NUMBERS),
    "0-d tensors": list(torch.tensor(NUMBERS)),
    "series": pd.Series(NUMBERS),
    "groups": Groups(np.array([{"a": 0, "b": 1, "c": 2}[key] for key in KEYS]), 3),
}


def make(library, dtype, values):
    function, _ = LIBRARIES[library]
    return function(values) if library == "list" else function(values, dtype=dtype)


def by_rewarder(combiner, rm, verdicts=VERDICTS, keys=KEYS):
    rows = [
        Sample("p", "c", key, meta={"rm": float(x), "verifier": float(v)})
        for key, x, v in zip(keys, rm, verdicts, strict=True)
    ]
    sources = {"verifier": ScoreColumn("verifier"), "rm": ScoreColumn("rm")}
    return Rewarder(sources, combiner)(rows)


@pytest.mark.parametrize("holes", [False, True], ids=["whole", "nan"])
@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize(("library", "dtype"), CASES)
def test_combine_equals_a_rewarder(library, dtype, ids, holes):
    rm = np.where(np.arange(9) % 4 == 1, np.nan, RM) if holes else RM
    expected = by_rewarder(hero_advantage(), rm)
    values = {"verifier": make(library, dtype, VERDICTS.tolist()), "rm": make(library, dtype, rm.tolist())}
    output = combine(values, groups=IDS[ids], combiner=hero_advantage())
    rough = {"float16": 4e-3, "bfloat16": 4e-2, "float32": 2e-6}
    tolerance = next((rough[name] for name in rough if str(dtype).endswith((name, f"{name}'>"))), 0.0)
    for field in ("reward", "advantage", "weight"):
        found = getattr(output, field)
        if library != "list":
            assert type(found) is type(values["rm"])
            assert found.dtype == values["rm"].dtype
        as_numpy = found.double().numpy() if library == "torch" else np.asarray(found, dtype=np.float64)
        np.testing.assert_allclose(as_numpy, getattr(expected, field), rtol=0, atol=tolerance)
    np.testing.assert_array_equal(np.asarray(output.valid), expected.valid)
    np.testing.assert_array_equal(np.asarray(output.kept), expected.kept)


@pytest.mark.parametrize(
    "verdicts", [VERDICTS == 1, VERDICTS.tolist(), torch.tensor(VERDICTS == 1), torch.tensor(VERDICTS)]
)
def test_verdicts_of_any_kind_follow_the_scores(verdicts):
    scores = torch.tensor(RM, dtype=torch.float32)
    reward = combine({"verifier": verdicts, "rm": scores}, KEYS, hero()).reward
    assert reward.dtype == torch.float32
    np.testing.assert_allclose(reward.numpy(), by_rewarder(hero(), RM).reward, atol=1e-6)


def test_booleans_alone_become_floats():
    assert combine({"rm": [True, None]}, ["aa"] * 0 or ["a", "a"], Select("rm")).reward.tolist()[0] == 1.0
    assert combine({"rm": torch.tensor([True, False])}, [0, 0], Select("rm")).reward.dtype == torch.float32


@pytest.mark.parametrize("rm", [torch.tensor(RM, requires_grad=True), torch.tensor(RM)])
def test_tensors_with_gradients_are_detached(rm):
    output = combine({"verifier": VERDICTS, "rm": rm}, KEYS, hero_advantage())
    assert not output.advantage.requires_grad


def test_state_is_that_of_a_rewarder():
    rewards, rewarder_state = ArrayCombiner("hero-advantage"), None
    sources = {"verifier": ScoreColumn("verifier"), "rm": ScoreColumn("rm")}
    rewarder = Rewarder(sources, "hero-advantage")
    for shift in range(3):
        rm = np.roll(RM, shift) * (shift + 1)
        rows = [Sample("p", "c", k, meta={"rm": x, "verifier": v}) for k, x, v in zip(KEYS, rm, VERDICTS, strict=True)]
        expected = rewarder(rows)
        before = rewards.state_dict()
        same = rewards({"verifier": VERDICTS, "rm": rm}, groups=KEYS, update_state=False)
        assert rewards.state_dict() == before
        output = rewards({"verifier": VERDICTS, "rm": rm}, groups=KEYS)
        for found in (output, same):
            np.testing.assert_array_equal(found.advantage, expected.advantage)
        rewarder_state = json.loads(json.dumps(rewarder.state_dict()))
        assert rewards.state_dict() == rewarder_state
    resumed = ArrayCombiner(hero_advantage())
    resumed.load_state_dict(rewarder_state)
    assert resumed.state == rewarder.state


ID_KINDS = {
    "in order": np.repeat(np.arange(40), 5),
    "shuffled": np.random.default_rng(1).permutation(np.repeat(np.arange(40), 5)),
    "far from 0": np.random.default_rng(2).permutation(np.repeat(np.arange(40), 5)) + 10**6,
    "with holes": np.random.default_rng(3).permutation(np.repeat(np.arange(40) * 3, 5)),
    "62 bits": np.random.default_rng(4).permutation(np.repeat(np.random.default_rng(5).integers(-(2**62), 2**62, 40), 5)),
    "unsigned": np.repeat(np.arange(40, dtype=np.uint8), 5),
    "floats": np.repeat(np.arange(40) / 4, 5),
    "texts": np.repeat(np.array([f"q{n}" for n in range(40)]), 5),
}  # fmt: skip


@pytest.mark.parametrize(
    "convert", [np.asarray, list, np.ndarray.tolist, torch.tensor], ids=["array", "list", "tolist", "tensor"]
)
@pytest.mark.parametrize("kind", ID_KINDS)
def test_number_groups_finds_the_groups_of_any_ids(kind, convert):
    ids = ID_KINDS[kind]
    if convert is torch.tensor and kind == "texts":
        pytest.skip("torch has no texts")
    groups = number_groups(convert(ids))
    assert groups.ids.dtype == np.int64
    assert 0 <= groups.ids.min() <= groups.ids.max() < groups.num_groups <= len(ids)
    np.testing.assert_array_equal(groups.ids[:, None] == groups.ids, ids[:, None] == ids)


@pytest.mark.parametrize("kind", ID_KINDS)
def test_running_mean_is_that_of_a_rewarder_to_the_last_digit(kind):
    ids = ID_KINDS[kind]
    rm, verdicts = np.random.default_rng(6).normal(size=(2, len(ids)))
    rm[7] = np.nan
    keys, verdicts = ids.tolist(), (verdicts > 0) * 1.0
    rows = [
        Sample("p", "c", k, meta={"rm": float(x), "verifier": v}) for k, x, v in zip(keys, rm, verdicts, strict=True)
    ]
    rewarder = Rewarder({"verifier": ScoreColumn("verifier"), "rm": ScoreColumn("rm")}, hero_advantage())
    rewards = ArrayCombiner(hero_advantage())
    for _ in range(2):
        expected = rewarder(rows)
        np.testing.assert_array_equal(rewards({"verifier": verdicts, "rm": rm}, ids).advantage, expected.advantage)
    assert rewards.state == rewarder.state


@pytest.mark.parametrize("ids", [[0, 0], [5, 5], ["q", "q"]])
def test_arrays_of_the_caller_are_not_shared(ids):
    rm, index = np.array([1.0, 2.0]), np.array([0, 0])
    for found in (combine({"rm": rm}, ids, Select("rm")).reward, chain(Select("rm"))({"rm": rm}, index)):
        found[:] = 9.0
    assert rm.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), None, 1e200])
def test_values_without_a_meaning_leave_in_every_precision(dtype, bad):
    rm = [1.0, 1.0, bad, 3.0]
    values = rm if bad is None else torch.tensor(rm, dtype=dtype)
    assert combine({"rm": values}, [0, 0, 0, 0], Select("rm")).valid.tolist() == [True, True, False, True]


@pytest.mark.parametrize("values", [[3e150, 1.0], [9e149, 9e149, 9e149], [1e30, -1e30]])
def test_large_values_are_judged_one_by_one(values):
    output = combine({"rm": values}, [0] * len(values), Select("rm"))
    assert output.valid.tolist() == [abs(value) <= MAX_ABS_SCORE for value in values]


class KeepPositive(Filter):
    def keep(self, reward, signals):
        return reward > 0


def test_rows_that_a_filter_removes_are_marked():
    rm = [1.0, float("nan"), -1.0, 2.0]
    output = combine({"rm": torch.tensor(rm)}, [0, 0, 0, 0], chain(Select("rm"), KeepPositive()))
    assert output.kept.tolist() == [True, False, False, True]
    assert output.valid.tolist() == [True, False, True, True]
    np.testing.assert_array_equal(output.reward.numpy(), [1.0, np.nan, np.nan, 2.0])


V, S, G = torch.tensor([True, False]), torch.tensor([0.2, 0.6]), torch.tensor([3, 3])
SIGNALS = {"verifier": V, "rm": S}
FORM = 'write combine({"verifier": v, "rm": s}, groups=ids, combiner=hero())'
WORKING = [
    lambda: hero()(SIGNALS, G),
    lambda: hero()(verifier=V, rm=S, groups=G),
    lambda: hero()(SIGNALS, ["q", "q"]),
    lambda: combine(SIGNALS, G, "hero").reward,
    lambda: combine(SIGNALS, G.numpy(), hero()).reward,
    lambda: chain(hero()).combine(None, Signals({"verifier": V * 1.0, "rm": S}, Groups(G * 0, 1)), hero().init())[0],
    lambda: hero().combine(None, Signals({"verifier": V * 1.0, "rm": S}, G), hero().init())[0],
    lambda: hero().combine(None, Signals({"verifier": V * 1.0, "rm": S}, Groups(np.array([0, 0]), 1)), hero().init())[0],
    lambda: hero()({"verifier": [1, 0, 1], "rm": [0.2, 0.6, float("nan")]}, [1, 1, 1])[:2],
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WORKING)))
def test_a_guess_works(number):
    np.testing.assert_allclose(np.asarray(WORKING[number]()), [0.9, -0.1], atol=1e-6)


REFUSED = [
    (lambda: herokit.hero_rewards(V, S, G), AttributeError, "has no attribute 'hero_rewards'; arrays: herokit.combine({"),
    (lambda: hero()(V, S, G), DataError, "signals have names; write chain({'rm': ..., 'verifier': ...}, groups=ids)"),
    (lambda: hero()(SIGNALS), DataError, f"the groups are missing; {FORM}"),
    (lambda: combine(SIGNALS, "q", hero()), DataError, "groups must be one id for each row, got 'q'"),
    (lambda: combine(SIGNALS, [1, 2, 3], hero()), DataError, "lengths differ: expected one value for each row in each, got {"),
    (lambda: combine(SIGNALS, [[1], [2]], hero()), DataError, "row 0: group [1] cannot be a key"),
    (lambda: combine(SIGNALS, torch.tensor([[1], [2]]), hero()), DataError, "groups have shape (2, 1); expected one id for each row"),
    (lambda: combine(SIGNALS, [1.0, float("nan")], hero()), DataError, "row 1: group is NaN, which equals no other"),
    (lambda: combine(SIGNALS, torch.tensor([float("nan"), 1.0]), hero()), DataError, "row 0: group is NaN"),
    (lambda: combine({"rm": S.reshape(1, 2)}, [0], Select("rm")), DataError, "signal 'rm' has shape (1, 2); expected one value for each row"),
    (lambda: combine({"rm": ["a"]}, [0], Select("rm")), DataError, "signal 'rm' must be N numbers, got ['a']"),
    (lambda: combine({"rm": np.array(["a"])}, [0], Select("rm")), DataError, "signal 'rm' must be N numbers, got ['a']"),
    (lambda: combine({"rm": np.array([1j])}, [0], Select("rm")), DataError, "signal 'rm' must be N numbers, got an array of complex128"),
    (lambda: combine({"rm": np.array(["2020"], "M8[D]")}, [0], Select("rm")), DataError, "signal 'rm' must be N numbers, got an array of datetime64[D]"),
    (lambda: combine({"rm": torch.tensor([1j])}, [0], Select("rm")), DataError, "signal 'rm' must be N numbers, got an array of torch.complex64"),
    (lambda: combine({"rm": [10**400]}, [0], Select("rm")), DataError, "signal 'rm' has an integer that is too large for a float"),
    (lambda: combine({1: [0.5]}, [0], Select("rm")), DataError, "expected a mapping from signal to values"),
    (lambda: combine({"rm": [0.5]}, [None], Select("rm")), DataError, "row 0: group is None, which is no id"),
    (lambda: combine({"rm": [0.5]}, np.array(["NaT"], "M8[D]"), Select("rm")), DataError, "row 0: group is None, which is no id"),
    (lambda: ArrayCombiner("hero").load_state_dict(ArrayCombiner("rm-only").state_dict()), ConfigError, "does not fit this chain of 3 steps: it is of one of 1"),
    (lambda: combine({"rm": S, "verifier": jnp.ones(2)}, G, hero()), DataError, "another one of torch"),
    (lambda: combine({"verifier": V, "score": S}, G, hero()), SignalError, "a step reads the signal 'rm', but no source has that name"),
    (lambda: combine({}, G, hero()), DataError, "expected a mapping from signal to values"),
    (lambda: combine([1, 0], [0.3, 0.5], G), DataError, "expected a mapping from signal to values, got list [1, 0]; write combine("),
    (lambda: combine(pd.DataFrame(SIGNALS), G, hero()), DataError, "expected a mapping from signal to values, got DataFrame"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_a_guess_that_cannot_work_is_told_what_to_write(call, error, message):
    with pytest.raises(error, match=re.escape(message)) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        np.ma.masked_array([1.0, 2.0, 9.0], [0, 0, 1]),
        np.array([1, 2, None], object),
        pd.Series([1, 2, None], dtype="Int64"),
    ],
)
def test_missing_values_of_libraries_are_no_values(values):
    output = combine({"rm": values}, ["q"] * 3, Select("rm"))
    assert output.valid.tolist() == [True, True, False]
    assert output.reward[:2].tolist() == [1.0, 2.0]


def test_lists_of_tensors_are_groups_by_value_in_every_view():
    output = combine({"verifier": [1, 0], "rm": [0.1, 0.2]}, [torch.tensor(7), torch.tensor(7)], hero())
    assert str(output).startswith("2 rollouts of 1 group\n")
    assert len(output.explain(7).rollouts) == 2


def test_arrays_that_teach_nothing_are_said_once():
    rewards = ArrayCombiner(hero())
    with pytest.warns(NoSignalWarning, match="no step reads signal 'x'"):
        rewards({**SIGNALS, "x": [1, 2]}, G)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rewards({**SIGNALS, "x": [1, 2]}, G)
    with pytest.warns(
        NoSignalWarning, match=r"none of 2 rows .* get no reward \(row 0: signal 'rm' has no finite value\)"
    ):
        output = rewards({"verifier": [1, 0], "rm": [float("nan"), None]}, ["q", "q"])
    assert "no reward: 2 of 2 (first row 0): signal 'rm' has no finite value" in str(output)


class Counting(Filter):
    def __init__(self):
        self.calls = 0

    def keep(self, reward, signals):
        self.calls += 1
        return signals["rm"] == signals["rm"]


def test_steps_are_tried_on_synthetic_rows_once_for_the_same_names():
    step = Counting()
    rewards = ArrayCombiner(chain(Select("rm"), step))
    rewards({"rm": [1.0, 2.0]}, [0, 0])
    assert step.calls == 2
    rewards({"rm": [1.0, 2.0]}, [0, 0])
    assert step.calls == 3
    with pytest.raises(SignalError, match="a step reads the signal 'rm', but no source has that name"):
        rewards({"x": [1.0, 2.0]}, [0, 0])


def test_groups_of_one_row_are_said_once():
    rewards = ArrayCombiner(hero())
    three = {"verifier": [1, 0, 1], "rm": [0.1, 0.2, 0.3]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rewards(three, np.array([0, 2, 2]))  # as many numbers as rows, two groups
    with pytest.warns(NoSignalWarning, match="all 2 groups have one row"):
        rewards(SIGNALS, [1, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rewards(SIGNALS, [1, 2])


@pytest.mark.parametrize("kind", [torch.tensor, np.array, jnp.asarray])
def test_output_of_arrays_is_explained_and_printed(kind):
    output = combine(
        {"verifier": kind([1.0, 0.0, 1.0]), "rm": kind([0.5, 0.25, float("nan")])}, kind([4, 4, 4]), hero()
    )
    assert "3 rollouts" in str(output)
    assert list(output.problems()) == [2]
    assert output.explain(4).rollouts == [0, 1, 2]
    assert "#1\n" not in str(output.explain(4))  # it has no text to show
    assert len(output.to_pandas()) == 3


def test_no_rows_and_no_valid_rows():
    assert combine({"rm": []}, [], Select("rm")).reward.shape == (0,)
    output = combine({"rm": torch.tensor([float("nan")] * 2)}, [0, 0], Select("rm"))
    assert output.reward.isnan().all()
    assert not output.kept.any()
