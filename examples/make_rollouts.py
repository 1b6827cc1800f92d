"""Make examples/rollouts.jsonl: 300 prompts, 8 rollouts each, with mistakes, odd formats and hostile answers.

Run ``python examples/make_rollouts.py``; the same seed gives the same file. Everything is made here: no model wrote
it, and ``label`` is true by construction. Each problem has its own difficulty, so that some groups come out all right
and some all wrong, as in real training.
"""

import json
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

SEED, PROMPTS, EACH = 20261121, 300, 8


class Problem(NamedTuple):
    """A question, its worked steps as (text, value) with the operands filled in, and the answer as text."""

    question: str
    steps: tuple[tuple[str, str, Fraction], ...]  # (sentence, left side, value)
    answer: Fraction
    unit: str


def shopping(r: random.Random) -> Problem:
    """Make a problem of prices and change."""
    name, item = r.choice(["Mara", "Ivo", "Nadia", "Pele", "Sana"]), r.choice(["mugs", "kites", "lamps", "maps"])
    n, price = r.randint(3, 12), r.randint(4, 25)
    paid = (n * price // 50 + 1) * 50
    return Problem(
        f"{name} buys {n} {item} at ${price} each and pays with ${paid}. How many dollars of change does {name} get?",
        (
            (f"{n} {item} cost", f"{n} * {price}", Fraction(n * price)),
            ("The change is", f"{paid} - {n * price}", Fraction(paid - n * price)),
        ),
        Fraction(paid - n * price),
        "dollars",
    )


def travel(r: random.Random) -> Problem:
    """Make a problem of two legs and an average speed."""
    a, b = r.choice([40, 50, 60, 80]), r.choice([30, 45, 90, 100])
    s, t = r.randint(1, 4), r.randint(1, 4)
    far = a * s + b * t
    return Problem(
        f"A train runs {s} hours at {a} km/h and then {t} hours at {b} km/h. What is its average speed in km/h?",
        (
            ("The first leg is", f"{a} * {s}", Fraction(a * s)),
            ("The second leg is", f"{b} * {t}", Fraction(b * t)),
            ("Together that is", f"{a * s} + {b * t}", Fraction(far)),
            ("The average speed is", f"{far} / {s + t}", Fraction(far, s + t)),
        ),
        Fraction(far, s + t),
        "km/h",
    )


def sharing(r: random.Random) -> Problem:
    """Make a problem of fractions of a whole."""
    d, e = r.choice([2, 3, 4, 5]), r.choice([2, 3, 4])
    whole = d * e * r.randint(3, 15)
    first, rest = whole // d, whole - whole // d
    return Problem(
        f"A baker has {whole} rolls. He sells 1/{d} of them in the morning and 1/{e} of the rest at noon. "
        "How many rolls are left?",
        (
            ("In the morning he sells", f"{whole} / {d}", Fraction(first)),
            ("That leaves", f"{whole} - {first}", Fraction(rest)),
            ("At noon he sells", f"{rest} / {e}", Fraction(rest, e)),
            ("So what is left is", f"{rest} - {show(Fraction(rest, e))}", rest - Fraction(rest, e)),
        ),
        rest - Fraction(rest, e),
        "rolls",
    )


def equation(r: random.Random) -> Problem:
    """Make a linear equation, often with a fraction for an answer."""
    a, b, c = r.randint(2, 9), r.randint(1, 30), r.randint(31, 90)
    return Problem(
        f"Solve ${a}x + {b} = {c}$ for $x$.",
        (
            (f"Subtract {b}: {a}x =", f"{c} - {b}", Fraction(c - b)),
            ("Divide: x =", f"{c - b} / {a}", Fraction(c - b, a)),
        ),
        Fraction(c - b, a),
        "",
    )


def show(value: Fraction) -> str:
    """Write a number the plain way."""
    return str(value)


def latex(value: Fraction) -> str:
    """Write a number in LaTeX."""
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


ENDINGS: tuple[Callable[[Fraction, str], str], ...] = (
    lambda v, _: f"#### {show(v)}",
    lambda v, _: f"The answer is {show(v)}.",
    lambda v, _: f"Therefore, the final answer is $\\boxed{{{latex(v)}}}$.",
    lambda v, u: f"A: {show(v)} {u}".strip(),
    lambda v, _: f"\\[ \\boxed{{{latex(v)}}} \\]\nI hope this helps!",
    lambda v, u: f"**Answer:** {show(v)} {u}".strip(),
    lambda v, _: f"So we get {show(v)}",
    lambda v, _: f"#### {show(v)}\n",
)

HOSTILE = (
    "I refuse to answer.",
    "",
    "\\boxed{9^{9^{9^9}}}",
    "#### " + "7" * 400,
    "\\boxed{" * 40,
    "The answer is __import__('os').getcwd()",
    "Let me think. Let me think. Let me think. Let me think.",
)


def solve(r: random.Random, problem: Problem, *, right: bool) -> tuple[str, bool]:
    """Write one rollout; a wrong one slips in one step and carries the slip on, or writes down another result."""
    slip = -1 if right else r.randrange(len(problem.steps))
    lines, wrong = [], Fraction(0)
    for number, (text, left, value) in enumerate(problem.steps):
        shown = value + wrong
        if number == slip:
            wrong = r.choice([Fraction(-10), Fraction(-2), Fraction(-1), Fraction(1), Fraction(2), Fraction(10), value])
            shown = value + wrong
        lines.append(f"{text} {left} = {show(shown)}.")
    answer = problem.answer + wrong
    return "\n".join([*lines, r.choice(ENDINGS)(answer, problem.unit)]), answer == problem.answer


def rows() -> Iterator[dict[str, object]]:
    """Make every row, prompt by prompt."""
    r = random.Random(SEED)
    kinds = (shopping, travel, sharing, equation)
    for number in range(PROMPTS):
        problem = kinds[number % len(kinds)](r)
        skill = r.choice([0.0, 0.15, 0.4, 0.6, 0.85, 1.0])
        for _ in range(EACH):
            if r.random() < 0.02:  # noqa: PLR2004 - the share of hostile rollouts
                response, label = r.choice(HOSTILE), False
            else:
                response, label = solve(r, problem, right=r.random() < skill)
            yield {
                "prompt_id": f"example-{number:03d}",
                "prompt": problem.question,
                "response": response,
                "reference": show(problem.answer),
                "label": int(label),
            }


if __name__ == "__main__":
    path = Path(__file__).with_name("rollouts.jsonl")
    with path.open("w", encoding="utf-8") as file:
        for row in rows():
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{path.name}: {PROMPTS * EACH} rollouts of {PROMPTS} prompts")
