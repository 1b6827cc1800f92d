"""Statements, words and labels are compared as such: neither truth values nor common words make answers equal."""

import json
from itertools import combinations

import pytest

from herokit_math import MathVerifier, Policy
from herokit_math.symbolic import load_parser
from herokit_math.tiers import decide_equivalence
from herokit_math.words import find_content_words

STATEMENTS = [
    ("1", "x=0=1"), ("k=1", "k=0=1"), ("1", "x/x=1"), ("f(x)", "f(x)=f(x)"), (r"50^\circ", r"50\%"), ("1", r"x \text{ if } 1=1"), ("1", r"\pm\pm1"), ("0", r"\Gamma(0)"),
    ("x=20", "[1=2]"), (r"k=\frac{12}{7}", r"\left[k=5\right]"), ("[x=1, y=2]", "[x=1, y=3]"), ("[a=3]", "[b=7]"), ("x=4", "[x=5]"),
    ("x=k", "[x=k+1]"), ("5<6", "1<2"), ("x=5", "5=5"), ("12", "5 = 12"), ("12", "12 = 12"), ("105", "35+71 = 105"), ("x=x+1", "y=y+1"),
    ("x=x", "y=y"), ("3<x<2", "1<x<0"), ("1=2", "3=4"), ("1=1", "2=2"), ("x=y", "x=y+1"), ("x^2=4", "x^2=9"), ("x>1, y<2", "x<2, y>1"),
    ("1<x<2", r"x>1 \text{ and } y<2"), ("f(2)=5", "f(3)=5"), ("f(2)=f(3)+4", "f(3)=f(2)+4"), ("2x=6", "0=0"), ("x>0", "1>0"), ("5", "x=x"),
    ("x^2+1=0", "1=0"), ("(1,3)", r"5\in(1,3)"), (r"\{2k | k\in\mathbb{Z}\}", r"\{3k | k\in\mathbb{Z}\}"), ("(1,3)", r"\{x\in\mathbb{Z} | 1<x<3\}"),
    (r"x \ne 2", r"1 \ne 2"), ("a=b=c", "a=b=d"), ("a<b<c", "a<c<b"), ("7", "6 = 7 = 7"), (r"\pi", r"3 = \pi"),
]  # fmt: skip
SAME_STATEMENTS = [
    ("x=5", "[x=5]"), ("[x=1, y=2]", "y=2, x=1"), ("5<6", "6>5"), ("105", "35+70 = 105"), ("0.33", r"\frac13 = 0.33"), ("f(3)+4=f(2)", "f(2)=f(3)+4"),
    ("x^2+y^2=9", "9=x^2+y^2"), ("x>1, y<2", "y<2, x>1"), ("a<b<c", "c>b>a"), ("x=y", "y=x"), ("x = 1", "1 = x"), ("2x+y=3", "4x+2y=6"), ("1=2", "1 = 2"),
    (r"\{2k | k\in\mathbb{Z}\}", r"\{2n : n\in\mathbb{Z}\}"), ("(1,3)", r"\{x\in\mathbb{R} | 1<x<3\}"), ("11", "x = 5 + 6 = 11"), ("24", r"\Gamma(5)"), ("x", r"x\cdot x^0"),
]  # fmt: skip
WORDS = [
    (r"\text{even numbers } \geq 4", r"\text{even numbers } \leq 4"), (r"\text{slope } -3", r"\text{slope } 3"), (r"\text{angle } \alpha", r"\text{angle } \beta"),
    (r"\text{point } P(-1,2)", r"\text{point } P(1,2)"), (r"\text{only odd } n", r"\text{all odd } n"), ("p is even, q is odd", "p is odd, q is even"),
    (r"increases by \sqrt{12}", "increases by 12"), ("odd or prime", "odd and prime"), ("not all are odd", "not odd"), ("at least 3", "at most 3"),
    ("no", "no solution"), ("False", "none"), ("Alice beats Bob", "Bob beats Alice"), ("Alice wins if n is even", "Alice wins if n is odd"), ("Tom", "mTo"),
    (r"5 \text{ if } n > 0", r"5 \text{ if } n < 0"), (r"\text{row } (1,2]", r"\text{row } (1,2)"), (r"\text{range } [0,1]", r"\text{range } (0,1)"),
    (r"\text{decreases on } x<0", r"\text{decreases on } x>0"), (r"\text{vertex } \frac{1}{23}", r"\text{vertex } \frac{12}{3}"), ("100 km north", "100 km south"),
    ("n is prime", "n"), ("f is increasing", "f' is increasing"), ("rate +5 per day", "rate -5 per day"),
    (r"\text{multiples of } 2^3", r"\text{multiples of } 23"), (r"\text{primes} = 4k+1", r"\text{primes} \ne 4k+1"),
]  # fmt: skip
SAME_WORDS = [
    (r"\text{even numbers } \geq 4", "even numbers ≥ 4"), (r"\text{all odd } n", "odd n"), ("p is even, q is odd", "q is odd, p is even"), ("no solution", "none"),
    (r"\emptyset", "no solution"), ("a right-angled triangle", "right angled triangle"), (r"\text{slope } -3", "slope -3"), ("The circle", "circle."),
    ("5 is prime", "5"), ("7 apples", "7"), ("1,000 red balls", "1000 red balls"),
]  # fmt: skip
LABELS = [
    (r"\sin x=\frac14", r"\tan x=\frac14"), ("|x|=3", "x=3"), ("|x|=3", "3"), ("f'(x)=2x", "f(x)=2x"), ("f''(x)=2", "f'(x)=2"), (r"\cos\theta=\frac12", r"\theta=\frac12"),
    (r"\frac{dy}{dx}=2x+1", "y=2x+1"), ("xy=6", "x=6"), (r"\frac{x}{y}=6", "x=6"), ("f(x)>2", "x>2"), (r"\bar{x}=3", "x=3"), ("x'=3", "x=3"), (r"f^{\prime}(x)=2x", "f(x)=2x"),
    ("x^2=9", "x=9"), (r"\sqrt{x}=9", "x=9"), (r"\ln x=2", "x=2"), ("-x=2", "x=2"), ("2x=6", "x=6"), ("P(A)=0.5", "P(B)=0.5"), (r"e^x=5", "x=5"), ("x=x^2-6", "x^2-6"),
    (r"\dot{x}=2t", "x=2t"), ("1/x=4", "x=4"), (r"\lfloor x\rfloor=2", "x=2"),
]  # fmt: skip
SAME_LABELS = [
    ("f'(x)=2x", "2x"), (r"f^{\prime}(x)=2x", "f'(x)=2x"), (r"\frac{dy}{dx}=2x+1", "2x+1"), (r"\sin A=\frac14", r"\sin A = 0.25"), ("f(x)=2x+1", "y=2x+1"), ("x(t)=e^t", "e^t"),
    ("y(x)=2x", "y=2x"), ("|AB|=5", "5"), ("|AB|=5", "|AB| = 5"), ("f(x)=2x", "f(t)=2t"), (r"a=\hbar k", r"\hbar k"), ("AB=5", "x=5"),
]  # fmt: skip


@pytest.fixture(scope="module")
def math():
    with MathVerifier() as verifier:
        yield verifier


@pytest.mark.parametrize("pairs", [STATEMENTS, WORDS, LABELS], ids=["statements", "words", "labels"])
def test_compare_rejects_other_statements_words_and_labels(math, pairs):
    both_ways = [*pairs, *((answer, reference) for reference, answer in pairs if (answer, reference) not in ONE_WAY)]
    accepted = [pair for pair, v in zip(both_ways, math.compare(both_ways), strict=True) if v.value == 1.0]
    assert accepted == []


ONE_WAY = {("2x", "f'(x)=2x")}


@pytest.mark.parametrize("pairs", [SAME_STATEMENTS, SAME_WORDS, SAME_LABELS], ids=["statements", "words", "labels"])
def test_compare_accepts_the_same_statements_words_and_labels(math, pairs):
    rejected = [pair for pair, v in zip(pairs, math.compare(pairs), strict=True) if v.value != 1.0]
    assert rejected == []


def test_false_and_true_statements_are_all_different():
    statements = ["1=2", "2=3", "0=1", "[1=2]", "1<0", "2<1", "1=1", "2=2", "0<1", "1<2", "x<x", "x=x", "y=y", "x=x+1"]
    pairs = [pair for pair in combinations(statements, 2) if pair != ("1=2", "[1=2]")]
    assert [pair for pair in pairs if decide_equivalence(*pair, Policy()).equal is True] == []


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ("x=20", "[1=2]"), ("x=4", "[x=5]"), ("[x=1,y=2]", "[x=1,y=3]"), ("1<2", "5<6"), ("x=x+1", "y=y+1"), (r"\frac10", r"\frac20"),
        (r"\infty-\infty", r"\frac{0}{0}"), ("x=1=2", "x=1=3"), (r"\int_0^1 2x dx=1", "1=1"), ("x=1", "y=1"), (r"5\ne6", r"7\ne8"),
        (r"\frac{\partial u}{\partial t}", "0"),
        (r"\frac{\partial u}{\partial t}", r"\frac{dy}{dx}"),
        (r"\lim_{n\to\infty}a_n", "a_n"),
        (r"\lim_{x\to0}\sin\frac1x", r"\lim_{x\to0}\cos\frac1x"),
    ],
)  # fmt: skip
def test_sympy_does_not_compare_truth_values_or_undefined_values(reference, answer):
    decide = load_parser(b"latex2sympy2_extended")
    assert decide(json.dumps([reference, answer]).encode())["equal"] is not True


@pytest.mark.parametrize(
    ("reference", "answer"),
    [("x^2=4", "2x^2=8"), ("x^2<4", "-x^2>-4"), ("x>2", "2<x"), ("|x|<2", "2>|x|"), ("x=5", "x=5")],
)
def test_sympy_compares_statements_by_their_sides(reference, answer):
    decide = load_parser(b"latex2sympy2_extended")
    assert decide(json.dumps([reference, answer]).encode())["equal"] is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"\text{a \textbf{b} c}", ("a", "b", "c")),
        (r"x^{12}", ("x", "^", "12")),
        (r"\sqrt{2x}", (r"\sqrt", "{", "2", "x", "}")),
        ("(no solutions)", ("no", "solution")),
        ("don't know", ("don't", "know")),
        ("the number", ("the", "number")),
        ("n! or f'", ("n", "!", "or", "f", "'")),
    ],
)
def test_find_content_words_keeps_signs_and_names(text, words):
    assert find_content_words(text) == words


NO_VALUE = [
    "0^0", "0^{0}", "(0)^0", r"\left(0\right)^0", "0.0^0", "(1-1)^0", "0^{1-1}", "(x-x)^0", "((x+1)^2-x^2-2x-1)^0", r"(\sin^2x+\cos^2x-1)^0", "0^{x-x}",
    r"\sqrt{0}^0", r"\sin(0)^0", r"(\int_0^0 x dx)^0", r"\sqrt[\infty]{0}", r"\infty^0", r"(\infty)^{0}", r"(-\infty)^0", r"(\infty+1)^0",
    r"(\lim_{x\to\infty}x)^0", r"\ln(0)^0", r"(\frac10)^0", r"\frac{(x+1)^2-x^2-2x-1}{(x+1)^2-x^2-2x-1}", "|0|^0", r"\left|0^0\right|",
]  # fmt: skip
DROPPED_MARKS = [
    "1'", "1''", r"1^{\prime}", r"1^\prime", r"1^{\prime\prime}", "(1)'", "{1}'", r"\left(1\right)'", r"\frac{1}{1}'", r"\sqrt{1}'", r"\frac{\pi'}{\pi}", r"\int_0'^1 1 dx",
    r"\phantom{1}", r"\hphantom{1}", r"\sin^0(\pi/2)", r"\sin^{0}(\pi/2)", r"\ln^{0.0}(e)",
]  # fmt: skip


@pytest.fixture(scope="module")
def decide():
    decide_task = load_parser(b"latex2sympy2_extended")
    return lambda reference, answer: decide_task(json.dumps([reference, answer]).encode())["equal"]


@pytest.mark.parametrize(
    ("reference", "answer", "expected"),
    [
        ("1", r"0^2+\int_0^1 2x\,dx", True),
        ("1", "(x-x)^3+1", True),
        (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1&\int_0^2 1\,dx\end{pmatrix}", True),
        (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1&\int_0^3 1\,dx\end{pmatrix}", False),
        ("x>2", r"x\ge2", False),
        ("x>2", "x>3", False),
        ("x=2", "3=4", None),
        ("3=4", "x=2", None),
    ],
)
def test_sympy_decides_values_and_statements(decide, reference, answer, expected):
    assert decide(reference, answer) is expected


@pytest.mark.parametrize("answers", [NO_VALUE, DROPPED_MARKS], ids=["no value", "dropped marks"])
def test_sympy_accepts_no_mark_that_its_parsers_drop_and_no_power_without_a_value(decide, answers):
    pairs = [pair for answer in answers for pair in [("1", answer), ("5", f"4+{answer}"), (answer, "1")]]
    assert [pair for pair in pairs if decide(*pair) is not None] == []


@pytest.mark.parametrize(
    "answers",
    [
        ["10^0", "x^0", "f(x)^0", "2.0^0", "(x-1)^0", "0.5^0", r"\pi^0", r"\cos(0)^0", r"\lim_{x\to0}x^0", r"(\int_0^\infty e^{-x}dx)^0", r"\sum_{k=0}^0 k^0"],
        [r"\int_0^1 1\,dx", r"\int_{-\infty}^{0} e^x dx", r"\int_{-\infty}^0 e^x dx", r"\sum_{k=0}^{0}\int_0^1 1 dx", r"\int_{x_0}^0 2t dt+x_0^2+1", r"\lim_{x\to0}\frac{\sin x}{x}"],
        [r"\sin^{0+1}(\pi/2)", r"\frac{1'234}{1234}\int_0^1 1 dx", "1"],
    ],
    ids=["powers", "bounds", "others"],
)  # fmt: skip
def test_sympy_still_reads_other_powers_and_bounds(decide, answers):
    assert [answer for answer in answers if decide("1", answer) is not True] == []


@pytest.mark.parametrize(
    ("name", "same", "others"),
    [
        ("f'(x)", r"f^{\prime}(x)", ["f(x)", "f''(x)", "g'(x)", "f_1'(x)"]),
        ("f_1'(x)", "f'_1(x)", ["f_1(x)", "f'(x)", "f_1''(x)", "f_2'(x)"]),
        ("x_{12}'", r"x^\prime_{12}", ["x_{12}", "x_{1}'"]),
        ("x_{n+1}'", "x_{n+1}'", ["x_{n+1}", "x_n'"]),
        ("y''", r"y^{\prime\prime}", ["y", "y'"]),
        (r"\theta_1'", r"\theta_{1}^{\prime}", [r"\theta_1", r"\theta'"]),
        (r"x_{\alpha}'", r"x_{\alpha}^{\prime}", [r"x_{\alpha}", "x'"]),
        ("ab'^2", "b'^2a", ["ab^2", "a'b^2"]),
    ],
)
def test_sympy_reads_primes_as_part_of_a_name(decide, name, same, others):
    reference = rf"{name}+\int_0^1 x dx"
    assert [text for text in (name, same) if decide(reference, f"{text}+1/2") is not True] == []
    assert [text for text in others if decide(reference, f"{text}+1/2") is not False] == []


def test_compare_judges_integrals_with_bounds_of_zero_and_names_with_primes(math):
    pairs = [
        ("1", r"\int_{-\infty}^{0} e^x dx"), (r"\int_{-\infty}^{0}\frac{1}{1+x^2}dx", r"\frac{\pi}{2}"), (r"\int_{x_0}^0 2t dt", "-x_0^2"),
        (r"\sum_{k=0}^{0}\int_0^1 x dx", "1/2"), (r"f_1'(x)+\int_0^1 x dx", "f_1'(x)+1/2"), (r"f_1'(x)+\int_0^1 x dx", "f'_1(x)+1/2"),
    ]  # fmt: skip
    assert [pair for pair, v in zip(pairs, math.compare(pairs), strict=True) if v.value != 1.0] == []
