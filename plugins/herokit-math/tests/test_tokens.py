"""Values of the parts that read text: tokens, words, numbers in words, expressions in prose, parts of an answer."""

from fractions import Fraction

import pytest

from herokit_math.lexer import parse_repeating_decimal, tokenize
from herokit_math.limits import MAX_DIGITS, MAX_TOKENS, LimitError
from herokit_math.scan import find_expressions
from herokit_math.words import find_content_words, parse_fraction_words, parse_number_words

KINDS = "NVCWOJ"
"""Numbers, variables, commands, words, operators, conjunctions."""


def describe(text):
    return " ".join(f"{KINDS[t.kind]}{'_' * t.after_space}{t.text}" for t in tokenize(text))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("2\\pi r", "N2 Cpi V_r"),
        ("\\frac{1}{2}x", "Cfrac O{ N1 O} O{ N2 O} Vx"),
        ("3.5e3", "N3.5e3"),
        ("2e", "N2 Ve"),
        ("1,234", "N1234"),
        ("1,2", "N1 O, N2"),
        ("(1,234)", "O( N1 O, N234 O)"),
        ("12,345.6", "N12345.6"),
        ("0,123", "N0 O, N123"),
        ("0.1\\overline{6}", "N0.1\\overline{6}"),
        (".\\dot{3}", "N.\\dot{3}"),
        ("x_1", "Vx O_ N1"),
        ("x<=3", "Vx O\\le N3"),
        ("x>=3", "Vx O\\ge N3"),
        ("x!=3", "Vx O\\ne N3"),
        ("x=<3", "Vx O\\le N3"),
        ("x=>3", "Vx O\\ge N3"),
        ("x<>3", "Vx O\\ne N3"),
        ("x==3", "Vx O= N3"),
        ("x:=3", "Vx O= N3"),
        ("2**3", "N2 O^ N3"),
        ("\\text{5 cm}", "N5 W_cm"),
        ("5\\text{ m}", "N5 W_m"),
        ("5 m", "N5 V_m"),
        ("5\\text{ m}^2", "N5 W_m O^ N2"),
        ("(3)\\text{ s}", "O( N3 O) W_s"),
        ("20^\\circ C", "N20 O^ Ccirc W_celsius"),
        ("20^\\circ\\text{C}", "N20 O^ Ccirc Wcelsius"),
        ("20 degrees F", "N20 W_degrees W_fahrenheit"),
        ("5 F", "N5 V_F"),
        ("3rd", "N3 Wth"),
        ("21 st", "N21 V_s Vt"),
        ("4th", "N4 Wth"),
        ("and 5", "Jand N_5"),
        ("x or y", "Vx J_or V_y"),
        ("2 und 3", "N2 J_and N_3"),
        ("OR 3", "VO VR N_3"),
        ("a \\land b", "Va J_and V_b"),
        ("min(2,3)", "Cmin O( N2 O, N3 O)"),
        ("5 min", "N5 W_min"),
        ("3 km/min", "N3 W_km O/ Wmin"),
        ("\\min(1,2)", "Cmin O( N1 O, N2 O)"),
        ("xsin y", "Vx Csin V_y"),
        ("theta", "Ctheta"),
        ("oo", "Cinfty"),
        ("inf", "Cinfty"),
        ("17 mod 5", "N17 C_bmod N_5"),
        ("abc", "Va Vb Vc"),
        ("abcd", "Wabcd"),
        ("Bob", "WBob"),
        ("xyz", "Vx Vy Vz"),
        ("pct", "Wpct"),
        ("not 5", "Wnot N_5"),
        ("\\mathrm{kg}", "Wkg"),
        ("\\text{if }x>1", "Wif Vx O> N1"),
        ("\\lvert x\\rvert", "O| V_x O|"),
        ("\\le \\geq \\neq", "O\\le O_\\ge O_\\ne"),
        ("\\{1,2\\}", "O\\{ N1 O, N2 O\\}"),
        ("\\|v\\|", "O\\| Vv O\\|"),
        ("\\lVert v\\rVert", "O\\| V_v O\\|"),
        ("don't", "Wdon't"),
        ("f'(x)", "Vf O' O( Vx O)"),
        ("\\operatorname{cis}", "Ccis"),
        ("\\log_2 8", "Clog O_ N2 N_8"),
        ("\\lg 5", "Clg N_5"),
        ("été", "Wété"),
        ("\\text{ y }", "V_y"),
        ("5\\text{ y}", "N5 V_y"),
        ("tan", "Ctan"),
        ("xtan", "Wxtan"),
        ("hour", "Whour"),
        ("A and B", "VA J_and V_B"),
        ("\\text{A and B}", "VA J_and V_B"),
        ("3 or", "N3 J_or"),
        ("x\\,y", "Vx O\\, Vy"),
        ("10 usd", "N10 W_usd"),
    ],
)  # fmt: skip
def test_tokenize_returns_kinds_texts_and_spaces(text, tokens):
    assert describe(text) == tokens


def test_tokenize_accepts_tokens_and_digits_up_to_its_limits():
    assert len(tokenize("+" * MAX_TOKENS)) == MAX_TOKENS
    assert tokenize("1" * MAX_DIGITS)[0].text == "1" * MAX_DIGITS
    for text in ("+" * (MAX_TOKENS + 1), "1" * (MAX_DIGITS + 1)):
        with pytest.raises(LimitError):
            tokenize(text)


def test_tokenize_reads_braces_of_a_text_to_their_end():
    assert describe(r"\text{a {b} {c} dog}x") == "Va O_{ Vb O} O_{ Vc O} W_dog Vx"
    assert describe(r"\text{red") == "Wred"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"0.\overline{3}", Fraction(1, 3)), (r".\overline{12}", Fraction(4, 33)), (r"2.5\overline{0}", Fraction(5, 2)),
        (r"1.2\dot{7}", Fraction(23, 18)), (r"0.00\bar{45}", Fraction(1, 220)),
    ],
)  # fmt: skip
def test_parse_repeating_decimal_is_exact(text, value):
    assert parse_repeating_decimal(text) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The answer is red", ("red",)),
        ("\\text{Not a circle}", ("not", "circle")),
        ("no solutions", ("no", "solution")),
        ("the number of solutions", ("the", "number", "of", "solutions")),
        ("x is odd", ("x", "odd")),
        ("a B", ("a", "B")),
        ("a bee", ("bee",)),
        ("A", ("A",)),
        ("well-known", ("well", "known")),
        ("x-y", ("x", "-", "y")),
        ("3 - 4", ("3", "-", "4")),
        ("all real", ("real",)),
        ("not all", ("not", "all")),
        ("isn't", ("isn't",)),
        ("doesn't exist", ("not", "exist")),
        ("5:3", ("5", ":", "3")),
        ("a:b", ("a", "b")),
        ("12,345", ("12345",)),
        ("3.50", ("3.50",)),
        ("f'", ("f", "'")),
        ("x!", ("x", "!")),
        ("\\text{\\textbf{Mon}day}", ("mon", "day")),
        ("(\\text{yes})", ("yes",)),
        ("[no]", ("no",)),
        ("(a)(b)", ("(", "a", ")", "(", "b", ")")),
        ("\\leq 3", ("\\le", "3")),
        ("{x}", ("x",)),
        ("{x+1}", ("{", "x", "+", "1", "}")),
        ("\\{x\\}", ("x",)),
        ("true", ("yes",)),
        ("diverge", ("diverges",)),
        ("the", ("the",)),
        ("", ()),
        ("is", ("is",)),
        ("a \\times b", ("a", "*", "b")),
        ("each value", ("each", "value")),
        ("no value", ("no", "value")),
        ("infinite", ("infinitely",)),
    ],
)  # fmt: skip
def test_find_content_words_keeps_what_is_said(text, words):
    assert find_content_words(text) == words


@pytest.mark.parametrize(
    ("words", "whole", "fraction"),
    [
        ((), None, "None"),
        (("zero",), 0, "0"),
        (("nineteen",), 19, "19"),
        (("twenty", "one"), 21, "21"),
        (("ninety",), 90, "90"),
        (("hundred",), 100, "100"),
        (("two", "hundred"), 200, "200"),
        (("three", "thousand", "four"), 3004, "3004"),
        (("one", "million", "two", "thousand", "three"), 1002003, "1002003"),
        (("dozen",), 12, "12"),
        (("two", "dozen"), 24, "24"),
        (("five", "apples"), None, "None"),
        (("one", "one", "one", "one", "one", "one", "one", "one", "one", "one", "one", "one"), 12, "12"),
        (("one", "one", "one", "one", "one", "one", "one", "one", "one", "one", "one", "one", "one"), None, "None"),
        (("trillion",), 1000000000000, "1000000000000"),
        (("half",), None, "None"),
        (("one", "half"), None, "1/2"),
        (("three", "quarters"), None, "3/4"),
        (("two", "tenths"), None, "1/5"),
        (("half", "two"), None, "None"),
        (("twelve", "halves"), None, "6"),
    ],
)  # fmt: skip
def test_numbers_in_words(words, whole, fraction):
    assert parse_number_words(words) == whole
    assert str(parse_fraction_words(words)) == fraction


@pytest.mark.parametrize(
    ("text", "expressions"),
    [
        ("The sum of 3 and 4 is 7.", ["3", "4", "7"]),
        ("It is 2, 3, or 5.", ["2, 3", "5"]),
        ("We get x = 5.", ["x = 5"]),
        ("so $x^2$ is", ["x^2"]),
        ("\\(a+b\\) or \\[c\\]", ["a+b"]),
        ("**42**", ["42"]),
        ("a cat", []),
        ("I have 3 a day", ["3"]),
        ("x is 2a + b", ["2a + b"]),
        ("AZYUK2A", []),
        ("答案是42个", ["42个"]),
        ("5% of 20", ["5%", "20"]),
        ("(1, 2) and [3, 4)", ["(1, 2)", "[3, 4)"]),
        ("1,234.5 km", ["1,234.5"]),
        ("-5 degrees", ["-5"]),
        ("|x| < 3", ["|x| < 3"]),
        ("\\frac{1}{2} cm", ["\\frac{1}{2}"]),
        ("f(2) = 3", ["f(2) = 3"]),
        ("sin x + 1", ["sin x + 1"]),
        ("3 x", ["3 x"]),
        ("2 apples", ["2"]),
        ("3√2", ["3√2"]),
        ("a = 3, b = 4", ["a = 3, b = 4"]),
        ("$n$", []),
        ("$n=4$", ["n=4"]),
        ("12:30", ["12:30"]),
        ("3 !", ["3 !"]),
        ("he said (see 3", ["3"]),
        ("5)", ["5"]),
        ("$$7$$", ["7"]),
        ("2^{10}", ["2^{10}"]),
        ("10 ≤ x", ["10 ≤ x"]),
        ("x_{1}, x_{2}", ["x_{1}, x_{2}"]),
        ("lim", []),
        ("log 3", ["log 3"]),
        (".", []),
    ],
)  # fmt: skip
def test_find_expressions_in_prose(text, expressions):
    assert [span.text for span in find_expressions(text)] == expressions
    assert all(span.text in text[span.start : span.end] for span in find_expressions(text))
