"""References from numbers, lists, mappings, JSON and damaged text."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest

from herokit.types import Status
from herokit_math import MathVerifier, Policy
from herokit_math.references import InvalidReferenceError, is_damaged, repair_commands, to_reference_text
from herokit_math.verdicts import OpenPair, make_comparer


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (42, "42"), (-3, "-3"), (0.5, "0.5"), (3.0, "3"), (1e-07, "0.0000001"), (1e22, "10000000000000000000000"), (Fraction(1, 3), "1/3"), (Decimal("1.50"), "1.50"),
        (True, "True"), ("x+1", "x+1"), ("[1, 2]", "[1, 2]"), ('{"a": 1}x', '{"a": 1}x'), ([2, 3], "2, 3"), (("a", 0.5), "a, 0.5"), ([[1, 2], [3, 4]], "(1, 2), (3, 4)"),
        (["1, 2", "3"], "1, 2; 3"), (["(1, 2)", "3"], "(1, 2), 3"), (["5"], "5"), ({"target": 7}, "7"), ({"answer": ["2", 3], "id": 9}, "2, 3"), ('["2", "3"]', "2, 3"), ('{"target": "1/2"}', "1/2"),
        ("['2', 3]", "2, 3"), (r"['\\frac{1}{2}']", r"\frac{1}{2}"), ("[ '2' ]", "2"), ("{'answer': '2'}", "2"), ("['2'", "['2'"), ("['" * 2_000, "['" * 2_000), ("{'a', 'b'}", "{'a', 'b'}"), ("['2' '3']", "['2' '3']"),
        ({"ground_truth": {"target": [1]}}, "1"), (1e300, "1E+300"), (1e30, "1E+30"), ([1] * 64, ", ".join("1" * 64)), (-1e30, "-1E+30"), (1e29, "1" + "0" * 29),
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


@pytest.mark.parametrize(("reference", "problem"), [
    ("4+0^0", "a power of zero"), (r"0^{-2}", "a power of zero"), ("0^{-0.5}", "a power of zero"), (r"(x-x)^0", "a power of zero"), (r"\frac{1}{0}", "a division by zero"), ("1/(2-2)", "a division by zero"), (r"\frac{x}{x-x}", "a division by zero"), (r"\frac{1}{\sin\pi}", "a division by zero"),
    (r"\infty-\infty", "infinity minus infinity"), (r"x+2\infty-\frac{\infty}{3}", "infinity minus infinity"), (r"\infty+(-2)\infty", "infinity minus infinity"), (r"(-2)(-3)\infty-\infty", "infinity minus infinity"), (r"(-1)(-2)(-3)\infty+\infty", "infinity minus infinity"), (r"0\cdot\infty", "zero times infinity"), (r"\frac{\infty}{-\infty}", "infinity divided by infinity"), (r"\infty^0", "infinity to the power of zero"), (r"1^\infty", "one to the power of infinity"),
    (r"\ln 0", "a logarithm of zero"), (r"\log(1-1)", "a logarithm of zero"), (r"\log_2(1-1)", "a logarithm of zero, or to base zero or one"), (r"\log_0 5", "a logarithm of zero, or to base zero or one"), (r"\log_1 5", "a logarithm of zero, or to base zero or one"), (r"\tan\frac{\pi}{2}", "a pole of tan"), (r"\tan 270^\circ", "a pole of tan"), (r"\sec\frac{\pi}{2}", "a pole of sec"), (r"\cot 0", "a pole of cot"), (r"\csc\pi", "a pole of csc"), (r"\coth 0", "a pole of coth"),
    (r"5\bmod 0", "a remainder modulo zero"), ("(-1)!", "the factorial of a negative integer"), (r"(1-3)!", "the factorial of a negative integer"), (r"\sum_{k=0}^{3}\frac1k", "a division by zero"), (r"\sum_{k=-1}^{3}k!", "the factorial of a negative integer"), (r"\sin\infty", "sin of infinity"),
    (r"x=\frac10", "a division by zero"), (r"\frac10\text{ cm}", "a division by zero"), (r"\frac10\%", "a division by zero"), (r"(1, \frac10)", "a division by zero"), (r"[0, 1/0)", "a division by zero"), ("x < 1/0", "a division by zero"), (r"\pm\frac10", "a division by zero"), (r"\begin{pmatrix}1\\1/0\end{pmatrix}", "a division by zero"),
    (r"x=1 \text{ or } x=1/0", "a division by zero"), ("1/0:2", "a division by zero"), (r"x\equiv 1/0\pmod 7", "a division by zero"), (r"\begin{cases}1/0 & x>0\\1 & x<0\end{cases}", "a division by zero"), (r"We get \boxed{\frac10}", "a division by zero"),
])  # fmt: skip
def test_compare_fails_on_a_reference_without_a_value(reference, problem):
    compare = make_comparer(Policy())
    verdicts = [compare(reference, answer, "box") for answer in (reference, "5", r"\infty", r"\frac{1}{0}")]
    assert {(v.value, v.status) for v in verdicts} == {(None, Status.FAILED)}
    assert {v.reason for v in verdicts} == {f"the reference has no value: {problem}"}


def test_compare_fails_on_a_reference_that_has_no_value_for_sympy():
    with MathVerifier(max_workers=1) as verifier:
        (verdict,) = verifier.compare([(r"\lim_{x\to\infty}\sin x", "5")])
    assert (verdict.value, verdict.status) == (None, Status.FAILED)
    assert "no definite value" in verdict.reason


@pytest.mark.parametrize("reference", [
    r"\infty", r"-\infty", r"+\infty", r"\pm\infty", r"(0,\infty)", r"(-\infty, 0)\cup(1, \infty)", r"\infty+\infty", r"\infty+1", r"2\infty", r"-\infty-\infty", r"\frac{1}{\infty}", r"\infty-x", "undefined", r"\text{undefined}", "does not exist", r"\text{DNE}", "no solution", "indeterminate", "1/0 (undefined)", r"\frac{1}{0}\text{ is undefined}", "1/0 = undefined", r"1/0, \text{undefined}",
    "0^5", "0!", r"\frac01", "x^0", r"2^{-3}", r"2^0", r"0^x", r"\frac{x}{y}", r"\ln x", r"\log_2 1", r"\tan\frac{\pi}{4}", r"\tan x", r"\cot x", r"x\bmod 2", r"(\frac12)!", r"(-\frac12)!", "n!", r"\sqrt{-1}", r"\arcsin 2", "0:5", "5:0", r"0\cdot x", r"\sum_{k=1}^{3}\frac1k", r"\sum_{k=1}^n\frac1k", "1^x", r"\frac{1}{10^{-30}}",
])  # fmt: skip
def test_compare_judges_by_references_that_have_a_value_or_are_words(reference):
    compare = make_comparer(Policy())
    same, other = (compare(reference, answer, "box") for answer in (reference, "17"))
    assert (same.value, same.status) == (1.0, Status.JUDGED)
    assert isinstance(other, OpenPair) or (other.value, other.status) == (0.0, Status.JUDGED)
