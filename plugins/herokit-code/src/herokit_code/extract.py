"""Finding the program in a completion."""

import re

MAX_CODE = 200_000
"""Characters of a completion that are looked at, from its end."""

FENCE = 3
_STARTS = re.compile(
    r"\s*(?:#|@\w|(?:async )?def \w+\(|class \w+[(:]|import \w|from [\w.]+ import|print\(|"
    r"[A-Za-z_]\w*(?:, ?[A-Za-z_]\w*){0,20} ?= ?[^=\s]|\"{3}|'{3}|"
    r"(?:if|while|with) [^\n]{1,200}:\s*\n|for [\w, ]{1,80} in [^\n]{1,200}:|try:\s*\n)"
)
PYTHON = {"python", "py", "python3"}


def program(completion: str) -> str | None:
    r"""Return the last fenced Python block; without one the last block of no language; without any, a bare program.

    A block that is still open at the end counts, for the policy may have been cut off; a text without blocks is taken
    only if it starts as a program does, and so is what stands before a lone fence, for the prompt may have opened the
    block. Nothing is parsed or compiled here: that is for the sandbox.

    Example:
        >>> program("Here:\n```python\nprint(1)\n```\nDone.")
        'print(1)\n'
        >>> program("print(2)")
        'print(2)'
        >>> program("I do not know how to do this.") is None
        True
    """
    text = completion[-MAX_CODE:]
    blocks, before = _blocks(text)
    if _STARTS.match(before) and not _STARTS.match(blocks[0][1]):
        return before
    for wanted in (PYTHON, {""}):
        found = [body for language, body in blocks if language in wanted and body.strip()]
        if found:
            return found[-1]
    return text if not blocks and _STARTS.match(text) else None


def _blocks(text: str) -> tuple[list[tuple[str, str]], str]:
    """Return the language and the body of each fenced block, in order, and what stands before a lone bare fence.

    One look at each line; from a body is taken what its fence is indented by.
    """
    blocks: list[tuple[str, str]] = []
    fence, language, indent, body, before = "", "", "", [""], [""]
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        ticks = len(bare) - len(bare.lstrip(bare[:1]))
        if fence:
            if bare[:1] == fence[0] and ticks >= len(fence) and ticks == len(bare):
                blocks.append((language, "".join(body)))
                fence = ""
            else:
                body.append(line.removeprefix(indent))
        elif bare[:1] in ("`", "~") and ticks >= FENCE and "`" not in bare[ticks:]:
            fence, language, body = bare[:ticks], (bare[ticks:].split() or [""])[0].lower(), []
            indent = line[: len(line) - len(line.lstrip(" \t"))]
        elif not blocks:
            before.append(line)
    lone = bool(fence) and not blocks and not language
    if fence:
        blocks.append((language, "".join(body)))
    return blocks, "".join(before) if lone else ""
