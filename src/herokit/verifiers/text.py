"""Texts: sentences, markup, normalization, fenced blocks and JSON, for the verifiers of the core and of plugins.

Every pattern takes time linear in its input.
"""

import json
import re
import string
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, TypeAlias

__all__ = [
    "ABBREVIATIONS",
    "FenceMode",
    "Normalization",
    "extract_code_block",
    "first_sentence",
    "join_digits",
    "last_line",
    "last_sentence",
    "normalize_text",
    "read_json",
    "read_text_list",
    "strip_markup",
    "word_pattern",
]

Normalization: TypeAlias = Literal["none", "spaces", "text", "squad"]
"""How texts are normalized before they are compared. ``"none"``: not at all. ``"spaces"``: Unicode NFC, runs of white
space become one space. ``"text"``: also NFKC, case folding, and no Markdown emphasis, quotes, dollar signs, ``\\text{}`` or
final full stop around the text. ``"squad"``: also without ASCII punctuation and English articles, as in SQuAD's script."""

FenceMode: TypeAlias = Literal["required", "optional", "none"]
"""Whether data must be in exactly one fenced block (``"required"``), may be (``"optional"``), or are the whole completion
(``"none"``)."""

_MAX_MARKUP_CHARS = 20_000
"""Characters of a text whose marks are checked for being pairs."""

_MAX_SENTENCE_CHARS = 4_000
"""Characters of a line in which its sentences are looked for."""

_MAX_BLOCK_CHARS = 1_000_000
"""Characters of a completion in which fenced blocks are looked for."""

_FENCE = re.compile(r"[ \t]{0,3}```[ \t]*([\w+-]*)[ \t]*")
_SENTENCE_END = re.compile(
    r"[.!?\u2026\u3002\uff01\uff1f\u0964](?:(?<=[.!?\u2026])[.!?\u2026]*+[\"'\u201d\u2019)*_]{0,3}"
    r"(?:\s+(?=[A-Z\u00c0-\u00de\u0391-\u03a9\u0410-\u042f\[(*<$\\\\\u2e80-\uffff])|\s*$)|(?<=[\u3002\uff01\uff1f\u0964])\s*)"
)  # one set begins it, so that the search skips fast to its characters
_LAST_WORD = re.compile(r"([^\W\d_]{1,12})$")
_SENTENCE_START = re.compile(
    r"(?:I|We|You|It|He|She|They|The|This|That|These|So|Because|Since|Therefore|Thus|Hence|As|In|And|But)\b"
)
ABBREVIATIONS = frozenset({"mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr",
                           "inc", "ltd", "co", "corp", "vs", "etc", "fig", "vol", "al", "eds", "ed", "pp",
                           "gen", "sen", "rep", "gov", "approx", "dept", "est", "ca", "bzw"})  # fmt: skip
"""Words after which a full stop ends no sentence."""

_DECIMAL_COMMA = re.compile(r"(?<![\w.,])(\d{1,3}(?:\.\d{3})+|\d+),(\d+)(?![\w.,])")
_THOUSANDS = re.compile(
    r"(?<![\w.,])\d{1,3}(?:([ \u00a0\u202f_'\u2019.])\d{3})(?:\1\d{3})*(?=,\d|(?![\w.,]|\s\d))"
    r"|(?<![\w.,])\d{1,3}(?:([ \u00a0\u202f'\u2019])\d{3})(?:\2\d{3})*(?=\.\d+(?![\w.,]|\s\d))"
    r"|(?<![\w.,])\d{1,2}(?:(,)\d\d)+,\d{3}(?![\d,])"
)
"""The last form is India's: 12,34,567."""
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_LATEX_TEXT = re.compile(r"\\(?:text(?:bf|it|rm|sf|tt)?|math(?:bf|it|rm|sf)|mbox)\s?\{([^{}]*)\}")
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


def first_sentence(text: str) -> str:
    """Return the first sentence of a line, without the mark that ends it; an abbreviation ends no sentence.

    Example:
        >>> first_sentence("12. That was easy."), first_sentence("Dr. Who."), first_sentence("3.5 and 4")
        ('12', 'Dr. Who', '3.5 and 4')
    """
    for end in _SENTENCE_END.finditer(text[:_MAX_SENTENCE_CHARS]):
        if not _is_abbreviation(text, end):
            return text[: end.start()].strip()
    return text.strip()


def last_sentence(text: str) -> str:
    """Return the last sentence of the last line that holds a word or a number.

    Example:
        >>> last_sentence("We add 2 and 3. So we get 5.")
        'So we get 5.'
    """
    line = last_line(text)[-_MAX_SENTENCE_CHARS:]
    starts = [
        end.end() for end in _SENTENCE_END.finditer(line) if line[end.end() :] and not _is_abbreviation(line, end)
    ]
    return line[starts[-1] if starts else 0 :].strip()


def last_line(text: str) -> str:
    r"""Return the last line that is not blank, stripped.

    Example:
        >>> last_line("one\n two \n")
        'two'
    """
    return text.strip().rpartition("\n")[2].strip()


def _is_abbreviation(text: str, end: re.Match[str]) -> bool:
    """Return whether the full stop of a sentence's end belongs to an abbreviation or an initial."""
    word = _LAST_WORD.search(text, max(0, end.start() - 13), end.start())
    if word is None or text[end.start()] != ".":
        return False
    initial = len(word[1]) == 1 and word[1].isupper() and end.end() < len(text)
    return word[1].lower() in ABBREVIATIONS or (initial and not _SENTENCE_START.match(text, end.end()))


def strip_markup(text: str) -> str:
    r"""Remove Markdown emphasis, quotes, dollar signs, ``\text{}`` and a final full stop around an answer.

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
                unwrap = len(inside) > _MAX_MARKUP_CHARS or _is_pair(opening, closing, inside)
                text = inside.strip() if unwrap else text
        if text.startswith("\\") and (match := _LATEX_TEXT.fullmatch(text)):
            text = match[1].strip()
        if text == before:
            break
    return text


def join_digits(text: str) -> str:
    """Return a text whose numbers have no separators of thousands but commas, and no decimal commas.

    Args:
        text: short, because the search takes quadratic time for thousands between blanks; hostile.

    Example:
        >>> [join_digits(text) for text in ("1.234,5 kg", "1 200 m", "CHF 1'234.50", "12,34,567", "1,234", "2{,}5")]
        ['1234.5 kg', '1200 m', 'CHF 1234.50', '1234567', '1,234', '2.5']
    """
    text = text.replace("{,}", ",")
    return _DECIMAL_COMMA.sub(_replace_decimal_comma, _THOUSANDS.sub(_join_thousands, text))


def _join_thousands(match: re.Match[str]) -> str:
    """Return a number without the separators of its thousands; a single full stop is a decimal point."""
    text, separator = match[0], str(match[match.lastindex or 1])
    if separator == ",":
        return text.replace(",", "")
    return (
        text
        if separator == "." and text.count(".") == 1 and match.string[match.end() : match.end() + 1] != ","
        else text.replace(separator, "")
    )


def _replace_decimal_comma(match: re.Match[str]) -> str:
    """Return a number with a decimal point; a comma before exactly three digits separates thousands.

    Example:
        >>> [_DECIMAL_COMMA.sub(_replace_decimal_comma, text) for text in ("2,5", "1.234,5", "1,234", "0,125")]
        ['2.5', '1234.5', '1,234', '0.125']
    """
    whole, decimals = match.groups()
    is_thousands = len(decimals) == 3 and len(whole) <= 3 and not whole.startswith("0")  # noqa: PLR2004 - digits
    return match[0] if is_thousands else f"{whole.replace('.', '')}.{decimals}"


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
