"""References from numbers, lists, mappings, JSON and damaged text."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest

from herokit.types import Status
from herokit_math import MathVerifier
from herokit_math.references import InvalidReferenceError, is_damaged, repair_commands, to_reference_text


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (42, "42"), (-3, "-3"), (0.5, "0.5"), (3.0, "3"), (1e-07, "0.0000001"), (1e22, "10000000000000000000000"), (Fraction(1, 3), "1/3"), (Decimal("1.50"), "1.50"),
        (True, "True"), ("x+1", "x+1"), ("[1, 2]", "[1, 2]"), ('{"a": 1}x', '{"a": 1}x'), ([2, 3], "2, 3"), (("a", 0.5), "a, 0.5"), ([[1, 2], [3, 4]], "(1, 2), (3, 4)"),
        (["1, 2", "3"], "1, 2; 3"), (["(1, 2)", "3"], "(1, 2), 3"), (["5"], "5"), ({"target": 7}, "7"), ({"answer": ["2", 3], "id": 9}, "2, 3"), ('["2", "3"]', "2, 3"), ('{"target": "1/2"}', "1/2"),
        ({"ground_truth": {"target": [1]}}, "1"), (1e300, "1E+300"),
    ],
)  # fmt: skip
def test_to_reference_text_writes_native_references(reference, text):
    assert to_reference_text(reference) == text


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (None, "missing"), (math.nan, "nan"), (math.inf, "inf"), ("", "empty"), ("  ", "empty"), ([], "list of 0"), ([1] * 65, "list of 65"), ({}, "0 of the keys"), ({"x": 1}, "0 of the keys"),
        ({"target": 1, "answer": 2}, "2 of the keys"), (b"5", "type bytes"), (object(), "type object"), ([None], "missing"), ([[[1]]], "type list"), ({"target": None}, "0 of the keys"), ([{"a": 1}], "type dict"),
        ('[""]', "empty"),
    ],
)  # fmt: skip
def test_to_reference_text_rejects_what_cannot_be_compared(reference, message):
    with pytest.raises(InvalidReferenceError, match=message):
        to_reference_text(reference)


@pytest.mark.parametrize(
    "command",
    [
        r"\frac{1}{3}",
        r"\text{x}",
        r"\times 3",
        r"\beta",
        r"\begin{x}",
        r"\alpha",
        r"\vec{v}",
        r"\rho",
        r"\neq 3",
        r"\rangle",
        r"\binom{3}{2}",
        r"\tan x",
    ],
)
def test_repair_commands_restores_commands_that_an_escape_damaged(command):
    damaged = command.encode().decode("unicode_escape")
    assert damaged != command
    assert repair_commands(damaged) == command


@pytest.mark.parametrize(
    "text", ["a\tb", "a\nnew line", "x\trow", "fraction", r"\frac{1}{2}", "frac", "x_text{a}", "1\r\n2"]
)
def test_repair_commands_leaves_other_text_alone(text):
    assert repair_commands(text) == (text if text != "x_text{a}" else r"x_\text{a}")


@pytest.mark.parametrize("reference", ["\x0coo{1}{3}", "\x00", "3\x07", "7 \ufffd"])
def test_compare_fails_on_a_damaged_reference(reference):
    assert is_damaged(reference)
    with MathVerifier(max_workers=1) as verifier:
        (verdict,) = verifier.compare([(reference, "3")])
    assert (verdict.value, verdict.status) == (None, Status.FAILED)
    assert "damaged" in verdict.reason
