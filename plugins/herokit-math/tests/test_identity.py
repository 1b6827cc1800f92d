"""The tier that decides identities: how many points it takes, where they lie, and what is precise enough."""

import math

import pytest

from herokit_math.expression import parse_expression
from herokit_math.identity import Tier, decide_identity, evaluate_real, sample_point
from herokit_math.lexer import tokenize
from herokit_math.limits import StepBudget
from herokit_math.normalize import normalize_text
from herokit_math.numeric import high_precision
from herokit_math.tree import Call

STEPS = 30_000


def parse(text):
    return parse_expression(tokenize(normalize_text(text)))


def identical(left, right):
    return decide_identity(parse(left), parse(right), StepBudget(STEPS))[0]


def count_nodes(node):
    return 1 + sum(map(count_nodes, node.args)) if isinstance(node, Call) else 1


@pytest.mark.parametrize(("left", "right", "points"), [
    (r"\sin1\cos1", r"\frac12\sin2", 1), (r"\sin x\cos x", r"\frac12\sin(2x)", 3), (r"n!\sin n\cos n", r"\frac12n!\sin(2n)", 6), (r"|x|\sin x\cos x", r"\frac12|x|\sin(2x)", 18),
    (r"\sin x", r"\cos x", 0), (r"\sin x", "0", 0), ("0", r"\sin x", 0), (r"\sin1", r"\cos1", 0),
])  # fmt: skip
def test_decide_identity_takes_no_more_precise_points_than_it_needs(left, right, points):
    budget = StepBudget(STEPS)
    assert decide_identity(parse(left), parse(right), budget)[0] is bool(points)
    steps_at_a_point = (1 + high_precision().step_cost) * (count_nodes(parse(left)) + count_nodes(parse(right)))
    assert (STEPS - budget.remaining) // steps_at_a_point == points


def test_names_of_integers_are_integers_beside_a_step_function():
    assert identical(r"\lfloor n\rfloor", "n") is True
    assert identical("n", r"\lceil n\rceil") is True
    assert identical(r"\lfloor x\rfloor", "x") is False
    assert identical(r"\lfloor n\rfloor+x", "n+x") is False
    assert identical(r"\lfloor n\rfloor+k+m+j+N", "n+k+m+j+N") is True
    assert decide_identity(parse("x+1"), parse("x+1"), StepBudget(STEPS)) == (True, Tier.NORMAL)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_complex_expressions_that_agree_at_one_point_are_different(k):
    point = sample_point(frozenset("x"), k, integers=False)["x"]
    assert identical(r"i+\sin x", rf"i+\sin x+x-\frac{{{point.numerator}}}{{{point.denominator}}}") is False


def test_a_difference_of_large_numbers_is_zero_only_to_forty_digits():
    assert identical(r"10^{10}\sqrt8-2\cdot10^{10}\sqrt2", "0") is True
    assert identical(r"10^{16}\sqrt8-2\cdot10^{16}\sqrt2", "0") is None


@pytest.mark.parametrize(("k", "low", "high"), [
    (0, 0.4, 2.395), (3, 0.4, 2.395), (6, 0.4, 2.395), (1, -2.395, -0.4), (4, -2.395, -0.4), (2, -2.395, 2.395), (5, -2.395, 2.395), (7, 5, 11), (8, 8, 14), (9, 2, 8),
    (10, 0.1333, 0.798), (12, 0.1333, 0.798), (13, 6, 15.97), (15, 6, 15.97), (16, -15.97, -6), (17, -15.97, -6),
])  # fmt: skip
def test_test_points_lie_in_the_ranges_of_their_description(k, low, high):
    points = sample_point(frozenset(f"x_{n}" for n in range(3_000)), k, integers=False).values()
    assert (float(min(points)), float(max(points))) == pytest.approx((low, high), rel=2e-3)
    assert all(point.denominator == 1 for point in points) is (7 <= k <= 9)


def test_rational_expressions_are_compared_at_two_points():
    sides, budget = (parse("(x+1)^2"), parse("x^2+2x+1")), StepBudget(STEPS)
    assert decide_identity(*sides, budget) == (True, Tier.RATIONAL)
    assert (STEPS - budget.remaining) // sum(map(count_nodes, sides)) == 2


@pytest.mark.parametrize(("text", "value"), [
    (r"10^{-13}\pi", math.pi * 1e-13), ("10^{299}\\pi", math.pi * 1e299), (r"10^{301}\pi", None), (r"\sqrt8-2\sqrt2", 0.0), (r"10^9\sqrt8-2\cdot10^9\sqrt2", 0.0), (r"\pi i", None), (r"(\pi i)^2", -(math.pi**2)), ("x", None), (r"\frac10", None),
])  # fmt: skip
def test_evaluate_real_at_its_limits(text, value):
    result = evaluate_real(parse(text), StepBudget(STEPS))
    assert result is value or result == pytest.approx(value, rel=1e-9, abs=1e-12 if value == 0 else 0)
