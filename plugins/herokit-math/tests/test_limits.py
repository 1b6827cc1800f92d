"""Bounds that are checked before a text reaches sympy, and the steps of a pair, each at its edge."""

import pytest

from herokit_math import Policy
from herokit_math.lexer import tokenize
from herokit_math.limits import (
    LimitError,
    StepBudget,
    bracket_depth,
    check_latex_limits,
)
from herokit_math.parser import parse_answer
from herokit_math.tiers import decide_equivalence


def test_budget_ends_after_its_last_step():
    budget = StepBudget(5)
    budget.spend(2)
    budget.spend(3)
    assert budget.remaining == 0
    with pytest.raises(LimitError):
        budget.spend(1)
    with pytest.raises(LimitError):
        StepBudget(4).spend(5)
    assert StepBudget().remaining == 30_000


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("", 0),
        ("x", 0),
        ("(1)", 1),
        ("([{1}])", 3),
        ("(1)[2]{3}", 1),
        ("((1)(2))", 2),
        ("((", 2),
        ("))((", 2),
        ("())((", 2),
    ],
)
def test_bracket_depth(text, depth):
    assert bracket_depth(text) == depth


@pytest.mark.parametrize(
    ("allowed", "refused", "reason"),
    [
        ("x" * 800, "x" * 801, "longer than 800 characters"),
        ("(" * 40 + ")" * 40, "(" * 41, "nested deeper than 40"),
        ("(" * 40, "))" + "(" * 41, "nested deeper than 40"),
        ("1" * 400, "1" * 401, "too many digits"),
        ("2^9", "2^3^4", "tower of powers"),
        ("2^{3}x^{4}", "2^{3^4}", "tower of powers"),
        ("2^{-3}", "2^{-3}^4", "tower of powers"),
        ("2^{9999}", "2^{10000}", "large exponent"),
        ("2^{-9999}", "2^{ -10000}", "large exponent"),
        ("999!", "1000!", "large factorial"),
        ("3!", "3!!", "large factorial"),
        ("(3!)", "(3)!", "large factorial"),
        (r"\binom{999}{2}", r"\binom{1000}{2}", "large factorial"),
        ("x", r"{9 \choose 4}", "large factorial"),
    ],
)
def test_limits_of_the_sympy_tier(allowed, refused, reason):
    assert check_latex_limits(allowed) == ""
    assert reason in check_latex_limits(refused)


def test_an_answer_has_at_most_600_tokens_and_64_items():
    assert len(tokenize("+" * 600)) == 600
    with pytest.raises(LimitError):
        tokenize("+" * 601)
    assert len(parse_answer(", ".join(["1"] * 64)).items) == 64
    with pytest.raises(LimitError):
        parse_answer(", ".join(["1"] * 65))


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (r"\sum_{k=0}^{400} 1", r"\sum_{k=0}^{401} 1"),
        (r"\frac{5000!}{5000!}", r"\frac{5001!}{5001!}"),
    ],
    ids=["terms", "argument"],
)
def test_longer_sums_and_larger_arguments_are_not_evaluated(short, long):
    value = "401" if "sum" in short else "1"
    assert decide_equivalence(value, short, Policy())[0] is True
    assert decide_equivalence(value, long, Policy())[0] is None
