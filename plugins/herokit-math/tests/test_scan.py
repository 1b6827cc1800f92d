"""Expressions in prose, each whole."""

from time import perf_counter

import pytest

from herokit_math.scan import find_expressions


@pytest.mark.parametrize(
    ("text", "expressions"),
    [
        (r"We find 3\sqrt{2}.", [r"3\sqrt{2}"]),
        ("The point is (1, 2).", ["(1, 2)"]),
        ("The roots are 2, 3.", ["2, 3"]),
        ("the area is 5x/2 and x^2+1", ["5x/2", "x^2+1"]),
        ("It took 3 days, a small (blue) car and 12 m/s.", ["3", "12 m/s"]),
        ("so 6*7 = 42", ["6*7 = 42"]),
        (r"half is \frac{1}{2} \pi", [r"\frac{1}{2} \pi"]),
        ("f(x) = 2x + 1 holds", ["f(x) = 2x + 1"]),
        ("I have 1,234.5 dollars (see 7)", ["1,234.5", "7"]),
        ("AZYUK2A", []),
        ("no number here, a b", []),
        ("共有3 + 4 = 7只鸟", ["3 + 4 = 7"]),
        ("$x$ is $5$", ["5"]),
        ("**25%** of it", ["25%"]),
        ("sin(x) + 1 is it", ["sin(x) + 1"]),
        ("from -3 to +4", ["-3", "+4"]),
        ("the set {1, 2, 3}", ["{1, 2, 3}"]),
        ("it is 12.", ["12"]),
        ("", []),
    ],
)  # fmt: skip
def test_find_expressions_takes_each_whole(text, expressions):
    assert [span.text for span in find_expressions(text)] == expressions


@pytest.mark.parametrize(
    "text", ["{" * 2_000, "(" * 2_000, "1, " * 700, "\\a{" * 600, "x" * 2_000, "^{" * 900, "$1$ " * 500]
)
def test_find_expressions_takes_bounded_time(text):
    started = perf_counter()
    find_expressions(text)
    assert perf_counter() - started < 2.0
