r"""Units in plain text and angles with their unit: pairs that are equal, and near misses of each."""

import pytest

from herokit_math import Policy
from herokit_math.lexer import TokenKind, tokenize
from herokit_math.tiers import decide_equivalence

EQUAL = [
    ("50 Hz", "50"), ("5 kJ", "5000 J"), ("5 kJ", r"5\text{ kJ}"), ("101 kPa", r"1.01\times10^5 Pa"), ("101 kPa", r"1.01 \times 10^{5} Pa"), ("5 MHz", "5000 kHz"),
    ("5 GW", "5000 MW"), ("2kN", "2000 N"), ("5 mA", "0.005 A"), ("5 kV", r"5000\ \text{V}"), ("3 mV", "0.003 V"), ("1 kWh", "3.6 MJ"),
    ("13.6 eV", "13.6"), ("2 MeV", "2000000 eV"), ("3 atm", "3"), ("2 bar", "200 kPa"), ("1 kcal", "4184 J"), ("30 dB", "30"), ("12 CM", "12 cm"),
    ("35°", "35 deg"), ("35°", "35 degrees"), ("20 °C", "20°"), ("98.6 °F", "37 °C"), (r"20^\circ\text{C}", r"68^\circ\text{F}"), ("-5 °C", "268.15 K"), ("300 K", "26.85 °C"), ("20°", "20"), ("5%", "5"), ("3 rad/s", "3 s^{-1}"), ("2 rad", "2"), ("2 rad", r"2\text{ radians}"), (r"120^\circ", r"\frac{2\pi}{3}\text{ rad}"), ("1 rad", "57.3°"),
    (r"\frac{\pi}{2}\text{ rad}", "90°"), ("¥500", "500 yen"), ("¥500", "500 yuan"), ("40", r"\textdollar 40"), ("£5", r"\pounds 5"), ("€5", r"\euro 5"),
    (r"\frac{GMm}{r^2}", r"G\frac{Mm}{r^2}"), (r"\frac{KGb}{2}", r"\frac12 K G b"),
]  # fmt: skip
DIFFERENT = [
    ("5 kJ", "5 J"), ("20 °C", "20 K"), ("20°", "20 K"), ("37 °C", "37 °F"), ("68 °F", "21 °C"), ("0 °C", "0 K"), ("5 kJ", "5 kW"), ("50 Hz", "50 kHz"), ("2 MeV", "2 eV"), ("30 dB", "30 Hz"), ("120°", r"120\text{ radians}"), ("1 rad", "1°"),
    ("12 rad", "12 deg"), ("2 rad", "2 cm"), ("45°", "45 cm"), ("5 cm", "5%"), (r"\pi", r"\pi\text{ degrees and } 3"), ("3 rad", r"3\%"), ("500 yen", "500 yuan"), ("€5", r"\pounds 5"), (r"\frac{GMm}{r^2}", r"G\frac{Mm}{r}"),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "answer"), EQUAL)
def test_decide_equivalence_reads_units(reference, answer):
    assert decide_equivalence(reference, answer, Policy()).equal is True


@pytest.mark.parametrize(("reference", "answer"), DIFFERENT)
def test_decide_equivalence_distinguishes_units(reference, answer):
    assert decide_equivalence(reference, answer, Policy()).equal is not True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5 kPa", ["kPa"]),
        ("2mW", ["mW"]),
        ("Mm", []),
        ("kN + 1", []),
        ("xkN", []),
        ("12 Kg", ["Kg"]),
        (") KG", []),
        ("} kHz", []),
        ("$ kPa", []),
        (r"\frac{1}{2} kPa", ["kPa"]),
    ],
)
def test_letters_are_a_unit_behind_a_number_only(text, words):
    assert [token.text for token in tokenize(text) if token.kind == TokenKind.WORD] == words
