"""Trees: names that are free, determinants, selections, signs; values worked out by hand."""

from fractions import Fraction

import pytest

from herokit_math.exact import evaluate_exactly
from herokit_math.expression import parse_expression
from herokit_math.lexer import tokenize
from herokit_math.limits import StepBudget
from herokit_math.tree import (
    ONE,
    Call,
    Const,
    Num,
    Sym,
    free_symbols,
    has_names,
    has_operation,
    make_determinant,
    make_double_factorial,
    make_selection,
    multiply,
    negate,
    rename_symbols,
    subtract,
)


def number(value):
    return Num(Fraction(value))


def tree(text):
    return parse_expression(tokenize(text))


def value(node):
    return evaluate_exactly(node, StepBudget())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("5", ""), (r"\pi", ""), ("x+2y", "xy"), ("f(x)", "x"), (r"\sum_{k=1}^{n} kx", "nx"), (r"\prod_{k=m}^{5} k", "m"), (r"\sum_{k=k}^{5} 1", "k"), (r"\sum_{k=1}^{3} \sum_{j=1}^{k} jx", "x"), ("x^{y}", "xy"),
    ],
)  # fmt: skip
def test_free_symbols_are_those_that_nothing_binds(text, names):
    assert free_symbols(tree(text)) == frozenset(names)


def test_has_names_and_operations():
    assert [has_names(tree(text)) for text in ("5", "x", "f(2)", r"\sqrt{2}+1", r"1+\sin x")] == [
        False,
        True,
        True,
        False,
        True,
    ]
    roots = frozenset({"root"})
    texts = (r"1+\sqrt{2}", r"\sqrt{2}", "1+2", "x", r"\sin(\sqrt{2}+1)", r"(1+2)\cdot(3+\sqrt{2})")
    assert [has_operation(tree(text), roots) for text in texts] == [True, True, False, False, True, True]


@pytest.mark.parametrize(
    ("rows", "determinant"),
    [
        ([[7]], 7),
        ([[1, 2], [3, 4]], -2),
        ([[0, 1], [1, 0]], -1),
        ([[0, 1, 0], [0, 0, 1], [1, 0, 0]], 1),
        ([[0, 0, 1], [1, 0, 0], [0, 1, 0]], 1),
        ([[0, 0, 1], [0, 1, 0], [1, 0, 0]], -1),
        ([[2, 0, 0], [0, 3, 0], [0, 0, 5]], 30),
        ([[1, 2, 3], [4, 5, 6], [7, 8, 10]], -3),
        ([[0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]], 1),
    ],
)
def test_make_determinant_gives_odd_permutations_a_minus_sign(rows, determinant):
    assert value(make_determinant([[number(entry) for entry in row] for row in rows])) == determinant


def test_double_factorials_are_products_of_every_other_number():
    results = {1: 1, 2: 2, 5: 15, 6: 48, 7: 105}
    for n, result in results.items():
        assert make_double_factorial(number(n)) == number(result)
    assert isinstance(make_double_factorial(number(300)), Num)
    for node in (number(301), number(0), number(-3), Num(Fraction(5, 2)), Sym("n")):
        assert make_double_factorial(node) == Call("apply", (Sym("!!"), node))


def test_selections_with_an_order_count_every_arrangement():
    assert value(make_selection(number(5), number(2), is_ordered=False)) == 10
    assert value(make_selection(number(5), number(2), is_ordered=True)) == 20


def test_differences_products_and_signs():
    assert negate(Num(Fraction(3, 2), 1)) == Num(Fraction(-3, 2), 1)
    assert negate(Sym("x")) == Call("neg", (Sym("x"),))
    assert value(subtract(number(7), number(9))) == -2
    assert multiply(multiply(Sym("a"), Sym("b")), Sym("c")) == Call("mul", (Sym("a"), Sym("b"), Sym("c")))
    total = Call("add", (Sym("a"), ONE))
    assert multiply(total, Sym("b")) == Call("mul", (total, Sym("b")))
    assert multiply(Sym("a"), total) == Call("mul", (Sym("a"), total))


def test_rename_symbols_renames_all_at_once():
    swapped = rename_symbols(tree("x^{y}+2z"), {"x": "y", "y": "x"})
    assert swapped == tree("y^{x}+2z")
    assert rename_symbols(Const("pi"), {"pi": "x"}) == Const("pi")
