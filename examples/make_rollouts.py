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


class Step(NamedTuple):
    """A sentence and a calculation; an operand is a number, or the place of an earlier step as ``"#0"``."""

    text: str
    left: int | str
    sign: str
    right: int | str


class Problem(NamedTuple):
    """A question, its steps, and the unit of the answer."""

    question: str
    steps: tuple[Step, ...]
    unit: str


def shopping(r: random.Random) -> Problem:
    """Make a problem of prices and change."""
    name, item = r.choice(["Mara", "Ivo", "Nadia", "Pele", "Sana"]), r.choice(["mugs", "kites", "lamps", "maps"])
    n, price = r.randint(3, 12), r.randint(4, 25)
    paid = (n * price // 50 + 1) * 50
    return Problem(
        f"{name} buys {n} {item} at ${price} each and pays with ${paid}. How many dollars of change does {name} get?",
        (Step(f"{n} {item} cost", n, "*", price), Step("The change is", paid, "-", "#0")),
        "dollars",
    )


def travel(r: random.Random) -> Problem:
    """Make a problem of two legs and an average speed."""
    a, b = r.choice([40, 50, 60, 80]), r.choice([30, 45, 90, 100])
    s, t = r.randint(2, 4), r.randint(2, 4)
    return Problem(
        f"A train runs {s} hours at {a} km/h and then {t} hours at {b} km/h. What is its average speed in km/h?",
        (
            Step("The first leg is", a, "*", s),
            Step("The second leg is", b, "*", t),
            Step("Together that is", "#0", "+", "#1"),
            Step("The average speed is", "#2", "/", s + t),
        ),
        "km/h",
    )


def sharing(r: random.Random) -> Problem:
    """Make a problem of fractions of a whole."""
    d, e = r.choice([2, 3, 4, 5]), r.choice([2, 3, 4])
    whole = d * e * r.randint(3, 15)
    return Problem(
        f"A baker has {whole} rolls. He sells 1/{d} of them in the morning and 1/{e} of the rest at noon. "
        "How many rolls are left?",
        (
            Step("In the morning he sells", whole, "/", d),
            Step("That leaves", whole, "-", "#0"),
            Step("At noon he sells", "#1", "/", e),
            Step("So what is left is", "#1", "-", "#2"),
        ),
        "rolls",
    )


def equation(r: random.Random) -> Problem:
    """Make a linear equation, often with a fraction for an answer."""
    a, b, c = r.randint(2, 9), r.randint(1, 30), r.randint(31, 90)
    return Problem(
        f"Solve ${a}x + {b} = {c}$ for $x$.",
        (Step(f"Subtract {b}: {a}x =", c, "-", b), Step("Divide: x =", "#0", "/", a)),
        "",
    )


SIGNS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


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


def work(problem: Problem, slip: int = -1, by: Fraction = Fraction(0)) -> tuple[list[str], Fraction]:
    """Work a problem out; at step `slip` the result is off `by`, and everything after follows from it."""
    lines: list[str] = []
    values: list[Fraction] = []

    def read(operand: int | str) -> Fraction:
        return values[int(operand[1:])] if isinstance(operand, str) else Fraction(operand)

    for number, step in enumerate(problem.steps):
        left, right = read(step.left), read(step.right)
        values.append(SIGNS[step.sign](left, right) + (by if number == slip else 0))
        lines.append(f"{step.text} {show(left)} {step.sign} {show(right)} = {show(values[-1])}.")
    return lines, values[-1]


def solve(r: random.Random, problem: Problem, *, right: bool) -> tuple[str, bool]:
    """Write one rollout; a wrong one slips in one step and goes on from there."""
    _, truth = work(problem)
    slips = [Fraction(x) for x in (-10, -2, -1, 1, 2, 10, 100)]
    lines, answer = work(problem) if right else work(problem, r.randrange(len(problem.steps)), r.choice(slips))
    return "\n".join([*lines, r.choice(ENDINGS)(answer, problem.unit)]), answer == truth


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
                "reference": show(work(problem)[1]),
                "label": int(label),
            }


if __name__ == "__main__":
    path = Path(__file__).with_name("rollouts.jsonl")
    with path.open("w", encoding="utf-8") as file:
        for row in rows():
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{path.name}: {PROMPTS * EACH} rollouts of {PROMPTS} prompts")
