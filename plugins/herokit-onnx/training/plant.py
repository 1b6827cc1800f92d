"""Worked solutions as programs: read one, plant errors in it, let the consequences run on, write it out again."""

# ruff: noqa: PLR2004 - probabilities and ranges are the data here

import random
import re
from dataclasses import dataclass

from herokit_onnx.equations import Equation, check_equation, evaluate, normalize_notation, split_equations

NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Ref:
    """The result of the k-th equation."""

    k: int


@dataclass
class Eq:
    """An equation whose operands are numbers, operators and references."""

    tokens: list[str | Ref]


@dataclass
class Solution:
    """Lines of prose, references and equations; `final` is what the answer line says."""

    lines: list[list[str | Ref | Eq]]
    final: Ref | str
    gold: float


def parse(answer: str) -> Solution | None:
    """Read a GSM8K solution; None unless every equation holds and the answer is one of the results."""
    body, _, last = answer.rpartition("####")
    values: list[float] = []
    lines: list[list[str | Ref | Eq]] = []
    for raw in body.strip().split("\n"):
        line: list[str | Ref | Eq] = []
        for piece in split_equations(normalize_notation(raw)):
            if isinstance(piece, Equation):
                if check_equation(piece) == "bad" or len(piece.tokens) < 3:
                    return None
                line.append(Eq([_link(t, values) for t in piece.tokens]))
                values.append(float(piece.right))
            else:
                line += _linked(piece, values)
        lines.append(line)
    gold = float(last.replace(",", "").strip())
    final = _link(last.replace(",", "").strip(), values)
    return Solution(lines, final, gold) if isinstance(final, Ref) else None


def _link(token: str, values: list[float]) -> str | Ref:
    if NUMBER.fullmatch(token):
        for k in range(len(values) - 1, -1, -1):
            if abs(values[k] - float(token)) < 1e-6:
                return Ref(k)
    return token


def _linked(text: str, values: list[float]) -> list[str | Ref]:
    out: list[str | Ref] = []
    at = 0
    for m in NUMBER.finditer(text):
        link = _link(m[0], values)
        if isinstance(link, Ref):
            out += [text[at : m.start()], link]
            at = m.end()
    return [*out, text[at:]]


def show(value: float) -> str:
    """Write a number the way solutions do."""
    return str(round(value)) if abs(value - round(value)) < 1e-6 else f"{value:.2f}"


def write(r: random.Random, solution: Solution, numbers: list[str], p: float) -> tuple[str, int, list[int]]:
    """Write a solution, planting an error at every equation with probability `p`.

    Returns:
        The text, 1 if its final answer is the right one, and for every equation 1 while no error has been planted.
    """
    values: list[float] = []
    labels: list[int] = []
    broken = False
    alias: dict[int, str] = {}
    out: list[str] = []
    bare, calc = r.random() < 0.12, r.random() < 0.6
    for line in solution.lines:
        text: list[str] = []
        dropped = False
        for piece in line:
            if isinstance(piece, str):
                text.append("" if bare else piece)
            elif isinstance(piece, Ref):
                text.append("" if bare else _value(piece, values, alias))
            else:
                kind = r.choices(KINDS, WEIGHTS)[0] if r.random() < p else "none"
                k = len(values)
                tokens = [_value(t, values, alias) if isinstance(t, Ref) else t for t in piece.tokens]
                if kind == "drop":
                    dropped, broken = True, True
                    alias[k] = r.choice([t for t in tokens if NUMBER.fullmatch(t)] or ["1"])
                    values.append(float(alias[k]))
                    continue
                tokens, value, changed = _planted(r, kind, tokens, numbers, values)
                broken |= changed
                values.append(value)
                labels.append(int(not broken))
                text.append(_equation(tokens, value, calc=calc))
                if kind == "extra":
                    more = [show(value), r.choice("+-*"), r.choice(numbers or ["2"])]
                    values[k] = evaluate(tuple(more))
                    values[k] = values[k] if abs(values[k]) < HUGE else 0.0
                    broken = True
                    labels.append(0)
                    text.append("\n" + _equation(more, values[k], calc=calc))
        if not dropped or (text and r.random() < 0.3 and not bare):
            out.append("".join(text).strip())
    final = values[solution.final.k] if isinstance(solution.final, Ref) else float(solution.final)
    if r.random() < p * 0.25:
        final = r.choice([*values, final + r.choice([-10, -2, -1, 1, 2, 10]), *map(float, numbers)])
    answer = r.choice(ANSWERS).format(show(final))
    return "\n".join([*(line for line in out if line), answer]), int(abs(final - solution.gold) < 0.011), labels


KINDS = ("slip", "operator", "operand", "swap", "drop", "extra")
WEIGHTS = (1, 4, 6, 1, 5, 2)
HUGE = 1e9
ANSWERS = ("#### {}", "A: {}", "The answer is {}.", "The final answer is \\boxed{{{}}}.", "Answer: {}")


def _value(ref: Ref, values: list[float], alias: dict[int, str]) -> str:
    return alias.get(ref.k) or show(values[ref.k])


def _equation(tokens: list[str], value: float, *, calc: bool) -> str:
    left = "".join(tokens)
    return f"{left}=<<{left}={show(value)}>>{show(value)}" if calc else f"{' '.join(tokens)} = {show(value)}"


def _planted(
    r: random.Random, kind: str, tokens: list[str], numbers: list[str], values: list[float]
) -> tuple[list[str], float, bool]:
    """Apply one kind of error to the tokens of an equation; return them, the value, and whether anything changed."""
    new = list(tokens)
    operators = [i for i, t in enumerate(new) if t in "+-*/" and i]
    operands = [i for i, t in enumerate(new) if NUMBER.fullmatch(t)]
    if kind == "operator" and operators:
        i = r.choice(operators)
        new[i] = r.choice([o for o in "+-*/" if o != new[i]])
    elif kind == "operand" and operands:
        i = r.choice(operands)
        near = show(max(1.0, float(new[i]) + r.choice([-10, -2, -1, 1, 2, 10])))
        pool = [n for n in [*numbers, *numbers, *map(show, values), near] if n != new[i] and "-" not in n]
        new[i] = r.choice(pool) if pool else near
    elif len(new) == 3 and (kind == "swap" or (new[1] in "+*" and r.random() < 0.3)):
        new.reverse()
    value = evaluate(tuple(new))
    right = evaluate(tuple(tokens))
    if not abs(right) < HUGE:  # an earlier error made it a division by zero
        return tokens, 0.0, True
    if kind == "slip":
        value += (
            r.choice([-1, 1, -10, 10, r.randint(-9, 9), 100]) if r.random() < 0.7 else value * r.choice([9, -0.9, 1])
        )
    if not abs(value) < HUGE:  # a planted division by zero is taken back
        return tokens, right, False
    return new, value, abs(value - right) > 1e-6
