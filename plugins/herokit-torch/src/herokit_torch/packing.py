"""Lay rows out one after the other, without padding, and run the tokens that rollouts share only once.

Rows of one family (the rollouts of a prompt) begin alike. A `Tree` holds their common prefix once and each row's rest
behind it; a pack is a list of trees whose tokens fit the budget. The common prefix is found on token ids, so the ids
that a row sees are exactly its own.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from herokit.reward_models.batching import MicroBatch

Ids = list[int]


@dataclass(frozen=True, slots=True)
class Tree:
    """Rows that share their first `prefix` tokens; `cost` is what they cost together, in tokens."""

    rows: tuple[int, ...]
    prefix: int
    cost: int


@dataclass(frozen=True, slots=True)
class Pack(MicroBatch):
    """A job whose rows lie in trees, one behind the other."""

    trees: tuple[Tree, ...]


def shared(rows: Sequence[Ids]) -> int:
    """Return how many tokens all rows begin with, leaving each at least one of its own.

    Example:
        >>> shared([[1, 2, 3], [1, 2, 4, 5]]), shared([[1, 2], [1, 2, 3]])
        (2, 1)
    """
    low, high = min(rows), max(rows)  # whatever the extremes share, all share
    most = min(map(len, rows)) - 1
    return next((i for i in range(most) if low[i] != high[i]), most)


def grow(rows: Sequence[Ids], families: Sequence[Hashable], *, least_gain: float, budget: int) -> list[Tree]:
    """Plant one tree for each family whose gain is worth it, and one for each row of the others.

    The gain is ``sum_i L_i / (P + sum_i (L_i - P))`` for rows of L_i tokens with P in common: tokens without reuse over
    tokens with it. A tree above the budget is cut into several, each with the prefix again.

    Args:
        rows: token ids.
        families: one key a row; rows of one key are compared, None stands alone.
        least_gain: the gain from which reuse is worth its bookkeeping.
        budget: tokens a tree.

    Example:
        >>> grow([[1, 1, 1, 2], [1, 1, 1, 3], [7]], "aab", least_gain=1.1, budget=9)
        [Tree(rows=(0, 1), prefix=3, cost=5), Tree(rows=(2,), prefix=0, cost=1)]
    """
    members: dict[Hashable, list[int]] = defaultdict(list)
    for i, family in enumerate(families):
        members[("alone", i) if family is None else ("family", family)].append(i)
    trees = []
    for kin in members.values():
        total = sum(len(rows[i]) for i in kin)
        prefix = shared([rows[i] for i in kin]) if len(kin) > 1 else 0
        if total < least_gain * (total - prefix * (len(kin) - 1)):
            trees += [Tree((i,), 0, len(rows[i])) for i in kin]
        else:
            trees += _cut(rows, kin, prefix, budget)
    return trees


def _cut(rows: Sequence[Ids], kin: list[int], prefix: int, budget: int) -> list[Tree]:
    trees = []
    part: list[int] = []
    cost = prefix
    for i in kin:
        more = len(rows[i]) - prefix
        if part and cost + more > budget:
            trees.append(Tree(tuple(part), prefix, cost))
            part, cost = [], prefix
        part.append(i)
        cost += more
    return [*trees, Tree(tuple(part), prefix, cost)]


def packs(trees: Sequence[Tree], budget: int) -> list[Pack]:
    """Fill packs of at most `budget` tokens, the costliest trees first; a tree above it runs alone.

    Example:
        >>> [job.rows for job in packs([Tree((0,), 0, 2), Tree((1,), 0, 5), Tree((2,), 0, 3)], 6)]
        [(1,), (2, 0)]
    """
    filled: list[list[Tree]] = []
    room = 0
    for tree in sorted(trees, key=lambda tree: -tree.cost):
        if not filled or tree.cost > room:
            filled.append([])
            room = budget
        filled[-1].append(tree)
        room -= tree.cost
    return [
        Pack(tuple(row for tree in pack for row in tree.rows), sum(tree.cost for tree in pack), tuple(pack))
        for pack in filled
    ]
