"""From text to a typed answer."""

from functools import lru_cache
from itertools import product

from herokit_math.answers import Answer, Interval, Labelled, Quantity, Region, Sequence, Text
from herokit_math.atoms import UnsupportedError
from herokit_math.choices import choice
from herokit_math.expression import expression
from herokit_math.lexer import Kind, Token, tokenize
from herokit_math.limits import MAX_ANSWER, MAX_DEPTH, LimitError, depth
from herokit_math.lists import as_region, gather, matrix, without
from herokit_math.normalize import unify
from herokit_math.quantities import based, quantity, ratio, text
from herokit_math.relations import MINUS_INFINITY, relation
from herokit_math.token_split import enclosed, is_op, is_separator, levels, split
from herokit_math.tree import INFINITY, Call, Node
from herokit_math.words import words

_RELATION = is_op("=", "<", ">", "\\le", "\\ge", "\\ne")
_CONDITIONS = {"for", "where", "when", "with", "if", "such", "given", "provided", "because", "since", "therefore"}
_ELSE = {"else", "otherwise"}
_CUTS = {"pmod", "forall", "approx", "Rightarrow", "implies", "to", ","}
_BEYOND = {
    "begin",
    "int",
    "iint",
    "oint",
    "lim",
    "sum",
    "prod",
    "partial",
}  # mathematics, whatever words stand beside it
_MAX_SIGNS = 4  # independent plus-minus signs that are written out
REALS = Region((Interval(MINUS_INFINITY, INFINITY, closed_low=False, closed_high=False),))


@lru_cache(maxsize=8_192)
def read(answer: str) -> Answer:
    r"""Read an answer.

    Args:
        answer: LaTeX, plain text or a mixture; hostile.

    Raises:
        UnsupportedError: it is mathematics that this parser does not cover.
        LimitError: it breaks a bound.

    Example:
        >>> read(r"5\text{ apples}")
        Quantity(node=Num(value=Fraction(5, 1), places=None), unit=None, words='apples', mark='')
    """
    if len(answer) > MAX_ANSWER:
        raise LimitError(f"longer than {MAX_ANSWER} characters")
    unified = unify(answer)
    if depth(unified) > MAX_DEPTH:
        raise LimitError(f"nested deeper than {MAX_DEPTH}")
    if (option := choice(unified)) is not None:
        return option
    tokens = tokenize(unified)
    if not any(t.kind in {Kind.NUMBER, Kind.VARIABLE, Kind.COMMAND} for t in tokens):
        return _prose(unified, tokens)
    try:
        return _answer(tokens)
    except UnsupportedError:
        if any(t.kind == Kind.WORD for t in tokens) and not any(t.text in _BEYOND for t in tokens):
            return Text(words(unified))
        raise


def _prose(unified: str, tokens: list[Token]) -> Answer:
    if [t.text for t in tokens] == ["\\{", "\\}"]:
        return Sequence((), "{")
    found = words(unified)
    if not found:
        raise UnsupportedError("nothing to read")
    if set(found) <= {"real", "reals"}:
        return REALS
    pieces = split(tokens, is_separator)
    if len(pieces) > 1:
        return Sequence(tuple(text(words(" ".join(t.text for t in piece))) for piece in pieces))
    return text(found)


def _answer(tokens: list[Token]) -> Answer:
    tokens = _trim(_without_condition(tokens))
    for sign in (";", "SEPARATOR"):
        pieces = split(tokens, is_op(";") if sign == ";" else is_separator)
        if len(pieces) > 1:
            joins = {
                t.text for t, level in zip(tokens, levels(tokens), strict=True) if t.kind == Kind.JOIN and level == 0
            }
            return gather([_answer(piece) for piece in pieces], joins)
    return _single(tokens)


def _trim(tokens: list[Token]) -> list[Token]:
    """Drop punctuation at the end, and bullets and equals signs in front."""
    while tokens and (tokens[-1].text in {".", ",", ";", ":", "^", "=", "?", "\\,"} or tokens[-1].kind == Kind.JOIN):
        tokens = tokens[:-1]
    while tokens and (tokens[0].text in {"=", ":", ",", "*", "\\,", "approx", "?"} or tokens[0].kind == Kind.JOIN):
        tokens = tokens[1:]
    if not tokens:
        raise UnsupportedError("nothing to read")
    return tokens


def _without_condition(tokens: list[Token]) -> list[Token]:
    """Cut off "for all x", "where k is an integer", a congruence, an approximation of what stands before it."""
    if not any(t.kind == Kind.WORD or t.text in _CUTS for t in tokens):
        return tokens
    for at, (token, level) in enumerate(zip(tokens, levels(tokens), strict=True)):
        if at == 0 or level > 0:
            continue
        if (token.kind == Kind.WORD and token.text.lower() in _CONDITIONS) or token.text in {"pmod", "forall"}:
            if any(t.kind == Kind.WORD and t.text.lower() in _ELSE for t in tokens[at:]):
                raise UnsupportedError("an answer for each case")
            return tokens[:at]
        if token.text == "approx":  # behind a mere name stands the value, behind a value its approximation
            return tokens[at + 1 :] if at == 1 and tokens[0].kind == Kind.VARIABLE else tokens[:at]
        if token.text in {"Rightarrow", "implies", "to"}:
            return _without_condition(tokens[at + 1 :])
        if token.kind == Kind.OPERATOR and token.text == "," and _declares(tokens[at + 1 :]):
            return tokens[:at]
    return tokens


def _declares(tokens: list[Token]) -> bool:
    r"""Say whether tokens are ``k \in \mathbb{Z}``."""
    texts = [t.text for t in tokens[:6]]
    return len(texts) > 3 and texts[1] == "in" and texts[2] == "mathbb"  # noqa: PLR2004


def _single(tokens: list[Token]) -> Answer:  # noqa: PLR0911 - one return a form
    """Read one answer without separators at the top level."""
    if any(t.text == "begin" for t in tokens[:2]):
        return matrix(tokens, _answer)
    if (found := _set_or_signs(tokens)) is not None:
        return found
    if tokens[0].kind == Kind.VARIABLE and tokens[0].text.isupper() and _is_tuple(tokens[1:]):
        return Labelled(tokens[0].text, _answer(tokens[1:]))  # a point with its name
    if enclosed(tokens) and (grouped := _group(tokens)) is not None:
        return grouped
    if len(split(tokens, _RELATION)) > 1 or _RELATION(tokens[0]):
        return _related(tokens)
    if (numeral := based(tokens)) is not None:
        return numeral
    return _colon(tokens) if any(t.text == ":" for t in tokens) else quantity(tokens)


def _set_or_signs(tokens: list[Token]) -> Answer | None:  # noqa: PLR0911 - one return a form
    """Read a set, a union, a difference, a membership, or an expression with plus-minus; None when it is none."""
    if len(pieces := split(tokens, is_op("setminus"))) == 2:  # noqa: PLR2004 - A without B
        return without(_answer(pieces[0]), _answer(pieces[1]))
    if tokens[0].text == "\\{" and enclosed(tokens):
        return _set(tokens[1:-1])
    signs = [at for at, t in enumerate(tokens) if t.text in {"pm", "mp"} and t.kind == Kind.COMMAND]
    if signs:
        return _both_signs(tokens, signs)
    if len(pieces := split(tokens, is_op("cup"))) > 1:
        return gather([_answer(p) for p in pieces], {"cup"})
    if len(pieces := split(tokens, is_op("in"))) > 1:
        inside = _answer(pieces[-1])
        pair = isinstance(inside, Sequence) and inside.bracket == "(" and len(pieces[0]) == 1
        return (as_region(inside) or inside) if pair else inside  # what one variable lies in is an interval
    if [t.text for t in tokens] == ["mathbb", "{", "R", "}"]:
        return REALS
    return Sequence((), "{") if [t.text for t in tokens] == ["emptyset"] else None


def _both_signs(tokens: list[Token], signs: list[int]) -> Answer:
    r"""Write out plus-minus: independent signs in a tuple, linked signs in one expression."""
    loose = enclosed(tokens) and len(signs) <= _MAX_SIGNS and any(t.text == "," for t in tokens)
    ways = list(product((False, True), repeat=len(signs))) if loose else [(False,) * len(signs), (True,) * len(signs)]
    found = []
    for way in ways:
        copy = list(tokens)
        for at, swapped in zip(signs, way, strict=True):
            minus = (tokens[at].text == "mp") ^ swapped
            copy[at] = Token(Kind.OPERATOR, "-" if minus else "+", tokens[at].spaced)
        found.append(_answer(copy))
    return Sequence(tuple(dict.fromkeys(found)))


def _group(tokens: list[Token]) -> Answer | None:
    """Read what one pair of brackets encloses, or None when it is an expression."""
    opening, closing, inside = tokens[0].text, tokens[-1].text, tokens[1:-1]
    pieces = split(inside, lambda t: t.text in {",", ";"} and t.kind == Kind.OPERATOR)
    round_ends = opening + closing == "()" and not any(t.text == "infty" for t in inside)
    if len(pieces) == 2 and {opening, closing} <= set("()[]") and not round_ends:  # noqa: PLR2004 - [a, b)
        low, high = (expression(p) for p in pieces)
        return Interval(low, high, opening == "[", closing == "]")
    if len(pieces) > 1 and opening in "([{":
        items = tuple(_answer(p) for p in pieces)
        return Sequence(items, opening)
    if opening in "({" and inside:
        return _answer(inside)
    return None


def _set(inside: list[Token]) -> Answer:
    bars = split(inside, is_op("|", ":"))
    if len(bars) == 2 and any(_RELATION(t) or t.text == "in" for t in bars[1]):  # noqa: PLR2004 - {x | condition}
        return gather([_answer(p) for p in split(bars[1], is_separator)], {"and"})
    if not inside:
        return Sequence((), "{")
    found = _answer(inside)
    items = found.items if isinstance(found, Sequence) and found.bracket == "" else (found,)
    return Sequence(items, "{")


def _related(tokens: list[Token]) -> Answer:
    """Read expressions joined by relations; a tuple on the right, or words on the left, make a named value."""
    pieces = split(tokens, _RELATION)
    signs = tuple(t.text for t, level in zip(tokens, levels(tokens), strict=True) if level == 0 and _RELATION(t))
    if len(pieces) != len(signs) + 1:
        raise UnsupportedError("a relation without two sides")
    label = "".join(t.text for t in pieces[0])
    if set(signs) == {"="} and (
        _is_tuple(pieces[-1]) or any(t.kind == Kind.WORD for t in pieces[0]) or _colons(pieces[-1])
    ):
        return Labelled(label, _answer(pieces[-1]))
    nodes: list[Node] = []
    last = quantity(pieces[-1])
    for piece in pieces[:-1]:
        nodes.append(expression(piece, colon_divides=True))  # noqa: PERF401 - reads better beside the next line
    nodes.append(_plain(last))
    found = relation(tuple(nodes), signs, label)
    if isinstance(found, Labelled) and found.value == Quantity(nodes[-1]):
        return found._replace(value=last)
    return last if found == Quantity(nodes[-1]) else found


def _plain(found: Quantity) -> Node:
    operation = {"deg": "degree", "%": "percent"}.get(found.mark)
    return Call(operation, (found.node,)) if operation else found.node


def _is_tuple(tokens: list[Token]) -> bool:
    return enclosed(tokens) and any(t.text in {",", ";"} for t in tokens)


def _colons(tokens: list[Token]) -> bool:
    return any(t.text == ":" for t in tokens)


def _colon(tokens: list[Token]) -> Answer:
    """Read a label and its value, a ratio, or a time."""
    pieces = split(tokens, is_op(":"))
    letters = [t for t in pieces[0] if t.kind in {Kind.WORD, Kind.VARIABLE}]
    named = len(letters) > 2 or any(t.kind == Kind.WORD for t in letters)  # noqa: PLR2004 - "Bob:", not "AB:"
    if len(pieces) > 1 and len(letters) == len(pieces[0]) and named:
        at = len(pieces[0]) + 1
        return Labelled("".join(t.text for t in pieces[0]), _answer(tokens[at:]))
    found = ratio(tokens)
    return quantity(tokens) if found is None else found
