"""Readings of correct answers that look different from the reference, and near misses of each."""

import json
from pathlib import Path

import pytest

from herokit.types import Sample
from herokit_math import MathVerifier, Policy
from herokit_math.tiers import decide_equivalence, extract_reference

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "answers.jsonl"
KINDS = {
    "two-statements-are-not-equal-because-both-are-false", "words-keep-their-signs-relations-and-commands", "readings", "units",
    "a-left-side-is-not-always-a-label", "index-named-i", "decimal-comma", "sets-and-lists", "damaged-reference", "digits",
}  # fmt: skip

EQUAL = {
    "money": [("12", "12 $"), ("2.5", "2,5 $ par mois"), ("2.5", "Total : 2,5 $"), ("12 dollars", "12 $"), ("12", "$12")],
    "systems and cases": [
        (r"\begin{cases} x=1 \\ y=2 \end{cases}", "x=1, y=2"), (r"f(x)=\begin{cases} x & x>0 \\ -x & x\le 0\end{cases}", r"f(x)=\begin{cases} x, & \text{if } x>0 \\ -x, & x\leq 0\end{cases}"),
    ],
    "angles": [(r"\sin 30^\circ", "0.5"), (r"\cos^{-1}(0.5)", r"60^\circ"), (r"\tan 45^\circ", "1")],
    "combinations": [("C_5^2", "10"), ("C_{10}^{3}", "120"), (r"{5 \choose 2}", "10"), (r"2n \choose n", r"\binom{2n}{n}")],
    "quantities in two units": [("1 hour 30 minutes", "90 minutes"), ("1 h 30 min", "1.5 h"), ("5 ft 6 in", "66 inches"), (r"2 \text{ m } 5 \text{ cm}", "205 cm")],
    "intervals": [("]1,3[", "(1,3)"), ("[1;3[", "[1,3)"), (r"x \neq 2", r"x\in\mathbb{R}, x\neq2")],
    "words": [("three-fifths", "3/5"), ("one half", "0.5"), ("twenty-five percent", r"25\%"), (r"\mathbb{Z}", "all integers"), (r"\emptyset", "empty set")],
    "notation": [("1.2 x 10^{-3}", "0.0012"), ("1010_2", "(1010)_2"), ("1:2:3", "2:4:6"), (r"\|v\|", r"\lVert v \rVert"), (r"\overline{z}", r"\bar{z}"), (r"\sqrt[n]{x}", "x^{1/n}")],
    "degrees": [
        (r"-30^\circ", "-30"), (r"-12^\circ\text{C}", "-12"), (r"-12^\circ\text{C}", "-12°C"), ("20 degrees Celsius", r"20^\circ C"), (r"-5\%", "-0.05"), (r"68^\circ F", "68"),
    ],
    "scientific notation": [
        (r"4.63\times10^{-3}", r"\frac{1}{216}"), ("4.63e-3", r"\frac{1}{216}"), (r"\frac{1}{216}", r"4.63 \times 10^{-3}"), (r"1.23\times10^5", "123456"), (r"-1.23\cdot10^{5}", "-123456"),
    ],
    "domain": [
        (r"3\arcsin\sqrt b", r"\frac32\arccos(1-2b)"), (r"\sqrt{k/m}\sqrt{m/k}", "1"), (r"\sqrt{x-20}\sqrt{x-20}", "x-20"), (r"\arccos x+\arcsin x", r"\frac{\pi}{2}"),
    ],
    "functions": [
        (r"\coth x", r"\frac{1}{\tanh x}"), (r"\operatorname{sech} x", r"\frac{1}{\cosh x}"), (r"\operatorname{csch}x", r"\frac{2}{e^x-e^{-x}}"), (r"\sin^{-1}x", r"\arcsin x"),
        (r"\operatorname{arcsinh} x", r"\ln(x+\sqrt{x^2+1})"), (r"\text{arcosh}(x)", r"\ln(x+\sqrt{x^2-1})"), (r"\operatorname{arcsec} 2", r"\frac{\pi}{3}"),
        (r"\operatorname{arccot} 1", r"\frac{\pi}{4}"), (r"\operatorname{arccsc} 2", r"\frac{\pi}{6}"), (r"\operatorname{artanh} x", r"\frac12\ln\frac{1+x}{1-x}"),
    ],
    "modulus and determinants": [
        (r"17 \bmod 5", "2"), ("17 mod 5", "2"), (r"-1 \bmod 5", "4"), (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "-2"), (r"\det\begin{pmatrix}1&2\\3&4\end{pmatrix}", "-2"),
        (r"2\begin{vmatrix}a&b\\c&d\end{vmatrix}", "2ad-2bc"), (r"\begin{vmatrix}2&0&0\\0&3&0\\0&0&4\end{vmatrix}", "24"),
    ],
    "index named i": [
        (r"\sum_{i=1}^{4} i", "10"), (r"\prod_{i=1}^{4} i", "24"), (r"\sum_{i=1}^{n} i^2", r"\frac{n(n+1)(2n+1)}{6}"), (r"\sum_{i=1}^{4}\sum_{j=1}^{i} j", "20"), (r"i^2\sum_{k=1}^3 k", "-6"),
    ],
    "units": [
        ("12 m/s", r"12\ \mathrm{m/s}"), ("12 m/s", "12"), ("12 m/s", "43.2 km/h"), ("9.8 m/s^2", r"9.8\ \mathrm{m\,s^{-2}}"), ("5 N", r"5 \text{ kg m/s}^2"), ("5 mL", "5 cm^3"),
        (r"$3.0 \times 10^{8}$ m/s", r"3\times 10^8"), ("300000000 m/s", r"3\times 10^8\ \text{m/s}"), ("70K", "70000"), ("2.5M", "2500000"), ("70 K", "70"), ("70K", "70 kelvin"), ("60 mph", "60 miles per hour"),
        ("12", "12{cm}"), ("12", r"12{\rm cm}"), ("5 J", r"5\ \mathrm{N\cdot m}"), ("3 mg/L", "3 g/m^3"),
    ],
    "decimal comma": [
        ("1.57%", r"1,57\%"), ("2.5", "2,5"), ("1234.5", "1.234,5"), ("1.57", r"1,57 \text{ kg}"), ("2, 5", "2,5"), ("(1.5, 2.5)", "(1,5; 2,5)"), (r"\frac52", "2,5"), ("x=2.5", "x = 2,5"), ("-0.5", "-0,5"),
    ],
    "sets": [
        (r"(1,3) \cup (2,4)", "(1,4)"), (r"[1,4)\cup[3,6)", "[1,6)"), (r"(1,2]\cup(2,3)", "(1,3)"), (r"(1,2)\cup\{2\}", "(1,2]"), ("[1,5]", r"[3,5]\cup[1,3]"), ('["2", "3"]', "2,3"), ('["x=2"]', "2"),
        (r"(-\infty,1)\cup(0,\infty)", r"\mathbb{R}"), (r"(1,2)\cup(3,4)\cup(2,3)", r"(1,2)\cup(2,3)\cup(3,4)"),
    ],
    "damage": [("\frac{1}{3}", r"\frac13"), ("\text{odd}", "odd"), ("2\times 3", "6"), ("\beta", r"\beta"), ("\theta", r"\theta"), ("\\\frac{7}{4}", r"\frac74"), ("frac{1}{2}", "0.5"), (r"1.5 \\ ", "1.5")],
    "digits": [("7000", "7_000"), ("1234567", "1_234_567")],
}  # fmt: skip
DIFFERENT = {
    "money": [("12 meters", "12 $"), ("12", "13 $")],
    "systems and cases": [(r"\begin{cases} x=1 \\ y=2 \end{cases}", "x=2, y=1"), (r"f(x)=\begin{cases} x & x>0 \\ -x & x\le 0\end{cases}", r"f(x)=\begin{cases} x & x<0 \\ -x & x\ge 0\end{cases}")],
    "angles": [(r"\sin 30^\circ", "0.6"), (r"\cos^{-1}(0.5)", r"61^\circ"), (r"\sqrt2", "2")],
    "combinations": [("C_5^2", "20"), ("C_1^2", "0"), (r"{5 \choose 2}", r"\frac52")],
    "quantities in two units": [("1 hour 30 minutes", "1.3 hours"), ("5 ft 6 in", "5.6 ft"), ("5 ft 6 in", "66 ft")],
    "intervals": [("]1,3[", "[1,3]"), ("[1;3[", "(1,3)")],
    "words": [("three-fifths", "5/3"), ("one half", "2"), ("twenty-five percent", "250")],
    "notation": [("1.2 x 10^{-3}", "0.012"), ("1:2:3", "2:4:5"), (r"\|v\|", "|v|"), (r"\sqrt[n]{x}", "x^n")],
    "degrees": [(r"-30^\circ", "30"), ("20°C", "20°F"), (r"-30^\circ", "-31")],
    "scientific notation": [(r"4.64\times10^{-3}", r"\frac{1}{216}"), ("123456", r"1.23\times10^5"), (r"4.63\times10^{-3}", "4.63"), (r"1.23\times10^5", "125000")],
    "domain": [(r"3\arcsin\sqrt b", r"\frac32\arccos(1-b)"), (r"\sqrt{x-20}\sqrt{x-20}", "20-x"), (r"\max(x,-3)", "x"), (r"\sqrt{x^2}", "x"), (r"|x-6|", "6-x"), (r"\lfloor x\rfloor", r"\lceil x\rceil-1+0.5")],
    "functions": [(r"\coth x", r"\tanh x"), (r"\operatorname{sech} x", r"\cosh x"), (r"\operatorname{arccot} x", r"\arctan x")],
    "modulus and determinants": [(r"17 \bmod 5", "3"), (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "2"), (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "-2")],
    "index named i": [(r"\sum_{i=1}^{4} i", "4i"), (r"\sum_{i=1}^{4} i", "9"), (r"i\sum_{k=1}^3 k", "6")],
    "units": [("12 m/s", "12 km/s"), ("70K", "70"), ("5 N", "5 J"), ("mv", "m"), ("12", "13{cm}"), ("70 K", "70000"), ("9.8 m/s^2", r"9.8\ \mathrm{m/s}")],
    "decimal comma": [("25", "2,5"), ("12.345", "12,345"), ("1.125", "1,125"), ("2.5", "2, 5"), ("3", "1,2,3"), ("2.5, 3", "2,5"), (r"\frac{1}{10}", "(0,1)"), ("0.5", r"\{0,5\}")],
    "sets": [(r"(1,2)\cup(2,3)", "(1,3)"), (r"(1,3) \cup (2,4)", "(1,3)"), (r"[1,4)\cup[3,6)", "[1,6]"), ('["2", "3"]', "2"), ('["2", "3"]', "23"), (r"(1,2)\cup(3,4)", "(1,4)")],
    "damage": [("\frac{1}{3}", "3"), ("\text{odd}", "even"), ("\beta", "eta")],
    "digits": [("7", "7_000"), ("12", "1_2")],
}  # fmt: skip


@pytest.mark.parametrize(("reference", "answer"), [pair for pairs in EQUAL.values() for pair in pairs])
def test_decide_equivalence_reads_correct_answers(reference, answer):
    assert decide_equivalence(extract_reference(reference), answer, Policy()).equal is True


@pytest.mark.parametrize(("reference", "answer"), [pair for pairs in DIFFERENT.values() for pair in pairs])
def test_decide_equivalence_rejects_near_misses(reference, answer):
    assert decide_equivalence(extract_reference(reference), answer, Policy()).equal is False


def read_cases():
    rows = map(json.loads, CASES.read_text().splitlines()) if CASES.exists() else ()
    return [row for row in rows if row["verifier"] == "math" and row["kind"] in KINDS]


@pytest.mark.skipif(not CASES.exists(), reason="no shared cases")
def test_math_verifier_agrees_with_the_cases_of_comparison():
    rows = read_cases()
    samples = [Sample("", row["completion"], group=0, reference=row["reference"]) for row in rows]
    with MathVerifier() as math:
        verdicts = math.verify(samples)
    assert [row for row, v in zip(rows, verdicts, strict=True) if v.value != row["expected"]] == []
