"""What a task is: problems, a noisy teacher, equivalent forms of an answer, and the oracle of the evaluation."""

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from typing import Any, ClassVar

POOLS = {"teacher": 30, "rm": 15, "dev": 15, "dev-eval": 7, "test": 25, "test-eval": 8}
"""Share of all problems in each pool, in percent. A problem's own hash decides, so pools never overlap."""

FORMS = 4
"""Equivalent forms of an answer."""


def share(*parts: object) -> float:
    """Return a number in [0, 1) that depends on the parts alone: what is hidden, yet the same in every run."""
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=6).digest()) / 2**48


class Task(ABC):
    """A family of problems with a chain of steps, an answer, and four equivalent forms of it.

    A problem is any hashable value; texts are sequences of tokens, each a short string.

    Attributes:
        name: of the task.
        tokens: what texts are made of.
        prompt_length: tokens of every prompt; the last is the same in all.
        completion_length: the most tokens of a completion, the end among them.

    Args:
        world: what the seeds of a study share; another one has other problems, accepted forms and tables of mistakes.
    """

    name: ClassVar[str]
    tokens: ClassVar[tuple[str, ...]]
    prompt_length: ClassVar[int]
    completion_length: ClassVar[int]

    def __init__(self, world: int = 0) -> None:
        self.world = world
        self.salt = (world,) if world else ()

    @abstractmethod
    def draw(self, rng: random.Random) -> Any:
        """Draw a problem."""

    @abstractmethod
    def prompt(self, problem: Any) -> Sequence[str]:
        """Return the problem's text."""

    @abstractmethod
    def answer(self, problem: Any) -> Any:
        """Return the true value."""

    @abstractmethod
    def solve(
        self, problem: Any, rng: random.Random | None = None, slips: float = 0.04, misconceptions: float = 0.5
    ) -> tuple[Sequence[str], Any]:
        """Return the steps up to the separator, and the value they lead to.

        Args:
            problem: what to solve.
            rng: a noisy teacher's dice; None makes no mistake.
            slips: chance of a random mistake in a step.
            misconceptions: chance of a *systematic* mistake wherever one applies: the same wrong rule every time, so
                that the majority can be wrong.
        """

    @abstractmethod
    def render(self, value: Any, form: int) -> Sequence[str]:
        """Write an answer in one of the `FORMS`."""

    @abstractmethod
    def oracle(self, problem: Any, completion: str) -> bool:
        """Return whether a completion's answer is right, in any form. For evaluation alone: nothing trains on it."""

    def pool(self, name: str, size: int) -> list[Any]:
        """Return the first problems of a pool, in an order that never changes.

        Raises:
            ValueError: the task has not that many.
        """
        return list(_pool(self, name, size))


@cache
def _pool(task: Task, name: str, size: int) -> tuple[Any, ...]:
    start = sum(percent for other, percent in POOLS.items() if list(POOLS).index(other) < list(POOLS).index(name))
    rng, seen = random.Random(" ".join(map(str, (task.name, name, *task.salt)))), dict[Any, None]()
    for _ in range(200 * size):
        problem = task.draw(rng)
        if start <= 100 * share(task.name, problem) < start + POOLS[name]:
            seen[problem] = None
        if len(seen) == size:
            return tuple(seen)
    raise ValueError(f"{task.name} has no {size} problems in the pool {name!r}, only about {len(seen)}")
