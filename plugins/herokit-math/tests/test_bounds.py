# ruff: noqa: RUF001 - ambiguous characters are intended
"""Bounds and branches that a verdict depends on: lengths, counts of words, places, labels, units, ends of lists."""

from collections import Counter
from itertools import product

import pytest

from herokit.types import Status
from herokit_math import Policy
from herokit_math.answers import Choice, Collection, Interval, Matrix, Quantity, Region, Text
from herokit_math.boxes import find_last_boxed
from herokit_math.choices import find_chosen_letter, parse_choice
from herokit_math.compare import Comparison
from herokit_math.expression import UnsupportedError
from herokit_math.extract import find_candidates, find_marked_answer, find_plain_answer
from herokit_math.lexer import tokenize
from herokit_math.limits import MAX_ANSWER_CHARS, MAX_ITEMS, LimitError
from herokit_math.lists import to_region
from herokit_math.normalize import normalize_text
from herokit_math.parser import parse_answer
from herokit_math.quantities import parse_quantity
from herokit_math.tiers import decide_equivalence, decide_plain_numbers, extract_reference, parse_plain_number
from herokit_math.tree import Num, Sym
from herokit_math.verdicts import judge, make_comparer, undecided_verdict


def decide(reference, answer, policy=None):
    return decide_equivalence(extract_reference(reference), answer, policy or Policy())


@pytest.mark.parametrize(("text", "number"), [
    ("1200", (1200, 0)), ("1,200", (1200, 0)), ("$1,200.50", (120050, 2)), ("-3.50", (-350, 2)), ("+7", (7, 0)), ("0.05", (5, 2)), ("007", (7, 0)), ("9" * 40, (int("9" * 40), 0)), ("9" * 41, None),
    ("1,20", None), ("01,200", None), ("1,200,00", None), ("1.", None), (".5", None), ("1e3", None), ("7 ", (7, 0)), ("", None), ("--7", None), ("$ 7", None),
])  # fmt: skip
def test_parse_plain_number_returns_digits_and_places(text, number):
    assert parse_plain_number(text) == number


@pytest.mark.parametrize(("reference", "answer", "equal", "reason"), [
    ("1.5", "1.50", True, "equal numbers"), ("1.50", "1.5", True, "equal numbers"), ("12", "12.00", True, "equal numbers"), ("12", "1,200", False, "different numbers"), ("12", "12.5", False, "different numbers"),
    ("12", "12.00001", False, "different numbers"), ("3.25", "3.250", True, "equal numbers"), ("3.25", "32.5", False, None), ("100", "100.0000000001", True, None), ("0", "0.0000000001", False, "different numbers"),
])  # fmt: skip
def test_decide_equivalence_compares_plain_numbers_without_the_parser(reference, answer, equal, reason):
    decision = decide(reference, answer)
    assert decision.equal is equal
    assert reason is None or decision.reason == reason


@pytest.mark.parametrize(("reference", "answer", "equal"), [
    ("1", "1.0000000009", None), ("1", "1.000000001", False), ("1", "1.0000000011", False), ("1", "1.0001", False), ("2.5", "2.50001", None), ("10000000000", "10000000001.00000", False), ("1.5", "2", None), ("2.5", "2.4", None), ("1.5", "1.5000", True),
])  # fmt: skip
def test_decide_plain_numbers_leaves_roundings_and_errors_of_floats_to_the_parser(reference, answer, equal):
    decision = decide_plain_numbers(reference, answer)
    assert (decision and decision.equal) is equal


def test_decide_equivalence_names_tier_and_reason():
    assert decide("x+1", "x^2").tier != "undecided"
    assert decide("1", "1" * (MAX_ANSWER_CHARS + 1))[:2] == (None, "limits")
    assert decide("1" * (MAX_ANSWER_CHARS + 1), "1").reference_readable is False
    assert decide("1", "x" * MAX_ANSWER_CHARS).tier != "limits"
    assert decide("x", "_ _").answer_readable is False
    assert decide(r"\$5", "€5").reason == "different currencies"
    assert decide(r"\foo{1}", "2")[:2] == (None, "parser")
    assert decide("2", r"\foo{1}").answer_readable is False
    assert decide("5 if n is odd", "5 if n is even").reason == "different conditions"
    assert decide("Monday", "monday", Policy(case="strict")).reason == "upper and lower case"
    assert decide("monday", "monday", Policy(case="strict")).equal is True
    ignore = Policy(constant="ignore")
    assert decide("x^2+C", "x^2", ignore).equal is True
    assert decide("x^2+x+C", "x^2+x", ignore).equal is True
    assert decide("x^2+x+C", "x^2", ignore).equal is False


@pytest.mark.parametrize(("reference", "answer"), [
    (r"We get \boxed{7}.", "7"), ("x\n#### 12", "12"), ("The answer is 5.", "5"), ("<answer>8</answer>", "8"), ("A: 9", "9"), ("so she has 3 apples left", "so she has 3 apples left"), ("It is 5 and 6", "It is 5 and 6"), (r"\boxed{7", "7"), ("1,200", "1,200"),
])  # fmt: skip
def test_extract_reference_takes_what_is_marked_and_else_all(reference, answer):
    assert extract_reference(reference) == answer


@pytest.mark.parametrize(("gap", "is_joined"), [
    (" and ", True), (", ", True), (" one two three four five, ", True), (" one two three four five six, ", False), (" one two and three four five ", True), (" one two and three four five six ", False), (", and ", True), (", or ", True), (" and or ", False), (" $ ", True),
    (" ; ", True), (r" \text{ and } ", True), (" x " * 20 + ", ", False), (" and" + " " * 56, True), (" and" + " " * 57, False), (" and so ", False), (" wait, ", False), ("， ", True), (" и ", True),
])  # fmt: skip
def test_find_last_boxed_joins_boxes_with_one_connector_and_few_words(gap, is_joined):
    assert find_last_boxed(rf"\boxed{{1}}{gap}\boxed{{2}}") == ("1, 2" if is_joined else "2")


def test_find_last_boxed_reads_nested_unclosed_bare_and_blank_boxes():
    assert find_last_boxed(r"\boxed{\boxed{\boxed{\boxed{\boxed{5}}}}}") == "5"
    assert find_last_boxed(r"\boxed{1} and \boxed{\boxed{2}}") == "1, 2"
    assert find_last_boxed(r"\boxed{1} and \boxed{1}") == "1"
    assert find_last_boxed(r"\boxed{a\}b} text}") == r"a\}b"
    assert find_last_boxed(r"\boxed{\{1\}}") == r"\{1\}"
    assert find_last_boxed("\\boxed{7$.\nso") == "7"
    assert find_last_boxed(r"\boxed{7 ", unclosed=True) == "7"
    assert find_last_boxed(r"\fbox 7 $x$") == "7"
    assert find_last_boxed(r"\boxed " + "7" * 60) == "7" * 40
    assert find_last_boxed(r"\boxed{1} and \boxed{ ? }") == ""
    assert find_last_boxed(r"\boxed{\text{ }}") == ""
    assert find_last_boxed(r"\boxed{\phantom{8}}") == ""
    assert find_last_boxed(r"\boxed{1}" + ", " * 3 + r"\boxed{2}") == "2"
    assert find_last_boxed(r"\boxed{1}" + "." * 1100 + r"\boxed{2}") == "2"
    assert find_last_boxed(r"\boxed{1} and \boxed{2}" + "." * 3000) == "1, 2"
    assert find_last_boxed(", ".join(rf"\boxed{{{k}}}" for k in range(40))) == ", ".join(map(str, range(8, 40)))


@pytest.mark.parametrize(("text", "choice"), [
    ("B", ("B", "")), ("(B)", ("B", "")), ("( B )", ("B", "")), ("B.", ("B", "")), ("B: 12", ("B", "12")), ("B) x + 1", ("B", "x + 1")), ("(B) 12", ("B", "12")), ("Option B", ("B", "")), ("option b", ("B", "")), ("choice: (c) 5", ("C", "5")), (r"\text{(B)}", ("B", "")),
    (r"\mathbf{\text{B}}", ("B", "")), ("B Alina", ("B", "Alina")), ("(B) one\ntwo", ("B", "one\ntwo")), ("Option D: one\ntwo", ("D", "one\ntwo")), ("(J)", ("J", "")), ("(B) the point (B) itself", ("B", "the point (B) itself")), ("(A) f(x)", ("A", "f(x)")),
    ("K", None), ("B + 1", None), ("B=1", None), ("B^2", None), ("(B)^2", None), ("(B)=1", None), ("(B)+1", None), ("(B)*2", None), ("(B)/2", None), ("(B)_1", None), ("B, C", None), ("B and C", None), ("(B)(C)", None), ("(B) and (C)", None), ("B: C: D:", None),
    ("B-1", None), ("B. -1", None), ("B: +1", None), ("B < 3", None), ("B & C", None), ("B. (1,2)", None), ("(B) -1", ("B", "-1")), (r"\text{B} -1", ("B", "-1")), ("(A) 1 (B) 2", None), ("(B) 2 (A) 1", None), ("(C) Both (A) and (B)", ("C", "Both (A) and (B)")), ("A) 1, B) 2", None), ("A. 1; C. 2", None), ("", None), ("AB", None), ("b", None), ("(B) " + "x" * 247, None), ("B(1, 2)", None),
])  # fmt: skip
def test_parse_choice_reads_one_option(text, choice):
    assert parse_choice(text) == (Choice(*choice) if choice else None)


def test_parse_choice_has_a_limit_of_length():
    assert parse_choice("(B) " + "x" * 200) == Choice("B", "x" * 200)
    assert parse_choice("B " + " " * 248) == Choice("B", "")
    assert parse_choice("B " + " " * 249) is None


@pytest.mark.parametrize(("response", "letter"), [
    ("The answer is B.", "B"), ("answer: (C)", "C"), ("I first thought the answer is A. The correct option is D", "D"), ("B, because it is odd", "B"), ("(E) it is", "E"), ("*C*", "C"), ("The answer is A or B", None), ("the answer is B and C", None), ("It is B's", None), ("But why", None),
    ("the answer is A/B", None), ("it's C", "C"), ("The answer is B." + " x" * 990, "B"), ("The answer is B." + " x" * 1000, None), ("答案是D", "D"), ("A's are odd", None), ("Ab", None), ("The answer is A. B is wrong.", "A"), ("The answer is A because B is wrong.", "A"), ("Option (B) is wrong.", None), ("I choose B, since A is wrong.", "B"), ("I won't choose B.", None),
])  # fmt: skip
def test_find_chosen_letter_takes_the_last_choice(response, letter):
    assert find_chosen_letter(response) == letter


@pytest.mark.parametrize(("reference", "answer", "equal"), [
    ("0.005 mm", "5 µm", True), ("5 micrometers", r"5\ \mu\text{m}", True), ("5 micrometers", r"5\,\text{μm}", True), ("5 micrograms", "5 μg", True), ("5 micrograms", "5 mg", False), ("5 microliters", r"5 \text{ µL}", True), ("5 microseconds", "5µs", True), ("5 meters", "5 µm", False), (r"5\mu", r"5\mu", True),
    ("-5", "minus 5", True), ("-5", "negative 5", True), ("-5", "Negative 5", True), (r"-\frac12", r"negative \frac12", True), ("5", "minus 5", False), ("-2", "minus (2)", True), ("3", "terminus 3", None), ("[1,3)", "[1,3[", True), ("(1,3]", "]1;3]", True), ("[1,3]", "[1,3[", False),
    ("1200", "1{,}200", True), ("1200", r"1\,200", True), ("1234567", "1.234.567", True), ("7", "**7**", True), ("7", "'7'", True), ("7", "7<|im_end|>", True), ("12 dollars", "12 $", True), ("3", "7'nin", False), ("7", "7'nin", True),
    ("66 inches", "x = 5 ft 6 in", True), ("66 inches", "x = 5 ft 5 in", False), ("5 ft 6 in", "5 ft and 6 in", True), ("1 h 30 min", "30 min 1 h", False), ("90 s", "1 min 30 s", True), ("3723 s", "1 h 2 min 3 s", True), ("1.5 h", "1 h 30 kg", False),
    ("3 J/(kg K)", r"3\ \mathrm{J\,kg^{-1}\,K^{-1}}", True), ("3 J/(kg K)", "3 J/kg", False), ("3 J/(kg K)", "3 J", False), ("5 m", "5 (meters)", True), ("7 m", "3 m 4 m", False), ("5 km north", "5 km south", False), ("1A_{11}", "1a_{11}", True), ("5 m^2", r"5\ \mathrm{m^2\,kg}", False), ("-5 m", "5 meters", False), ("-5 m", "-5 meters", True), ("-500 cm", "-5 m", True), ("500 cm", "-5 m", False), ("5 m", r"5\,\mathrm{cm}", False), ("500 cm", "5{m}", True), ("4 m/s", r"4 \text{ meters per second}", True), ("4 m/s", "4 m s", False),
    ("30%", "thirty percent", True), ("30%", "30 pct", True), ("45 degrees", r"45^\circ", True), ("-45 degrees", r"-45^\circ", True), ("-5%", r"-5\%", True), ("20 degrees Celsius", "20 degrees Fahrenheit", False), ("70000", "70K", True), ("70000", "70 K", False), ("5000000", "5M", True), ("-7000", "-7k", True),
    ("about 5", "5", True), ("5", "exactly 5", True), ("6", "5 or so", False), ("21_3", "21_4", False), ("21_3", "(21)_3", True), ("FF_{16}", "ff_{16}", True), ("11_1", "11_1", True), ("021_3", "21_3", True), ("3 million", "3000000", True), ("3 million", "3000", False),
])  # fmt: skip
def test_decide_equivalence_reads_spellings(reference, answer, equal):
    assert decide(reference, answer).equal in ((False, None) if equal is None else (equal,))


@pytest.mark.parametrize(("reference", "answer", "equal"), [
    ("Alice and Bob", "Bob and Alice", True), ("Alice and Bob", "Alice or Bob", False), ("Alice or Bob", "Alice and Bob", False), (r"\text{red, blue}", r"\text{blue, red}", True), ("x>2, y<3", "y<3, x>2", True), ("x>2, y<3", "x<3, y>2", False), ("x>2, y<3", "y>2, x<3", False),
    ("4:30 pm", "16:30", True), ("16:30", "4:30 pm", True), ("4:30 am", "16:30", False), ("1:15 pm", "13:15", True), ("13:15", "1:15 pm", True), ("1:15 am", "13:15", False), ("1:30:15 pm", "13:30:15", True), ("1:30:15 pm", "13:30:16", False), ("1:02:03", "1:02:04", False), ("12:15 pm", "0:15", False), ("A = (1, 2)", "(x, y) = (1, 2)", True), ("(x, y, z) = (1, 2, 3)", "(z, y, x) = (3, 2, 1)", True), ("(x, y, z) = (1, 2, 3)", "(z, y, x) = (1, 2, 3)", False), ("12:15 am", "0:15", True), ("12:15 pm", "12:15", True), ("12:15 am", "12:15 pm", False), ("x:30 pm", "16:30", False), ("4:30 pm", "4:30", True), ("16:30", "4:30", False), ("16:31", "4:30 pm", False),
    ("1:2:3", "2:4:6", True), ("1:2:3", "1:2", False), ("12:30", "24:60", False), ("3:4", "0.75", True), ("3:4:5", "0.75", False), ("0.75", "3:4", True), ("4:30 pm", "0.15", False), ("5 red, 3 blue", "3 blue, 5 red", True), ("5 red, 3 blue", "5 blue, 3 red", False),
    ("1, 2, 2", "1, 2", True), ("1, 2", "1, 2, 2", True), ("(1, 2, 2)", "(1, 2)", False), ("1, 2, 3", "1, 2", False), ("A = 1, B = 2", "B = 2, A = 1", True), ("A = 1, B = 2", "A = 2, B = 1", False), ("Ann: 1, Bob: 2", "bob: 2, ann: 1", True), ("x_1 = 1, x_2 = 2", "1, 2", True),
    ("(1, 2)", "[1, 2]", False), ("1, 2", "[1, 2]", True), ("1, 2", "[1, 2)", False), ("[1, 2]", "1, 2", False), ("(x, y) = (1, 2)", "(y, x) = (2, 1)", True), ("(x, y) = (1, 2)", "(y, x) = (1, 2)", False), ("(x, y) = (1, 2)", "x = 1, y = 2", True), ("infinitely many", r"\infty", True), ("infinitely many", "5", False),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)", True), (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\{(1,2)\}", True), (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\{(1,2),(3,4)\}", False), (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}", False), (r"\begin{pmatrix}1\\2\end{pmatrix}", "(2,1)", False), (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "(1,2,3,4)", False), ("1 < x < 2", "x > 1", False), ("a < b < c", "a, b, c", True), ("a < b < c", "c, b, a", False),
    ("101_2", "101", True), ("101", "101_2", False), ("101_2", "110", False), ("C(10,3)", "120", True), ("P(10,3)", "720", True), ("C(10,3)", "(10,3)", True), ("C(10,3)", "121", False), ("f(2) = 3", "f(3) = 3", False), ("f(x) = 3x", "f(t) = 3t", True), ("x_1 = 3", "x_2 = 3", False), ("x_1 = 3", "y_1 = 3", True), ("f(x) = x", "f(t) = x", False), ("f(x) > 2", "g(x) > 2", False), ("f(x) > 2", "2 < f(x)", True),
])  # fmt: skip
def test_decide_equivalence_compares_structures(reference, answer, equal):
    assert decide(reference, answer).equal is equal


def test_comparison_takes_no_family_for_declared_unless_it_is_told():
    residues, line = parse_answer(r"x \equiv 1 \pmod 2"), parse_answer("2x-1")
    assert Comparison(Policy()).equal(line, residues) is False
    assert Comparison(Policy(), has_reference_parameter=True).equal(line, residues) is True
    assert Comparison(Policy()).equal(residues, line) is True


def test_to_region_takes_points_pairs_and_sets_of_numbers():
    one, two = (Quantity(Num(k)) for k in (1, 2))
    pair = Collection((one, two), "(")
    assert to_region(pair) == Region((Interval(one.node, two.node, closed_low=False, closed_high=False),))
    assert to_region(Collection((one, pair), "(")) is None
    assert to_region(Collection((pair, one), "(")) is None
    assert to_region(Collection((one, two, one), "(")) is None
    assert to_region(Collection((one, two), "{")) == Region((one, two))
    assert to_region(Collection((one, pair), "{")) is None
    assert to_region(Collection((one, two))) is None
    assert to_region(Text(("x",))) is None


def test_parse_answer_unites_intervals_points_and_sets():
    union = parse_answer(r"[1,2]\cup 5")
    assert isinstance(union, Region)
    assert len(union.parts) == 2
    assert len(parse_answer(r"[1,2]\cup\{3\}").parts) == 2
    assert isinstance(parse_answer(r"[1,2] \text{ or } [4,5]"), Region)
    assert isinstance(parse_answer(r"[1,2] \text{ or } 5"), Collection)
    assert isinstance(parse_answer(r"1\cup 2"), Collection)
    assert len(parse_answer(r"[0,9]\setminus\{3\}").parts) == 2
    with pytest.raises(UnsupportedError):
        parse_answer(r"\{1,2\}\setminus\{1\}")
    assert [len(item.items) for item in parse_answer("p=1,q=2,p=3,q=4").items] == [2, 2]
    assert len(parse_answer("p=1,q=2,p=3").items) == 3
    assert len(parse_answer("p=1,p=2").items) == 2


def test_parse_answer_stops_at_its_limits():
    row = "&".join(["1"] * MAX_ITEMS)
    assert isinstance(parse_answer(rf"\begin{{pmatrix}}{row}\end{{pmatrix}}"), Matrix)
    with pytest.raises(LimitError):
        parse_answer(rf"\begin{{pmatrix}}{row}\\1\end{{pmatrix}}")
    assert len(parse_answer(", ".join(["1"] * MAX_ITEMS)).items) == MAX_ITEMS
    with pytest.raises(LimitError):
        parse_answer(", ".join(["1"] * (MAX_ITEMS + 1)))
    with pytest.raises(UnsupportedError):
        parse_quantity(tokenize(r"5\text{ aa bb cc dd ee ff gg hh ii}"))
    assert parse_quantity(tokenize(r"5\text{ aa bb cc dd ee ff gg hh}")).node == Num(5)
    assert parse_answer("x").node == Sym("x")


@pytest.mark.parametrize(("completion", "text", "origin"), [
    ("The answer is\n$$7$$\nwhich is odd.", "7", "answer phrase"), ("The answer is \\[7\\] as said.", "7", "answer phrase"), ("The answer is: $$\\frac12$$", r"\frac12", "answer phrase"), ("The answer is", None, "answer phrase"), ("A: 41\nA: 42", "42", "A:"), ("say A: 41", None, None), ("  A: 41  \nso", "41", "A:"), ("A:", None, None), ("x\nA: 7", "7", "A:"),
    ("x" * 299, "x" * 299, "whole text"), ("1" * 300, "1" * 300, "whole text"), (r"\boxed{5}", "5", "box"), (r"it is not \boxed{5}", None, "box"), (r"\boxed{5}. Final answer: 6.", "6", "answer phrase"), (r"\boxed{5}. The final answer is as above, I hope it is correct.", "5", "box"), ("", None, "whole text"), ("box", "box", "whole text"),
    (r"\boxed{}", None, "box"), ("<answer>8</answer>", "8", "answer tag"), (r"<answer>\boxed{8}</answer>", "8", "answer tag"), ("#### 8\nok", "8", "####"),
])  # fmt: skip
def test_find_candidates_takes_the_mark_with_the_highest_precedence(completion, text, origin):
    best = find_candidates(completion)[0]
    assert origin is None or (best.text, best.origin) == (text, origin)


@pytest.mark.parametrize(("text", "line"), [
    ("x\nA: 7", "7"), ("x\nA:7 ", "7"), ("A: 3\nA: A: 7", "A: 7"), ("x\nA: 7\t\r", "7"), ("x" * 19_996 + "\nA:7", "7"),
    ("A: 7", ""), ("x\nA: 7\n", ""), ("x\n A: 7", ""), ("x\nA: 7\nso", ""), ("x\nA:", ""), ("#### 8\nA: 7", ""), ("x" * 19_997 + "\nA:7", ""), ("say A: 7", ""),
])  # fmt: skip
def test_find_plain_answer_finds_what_follows_the_mark_on_the_last_line_only(text, line):
    answer, origin = find_plain_answer(text)
    assert answer == line
    assert origin == "A:" or not line


@pytest.mark.parametrize(("text", "box"), [
    (r"so \boxed{7}.", "7"), (r"$\boxed{ 7 }$", "7"), ("x\nA: 7 \\boxed{8}", "8"), (r"\frac12 = \boxed{\frac{1}{2}}", r"\frac{1}{2}"), ("#### 8 \\boxed{7}", "7"), (r"\boxed{7}" + "x" * 19_991, "7"), (r"5 boxes hold \boxed{7}", "7"), ("\\boxed{7\n so", "7"),
    (r"\boxed{}", ""), (r"\boxed{7", ""), (r"\boxed{\text{?}}", ""), (r"\boxed{6} and \boxed{7}", ""), (r"\fbox{6} \boxed{7}", ""), (r"\boxed{7} in the box", ""), (r"it is not \boxed{7}", ""), (r"not \\boxed{7}", ""), (r"is \\boxed{7}", ""), (r"\boxed{7}. Final answer: 8", ""), (r"\boxed{7}" + "x" * 19_992, ""), (r"\frac12", ""), (r"\boxed 7", ""),
])  # fmt: skip
def test_find_plain_answer_finds_the_only_box(text, box):
    assert find_plain_answer(text) == ((box, "box") if box else ("", ""))


def test_find_plain_answer_finds_nothing_but_the_marked_answer():
    pieces = (
        "\nA:",
        "A:",
        "\n",
        " ",
        "7",
        "x",
        "\r",
        "\\boxed{8}",
        "\\boxed{",
        "}",
        "\\",
        "box",
        "not ",
        "final answer is 5",
        "#",
        "#### 9",
        "\u2028",
        "1,200",
        "a\n A: 5",
    )
    texts = ("".join(parts) for length in range(5) for parts in product(pieces, repeat=length))
    found = {text: answer for text in texts if (answer := find_plain_answer(text))[0]}
    assert Counter(origin for _, origin in found.values()).keys() == {"A:", "box"}
    assert min(Counter(origin for _, origin in found.values()).values()) > 500
    assert all(find_marked_answer(text) == (*answer, "") for text, answer in found.items())


@pytest.mark.parametrize(("reference", "answer", "equal"), [
    ("7", "7", True), ("7", "007", True), ("7", "8", False), ("7" * 40, "7" * 40, True), ("7" * 41, "7" * 41, None), ("7", "7" * 41, None), ("7" * 41, "7", None), ("٧", "7", True), ("7", "²", None), ("", "7", None), ("7.0", "7", True),
])  # fmt: skip
def test_decide_plain_numbers_reads_digits(reference, answer, equal):
    decision = decide_plain_numbers(reference, answer)
    assert (None if decision is None else decision.equal) is equal


def test_find_candidates_searches_as_far_as_its_limits():
    assert find_candidates("1" * 301)[0].origin != "whole text"
    assert find_marked_answer("#### 5\n" + "x" * 19_000).text == "5"
    assert find_marked_answer("#### 5\n" + "x" * 19_993).text == "5"
    assert find_marked_answer("#### 5\n" + "x" * 19_994) is None
    assert find_candidates("It is 5 " + "x" * 292)[0].text == "It is 5 " + "x" * 292
    assert find_candidates("So. It is 5 " + "x" * 289)[0].text == "It is 5 " + "x" * 289
    assert find_candidates("It takes 12 days after " + "so " * 30 + "we say 5")[-1].text == "5"
    assert find_candidates("It takes 12 days after " + "so " * 15 + "we say 5")[-1].text == "12"
    assert find_marked_answer(r"\boxed{5}" + "x" * 30_000).text == "5"
    assert find_marked_answer("<|begin_of_box|>5<|end_of_box|>" + "x" * 30_000).text == "5"
    assert find_marked_answer(r"\boxed{4}, " + "x" * 3_900 + r" \boxed{5}").text == "5"
    assert find_candidates(r"\boxed{4} 5", "boxed")[0].text == "4"
    assert find_candidates("4", "boxed")[0].problem == "no box"
    assert find_candidates("The answer is.")[0].problem == "nothing follows the phrase"
    assert find_candidates("It is between 3 and 5.")[0].text != "3"
    assert (
        find_candidates("She ate 3 or 5 apples, otherwise none, after she left the old house in the far north.")[0].text
        is not None
    )


def test_judge_gives_reasons_and_statuses():
    compare = make_comparer(Policy())
    assert judge("7", "", Policy()).status is Status.UNPARSED
    assert judge("7", "", Policy()).reason == "an empty answer"
    assert compare("x", "_ _", "box").status is Status.UNPARSED
    assert compare("x", "y", "box").status is Status.JUDGED
    assert judge(r"\frac12", r"thus the value \foo{1}", Policy()).answer == r"\foo{1}"
    assert judge(r"\frac12", "thus the values are blah", Policy()).value == 0.0
    assert judge("7", r"\boxed{}", Policy()).status is Status.UNPARSED
    assert compare("a\x0c\x00b", "7", "box").status is Status.FAILED
    assert compare("7", "1" * 5000, "box").status is Status.UNPARSED
    assert compare(r"\int_0^1 x dx", "9^{9^{9^9}}", "box").value == 0.0
    decision = decide("7", r"\foo{1}")
    assert undecided_verdict(decision, "r", "a", "box", sympy_reads_reference=False).status is Status.UNPARSED
    unreadable = decide(r"\foo{1}", "7")
    assert undecided_verdict(unreadable, "r", "a", "box", sympy_reads_reference=False).status is Status.FAILED
    assert undecided_verdict(unreadable, "r", "a", "box", sympy_reads_reference=True).status is Status.JUDGED
    assert judge("B", "I think it is B", Policy()).origin == "chosen option"
    assert judge("even", "even", Policy()).value == 1.0


@pytest.mark.parametrize(("text", "normal"), [
    (r"\left( 1\,004 \right)", "( 1004 )"), (r"\$5", "5"), ("5\\%", "5%"), (r"\lbrace 1\rbrace", r"\{ 1\}"), ("a\\\\frac12", r"a\frac12"), ("2 x 10^3", "2*10^3"), ("7_000", "7000"), (" 7. ", "7"), ("“7”", "7"), ("1.234.567", "1234567"), ("3{,}5", "3.5"), ("3{,}500", "3500"), (r"5\,\mu\text{m}", r"5 \text{micrometers}"), ("5µm", "5 micrometers"), ("1.234", "1.234"), (r"g: x\mapsto 2x", "g(x) = 2x"), (r"x\mapsto 2x", "f(x) = 2x"), (r"\mathbb{R}^+", r"(0,\infty)"), ("30^\\circ 15' 36''", r"\frac{108936}{3600}^\circ"), ("30^\\circ 15'", r"\frac{108900}{3600}^\circ"), ("]1, 3]", "(1, 3]"), ("[1, 3[", "[1, 3)"), ("4or 5", "4or 5"), ("x=4orx=5", "x=4 or x=5"), ("(4)and(5)", "(4) and (5)"), ("4andA", "4 and A"),
])  # fmt: skip
def test_normalize_text_has_one_spelling(text, normal):
    assert " ".join(normalize_text(text).split()) == normal


@pytest.mark.parametrize(("completion", "candidates"), [
    ("The answer is 3 or 5.", [("3 or 5", "answer phrase"), (None, "answer phrase")]), ("The answer is between 3 and 5.", [("between 3 and 5", "answer phrase"), (None, "answer phrase")]), ("The answer is 3 apples.", [("3 apples", "answer phrase"), ("3", "answer phrase")]),
    ("The answer is 3 and it is 5.", [("3 and it is 5", "answer phrase"), ("5", "answer phrase"), ("5", "answer phrase")]), ("3 red apples", [("3 red apples", "whole text"), ("3 red apples", "last sentence"), ("3", "last expression")]), ("3 big red apples", [("3 big red apples", "words"), ("3 big red apples", "words"), ("3", "last expression")]),
    ("The answer is 3 and 5.", [("3 and 5", "answer phrase"), ("3", "answer phrase")]), ("A: 7, not A: 8", [("7, not A: 8", "A:")]),
    ("red 3", [("red 3", "words"), ("red 3", "words"), ("3", "last expression")]), ("The value is 3, otherwise it would be 5.", [("The value is 3, otherwise it would be 5.", "words")]), ("otherwise 5", [("otherwise 5", "words"), ("otherwise 5", "words"), ("5", "last expression")]), ("So it lies between 2 and 9.", [("So it lies between 2 and 9.", "words")]),
    ("It is 3 or " + "x" * 34 + " 5", [("It is 3 or " + "x" * 34 + " 5", "words")]), ("so", [("so", "whole text")]), ("so it is", [("so it is", "words")]), ("x" * 150 + ". " + "y " * 80, [(None, "last sentence")]), ("The answer is not 5.", [(None, "answer phrase")]), ("The answer is not 5, but 6.", [("6", "answer phrase")]),
    ("Well. It is 3, not 4.", [("Well. It is 3, not 4.", "words"), ("It is 3", "words"), ("3", "last sentence"), ("3", "last expression")]), ("She has 3 left after giving 2 away.", [("She has 3 left after giving 2 away.", "words"), ("3 left", "last sentence"), ("3", "last expression")]), ("It is not 5, I am not sure.", [(None, "last sentence")]),
])  # fmt: skip
def test_find_candidates_lists_them_best_first(completion, candidates):
    assert [(c.text, c.origin) for c in find_candidates(completion)] == candidates


def test_find_candidates_offers_the_last_of_two_expressions_that_are_far_apart():
    assert find_candidates("It is 3 or " + "x" * 35 + " 5")[-1].text == "5"
