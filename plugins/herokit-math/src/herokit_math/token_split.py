"""Cutting token lists at the top level, outside every bracket."""

from collections.abc import Callable

from herokit_math.lexer import Kind, Token
from herokit_math.limits import MAX_ITEMS, LimitError

_OPEN = {"(", "[", "{", "\\{", "lfloor", "lceil", "begin"}
_CLOSE = {")", "]", "}", "\\}", "rfloor", "rceil", "end"}


def levels(tokens: list[Token]) -> list[int]:
    """Return each token's bracket depth; a bracket counts as inside itself."""
    depth, found = 0, []
    for token in tokens:
        if token.kind != Kind.WORD and token.text in _OPEN:
            depth += 1
        found.append(depth)
        if token.kind != Kind.WORD and token.text in _CLOSE:
            depth -= 1
    return found


def split(tokens: list[Token], at: Callable[[Token], bool]) -> list[list[Token]]:
    """Cut `tokens` at the top-level tokens for which `at` holds; empty pieces are dropped.

    Raises:
        LimitError: more than `MAX_ITEMS` pieces.
    """
    if not any(map(at, tokens)):
        return [tokens] if tokens else []
    pieces: list[list[Token]] = [[]]
    for token, level in zip(tokens, levels(tokens), strict=True):
        if level == 0 and at(token):
            pieces.append([])
        else:
            pieces[-1].append(token)
    pieces = [piece for piece in pieces if piece]
    if len(pieces) > MAX_ITEMS:
        raise LimitError(f"more than {MAX_ITEMS} members")
    return pieces


def is_op(*texts: str) -> Callable[[Token], bool]:
    """Return a test for operator and command tokens with one of `texts`."""
    return lambda token: token.text in texts and token.kind in {Kind.OPERATOR, Kind.COMMAND}


def is_separator(token: Token) -> bool:
    """Say whether a token separates the members of a list."""
    return token.kind == Kind.JOIN or (token.kind == Kind.OPERATOR and token.text in {",", ";"})


def enclosed(tokens: list[Token]) -> bool:
    """Say whether one pair of brackets encloses all of `tokens`."""
    if len(tokens) < 2 or tokens[0].text not in _OPEN or tokens[-1].text not in _CLOSE:  # noqa: PLR2004
        return False
    found = levels(tokens)
    closes = [at for at, t in enumerate(tokens) if found[at] == 1 and t.kind != Kind.WORD and t.text in _CLOSE]
    return min(found) > 0 and closes[:1] == [len(tokens) - 1]
