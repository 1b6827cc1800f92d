r"""Finding and normalizing answers, for the verifiers of the core and of plugins.

`response_text` returns the text of a sample in which its answer is looked for, `find_answer` the final answer in that
text. Every pattern takes time linear in its input.
"""

import json
import re
import string
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, TypeAlias

from herokit.types import Sample

__all__ = [
    "MAX_ANSWER_CHARS",
    "ExtractMode",
    "FenceMode",
    "Normalization",
    "extract_code_block",
    "find_answer",
    "normalize_text",
    "read_json",
    "read_text_list",
    "response_text",
    "strip_markup",
    "word_pattern",
]

ExtractMode: TypeAlias = Literal["answer", "whole", "line", "tag", "box"]
"""Where the answer is. ``"answer"``: in the last ``<answer>`` tag, else in the last ``\\boxed{}``, else after the last
``####``, else after the last "answer is" or "answer:" on its line, else the whole completion if it is one line, else its
last line. ``"whole"``: the whole completion. ``"line"``: its last line. ``"tag"``, ``"box"``: only in that mark; without
the mark there is no answer."""

Normalization: TypeAlias = Literal["none", "spaces", "text", "squad"]
"""How texts are normalized before they are compared. ``"none"``: not at all. ``"spaces"``: Unicode NFC, runs of white
space become one space. ``"text"``: also NFKC, case folding, and no Markdown emphasis, quotes, dollar signs or final full
stop around the text. ``"squad"``: also without ASCII punctuation and English articles, as in SQuAD's script."""

FenceMode: TypeAlias = Literal["required", "optional", "none"]
"""Whether data must be in exactly one fenced block (``"required"``), may be (``"optional"``), or are the whole completion
(``"none"``)."""

MAX_ANSWER_CHARS = 20_000
"""Characters, from the end of a completion, in which an answer is looked for."""

_MAX_BLOCK_CHARS = 1_000_000
"""Characters of a completion in which fenced blocks are looked for."""

_FENCE = re.compile(r"[ \t]{0,3}```[ \t]*([\w+-]*)[ \t]*")
_ANSWER_WORD = re.compile(r"\banswer\b", re.IGNORECASE)
_ANSWER_MARK = re.compile(r"(?: is\b|[ \t*_]{0,4}:)", re.IGNORECASE)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WRAPPERS = (("**", "**"), ("__", "__"), ("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("`", "`"),
          ('"', '"'), ("'", "'"), ("\u201c", "\u201d"), ("\u2018", "\u2019"), ("\u00ab", "\u00bb"), ("*", "*"), ("_", "_"))  # fmt: skip


@cache
def word_pattern() -> re.Pattern[str]:
    r"""Return the pattern of a word: letters, digits, underscores and combining marks.

    Python's ``\w`` does not match combining marks, which would split words of Indic scripts.

    Example:
        >>> word_pattern().findall("it's हिन्दी")
        ['it', 's', 'हिन्दी']
    """
    marks = [chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)).startswith("M")]
    return re.compile(rf"[\w\u200c\u200d{''.join(marks)}]+")


def response_text(sample: Sample) -> str:
    """Return the text of a sample in which its answer is looked for: of the last message, without its thinking.

    Example:
        >>> response_text(Sample("6 * 7?", "The answer is 42.", group=0))
        'The answer is 42.'
    """
    return sample.final_text


def find_answer(text: str, extract: ExtractMode = "answer") -> str | None:
    r"""Return the final answer in a response, stripped; None if there is none.

    Args:
        text: what the policy wrote; hostile, of any length.
        extract: where the answer is.

    Example:
        >>> find_answer("Six times seven.\nThe answer is **42**.")
        '**42**.'
        >>> find_answer(r"So \boxed{\frac{1}{2}}", "box")
        '\\frac{1}{2}'
    """
    if extract == "whole":
        return text.strip() or None
    end = text[-MAX_ANSWER_CHARS:]
    if extract == "line":
        return _last_line(end)
    if extract == "tag":
        return _after_tag(end)
    if extract == "box":
        return _in_box(end)
    for find in (_after_tag, _in_box, _after_hashes, _after_phrase):
        if (answer := find(end)) is not None:
            return answer or None
    whole = text.strip()
    return (whole if "\n" not in whole else _last_line(end)) or None


def _last_line(text: str) -> str | None:
    return text.strip().rpartition("\n")[2].strip() or None


def _after_tag(text: str) -> str | None:
    start = text.rfind("<answer>")
    if start < 0:
        return None
    inside, closing, _ = text[start + len("<answer>") :].partition("</answer>")
    return inside.strip() if closing else None


def _in_box(text: str) -> str | None:
    mark = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    if mark < 0:
        return None
    start = text.index("{", mark) + 1
    depth = 1
    for end in range(start, len(text)):
        depth += (text[end] == "{") - (text[end] == "}")
        if depth == 0:
            return text[start:end].strip()
    return None


def _after_hashes(text: str) -> str | None:
    mark = text.rfind("####")
    return None if mark < 0 else text[mark + 4 :].strip().partition("\n")[0].strip()


def _after_phrase(text: str) -> str | None:
    """Return what follows the last "answer is" or "answer:" on its line."""
    start = None
    for word in _ANSWER_WORD.finditer(text):
        if mark := _ANSWER_MARK.match(text, word.end()):
            start = mark.end()
    if start is None:
        return None
    answer = text[start:].partition("\n")[0].strip(" \t:")
    if answer.count("**") % 2:  # the other half of the emphasis is before the phrase, or after it on another line
        answer = answer[2:] if answer.startswith("**") else answer.removesuffix("**").removesuffix("**.")
    return answer.strip() or None


def strip_markup(text: str) -> str:
    """Remove Markdown emphasis, quotes, dollar signs and a final full stop around an answer.

    Example:
        >>> strip_markup("**'Paris'**."), strip_markup("'Paris', 'Rome'")
        ('Paris', "'Paris', 'Rome'")
    """
    text = text.strip()
    for _ in range(4):
        before = text
        text = text.rstrip(".。").strip() if not text.endswith("..") else text
        for opening, closing in _WRAPPERS:
            if len(text) > len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing):
                inside = text[len(opening) : -len(closing)]
                unwrap = len(inside) > MAX_ANSWER_CHARS or _is_pair(opening, closing, inside)
                text = inside.strip() if unwrap else text
        if text == before:
            break
    return text


def _is_pair(opening: str, closing: str, inside: str) -> bool:
    """Return whether the marks around a text are a pair: no mark inside closes the opening one."""
    depth = 0
    for match in re.finditer(f"{re.escape(opening)}|{re.escape(closing)}", inside):
        before, after = inside[max(0, match.start() - 1) : match.start()], inside[match.end() : match.end() + 1]
        if match[0] == opening and (opening != closing or not before.strip()):
            depth += 1
        elif not after.isalnum():  # a letter after it makes it an apostrophe
            depth -= 1
        if depth < 0:
            return False
    return True


def normalize_text(text: str, normalize: Normalization) -> str:
    """Normalize a text for comparison.

    Example:
        >>> normalize_text("The  **Beatles**.", "text"), normalize_text("The Beatles!", "squad")
        ('the beatles', 'beatles')
    """
    if normalize == "none":
        return text
    if normalize == "spaces":
        return " ".join(unicodedata.normalize("NFC", text).split())
    text = " ".join(strip_markup(unicodedata.normalize("NFKC", text)).replace("**", "").casefold().split())
    if normalize == "squad":
        text = " ".join(_ARTICLES.sub(" ", text.translate(_PUNCTUATION)).split())
    return text


def extract_code_block(text: str, languages: tuple[str, ...], fence: FenceMode) -> str | None:
    r"""Return the content of the only fenced block, or the whole text where `fence` allows it; else None.

    Args:
        text: what the policy wrote.
        languages: the words after the opening fence that count; a block without a word always counts.
        fence: whether there must be a block.

    Example:
        >>> extract_code_block("Here:\n```json\n{}\n```", ("json",), "required")
        '{}'
    """
    if len(text) > _MAX_BLOCK_CHARS:
        return None
    blocks = [body for language, body in _code_blocks(text) if language in (*languages, "")] if fence != "none" else []
    if len(blocks) == 1:
        return blocks[0].strip()
    return None if blocks or fence == "required" else text.strip()


def _code_blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the language and the lines of each fenced block; a block that is not closed is ignored."""
    language, lines = None, []
    for line in text.split("\n"):
        fence = _FENCE.fullmatch(line.rstrip("\r"))
        if fence is None or (language is not None and fence[1]):
            lines.append(line)
        elif language is None:
            language, lines = fence[1].lower(), []
        else:
            yield language, "\n".join(lines)
            language = None


def read_json(text: str) -> Any:
    """Read strict JSON: no NaN, no infinity, no key twice.

    Raises:
        ValueError: the text is not strict JSON, or exceeds the interpreter's limits of nesting or integers.

    Example:
        >>> read_json('{"a": [1, 2.5, null]}')
        {'a': [1, 2.5, None]}
    """
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_reject_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_text_list(text: str) -> list[str] | None:
    """Read a JSON list of texts or numbers; None if the text is anything else.

    Example:
        >>> read_text_list('["a", 2]'), read_text_list("a")
        (['a', '2'], None)
    """
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(items, list) or not all(isinstance(item, str | int | float) for item in items):
        return None
    return [item if isinstance(item, str) else json.dumps(item) for item in items]


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate key")
    return result


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not valid JSON")
