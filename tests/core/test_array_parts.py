"""`combine` with the parts of rollouts: the credit of a `Rewarder` to the last digit, in every layout and library."""

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from herokit import ArrayCombiner, Rewarder, Sample, Verdict, combine
from herokit.combiners import AggregateParts, ForParts, Select, chain
from herokit.errors import ConfigError, DataError, NoSignalWarning, SignalError
from herokit.schemes import SCHEMES, gigpo, hero_advantage, process_supervision, turn_grpo

RNG = np.random.default_rng(5)
COUNTS = [3, 1, 4, 2, 2, 5, 1, 3]
GROUPS = ["a", "b", "a", "b", "a", "b", "a", "b"]
OUTCOME = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0]
PARTS = [RNG.integers(0, 5, count) / 4 for count in COUNTS]
STATES = [[f"s{place // 2}" for place in range(count)] for count in COUNTS]
OFFSETS = np.cumsum([0, *COUNTS])
FLAT = np.concatenate(PARTS)


class Outcome:
    def verify(self, samples):
        return [Verdict(s.meta["outcome"]) for s in samples]


class Turns:
    def verify(self, samples):
        return [Verdict(s.meta["outcome"], parts=tuple(map(Verdict, s.meta["parts"]))) for s in samples]


def by_rewarder(scheme, names, parts=PARTS):
    """Return the output of a rewarder for samples with these outcomes, parts and states."""
    samples = [
        Sample(
            "p",
            [m for _ in states for m in ({"role": "assistant", "content": "x"}, {"role": "tool", "content": "ok"})],
            group,
            meta={"outcome": outcome, "parts": [None if np.isnan(x) else x for x in own], "turn_states": states},
        )
        for group, outcome, own, states in zip(GROUPS, OUTCOME, parts, STATES, strict=True)
    ]
    return Rewarder({name: Turns() if name != "verifier" else Outcome() for name in names}, scheme)(samples)


CREDIT = {make.__name__: make for make in SCHEMES if make.__module__ == "herokit.schemes.credit"}
NAMES = {
    "process_supervision": ["prm"],
    "discounted_turns": ["turn"],
    "turn_grpo": ["verifier", "turn"],
    "turn_penalties": ["verifier", "penalty"],
    "gigpo": ["verifier"],
    "discounted_outcome": ["verifier"],
}
LIBRARIES = {
    "list": list,
    "numpy": np.asarray,
    "torch": lambda x: torch.tensor(np.asarray(x, dtype=float)),
    "jax": jnp.asarray,
}


def arrays(scheme, parts=PARTS, make=np.asarray, **layout):
    names = NAMES.get(scheme, ["verifier", "prm"])
    fine = {name: [make(row) for row in parts] for name in names if name != "verifier"}
    if layout:
        fine = {name: make(FLAT) for name in fine}
    return {name: make(OUTCOME) for name in names}, GROUPS, CREDIT[scheme](), fine, layout


@pytest.mark.parametrize("scheme", CREDIT)
@pytest.mark.parametrize("layout", ["rows", "flat"])
def test_combine_gives_the_credit_of_a_rewarder_to_the_last_digit(scheme, layout):
    offsets = {"offsets": OFFSETS} if layout == "flat" else {}
    values, groups, steps, parts, _ = arrays(scheme, **offsets)
    states = [x for row in STATES for x in row] if offsets else STATES
    output = combine(values, groups, steps, parts=parts, states=states, **offsets)
    expected = by_rewarder(steps, NAMES.get(scheme, ["verifier", "prm"]))
    assert output.credit.ragged() == expected.credit.ragged()
    assert any(any(row) for row in output.credit.ragged())
    assert [x.tolist() for x in output.credit.arrays()] == expected.credit.ragged()
    for field in ("reward", "advantage", "weight", "valid", "kept"):
        np.testing.assert_array_equal(getattr(output, field), getattr(expected, field))


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("scheme", CREDIT)
def test_credit_is_in_the_library_of_the_parts(scheme, library):
    values, groups, steps, parts, _ = arrays(scheme, make=LIBRARIES[library])
    output = combine(values, groups, steps, parts=parts, states=STATES)
    expected = by_rewarder(steps, NAMES.get(scheme, ["verifier", "prm"]))
    found = output.credit.arrays()
    assert type(found[0]) is type(next(iter(values.values())))
    assert found[0].dtype == next(iter(values.values())).dtype
    for ours, theirs in zip(found, expected.credit.ragged(), strict=True):
        np.testing.assert_allclose(np.asarray(ours), theirs, atol=1e-12 if library == "torch" else 1e-5)
    assert len(str(output.explain("a")).splitlines()) > 10


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_part_without_a_value_takes_its_row_out_and_no_other(library):
    holes = [row.copy() for row in PARTS]
    holes[2][1] = np.nan
    make = LIBRARIES[library]
    output = combine({"verifier": make(OUTCOME)}, GROUPS, turn_grpo(), parts={"turn": [make(row) for row in holes]})
    assert np.asarray(output.valid).tolist() == [row != 2 for row in range(8)]
    others = [row for row in range(8) if row != 2]
    rest = combine(
        {"verifier": make([OUTCOME[row] for row in others])},
        [GROUPS[row] for row in others],
        turn_grpo(),
        parts={"turn": [make(PARTS[row]) for row in others]},
    )
    credit = output.credit.ragged()
    assert np.isnan(credit[2]).all()
    assert [credit[row] for row in others] == rest.credit.ragged()


def test_a_row_without_parts_leaves():
    output = combine({"verifier": [1.0, 0.0, 0.0]}, ["q"] * 3, turn_grpo(), parts={"turn": [[1.0], [], [0.0]]})
    assert output.valid.tolist() == [True, False, True]
    assert output.credit.ragged()[1] == []
    with pytest.warns(NoSignalWarning, match="none of 2 rows"):
        empty = combine({}, ["q"] * 2, process_supervision(), parts={"prm": [[], [None]]})
    assert np.isnan(empty.reward).all()
    np.testing.assert_equal(empty.credit.ragged(), [[], [np.nan]])


def test_a_chain_of_parts_alone_needs_no_values_of_rollouts():
    output = combine({}, GROUPS, process_supervision(), parts={"prm": PARTS})
    assert output.credit.ragged() == by_rewarder(process_supervision(), ["prm"]).credit.ragged()
    with pytest.raises(SignalError, match="'verifier'"):
        combine({}, GROUPS, turn_grpo(), parts={"turn": PARTS})


def test_aggregated_parts_make_one_reward_a_rollout():
    steps = chain(ForParts(Select("prm"), mode="replace"), AggregateParts("min"))
    output = combine({}, GROUPS, steps, parts={"prm": PARTS})
    assert output.reward.tolist() == [row.min() for row in PARTS]
    assert output.credit is None


def test_states_alone_say_how_many_parts_a_rollout_has():
    output = combine({"verifier": OUTCOME}, GROUPS, gigpo(), states=STATES)
    assert output.credit.ragged() == by_rewarder(gigpo(), ["verifier"]).credit.ragged()


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
@pytest.mark.parametrize("layout", ["rows", "flat"])
def test_states_in_arrays_are_equal_where_their_values_are(make, layout):
    numbers = [[int(key[1:]) for key in row] for row in STATES]
    offsets = {"offsets": OFFSETS} if layout == "flat" else {}
    states = make([x for row in numbers for x in row]) if offsets else [make(row) for row in numbers]
    output = combine({"verifier": OUTCOME}, GROUPS, gigpo(), states=states, **offsets)
    assert output.credit.ragged() == by_rewarder(gigpo(), ["verifier"]).credit.ragged()


def test_a_training_loop_gets_credit_for_every_batch():
    rewards = ArrayCombiner(turn_grpo())
    first = rewards({"verifier": OUTCOME}, GROUPS, parts={"turn": PARTS})
    again = rewards({"verifier": OUTCOME}, GROUPS, parts={"turn": FLAT}, offsets=torch.tensor(OFFSETS))
    assert first.credit.ragged() == again.credit.ragged()


def test_tensors_with_gradients_are_detached():
    parts = [torch.tensor(row, requires_grad=True) for row in PARTS]
    assert not combine({}, GROUPS, process_supervision(), parts={"prm": parts}).credit.values.requires_grad


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ({"parts": [[1.0], [0.0]]}, "parts must be a mapping from signal to values, got list"),
        ({"parts": {"turn": [1.0, 0.0]}}, r"the parts of 'turn' must be a list of values for each row.*offsets="),
        ({"parts": {"turn": ["ab", "c"]}}, "the parts of 'turn' must be a list of values for each row"),
        ({"parts": {"turn": [[1.0], ["x"]]}}, "the parts of 'turn' must be N numbers"),
        ({"parts": {"turn": [np.ones((1, 2)), np.ones(1)]}}, r"row 0 has shape \(1, 2\)"),
        ({"parts": {"turn": [[1.0]] * 3}}, "'groups': 2, 'parts': 3"),
        (
            {"parts": {"turn": [[1.0], [0.0]], "b": [[1.0, 2.0], [0.0]]}},
            "row 0 has 1 parts in .*'turn', but 2 in .*'b'",
        ),
        ({"parts": {"turn": [[1.0], [0.0]]}, "states": [["a"]]}, "'turn' are of 2 rows, states of 1"),
        ({"parts": {"turn": [1.0, 0.0, 1.0]}, "offsets": [0, 1, 2]}, "'turn' are 3 values, but offsets end at 2"),
        ({"parts": {"turn": [1.0, 0.0]}, "offsets": [0, 2, 1]}, "offsets fall from 2 to 1 at row 1"),
        ({"parts": {"turn": [1.0, 0.0]}, "offsets": [1, 2, 2]}, "offsets must be N [+] 1 integers from 0"),
        ({"parts": {"turn": [1.0, 0.0]}, "offsets": [0.0, 1.0, 2.0]}, "offsets must be N [+] 1 integers from 0"),
        ({"parts": {"turn": [jnp.ones(1), torch.ones(1)]}}, "the parts of 'turn': rows of several array libraries"),
        ({"parts": {"turn": [[1.0], [0.0]]}, "states": "ab"}, "states must be a list of values for each row"),
        (
            {"parts": {"turn": [[1.0], [0.0]]}, "states": [[{"room": 1}], ["a"]]},
            "states: {'room': 1} is no key; expected",
        ),
        ({"parts": {}}, "parts has no signal; write combine"),
        ({"parts": {"turn": [{1.0: 2}, {0.0}]}}, "the parts of 'turn' must be a list of values for each row"),
        ({"parts": {"turn": (x for x in [1.0, 0.0])}, "offsets": [0, 1, 2]}, "'turn' must be a list or an array of v"),
        ({"parts": {"turn": None}, "offsets": [0, 1, 2]}, "'turn' must be a list or an array of values, got None"),
        ({"parts": {"turn": np.array(1.0)}, "offsets": [0, 1, 1]}, "'turn' must be a list or an array of values"),
        ({"parts": {"turn": {1.0, 0.0}}, "offsets": [0, 1, 2]}, "'turn' must be a list or an array of values, got {"),
        ({"parts": {"turn": [1.0, 0.0]}, "offsets": [0, 1, 2], "states": 5}, "states must be a list or an array"),
        ({"parts": {"turn": [1.0, 0.0]}, "offsets": 2}, "offsets must be N [+] 1 integers, got 2"),
        ({"parts": {"turn": [1.0, 0.0]}, "offsets": [[0, 1], [2]]}, "offsets must be N [+] 1 integers, got"),
    ],
)
def test_parts_that_do_not_fit_are_told_in_one_line(layout, message):
    with pytest.raises(DataError, match=message) as raised:
        combine({"verifier": [1.0, 0.0]}, ["q", "q"], turn_grpo(), **layout)
    assert "\n" not in str(raised.value)


def test_a_chain_and_parts_that_do_not_fit_each_other_raise():
    with pytest.raises(ConfigError, match=r"without them herokit\.combine takes one number a rollout"):
        combine({"verifier": [1.0, 0.0]}, ["q", "q"], turn_grpo())
    with pytest.raises(ConfigError, match="no step of the chain reads the parts"):
        combine({"verifier": [1, 0], "rm": [1, 0]}, ["q", "q"], hero_advantage(), parts={"rm": [[1.0], [0.0]]})
    with pytest.raises(SignalError, match="did you mean 'tern'"):
        combine({"verifier": [1, 0]}, ["q", "q"], turn_grpo(), parts={"tern": [[1.0], [0.0]]})
    with pytest.warns(NoSignalWarning, match="no step reads signal 'other'"):
        combine({"verifier": [1, 0]}, ["q", "q"], turn_grpo(), parts={"turn": [[1.0], [0.0]], "other": [[1.0], [0.0]]})


PAD = float("nan")


@pytest.mark.parametrize("kind", [np.array, torch.tensor, list], ids=["numpy", "torch", "list"])
def test_a_row_that_leaves_names_the_signal_and_the_parts(kind):
    rows = [kind(row) for row in ([0.0, 1.0], [0.0, PAD, PAD], [1.0] + [PAD] * 5, [1.0])]
    values = {"verifier": kind([1.0, 0.0, 0.0, PAD])}
    output = combine(values, [0] * 4, turn_grpo(), parts={"turn": rows})
    advice = "no finite value; leave out parts that only pad the row"
    assert output.problems() == {
        1: f"parts 2, 3 of 'turn' have {advice}",
        2: f"parts 2, 3, 4 and 2 more of 'turn' have {advice}",
        3: "signal 'verifier' has no finite value",
    }
    assert "no reward: 1 of 4 (first row 1): parts 2, 3 of 'turn'" in str(output)
    assert output.explain(0).problems[1] == [output.problems()[1]]


def test_a_row_without_parts_and_one_with_two_problems_say_so():
    parts = {"turn": [[], [1.0, PAD], [0.0, 1.0]], "x": [[], [PAD, 0.0], [0.0, 1.0]]}
    steps = chain(ForParts(Select("turn")), ForParts(Select("x")))
    output = combine({}, [0] * 3, steps, parts=parts)
    assert list(output.row_problems) == [0, 1]
    assert [row for row in range(-4, 5) if row in output.row_problems] == [0, 1]
    assert output.problems()[0] == "it has no part"
    assert output.problems()[1].startswith("part 2 of 'turn' has no finite value")
    assert "; part 1 of 'x' has no finite value" in output.problems()[1]
