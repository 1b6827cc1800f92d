# ruff: noqa: RUF001 - ambiguous characters are intended
"""Extract the final answer from a completion.

If candidates disagree, the first of this list is used: the last boxes, unless an explicit "final answer" follows them;
``####``; a line ``A:``; the last "the answer is" in one of many languages; the whole completion, if it is short; the
last formula, bold text or number.
"""

import re
from typing import NamedTuple

from herokit_math.boxes import find_last_boxed

__all__ = ["ANSWER_WORDS", "MAX_TAIL_CHARS", "Extraction", "find_candidates", "find_marked_answer"]

MAX_TAIL_CHARS = 20_000  # characters at the end that are searched for markers
_MAX_CHARS_BEFORE_BOX = 4_000  # characters before the last box that are searched for boxes of the same answer
_MAX_BARE_ANSWER_CHARS = 300  # characters of a completion that is an answer without a marker

_SPACE = r"[^\S\n]{0,3}"
_COPULA = (
    _SPACE + r"(?:\*\*)?" + _SPACE + r"(?:to (?:the|this) \w{1,20} )?"
    r"(?:is|are|est|es|ist|è|é|是|为|為|は|है|هو|هي|는|은|equals|[:：=])"
    + _SPACE
    + r"(?:therefore|thus|exactly|simply|for sure|also)?"
    + _SPACE
    + r"[:：]?(?:\*\*)?"
)  # every repetition is bounded, so that no input makes these patterns slow
ANSWER_WORDS = (
    "answer|réponse|reponse|respuesta|resposta|risposta|antwort|lösung|ответ|答案|答え|答|정답|답|उत्तर|जवाब|الإجابة|"
    "الجواب|cevap|đáp án"
)  # "answer" in many languages
_MARKER = re.compile(
    r"(?:correct (?:option|choice)|\bresult|\bsolution|" + ANSWER_WORDS + ")" + _COPULA,
    re.IGNORECASE,
)
_MARKER_WORDS = ("correct ", "result", "solution", *filter(str.isascii, ANSWER_WORDS.split("|")))
_FINAL_ANSWER = re.compile(r"final\s{1,3}answer" + _COPULA, re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?:\s+(?=[A-Z\[*<])|\s*$)|。|<\|")
_NEGATION = re.compile(r"(?:\w{1,20}ly )?(?:not|never)\s{1,3}(?:equal to )?[$*\\(+-]{0,3}\d")
_CONTRAST = re.compile(r"\bbut\b|\brather\b|[;,]")
_VERB = re.compile(r"(?<=\s)(?:is|are|be|est|sont|ist|es|was|equals|to|by|of)(?=\s)|[:：]")
_FORMULA = re.compile(
    r"\$\$([^$]{1,400})\$\$|\$([^$\n]{1,400})\$|\\\[(.{1,400}?)\\\]|\\\(([^\n]{1,400}?)\\\)", re.DOTALL
)
_BOLD = re.compile(r"\*\*([^*\n]{1,80})\*\*")
_NUMBER = re.compile(
    r"(?:(?<![\w.,\\])|(?<=[^\x00-\x7f]))[-+−]?[$€£]?(?:\\[dt]?frac\{-?\d+\}\{\d+\}|"
    r"(?:\d{1,3}(?:[,\u00a0\u202f ]\d{3})+(?!\d)(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)(?:[ \t]*/[ \t]*\d+)?(?:[ \t]*\\?%)?)"
)
_NAME = re.compile(r"\\?[a-zA-Z]{1,4}(?:\([a-z]\))?|\\?[a-zA-Z]{1,8}_\{?\w{1,3}\}?")  # a formula that is only a name


class Extraction(NamedTuple):
    """A candidate for the final answer: its text, and the marker by which it was found."""

    text: str
    marker: str


def find_candidates(completion: str) -> list[Extraction]:
    r"""Return the candidates for the final answer, best first.

    Args:
        completion: the policy's text; hostile, of any length.

    Example:
        >>> find_candidates("2 + 2 = 4\n#### 4")[0]
        Extraction(text='4', marker='####')
    """
    marked = find_marked_answer(completion)
    if isinstance(marked, tuple):
        return [Extraction(*marked)]
    if marked:
        return marked
    text = completion[-MAX_TAIL_CHARS:].strip()
    candidates = _find_after_marker(text, _MARKER) if _may_contain_marker(text) else []
    if candidates and candidates[0].marker == "negated answer":
        return candidates
    if len(text) <= _MAX_BARE_ANSWER_CHARS and not candidates:
        candidates.append(Extraction(text, "whole completion"))
    candidates.extend(_last_values(text))
    return candidates


def find_marked_answer(completion: str) -> tuple[str, str] | list[Extraction]:
    r"""Return the answer in a box or after ``####`` or ``A:``, and that marker.

    Args:
        completion: the policy's text; hostile, of any length.

    Returns:
        A plain pair (answer, marker), for speed: it is the common case. Otherwise a list: the candidates if a "final
        answer" follows the box, empty if there is no such marker.

    Example:
        >>> find_marked_answer("2 + 2 = 4\n#### 4")
        ('4', '####')
    """
    if "\\" in completion and (at := completion.rfind("box")) >= 0:
        boxed = find_last_boxed(completion[max(0, at - _MAX_CHARS_BEFORE_BOX) : at + MAX_TAIL_CHARS])
        if boxed:
            if completion.find("nswer", at) < 0:
                return boxed, "boxed"
            final = _find_after_marker(completion[at : at + MAX_TAIL_CHARS], _FINAL_ANSWER)
            return [*final, Extraction(boxed, "boxed")] if final else (boxed, "boxed")
    text = completion if len(completion) <= MAX_TAIL_CHARS else completion[-MAX_TAIL_CHARS:]
    hashes = text.rfind("####") if "#" in text else -1
    if hashes < 0:
        line = _find_answer_line(text)
        return [] if line is None else (line, "A:")
    line = text[hashes + 4 :].strip().partition("\n")[0].strip()
    return (line, "####") if line else []


def _find_answer_line(text: str) -> str | None:
    """Return the rest of the last line that begins with ``A:``."""
    at = text.rfind("A:")
    while at >= 0:
        begin = text.rfind("\n", 0, at) + 1
        if begin == at or not text[begin:at].strip():
            end = text.find("\n", at)
            return text[at + 2 : end if end > 0 else len(text)].strip() or None
        at = text.rfind("A:", 0, at)
    return None


def _may_contain_marker(text: str) -> bool:
    """Return False for ASCII text without any ASCII word of a marker."""
    if not text.isascii():
        return True
    lower = text.lower()
    return any(word in lower for word in _MARKER_WORDS)


def _find_after_marker(text: str, marker: re.Pattern[str]) -> list[Extraction]:
    """Return candidates after the last marker: the sentence, what follows its last verb, its first value."""
    matches = list(marker.finditer(text))
    if not matches:
        return []
    rest = text[matches[-1].end() :].lstrip()
    for opening, closing in (("$$", "$$"), ("\\[", "\\]")):
        if rest.startswith(opening) and (stop := rest.find(closing, 2)) > 0:
            return [Extraction(rest[2:stop].strip(), "answer phrase")]
    line = rest.partition("\n")[0]
    end = _SENTENCE_END.search(line)
    sentence = (line[: end.start()] if end else line).strip()
    if not sentence:
        return []
    if _NEGATION.match(sentence):  # "not 5"; "but 6" may follow
        contrast = _CONTRAST.search(sentence)
        value = _first_value(sentence[contrast.end() :]) if contrast else None
        return [Extraction(value, "answer phrase") if value else Extraction(sentence, "negated answer")]
    texts = [sentence]
    verbs = list(_VERB.finditer(sentence))
    predicate = sentence[verbs[-1].end() :].strip() if verbs else sentence
    if predicate and verbs:
        texts.append(predicate)
    texts.extend(first for part in (predicate, sentence) if (first := _first_value(part)))
    return [Extraction(text, "answer phrase") for text in texts]


def _find_values(text: str) -> list[tuple[int, str]]:
    """Return the end and the text of every formula (names excepted), bold text and number in `text`."""
    formulas = list(_FORMULA.finditer(text)) if "$" in text or "\\" in text else []
    values = [(m.end(), next(g for g in m.groups() if g).strip()) for m in formulas]
    values = [(end, formula) for end, formula in values if not _NAME.fullmatch(formula)]
    bold = list(_BOLD.finditer(text)) if "**" in text else []
    values += [(m.end(), m[1].strip()) for m in bold]
    spans = [m.span() for m in formulas + bold]
    numbers = [(m.end(), m[0]) for m in _NUMBER.finditer(text) if not any(a <= m.start() < b for a, b in spans)]
    return sorted(values + numbers)


def _first_value(text: str) -> str | None:
    values = _find_values(text[:2_000])
    return values[0][1] if values else None


def _last_values(text: str) -> list[Extraction]:
    """Return the last four values, the last one first."""
    values = _find_values(text[-2_000:])
    return [Extraction(value, "last value") for _, value in reversed(values[-4:])]
