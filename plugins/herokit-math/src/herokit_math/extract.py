# ruff: noqa: RUF001 - the characters that look alike are the point
"""Finding the final answer in a completion.

The order is fixed and is the policy when candidates disagree: the last run of boxes; ``####``; a line ``A:``; the
last "the answer is" in one of many languages; a completion that is nothing but an answer; the last formula; the last
bold text; the last number.
"""

import re
from typing import NamedTuple

from herokit_math.boxes import last_boxed

TAIL = 20_000  # characters, from the end, that are searched
SHORT = 300  # a longer completion is never an answer by itself

_LINE_A = re.compile(r"(?:^|\n)[ \t]*A:[ \t]*([^\n]+)")
_MARKER = re.compile(
    r"(?:final\s+answer|\banswer|correct\s+(?:option|choice)|result|solution|"
    r"réponse|reponse|respuesta|resposta|risposta|antwort|lösung|ответ|答案|答え|答|정답|답|उत्तर|जवाब|الإجابة|الجواب|cevap|đáp\s+án)"
    r"[^\S\n]*(?:\*\*)?[^\S\n]*"
    r"(?:to\s+(?:the|this)\s+\w+[^\S\n]*|for\s+sure\s+)?"
    r"(?:is|are|est|es|ist|è|é|是|为|為|は|是：|equals|[:：=])[^\S\n]*(?:therefore|thus|exactly|simply|for\s+sure|also)?"
    r"[^\S\n]*[:：]?(?:\*\*)?",
    re.IGNORECASE,
)
_FORMULA = re.compile(
    r"\$\$([^$]{1,400})\$\$|\$([^$\n]{1,400})\$|\\\[(.{1,400}?)\\\]|\\\(([^\n]{1,400}?)\\\)", re.DOTALL
)
_BOLD = re.compile(r"\*\*([^*\n]{1,80})\*\*")
_NUMBER = re.compile(
    r"[-+−]?[$€£]?(?:\d{1,3}(?:[,\u00a0\u202f ]\d{3})+(?![\d])(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)(?:[ \t]*/[ \t]*\d+)?(?:[ \t]*\\?%)?"
)


class Extraction(NamedTuple):
    """A candidate for the final answer: its text, and what pointed at it."""

    text: str
    how: str


def _after_marker(text: str) -> str | None:
    last = None
    for last in _MARKER.finditer(text):  # noqa: B007 - the last one is what we want
        pass
    if last is None:
        return None
    rest = text[last.end() :].lstrip()
    return rest.partition("\n")[0].strip() or None


def candidates(completion: str) -> list[Extraction]:
    r"""Return what may be the final answer, best first.

    Args:
        completion: what the policy wrote; only its last `TAIL` characters are searched.

    Example:
        >>> candidates("2 + 2 = 4\n#### 4")[0]
        Extraction(text='4', how='####')
    """
    text = completion[-TAIL:].strip()
    found: list[Extraction] = []
    if "box" in text and (boxed := last_boxed(text)):
        return [Extraction(boxed, "boxed")]
    if (at := text.rfind("####")) >= 0 and (line := text[at + 4 :].strip().partition("\n")[0].strip()):
        return [Extraction(line, "####")]
    if "A:" in text and (lines := _LINE_A.findall(text)):
        return [Extraction(lines[-1].strip(), "A:")]
    marked = _after_marker(text)
    if marked:
        found.append(Extraction(marked, "marker"))
        text = marked
    if len(text) <= SHORT and "\n" not in text:
        found.append(Extraction(text, "whole"))
    formulas = [next(g for g in groups if g) for groups in _FORMULA.findall(text)]
    if formulas:
        found.append(Extraction(formulas[-1].strip(), "last formula"))
    if bold := _BOLD.findall(text):
        found.append(Extraction(bold[-1].strip(), "last bold"))
    if numbers := _NUMBER.findall(text):
        found.append(Extraction(numbers[0] if marked else numbers[-1], "number"))
    return found
