# ruff: noqa: RUF001 - words of many scripts
r"""Extract the final answer from a completion.

The order of precedence is that of `herokit.verifiers.extraction`: the last ``<answer>`` tag, the last boxes (unless "final answer" follows them), ``####`` or a line
``A:``, the last phrase that announces an answer. Without any of them it is the whole text if that is short, else the last
expression of the last sentence, whole: never a number torn out of it.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from herokit.verifiers.extraction import (
    DENIED_BOX,
    Extraction,
    ExtractMode,
    doubts_or_denies,
    drop_contrast,
    find_answers,
    find_hashes,
    find_phrase,
    find_tag,
    is_denied,
    is_doubtful,
)
from herokit.verifiers.languages import doubt_pattern
from herokit.verifiers.marks import unify_marks
from herokit.verifiers.text import first_sentence, last_sentence
from herokit_math.boxes import find_last_boxed, read_box
from herokit_math.scan import Span, find_expressions

__all__ = [
    "MAX_TAIL_CHARS",
    "find_candidates",
    "find_marked_answer",
    "find_plain_answer",
    "iterate_candidates",
    "iterate_unmarked",
]

MAX_TAIL_CHARS = 20_000  # characters at the end that are searched for markers
_MAX_CHARS_BEFORE_BOX = 4_000  # characters before the last box that are searched for boxes of the same answer
_MAX_BARE_ANSWER_CHARS = 300  # characters of a completion that is an answer without a marker
_NO_PLAIN_ANSWER = ("", "")

_ANSWER_TAG = re.compile("<(?:answer|ANSWER|Answer)>")
_FINAL_ANSWER = re.compile(r"\bfinal\s{1,3}answer", re.IGNORECASE)
_CONTRAST = re.compile(r"(?<!thing )\bbut\b|\brather\b|[;,]")
_ANY_BOX = re.compile(r"\\{1,2}(?:f|frame)?box")
_SUBORDINATE = re.compile(
    r"\s(?:after|before|out of|because|since|among|when|while|to (?!get|obtain|give|find|have|make|be|equal)[a-z]{3,}+)\s|,\s(?:because|since)\s"
)
_STATES_VALUE = re.compile(r"=|\b(?:is|are|was|were|equals?|gives?|leaves)\b")
_MAX_SUBORDINATE_CHARS = 80  # characters of a subordinate clause at the end of a sentence
_VERB = re.compile(
    r"[\s:：](?:(?<=[:：])|(?:is|are|be|est|sont|ist|sind|es|son|was|were|equals?|gets?|finds?|found|obtain|obtained|gives?|yields?|"
    r"ha(?:s|ve)|leaves|makes|costs?|needs?|to|by|of)(?=\s))"
)  # one set begins it, so that the search skips fast to its characters
_WORD = re.compile(r"(?<![^\W\d_])[^\W\d_]{2,}+(?!\s?[:：=])")  # not a label
_ASCII_WORD = re.compile(r"[a-zA-Z](?<![a-zA-Z]{2})[a-zA-Z]++(?!\s?[:=])")  # the same in ASCII, twice as fast
_CONNECTORS = {"and", "or", "und", "oder", "et", "ou", "или", "answer", "solution", "result"}
_MAX_UNIT_WORDS = 2
_MAX_PLAIN_WORDS = 20  # words that are no expression with its unit, even if some are functions or connectors
_HIDES_WORDS = re.compile(r"[$\\*oa](?:(?<=[$\\*])|(?<=\bo)r\b|(?<=\ba)nd\b)")  # "and" may join a list
_OR = re.compile(r"[\s$]*[,(]?\s*(?:or|oder|ou|o|или|或|または|hoặc)\b|[\s$]*(?:或|または|또는)")

_JOINT = re.compile(r"[\s$,]*(?:or|oder|ou|или|或|または|hoặc|and|und|et|и|和)?[\s$]*")
_STOP = re.compile(r"[\s$.。)*]*")
_RANGE_START = re.compile(r"\bbetween[\s$]{1,5}$", re.IGNORECASE)
_RANGE_MIDDLE = re.compile(r"[\s$]*and\b", re.IGNORECASE)


def find_candidates(completion: str, extract: ExtractMode = "answer") -> list[Extraction]:
    r"""Return the candidates for the final answer, best first; at least one, without a text if there is none.

    Args:
        completion: the policy's text; hostile, of any length.
        extract: where the answer is; see `herokit.verifiers.extraction.ExtractMode`.

    Example:
        >>> find_candidates("2 + 2 = 4\n#### 4")[0]
        Extraction(text='4', origin='####', problem='')
        >>> find_candidates("The area, as we saw, is 5x/2.")[-1]
        Extraction(text='5x/2', origin='last expression', problem='')
    """
    return list(iterate_candidates(completion, extract))


def iterate_candidates(completion: str, extract: ExtractMode = "answer") -> Iterator[Extraction]:
    """Yield what `find_candidates` returns; most callers need only the first."""
    if extract == "boxed":
        return iter([_find_box(unify_marks(completion)) or Extraction(None, "box", "no box")])
    if extract != "answer":
        return iter(find_answers(completion, extract))
    marked = find_marked_answer(completion)
    return iterate_unmarked(completion) if marked is None else iter([marked])


def iterate_unmarked(completion: str) -> Iterator[Extraction]:
    """Yield the candidates for the final answer of a text in which `find_marked_answer` finds none, best first."""
    text = unify_marks(completion[-MAX_TAIL_CHARS:]).strip()
    if text.isascii() and 0 < len(text) <= _MAX_BARE_ANSWER_CHARS and len(text.split()) == 1:
        return iter(
            [Extraction(text, "whole text")]
        )  # one word or one formula: nothing announces, doubts or hedges in it
    if candidates := _find_after_phrase(text):
        return iter(candidates)
    return _find_unmarked(text)


def find_plain_answer(text: str) -> tuple[str, str]:
    r"""Return the answer and where it is, if ``A:`` begins the last line or the text has one box, and no other mark.

    Other texts have an empty answer.

    What it returns is what `find_marked_answer` finds, without the search for other marks.

    Args:
        text: a text that surely has no tag: `herokit.types.Sample.plain_text`.

    Example:
        >>> find_plain_answer("2 + 2 = 4\nA: 4"), find_plain_answer(r"It is \boxed{4}."), find_plain_answer("#### 4\nA: 5")
        (('4', 'A:'), ('4', 'box'), ('', ''))
    """
    if len(text) > MAX_TAIL_CHARS:
        return _NO_PLAIN_ANSWER
    if "\\" in text:
        before, mark, after = text.rpartition("\\boxed{")
        if not mark or "box" in after or "inal" in after or before.endswith("\\"):
            return _NO_PLAIN_ANSWER
        if "box" in before and _ANY_BOX.search(before):
            return _NO_PLAIN_ANSWER
        box = read_box(text, len(before) + len(mark) - 1)
        return (box, "box") if box and not is_denied(before, len(before)) else _NO_PLAIN_ANSWER
    if "#" in text:
        return _NO_PLAIN_ANSWER
    _, mark, line = text.rpartition("\nA:")
    return (line.strip(), "A:") if mark and "\n" not in line else _NO_PLAIN_ANSWER


def find_marked_answer(completion: str) -> Extraction | None:
    r"""Return the answer in a tag, a box, after ``####`` or after ``A:``; None without such a mark.

    Args:
        completion: the policy's text; hostile, of any length.

    Example:
        >>> find_marked_answer(r"First \boxed{41}. No: \boxed{").problem
        'the last box is empty or cut off'
    """
    completion = unify_marks(completion)
    text = completion if len(completion) <= MAX_TAIL_CHARS else completion[-MAX_TAIL_CHARS:]
    if "<" in text and _ANSWER_TAG.search(text) and (tag := find_tag(text)) is not None:
        box = _find_box(tag.text) if tag.text else None
        return tag if box is None else box._replace(origin="answer tag")
    if "\\" in completion and (box := _find_box(completion)) is not None:
        return _find_final_answer(completion) or box
    if "#" in text and (hashes := find_hashes(text)) is not None:
        return hashes
    line = _find_answer_line(text)
    return None if line is None else Extraction(line, "A:")


def _find_box(text: str) -> Extraction | None:
    """Return what the last boxes hold; None if there is no box."""
    at = text.rfind("box")
    if at < 0:
        return None
    boxed = find_last_boxed(text[max(0, at - _MAX_CHARS_BEFORE_BOX) : at + MAX_TAIL_CHARS])
    if boxed is None:
        return None
    if (box := _ANY_BOX.search(text, max(0, at - 12))) and is_denied(text, box.start()):
        return Extraction(None, "box", DENIED_BOX)
    return Extraction(boxed, "box") if boxed else Extraction(None, "box", "the last box is empty or cut off")


def _find_final_answer(text: str) -> Extraction | None:
    """Return what "final answer" announces behind the last box; None without such a phrase."""
    at = text.rfind("box")
    rest = text[at : at + MAX_TAIL_CHARS]
    if "inal" not in rest or not _FINAL_ANSWER.search(rest):
        return None
    candidates = _find_after_phrase(rest)
    return next((c for c in candidates if c.text and _words_or(c.origin, c.text) == c.origin), None)


def _find_answer_line(text: str) -> str | None:
    """Return the rest of the last line that begins with ``A:``."""
    at = text.rfind("A:")
    while at >= 0:
        if not text[text.rfind("\n", 0, at) + 1 : at].strip():
            end = text.find("\n", at)
            return text[at + 2 : end if end > 0 else len(text)].strip() or None
        at = text.rfind("A:", 0, at)
    return None


def _find_after_phrase(text: str) -> list[Extraction]:
    """Return candidates after the last phrase: a formula of its own line, the sentence, its predicate, its first expression."""
    phrase = find_phrase(text)
    if phrase is None:
        return []
    if phrase.problem:
        return [Extraction(None, "answer phrase", phrase.problem)]
    rest = text[phrase.end :].lstrip(" \t:*,").lstrip()
    for opening, closing in (("$$", "$$"), ("\\[", "\\]")):
        if rest.startswith(opening) and (stop := rest.find(closing, 2)) > 0:
            return [Extraction(rest[2:stop].strip(), "answer phrase")]
    sentence = first_sentence(rest.partition("\n")[0])
    if not sentence:
        return [Extraction(None, "answer phrase", "nothing follows the phrase")]
    if is_doubtful(Extraction(sentence, "answer phrase")):
        return _after_contrast(sentence)
    verbs = list(_VERB.finditer(sentence))
    predicate = sentence[verbs[-1].end() :].strip() if verbs else ""
    texts = [text for text in (sentence, predicate) if text]
    return [
        *(Extraction(text, "answer phrase") for text in texts),
        *_first_expression(predicate or sentence, "answer phrase"),
    ]


def _after_contrast(sentence: str) -> list[Extraction]:
    """Return the 6 of "not 5, but 6"; nothing for another sentence that doubts or denies its value."""
    contrast = _CONTRAST.search(sentence)
    if contrast and not doubt_pattern().search(sentence):
        rest = sentence[contrast.end() :]
        if not is_doubtful(Extraction(rest, "answer phrase")):
            return _first_expression(rest, "answer phrase")
    return [Extraction(None, "answer phrase", "the sentence doubts or denies its value")]


def _first_expression(text: str, origin: str) -> list[Extraction]:
    """Return the first expression of a text; none if another one is offered beside it."""
    spans = find_expressions(text[:2_000])
    if not spans:
        return [Extraction(None, origin, "no expression follows")]
    if _is_hedge(text, spans):
        return [Extraction(None, origin, "several answers are offered")]
    return [Extraction(spans[0].text, origin)]


def _is_hedge(text: str, spans: list[Span]) -> bool:
    """Return whether "or" joins two of the expressions, "between" and "and" enclose the answer, or "otherwise" tells them apart."""
    if len(spans) > 1 and "otherwise" in text:
        return True
    return any(
        right.start - left.end < 40  # noqa: PLR2004 - a few words
        and (
            _OR.match(text, left.end)
            or (_RANGE_START.search(text, 0, left.start) and _RANGE_MIDDLE.match(text, left.end))
        )
        for left, right in pairwise(spans)
    )


def _find_unmarked(text: str) -> Iterator[Extraction]:
    """Yield candidates of a text without marks: all of it if it is short, else the last expression of its last sentences."""
    if not text:
        yield Extraction(None, "whole text", "an empty answer")
        return
    is_short = len(text) <= _MAX_BARE_ANSWER_CHARS
    for sentence in _sentences_backwards(text[-2_000:]):
        sentence = drop_contrast(sentence)  # noqa: PLW2901 - "3, not 4"
        if doubts_or_denies(sentence):
            yield Extraction(None, "last sentence", "the sentence doubts or denies its value")
            return
        spans = find_expressions(sentence)
        if not spans:
            continue
        is_hedge = _is_hedge(sentence, spans)
        if is_short:
            yield Extraction(text, _words_or("whole text", text, spans if sentence == text else None))
        elif is_hedge:
            yield Extraction(None, "last sentence", "several answers are offered")
        if is_hedge and (joined := _join_answers(sentence, spans)):
            yield Extraction(joined, "last sentence")
        if not is_hedge:
            yield from _find_in_sentence(sentence, spans, is_whole=sentence == text)
        return
    if is_short:
        yield Extraction(text, _words_or("whole text", text))
    else:
        yield Extraction(None, "last sentence", "no expression")


def _join_answers(sentence: str, spans: list[Span]) -> str:
    """Return the expressions of "x = 2 or x = 3" as one list, if nothing but conjunctions is between and after them."""
    gaps = [sentence[left.end : right.start] for left, right in pairwise(spans)]
    if (
        _RANGE_START.search(sentence, 0, spans[0].start)
        or not all(map(_JOINT.fullmatch, gaps))
        or _STOP.fullmatch(sentence, spans[-1].end) is None
    ):
        return ""
    return " or ".join(span.text for span in spans)


def _find_in_sentence(sentence: str, spans: list[Span], *, is_whole: bool) -> Iterator[Extraction]:
    """Yield a sentence, unless it is the whole text, its predicate and the last expression of its main clause."""
    subordinate = _SUBORDINATE.search(sentence, max(spans[0].end, len(sentence) - _MAX_SUBORDINATE_CHARS))
    has_value = subordinate is not None and _STATES_VALUE.search(sentence, subordinate.end())
    main = sentence[: subordinate.start()] if subordinate and not has_value else sentence  # "after giving 2 away"
    if not is_whole:
        yield Extraction(sentence, _words_or("last sentence", sentence, spans))
    verbs = list(_VERB.finditer(main))
    predicate = main[verbs[-1].end() if verbs else 0 :].strip().rstrip(".")
    yield Extraction(predicate, _words_or("last sentence", predicate, spans if predicate == sentence else None))
    last = [span for span in spans if span.end <= len(main)][-1]
    yield Extraction(last.text, "last expression")


def _sentences_backwards(text: str) -> Iterator[str]:
    """Yield the sentences of a text, the last one first."""
    while text := text.strip():
        sentence = last_sentence(text)
        yield sentence
        text = text[: len(text) - len(sentence)] if text.endswith(sentence) and sentence else ""


def _words_or(origin: str, text: str, spans: list[Span] | None = None) -> str:
    """Return the origin of a text, or ``"words"`` if it has more words than an expression with its unit."""
    word = _ASCII_WORD if text.isascii() else _WORD
    may_be_long = len(text) > _MAX_PLAIN_WORDS * 3  # two letters a word, and what is between words
    if may_be_long and not _HIDES_WORDS.search(text) and len(word.findall(text)) > _MAX_PLAIN_WORDS:
        return "words"  # without a search for expressions
    spans = find_expressions(text) if spans is None else spans
    rest = text
    for span in reversed(spans):
        rest = rest[: span.start] + " " + rest[span.end :]
    words = [match for match in word.finditer(rest) if match[0].lower() not in _CONNECTORS]
    is_expression = spans and len(words) <= _MAX_UNIT_WORDS and not (words and words[0].start() < spans[0].start)
    return origin if is_expression else "words"
