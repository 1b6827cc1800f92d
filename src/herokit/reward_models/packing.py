"""Pack rows one after the other, without padding, and run the prefix that rollouts share only once.

Rollouts of one prompt begin with the same tokens. A `PrefixTree` holds their common prefix once, followed by the suffix of
each row; a pack is a list of trees within the token limit. The common prefix is found on token ids, so every row sees
exactly its own ids. Pure Python.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from herokit.reward_models.batching import MicroBatch

__all__ = ["Pack", "PrefixTree", "build_trees", "common_prefix", "fill_packs"]

Ids = list[int]


@dataclass(frozen=True, slots=True)
class PrefixTree:
    """Rows that share their first `prefix` tokens; together they cost `tokens`."""

    rows: tuple[int, ...]
    prefix: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Pack(MicroBatch):
    """A micro-batch whose rows are in trees, one after the other."""

    trees: tuple[PrefixTree, ...]


def common_prefix(rows: Sequence[Ids]) -> int:
    """Return how many tokens all rows begin with, leaving each at least one of its own.

    Example:
        >>> common_prefix([[1, 2, 3], [1, 2, 4, 5]]), common_prefix([[1, 2], [1, 2, 3]])
        (2, 1)
    """
    low, high = min(rows), max(rows)  # what the extremes share, all share
    limit = min(map(len, rows)) - 1
    return next((i for i in range(limit) if low[i] != high[i]), limit)


def build_trees(
    rows: Sequence[Ids], prefix_keys: Sequence[Hashable], *, min_sharing_gain: float, max_batch_tokens: int
) -> list[PrefixTree]:
    """Build one tree for all rows of a key if sharing pays, and one for each row otherwise.

    The gain is ``sum_i L_i / (P + sum_i (L_i - P))`` for rows of L_i tokens with P in common: tokens without sharing over
    tokens with it. A tree above `max_batch_tokens` is cut into several, each with the prefix again.

    Args:
        rows: token ids.
        prefix_keys: one key per row; rows of one key are compared, None shares with no row.
        min_sharing_gain: the gain from which sharing pays for its bookkeeping.
        max_batch_tokens: tokens per tree.

    Example:
        >>> build_trees([[1, 1, 1, 2], [1, 1, 1, 3], [7]], "aab", min_sharing_gain=1.1, max_batch_tokens=9)
        [PrefixTree(rows=(0, 1), prefix=3, tokens=5), PrefixTree(rows=(2,), prefix=0, tokens=1)]
    """
    members: dict[Hashable, list[int]] = defaultdict(list)
    for i, key in enumerate(prefix_keys):
        members[("row", i) if key is None else ("key", key)].append(i)
    trees = []
    for group in members.values():
        total = sum(len(rows[i]) for i in group)
        prefix = common_prefix([rows[i] for i in group]) if len(group) > 1 else 0
        if total < min_sharing_gain * (total - prefix * (len(group) - 1)):
            trees += [PrefixTree((i,), 0, len(rows[i])) for i in group]
        else:
            trees += _cut(rows, group, prefix, max_batch_tokens)
    return trees


def _cut(rows: Sequence[Ids], group: list[int], prefix: int, max_batch_tokens: int) -> list[PrefixTree]:
    trees = []
    part: list[int] = []
    tokens = prefix
    for i in group:
        suffix = len(rows[i]) - prefix
        if part and tokens + suffix > max_batch_tokens:
            trees.append(PrefixTree(tuple(part), prefix, tokens))
            part, tokens = [], prefix
        part.append(i)
        tokens += suffix
    return [*trees, PrefixTree(tuple(part), prefix, tokens)]


def fill_packs(trees: Sequence[PrefixTree], max_batch_tokens: int) -> list[Pack]:
    """Fill packs of at most `max_batch_tokens`, the largest trees first; a tree above that runs alone.

    Example:
        >>> trees = [PrefixTree((0,), 0, 2), PrefixTree((1,), 0, 5), PrefixTree((2,), 0, 3)]
        >>> [pack.rows for pack in fill_packs(trees, 6)]
        [(1,), (2, 0)]
    """
    groups: list[list[PrefixTree]] = []
    room = 0
    for tree in sorted(trees, key=lambda tree: -tree.tokens):
        if not groups or tree.tokens > room:
            groups.append([])
            room = max_batch_tokens
        groups[-1].append(tree)
        room -= tree.tokens
    return [
        Pack(tuple(row for tree in group for row in tree.rows), sum(tree.tokens for tree in group), tuple(group))
        for group in groups
    ]
