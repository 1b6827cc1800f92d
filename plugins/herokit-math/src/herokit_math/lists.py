"""Make answers from several members: collections, unions of regions, matrices."""

from collections.abc import Callable

from herokit_math.answers import Answer, Collection, Interval, LabeledValue, Matrix, Quantity, Region
from herokit_math.expression import UnsupportedError
from herokit_math.lexer import Token, TokenKind
from herokit_math.limits import MAX_ITEMS, LimitError
from herokit_math.relations import MINUS_INFINITY, exclude_point, intersect_regions
from herokit_math.tree import INFINITY

__all__ = ["combine_items", "parse_matrix", "split_environment", "subtract_points", "to_region"]

_COMMAND = TokenKind.COMMAND  # attributes of an enumeration take longer

_MATRICES = {
    "pmatrix", "bmatrix", "vmatrix", "Bmatrix", "Vmatrix", "matrix", "smallmatrix", "array", "cases", "aligned", "align",
}  # fmt: skip


def combine_items(items: list[Answer], conjunctions: set[str]) -> Answer:
    """Return the answer that a list of answers represents.

    Args:
        items: the members in order.
        conjunctions: the words between them: "and" intersects inequalities, "or" and commas unite them, "cup" unites
            everything.
    """
    flat: list[Answer] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Collection) and item.bracket == "" else (item,))
    if len(flat) > MAX_ITEMS:
        raise LimitError(f"more than {MAX_ITEMS} members")
    if len({item.name for item in flat if isinstance(item, Region) and item.name}) > 1:
        return Collection(tuple(flat))  # inequalities in several variables
    if "or" not in conjunctions and "cup" not in conjunctions and len(flat) > 1:
        flat = [item for item in flat if not _is_real_line(item)] or flat[:1]  # "x real, x > 2"
        if len(flat) == 1:
            return flat[0]
    regions = [to_region(item) for item in flat]
    if any(isinstance(item, Region) for item in flat) and all(r is not None for r in regions):
        return _combine_regions([r for r in regions if r is not None], conjunctions)
    if "cup" in conjunctions and any(isinstance(item, Interval | Collection) for item in flat) and None not in regions:
        return _combine_regions([r for r in regions if r is not None], conjunctions)
    if conjunctions and any(isinstance(item, Interval) for item in flat) and all(map(_is_union_part, flat)):
        return Region(tuple(p for item in flat for p in _region_parts(item)))
    return _group_by_label(flat, conjunctions)


def _is_real_line(item: Answer) -> bool:
    if not isinstance(item, Region) or len(item.parts) != 1 or not isinstance(item.parts[0], Interval):
        return False
    return (item.parts[0].low, item.parts[0].high) == (MINUS_INFINITY, INFINITY)


def _is_union_part(item: Answer) -> bool:
    return isinstance(item, Interval | Region) or (isinstance(item, Collection) and item.bracket == "{")


def _region_parts(item: Answer) -> "tuple[Interval | Quantity, ...]":
    if isinstance(item, Region):
        return item.parts
    if isinstance(item, Interval):
        return (item,)
    if isinstance(item, Collection):
        return tuple(p for p in item.items if isinstance(p, Quantity))
    return ()


def to_region(item: Answer) -> Region | None:
    """Return an interval, pair, point or set of points, labelled or not, as a region; None for other answers."""
    if isinstance(item, LabeledValue):
        return to_region(item.value)
    if isinstance(item, Region):
        return item
    if isinstance(item, Interval | Quantity):
        return Region((item,))
    if isinstance(item, Collection) and item.bracket == "{" and all(isinstance(p, Quantity) for p in item.items):
        return Region(tuple(p for p in item.items if isinstance(p, Quantity)))
    if isinstance(item, Collection) and item.bracket == "(" and len(item.items) == 2:  # noqa: PLR2004 - (a, b)
        low, high = item.items
        if isinstance(low, Quantity) and isinstance(high, Quantity):
            return Region((Interval(low.node, high.node, closed_low=False, closed_high=False),))
    return None


def _combine_regions(regions: list[Region], conjunctions: set[str]) -> Answer:
    if conjunctions == {"and"}:
        intersection: Region | None = regions[0]
        for region in regions[1:]:
            intersection = intersect_regions(intersection, region) if intersection else None
        if intersection and intersection.parts:
            return intersection
    name = next((region.name for region in regions if region.name), "")
    return Region(tuple(part for region in regions for part in region.parts), name)


def _group_by_label(items: list[Answer], conjunctions: set[str]) -> Answer:
    """Group ``p=5, q=2, p=7, q=2`` into tuples, one for each repetition of the labels; mark ``p=5 or q=2``."""
    labels = [item.label for item in items if isinstance(item, LabeledValue)]
    period = len(dict.fromkeys(labels))
    if len(labels) == len(items) > period > 1 and labels == labels[:period] * (len(labels) // period):
        return Collection(tuple(Collection(tuple(items[k : k + period]), "(") for k in range(0, len(items), period)))
    stems = {label.partition("_")[0] for label in labels}
    return Collection(tuple(items), "or" if conjunctions == {"or"} and len(stems) == len(items) > 1 else "")


def subtract_points(whole: Answer, points: Answer) -> Region:
    """Return an interval without some points and intervals.

    Raises:
        UnsupportedError: the arguments are other sets.
    """
    removed = to_region(points)
    region = to_region(whole)
    if removed is None or region is None or len(region.parts) != 1:
        raise UnsupportedError("a difference of sets")
    for part in removed.parts:
        rest = _complement(part) if isinstance(part, Interval) else exclude_point(part.node)
        region = intersect_regions(region, rest) if region else None
    if region is None:
        raise UnsupportedError("a difference of sets")
    return region


def _complement(part: Interval) -> Region:
    below = Interval(MINUS_INFINITY, part.low, closed_low=False, closed_high=not part.closed_low)
    above = Interval(part.high, INFINITY, not part.closed_high, closed_high=False)
    parts = tuple(p for p, end in ((below, part.low), (above, part.high)) if end not in {MINUS_INFINITY, INFINITY})
    return Region(parts)


def split_environment(tokens: list[Token]) -> tuple[str, list[list[Token]]]:
    r"""Return the name and the rows of ``\begin{pmatrix} ... \end{pmatrix}``, which may be in one pair of brackets.

    Raises:
        UnsupportedError: the tokens are not an environment of rows without inner environments.
    """
    if tokens[0].text in {"(", "["} and tokens[-1].text in {")", "]"}:
        tokens = tokens[1:-1]
    name, start = _parse_environment_name(tokens)
    if name == "array" and start < len(tokens) and tokens[start].text == "{":
        start = next((k for k in range(start, len(tokens)) if tokens[k].text == "}"), len(tokens)) + 1
    body = tokens[start : _find_environment_end(tokens)]
    if any(t.text in {"begin", "end"} for t in body) or name not in _MATRICES:
        raise UnsupportedError("not a plain matrix")
    return name, _split(body, "cr")


def parse_matrix(rows: list[list[Token]], parse_entry: Callable[[list[Token]], Answer]) -> Matrix:
    """Parse the rows of a matrix.

    Args:
        rows: the tokens of each row.
        parse_entry: parses an entry.

    Raises:
        LimitError: it has too many entries.
    """
    entries = [_split(row, "&") for row in rows]
    entries = [row for row in entries if any(row)]
    if sum(map(len, entries)) > MAX_ITEMS:
        raise LimitError(f"more than {MAX_ITEMS} entries")
    return Matrix(tuple(tuple(parse_entry(entry) for entry in row) for row in entries))


def _split(tokens: list[Token], text: str) -> list[list[Token]]:
    """Split at every token with a text; keep empty pieces."""
    pieces: list[list[Token]] = [[]]
    for token in tokens:
        if token.text == text:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces


def _parse_environment_name(tokens: list[Token]) -> tuple[str, int]:
    """Return the environment's name and the position of its body."""
    if [t.text for t in tokens[:2]] != ["begin", "{"]:
        raise UnsupportedError("not an environment")
    end = next((k for k, t in enumerate(tokens) if t.text == "}"), 0)
    return "".join(t.text for t in tokens[2:end]), end + 1


def _find_environment_end(tokens: list[Token]) -> int:
    end = max((k for k, t in enumerate(tokens) if t.text == "end" and t.kind == _COMMAND), default=-1)
    if end < 0 or tokens[-1].text != "}":
        raise UnsupportedError("an environment without an end")
    return end
