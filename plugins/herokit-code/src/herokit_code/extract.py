"""Finding the program in a completion."""

import re

__all__ = ["extract_program"]

_MAX_CHARS = 200_000
"""Characters of a completion that are searched, from its end."""

_MIN_FENCE = 3
_PROGRAM_START = re.compile(
    r"\s*(?:#|@\w|(?:async )?def \w+\(|class \w+[(:]|import \w|from [\w.]+ import|print\(|"
    r"[A-Za-z_]\w*(?:, ?[A-Za-z_]\w*){0,20} ?= ?[^=\s]|\"{3}|'{3}|"
    r"(?:if|while|with) [^\n]{1,200}:\s*\n|for [\w, ]{1,80} in [^\n]{1,200}:|try:\s*\n)"
)
_PYTHON_NAME = "python"
_PYTHON = {_PYTHON_NAME, "py", "python3"}
_FENCE_RUN = re.compile("`{3,}")
_INFO = re.compile(r"[ \t]*[\w+#.-]{0,20}\s*")
"""What may follow a fence that does not begin its line: a language."""
_ONE_LINE = re.compile(r"(?<!`)```(?:python3?|py)[ \t]+([^`\n]+)```(?!`)")
_CODE_AFTER_LANGUAGE = re.compile(r"(?:import|from|def|class)\s|print\(|#|@")
_TAGS = (("<answer>", "</answer>"), ("<code>", "</code>"), ("<solution>", "</solution>"), ("[PYTHON]", "[/PYTHON]"))
"""Marks around a program without a fence."""

_MAX_EXTRA_INDENT = 3
"""Blanks by which a closing fence may be indented more than the opening one, as in CommonMark."""


def extract_program(text: str) -> str | None:
    r"""Return the last fenced Python block, else the last block without a language, else a program without a fence.

    A block that is not closed counts, because the policy may have been cut off. A text without blocks is a program only
    if it begins like one, or if what stands between tags such as ``<answer>`` does; so is the text before a single fence, because the prompt may have opened the block. Nothing is
    parsed or compiled here: that happens in the sandbox.

    Example:
        >>> extract_program("Here:\n```python\nprint(1)\n```\nDone.")
        'print(1)\n'
        >>> extract_program("print(2)")
        'print(2)'
        >>> extract_program("I do not know how to do this.") is None
        True
    """
    text = text[-_MAX_CHARS:]
    blocks, before = _read_blocks(text)
    if _PROGRAM_START.match(before) and not _PROGRAM_START.match(blocks[0][1]):
        return before
    for languages in (_PYTHON, {""}):
        bodies = [body for language, body in blocks if language in languages and body.strip()]
        if bodies:
            return bodies[-1]
    if blocks:
        return None
    if not _PROGRAM_START.match(text):
        text = _find_tagged(text)
    return _dedent(text.splitlines(keepends=True)) if _PROGRAM_START.match(text) else None


def _find_tagged(text: str) -> str:
    """Return what stands between the last tags around a program; ``""`` without tags."""
    for opening, closing in _TAGS:
        end = text.rfind(closing)
        start = text.rfind(opening, 0, max(0, end))
        if start >= 0:
            return text[start + len(opening) : end]
    return ""


def _read_blocks(text: str) -> tuple[list[tuple[str, str]], str]:
    """Return the language and the body of each fenced block in order, and the text before a single fence without language.

    A fence may follow text on its line (``<answer>```python``), and text may follow the closing one. Each line is read
    once; a body loses the indentation of its first line.
    """
    blocks: list[tuple[str, str]] = []
    fence, language, indent, body, before = "", "", 0, [""], [""]
    for line in text.splitlines(keepends=True):
        if fence:
            if _is_closing(line, fence, indent):
                blocks.append((language, _dedent(body)))
                fence = ""
            else:
                body.append(line)
            continue
        blocks += [(_PYTHON_NAME, each[1].rstrip() + "\n") for each in _ONE_LINE.finditer(line)]
        if opening := _find_opening(line):
            start, fence, language, code = opening
            indent, body = len(line) - len(line.lstrip(" \t")), [code] if code else []
        else:
            start = len(line)
        if not blocks:
            before.append(line[:start])
    single = bool(fence) and not blocks and not language
    if fence:
        blocks.append((language, _dedent(_cut_at_fence(body, fence))))
    return blocks, "".join(before) if single else ""


def _find_opening(line: str) -> tuple[int, str, str, str] | None:
    """Return where a fence opens a block in a line, the fence, the language, and code that follows on the line."""
    stripped = line.lstrip()
    if (
        stripped[:1] in ("`", "~")
        and len(run := stripped[: len(stripped) - len(stripped.lstrip(stripped[0]))]) >= _MIN_FENCE
    ):
        start, info = len(line) - len(stripped), stripped[len(run) :]
        if "`" in info:
            return None
    else:
        runs = list(_FENCE_RUN.finditer(line))
        if len(runs) % 2 == 0:  # none, or the pairs around a passage within a line
            return None
        start, run, info = runs[-1].start(), runs[-1][0], line[runs[-1].end() :]
        if not _INFO.fullmatch(info):
            return None
    word, _, rest = info.strip().partition(" ")
    word = word.strip("{}.")
    if info[:1].isspace() and word.lower() not in _PYTHON:  # "``` Done." closes what the prompt has opened
        return start, run, "", ""
    return start, run, word.lower(), f"{rest}\n" if _CODE_AFTER_LANGUAGE.match(rest) else ""


def _is_closing(line: str, fence: str, indent: int) -> bool:
    """Return whether a line closes a block: its fence, alone or before text, not within an indented text of the program."""
    stripped = line.strip()
    rest = stripped.lstrip(fence[0])
    if len(stripped) - len(rest) < len(fence) or len(line) - len(line.lstrip(" \t")) > indent + _MAX_EXTRA_INDENT:
        return False
    word, _, more = rest.partition(" ")
    is_sentence = bool(more) and word.lower() not in _PYTHON and "=" not in more  # "```That is it."
    return not rest or is_sentence or not (rest[0].isalnum() or "`" in rest)


def _cut_at_fence(body: list[str], fence: str) -> list[str]:
    """Return a body that no line closes up to a fence behind code, as in ``print(4)```</answer>``."""
    for number, line in enumerate(body):
        runs = list(_FENCE_RUN.finditer(line))
        if len(runs) == 1 and len(runs[0][0]) >= len(fence) and not line[runs[0].end() :].strip()[:1].isalnum():
            return [*body[:number], line[: runs[0].start()] + "\n"]
    return body


def _dedent(body: list[str]) -> str:
    """Return the lines without the indentation of the first one: no program begins indented."""
    first = next((line for line in body if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip(" \t"))]
    return "".join(line.removeprefix(indent) for line in body)
