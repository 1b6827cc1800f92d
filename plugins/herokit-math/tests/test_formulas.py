# ruff: noqa: RUF001 - signs of sets and logic
r"""Formulas of sets and propositions, and lists that a conjunction joins."""

import pytest

from herokit_math import Policy
from herokit_math.answers import Formula
from herokit_math.formulas import parse_formula
from herokit_math.tiers import decide_equivalence

EQUAL = [
    (r"A\cap B", r"B\cap A"), (r"A \cup B", "A∪B"), (r"A\setminus B", r"A\cap B^c"), (r"A \setminus B", "A∖B"), (r"(A\cup B)^c", r"A^c\cap B^c"), (r"\overline{A\cap B}", r"\overline{A}\cup\overline{B}"),
    (r"A\cap(B\cup C)", r"(A\cap B)\cup(A\cap C)"), ("A' \\cap B", r"B\setminus A"), (r"A\subseteq B", "A⊆B"), (r"A\subseteq B", r"B\supseteq A"),
    (r"p \to q", r"\neg p \lor q"), (r"p\to q", r"\neg q\Rightarrow\neg p"), (r"\neg(p\land q)", r"\neg p\lor\neg q"), (r"\neg p", "¬p"), (r"p\land q", "p ∧ q"), (r"p \iff q", r"(p\to q)\land(q\to p)"),
    (r"p_1\lor p_2", r"p_{2} \vee p_{1}"), (r"A\cup B", r"(A\setminus B)\cup B"),
    (r"x=1 \text{ or } y=2", r"y=2 \text{ or } x=1"), (r"x_1=1 \text{ or } x_2=2", "x_1=1, x_2=2"), (r"x=1 \lor x=2", "1, 2"), (r"x<1 \lor x>3", r"(-\infty,1)\cup(3,\infty)"),
]  # fmt: skip
DIFFERENT = [
    (r"A\cap B", r"A\cup B"), (r"A\setminus B", r"B\setminus A"), (r"A\cup B", "A, B"), (r"A\cup B", r"A \text{ or } C"), (r"(A\cup B)^c", r"A^c\cup B^c"), (r"A\subseteq B", r"B\subseteq A"), (r"A\cap B", "B"),
    (r"p\land q", r"p\lor q"), (r"p\land q", "p, q"), (r"p\to q", r"q\to p"), (r"p\to q", "q"), (r"\neg p\lor q", r"\neg(p\lor q)"), (r"p \to (q \to r)", r"(p \to q) \to r"), (r"p\land q", r"p\land r"),
    (r"x=1 \text{ or } y=2", "x=1, y=2"), (r"x=1 \land y=2", r"x=1 \lor y=2"), ("x=1, y=2", r"x=1 \text{ or } y=2"), ("(1,2)", r"x=1 \text{ or } y=2"),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "answer"), EQUAL)
def test_decide_equivalence_accepts_equal_formulas(reference, answer):
    assert decide_equivalence(reference, answer, Policy()).equal is True


@pytest.mark.parametrize(("reference", "answer"), DIFFERENT)
def test_decide_equivalence_rejects_other_formulas(reference, answer):
    assert decide_equivalence(reference, answer, Policy()).equal is False


@pytest.mark.parametrize(
    "text",
    [
        "A", "A B", r"A \cup", r"\cup A", r"(A \cup B", r"A \cup B)", r"A \cup 1", r"(1,2) \cup (3,4)", r"P(A \cap B)", r"\mathbb{R} \setminus \{0\}", r"x \to \infty", r"f: A \to B", r"\neg", r"p \lor q = r",
        r"\lor".join("abcdefghi"), r"\neg " * 21 + "p", r"p \to " * 21 + "q", "(" * 21 + r"p \lor q" + ")" * 21, r"p \lor " * 100 + "p q",
    ],
)  # fmt: skip
def test_parse_formula_leaves_other_texts(text):
    assert parse_formula(text) is None


def test_a_formula_holds_the_names_that_matter_and_the_rows_where_it_is_true():
    assert parse_formula(r"p \land q") == Formula(("p", "q"), 0b1000)
    assert parse_formula(r"q \land (p \lor \neg p)") == Formula(("q",), 0b10)
    assert parse_formula(r"p \lor \neg p") == Formula((), 1)
    assert parse_formula(r"p \land \neg p") == Formula((), 0)
