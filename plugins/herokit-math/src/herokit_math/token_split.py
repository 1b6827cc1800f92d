"""Split lists of tokens at the top level, outside all brackets."""

from collections.abc import Callable

from herokit_math.lexer import Token, TokenKind
from herokit_math.limits import MAX_ITEMS, LimitError

__all__ = ["bracket_depths", "is_enclosed", "is_separator", "matches_operator", "split_tokens"]

_WORD, _OPERATOR, _COMMAND, _CONJUNCTION = TokenKind.WORD, TokenKind.OPERATOR, TokenKind.COMMAND, TokenKind.CONJUNCTION
_OPENING = {"(", "[", "{", "\\{", "lfloor", "lceil", "begin"}
_CLOSING = {")", "]", "}", "\\}", "rfloor", "rceil", "end"}


def bracket_depths(tokens: list[Token]) -> list[int]:
    """Return each token's bracket depth; a bracket is inside itself."""
    depth, depths = 0, []
    for kind, text, _ in tokens:
        if text in _OPENING and kind != _WORD:
            depth += 1
        depths.append(depth)
        if text in _CLOSING and kind != _WORD:
            depth -= 1
    return depths


def split_tokens(tokens: list[Token], is_delimiter: Callable[[Token], bool]) -> list[list[Token]]:
    """Split `tokens` at the top-level delimiters; drop empty pieces.

    Raises:
        LimitError: there are more than `MAX_ITEMS` pieces.
    """
    if not any(map(is_delimiter, tokens)):
        return [tokens] if tokens else []
    pieces: list[list[Token]] = [[]]
    for token, depth in zip(tokens, bracket_depths(tokens), strict=True):
        if depth == 0 and is_delimiter(token):
            pieces.append([])
        else:
            pieces[-1].append(token)
    pieces = [piece for piece in pieces if piece]
    if len(pieces) > MAX_ITEMS:
        raise LimitError(f"more than {MAX_ITEMS} members")
    return pieces


def matches_operator(*texts: str) -> Callable[[Token], bool]:
    """Return a predicate for operators and commands with one of `texts`."""
    return lambda token: token.text in texts and token.kind in (_OPERATOR, _COMMAND)


def is_separator(token: Token) -> bool:
    """Return whether a token separates the members of a list."""
    return token.kind == _CONJUNCTION or (token.text in {",", ";"} and token.kind == _OPERATOR)


def is_enclosed(tokens: list[Token]) -> bool:
    """Return whether one pair of brackets encloses all of `tokens`."""
    if len(tokens) < 2 or tokens[0].text not in _OPENING or tokens[-1].text not in _CLOSING:  # noqa: PLR2004
        return False
    depths = bracket_depths(tokens)
    closings = [k for k, t in enumerate(tokens) if depths[k] == 1 and t.kind != _WORD and t.text in _CLOSING]
    return min(depths) > 0 and closings[:1] == [len(tokens) - 1]
