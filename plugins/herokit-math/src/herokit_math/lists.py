"""Putting the members of a list together, and matrices."""

from collections.abc import Callable

from herokit_math import relations
from herokit_math.answers import Answer, Interval, Labelled, Matrix, Quantity, Region, Sequence
from herokit_math.atoms import UnsupportedError
from herokit_math.lexer import Kind, Token
from herokit_math.limits import MAX_ITEMS, LimitError
from herokit_math.relations import intersect

_MATRICES = {
    "pmatrix",
    "bmatrix",
    "vmatrix",
    "Bmatrix",
    "Vmatrix",
    "matrix",
    "smallmatrix",
    "array",
    "cases",
    "aligned",
    "align",
}


def gather(items: list[Answer], joins: set[str]) -> Answer:
    """Return what a list of answers stands for.

    Args:
        items: the members in order.
        joins: what stands between them: "and" makes inequalities meet, "or" and commas unite them, "cup" unites all.
    """
    flat: list[Answer] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Sequence) and item.bracket == "" else (item,))
    if len(flat) > MAX_ITEMS:
        raise LimitError(f"more than {MAX_ITEMS} members")
    regions = [as_region(item) for item in flat]
    if any(isinstance(item, Region) for item in flat) and all(r is not None for r in regions):
        return _regions([r for r in regions if r is not None], joins)
    if "cup" in joins and any(isinstance(item, Interval | Sequence) for item in flat) and None not in regions:
        return _regions([r for r in regions if r is not None], joins)
    if len(joins) and any(isinstance(item, Interval) for item in flat) and all(_union_part(item) for item in flat):
        return Region(tuple(p for item in flat for p in _parts(item)))
    return _by_label(flat)


def _union_part(item: Answer) -> bool:
    return isinstance(item, Interval | Region) or (isinstance(item, Sequence) and item.bracket == "{")


def _parts(item: Answer) -> "tuple[Interval | Quantity, ...]":
    if isinstance(item, Region):
        return item.parts
    if isinstance(item, Interval):
        return (item,)
    if isinstance(item, Sequence):
        return tuple(p for p in item.items if isinstance(p, Quantity))
    return ()


def as_region(item: Answer) -> Region | None:
    """Return an answer as a region: an interval, a pair, a point, a set of points, a named one of these."""
    if isinstance(item, Labelled):
        return as_region(item.value)
    if isinstance(item, Region):
        return item
    if isinstance(item, Interval | Quantity):
        return Region((item,))
    if isinstance(item, Sequence) and item.bracket == "{" and all(isinstance(p, Quantity) for p in item.items):
        return Region(tuple(p for p in item.items if isinstance(p, Quantity)))
    if isinstance(item, Sequence) and item.bracket == "(" and len(item.items) == 2:  # noqa: PLR2004 - (a, b)
        low, high = item.items
        if isinstance(low, Quantity) and isinstance(high, Quantity):
            return Region((Interval(low.node, high.node, closed_low=False, closed_high=False),))
    return None


def _regions(regions: list[Region], joins: set[str]) -> Answer:
    if joins == {"and"}:
        found: Region | None = regions[0]
        for region in regions[1:]:
            found = intersect(found, region) if found else None
        if found and found.parts:
            return found
    return Region(tuple(part for region in regions for part in region.parts))


def _by_label(items: list[Answer]) -> Answer:
    """Cut ``p=5, q=2, p=7, q=2`` into tuples where the labels begin again."""
    labels = [item.label for item in items if isinstance(item, Labelled)]
    period = len(dict.fromkeys(labels))
    if len(labels) == len(items) > period > 1 and labels == labels[:period] * (len(labels) // period):
        return Sequence(tuple(Sequence(tuple(items[k : k + period]), "(") for k in range(0, len(items), period)))
    return Sequence(tuple(items))


def without(whole: Answer, points: Answer) -> Region:
    """Return the real line without some points.

    Raises:
        UnsupportedError: it is another difference of sets.
    """
    removed = as_region(points)
    line = as_region(whole)
    if removed is None or line is None or len(line.parts) != 1 or any(isinstance(p, Interval) for p in removed.parts):
        raise UnsupportedError("a difference of sets")
    found: Region | None = line
    for point in removed.parts:
        if isinstance(point, Quantity) and found:
            found = intersect(found, relations.half_lines(point.node))
    if found is None:
        raise UnsupportedError("a difference of sets")
    return found


def matrix(tokens: list[Token], read: Callable[[list[Token]], Answer]) -> Answer:
    r"""Read ``\begin{pmatrix} ... \end{pmatrix}``, alone or in one pair of brackets.

    Args:
        tokens: the tokens.
        read: how to read an entry.

    Raises:
        UnsupportedError: it is no plain matrix.
    """
    if tokens[0].text in {"(", "["} and tokens[-1].text in {")", "]"}:
        tokens = tokens[1:-1]
    name, at = _environment(tokens)
    if name == "array" and at < len(tokens) and tokens[at].text == "{":
        at = next((k for k in range(at, len(tokens)) if tokens[k].text == "}"), len(tokens)) + 1
    body = tokens[at : len(tokens) - _environment_width(tokens)]
    if any(t.text in {"begin", "end"} for t in body) or name not in _MATRICES:
        raise UnsupportedError("no plain matrix")
    rows: list[list[list[Token]]] = [[[]]]
    for token in body:
        if token.text == "cr":
            rows.append([[]])
        elif token.text == "&":
            rows[-1].append([])
        else:
            rows[-1][-1].append(token)
    filled = [row for row in rows if any(row)]
    if sum(map(len, filled)) > MAX_ITEMS:
        raise LimitError(f"more than {MAX_ITEMS} entries")
    return Matrix(tuple(tuple(read(cell) for cell in row) for row in filled))


def _environment(tokens: list[Token]) -> tuple[str, int]:
    """Return the environment's name and where its body begins."""
    if [t.text for t in tokens[:2]] != ["begin", "{"]:
        raise UnsupportedError("no environment")
    end = next((k for k, t in enumerate(tokens) if t.text == "}"), 0)
    return "".join(t.text for t in tokens[2:end]), end + 1


def _environment_width(tokens: list[Token]) -> int:
    at = max((k for k, t in enumerate(tokens) if t.text == "end" and t.kind == Kind.COMMAND), default=-1)
    if at < 0 or tokens[-1].text != "}":
        raise UnsupportedError("an environment without an end")
    return len(tokens) - at
