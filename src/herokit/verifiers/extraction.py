r"""Finding and reading answers, for the verifiers of the core and of plugins. Every pattern is linear in its input."""

import json
import re
import string
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, TypeAlias

Find: TypeAlias = Literal["answer", "whole", "line", "tag", "box"]
"""Where the answer stands. ``"answer"``: the last ``<answer>`` tag, else the last ``\boxed{}``, else what follows the
last ``####``, else what follows the last "answer is" or "answer:" on its line, else the whole completion if it is one
line, else its last line. ``"whole"``: the whole completion. ``"line"``: its last line. ``"tag"``, ``"box"``: that mark
only; without it there is no answer."""

Form: TypeAlias = Literal["none", "spaces", "text", "squad"]
"""How far texts are brought to one form. ``"none"``: not at all. ``"spaces"``: Unicode NFC, runs of white space are one
space. ``"text"``: besides, NFKC, no case, no Markdown emphasis, quotes, dollar signs or final full stop around it.
``"squad"``: besides, no ASCII punctuation and no English articles, as SQuAD's script does."""

Fence: TypeAlias = Literal["required", "optional", "none"]
"""Whether data stand in exactly one block between lines of three backticks, may, or are the whole completion."""

LONGEST = 1_000_000
"""Characters of a completion in which blocks are looked for."""

TAIL = 20_000
"""Characters, from the end of a completion, in which an answer is looked for."""

_FENCE = re.compile(r"[ \t]{0,3}```[ \t]*([\w+-]*)[ \t]*")
_WORD = re.compile(r"\banswer\b", re.IGNORECASE)
_SAYS = re.compile(r"(?: is\b|[ \t*_]{0,4}:)", re.IGNORECASE)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_PAIRS = (("**", "**"), ("__", "__"), ("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("`", "`"),
          ('"', '"'), ("'", "'"), ("\u201c", "\u201d"), ("\u2018", "\u2019"), ("\u00ab", "\u00bb"), ("*", "*"), ("_", "_"))  # fmt: skip


@cache
def words() -> re.Pattern[str]:
    r"""Return a pattern of a word: letters, digits, underscores, and the marks that belong to letters.

    Python's own ``\w`` leaves the marks out, which tears words of Indic scripts apart.

    Example:
        >>> words().findall("it's हिन्दी")
        ['it', 's', 'हिन्दी']
    """
    marks = [chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)).startswith("M")]
    return re.compile(rf"[\w\u200c\u200d{''.join(marks)}]+")


def find_answer(completion: str, find: Find = "answer") -> str | None:
    r"""Return the answer that a completion gives, stripped; None where there is none.

    Args:
        completion: what the policy wrote; hostile, of any length.
        find: where it stands.

    Example:
        >>> find_answer("Six times seven.\nThe answer is **42**.")
        '**42**.'
        >>> find_answer(r"So \boxed{\frac{1}{2}}", "box")
        '\\frac{1}{2}'
    """
    text = completion[-TAIL:]
    if find == "whole":
        return completion.strip() or None
    if find == "line":
        return _last_line(text)
    if find == "tag":
        return _tag(text)
    if find == "box":
        return _box(text)
    for look in (_tag, _box, _hashes, _marked):
        if (found := look(text)) is not None:
            return found or None
    whole = completion.strip()
    return (whole if "\n" not in whole else _last_line(text)) or None


def _last_line(text: str) -> str | None:
    return text.strip().rpartition("\n")[2].strip() or None


def _tag(text: str) -> str | None:
    at = text.rfind("<answer>")
    if at < 0:
        return None
    inside, closed, _ = text[at + len("<answer>") :].partition("</answer>")
    return inside.strip() if closed else None


def _box(text: str) -> str | None:
    at = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    if at < 0:
        return None
    begin = text.index("{", at) + 1
    depth = 1
    for end in range(begin, len(text)):
        depth += (text[end] == "{") - (text[end] == "}")
        if depth == 0:
            return text[begin:end].strip()
    return None


def _hashes(text: str) -> str | None:
    at = text.rfind("####")
    return None if at < 0 else text[at + 4 :].strip().partition("\n")[0].strip()


def _marked(text: str) -> str | None:
    found = None
    for match in _WORD.finditer(text):
        if says := _SAYS.match(text, match.end()):
            found = says.end()
    if found is None:
        return None
    said = text[found:].partition("\n")[0].strip(" \t:")
    if said.count("**") % 2:  # the other half of the emphasis stands before the mark, or after it on another line
        said = said[2:] if said.startswith("**") else said.removesuffix("**").removesuffix("**.")
    return said.strip() or None


def bare(text: str) -> str:
    """Take Markdown emphasis, quotes, dollar signs and a final full stop from around an answer.

    Example:
        >>> bare("**'Paris'**."), bare("'Paris', 'Rome'")
        ('Paris', "'Paris', 'Rome'")
    """
    text = text.strip()
    for _ in range(4):
        before = text
        text = text.rstrip(".。").strip() if not text.endswith("..") else text
        for opening, closing in _PAIRS:
            if len(text) > len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing):
                inside = text[len(opening) : -len(closing)]
                text = inside.strip() if len(inside) > TAIL or _belong(opening, closing, inside) else text
        if text == before:
            break
    return text


def _belong(opening: str, closing: str, inside: str) -> bool:
    """Whether two marks around a text belong together: none inside closes what the first one opened."""
    depth = 0
    for match in re.finditer(f"{re.escape(opening)}|{re.escape(closing)}", inside):
        before, after = inside[max(0, match.start() - 1) : match.start()], inside[match.end() : match.end() + 1]
        if match[0] == opening and (opening != closing or not before.strip()):
            depth += 1
        elif not after.isalnum():  # else it is an apostrophe
            depth -= 1
        if depth < 0:
            return False
    return True


def bring(text: str, form: Form) -> str:
    """Bring a text to one form.

    Example:
        >>> bring("The  **Beatles**.", "text"), bring("The Beatles!", "squad")
        ('the beatles', 'beatles')
    """
    if form == "none":
        return text
    if form == "spaces":
        return " ".join(unicodedata.normalize("NFC", text).split())
    text = " ".join(bare(unicodedata.normalize("NFKC", text)).replace("**", "").casefold().split())
    if form == "squad":
        text = " ".join(_ARTICLES.sub(" ", text.translate(_PUNCTUATION)).split())
    return text


def fenced(completion: str, marks: tuple[str, ...], fence: Fence) -> str | None:
    r"""Return what stands in the one fenced block with one of `marks` or none, or the whole; None where there is not one.

    Example:
        >>> fenced("Here:\n```json\n{}\n```", ("json",), "required")
        '{}'
    """
    if len(completion) > LONGEST:
        return None
    blocks = [text for mark, text in _blocks(completion) if mark in (*marks, "")] if fence != "none" else []
    if len(blocks) == 1:
        return blocks[0].strip()
    return None if blocks or fence == "required" else completion.strip()


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the mark and the lines of each fenced block; one that is not closed is none."""
    mark, lines = None, []
    for line in text.split("\n"):
        fence = _FENCE.fullmatch(line.rstrip("\r"))
        if fence is None or (mark is not None and fence[1]):
            lines.append(line)
        elif mark is None:
            mark, lines = fence[1].lower(), []
        else:
            yield mark, "\n".join(lines)
            mark = None


def read_json(text: str) -> Any:
    """Read strict JSON.

    Raises:
        ValueError: it is not; nesting and integers beyond the interpreter's limits count as not.

    Example:
        >>> read_json('{"a": [1, 2.5, null]}')
        {'a': [1, 2.5, None]}
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key occurs twice")
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
