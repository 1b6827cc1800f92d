"""Three templated tasks for a small pretrained model, each with an integer answer in four equivalent forms."""

import random
import re
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.replication.tasks import FORMS, Task

__all__ = ["KINDS", "Arithmetic"]

READ = re.compile(r"(?:x=)?(-?\d{1,6})|(-?\d{1,6})\.0|\{(-?\d{1,6})\}")


KINDS: dict[str, tuple[str, tuple[tuple[int, int], ...], Callable[[tuple[int, ...]], int]]] = {
    "sums": ("Q: {0} + {1} =\nA:", ((10, 99), (10, 99)), sum),
    "differences": ("Q: {0} - {1} + {2} =\nA:", ((10, 60), (1, 9), (1, 30)), lambda p: p[0] - p[1] + p[2]),
    "prices": ("Q: {0} pens cost {3} dollars. {2} pens cost?\nA:", ((2, 12), (2, 15), (2, 20)), lambda p: p[1] * p[2]),
}
"""Name -> template of the prompt, ranges of the numbers, and the answer; ``{3}`` is the product of the first two."""


class Arithmetic(Task):
    r"""One kind of `KINDS`. A problem is a tuple of numbers; forms: 85, x=85, 85.0, {85}.

    Example:
        >>> task = Arithmetic("prices")
        >>> task.text((3, 4, 5)), task.answer((3, 4, 5)), task.oracle((3, 4, 5), " x=20")
        ('Q: 3 pens cost 12 dollars. 5 pens cost?\nA:', 20, True)
    """

    prompt_length = completion_length = 0  # texts are those of a tokenizer
    tokens = ()

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.name = kind  # type: ignore[misc] # one class, three tasks
        self.template, self.ranges, self.solution = KINDS[kind]

    def draw(self, rng: random.Random) -> Any:
        """Draw each number from its range."""
        return tuple(rng.randint(low, high) for low, high in self.ranges)

    def text(self, problem: Any) -> str:
        """Return the prompt."""
        return self.template.format(*problem, *[0] * (3 - len(problem)), problem[0] * problem[1])

    def prompt(self, problem: Any) -> Sequence[str]:
        """Return the prompt's characters."""
        return tuple(self.text(problem))

    def answer(self, problem: Any) -> int:
        """Return the true value."""
        return self.solution(problem)

    def solve(
        self,
        problem: Any,
        rng: random.Random | None = None,  # noqa: ARG002 - mistakes are the model's own
        slips: float = 0.04,  # noqa: ARG002
        misconceptions: float = 0.5,  # noqa: ARG002
    ) -> tuple[Sequence[str], Any]:
        """Return no steps, and the answer: the mistakes here are the model's own."""
        return (), self.answer(problem)

    def render(self, value: Any, form: int) -> Sequence[str]:
        """Write 85, x=85, 85.0 or {85}."""
        return tuple((f"{value}", f"x={value}", f"{value}.0", f"{{{value}}}")[form % FORMS])

    def oracle(self, problem: Any, completion: str) -> bool:
        """Read the whole completion."""
        read = READ.fullmatch(completion.strip())
        return read is not None and int(next(filter(None, read.groups()))) == self.answer(problem)
