# ruff: noqa: RUF001 - ambiguous characters are intended
r"""Extract ``\boxed{...}``: nested braces, several boxes of one answer, unclosed boxes."""

import re
from typing import NamedTuple

__all__ = ["find_last_boxed", "read_box"]

_BOX = re.compile(r"\\{1,2}(?:f|frame)?box(?:ed)?\s*(?=[{\s\w])|\\{1,2}boxed(?=[^a-z])")
_CONNECTOR = re.compile(r"\b(?:and|or|und|oder|et|ou|y|o|и|или)\b|[,;&、，；和或]", re.IGNORECASE)
_CORRECTION = re.compile(
    r"\b(?:then|wait|no|not|actually|instead|finally|but|so|hence|thus|therefore|rather|maybe)\b", re.IGNORECASE
)
"""Words after which a second box corrects the first instead of adding to it."""
_LETTERS = re.compile(r"[^\W\d_]+")
_MAX_GAP_CHARS = 60  # characters between two boxes of one answer
_MAX_GAP_WORDS = 5  # words between two boxes of one answer
_MAX_NESTED_BOXES = 4  # boxes inside boxes that are opened
_MAX_BOXES = 32  # boxes that are searched, from the end
_MIN_DISTANCE = 1_000  # characters without another box before the last one: it is the only box of the answer


_BLANK = re.compile(r"(?:[\s?.…$_{}~]|\\(?:[,;:! ]|(?:q?quad|[lc]?dots|phantom\{[^{}]*\}|text|mathrm)(?![a-z])))*")
"""A box that shows nothing, or only question marks and dots."""


class _Box(NamedTuple):
    start: int
    end: int
    content: str


def _read_braces(text: str, start: int, *, unclosed: bool = False) -> tuple[str, int]:
    """Return the content and the end of the brace group at `start`; an unclosed group ends with its line.

    An unclosed group that the end of the text cuts off has no content, unless `unclosed` says to read it: the policy did
    not finish it.
    """
    end = text.find("}", start)
    inside = text[start + 1 : end]
    if end > 0 and "{" not in inside and "\\" not in inside:  # the common case
        return inside, end + 1
    depth = 0
    index = start
    while index < len(text):
        char = text[index]
        if char == "\\":
            index += 2
            continue
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return text[start + 1 : index], index + 1
        index += 1
    line, newline, _ = text[start + 1 :].partition("\n")
    return line.rstrip("$. ") if newline or unclosed else "", start + 1 + len(line)


def read_box(text: str, start: int, *, unclosed: bool = False) -> str:
    r"""Return the content of the box whose brace opens at `start`; ``""`` for one that shows nothing or is cut off.

    Example:
        >>> read_box(r"It is \boxed{ 4 }.", 12), read_box(r"\boxed{\text{?}}", 6)
        ('4', '')
    """
    content = _read_braces(text, start, unclosed=unclosed)[0].strip()
    return content if content[:1].isalnum() or not _BLANK.fullmatch(content) else ""


def _are_joined(gap: str) -> bool:
    r"""Return whether the text between two boxes is one connector and few other words."""
    if len(gap) > _MAX_GAP_CHARS or _CORRECTION.search(gap):
        return False
    bare = re.sub(r"\\(?:text|mathrm|textbf)\b|\\[a-z]+", " ", gap)
    connectors = _CONNECTOR.findall(bare)
    words = len(_LETTERS.findall(bare)) - sum(c.isalpha() for c in connectors)
    if not bare.strip("$ \n"):
        return True
    joined = "".join(connectors)
    return (len(connectors) == 1 or joined in {",and", ",or"}) and words <= _MAX_GAP_WORDS


def find_last_boxed(text: str, *, unclosed: bool = False) -> str | None:
    r"""Return the content of the last box; if connectors join it to the boxes before it, the contents of all of them.

    Args:
        text: a completion of limited length.
        unclosed: read a box that the end of the text cuts off, as for references.

    Returns:
        The contents, joined by commas; None if there is no box.

    Example:
        >>> find_last_boxed(r"so \boxed{\frac{1}{2}} is it")
        '\\frac{1}{2}'
        >>> find_last_boxed(r"\boxed{1} and \boxed{2}")
        '1, 2'
        >>> find_last_boxed("none") is None
        True
    """
    at = text.rfind("\\boxed{")
    if at < 0 and "box" not in text:
        return None
    if at >= 0 and "box" not in text[max(0, at - _MIN_DISTANCE) : at] and "box" not in text[at + 6 :]:
        return read_box(text, at + 6, unclosed=unclosed)  # the common case, without regular expressions
    boxes = _find_boxes(text, unclosed=unclosed)
    if not boxes:
        return None
    contents = [boxes[-1].content]
    if _BLANK.fullmatch(contents[0]):
        return ""
    for box, next_box in zip(reversed(boxes[:-1]), reversed(boxes[1:]), strict=True):
        if not _are_joined(text[box.end : next_box.start]):
            break
        contents.append(box.content)
    return ", ".join(dict.fromkeys(map(_unwrap_boxes, reversed(contents))))


def _find_boxes(text: str, *, unclosed: bool) -> list[_Box]:
    """Return the last boxes of a text, without boxes inside boxes."""
    boxes: list[_Box] = []
    for match in list(_BOX.finditer(text))[-_MAX_BOXES:]:
        start = match.end()
        if boxes and match.start() < boxes[-1].end:
            continue
        if text.startswith("{", start):
            content, end = _read_braces(text, start, unclosed=unclosed)
        else:  # \boxed 5
            content = text[start : start + 40].lstrip().split("$")[0].split("\n")[0].rstrip(". ")
            end = start + len(content)
        boxes.append(_Box(match.start(), end, content.strip()))
    return boxes


def _unwrap_boxes(content: str) -> str:
    """Return the content of the innermost box."""
    for _ in range(_MAX_NESTED_BOXES):
        match = _BOX.match(content)
        if match is None or content[match.end() : match.end() + 1] != "{":
            break
        inner, end = _read_braces(content, match.end(), unclosed=True)
        if content[end:].strip(" $."):
            break
        content = inner.strip()
    return _BOX.sub("", content)
