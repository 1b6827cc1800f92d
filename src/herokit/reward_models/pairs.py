"""Which rollouts of a group are compared with each other."""

from typing import TypeAlias

__all__ = ["Pair", "choose_pairs"]

Pair: TypeAlias = tuple[int, int]


def choose_pairs(count: int, min_opponents: int) -> list[Pair]:
    """Return pairs of rows in which every row occurs at least `min_opponents` times, or with all others if they are fewer.

    Rows are placed on a circle and paired with those up to ``ceil(min_opponents / 2)`` places further.

    Example:
        >>> choose_pairs(3, 8), choose_pairs(5, 2)
        ([(0, 1), (0, 2), (1, 2)], [(0, 1), (0, 4), (1, 2), (2, 3), (3, 4)])
    """
    steps = range(1, min(-(-min_opponents // 2), count // 2) + 1)
    pairs = {(min(i, j), max(i, j)) for step in steps for i in range(count) if (j := (i + step) % count) != i}
    return sorted(pairs)
