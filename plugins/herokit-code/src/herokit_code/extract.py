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
_PYTHON = {"python", "py", "python3"}


def extract_program(text: str) -> str | None:
    r"""Return the last fenced Python block, else the last block without a language, else a program without a fence.

    A block that is not closed counts, because the policy may have been cut off. A text without blocks is a program only
    if it begins like one; so is the text before a single fence, because the prompt may have opened the block. Nothing is
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
    return text if not blocks and _PROGRAM_START.match(text) else None


def _read_blocks(text: str) -> tuple[list[tuple[str, str]], str]:
    """Return the language and the body of each fenced block in order, and the text before a single fence without language.

    Each line is read once; a body is indented by as much less as its fence is.
    """
    blocks: list[tuple[str, str]] = []
    fence, language, indent, body, before = "", "", "", [""], [""]
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        ticks = len(stripped) - len(stripped.lstrip(stripped[:1]))
        if fence:
            if stripped[:1] == fence[0] and ticks >= len(fence) and ticks == len(stripped):
                blocks.append((language, "".join(body)))
                fence = ""
            else:
                body.append(line.removeprefix(indent))
        elif stripped[:1] in ("`", "~") and ticks >= _MIN_FENCE and "`" not in stripped[ticks:]:
            fence, language, body = stripped[:ticks], (stripped[ticks:].split() or [""])[0].lower(), []
            indent = line[: len(line) - len(line.lstrip(" \t"))]
        elif not blocks:
            before.append(line)
    single = bool(fence) and not blocks and not language
    if fence:
        blocks.append((language, "".join(body)))
    return blocks, "".join(before) if single else ""
