# ruff: noqa: RUF001 - the characters that look alike are the point
"""Finding the final answer in a completion.

The order is fixed and is the policy when candidates disagree: the last run of boxes, unless an explicit "final answer"
stands behind it; ``####``; a line ``A:``; the last "the answer is" in one of many languages; a completion that is
nothing but an answer; the last formula, bold text or number, whichever ends last.
"""

import re
from typing import NamedTuple

from herokit_math.boxes import last_boxed

TAIL = 20_000  # characters, from the end, that are searched for markers
BEFORE_BOX = 4_000  # characters before the last box that are searched for boxes that belong to it
SHORT = 300  # a longer completion is never an answer by itself

_GAP = r"[^\S\n]{0,3}"
_IS = (
    _GAP + r"(?:\*\*)?" + _GAP + r"(?:to (?:the|this) \w{1,20} )?"
    r"(?:is|are|est|es|ist|è|é|是|为|為|は|है|هو|هي|는|은|equals|[:：=])"
    + _GAP
    + r"(?:therefore|thus|exactly|simply|for sure|also)?"
    + _GAP
    + r"[:：]?(?:\*\*)?"
)  # every repetition is bounded: no input makes these patterns slow
ANSWER = (
    "answer|réponse|reponse|respuesta|resposta|risposta|antwort|lösung|ответ|答案|答え|答|정답|답|उत्तर|जवाब|الإجابة|"
    "الجواب|cevap|đáp án"
)  # the word for "answer" in many languages
_MARKER = re.compile(
    r"(?:correct (?:option|choice)|\bresult|\bsolution|" + ANSWER + ")" + _IS,
    re.IGNORECASE,
)
_MARKER_WORDS = ("correct ", "result", "solution", *filter(str.isascii, ANSWER.split("|")))
_FINAL = re.compile(r"final\s{1,3}answer" + _IS, re.IGNORECASE)
_END = re.compile(r"[.!?](?:\s+(?=[A-Z\[*<])|\s*$)|。|<\|")
_NOT = re.compile(r"(?:\w{1,20}ly )?(?:not|never)\s{1,3}(?:equal to )?[$*\\(+-]{0,3}\d")
_BUT = re.compile(r"\bbut\b|\brather\b|[;,]")
_VERB = re.compile(r"(?<=\s)(?:is|are|be|est|sont|ist|es|was|equals|to|by|of)(?=\s)|[:：]")
_FORMULA = re.compile(
    r"\$\$([^$]{1,400})\$\$|\$([^$\n]{1,400})\$|\\\[(.{1,400}?)\\\]|\\\(([^\n]{1,400}?)\\\)", re.DOTALL
)
_BOLD = re.compile(r"\*\*([^*\n]{1,80})\*\*")
_NUMBER = re.compile(
    r"(?:(?<![\w.,\\])|(?<=[^\x00-\x7f]))[-+−]?[$€£]?(?:\\[dt]?frac\{-?\d+\}\{\d+\}|"
    r"(?:\d{1,3}(?:[,\u00a0\u202f ]\d{3})+(?!\d)(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)(?:[ \t]*/[ \t]*\d+)?(?:[ \t]*\\?%)?)"
)
_BARE = re.compile(r"\\?[a-zA-Z]{1,4}(?:\([a-z]\))?|\\?[a-zA-Z]{1,8}_\{?\w{1,3}\}?")  # a formula that is only a name


class Extraction(NamedTuple):
    """A candidate for the final answer: its text, and what pointed at it."""

    text: str
    how: str


def candidates(completion: str) -> list[Extraction]:
    r"""Return what may be the final answer, best first.

    Args:
        completion: what the policy wrote; hostile, of any length.

    Example:
        >>> candidates("2 + 2 = 4\n#### 4")[0]
        Extraction(text='4', how='####')
    """
    found = pointed(completion)
    if isinstance(found, tuple):
        return [Extraction(*found)]
    if found:
        return found
    text = completion[-TAIL:].strip()
    found = _marked(text, _MARKER) if _may_hold_a_marker(text) else []
    if found and found[0].how == "denied":
        return found
    if len(text) <= SHORT and not found:
        found.append(Extraction(text, "whole"))
    found.extend(_last(text))
    return found


def pointed(completion: str) -> tuple[str, str] | list[Extraction]:
    r"""Return the answer that a box, ``####`` or ``A:`` points at, and which of them did; the usual case, kept cheap.

    Args:
        completion: what the policy wrote; hostile, of any length.

    Returns:
        A bare pair, for most rows end here. A list where the matter is open: of candidates when a "final answer"
        stands behind the box, empty when nothing points.

    Example:
        >>> pointed("2 + 2 = 4\n#### 4")
        ('4', '####')
    """
    if "\\" in completion and (at := completion.rfind("box")) >= 0:
        boxed = last_boxed(completion[max(0, at - BEFORE_BOX) : at + TAIL])
        if boxed:
            later = _marked(completion[at : at + TAIL], _FINAL) if completion.find("nswer", at) > 0 else None
            return [*later, Extraction(boxed, "boxed")] if later else (boxed, "boxed")
    text = completion if len(completion) <= TAIL else completion[-TAIL:]
    hashes = text.rfind("####") if "#" in text else -1
    if hashes < 0:
        line = _line_a(text)
        return [] if line is None else (line, "A:")
    line = text[hashes + 4 :].strip().partition("\n")[0].strip()
    return (line, "####") if line else []


def _line_a(text: str) -> str | None:
    """Return the rest of the last line that begins with ``A:``."""
    at = text.rfind("A:")
    while at >= 0:
        begin = text.rfind("\n", 0, at) + 1
        if begin == at or not text[begin:at].strip():
            end = text.find("\n", at)
            return text[at + 2 : end if end > 0 else len(text)].strip() or None
        at = text.rfind("A:", 0, at)
    return None


def _may_hold_a_marker(text: str) -> bool:
    """Say whether to look for a marker at all: ASCII text without one of its ASCII words has none."""
    if not text.isascii():
        return True
    lower = text.lower()
    return any(word in lower for word in _MARKER_WORDS)


def _marked(text: str, marker: re.Pattern[str]) -> list[Extraction]:
    """Return readings of what follows the last marker: its sentence, what the sentence says last, its first value."""
    hits = list(marker.finditer(text))
    if not hits:
        return []
    rest = text[hits[-1].end() :].lstrip()
    for opening, closing in (("$$", "$$"), ("\\[", "\\]")):
        if rest.startswith(opening) and (stop := rest.find(closing, 2)) > 0:
            return [Extraction(rest[2:stop].strip(), "marker")]
    line = rest.partition("\n")[0]
    end = _END.search(line)
    sentence = (line[: end.start()] if end else line).strip()
    if not sentence:
        return []
    if _NOT.match(sentence):  # what the answer is not; what it is may follow
        other = _BUT.search(sentence)
        value = _first(sentence[other.end() :]) if other else None
        return [Extraction(value, "marker") if value else Extraction(sentence, "denied")]
    readings = [sentence]
    verbs = list(_VERB.finditer(sentence))
    said = sentence[verbs[-1].end() :].strip() if verbs else sentence
    if said and verbs:
        readings.append(said)
    readings.extend(first for part in (said, sentence) if (first := _first(part)))
    return [Extraction(reading, "marker") for reading in readings]


def _values(text: str) -> list[tuple[int, str]]:
    """Return where the formulas, bold texts and numbers of `text` end, with their texts; no formula that is a name."""
    formulas = list(_FORMULA.finditer(text)) if "$" in text or "\\" in text else []
    found = [(m.end(), next(g for g in m.groups() if g).strip()) for m in formulas]
    found = [(end, formula) for end, formula in found if not _BARE.fullmatch(formula)]
    bold = list(_BOLD.finditer(text)) if "**" in text else []
    found += [(m.end(), m[1].strip()) for m in bold]
    spans = [m.span() for m in formulas + bold]
    plain = [(m.end(), m[0]) for m in _NUMBER.finditer(text) if not any(a <= m.start() < b for a, b in spans)]
    return sorted(found + plain)


def _first(text: str) -> str | None:
    values = _values(text[:2_000])
    return values[0][1] if values else None


def _last(text: str) -> list[Extraction]:
    """Return the last value of all, then the ones before it."""
    values = _values(text[-2_000:])
    return [Extraction(value, "last value") for _, value in reversed(values[-4:])]
