r"""What several members make: unions, intersections, differences, matrices; and numbers with scales, units and bases."""

import pytest

from herokit_math import Policy
from herokit_math.answers import Collection, Interval, Quantity, Region, Text
from herokit_math.expression import UnsupportedError
from herokit_math.lexer import tokenize
from herokit_math.limits import MAX_ITEMS, LimitError
from herokit_math.lists import combine_items, parse_matrix, to_region
from herokit_math.parser import parse_answer
from herokit_math.quantities import parse_based_numeral, parse_mixed_units, parse_quantity
from herokit_math.tiers import decide_equivalence

SAME = {
    "inequalities": [
        (r"x > 1 \text{ and } x < 3", "(1, 3)"), (r"x < 1 \text{ or } x > 3", r"(-\infty, 1) \cup (3, \infty)"), ("x < 1, x > 3", r"(-\infty, 1) \cup (3, \infty)"), (r"x\in\mathbb{R}, x > 2", "x > 2"), (r"\mathbb{R}, \mathbb{R}", r"\mathbb{R}"),
    ],
    "unions": [
        (r"[1,2] \text{ or } [3,4]", r"[1,2]\cup[3,4]"), (r"(1,2)\cup(3,4)", r"1<x<2 \text{ or } 3<x<4"), (r"[1,2]\cup\{5\}", r"\{5\}\cup[1,2]"), (r"[1,2] \text{ or } \{5, 6\}", r"[1,2]\cup\{5\}\cup\{6\}"),
    ],
    "differences": [
        (r"[0,5]\setminus\{1\}", r"[0,1)\cup(1,5]"), (r"[0,5]\setminus[1,2)", r"[0,1)\cup[2,5]"), (r"[0,5]\setminus(1,2]", r"[0,1]\cup(2,5]"), (r"\mathbb{R}\setminus(-\infty,2]", r"(2,\infty)"), (r"\mathbb{R}\setminus[2,\infty)", r"(-\infty,2)"), (r"\mathbb{R}\setminus\{1,2\}", r"(-\infty,1)\cup(1,2)\cup(2,\infty)"),
    ],
    "groups": [("p=5, q=2, p=7, q=3", "(5,2), (7,3)"), ("p=5, q=2, p=7, q=3", "p=7, q=3, p=5, q=2")],
    "matrices": [
        (r"(\begin{pmatrix}1\\2\end{pmatrix})", r"\begin{bmatrix}1\\2\end{bmatrix}"), (r"\begin{array}{cc}1&2\end{array}", r"\begin{pmatrix}1&2\end{pmatrix}"), (r"\left[\begin{array}{c}1\\2\end{array}\right]", r"\begin{pmatrix}1\\2\end{pmatrix}"), (r"\begin{array}1&2\end{array}", r"\begin{pmatrix}1&2\end{pmatrix}"),
    ],
    "scales": [("5000000000", "5B"), ("2500000", "2.5M"), ("-3000", "-3k"), ("7000", "7K")],
    "units": [
        ("1002.034 m", "1 km 2 m 3 cm 4 mm"), ("66 inches", "5 ft 6 in"), ("5 m", "5 (meters)"), ("5 cm", "5{cm}"), ("5 m/s^2", "5 m s^{-2}"), (r"5\text{ kg m}^2/\text{s}", r"5\text{ kg m}^{2}/\text{s}"), (r"5\text{ s}^{-1}\text{ m}", r"5\text{ m}/\text{s}"), ("50%", "fifty percent"), ("-90 degrees", r"-90^\circ"),
        ("3 J/(kg K)", r"3 \text{ J}/(\text{kg K})"), ("5000000", "five million"), ("2", "2 radians"), ("20 degrees Celsius", r"20^\circ\text{C}"),
    ],
    "bases": [("12_3", "(12)_3"), ("12_3", "012_{three}"), ("FF_{16}", "ff_{16}"), ("ZZ_{36}", "zz_{36}")],
}  # fmt: skip
DIFFERENT = {
    "inequalities": [(r"x > 1 \text{ and } x < 3", r"x > 1 \text{ or } x < 3"), ("x > 1, y > 2", "x > 1, x > 2"), (r"\mathbb{R}\text{ or }x>2", "x>2"), ("x>1, y<2", "x>1")],
    "unions": [(r"[1,2]\cup[3,4]", "[1,2]"), (r"[1,2]\cup\{5\}", r"[1,2]\cup\{6\}"), (r"(1,2)\cup(3,4)", r"[1,2]\cup[3,4]")],
    "differences": [(r"[0,5]\setminus\{1\}", "[0,5]"), (r"[0,5]\setminus[1,2)", r"[0,1]\cup(2,5]"), (r"[0,5]\setminus(1,2]", r"[0,1)\cup[2,5]")],
    "groups": [("p=5, q=2, p=7, q=3", "p=5, q=3, p=7, q=2")],
    "scales": [("5000000000", "5 B"), ("2500000", "25M"), ("3000000", "3k"), ("5000000001", "5B")],
    "units": [("5 ft 6 in", "6 ft 5 in"), ("5 m/s^2", "5 m/s"), ("20 degrees Celsius", "20 degrees Fahrenheit"), (r"\frac{\pi}{9}", "20 degrees Celsius")],
    "bases": [("12_3", "12_4"), ("12_3", "21_3"), ("120_3", "12_3")],
}  # fmt: skip


def pairs(table):
    return [pair for some in table.values() for pair in some]


@pytest.mark.parametrize(("reference", "answer"), pairs(SAME))
def test_lists_and_quantities_with_the_same_meaning_are_equal(reference, answer):
    assert decide_equivalence(reference, answer, Policy()).equal is True
    assert decide_equivalence(answer, reference, Policy()).equal is True


@pytest.mark.parametrize(("reference", "answer"), pairs(DIFFERENT))
def test_lists_and_quantities_with_another_meaning_are_different(reference, answer):
    assert not decide_equivalence(reference, answer, Policy()).equal
    assert not decide_equivalence(answer, reference, Policy()).equal


def test_combine_items_keeps_what_is_no_union_as_a_list():
    one, two = parse_answer("[1, 2]"), parse_answer("[3, 4]")
    assert combine_items([one, two], set()) == Collection((one, two))
    assert isinstance(combine_items([one, two], {"or"}), Region)
    word = parse_answer("Monday")
    assert combine_items([one, word], {"or"}) == Collection((one, word))
    assert combine_items([one, word], {"cup"}) == Collection((one, word))
    assert combine_items([word, word], {"cup"}) == Collection((word, word))
    number = parse_answer("5")
    assert combine_items([number, number], {"cup"}) == Collection((number, number))
    assert combine_items([parse_answer("x>1"), word], set()) == Collection((parse_answer("x>1"), word))


def test_lists_and_matrices_have_at_most_their_limit_of_members():
    number = parse_answer("5")
    assert len(combine_items([number] * MAX_ITEMS, set()).items) == MAX_ITEMS
    with pytest.raises(LimitError):
        combine_items([number] * (MAX_ITEMS + 1), set())
    rows = [tokenize("1 & 2 & 3 & 4")] * (MAX_ITEMS // 4)
    assert len(parse_matrix(rows, parse_entry).rows) == MAX_ITEMS // 4
    with pytest.raises(LimitError):
        parse_matrix([*rows, tokenize("1")], parse_entry)
    assert len(parse_matrix([*rows, []], parse_entry).rows) == MAX_ITEMS // 4  # an empty row is none


def parse_entry(tokens):
    return parse_quantity(tokens)


def test_to_region_takes_pairs_points_and_sets_of_numbers():
    assert to_region(parse_answer("(1, 2)")).parts == (Interval(*ends("1", "2"), closed_low=False, closed_high=False),)
    assert len(to_region(parse_answer(r"\{1, 2\}")).parts) == 2
    assert to_region(parse_answer("x = (1, 2)")) == to_region(parse_answer("(1, 2)"))
    for text in ("(1, 2, 3)", "1, 2", "Monday", r"\{1, Monday\}", "((1, 2), 3)"):
        assert to_region(parse_answer(text)) is None
    assert parse_answer(r"[0,5]\setminus[0,5]") == Region(())
    with pytest.raises(UnsupportedError):
        parse_answer(r"[0,1]\cup[2,3]\setminus\{1\}")
    assert isinstance(parse_answer(r"[0,1]\setminus\text{Monday}"), Text)


def ends(*texts):
    return [parse_answer(text).node for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        r"\begin{pmatrix}1&2\end{pmatrix", r"\begin{pmatrix}1&2", r"\begin 1", r"(\begin{pmatrix}1\end{pmatrix}", r"(\begin{pmatrix}1\end{pmatrix}}", r"\begin{array}", r"\begin{array}{cc}",
    ],
)  # fmt: skip
def test_a_broken_environment_is_no_matrix(text):
    with pytest.raises(UnsupportedError):
        parse_answer(text)


@pytest.mark.parametrize(
    ("text", "is_mixed"),
    [
        ("5 ft 6 in", True), ("5 ft and 6 in", True), ("1 h 2 min 3 s", True), ("1 km 2 m 3 cm 4 mm", True), ("5 ft", False), ("6 in 5 ft", False), ("5 ft 6 ft", False), ("5 ft 6 kg", False), ("5 ft 6", False),
        ("x ft 6 in", False), ("5 ft x in", False), ("1 h 2 min 3 s 4", False), ("1 km 2 m 3 dm 4 cm 5 mm", False), ("5 apples 6 pears", False), ("", False),
    ],
)  # fmt: skip
def test_mixed_units_are_descending_units_of_one_dimension(text, is_mixed):
    assert (parse_mixed_units(tokenize(text)) is not None) is is_mixed


@pytest.mark.parametrize(
    ("text", "numeral"),
    [
        ("12_3", ("12", 3)), ("12_{36}", ("12", 36)), ("12_{37}", None), ("12_1", ("12", 1)), ("1_0", None), ("12_2", ("12", 2)), ("(12)_3", ("12", 3)), ("0012_3", ("12", 3)), ("0_3", ("0", 3)), ("12_{five}", ("12", 5)), ("12_{x}", None),
        ("ff_{16}", ("FF", 16)), ("ff_{10}", None), ("ab_{11}", ("AB", 11)), ("a_2", ("a", 2)), ("_3", None), ("12", None), ("1.2_3", None), ("1+2_3", None), ("12_{" + "1" * 400 + "}", None), ("12_{3}x", None), ("(12_3", None),
    ],
)  # fmt: skip
def test_numerals_have_a_base_from_2_to_36_or_are_tallies(text, numeral):
    assert parse_based_numeral(tokenize(text)) == numeral


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5B", 10**9), ("5M", 10**6), ("5k", 1000), ("5K", 1000), ("-5k", 1000), ("5 k", 1), ("x5k", 1), ("k", 1), ("5kk", 1), ("+5k", 1), ("5", 1),
    ],
)  # fmt: skip
def test_a_letter_that_touches_the_number_is_its_scale(text, expected):
    assert parse_quantity(tokenize(text)).scale == expected


def test_words_after_a_number_are_at_most_eight():
    assert isinstance(parse_answer("5" + " cm" * 8), Quantity)
    assert isinstance(parse_answer("5" + " cm" * 9), Text)
    assert isinstance(parse_answer(r"\sqrt{3 cm}"), Text)  # an argument has no unit
