# ruff: noqa: RUF001 - ambiguous characters are intended
"""Invented examples of every rule: pairs that it makes equal, and similar pairs that must stay different."""

import random

import pytest

from herokit_math import Policy
from herokit_math.compare import Comparison
from herokit_math.parser import parse_answer
from herokit_math.tiers import decide_equivalence, extract_reference

EQUAL = {
    "numbers": [
        ("1004", r"1\,004"), ("1004", r"1,\!004"), ("1004", "1{,}004"), ("5400", "**5400**"), ("26", '"$26"'), ("7", "7.000"), (".5", "0.5"),
        ("0", "-0"), ("2500", "2.5e3"), ("2500", r"2.5 \times 10^3"), ("3", "three"), ("1200000", "1.2 million"), ("-13", "−13"), ("-5", "‑5"), ("12345", "12 345"), ("1.23", "1,23"), ("0.125", "0,125"), ("14916", "14 {, }916"),
        ("241", "two hundred forty-one"), ("1000.99", "1000,99"), ("-7", r"\text{-7}"), ("9500", "$9 500"), ("12", r"12^\text{th}"), ("3", "3rd"),
        ("5", "4.9999999999999"), ("-60", "-60.0"), ("$40.5", "40.50"),
    ],
    "Greek letters": [("2Δ", r"2\Delta"), ("ε", r"\epsilon"), ("η+1", r"1+\eta"), ("δ²", r"\delta^2"), ("τ/ξ", r"\frac{\tau}{\xi}"), ("ψ", r"\psi"), ("2χ", r"2\chi"), ("Γ", r"\Gamma"), ("ℏω", r"\hbar\omega")],
    "functions of several variables": [("u(x,t)=e^{-t}x", "e^{-t}x"), ("f(x,y)=x+y", "g(a,b)=a+b"), ("f(x,y)=x-y", "f(a,b)=a-b"), ("z(x, y) = xy", "xy")],
    "constants of integration": [(r"\sin^2 x+C", r"-\cos^2 x+C"), (r"\ln|2x|+C", r"\ln|x|+C"), ("x^2+C", "x^2+5+C"), ("x^3+C", "x^3+C+1"), ("C+x", "x+C-2"), (r"\tan^2 x + C", r"\sec^2 x + C"), (r"\frac{(x+1)^2}{2}+C", r"\frac{x^2}{2}+x+C")],
    "words and names": [(r"\operatorname{sen} x", r"\sin x"), (r"\text{arcsen } x", r"\arcsin x"), ("1101_{2}", r"1101_{\text{base }2}"), ("12 sq. cm", "12 cm^2"), ("3 cu. ft", "3 ft^3")],
    "groups of India": [("1234567", "12,34,567"), ("250000", "2,50,000"), ("1,23,456.78", "123456.78"), ("1234567", "₹12,34,567")],
    "fractions": [
        (r"\frac{1}{3}", r"\frac13"), ("0.375", "3/8"), (r"\frac{7}{2}", r"3\frac{1}{2}"), ("3.5", "3 1/2"), (r"0.\overline{6}", r"\frac23"),
        (r"-\frac12", r"\frac{-1}{2}"), (r"\frac{2}{17}", r"\frac{-2}{-17}"), ("575", r"\frac{1150}{2}"), ("5:8", r"\frac58"), ("4:3", "8:6"),
    ],
    "rounding": [
        (r"\frac{500}{7}", "71.43"), ("0.458", r"\frac{27}{59}"), (r"2\sqrt{2}", "2.83"), (r"\pi", "3.14"), (r"\frac13", "0.33"), (r"\frac23", "0.666"),
        ("2.653", "2.65"), ("12.5", "12.47"), (r"\pi", "3.141"), (r"-\pi", "-3.14"), ("123.4", "123"), ("-123.4", "-123"), ("123.6", "124"), (r"117.95\%", r"118\%"), (r"33.3\%", r"\frac13"), ("(3.1416, 2)", r"(\pi, 2)"),
    ],
    "percent and money": [(r"28\%", "28 percent"), ("28", "28%"), ("0.28", "28%"), (r"\frac14", r"25\%"), (r"\$3.50", "3.5 dollars"), ("28%", "28 pct")],
    "units": [
        (r"3.2 \times 10^{5} \mathrm{~J}", "320000"), (r"2 \mathrm{m}/\mathrm{s}", "2"), (r"400 \mathrm{~g}", "0.4 kg"), (r"60^\circ, 120^\circ", "60, 120"),
        ("450", r"450 \text{ cm}"), ("5 cm", "50 mm"), (r"1 \text{ hour}", "60 minutes"), (r"60 \text{ km/h}", r"1 \text{ km/min}"), ("7300", "7,300 bottles"),
        (r"15\mbox{ cm}^2", "15 square centimeters"), (r"45^\circ", "45 degrees"), ("45", "45°"), (r"\frac{\pi}{3}", r"60^\circ"), ("858", "858颗"), ("6", "6m"),
    ],
    "expressions": [
        (r"\lceil n/2\rceil", r"\lfloor(n+1)/2\rfloor"), (r"\max(a,b)", r"\max\{a,b\}"), (r"\log_3 2", r"\frac{\log2}{\log3}"), (r"\overrightarrow{AB}", r"\vec{AB}"),
        ("y^4-2y^3", "y**4-2*y**3"), (r"3\sqrt{13}", "3√13"), ("1+2i", "1+2*I"), (r"8\pi", "8*pi"), ("(x+1)^2", "x^2+2x+1"), (r"\tan^2 x+1", r"\sec^2 x"),
        (r"\cos 2x", r"1-2\sin^2 x"), (r"\binom{n}{2}", "n(n-1)/2"), (r"\frac{n(n+1)}{2}", r"\sum_{k=1}^n k"), ("n!", "n(n-1)!"), (r"\sqrt{x^2}", "|x|"),
        (r"e^{i\pi}", "-1"), (r"\ln 4", r"2\ln 2"), (r"\log_2 8", "3"), (r"2^{-2/3}", r"\frac{1}{\sqrt[3]{4}}"), ("1.5+5.5(-1)^n", r"\frac{3+11(-1)^n}{2}"),
        (r"3+2\sqrt2", r"(1+\sqrt2)^2"), (r"\sqrt[3]{-8}", "-2"), ("|x-1|", "|1-x|"), (r"\frac{1}{2004!}", r"\frac{2005}{2005!}"), ("2cx+1", "2Cx+1"),
    ],
    "names": [
        ("C(3,2)", "(3, 2)"), (r"x\equiv5\pmod7", "5"), (r"\angle A=30^\circ", "30"), (r"f(x)=cx", r"f(x)=ax, a\in\mathbb{R}"), ("x-2y+3=0", r"y=\frac{x+3}{2}"),
        ("3", "x = 3"), ("k=3", "3"), ("f(x)=2x+1", "f(t)=2t+1"), ("f(x)=2x+1", "y=2x+1"), (r"\text{only }x=0", "0"), ("105", "35 + 70 = 105"), ("11", r"x\approx11"),
        (r"x=\frac{\pi}{4}+k\pi", r"\frac{\pi}{4}+n\pi"), ("(k,l)=(-32+3x, 64-5x)", r"(-32+3t, 64-5t) \text{ for some integer } t"), (r"\frac{NO}{BO}=\frac12", "0.5"),
        (r"\rho\sin\theta = 3", r"3\csc\theta"), ("y=3x-2", "3x-y=2"), ("x^2+y^2=9", "x^2+y^2-9=0"), ("34x+45y=1", "-34x-45y=-1"), ("x > 1", "2x > 2"),
    ],
    "lists, sets, tuples": [
        ("5,1", "1, 5"), ("1,3", r"1 \text{ and } 3"), ("1,3", "Minimum: 1, Maximum: 3"), ("7,14", "Ann: 14, Bob: 7"), (r"1\pm\sqrt{19}", r"1+\sqrt{19}, 1-\sqrt{19}"),
        (r"\{1\pm\sqrt5,-2\}", r"\{-2, 1+\sqrt5, 1-\sqrt5\}"), ("x_1=1,x_2=-3", "-3, 1"), ("(1,2),(3,4)", r"\{(3,4),(1,2)\}"), (r"(\pm1, 2)", "(1,2),(-1,2)"),
        ("m=5, n=-2", "(5,-2)"), ("(x,y)=(1,2)", "y=2, x=1"), ("(x,y)=(1,2)", "(y,x)=(2,1)"), ("A=(1,2)", "(1,2)"), ("p=5,q=2;p=7,q=2", "(5,2),(7,2)"), ("(0;0;6)", "(0,0,6)"), ("b<a<d", "b, a, d"),
        (r"7 \text{ apples and } 4 \text{ pears}", "7, 4"), (r"\text{circle, line}", r"\text{line and circle}"), (r"\emptyset", r"\{\}"), ("(11,7)or(7,11)", "(7,11),(11,7)"),
    ],
    "intervals": [
        (r"(-2,1)\cup(3,+\infty)", r"-2<x<1 \text{ or } x>3"), (r"\{x|x\in\mathbb{R}, x\ne1\}", r"(-\infty,1)\cup(1,\infty)"), (r"-1<m<1 \text{ and } m\ne0", r"(-1,0)\cup(0,1)"),
        ("[-3,2]", r"-3\le x\le 2"), (r"(-\infty,-5)", "k < -5"), ("(2,3)", "3>x>2"), (r"a\leqslant-2 \text{ or } a=1", r"(-\infty,-2]\cup\{1\}"), (r"\mathbb{R}", "all real numbers"),
        (r"\{x|-2<x<3\}", "(-2,3)"), (r"(-\infty,2)\cup(2,\infty)", r"x\ne2"), (r"\mathbb{R}\setminus\{2\}", r"x \neq 2"), ("(1,2)", "x>1 and x<2"), (r"x\in[1,4)", "[1,4)"), (r"x\in(1,4)", "(1,4)"), (r"x\in(1,4)", "1<x<4"),
        (r"1\le|z|\le2", r"[-2,-1]\cup[1,2]"), (r"-1\le2x+1\le5", "[-1,2]"), ("x<1", "-x>-1"), (r"[6,\infty)", r"[6,+\infty)"),
    ],
    "matrices": [
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix} 1 & 2 \\ 3 & 4.0 \end{bmatrix}"), (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)"),
        (r"\begin{pmatrix}\frac13\\0.2\end{pmatrix}", r"\left[\begin{array}{c}0.33\\ 1/5\end{array}\right]"), (r"\langle1,2\rangle", "(1,2)"),
    ],
    "words and choices": [
        (r"\text{Evelyn}", "evelyn"), (r"\text{odd}", "ODD"), ("True", "yes"), (r"\text{(A)}", "A. 12"), ("A", "a"), ("(B)", "b"), (r"\text{(C)}", "(c)"), ("B", "Option B"), ("(D) 14", "14"), ("(B) Alina", "B"), ("B", "(B) A. Lincoln"), ("C", r"(C) \text{Both (A) and (B)}"),
        (r"\text{no solution}", "no solutions"), (r"\text{infinitely many}", r"\infty"), ("6:00 a.m.", r"\text{6:00 AM}"), ("12:30", "12:30 p.m."), ("2112_6", "2112_{6}"),
        (r"\text{June 20}", "June 20"), ("204_5", "204"),
    ],
}  # fmt: skip
DIFFERENT = {
    "functions of several variables": [("u(x,t)=e^{-t}x", "e^{t}x"), ("f(x,y)=x-y", "f(a,b)=b-a"), ("f(x,y)=x-y", "f(y,x)=x-y")],
    "constants of integration": [("x^2+C", "x^3+C"), (r"\sin x+C", r"\cos x+C"), ("x^2+C", "x^2+x+C"), ("Cx", "2Cx"), ("x^2", "x^2+5"), ("e^x+C", "e^{2x}+C"), (r"\ln|x|+C", r"\ln|x+2|+C"), ("ax^2+C", "ax^2+a+Cx")],
    "groups of India": [("1234567", "1,23,45,67"), ("12, 34, 567", "1234567"), ("34", "12,34,567")],
    "numbers": [("1004", "1,005"), ("321", "321.5"), ("10", "9.99"), ("1", "0.99"), ("100", "99.7"), ("12,000", "12"), ("1.5", "1.52"), ("5000", "5e4"),
        ("8", "8.333333333333334"), ("5", "5.00001"), ("0", "0.0000000001"), ("-5", "-4.9999999"), ("6.00", "6.01"),
        ("1000", "1, 000"), ("12.345", "12,345"), ("1.125", "1,125"),
    ],
    "fractions": [(r"\frac13", r"\frac31"), ("0.3", r"0.\overline{3}"), (r"3\frac12", r"\frac{3}{2}"), ("5:8", "5:6"), ("12:00", "1:00"), ("12:30", "6:15"), ("3 1/2", "31/2"), ("1 1/2", "11/2")],
    "rounding": [(r"\frac{500}{7}", "71.6"), (r"\frac13", "0.3"), (r"\frac23", "0.66"), (r"2\sqrt2", "2.84"), ("16386.16", "16386.17"), ("0.5", "0.51"), ("7.78", "8"),
        (r"\pi", "3.15"), ("12.5", "12.41"), ("123.4", "124"), ("-123.4", "-124"), ("3.14", "3.131"),
    ],
    "percent and money": [(r"28\%", "29%"), ("0.28", "2.8%"), ("5", "5.5 dollars")],
    "units": [("5 cm", "5 m"), (r"45\text{ cm}^2", r"45\text{ cm}^3"), ("3 hours", "3 days"), (r"90^\circ", r"95^\circ"), ("9", r"9^\circ + 1")],
    "expressions": [(r"\lfloor x\rfloor", "x"), (r"\lceil n/2\rceil", r"\lfloor n/2\rfloor"),
        (r"9\pi", "9"), (r"9\pi", r"9\pi^2"), (r"\sqrt{13}", r"\sqrt{14}"), ("1+2i", "1-2i"), ("b-1", "z-1"), (r"\sqrt{x^2}", "x"), (r"\cos 2x", r"1-2\sin^2x+0.001"),
        (r"\frac{1}{2004!}", r"\frac{1}{2006!}"), ("e^{-100}", "e^{-101}"), ("10^{100}", "10^{100}+1"), ("x^2", "x^2+C"), ("n", "2n"), ("f(2)", "f(3)"), ("2^n", "n^2"), ("5", r"5 \text{ if } x>0 \text{ else } 6"), ("5", r"5 \text{ if } x>0, \text{ otherwise } 6"),
        ("R-r", "r-R"), ("R+2r", "r+2R"), (r"\frac{N}{n}", r"\frac{n}{N}"), ("a^B", "A^b"), (r"\Phi-\phi", r"\phi-\Phi"), ("e", "E"),
    ],
    "names": [("x=3", "4"), ("f(x)=2x", "f(x)=x"), (r"x=k\pi", r"2n\pi"), ("2x+z=1", "1"), ("7=11a+c", "11a+c"), ("x^2+y^2=9", "x^2+y^2=3"), ("x^2=4", "2"), ("y=3x-2", "3x-y=3"), ("3x+2", "3x+2=0"), ("(x,y)=(2,3)", "(y,x)=(2,3)")],
    "lists, sets, tuples": [
        ("1,3", "1"), ("1", "1, 4"), ("(1,2)", "(2,1)"), ("(3,1)", "{1,3}"), ("1,2", "Maximum = 2, Minimum = 0"), ("x=2,y=3", "x=3,y=2"), (r"1\pm\sqrt{19}", r"1+\sqrt{19}"),
        ("(1,2),(3,4)", "(1,3),(2,4)"), ("b<a<d", "a<b<d"), (r"\pm5", "5"),
    ],
    "intervals": [
        ("[-3,2]", "(-3,2]"), ("[0,1]", "0<x<1"), (r"(-\infty,2)", "x>2"), (r"(1,2)\cup(3,4)", "(1,2)"), ("(0,1)", "(1,0)"), (r"(-\infty,1)", r"(1,\infty)"), (r"x\le5", r"x\ge5"), (r"-\infty", "infinity"),
        (r"x\in(1,2)", "1, 2"), (r"x\in(1,2)", r"\{1,2\}"), (r"x\in(1,2)", r"1 \text{ or } 2"), (r"x\in(1,2)", "(1,2]"),
    ],
    "matrices": [(r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&2\\3&5\end{pmatrix}"), (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2&3\end{pmatrix}")],
    "words and choices": [("Monday", "Tuesday"), (r"\text{odd}", "even"), ("A", "E"), ("(B) Alina", "C"), ("6:00 a.m.", "6:00 p.m."), ("2112_6", "2112_7"), ("yes", "no"), ("204_5", "54"), ("7", "seven apples and a pear"), ("June 20", "June 21"),
        ("A", "b"), ("e", "E"), ("A", "(A) (B)"), ("A", r"\text{(A) }\text{(B)}"), ("A", "(A), (B)"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("reference", "answer"), [pair for pairs in EQUAL.values() for pair in pairs])
def test_decide_equivalence_accepts_equal_pairs(reference, answer):
    assert decide_equivalence(extract_reference(reference), answer, Policy()).equal is True


@pytest.mark.parametrize(("reference", "answer"), [pair for pairs in DIFFERENT.values() for pair in pairs])
def test_decide_equivalence_rejects_different_pairs(reference, answer):
    assert decide_equivalence(extract_reference(reference), answer, Policy()).equal is False


def test_decide_equivalence_agrees_with_the_parser_on_plain_numbers():
    rng = random.Random(3)  # noqa: S311 - seeded pairs
    for _ in range(500):
        reference = rng.randrange(-9, 10 ** rng.choice([1, 4, 8]))
        near = reference + rng.choice([0, 0, 1, 0.5, 1e-4, -1e-8, 1e-13]) * rng.choice([1, max(1, abs(reference))])
        answer = rng.choice([str(near), f"{near:.2f}", f"{near:.9f}"])
        parsed = Comparison(Policy()).equal(parse_answer(str(reference)), parse_answer(answer))
        assert decide_equivalence(str(reference), answer, Policy()).equal is parsed, (reference, answer)


@pytest.mark.parametrize(
    ("option", "value", "reference", "answer", "equal"),
    [
        ("decimals", "exact", r"\frac13", "0.33", False),
        ("percent", "fraction", "28", "28%", False),
        ("percent", "fraction", "0.28", "28%", True),
        ("percent", "strict", "0.28", "28%", False),
        ("units", "strict", "450", "450 cm", False),
        ("units", "ignore", "5 cm", "5 m", True),
        ("lists", "ordered", "1,3", "3,1", False),
        ("labels", "strict", "x=3", "3", False),
        ("intervals", "strict", "[-3,2]", r"-3\le x\le2", False),
        ("degrees", "strict", "45", r"45^\circ", False),
        ("bases", "strict", "204_5", "204", False),
        ("parameters", "strict", r"k\pi", r"n\pi", False),
        ("constant", "ignore", "x^2", "x^2+C", True),
        ("ends", "ignore", "[0,1]", "[0,1)", True),
        ("case", "strict", "ellipse", "Ellipse", False),
        ("case", "strict", "B", "b", False),
        ("commas", "strict", "2.5", "2,5", False),
    ],
)
def test_policy_option_changes_the_decision(option, value, reference, answer, equal):
    assert decide_equivalence(reference, answer, Policy(**{option: value})).equal is equal
    assert decide_equivalence(reference, answer, Policy()).equal is not equal or (option, value) == (
        "percent",
        "fraction",
    )


STRICT = [
    (r"\frac13", "0.33"), ("0.28", "28%"), ("28", "28%"), ("450", "450 cm"), ("1,3", "3,1"), ("x=3", "3"), ("[-3,2]", r"-3\le x\le2"), ("45", r"45^\circ"),
    ("204_5", "204"), (r"k\pi", r"n\pi"), ("x^2", "x^2+C"), ("[0,1]", "[0,1)"), ("Monday", "monday"), ("2.5", "2,5"), ("x", "y=x"), (r"\pi", "3.1"), ("2cx", "2Cx"),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "answer"), STRICT)
def test_strict_policy_accepts_nothing_that_is_only_policy(reference, answer):
    assert decide_equivalence(reference, answer, Policy.strict()).equal is False


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ("0.5", r"\frac12"),
        ("(x+1)^2", "x^2+2x+1"),
        ("Monday", "Monday"),
        ("1, 3", "1,3"),
        ("5 cm", "50 mm"),
        ("x=3", "x = 3.0"),
        ("B", "(B)"),
        (r"\text{yes}", "yes"),
        (r"45^\circ", r"\frac{\pi}{4}"),
    ],
)
def test_strict_policy_accepts_what_is_equal(reference, answer):
    assert decide_equivalence(reference, answer, Policy.strict()).equal is True


def test_strict_policy_is_strict_in_every_option():
    strict = Policy.strict()
    assert {name: getattr(strict, name) for name in strict.__slots__} == {
        "decimals": "exact", "percent": "strict", "units": "strict", "lists": "ordered", "labels": "strict", "intervals": "strict", "degrees": "strict",
        "bases": "strict", "parameters": "strict", "constant": "strict", "ends": "strict", "case": "strict", "commas": "strict",
    }  # fmt: skip
