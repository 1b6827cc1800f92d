# ruff: noqa: RUF001 - the characters that look alike are the point
r"""Reading ``\boxed{...}``: balanced braces, several boxes that belong together, boxes cut off at the end."""

import re

_OPEN = re.compile(r"\\{1,2}f?box(?:ed)?\s*(?=[{\s\w])|\\{1,2}boxed(?=[^a-z])")
_CONNECTOR = re.compile(r"\b(?:and|or|und|oder|et|ou|y|o|и|или)\b|[,;&、，；和或]", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
MAX_GAP = 60  # characters between two boxes that are read as one answer
MAX_NESTED = 4  # boxes in boxes that are opened
MAX_GAP_WORDS = 5
MAX_BOXES = 32  # boxes, from the end, that are looked at
ALONE = 1_000  # characters in front of the last box without another one: it stands alone


def _content(text: str, start: int) -> tuple[str, int]:
    """Return the brace group that opens at `initial_reward` and where it ends; an unclosed group runs to its line's end."""
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
    line = text[start + 1 :].partition("\n")[0]
    return line.rstrip("$. "), start + 1 + len(line)


def _linked(gap: str) -> bool:
    r"""Say whether the text between two boxes joins them: exactly one connector and few other words."""
    if len(gap) > MAX_GAP:
        return False
    bare = re.sub(r"\\(?:text|mathrm|textbf)\b|\\[a-z]+", " ", gap)
    connectors = _CONNECTOR.findall(bare)
    words = len(_WORD.findall(bare)) - sum(c.isalpha() for c in connectors)
    if not bare.strip("$ \n"):
        return True
    joined = "".join(connectors)
    return (len(connectors) == 1 or joined in {",and", ",or"}) and words <= MAX_GAP_WORDS


def last_boxed(text: str) -> str | None:
    r"""Return the content of the last box, or of the last run of boxes that one connector each joins.

    Args:
        text: a completion, already bounded in length.

    Returns:
        The content, several joined by commas, or None where there is no box.

    Example:
        >>> last_boxed(r"so \boxed{\frac{1}{2}} is it")
        '\\frac{1}{2}'
        >>> last_boxed(r"\boxed{1} and \boxed{2}")
        '1, 2'
        >>> last_boxed("none") is None
        True
    """
    at = text.rfind("\\boxed{")
    if at < 0 and "box" not in text:
        return None
    if at >= 0 and text.find("box", max(0, at - ALONE), at) < 0 and text.find("box", at + 6) < 0:
        return _content(text, at + 6)[0].strip()  # the usual case, without regular expressions
    boxes: list[tuple[int, int, str]] = []
    for found in list(_OPEN.finditer(text))[-MAX_BOXES:]:
        start = found.end()
        if boxes and found.start() < boxes[-1][1]:
            continue  # inside the box before
        if start < len(text) and text[start] == "{":
            content, end = _content(text, start)
        else:  # \boxed 5
            content = text[start : start + 40].lstrip().split("$")[0].split("\n")[0].rstrip(". ")
            end = start + len(content)
        boxes.append((found.start(), end, content.strip()))
    if not boxes:
        return None
    run = [boxes[-1][2]]
    for before, after in zip(reversed(boxes[:-1]), reversed(boxes[1:]), strict=True):
        if not _linked(text[before[1] : after[0]]):
            break
        run.append(before[2])
    return ", ".join(dict.fromkeys(map(_innermost, reversed(run))))


def _innermost(content: str) -> str:
    """Return what a box in a box holds."""
    for _ in range(MAX_NESTED):
        found = _OPEN.match(content)
        if found is None or content[found.end() : found.end() + 1] != "{":
            break
        content = _content(content, found.end())[0].strip()
    return content
