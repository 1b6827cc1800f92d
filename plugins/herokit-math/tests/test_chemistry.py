"""Chemical formulas have one spelling."""

import pytest

from herokit_math import Policy
from herokit_math.notation import spell_chemical_formula
from herokit_math.tiers import decide_equivalence


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        (r"\ce{H2SO4}", "H_2SO_4"), (r"\mathrm{CO_2}", "CO2"), ("CO2", "CO_{2}"), (r"\text{Fe}_2\text{O}_3", r"\ce{Fe2O3}"), ("CO₂", "CO2"), (r"\mathrm{Ca(OH)_2}", "Ca(OH)2"), (r"\ce{SO4^2-}", r"\mathrm{SO_4^{2-}}"),
        ("H2O", r"\mathrm{H}_{2}\mathrm{O}"), ("C_6H_{12}O_6", "C6H12O6"),
    ],
)  # fmt: skip
def test_decide_equivalence_reads_chemical_formulas(reference, answer):
    assert decide_equivalence(reference, answer, Policy()).equal is True


@pytest.mark.parametrize(
    ("reference", "answer"),
    [(r"\mathrm{CO_2}", "CO"), ("H_2O", "H_2O_2"), ("CO_2", "CO_3"), ("NO_2", "N_2O"), ("SO_4^{2-}", "SO_4"), ("AB_2", "AB2"), ("N_2", "N2"), ("Co_2O", "CO2O")],
)  # fmt: skip
def test_decide_equivalence_distinguishes_chemical_formulas(reference, answer):
    assert decide_equivalence(reference, answer, Policy()).equal is not True


@pytest.mark.parametrize(
    "text", ["", "CO", "C2", "2CO", "H2o", "x^2", "C" * 121, "CO2 + H2O", "(1,2)", "((", "A(1,2)", r"\frac{C}{O2}"]
)
def test_other_texts_are_no_compound(text):
    assert spell_chemical_formula(text) == ""
