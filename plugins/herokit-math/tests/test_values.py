"""Values and error bounds of the tiers, worked out by hand."""

import math
from fractions import Fraction

import pytest

from herokit_math.exact import NotExactError, evaluate_exactly, make_index_range
from herokit_math.expression import UnsupportedError, parse_expression
from herokit_math.identity import Tier, decide_identity, evaluate_real, sample_point
from herokit_math.lexer import tokenize
from herokit_math.limits import LimitError, StepBudget
from herokit_math.modular import PRIME, NotRationalError, PoleError, evaluate_modulo, sample_residues
from herokit_math.normalize import normalize_text
from herokit_math.numeric import MACHINE, Evaluator, UndefinedError, high_precision
from herokit_math.tree import Call, Num, Sym

STEPS = 30_000


def parse(text):
    return parse_expression(tokenize(normalize_text(text)))


def exact(text, **values):
    return evaluate_exactly(parse(text), StepBudget(STEPS), {k: Fraction(v) for k, v in values.items()})


def modulo(text, salt=1, **values):
    return evaluate_modulo(parse(text), values, salt, StepBudget(STEPS))


def numeric(text, arithmetic=MACHINE, **values):
    return Evaluator(arithmetic, {k: Fraction(v) for k, v in values.items()}, StepBudget(STEPS)).evaluate(parse(text))


def identical(left, right):
    return decide_identity(parse(left), parse(right), StepBudget(STEPS))[0]


EXACT = [
    ("1+2+3", 6), ("7-9", -2), ("2*3*4", 24), (r"\frac{6}{4}", Fraction(3, 2)), ("-5", -5), ("2^{10}", 1024), ("2^{-3}", Fraction(1, 8)), ("0^5", 0), ("(-1)^{1001}", -1), ("1^{1000000}", 1), ("4^{3/2}", 8),
    ("8^{-2/3}", Fraction(1, 4)), (r"\sqrt{\frac{9}{16}}", Fraction(3, 4)), (r"\sqrt[3]{27}", 3), (r"\sqrt[3]{-8}", -2), (r"\sqrt[4]{81}", 3), (r"\sqrt[5]{-32}", -2), (r"\sqrt{10^{40}}", 10**20), ("|-7|", 7), ("|7|", 7),
    (r"\lfloor 7/2\rfloor", 3), (r"\lfloor -7/2\rfloor", -4), (r"\lceil 7/2\rceil", 4), (r"\lceil -7/2\rceil", -3), (r"50\%", Fraction(1, 2)), ("0!", 1), ("5!", 120), ("20!", math.factorial(20)), (r"\binom{6}{2}", 15), (r"\binom{3}{5}", 0),
    (r"\binom{7}{0}", 1), (r"\gcd(12,18)", 6), (r"\operatorname{lcm}(4,6)", 12), (r"\max(3,5,4)", 5), (r"\min(3,5,4)", 3), (r"\max(2,2)", 2), (r"\min(7,7)", 7), (r"\gcd(6,6)", 6), (r"17\bmod5", 2), (r"-1\bmod5", 4), (r"\frac{7}{2}\bmod2", Fraction(3, 2)), (r"\sum_{k=1}^{4}k^2", 30), (r"\sum_{k=2}^{4}k", 9),
    (r"\prod_{k=1}^{4}k", 24), (r"\prod_{k=2}^{3}(k+1)", 12), (r"\sum_{k=5}^{4}k", 0), (r"\prod_{k=5}^{4}k", 1), (r"\sum_{i=1}^{3}\sum_{j=1}^{i}j", 10), ("12.50", Fraction(25, 2)), (r"3\frac12", Fraction(7, 2)), (r"0.1\overline{6}", Fraction(1, 6)),
]  # fmt: skip
NOT_EXACT = [
    "x", r"\pi", r"\sqrt2", r"\sqrt{-4}", r"\sqrt[4]{-16}", "1/0", "0^{-1}", "0^0", r"\sqrt[65]{2}", r"\sqrt[1/2]{4}", r"\sin1", "901!", r"(1/2)!", "(-1)!", r"\binom{-1}{2}", r"\binom{5001}{2}", r"\gcd(1/2,3)", "5\\bmod0", "5\\bmod(-3)", "2^{4097}",
    "2^{1000001}", r"\sum_{k=1}^{402}k", r"\sum_{k=1/2}^{2}k", r"\sum_{k=1}^{5/2}k", "2^{5000}*2^{5000}", r"10^{3000}+1",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), EXACT)
def test_evaluate_exactly_returns_values(text, value):
    assert exact(text) == value


@pytest.mark.parametrize("text", NOT_EXACT)
def test_evaluate_exactly_rejects_other_trees(text):
    with pytest.raises(NotExactError):
        exact(text)


def test_evaluate_exactly_at_its_limits():
    assert exact("2^{4096}") == 2**4096
    assert exact("900!") == math.factorial(900)
    assert exact(r"\sum_{k=1}^{401}1") == 401
    assert exact(r"\binom{5000}{1}") == 5000
    assert exact("x^2", x=3) == 9
    assert exact("1^{1000000}+(-1)^{1000000}") == 2
    assert exact(r"\sqrt[64]{1}") == 1
    with pytest.raises(NotExactError):
        exact("1^{1000001}")
    assert list(make_index_range(Fraction(2), Fraction(4))) == [2, 3, 4]


def test_evaluation_stops_when_the_budget_is_spent():
    node = parse("1+2+3")  # four nodes
    assert evaluate_exactly(node, StepBudget(4)) == 6
    with pytest.raises(LimitError):
        evaluate_exactly(node, StepBudget(3))
    assert evaluate_modulo(node, {}, 1, StepBudget(4)) == 6
    with pytest.raises(LimitError):
        evaluate_modulo(node, {}, 1, StepBudget(3))
    assert Evaluator(MACHINE, {}, StepBudget(4)).evaluate(node).value == 6
    with pytest.raises(LimitError):
        Evaluator(MACHINE, {}, StepBudget(3)).evaluate(node)
    with pytest.raises(LimitError):
        Evaluator(high_precision(), {}, StepBudget(79)).evaluate(node)
    assert Evaluator(high_precision(), {}, StepBudget(80)).evaluate(node).value == 6


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2+3", 5), ("2-3", PRIME - 1), ("x+y", 12), ("x*y*2", 70), ("-x", PRIME - 5), ("x/5", 1), ("1/2", (PRIME + 1) // 2), ("x^3", 125), ("x^{-1}*x", 1), (r"x\%*100", 5), ("5!", 120), (r"\frac{3000!}{2999!}", 3000), ("2^{10}-x", 1019),
        (r"\sqrt{16}x", 20), (r"\binom{4}{2}", 6), ("0^3", 0), ("x^0", 1), ("0!", 1),
    ],
)  # fmt: skip
def test_evaluate_modulo_returns_residues(text, value):
    assert modulo(text, x=5, y=7) == value


@pytest.mark.parametrize(("text", "error"), [
    (r"\sin x", NotRationalError), ("e", NotRationalError), ("i", NotRationalError), ("x^{1/2}", NotRationalError), ("x^y", NotRationalError), ("5001!", NotRationalError), ("x!", NotRationalError), ("|x|", NotRationalError),
    ("1/(x-5)", PoleError), ("(x-5)^{-1}", PoleError), ("(x-5)^0", PoleError), ("(-1)!", NotRationalError),
])  # fmt: skip
def test_evaluate_modulo_rejects_other_trees(text, error):
    with pytest.raises(error):
        modulo(text, x=5, y=7)


def test_residues_depend_on_name_and_salt():
    one, two = sample_residues(frozenset("xy"), 1), sample_residues(frozenset("xy"), 2)
    assert len({*one.values(), *two.values()}) == 4
    assert all(0 < value < PRIME for value in one.values())
    assert modulo(r"\pi") == modulo(r"\pi") != modulo(r"\pi", salt=2)
    assert modulo("f(2)") == modulo("f(1+1)") != modulo("f(3)")
    assert modulo("f(2)") != modulo("g(2)")
    assert modulo("5000!") == math.factorial(5000) % PRIME
    with pytest.raises(LimitError):
        evaluate_modulo(parse("5000!"), {}, 1, StepBudget(300))
    assert evaluate_modulo(parse("5000!"), {}, 1, StepBudget(320)) == modulo("5000!")


NUMERIC = [
    (r"\pi", math.pi), ("e", math.e), ("1+1/2-3", -1.5), ("-x", -2.0), ("2x*3", 12.0), ("x^3", 8.0), ("x^{-2}", 0.25), ("x^0", 1.0), ("2^{0.5}", math.sqrt(2)), (r"x^{65}", 2.0**65), (r"\sqrt5", math.sqrt(5)), (r"\sqrt[3]{-8}", -2.0),
    (r"\sqrt[4]{16}", 2.0), (r"\sqrt[3]{5}", 5 ** (1 / 3)), (r"\sqrt[1.8]{x}", 2 ** (1 / 1.8)), ("|1-x|", 1.0), ("e^{2}", math.exp(2)), (r"\ln3", math.log(3)), (r"\log_2 8", 3.0), ("5!", 120.0), ("2.5!", math.gamma(3.5)), (r"\binom{5}{2}", 10.0),
    (r"\sin x", math.sin(2)), (r"\cos x", math.cos(2)), (r"\tan x", math.tan(2)), (r"\sec x", 1 / math.cos(2)), (r"\csc x", 1 / math.sin(2)), (r"\cot x", 1 / math.tan(2)), (r"\arcsin0.3", math.asin(0.3)), (r"\arccos0.3", math.acos(0.3)),
    (r"\arctan x", math.atan(2)), (r"\sinh x", math.sinh(2)), (r"\cosh x", math.cosh(2)), (r"\tanh x", math.tanh(2)), (r"\operatorname{sech}x", 1 / math.cosh(2)), (r"\operatorname{csch}x", 1 / math.sinh(2)), (r"\coth x", 1 / math.tanh(2)),
    (r"\operatorname{arcsec}x", math.acos(0.5)), (r"\operatorname{arccsc}x", math.asin(0.5)), (r"\operatorname{arccot}x", math.atan(0.5)), (r"\operatorname{arsinh}x", math.asinh(2)), (r"\operatorname{arcosh}x", math.acosh(2)),
    (r"\operatorname{artanh}0.3", math.atanh(0.3)), (r"90^\circ", math.pi / 2), (r"30\%", 0.3), (r"\lfloor\pi\rfloor", 3.0), (r"\lceil\pi\rceil", 4.0), (r"\lfloor-\pi\rfloor", -4.0), (r"\lceil-\pi\rceil", -3.0), (r"\max(\pi,3)", math.pi),
    (r"\min(\pi,3)", 3.0), (r"\sum_{k=1}^{3}\sqrt{k}", 1 + math.sqrt(2) + math.sqrt(3)), (r"\prod_{k=2}^{3}\sqrt{k}", math.sqrt(6)), (r"\sum_{k=1}^{0}\sqrt k", 0.0), (r"\prod_{k=1}^{0}\sqrt k", 1.0), (r"17\bmod5", 2.0), (r"\exp(x)", math.exp(2)),
]  # fmt: skip
UNDEFINED = [
    "1/0", "1/(x-2)", r"\ln0", r"\infty", r"\mathbb{Z}", "(x-2)^0", "e^{e^{e^9}}", "1001!", r"\sin(10^7)", "(-1)!", r"\lfloor i\pi\rfloor", r"\operatorname{arccot}(-1)", "x^{10^{9}}",
    r"\sum_{k=1}^{\pi}k", r"\log_1 5",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), NUMERIC)
@pytest.mark.parametrize("arithmetic", [MACHINE, high_precision()], ids=["machine", "60 digits"])
def test_evaluator_returns_values_within_their_bounds(text, value, arithmetic):
    result = numeric(text, arithmetic, x=2)
    assert complex(result.value) == pytest.approx(value, rel=1e-13, abs=1e-13)
    assert 0 <= result.error <= 1e-11 * max(1.0, abs(value)) * (1 if arithmetic is MACHINE else 1e-40)


@pytest.mark.parametrize("text", UNDEFINED)
def test_evaluator_rejects_what_is_undefined_there(text):
    for arithmetic in (MACHINE, high_precision()):
        with pytest.raises(UndefinedError):
            numeric(text, arithmetic, x=2)


BOUND_TEXTS = [
    "1/3+1/7-10/21", r"\sqrt2\sqrt3", r"\frac{1}{\sqrt2-1.4142}", r"e^{\sqrt{30}}", r"\ln(1+10^{-9}\pi)", r"\sin(1000\pi/7)", r"\tan(1.5707)", r"\arcsin(0.99999999\sqrt{1})", r"\arctan(10^5\pi)", r"\sinh\sqrt{50}",
    r"\cosh\pi^2", r"\tanh(\pi/9)", r"\operatorname{arsinh}(10^4\pi)", r"\operatorname{arcosh}(1+10^{-8}\pi)", r"\operatorname{artanh}(1-10^{-8}\pi)", r"(\sqrt{17}-4)^{9}", r"\pi^{\pi^2}", r"\sqrt[3]{\pi-3.14159}", r"(\pi+1)!", r"\binom{\pi+9}{e}",
    r"100\sqrt2-141.4213562", r"\log_{1.01}\pi", r"37^\circ\pi", r"\sqrt{\pi^2+1}-\pi", r"\sum_{k=1}^{50}\sqrt{k}", r"\prod_{k=1}^{20}\sqrt{k}", r"|{-\sqrt{7}}|", r"\sec1.57", r"\cot0.0001", r"\pi^{-7}",
    r"\frac{\pi}{10^{8}}\cdot\frac{10^{9}}{e}", r"33.3\%\cdot\pi", r"-\sqrt[5]{\pi}", r"e^{-\pi^3}",
]  # fmt: skip


@pytest.mark.parametrize("text", BOUND_TEXTS)
def test_machine_errors_are_within_their_bounds_and_not_far_below(text):
    machine, precise = numeric(text), numeric(text, high_precision())
    error = abs(complex(precise.value) - machine.value)
    assert error <= machine.error
    assert machine.error <= 1e-3 * max(1e-9, abs(machine.value))
    assert precise.error <= 1e-40 * max(1e-9, abs(precise.value))
    assert machine.error >= 1e-17 * abs(machine.value)


def test_evaluator_knows_whether_all_parts_are_real():
    for text, is_real in (
        (r"\sqrt x", True),
        (r"\sqrt{-x}", False),
        (r"(\sqrt{-x})^2", False),
        ("i^2", False),
        ("(-x)^{1/3}", False),
        ("x", True),
    ):
        evaluator = Evaluator(MACHINE, {"x": Fraction(2)}, StepBudget(STEPS))
        evaluator.evaluate(parse(text))
        assert evaluator.is_real is is_real, text


IDENTICAL = [
    ("(x+1)^2", "x^2+2x+1"), (r"\sin 2x", r"2\sin x\cos x"), (r"\sqrt{x^2}", "|x|"), (r"e^{i\pi}", "-1"), (r"\ln(x^2)", r"2\ln x"), (r"\sqrt{x-9}\sqrt{x-9}", "x-9"), (r"\arcsin\sqrt b", r"\frac12\arccos(1-2b)"), (r"\sqrt{-6-x}^2", "-6-x"),
    (r"\lfloor n/2\rfloor", r"\lceil (n-1)/2\rceil"), ("n!", "n(n-1)!"), (r"\sum_{k=1}^nk^3", r"\frac{n^2(n+1)^2}{4}"), (r"\max(x,y)", r"\frac{x+y+|x-y|}{2}"), ("10^{-50}", "0.1^{50}"), (r"\cosh^2x-\sinh^2x", "1"), ("f(x+x)", "f(2x)"), (r"\sqrt{-1}", "i"),
    (r"\sqrt{-x-1}\sqrt{-x-1}", "-x-1"), (r"\sin 30^\circ", "0.5"),
]  # fmt: skip
NOT_IDENTICAL = [
    ("(x+1)^2", "x^2+1"), (r"\sin 2x", r"2\sin x"), (r"\sqrt{x^2}", "x"), (r"\max(x,-3)", "x"), (r"\min(x,12)", "x"), ("|x-6|", "6-x"), ("|x+7|", "x+7"), (r"\lfloor x\rfloor", r"x-\frac12"), (r"\lfloor n/2\rfloor", r"\lceil n/2\rceil"), ("e^{-100}", "e^{-101}"),
    (r"\pi", "3.14159265358979323846"), ("10^{-50}", "10^{-51}"), ("n!", "2^{n}"), ("f(x)", "f(2x)"), ("f(x)", "g(x)"), (r"\sin x", r"\sin x+10^{-12}"), ("i", "-i"), (r"\sqrt{x-9}", r"\sqrt{x-8}"), (r"\sum_{k=1}^nk", r"\sum_{k=1}^nk^2"), ("x^{2.5}", "x^{2.4}"),
    (r"\sqrt{-6-x}", r"\sqrt{-7-x}"), ("e^{-200}", "e^{-201}"),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), IDENTICAL)
def test_decide_identity_accepts_identities(left, right):
    assert identical(left, right) is True
    assert identical(right, left) is True


@pytest.mark.parametrize(("left", "right"), NOT_IDENTICAL)
def test_decide_identity_rejects_others(left, right):
    assert identical(left, right) is False
    assert identical(right, left) is False


@pytest.mark.parametrize(("left", "right", "tier"), [
    ("x", "x", Tier.NORMAL), ("1/2", "0.5", Tier.EXACT), ("2x", "x+x", Tier.RATIONAL), (r"\sin^2x", r"1-\cos^2x", Tier.NUMERIC), (r"\mathbb{Z}", r"\mathbb{Q}", Tier.UNDECIDED), (r"\pi+1", r"1+\pi", Tier.RATIONAL), (r"\frac{1}{x-x}", "5", Tier.UNDECIDED),
    (r"e^{10^9x}", r"e^{10^9x}+1", Tier.UNDECIDED),
])  # fmt: skip
def test_decide_identity_uses_the_cheapest_tier(left, right, tier):
    assert decide_identity(parse(left), parse(right), StepBudget(STEPS))[1] is tier


def test_sample_points_cover_the_real_line():
    names = frozenset({"x", "y", "n"})
    points = [sample_point(names, k, integers=False) for k in range(18)]
    values = [v for point in points for v in point.values()]
    assert {k for k, point in enumerate(points) if all(v.denominator == 1 for v in point.values())} == {7, 8, 9}
    assert all(v > 0 for k in (0, 3, 6, *range(7, 16)) for v in points[k].values())
    assert all(v < 0 for k in (1, 4, 16, 17) for v in points[k].values())
    assert all(0 < v < 1 for k in (10, 11, 12) for v in points[k].values())
    assert all(v > 5 for k in (13, 14, 15) for v in points[k].values())
    assert all(v < -5 for k in (16, 17) for v in points[k].values())
    assert len({(n, v) for point in points for n, v in point.items()}) >= 45
    assert max(abs(v) for v in values) < 20
    integers = [sample_point(names, k, integers=True) for k in range(6)]
    assert all(v.denominator == 1 and 2 <= v <= 14 for point in integers for v in point.values())


@pytest.mark.parametrize(("text", "value"), [
    (r"\sqrt2", math.sqrt(2)), ("7", 7.0), ("x", None), ("i", None), ("1/0", None), ("10^{301}", None), (r"e^{\pi}", math.exp(math.pi)), (r"\infty", None), ("10^{299}", 1e299), (r"(1+10^{-14})^{0.5}-1", 5e-15),
])  # fmt: skip
def test_evaluate_real_returns_precise_real_values(text, value):
    result = evaluate_real(parse(text), StepBudget(STEPS))
    assert result == (None if value is None else pytest.approx(value, rel=1e-9))


@pytest.mark.parametrize(
    "text",
    [
        "1 2",
        "x_",
        r"\frac{1}",
        "2^",
        "(1",
        "1)",
        "|x",
        r"\sum_{2=1}^3k",
        r"\begin{vmatrix}1&2\\3\end{vmatrix}",
        r"\sqrt{",
        "+",
        r"\log_",
        r"\frac{d}{dx}x",
        r"\foo",
        "1_2",
        r"\begin{vmatrix}\end{vmatrix}",
    ],
)
def test_parse_expression_rejects_what_is_not_an_expression(text):
    with pytest.raises(UnsupportedError):
        parse(text)


@pytest.mark.parametrize(("text", "node"), [
    ("3.50", Num(Fraction(7, 2), 2)), ("2.5e-3", Num(Fraction(1, 400), 4)), ("2.5e3", Num(Fraction(2500), -2)), ("12 345", Num(Fraction(12345))), ("1 000 000", Num(Fraction(1_000_000))), ("x_{12}", Sym("x_12")), ("x'", Sym("x'")), (r"x^{\prime}", Sym("x'")),
    ("f(x)", Call("apply", (Sym("f"), Sym("x")))), ("xy", Call("mul", (Sym("x"), Sym("y")))), ("-3", Num(Fraction(-3))), ("--3", Num(Fraction(3))), (r"\frac34", Call("div", (Num(Fraction(3)), Num(Fraction(4))))), (r"\log_28", Call("log", (Num(Fraction(8)), Num(Fraction(2))))),
    (r"3\frac{1}{2}", Num(Fraction(7, 2))), (r"3\frac{3}{2}", Call("mul", (Num(Fraction(3)), Call("div", (Num(Fraction(3)), Num(Fraction(2))))))), ("C_5^2", Call("binomial", (Num(Fraction(5)), Num(Fraction(2))))), ("0.(3)", Num(Fraction(1, 3))), ("x+0.5(3)", Call("add", (Sym("x"), Call("mul", (Num(Fraction(1, 2), 1), Num(Fraction(3))))))),
])  # fmt: skip
def test_parse_expression_returns_trees(text, node):
    assert parse(text) == node


class InexactEvaluator(Evaluator):
    """Evaluator in which the variable ``x`` has an absolute error of 1e-6."""

    def _compute(self, node):
        value = super()._compute(node)
        return value._replace(error=1e-6) if node == Sym("x") else value


def bound(text, x):
    """Return the value at x and the bound of its error in units of 1e-6."""
    result = InexactEvaluator(MACHINE, {"x": Fraction(x)}, StepBudget(STEPS)).evaluate(parse(text))
    return result.value, result.error / 1e-6


BOUNDS = [  # the derivative's bound of the module's docstring, times its safety factor
    ("x+x", 3, 2.0), ("x+1", 3, 1.0), ("-x", 3, 1.0), ("3x", 3, 3.0), ("x*x", 3, 6.0), ("1/x", 4, 2 / 16), ("x/5", 4, 2 / 5), ("x^3", 2, 12.0), ("x^{-1}", 4, 2 / 16), ("|x|", -3, 1.0), (r"\sqrt x", 4, 0.5), (r"\ln x", 4, 0.5), ("e^{x}", 1, 2 * math.e),
    (r"x\%", 4, 2 / 100), (r"x^\circ", 4, math.pi / 180), (r"\sin x", 1, 4 * (math.sin(1) + 2)), (r"\cos x", 1, 4 * (math.cos(1) + 2)), (r"\tan x", 1, 4 * (math.tan(1) ** 2 + 1)), (r"\arcsin x", 0.5, 4 * (1 / 0.75 + 1)), (r"\arccos x", 0.5, 4 * (1 / 0.75 + 1)),
    (r"\arctan x", 0.5, 4 * (1 / 1.25 + 1)), (r"\sinh x", 1, 4 * (math.sinh(1) + 2)), (r"\cosh x", 1, 4 * (math.cosh(1) + 2)), (r"\tanh x", 1, 4 * (math.tanh(1) ** 2 + 2)), (r"\operatorname{arsinh}x", 0.5, 4 * (1 / 1.25 + 2)),
    (r"\operatorname{arcosh}x", 2, 4 * (1 / 3 + 2)), (r"\operatorname{artanh}x", 0.5, 4 * (1 / 0.75 + 1)), ("x!", 2, 32.0), (r"\sqrt[4]{x}", 16, 2 * 2 * 2 * 2 / 16 / 4), (r"\log_2x", 8, 2 * (2 / 8) / math.log(2)), (r"\max(x,0\pi)", 3, 1.0), (r"\min(x,2\pi)", 3, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "x", "error"), BOUNDS)
def test_bounds_follow_from_the_derivative(text, x, error):
    assert bound(text, x)[1] == pytest.approx(error, rel=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "1/(x-3)",
        r"\ln(x-3)",
        r"\frac{1}{x-3.0000015}",
        r"\ln(3.0000015-x)",
        r"\lfloor x+0\pi\rfloor",
        r"\lceil x+0\pi\rceil",
        "(x-3)^0",
        r"\lfloor x-0.0000005+0\pi\rfloor",
        r"e^{10^6x-3000000}",
        r"\sin(10^5x)",
    ],
)
def test_values_within_the_error_of_a_pole_or_step_are_undefined(text):
    with pytest.raises(UndefinedError):
        bound(text, 3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\lfloor x-0.5+0\pi\rfloor", 2),
        (r"\lceil x-0.5+0\pi\rceil", 3),
        (r"\lfloor x+0.000002+0\pi\rfloor", 3),
        (r"\frac{1}{x-2.9}", 10),
        (r"\lceil x-0.000002+0\pi\rceil", 3),
        (r"\frac{1}{x-2.999997}", 1e6 / 3),
    ],
)
def test_values_beyond_the_error_of_a_pole_or_step_are_defined(text, value):
    assert bound(text, 3)[0].real == pytest.approx(value, rel=1e-6)


def test_roots_near_zero_have_the_root_of_the_error():
    value, error = bound(r"\sqrt{x-3}", 3)
    assert (value, error * 1e-6) == (0, pytest.approx(1e-3, rel=1e-3))
    assert bound(r"\sqrt[3]{x-3}", 3)[1] * 1e-6 == pytest.approx(1e-2, rel=1e-3)
    assert bound(r"\sqrt{x-2.9999}", 3)[0] == pytest.approx(1e-2)
    assert numeric(r"\sqrt{0}").error == 0
    assert bound(r"\sqrt[3]{x}", -8)[0] == pytest.approx(-2)
    assert numeric(r"\sqrt[3]{i\pi}").value == pytest.approx(math.pi ** (1 / 3) * complex(math.cos(math.pi / 6), 0.5))


def test_rounding_errors_have_the_size_of_the_operands():
    assert numeric("1/3").error == pytest.approx(2.0**-51 / 3, rel=0.1) or numeric("1/3").error < 1e-15
    assert numeric(r"\pi-3").error == pytest.approx(2 * (math.pi + 3) * 2.0**-51, rel=0.6)
    assert numeric(r"e^{\pi}").error > 4 * math.exp(math.pi) * 2.0**-51
    assert numeric(r"\sin\pi").error > 4 * math.pi * 2.0**-51
    assert numeric("2.5!").error > 64 * math.gamma(3.5) * 2.0**-51


def test_numbers_at_the_limits_of_the_tiers():
    assert numeric("149!/148!").value == pytest.approx(149)
    assert numeric("x^{64}", x=2).value == 2.0**64
    assert numeric(r"\sin(10^6)").value == pytest.approx(math.sin(10**6))
    with pytest.raises(UndefinedError):
        numeric(r"\sin(10^6+1)")
    assert numeric("e^{x}", x=690).value == pytest.approx(math.exp(690))
    for text in ("e^{x+1}", r"10^{301}\pi", "(1001+x)!"):
        with pytest.raises(UndefinedError):
            numeric(text, x=690)
    assert modulo("(x-5)^1", x=5) == 0
    assert modulo("(x-5)^2+x", x=5) == 5
    with pytest.raises(PoleError):
        evaluate_modulo(Num(Fraction(1, PRIME)), {}, 1, StepBudget(9))
    assert evaluate_modulo(Num(Fraction(1, PRIME - 1)), {}, 1, StepBudget(9)) == PRIME - 1
    assert exact(r"\frac{1}{2^{2040}}*\frac{1}{2^{2040}}") == Fraction(1, 2**4080)
    assert exact(r"\sqrt{0}") == 0
    with pytest.raises(NotExactError):
        exact("2^{4000}*2^{4000}*2^{192}")


UNIT = 2.0**-51  # the roundoff of machine numbers
ROUNDING = [  # the bound, in units of the roundoff; whole numbers up to 2**53 are exact
    (r"\exp(1.5)", 7 * math.exp(1.5)), (r"\ln2.5", 2 + math.log(2.5)), (r"\sin1.5", 4 * (math.sin(1.5) + 2) * 1.5 + 4 * math.sin(1.5)), (r"\tan0.5", 4 * (math.tan(0.5) ** 2 + 1) * 0.5 + 4 * math.tan(0.5)), ("2.5!", (16 * 2.5 + 64) * math.gamma(3.5)),
    (r"\sqrt{2.5}", 2 * math.sqrt(2.5)), ("1.5+2.5", 4 + 4 * 2), ("1.5*2.5", 3.75 * 3), ("3.5/2.5", 2 * (3.5 + 1.4 * 2.5) / 2.5 + 1.4), (r"\pi", math.pi), ("e", math.e), (r"\arctan1.5", 4 * (1 / 3.25 + 1) * 1.5 + 4 * math.atan(1.5)), ("-3.5", 3.5), ("|3.5|", 3.5),
    (r"\operatorname{arsinh}1.5", 4 * (1 / 3.25 + 2) * 1.5 + 4 * math.asinh(1.5)), (r"\operatorname{arcosh}2.5", 4 * (1 / 5.25 + 2) * 2.5 + 4 * math.acosh(2.5)), (r"\arcsin0.5", 4 * (4 / 3 + 1) * 0.5 + 4 * math.asin(0.5)),
    ("3", 0), ("-3", 0), (r"\frac{6}{2}", 3), ("2*3", 6), ("1.5*3", 4.5 * 2), ("3*1.5", 4.5 * 2), ("1+2", 3 * 2), (str(2**53), 0), (f"-{2**53}", 0), (str(2**53 + 1), 2.0**53), (f"1.5*(0-{2**53 + 1})", 1.5 * 2.0**53 * 5),
]  # fmt: skip


@pytest.mark.parametrize(("text", "error"), ROUNDING)
def test_rounding_errors_follow_from_the_operations(text, error):
    assert numeric(text).error / UNIT == pytest.approx(error, rel=1e-6)


def test_a_divisor_of_twice_its_error_is_zero():
    with pytest.raises(UndefinedError):
        bound("1/x", Fraction("0.000002"))
    with pytest.raises(UndefinedError):
        bound(r"\ln x", Fraction("0.000002"))
    assert bound("1/x", Fraction("0.0000021"))[0].real == pytest.approx(1 / 2.1e-6)


def test_expressions_that_agree_at_few_points_are_different():
    names = frozenset("n")
    points = [sample_point(names, k, integers=True)["n"] for k in range(3)]
    zeros = "".join(f"(n-{point})" for point in points)
    assert identical(f"n!+{zeros}", "n!") is False
    points = [sample_point(frozenset("x"), k, integers=False)["x"] for k in range(2)]
    zeros = "".join(f"(x-\\frac{{{point.numerator}}}{{{point.denominator}}})" for point in points)
    assert identical(rf"\sin x+{zeros}", r"\sin x") is False
    values = {sample_point(names, k, integers=True)["n"] for k in range(18)} | {
        sample_point(frozenset("abcdefgh"), k, integers=True)[c] for k in range(9) for c in "abcdefgh"
    }
    assert (min(values), max(values)) == (2, 14)


def test_few_points_where_all_parts_are_real_decide_against_complex_ones():
    points = sorted(sample_point(frozenset("x"), k, integers=False)["x"] for k in range(18))
    bound = (points[-2] + points[-3]) / 2  # two points lie beyond it
    shifted = f"x-\\frac{{{bound.numerator}}}{{{bound.denominator}}}"
    assert identical(rf"\sqrt{{{shifted}}}\sqrt{{{shifted}}}", rf"\sqrt{{({shifted})^2}}") is True
    assert identical(rf"\sqrt{{{shifted}}}\sqrt{{{shifted}}}", rf"2\sqrt{{({shifted})^2}}") is False


def test_a_factorial_on_one_side_makes_the_variables_integers():
    periodic = r"\cos(2\pi n)\frac{n!}{n!}"
    assert identical(periodic, "1") is True
    assert identical("1", periodic) is True
    assert identical(r"\cos(2\pi n)", "1") is False


def test_large_and_small_values_are_compared_relative_to_their_size():
    for size in ("10^{30}", "10^{-30}", "10^{100}"):
        assert identical(rf"{size}\sqrt2+{size}\sqrt2", rf"{size}\sqrt8") is True
        assert identical(rf"{size}\sqrt2+{size}\sqrt2", rf"{size}(\sqrt8+10^{{-30}})") is False


def test_points_of_a_name_do_not_depend_on_other_names():
    for k in range(18):
        assert (
            sample_point(frozenset("xy"), k, integers=False)["x"]
            == sample_point(frozenset("x"), k, integers=False)["x"]
        )
    mixed = {
        name: [sample_point(frozenset(name), k, integers=False)[name] > 0 for k in (2, 5)] for name in "abcdefgxyz"
    }
    assert {tuple(signs) for signs in mixed.values()} == {(True, True), (False, False)}


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (r"\sqrt{-1}", r"\sqrt{-4}/2", True),
        ("i+x", "x+i", True),
        ("i+x", "x-i", False),
        (r"e^{ix}", r"\cos x+i\sin x", True),
        (r"e^{ix}", r"\cos x-i\sin x", False),
        (r"\ln(-1)", r"i\pi", True),
    ],
)
def test_complex_expressions_are_compared_where_nothing_is_real(left, right, equal):
    assert identical(left, right) is equal


def test_a_value_just_beyond_twice_its_error_is_not_zero():
    assert bound("1/x", Fraction("0.0000025"))[0].real == pytest.approx(1 / 2.5e-6)
    assert bound(r"\ln x", Fraction("0.0000025"))[0].real == pytest.approx(math.log(2.5e-6))
