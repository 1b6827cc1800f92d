"""What texts are parsed as: the type, the parts and the names of an answer."""

from itertools import chain, product

import pytest

from herokit_math import parser
from herokit_math.answers import (
    Cases,
    Collection,
    Interval,
    LabeledValue,
    Matrix,
    Quantity,
    Ratio,
    Region,
    RelationChain,
    Residues,
    Text,
)  # fmt: skip
from herokit_math.expression import UnsupportedError
from herokit_math.limits import MAX_ANSWER_CHARS, MAX_DEPTH, LimitError
from herokit_math.parser import parse_answer
from herokit_math.quantities import _SCALES
from herokit_math.tree import Call, Const, Num, Sym
from herokit_math.units import UNITS


def outline(answer):  # noqa: C901, PLR0911, PLR0912 - one branch and return per type
    """Return a parsed answer on one line: its type, its parts, its names."""
    match answer:
        case Num(value):
            return str(value)
        case Sym(name) | Const(name):
            return name
        case Call(op, args):
            return f"{op}({', '.join(map(outline, args))})"
        case Quantity(node, unit, words, mark):
            return " ".join(filter(None, [outline(node), mark, words, "unit" if unit else ""]))
        case LabeledValue(label, value, equation):
            return f"{label} {':=' if equation else ':'} {outline(value)}"
        case RelationChain(parts, relations):
            return " ".join(
                outline(x) if not isinstance(x, str) else x
                for x in [parts[0], *chain(*zip(relations, parts[1:], strict=True))]
            )
        case Interval(low, high, closed_low, closed_high):
            return f"{'(['[closed_low]}{outline(low)}, {outline(high)}{')]'[closed_high]}"
        case Region(parts, name):
            return f"{name} in {' U '.join(map(outline, parts))}"
        case Collection(items, bracket):
            return f"{bracket or 'list'}: {'; '.join(map(outline, items))}"
        case Matrix(rows):
            return " / ".join(" ".join(map(outline, row)) for row in rows)
        case Cases(items):
            return " | ".join(f"{outline(value)} if {outline(condition)}" for value, condition in items)
        case Residues(residues, modulus, subject):
            return f"{subject and outline(subject)} = {', '.join(map(outline, residues))} mod {outline(modulus)}"
        case Ratio(parts, is_clock, half_day):
            return f"{':'.join(map(outline, parts))} {'clock' * is_clock} {half_day}".strip()
        case Text(words):
            return f"words {' '.join(words)}"
    return repr(answer)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apples and pears", "and: words apples; words pears"),
        ("apples or pears", "or: words apples; words pears"),
        ("apples, pears", "list: words apples; words pears"),
        ("apples and pears or plums", "list: words apples; words pears; words plums"),
        ("\\{\\}", "{: "),
        ("\\emptyset", "{: "),
        ("all real numbers", " in (neg(inf), inf)"),
        ("the", "words the"),
        ("5 and 7", "list: 5; 7"),
        ("5, 7", "list: 5; 7"),
        ("5; 7", "list: 5; 7"),
        ("1, 2; 3, 4", "list: 1; 2; 3; 4"),
        ("x, y", "list: x; y"),
        ("x such that x>2", "words x such x > 2"),
        ("x where x = 2", "words x where x = 2"),
        ("5 if n is odd", "5"),
        ("y for x", "y for x"),
        ("5 otherwise 3", "words 5 otherwise 3"),
        ("x \\approx 3", "3"),
        ("3.14159 \\approx \\pi", "314159/100000"),
        ("a=b \\Rightarrow x=3", "x := 3"),
        ("x^2=4 implies x = 2", "x := 2"),
        ("x \\to 5", "5"),
        ("simplifies to 5", "5"),
        ("parallel to l", "words parallel to l"),
        ("k\\pi, k \\in \\mathbb{Z}", "mul(k, pi)"),
        ("x \\forall y", "x"),
        ("= 5", "5"),
        (", 5", "5"),
        ("5 ,", "5"),
        ("and 5 and", "5"),
        ("5 =", "5"),
        ("A(1,2)", "A : (: 1; 2"),
        ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "1 2 / 3 4"),
        ("\\begin{cases}x=1\\\\y=2\\end{cases}", "list: x := 1; y := 2"),
        ("\\begin{cases}x&x>1\\\\y&x\\le1\\end{cases}", "x if x in (1, inf) | y if x in (neg(inf), 1]"),
        ("\\begin{aligned}x&=1\\\\y&=2\\end{aligned}", "x 1 / y 2"),
        ("\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}", "add(mul(1, 4), neg(mul(2, 3)))"),
        ("\\det\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "add(mul(1, 4), neg(mul(2, 3)))"),
        ("\\mathbb{R}\\setminus\\{1\\}", " in (neg(inf), 1) U (1, inf)"),
        ("\\mathbb{R}\\setminus(1,2]", " in (neg(inf), 1] U (2, inf)"),
        ("[0,9]\\setminus[2,3)", " in [0, 2) U [3, 9]"),
        ("\\{1,2\\}", "{: 1; 2"),
        ("\\{x|x>1\\}", "x in (1, inf)"),
        ("\\{x \\in \\mathbb{R}|x>1\\}", "x in (1, inf)"),
        ("\\{x \\in \\mathbb{Z}|0<x<3\\}", "{: 1; 2"),
        ("\\{x \\in \\mathbb{N}|x\\le3\\}", "{: 1; 2; 3"),
        ("\\{2k|k \\in \\mathbb{Z}\\}", "|: mul(2, k); list: Z"),
        ("\\{x: x<1, x>0\\}", "x in (0, 1)"),
        ("1\\pm2", "list: add(1, 2); add(1, -2)"),
        ("\\mp 3", "list: -3; 3"),
        ("1\\pm2\\mp3", "list: add(1, 2, -3); add(1, -2, 3)"),
        ("(\\pm1,\\pm2)", "list: (: 1; 2; (: 1; -2; (: -1; 2; (: -1; -2"),
        ("(1,2)\\cup[3,4]", " in (1, 2) U [3, 4]"),
        ("x\\in(1,2)", " in (1, 2)"),
        ("x\\in\\{1,2\\}", "{: 1; 2"),
        ("\\mathbb{R}", " in (neg(inf), inf)"),
        ("[x=1,y=2]", "list: x := 1; y := 2"),
        ("[1,2)", "[1, 2)"),
        ("(1,2)", "(: 1; 2"),
        ("(-\\infty,2)", "(neg(inf), 2)"),
        ("(1,2,3)", "(: 1; 2; 3"),
        ("[1,2,3]", "[: 1; 2; 3"),
        ("{1,2}", "{: 1; 2"),
        ("(5)", "5"),
        ("[5]", "5"),
        ("[[1,2],[3,4]]", "1 2 / 3 4"),
        ("x=1", "x := 1"),
        ("1=x", "x := 1"),
        ("x<2", "x in (neg(inf), 2)"),
        ("1<x<2", "x in (1, 2)"),
        ("x=1=1", "x := 1"),
        ("a+b=c", "c := add(a, b)"),
        ("x=(1,2)", "x : (: 1; 2"),
        ("x=\\begin{pmatrix}1\\\\2\\end{pmatrix}", "x : 1 / 2"),
        ("area = 5", "area : 5"),
        ("if x = 5", "words if x = 5"),
        ("x=", "x"),
        ("=x=", "x"),
        ("a:b=3:2", "a:b : 3:2"),
        ("P(X>1)=1/2", "P(X>1) := div(1, 2)"),
        ("P(X)=1/2", "P(X) := div(1, 2)"),
        ("E(X|Y)=2", "E(X|Y) := 2"),
        ("P(A \\cap B)=1/2", "P(AcapB) := div(1, 2)"),
        ("Bob: 5", "Bob : 5"),
        ("Total: 3 + 4", "Total : add(3, 4)"),
        ("AB: 5", "mul(A, B):5"),
        ("x: 5", "x:5"),
        ("3:4", "3:4"),
        ("12:30", "12:30 clock"),
        ("12:30 pm", "12:30 clock pm"),
        ("1:2:3", "1:2:3"),
        ("x+1:2", "add(x, 1):2"),
        ("5 apples", "5 apples"),
        ("3 ft 2 in", "div(add(mul(3, 381/1250), mul(2, 127/5000)), 381/1250) ft unit"),
        ("5\\%", "5 %"),
        ("30^\\circ", "30 deg"),
        ("x=30^\\circ", "x := 30 deg"),
        ("y=5\\%", "y := 5 %"),
        ("2 to 3", "2:3"),
        ("3 out of 8", "div(3, 8)"),
        ("1 to 2 to 3", "1:2:3"),
        ("3 in 8 in 9", "words 3 in 8 in 9"),
        ("1/2(2,4)", "(: mul(div(1, 2), 2); mul(div(1, 2), 4)"),
        ("-(1,2)", "(: mul(-1, 1); mul(-1, 2)"),
        ("2(1,2)", "(: mul(2, 1); mul(2, 2)"),
        ("x \\equiv 1 \\pmod 3", "None = 1 mod 3"),
        ("3 \\pmod 5", "None = 3 mod 5"),
        ("(a) 1 (b) 2", "(: 1; 2"),
        ("1_2", "BasedNumeral(digits='1', base=2)"),
        ("FF_{16}", "BasedNumeral(digits='FF', base=16)"),
        ("x_2", "BasedNumeral(digits='x', base=2)"),
    ],
)  # fmt: skip
def test_parse_answer_returns_a_type_and_its_parts(text, expected):
    assert outline(parse_answer(text)) == expected


@pytest.mark.parametrize("text", ["a(1,2)", "AB(1,2)", "\\pm\\pm1", "2x \\in (1,2)", "Q(X>1)=1/2", "x(1,2)"])  # fmt: skip
def test_parse_answer_rejects_what_it_does_not_support(text):
    with pytest.raises(UnsupportedError):
        parse_answer(text)


def test_parse_answer_accepts_lengths_and_depths_up_to_its_limits():
    assert outline(parse_answer("1" + " " * (MAX_ANSWER_CHARS - 1))) == "1"
    assert outline(parse_answer("(" * (MAX_DEPTH // 2 - 1) + "1" + ")" * (MAX_DEPTH // 2 - 1))) == "1"
    for text in ("1" * (MAX_ANSWER_CHARS + 1), "(" * (MAX_DEPTH + 1) + "1"):
        with pytest.raises(LimitError):
            parse_answer(text)


PLAIN_PIECES = ("2", "1/3", "x", "(x+1)^{2}", "-", "*", "^", ")", "1 000", r"\frac12", r"\sin x", "A", ",")


def parse_or_error(text):
    """Return the outcome for a text: the answer, or the exception and its message."""
    try:
        return parser.parse_answer.__wrapped__(text)
    except (UnsupportedError, LimitError) as error:
        return f"{type(error).__name__}: {error}"


def test_parse_answer_reads_plain_expressions_as_it_does_when_it_tries_every_form(monkeypatch):
    texts = ["".join(pieces) for pieces in product(PLAIN_PIECES, repeat=3)]
    plain = [parse_or_error(text) for text in texts]
    parser.parse_answer.cache_clear()
    monkeypatch.setattr(parser, "_is_plain_expression", lambda _: False)
    assert [parse_or_error(text) for text in texts] == plain
    parser.parse_answer.cache_clear()


def test_plain_expressions_have_no_letter_of_a_unit_or_a_scale():
    assert parser._PLAIN_TEXTS.isdisjoint(UNITS)
    assert parser._PLAIN_TEXTS.isdisjoint(_SCALES)
