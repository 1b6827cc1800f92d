r"""Notation that is rewritten before tokens are read, and lists of tokens that are split outside brackets."""

import pytest

from herokit_math.expression import UnsupportedError
from herokit_math.lexer import tokenize
from herokit_math.limits import MAX_ITEMS, LimitError
from herokit_math.notation import rewrite_notation
from herokit_math.parser import parse_answer
from herokit_math.token_split import bracket_depths, is_enclosed, is_separator, matches_operator, split_tokens


def texts(tokens):
    return [token.text for token in tokens]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("()", True),
        ("(", False),
        ("", False),
        ("(1)", True),
        ("(1)(2)", False),
        ("((1)(2))", True),
        ("(1) + 2", False),
        ("1 + (2)", False),
        ("(1", False),
        ("1)", False),
        (r"\{1, 2\}", True),
        (r"\lfloor x\rfloor", True),
        (r"\lfloor x\rfloor + \lfloor y\rfloor", False),
        ("begin (5)", False),
        (r"(5) \text{end}", False),
        (r"(begin 5 \text{end})", True),
        ("[1, 2)", True),
    ],
)
def test_is_enclosed_by_one_pair_of_brackets(text, expected):
    assert is_enclosed(tokenize(text)) is expected


def test_bracket_depths_count_a_bracket_as_inside_itself():
    assert bracket_depths(tokenize("1(2[3]4)5")) == [0, 1, 1, 2, 2, 2, 1, 1, 0]
    assert bracket_depths(tokenize("begin(5)")) == [0, 1, 1, 1]
    assert bracket_depths(tokenize(r"(1) \text{end} 2")) == [1, 1, 1, 0, 0]


def test_split_tokens_splits_outside_brackets_only():
    pieces = split_tokens(tokenize("a, (b, c), , [d] and e; f"), is_separator)
    assert list(map(texts, pieces)) == [["a"], ["(", "b", ",", "c", ")"], ["[", "d", "]"], ["e"], ["f"]]
    assert split_tokens([], is_separator) == []
    assert split_tokens(tokenize(",,"), is_separator) == []
    assert list(map(texts, split_tokens(tokenize("(a, b)"), is_separator))) == [["(", "a", ",", "b", ")"]]
    assert len(split_tokens(tokenize("1, " * MAX_ITEMS), is_separator)) == MAX_ITEMS
    with pytest.raises(LimitError):
        split_tokens(tokenize("1, " * (MAX_ITEMS + 1)), is_separator)


def test_delimiters_are_operators_and_not_words():
    assert [is_separator(token) for token in tokenize("1, 2; 3 and 4 or 5: 6")] == [False, True] * 4 + [False] * 3
    is_union = matches_operator("cup", ":")
    assert [is_union(token) for token in tokenize(r"\cup : cup")] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        # the base of a numeral
        ("1011 base 2", "1011_{2}"), (r"1011\text{ base } 2", "1011_{2}"), ("1011 (base two)", "1011_{two}"), ("0b101", "101_{2}"), ("0o17", "17_{8}"), ("0X3F", "3F_{16}"), ("10x3F", "10x3F"),
        # selections
        ("8C2", r"\binom{8}{2}"), ("8P2", r"\frac{(8)!}{(8-2)!}"), ("{}_{10}C_3", r"\binom{10}{3}"), ("^8C_2", r"\binom{8}{2}"), (r"\pi C2", r"\pi C2"), ("8C2x", "8C2x"),
        # congruences
        ("x = 3 (mod 7)", r"x = 3 \pmod{7}"), (r"x \equiv 3 \mod 7", r"x \equiv 3 \pmod 7"), (r"17 \mod 5", r"17 \mod 5"), (r"x = 3 (\bmod 7)", r"x = 3 \pmod{7}"),
        # unit vectors; a bold i alone may be any name
        (r"3\mathbf{i}", r"3\mathbf{i}"), (r"3\mathbf{i}+\mathbf{j}", r"3\hat{i}+\hat{j}"), (r"3\vec{i}", r"3\hat{i}"), (r"3\hat{\imath}", r"3\hat{i}"), (r"3\bm k", r"3\hat{k}"), (r"\hat{\mathbf{i}}", r"\hat{i}"), (r"\vec{a}", r"\vec{a}"),
        # ordinals and ohms
        (r"1^{\text{st}}", "1st"), (r"2\text{nd}", "2nd"), (r"5\Omega", "5 ohms"), (r"5 k\Omega", "5  kiloohms"), (r"5\,M\Omega", r"5\,M\Omega"), (r"5\Omega + 1", r"5\Omega + 1"),
        # recurring decimals: three equal digits, or a period twice
        ("0.333...", r"0.\overline{3}"), ("0.33...", "0.33..."), ("0.1666...", r"0.1\overline{6}"), ("0.1212...", r"0.\overline{12}"), ("0.142857142857...", r"0.\overline{142857}"), ("0.12345671234567...", "0.12345671234567..."), ("0.12...", "0.12..."), ("0.123123123...", r"0.\overline{123}"), (r"0.555\ldots", r"0.\overline{5}"),
        # an extremum is a label, minutes are a unit
        ("max 5", "maximum = 5"), ("Max 5", "maximum = 5"), ("min 5", "minimum = 5"), ("Min 5", "minimum = 5"), ("Minimum value of 5", "minimum = 5"), ("max is -3", "maximum = -3"), ("5 min 3", "5 min 3"), ("max(2, 3)", "max(2, 3)"), (r"\max 5", r"\max 5"),
        # numbers beyond a bound
        ("numbers greater than 5", "x > 5"), ("all real numbers less than or equal to 5", "x <= 5"), ("numbers smaller than -2", "x < -2"), ("numbers that are more than 5", "x > 5"), ("larger numbers", "larger numbers"),
        # times and dates
        ("noon", "12:00 p.m."), ("Midnight", "12:00 a.m."), ("at noon", "at noon"), ("14th of June", "June 14"), ("14 June 1999", "June 14, 1999"), ("June 4th, 1999", "June 4, 1999"), ("June 04", "June 4"), ("1999-06-04", "June 4, 1999"), ("1999-13-04", "1999-13-04"), ("1999-12-31", "December 31, 1999"), ("June 4 and 5", "June 4 and 5"),
        # the end of a number in Turkish; a derivative keeps its sign
        ("42'dir", "42"), ("f'(x)", "f'(x)"), ("5'", "5'"),
        ("0.1(6)", r"0.1\overline{6}"), ("2(3)", "2(3)"), ("0.1(6)x", "0.1(6)x"), ("123", "123"),
    ],
)  # fmt: skip
def test_rewrite_notation(text, rewritten):
    assert rewrite_notation(text) == rewritten


@pytest.mark.parametrize(
    "text",
    [
        r"\begin{tabular}1&2\end{tabular}",
        r"\begin{pmatrix}\begin{pmatrix}1\end{pmatrix}&2\end{pmatrix}",
        r"\begin{tabular}\begin{pmatrix}1\end{pmatrix}\end{tabular}",
    ],
)
def test_only_a_plain_matrix_of_a_known_environment_is_read(text):
    with pytest.raises(UnsupportedError):
        parse_answer(text)
