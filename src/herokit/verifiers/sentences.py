"""Counting sentences without a model: final marks, less the full stops that end nothing."""

import re

_END = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u201d\u2019)\]*_]*+(?=\s|$)|[\u3002\uff01\uff1f]++[\u300d\u300f\u201d]?"
)
INDENT = 200
"""Characters before a full stop in which the line's beginning is looked for; else a text without lines takes quadratic time."""

_LAST = re.compile(r"(\S{1,40})$")
_SHORT = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "jr",
        "sr",
        "inc",
        "ltd",
        "co",
        "corp",
        "vs",
        "etc",
        "fig",
        "no",
        "vol",
        "al",
        "eds",
        "ed",
        "pp",
        "gen",
        "sen",
        "rep",
        "gov",
        "approx",
        "dept",
        "est",
    ]
)
_LETTERS = re.compile(r"(?:[a-z]\.)*[a-z]", re.IGNORECASE)


def count_sentences(text: str) -> int:
    r"""Count sentences.

    One ends at ``. ! ?`` before white space, or at a Chinese or Japanese full stop; not after a title or an
    abbreviation (``Dr.``, ``e.g.``), an initial, or the number of a list item; not at a line's end.

    Example:
        >>> count_sentences("Dr. Smith paid 3.5 dollars, e.g. for tea. Why? He liked it"), count_sentences("")
        (3, 0)
    """
    found, begin = 0, 0
    for match in _END.finditer(text):
        if match[0].startswith(".") and len(match[0]) == 1 and _goes_on(text, begin, match.start(), match.end()):
            continue
        found += any(c.isalnum() for c in text[begin : match.start()])
        begin = match.end()
    return found + any(c.isalnum() for c in text[begin:])


def _goes_on(text: str, begin: int, at: int, after: int) -> bool:
    """Whether the full stop at `at` ends no sentence."""
    last = _LAST.search(text[max(begin, at - 40) : at])
    if last is None:
        return False
    word = last[1].lstrip("(\"'*_[")
    line = text[max(0, at - INDENT) : at].rpartition("\n")[2]
    if word.isdigit() and not line.replace(word, "", 1).strip(" \t*_#"):
        return True  # the number of a list item
    following = text[after : after + 40].lstrip()[:1]
    if word.lower() in _SHORT:
        return bool(following)
    return _LETTERS.fullmatch(word) is not None and word != "I" and (following.islower() or len(word) == 1)
