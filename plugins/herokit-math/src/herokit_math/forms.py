"""Parse forms of answers that are more than one expression: cases, residues, enumerated parts, multiples of vectors."""

import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeAlias

from herokit_math.answers import Answer, Cases, Collection, Interval, Matrix, Quantity, Ratio, Region, Residues
from herokit_math.exact import NotExactError, evaluate_exactly
from herokit_math.expression import UnsupportedError, parse_expression
from herokit_math.lexer import Token, TokenKind
from herokit_math.limits import MAX_ITEMS, StepBudget
from herokit_math.relations import MINUS_INFINITY
from herokit_math.token_split import bracket_depths, is_enclosed, is_separator, matches_operator, split_tokens
from herokit_math.tree import Call, Node, Num, Sym, free_symbols

__all__ = [
    "ELSE_WORDS",
    "has_determinant",
    "list_integers",
    "parse_cases",
    "parse_multiple",
    "parse_residues",
    "parse_share",
    "parse_transposed",
    "split_parts",
]

_NUMBER, _COMMAND, _WORD = (
    TokenKind.NUMBER,
    TokenKind.COMMAND,
    TokenKind.WORD,
)  # attributes of an enumeration take longer

_Parse: TypeAlias = Callable[[list[Token]], Answer]

_CASE_WORDS = {"if", "when", "whenever", "for"}
ELSE_WORDS = {"else", "otherwise"}
_PART_LABEL = re.compile(r"(?:\\text\s*\{\s*)?(?:\(\s*|(?<![\w(]))([a-h]|i{1,3}|iv|v)\s*\)\s*\}?\s*")
_PART_LABELS = ("abcdefgh", ("i", "ii", "iii", "iv", "v"))
_STEPS = 2_000  # operations for the ends of a set
_TRANSPOSED = (["^", "T"], ["^", "top"], ["^", "{", "T", "}"], ["^", "{", "top", "}"])


def parse_cases(pieces: Sequence[list[Token]], parse: _Parse) -> Cases | None:
    """Parse "1 if n is even", "0 otherwise": a value and a condition in each piece; None for other pieces."""
    cases = [_split_case(piece) for piece in pieces]
    if len(cases) < 2:  # noqa: PLR2004 - one value with a condition is a value
        return None
    items: list[tuple[Answer, Answer | None]] = []
    for case in cases:
        if case is None:
            return None
        value, condition = case
        is_rest = all(t.kind == _WORD or t.text in {",", ".", ";"} for t in condition)
        is_rest = is_rest and any(t.text.lower() in ELSE_WORDS for t in condition)
        items.append((parse(value), None if is_rest else parse(condition)))
    if sum(condition is None for _, condition in items) > 1:
        raise UnsupportedError("two cases without a condition")
    return Cases(tuple(items))


def _split_case(tokens: list[Token]) -> tuple[list[Token], list[Token]] | None:
    """Split at "if", "otherwise" or the sign between the columns of an environment."""
    for at, (token, depth) in enumerate(zip(tokens, bracket_depths(tokens), strict=True)):
        if at == 0 or depth > 0:
            continue
        if token.kind == _WORD and token.text.lower() in ELSE_WORDS:
            return tokens[:at], tokens[at:]
        if token.text == "&" or (token.kind == _WORD and token.text.lower() in _CASE_WORDS):
            condition = tokens[at + 1 :]
            if condition and condition[0].kind == _WORD and condition[0].text.lower() in _CASE_WORDS:
                condition = condition[1:]
            return (tokens[:at], condition) if condition else None
    return None


def parse_residues(tokens: list[Token], parse: _Parse) -> Answer | None:
    r"""Parse ``x \equiv 3 \pmod 7``, ``1, 5 \pmod{6}`` and lists of them; None for other tokens.

    Raises:
        UnsupportedError: the residues are not expressions.
    """
    depths = bracket_depths(tokens)
    at = next((k for k, t in enumerate(tokens) if t.text == "pmod" and depths[k] == 0 and k), 0)
    if not at or at + 1 == len(tokens):
        return None
    stop = at + 2
    if tokens[at + 1].text in {"{", "("}:
        stop = next((k for k in range(at + 2, len(tokens)) if tokens[k].text in "})" and depths[k] == 1), stop - 1) + 1
    first = _make_residues(tokens[:at], parse_expression(tokens[at + 1 : stop]), parse)
    rest = tokens[stop:]
    if not any(t.text == "pmod" for t in rest):
        return first
    if not is_separator(rest[0]):
        raise UnsupportedError("a congruence inside an expression")
    others = parse(rest[1:])
    return Collection((first, *(others.items if isinstance(others, Collection) else (others,))))


def _make_residues(tokens: list[Token], modulus: Node, parse: _Parse) -> Residues:
    sides = split_tokens(tokens, matches_operator("="))
    subject = parse_expression(sides[0]) if len(sides) == 2 else None  # noqa: PLR2004 - x and its residue
    if len(sides) > 2 or not sides:  # noqa: PLR2004
        raise UnsupportedError("a chain of congruences")
    value = parse(sides[-1])
    items = value.items if isinstance(value, Collection) else (value,)
    nodes = tuple(item.node for item in items if isinstance(item, Quantity))
    if not nodes or len(nodes) != len(items):
        raise UnsupportedError("residues that are not expressions")
    return Residues(nodes, modulus, None if isinstance(subject, Sym) else subject)


def split_parts(text: str) -> list[str]:
    """Return the answers to the parts of a question, (a) to (h) or (i) to (v); empty for other texts.

    Example:
        >>> split_parts("(a) 5, (b) 7"), split_parts("f(a) + (b)")
        (['5', '7'], [])
    """
    if not _PART_LABEL.match(text):
        return []
    matches = list(_PART_LABEL.finditer(text))
    labels = [match[1] for match in matches]
    is_numbered = any(labels == [*names][: len(labels)] for names in _PART_LABELS)
    if len(labels) < 2 or not is_numbered:  # noqa: PLR2004 - one part is no list of parts
        return []
    ends = [*(match.start() for match in matches[1:]), len(text)]
    parts = [text[match.end() : end].strip(" ,;.") for match, end in zip(matches, ends, strict=True)]
    parts = [part[:-1] if part.count("}") > part.count("{") and part.endswith("}") else part for part in parts]
    return parts if all(parts) else []


def parse_multiple(tokens: list[Token], parse: _Parse) -> Answer | None:
    r"""Parse a number times a vector or matrix, ``\frac12 (1, 2)``, as the vector or matrix; None for other tokens."""
    openings = [k for k, t in enumerate(tokens) if k and t.text in {"(", "begin"}]
    depths = bracket_depths(tokens) if openings else []
    start = next((k for k in openings if depths[k] == 1 and (tokens[k].text == "begin" or _is_vector(tokens[k:]))), 0)
    if not start or has_determinant(tokens):
        return None
    head = [t for t in tokens[:start] if t.text != "*" or t is not tokens[start - 1]]
    try:
        factor = parse_expression([*head, Token(_NUMBER, "1")] if [t.text for t in head] == ["-"] else head)
    except UnsupportedError:
        return None
    vector = parse(tokens[start:])
    if free_symbols(factor) or not isinstance(vector, Collection | Matrix):
        return None
    rows = vector.rows if isinstance(vector, Matrix) else (vector.items,)
    scaled = tuple(tuple(_scale(entry, factor) for entry in row) for row in rows)
    return Matrix(scaled) if isinstance(vector, Matrix) else Collection(scaled[0], vector.bracket)


def has_determinant(tokens: list[Token]) -> bool:
    """Return whether tokens have a determinant, which is a number and no matrix."""
    return any(t.text in {"det", "vmatrix"} and t.kind in (_COMMAND, _WORD) for t in tokens)


def _is_vector(tokens: list[Token]) -> bool:
    return is_enclosed(tokens) and len(split_tokens(tokens[1:-1], matches_operator(","))) > 1


def _scale(entry: Answer, factor: Node) -> Answer:
    if not isinstance(entry, Quantity):
        raise UnsupportedError("a multiple of something that is not a number")
    return entry._replace(node=Call("mul", (factor, entry.node)))


def parse_transposed(tokens: list[Token], parse: _Parse) -> Answer | None:
    """Parse a transposed vector or matrix; None for other tokens."""
    texts = [t.text for t in tokens[-4:]]
    for tail in _TRANSPOSED:
        body = tokens[: -len(tail)]
        if texts[-len(tail) :] == tail and body and (is_enclosed(body) or body[0].text == "begin"):
            answer = parse(body)
            if isinstance(answer, Interval):
                return Collection((Quantity(answer.low), Quantity(answer.high)), "(")
            if isinstance(answer, Matrix) and len({len(row) for row in answer.rows}) == 1:
                return Matrix(tuple(zip(*answer.rows, strict=True)))
            return answer if isinstance(answer, Collection) else None
    return None


def parse_share(tokens: list[Token]) -> Quantity | Ratio | None:
    """Parse "3 in 8" and "3 out of 8" as a fraction, "2 to 3" as a ratio; None for other tokens."""
    if tokens[0].kind != _NUMBER or tokens[-1].kind != _NUMBER:
        return None
    numbers = [t for t in tokens if t.kind == _NUMBER]
    words = [t.text.lower() for t in tokens if t.kind == _WORD]
    if not words or len(numbers + words) != len(tokens):
        return None
    parts = tuple(parse_expression([number]) for number in numbers)
    if len(parts) == 2 and words in (["in"], ["out", "of"]):  # noqa: PLR2004 - a share
        return Quantity(Call("div", parts))
    is_ratio = len(parts) == len(words) + 1 and set(words) == {"to"} and [t.text for t in tokens[1::2]] == words
    return Ratio(parts) if is_ratio else None


def list_integers(condition: Answer, *, natural: bool) -> Collection | None:
    """Return the set of the integers in a bounded region, or of the positive ones; None if it is not bounded."""
    if not isinstance(condition, Region):
        return None
    numbers: list[int] = []
    for part in condition.parts:
        low, high = (part.low, part.high) if isinstance(part, Interval) else (part.node, part.node)
        try:
            first = Fraction(1) if natural and low == MINUS_INFINITY else evaluate_exactly(low, StepBudget(_STEPS))
            last = evaluate_exactly(high, StepBudget(_STEPS))
        except NotExactError:
            return None
        start, stop = math.ceil(first), math.floor(last)
        if isinstance(part, Interval):
            start += start == first and not part.closed_low and low != MINUS_INFINITY
            stop -= stop == last and not part.closed_high
        if stop - start + len(numbers) >= MAX_ITEMS:
            return None
        numbers.extend(range(max(start, 1) if natural else start, stop + 1))
    return Collection(tuple(Quantity(Num(Fraction(number))) for number in numbers), "{")
