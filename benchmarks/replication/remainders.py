"""``7*3+8-4*9*2=``: six digits, five operations from left to right, modulo ten; the steps are the values in between."""

import random
import re
from collections.abc import Sequence
from typing import Any

from benchmarks.replication.tasks import FORMS, Task

ANSWER = re.compile(r"(?:x=)?(\d)|(\d)\.0|\{(\d)\}")


def _apply(x: int, operation: str, y: int) -> int:
    return (x + y if operation == "+" else x - y if operation == "-" else x * y) % 10


class Remainders(Task):
    """Arithmetic modulo ten. A problem is a tuple of digits and a string of operations; forms: 7, x=7, 7.0, {7}.

    The teacher's misconception is a wrong table of products, drawn for each world.
    """

    name = "remainders"
    tokens = tuple("0123456789+-*=;x.{}")
    prompt_length = 12
    completion_length = 10

    def __init__(self, world: int = 0) -> None:
        super().__init__(world)
        dice = random.Random(123 + world)
        self.wrong = {(x, y): (x * y + dice.randint(1, 9)) % 10 for x in range(10) for y in range(1, 10)}

    def draw(self, rng: random.Random) -> Any:
        """Draw digits 1 to 9 and operations."""
        return tuple(rng.randint(1, 9) for _ in range(6)), "".join(rng.choice("+-*") for _ in range(5))

    def prompt(self, problem: Any) -> Sequence[str]:
        """Write digits and operations in turn, then ``=``."""
        digits, operations = problem
        return [x for digit, operation in zip(digits, (*operations, "="), strict=True) for x in (str(digit), operation)]

    def answer(self, problem: Any) -> int:
        """Return the last step's value."""
        value: int = self.solve(problem)[1]
        return value

    def solve(
        self, problem: Any, rng: random.Random | None = None, slips: float = 0.04, misconceptions: float = 0.5
    ) -> tuple[Sequence[str], Any]:
        """Go from left to right; mistakes are carried on."""
        digits, operations = problem
        value, steps = digits[0], list[str]()
        for operation, y in zip(operations, digits[1:], strict=True):
            if rng and operation == "*" and rng.random() < misconceptions:
                value = self.wrong[value, y]
            else:
                value = _apply(value, operation, y)
            if rng and rng.random() < slips:
                value = (value + rng.randint(1, 9)) % 10
            steps.append(str(value))
        return [*steps[:-1], ";"], value

    def render(self, value: Any, form: int) -> Sequence[str]:
        """Write 7, x=7, 7.0 or {7}."""
        return (f"{value}", f"x={value}", f"{value}.0", f"{{{value}}}")[form % FORMS]

    def oracle(self, problem: Any, completion: str) -> bool:
        """Read what follows the last semicolon."""
        read = ANSWER.fullmatch(completion.rpartition(";")[2])
        return read is not None and int(next(filter(None, read.groups()))) == self.answer(problem)
