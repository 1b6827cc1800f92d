"""Parse a text into a typed answer."""

from fractions import Fraction
from functools import lru_cache
from itertools import pairwise, product

from herokit_math.answers import (
    EMPTY_SET,
    Answer,
    Collection,
    Interval,
    LabeledValue,
    Matrix,
    Quantity,
    Region,
    RelationChain,
)
from herokit_math.choices import parse_choice
from herokit_math.expression import UnsupportedError, parse_expression
from herokit_math.forms import (
    ELSE_WORDS,
    has_determinant,
    list_integers,
    parse_cases,
    parse_multiple,
    parse_residues,
    parse_share,
    parse_transposed,
    split_parts,
)
from herokit_math.formulas import parse_formula
from herokit_math.lexer import Token, TokenKind, tokenize
from herokit_math.limits import MAX_ANSWER_CHARS, MAX_DEPTH, MAX_DIGITS, LimitError, bracket_depth, check_digits
from herokit_math.lists import combine_items, parse_matrix, split_environment, subtract_points, to_region
from herokit_math.normalize import normalize_text
from herokit_math.quantities import parse_based_numeral, parse_mixed_units, parse_quantity, parse_ratio, parse_words
from herokit_math.relations import MINUS_INFINITY, build_relation
from herokit_math.token_split import bracket_depths, is_enclosed, is_separator, matches_operator, split_tokens
from herokit_math.tree import INFINITY, Call, Node, Num, Sym
from herokit_math.words import find_content_words, parse_joined_number

__all__ = ["parse_answer"]

_NUMBER, _VARIABLE, _COMMAND, _WORD, _OPERATOR, _CONJUNCTION = TokenKind  # attributes of an enumeration take longer
_IS_RELATION = matches_operator("=", "<", ">", "\\le", "\\ge", "\\ne")
_IS_SEMICOLON = matches_operator(";")
_CONDITION_WORDS = {"for", "where", "when", "with", "if", "such", "given", "provided", "because", "since", "therefore"}
_TRAILING_PUNCTUATION = {".", ",", ";", ":", "^", "=", "?", "\\,"}
_LEADING_PUNCTUATION = {"=", ":", ",", "*", "\\,", "approx", "?"}
_CONDITION_COMMANDS = {"pmod", "forall", "approx", "Rightarrow", "implies", "to", ","}
_LEADING_VERBS = {
    "simplifies", "simplify", "reduces", "reduce", "evaluates", "leads", "converges", "tends", "goes", "equal", "comes", "amounts",
    "equivalent", "rounds", "adds", "sums", "approaches", "up", "simplified", "reduced",
}  # fmt: skip
_MATH_COMMANDS = {"begin", "int", "iint", "oint", "lim", "sum", "prod", "partial"}  # never part of an answer in words
_PLAIN_TEXTS = {
    "+",
    "-",
    "*",
    "/",
    "^",
    "{",
    "}",
    "(",
    ")",
    "frac",
    "sqrt",
    "pi",
    "sin",
    "cos",
    "tan",
    "ln",
    "log",
    *"abcdenopqrtuvwxyz",
}
"""Operators, commands and variables that are no unit and begin no other form than an expression."""
_NO_PLAIN_START = {"*", "(", "{"}  # a bullet, or what may enclose everything
_MAX_SIGNS = 4  # independent plus-minus signs that are expanded
_REALS = Region((Interval(MINUS_INFINITY, INFINITY, closed_low=False, closed_high=False),))


@lru_cache(maxsize=8_192)
def parse_answer(answer: str) -> Answer:
    r"""Parse an answer.

    Args:
        answer: LaTeX, plain text or a mixture; hostile.

    Raises:
        UnsupportedError: the parser does not support it.
        LimitError: it exceeds a limit.

    Example:
        >>> parse_answer(r"5\text{ apples}")
        Quantity(node=Num(value=Fraction(5, 1), places=None), unit=None, words='apples', mark='', scale=1)
    """
    if len(answer) > MAX_ANSWER_CHARS:
        raise LimitError(f"longer than {MAX_ANSWER_CHARS} characters")
    if len(answer) <= MAX_DIGITS and answer.isdecimal() and answer.isascii():
        return Quantity(Num(Fraction(int(answer))))
    check_digits(answer)  # before the work that would end with this
    text = normalize_text(answer)
    if bracket_depth(text) > MAX_DEPTH:
        raise LimitError(f"nested deeper than {MAX_DEPTH}")
    if choice_or_formula := parse_choice(text) or parse_formula(text):
        return choice_or_formula
    if parts := split_parts(text):
        return Collection(tuple(map(parse_answer, parts)), "(")
    tokens = tokenize(text)
    if not any(t.kind in (_NUMBER, _VARIABLE, _COMMAND) for t in tokens):
        return _parse_prose(text, tokens)
    try:
        return _parse_tokens(tokens)
    except UnsupportedError:
        if any(t.kind == _WORD for t in tokens) and not any(t.text in _MATH_COMMANDS for t in tokens):
            return parse_words(find_content_words(text))
        raise


def _parse_prose(text: str, tokens: list[Token]) -> Answer:
    if [t.text for t in tokens] == ["\\{", "\\}"]:
        return EMPTY_SET
    words = find_content_words(text)
    if not words:
        raise UnsupportedError("the answer is empty")
    if set(words) <= {"real", "reals", "all"}:
        return _REALS
    if (number := parse_joined_number(tuple(t.text.lower() for t in tokens))) is not None:
        return Quantity(Num(Fraction(number)))
    pieces = split_tokens(tokens, is_separator)
    if len(pieces) > 1:
        conjunctions = {t.text for t in tokens if t.kind == _CONJUNCTION}
        items = tuple(parse_words(find_content_words(" ".join(t.text for t in piece))) for piece in pieces)
        return Collection(items, conjunctions.pop() if len(conjunctions) == 1 else "")
    return parse_words(words)


def _parse_tokens(tokens: list[Token]) -> Answer:
    if _is_plain_expression(tokens):
        return parse_quantity(tokens)
    if (answer := _parse_conditions(tokens)) is not None:
        return answer
    tokens = _trim_punctuation(_drop_condition(tokens))
    if (quantity := parse_mixed_units(tokens)) is not None:
        return quantity
    for is_delimiter in (_IS_SEMICOLON, is_separator) if any(map(is_separator, tokens)) else ():
        pieces = split_tokens(tokens, is_delimiter)
        if len(pieces) > 1:
            depths = bracket_depths(tokens)
            conjunctions = {t.text for t, d in zip(tokens, depths, strict=True) if t.kind == _CONJUNCTION and d == 0}
            return combine_items([_parse_tokens(piece) for piece in pieces], conjunctions)
    return _parse_single(tokens)


def _is_plain_expression(tokens: list[Token]) -> bool:
    """Return whether tokens are surely one quantity without words, so that no other form has to be tried."""
    if not tokens or tokens[0].text in _NO_PLAIN_START or tokens[-1].text == "^":
        return False
    return all(t.kind == _NUMBER or (t.text in _PLAIN_TEXTS and t.kind != _WORD) for t in tokens)


def _parse_conditions(tokens: list[Token]) -> Answer | None:
    """Parse congruences, and values by cases; None for other tokens."""
    if any(t.text == "pmod" for t in tokens):
        return parse_residues(tokens, _parse_tokens)
    if any(t.kind == _WORD for t in tokens):
        return parse_cases(split_tokens(_trim_punctuation(tokens), is_separator), _parse_tokens)
    return None


def _trim_punctuation(tokens: list[Token]) -> list[Token]:
    """Drop punctuation, equals signs and conjunctions at both ends, and bullets at the start."""
    while tokens and (tokens[-1].text in _TRAILING_PUNCTUATION or tokens[-1].kind == _CONJUNCTION):
        tokens = tokens[:-1]
    while tokens and (tokens[0].text in _LEADING_PUNCTUATION or tokens[0].kind == _CONJUNCTION):
        tokens = tokens[1:]
    if not tokens:
        raise UnsupportedError("the answer is empty")
    return tokens


def _drop_condition(tokens: list[Token]) -> list[Token]:  # noqa: PLR0911 - one return per form
    """Drop "for all x", "where k is an integer", a modulus, the approximation of a value, the steps before an implication."""
    if not any(t.kind == _WORD or t.text in _CONDITION_COMMANDS for t in tokens):
        return tokens
    for at, (token, depth) in enumerate(zip(tokens, bracket_depths(tokens), strict=True)):
        if at == 0 or depth > 0:
            continue
        if (token.kind == _WORD and token.text.lower() in _CONDITION_WORDS) or token.text in {
            "pmod",
            "forall",
        }:
            if any(t.kind == _WORD and t.text.lower() in ELSE_WORDS for t in tokens[at:]):
                raise UnsupportedError("an answer with several cases")
            if at == 1 and tokens[0].kind == _VARIABLE and token.kind == _WORD:
                return tokens  # "x such that x > 2": the condition is the answer
            return tokens[:at]
        if token.text == "approx":  # a name is followed by its value, a value by its approximation
            return tokens[at + 1 :] if at == 1 and tokens[0].kind == _VARIABLE else tokens[:at]
        if token.text in {"Rightarrow", "implies"} or (token.text == "to" and _leads_to(tokens[:at], token)):
            return _drop_condition(tokens[at + 1 :])
        if token.kind == _OPERATOR and token.text == "," and _is_membership(tokens[at + 1 :]):
            return tokens[:at]
    return tokens


def _leads_to(before: list[Token], token: Token) -> bool:
    r"""Return whether "to" leads to the answer: "simplifies to 5", ``x \to 5``; not "parallel to" or "4 to 5"."""
    if token.kind == _WORD:
        return before[-1].text.lower() in _LEADING_VERBS
    texts = {t.text for t in before}
    return "," not in texts and any(t.kind in (_VARIABLE, _COMMAND) for t in before)


def _is_membership(tokens: list[Token]) -> bool:
    r"""Return whether tokens are ``k \in \mathbb{Z}``."""
    texts = [t.text for t in tokens[:6]]
    return len(texts) > 3 and texts[1] == "in" and texts[2] == "mathbb"  # noqa: PLR2004


def _parse_single(tokens: list[Token]) -> Answer:  # noqa: PLR0911 - one return per form
    """Parse an answer without separators at the top level."""
    if any(t.text == "begin" for t in tokens[:2]) and not has_determinant(tokens) and tokens[-1].text in "})]":
        return _parse_environment(tokens)
    if (answer := _parse_set_or_signs(tokens) or parse_transposed(tokens, _parse_tokens)) is not None:
        return answer
    if tokens[0].kind == _VARIABLE and tokens[0].text.isupper() and _is_tuple(tokens[1:]):
        return LabeledValue(tokens[0].text, _parse_tokens(tokens[1:]))  # a point: A(1, 2)
    if is_enclosed(tokens) and (group := _parse_group(tokens)) is not None:
        return group
    if len(split_tokens(tokens, _IS_RELATION)) > 1 or _IS_RELATION(tokens[0]):
        return _parse_relation(tokens)
    special = parse_based_numeral(tokens) or parse_share(tokens) or parse_multiple(tokens, _parse_tokens)
    if special is not None:
        return special
    return _parse_colon(tokens) if any(t.text == ":" for t in tokens) else parse_quantity(tokens)


def _parse_environment(tokens: list[Token]) -> Answer:
    """Parse a matrix, a system of equations, or the cases of a function."""
    name, body = split_environment(tokens)
    if name == "cases" and (cases := parse_cases([row for row in body if row], _parse_tokens)) is not None:
        return cases
    matrix = parse_matrix(body, _parse_entry)
    is_system = name in {"cases", "aligned", "align"}
    if is_system and all(len(row) == 1 for row in matrix.rows):
        return combine_items([row[0] for row in matrix.rows], set())
    return matrix


def _parse_entry(tokens: list[Token]) -> Answer:
    """Parse an entry of a matrix; a condition may begin with "if"."""
    is_condition = len(tokens) > 1 and tokens[0].kind == _WORD and tokens[0].text.lower() in _CONDITION_WORDS
    return _parse_tokens(tokens[1:] if is_condition else tokens)


def _parse_set_or_signs(tokens: list[Token]) -> Answer | None:  # noqa: PLR0911 - one return per form
    """Parse a set, a union, a difference, a membership, or an expression with plus-minus; None for other forms."""
    texts = {t.text for t in tokens}
    if "setminus" in texts and len(pieces := split_tokens(tokens, matches_operator("setminus"))) == 2:  # noqa: PLR2004 - two operands
        return subtract_points(_parse_tokens(pieces[0]), _parse_tokens(pieces[1]))
    if tokens[0].text == "\\{" and is_enclosed(tokens):
        return _parse_set(tokens[1:-1])
    signs = [at for at, t in enumerate(tokens) if t.text in {"pm", "mp"} and t.kind == _COMMAND]
    if signs:
        return _expand_signs(tokens, signs)
    if "cup" in texts and len(pieces := split_tokens(tokens, matches_operator("cup"))) > 1:
        return combine_items([_parse_tokens(p) for p in pieces], {"cup"})
    if "in" in texts and len(pieces := split_tokens(tokens, matches_operator("in"))) > 1:
        if not _is_variable(pieces[0]):
            raise UnsupportedError("a membership of something that is not a variable")
        container = _parse_tokens(pieces[-1])
        is_interval = isinstance(container, Collection) and container.bracket == "("
        return (to_region(container) or container) if is_interval else container  # "x in (1, 2)"
    if [t.text for t in tokens] == ["mathbb", "{", "R", "}"]:
        return _REALS
    return EMPTY_SET if [t.text for t in tokens] == ["emptyset"] else None


def _expand_signs(tokens: list[Token], signs: list[int]) -> Answer:
    r"""Expand plus-minus: signs in a tuple vary independently, signs in one expression together."""
    if any(second - first == 1 for first, second in pairwise(signs)):
        raise UnsupportedError("two signs side by side")
    independent = is_enclosed(tokens) and len(signs) <= _MAX_SIGNS and any(t.text == "," for t in tokens)
    count = len(signs)
    flips = list(product((False, True), repeat=count)) if independent else [(False,) * count, (True,) * count]
    answers = []
    for flip in flips:
        expanded = list(tokens)
        for at, is_flipped in zip(signs, flip, strict=True):
            is_minus = (tokens[at].text == "mp") ^ is_flipped
            expanded[at] = Token(_OPERATOR, "-" if is_minus else "+", tokens[at].after_space)
        answers.append(_parse_tokens(expanded))
    return Collection(tuple(dict.fromkeys(answers)))


def _parse_group(tokens: list[Token]) -> Answer | None:
    """Parse the contents of one pair of brackets; None if they are an expression."""
    opening, closing, inside = tokens[0].text, tokens[-1].text, tokens[1:-1]
    if opening == "[" and len(split_tokens(inside, _IS_RELATION)) > 1:
        return _parse_tokens(inside)  # statements in brackets: [x = 1, y = 3]
    pieces = split_tokens(inside, lambda t: t.text in {",", ";"} and t.kind == _OPERATOR)
    if opening == "[" and pieces and all(piece[0].text == "[" and is_enclosed(piece) for piece in pieces):
        return Matrix(tuple(tuple(map(_parse_tokens, split_tokens(piece[1:-1], is_separator))) for piece in pieces))
    is_pair = opening + closing == "()" and not any(t.text == "infty" for t in inside)
    if len(pieces) == 2 and {opening, closing} <= set("()[]") and not is_pair:  # noqa: PLR2004 - [a, b)
        low, high = (parse_expression(p) for p in pieces)
        return Interval(low, high, opening == "[", closing == "]")
    if len(pieces) > 1 and opening in "([{":
        items = tuple(_parse_tokens(p) for p in pieces)
        return Collection(items, opening)
    if opening in "({" and inside:
        return _parse_tokens(inside)
    return None


def _is_variable(tokens: list[Token]) -> bool:
    """Return whether tokens are one variable, with its subscript."""
    try:
        return isinstance(parse_expression(tokens), Sym)
    except UnsupportedError:
        return False


def _parse_set(inside: list[Token]) -> Answer:
    is_delimiter = matches_operator(":" if any(t.text == ":" for t in inside) else "|")
    parts = split_tokens(inside, is_delimiter)
    if len(parts) == 2 and any(_IS_RELATION(t) or t.text == "in" for t in parts[1]):  # noqa: PLR2004 - {x | condition}
        condition = combine_items([_parse_tokens(p) for p in split_tokens(parts[1], is_separator)], {"and"})
        element = split_tokens(parts[0], matches_operator("in"))
        domain = "".join(t.text for t in element[-1])
        if _is_variable(element[0]) and domain in {"mathbb{Z}", "mathbb{N}", "mathbbZ", "mathbbN"}:
            numbers = list_integers(condition, natural="N" in domain)
            if numbers is not None:
                return numbers
        if _is_variable(element[0]) and [t.text for t in parts[0][-3:]] in ([parts[0][-1].text], ["{", "R", "}"]):
            return condition
        return Collection((_parse_tokens(parts[0]), condition), "|")
    if not inside:
        return EMPTY_SET
    answer = _parse_tokens(inside)
    items = answer.items if isinstance(answer, Collection) and answer.bracket == "" else (answer,)
    return Collection(items, "{")


def _parse_relation(tokens: list[Token]) -> Answer:
    """Parse expressions joined by relations; words on the left, or a tuple on the right, make a labelled value."""
    pieces = split_tokens(tokens, _IS_RELATION)
    depths = bracket_depths(tokens)
    relations = tuple(t.text for t, depth in zip(tokens, depths, strict=True) if depth == 0 and _IS_RELATION(t))
    if len(pieces) != len(relations) + 1:
        raise UnsupportedError("a relation with a missing side")
    labels = "".join(t.text for t in pieces[0]), "".join(t.text for t in pieces[-1])
    if any(t.kind == _WORD and t.text.lower() in _CONDITION_WORDS for t in pieces[0]):
        raise UnsupportedError("a condition on the left of a relation")
    if relations == ("=",) and (call := _parse_call(*pieces)) is not None:
        return call
    if set(relations) == {"="} and (
        pieces[-1][0].text == "begin"
        or _is_tuple(pieces[-1])
        or any(t.kind == _WORD for t in pieces[0])
        or _has_colon(pieces[-1])
    ):
        return LabeledValue(labels[0], _parse_tokens(pieces[-1]))
    last = parse_quantity(pieces[-1])
    last_node = _apply_mark(last)
    nodes = (*(parse_expression(piece, colon_divides=True) for piece in pieces[:-1]), last_node)
    answer = build_relation(nodes, relations, labels)
    if isinstance(answer, LabeledValue) and answer.value == Quantity(last_node):
        return answer._replace(value=last)
    return last if answer == Quantity(last_node) else answer


def _parse_call(left: list[Token], right: list[Token]) -> LabeledValue | None:
    """Parse the value of ``P(X > 1)`` or of a function of several variables, ``f(x, y)``; None for other left sides."""
    label = "".join(t.text for t in left)
    if _is_event(left):
        value = _parse_tokens(right)
        event = Call("apply", (Sym(left[0].text), Sym(label[1:])))
        return LabeledValue(
            label, value, RelationChain((event, value.node), ("=",)) if isinstance(value, Quantity) else None
        )
    if left[0].kind != _VARIABLE or not _is_tuple(left[1:]):
        return None
    arguments = split_tokens(left[2:-1], matches_operator(","))
    if len(arguments) < 2 or not all(map(_is_variable, arguments)):  # noqa: PLR2004 - several variables
        return None
    return LabeledValue(label, _parse_tokens(right), None, tuple("".join(t.text for t in a) for a in arguments))


def _is_event(tokens: list[Token]) -> bool:
    r"""Return whether tokens are the probability of an event that is no expression: ``P(X > 1)``, ``P(A \cap B)``."""
    is_call = len(tokens) > 3 and tokens[0].text in {"P", "E"} and is_enclosed(tokens[1:])  # noqa: PLR2004 - P, brackets
    return is_call and any(_IS_RELATION(t) or t.text in {"|", "cap", "cup", "in"} for t in tokens[2:-1])


def _apply_mark(quantity: Quantity) -> Node:
    operation = {"deg": "degree", "%": "percent"}.get(quantity.mark)
    return Call(operation, (quantity.node,)) if operation else quantity.node


def _is_tuple(tokens: list[Token]) -> bool:
    return is_enclosed(tokens) and any(t.text in {",", ";"} for t in tokens)


def _has_colon(tokens: list[Token]) -> bool:
    return any(t.text == ":" for t in tokens)


def _parse_colon(tokens: list[Token]) -> Answer:
    """Parse a label and its value, a ratio, or a time."""
    pieces = split_tokens(tokens, matches_operator(":"))
    letters = [t for t in pieces[0] if t.kind in (_WORD, _VARIABLE)]
    is_label = len(letters) > 2 or any(t.kind == _WORD for t in letters)  # noqa: PLR2004 - "Bob:", not "AB:"
    if len(pieces) > 1 and len(letters) == len(pieces[0]) and is_label:
        start = len(pieces[0]) + 1
        return LabeledValue("".join(t.text for t in pieces[0]), _parse_tokens(tokens[start:]))
    ratio = parse_ratio(tokens)
    return parse_quantity(tokens) if ratio is None else ratio
