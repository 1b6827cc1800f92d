r"""Where an answer is: the one order of precedence, for completions and references alike.

`read_answer` gives a verifier the answer of a sample. The order: the last ``<answer>`` tag, the last ``\boxed{}`` (unless
"final answer" follows it), the last ``####``, the last phrase that announces an answer in one of many languages, and without
any of them the whole text if it is one line, else its last line, else its last sentence. A last tag, box or ``####`` that is
empty or cut off means that nothing was answered. Every pattern takes time linear in its input.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from herokit.conversations import FinalText
from herokit.types import Sample, Verdict
from herokit.verifiers.base import unparsed
from herokit.verifiers.languages import (
    ANOTHER_CLAUSE,
    CONDITION,
    MAX_PREDICATE_CHARS,
    QUESTION,
    REPLACEMENT,
    RETRACTION,
    courtesy_pattern,
    denial_pattern,
    doubt_pattern,
    ending_pattern,
    may_announce,
    may_doubt_or_deny,
    phrase_pattern,
    wrong_pattern,
)
from herokit.verifiers.marks import drop_courtesies, unify_marks
from herokit.verifiers.text import first_sentence, last_line, last_sentence

__all__ = [
    "DENIED_BOX",
    "MAX_ANSWER_CHARS",
    "UNMARKED",
    "ExtractMode",
    "Extraction",
    "Phrase",
    "View",
    "after_phrase",
    "doubts_or_denies",
    "drop_contrast",
    "find_answers",
    "find_box",
    "find_final_answer",
    "find_hashes",
    "find_phrase",
    "find_tag",
    "is_denied",
    "is_doubtful",
    "read_answer",
    "unanswered",
    "view_text",
]

ExtractMode: TypeAlias = Literal["answer", "whole", "line", "tag", "boxed"]
"""Where the answer is. ``"answer"``: in the last ``<answer>`` tag, else in the last ``\\boxed{}``, else after the last
``####``, else after the last "the answer is" in any of many languages, else the whole text if it is one line, else its last
line. ``"whole"``: the whole text. ``"line"``: its last line. ``"tag"``, ``"boxed"``: only in that mark; without the mark there
is no answer."""

View: TypeAlias = Literal["final", "completion"]
"""What of a sample is read. ``"final"``: the policy's last message without its thinking; ``"completion"``: everything the
policy wrote, thinking included."""

_VALUE = re.compile(r"\d[\d.,/]*|\\[a-zA-Z]+|\b[A-Z]\b")
_ADVERB = re.compile(r"^\w{1,20}ly\s")
_DENIED_VALUE = re.compile(r"\s{0,3}(?:equal to |be )?[$*\\(+-]{0,3}(?:\d|[A-Z]\b|\\(?:[dt]?frac|sqrt|pi)\b)")
_CONTRAST = re.compile(
    r",(?<=[\w$)}%],)\s(?:and )?not (?:the |about )?(?:\$[^$]{1,40}\$|[*\\(+$-]{0,3}\d[^,$]{0,20})[^,\d$]{0,20}$"
)
_SENTENCE_END = re.compile(r"[.!?](?=\s)|[\u3002\uff01\uff1f]")
_ANNOUNCED = re.compile(
    r"[\s$*({\[]*(?=[-+\d\\]|[A-Z](?:\w*\s[A-Z])*\w*\W*(?:[,;\uff0c\uff1b]|$|\s(?:if|when|or|and)\b))([^\s,;\uff0c\uff1b]{1,60})"
)  # a value, or a name before a comma
_CLOSING = ".:$*)}]\u3002"
_TAG = re.compile(r"</?answer>", re.IGNORECASE)
_MAX_WORDS_DENIED = 2  # words between a denial and the value that it denies

UNMARKED = ("whole text", "last line", "last sentence")
"""Origins of an answer that the policy has not marked; in a conversation the place of the text follows the origin."""

_SENTENCES = (*UNMARKED, "answer phrase")

MAX_ANSWER_CHARS = 20_000
"""Characters, from the end of a text, in which an answer is looked for."""

T = TypeVar("T")


class Extraction(NamedTuple):
    """A candidate for the answer.

    Attributes:
        text: the answer, stripped; None if nothing was answered.
        origin: where it was found, in words, for the verdict.
        problem: why there is none; ``""`` if there is one.
    """

    text: str | None
    origin: str
    problem: str = ""


def view_text(sample: Sample, view: View) -> FinalText:
    """Return the text of a sample that a verifier reads.

    Example:
        >>> sample = Sample("6 * 7?", "<think>40?</think>It is 42.", group=0)
        >>> view_text(sample, "final").text, view_text(sample, "completion").text
        ('It is 42.', '<think>40?</think>It is 42.')
    """
    return sample.final if view == "final" else FinalText(sample.completion_text)


def read_answer(
    sample: Sample,
    read: Callable[[str], T | None],
    *,
    extract: ExtractMode = "answer",
    view: View = "final",
    is_value: bool = False,
) -> tuple[T | None, Extraction]:
    """Return the answer of a sample as a value, and where it was found.

    Args:
        sample: the sample.
        read: turns the text of a candidate into a value; None if it is not of the wanted kind.
        extract: where the answer is.
        view: what of the sample is read.
        is_value: the answer is a value, so that a sentence that doubts or denies it ("not 5", "perhaps 5") is no answer.

    Returns:
        The value of the first candidate that `read` can read, and that candidate; None and the first candidate if it can
        read none. An earlier box or tag is never a candidate: a policy would be paid for its second best guess.

    Example:
        >>> read_answer(Sample("6 * 7?", "The answer is 42.", group=0), lambda text: int(text))
        (42, Extraction(text='42', origin='answer phrase', problem=''))
    """
    final = view_text(sample, view)
    if final.problem:
        return None, Extraction(None, final.origin, final.problem)
    candidates = find_answers(final.text, extract)
    if is_value and extract == "answer":
        candidates = [
            c._replace(text=drop_contrast(c.text)) if c.text and c.origin in _SENTENCES else c for c in candidates
        ]
    if is_value and (_is_denied_mark(candidates[0]) or (extract == "answer" and is_doubtful(candidates[-1]))):
        return None, _place(Extraction(None, candidates[-1].origin, "the sentence doubts or denies its value"), final)
    for candidate in candidates:
        if candidate.text is not None and (value := read(candidate.text)) is not None:
            return value, _place(candidate, final)
    return None, _place(candidates[0], final)


def unanswered(extraction: Extraction, reason: str) -> Verdict:
    """Return the verdict where no answer could be read: 0, UNPARSED, with the problem or else the reason of the verifier.

    Example:
        >>> unanswered(Extraction(None, "box", "the last box is empty"), "not one number").reason
        'the last box is empty'
    """
    return unparsed(extraction.problem or reason, extraction.text, extraction.origin)


def _place(candidate: Extraction, final: FinalText) -> Extraction:
    if final.origin == "completion":
        return candidate
    return candidate._replace(origin=f"{candidate.origin}, {final.origin}")


def find_answers(text: str, extract: ExtractMode = "answer") -> list[Extraction]:
    r"""Return the candidates for the final answer of a text, best first; at least one, without a text if there is none.

    Args:
        text: what the policy wrote, without its thinking; hostile, of any length.
        extract: where the answer is.

    Example:
        >>> find_answers("Six times seven.\nThe answer is **42**.")[0]
        Extraction(text='**42**', origin='answer phrase', problem='')
        >>> find_answers(r"First \boxed{41}. No: \boxed{")[0].problem
        'the last box is cut off'
    """
    if extract == "whole":
        return [_candidate(text, "whole text", "an empty answer")]
    text = unify_marks(text)
    end = text[-MAX_ANSWER_CHARS:]
    if extract == "line":
        return [_candidate(last_line(end), "last line", "an empty answer")]
    if extract != "answer":
        mark = "answer tag" if extract == "tag" else "box"
        extraction = find_tag(end) if extract == "tag" else find_box(end)
        return [extraction or Extraction(None, mark, f"no {mark}")]
    candidates: list[Extraction] = []
    for find in (find_tag, find_final_answer, find_box, find_hashes):
        if (extraction := find(end)) is not None:
            candidates.append(extraction)
            if extraction.text is None:
                return candidates
    candidates += after_phrase(end)
    return candidates or _unmarked(text, end)


def _candidate(text: str, origin: str, problem: str) -> Extraction:
    text = text.strip()
    return Extraction(text, origin) if text else Extraction(None, origin, problem)


def _unmarked(text: str, end: str) -> list[Extraction]:
    """Return the candidates of a text without any mark of an answer."""
    sentence = last_sentence(end)
    if courtesy_pattern().match(sentence):
        text, end = drop_courtesies(text), drop_courtesies(end)
        sentence = last_sentence(end)
    whole = text.strip()
    texts = (whole, "whole text") if "\n" not in whole else (last_line(end), "last line")
    first = _candidate(*texts, "an empty answer")
    return [first] if sentence == first.text else [first, _candidate(sentence, "last sentence", "an empty answer")]


def is_doubtful(extraction: Extraction) -> bool:
    """Return whether the sentence of a candidate doubts or denies the value in it.

    Example:
        >>> texts = ("I do not know; it might be 12.", "It is surely not 42.", "It is 42.", "The answer is not 5.")
        >>> [is_doubtful(find_answers(text)[-1]) for text in texts]
        [True, True, False, True]
    """
    if extraction.text is None or extraction.origin not in _SENTENCES:
        return False
    if extraction.origin in UNMARKED:
        return doubts_or_denies(last_sentence(extraction.text))
    sentence = first_sentence(extraction.text).lstrip("*_ ")
    denial = denial_pattern().match(sentence)
    if denial is None and (adverb := _ADVERB.match(sentence)):
        denial = denial_pattern().match(sentence, adverb.end())
    denies = denial is not None and _DENIED_VALUE.match(sentence, denial.end()) is not None
    return denies or _is_unsure(sentence)


def _is_unsure(sentence: str) -> bool:
    if doubt_pattern().search(sentence) or QUESTION.search(sentence):
        return True
    return wrong_pattern().search(sentence, max(0, len(sentence) - MAX_PREDICATE_CHARS)) is not None


def _is_denied_mark(extraction: Extraction) -> bool:
    r"""Return whether a box, a tag or what follows ``####`` denies the value in it: ``\boxed{not 5}``."""
    if extraction.text is None or extraction.origin in _SENTENCES:
        return False
    denial = denial_pattern().match(extraction.text.removeprefix("\\text{"))
    return denial is not None and doubts_or_denies(extraction.text)


def doubts_or_denies(sentence: str) -> bool:
    """Return whether a sentence doubts what it says, or denies its last value.

    Example:
        >>> doubts_or_denies("It is not 42."), doubts_or_denies("It is not 41, it is 42.")
        (True, False)
        >>> doubts_or_denies("The number of balls that are not red is 5.")
        False
    """
    sentence = sentence[-1_000:]
    if not may_doubt_or_deny(sentence):
        return QUESTION.search(sentence) is not None
    denials = list(denial_pattern().finditer(sentence))
    values = list(_VALUE.finditer(sentence, denials[-1].end())) if denials else []
    words = sentence[denials[-1].end() : values[0].start()] if values else ""
    denies = len(values) == 1 and not ANOTHER_CLAUSE.search(words) and len(words.split()) <= _MAX_WORDS_DENIED
    return denies or _is_unsure(sentence)


def drop_contrast(sentence: str) -> str:
    """Return a sentence without the value at its end that it says not to be the answer.

    Example:
        >>> drop_contrast("It is 3 cm, not 4 cm."), drop_contrast("It is 3, not sure.")
        ('It is 3 cm', 'It is 3, not sure.')
    """
    contrast = _CONTRAST.search(sentence.rstrip(" .")) if ", " in sentence else None
    return sentence[: contrast.start()] if contrast else sentence


def find_tag(text: str) -> Extraction | None:
    """Return what the last ``<answer>`` tag holds, or the box or phrase in it; None if there is no tag.

    Example:
        >>> find_tag("<answer>4</answer> or <answer> 5 </answer>").text
        '5'
    """
    if "<ANSWER>" in text or "<Answer>" in text:
        text = _TAG.sub(lambda match: match[0].lower(), text)
    start = text.rfind("<answer>")
    if start < 0:
        return None
    inside, closing, _ = text[start + len("<answer>") :].partition("</answer>")
    if not closing:
        return Extraction(None, "answer tag", "the last answer tag is cut off")
    inner = find_box(inside) or next(iter(after_phrase(inside)), None)
    if inner is not None and inner.text is not None:
        return Extraction(inner.text, "answer tag")
    return _candidate(inside, "answer tag", "the last answer tag is empty")


def find_box(text: str) -> Extraction | None:
    r"""Return what the last ``\boxed{}`` or ``\fbox{}`` holds; None if there is no box.

    Example:
        >>> find_box(r"So \boxed{\frac{1}{2}}.").text
        '\\frac{1}{2}'
    """
    mark = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    if mark < 0:
        return None
    if is_denied(text, mark):
        return Extraction(None, "box", DENIED_BOX)
    start = text.index("{", mark) + 1
    depth = 1
    for end in range(start, len(text)):
        depth += (text[end] == "{") - (text[end] == "}")
        if depth == 0:
            return _candidate(text[start:end], "box", "the last box is empty")
    return Extraction(None, "box", "the last box is cut off")


DENIED_BOX = "the sentence denies the last box"


def is_denied(text: str, start: int) -> bool:
    r"""Return whether the word before a box or a verb of choosing denies it.

    Args:
        text: the text.
        start: where the box or the verb begins.

    Example:
        >>> is_denied(r"It is not $\boxed{5}$.", 11), is_denied(r"It is $\boxed{5}$.", 7)
        (True, False)
    """
    word = text[max(0, start - 30) : start].rstrip(" $*([{").rpartition(" ")[2]
    return bool(word) and _is_denial(word)


@lru_cache(maxsize=1_024)  # the word is nearly always "is" or "is:"
def _is_denial(word: str) -> bool:
    return denial_pattern().fullmatch(word) is not None


def find_final_answer(text: str) -> Extraction | None:
    r"""Return what a phrase "final answer" announces behind the last box: the box held a step; None without such a phrase.

    Example:
        >>> find_final_answer(r"We get \boxed{255}. Final answer: 10455.").text
        '10455'
    """
    box = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    if box < 0 or "inal answer" not in text[box:].replace("A", "a"):
        return None
    phrase = next(iter(after_phrase(text[box:])), None)
    return phrase if phrase is not None and phrase.text is not None else None


def find_hashes(text: str) -> Extraction | None:
    r"""Return what follows the last ``####`` on its line; None if there is none.

    Example:
        >>> find_hashes("6 * 7 = 42\n#### 42").text
        '42'
    """
    mark = text.rfind("####")
    if mark < 0:
        return None
    line = text[mark + 4 :].strip().partition("\n")[0].strip()
    phrases = after_phrase(line) if line else []
    return phrases[0] if phrases else _candidate(line, "####", "nothing follows the last ####")


class Phrase(NamedTuple):
    """Where an announced answer begins.

    Attributes:
        end: the position behind the phrase.
        problem: why the phrase announces nothing: its sentence asks, denies, assumes or announces another answer; ``""`` otherwise.
    """

    end: int
    problem: str = ""


def find_phrase(text: str) -> Phrase | None:
    """Return the last phrase that announces an answer; None without one. A word that takes it back begins a new answer.

    Example:
        >>> find_phrase("So the answer is 4."), find_phrase("The answer is 4. Wait, it is 5.")
        (Phrase(end=17, problem=''), Phrase(end=21, problem=''))
        >>> find_phrase("If the answer is 4, then we are done.").problem
        'the sentence with the answer asks, assumes or denies it'
    """
    if not may_announce(text):
        return None
    matches = list(phrase_pattern().finditer(text)) or list(phrase_pattern(weak=True).finditer(text))
    if not matches:
        return None
    start, end = matches[-1].span()
    before = max(text.rfind("\n", 0, start) + 1, start - 200)
    before = max((mark.end() for mark in _SENTENCE_END.finditer(text, before, start)), default=before)
    if CONDITION.search(text[before:start].strip(" *_>")):
        return Phrase(end, "the sentence with the answer asks, assumes or denies it")
    if len(matches) > 1 and matches[-2].start() >= before and _differ(text, matches[-2].end(), start, end):
        return Phrase(end, "the sentence announces several answers")
    retraction = RETRACTION.search(text, end)
    return Phrase(retraction.end() if retraction else end)


def _differ(text: str, one: int, one_end: int, two: int) -> bool:
    """Return whether two answers announced in one sentence differ, and no word says that the second one replaces the first.

    Args:
        text: the text.
        one: where the first answer begins.
        one_end: where it ends at the latest.
        two: where the second answer begins.
    """
    first, second = _ANNOUNCED.match(text, one, one_end), _ANNOUNCED.match(text, two, two + 100)
    if first is None or second is None or REPLACEMENT.search(text, one, one_end):
        return False
    return first[1].rstrip(_CLOSING) != second[1].rstrip(_CLOSING)


def after_phrase(text: str) -> list[Extraction]:
    """Return what follows the last phrase that announces an answer: the sentence, then the line; none without a phrase.

    Example:
        >>> [extraction.text for extraction in after_phrase("Die Antwort ist 12. Das war leicht.")]
        ['12', '12. Das war leicht.']
    """
    phrase = find_phrase(text)
    if phrase is None:
        return []
    if phrase.problem:
        return [Extraction(None, "answer phrase", phrase.problem)]
    line = text[phrase.end :].lstrip(" \t:,}").lstrip("\n").partition("\n")[0].strip()
    if line.endswith("}") and line.count("}") > line.count("{"):  # the end of \text{The answer is 4}
        line = line[:-1]
    if line.count("**") % 2:  # the other half of the emphasis is before the phrase, or after it on another line
        line = line[2:] if line.startswith("**") else line.removesuffix("**").removesuffix("**.")
    sentence = ending_pattern().sub("", first_sentence(line))
    extraction = _candidate(sentence, "answer phrase", "nothing follows the phrase")
    return (
        [extraction]
        if sentence == line.strip()
        else [extraction, _candidate(line, "answer phrase", "nothing follows the phrase")]
    )
