"""Rewrite a worked solution so that a small model can judge it: numbers become references, equations get a verdict.

Every number of the prompt gets a slot; every number of the completion is then written as *where it comes from* (a slot,
an earlier result, nowhere) instead of its digits, and every equation is followed by whether it holds. What remains for
the model is whether these are the right steps for this story.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from herokit_onnx.annotation_tokens import MARK, PRIVATE, SLOTS
from herokit_onnx.equations import NUMBER, Equation, check, plain, split

_VALUES = {
    (0.5, 2.0): "half halves",
    (1 / 3, 3.0): "third thirds",
    (0.25, 4.0): "quarter quarters",
    (0.2, 5.0): "fifth",
    (2.0,): "two twice double doubled couple pair pairs",
    (3.0,): "three triple thrice",
    (12.0,): "twelve dozen dozens",
    (1.0,): "one", (4.0,): "four", (5.0,): "five", (6.0,): "six", (7.0,): "seven", (8.0,): "eight", (9.0,): "nine",
    (10.0,): "ten", (11.0,): "eleven", (15.0,): "fifteen", (20.0,): "twenty", (30.0,): "thirty", (40.0,): "forty",
    (50.0,): "fifty", (100.0,): "hundred", (1000.0,): "thousand",
}  # fmt: skip
_WORDS = {word: values for values, words in _VALUES.items() for word in words.split()}
_FILLING = """the a an is are was were be been of to that this it its s in on at and has have had he she they his her
their there will would can do does did so"""
_FILLER = frozenset(_FILLING.split())
"""Words that carry no arithmetic: a third of all tokens."""
_WORD_OR_NUMBER = re.compile(rf"{NUMBER.pattern}|[a-z]+|[%/\n]")
_ANSWER = re.compile(r"####|\ba:|answer(?:\s+is)?:?", re.IGNORECASE)
_STOP = re.compile(r"[\d\n-]")
_AFTER = re.compile(rf"-?{NUMBER.pattern}")  # so the model was trained: -.5 is no answer
_SIGNED = re.compile(rf"-?(?:{NUMBER.pattern})")


def _key(value: float) -> float:
    return round(value, 2) if abs(value) >= 1 else round(value, 3)


@dataclass(frozen=True, slots=True)
class Story:
    """A prompt, read once: its rewritten text and where each value may be looked up."""

    text: str
    slots: dict[float, tuple[int, ...]]
    derived: dict[float, int]
    count: int


@lru_cache(maxsize=8192)
def read(prompt: str) -> Story:
    """Give every number of a prompt a slot, words such as ``half`` and ``dozen`` included.

    Example:
        >>> read("Half of 20% of 8 eggs").slots[8.0]
        (2,)
    """
    text = plain(prompt.translate(PRIVATE)).lower()
    out: list[str] = []
    slots: dict[float, tuple[int, ...]] = {}
    derived: dict[float, int] = {}
    count = 0
    for match in _WORD_OR_NUMBER.finditer(text):
        token = match[0]
        values = _WORDS.get(token) or ((float(token),) if _SIGNED.fullmatch(token) else ())
        if values:
            slot = min(count, SLOTS - 1)
            if text.startswith(("%", " percent"), match.end()):
                values = (*values, values[0] / 100)
                derived |= {_key(f * (1 + s * values[0] / 100)): slot for f in (1.0, 100.0) for s in (-1, 1)}
            for value in values:
                slots[_key(value)] = (*slots.get(_key(value), ()), slot)
            out.append(MARK[f"n{slot}"])
            count += 1
        if token not in _FILLER and token != "\n":  # noqa: S105 - a word, not a password
            out.append(token)
    return Story(" ".join(out), slots, derived, count)


@dataclass(slots=True)
class _Reader:
    """What has been seen so far in one completion."""

    story: Story
    used: set[int] = field(default_factory=set)
    results: list[float] = field(default_factory=list)
    fresh: set[int] = field(default_factory=set)
    latest: dict[float, int] = field(default_factory=dict)
    waiting: dict[float, list[int]] = field(default_factory=dict)
    """The last result of a value, and those of it that are fresh: looked up, for there may be thousands."""

    def refer(self, number: str, *, use: bool) -> list[str]:
        """Write one number as where it comes from."""
        value = abs(float(number))
        key = _key(value)
        slots = self.story.slots.get(key, ())
        waiting = self.waiting.get(key)
        i = (waiting[-1] if waiting else None) if slots else self.latest.get(key)
        if i is not None:
            if use and i in self.fresh:
                self.fresh.remove(i)
                self.waiting[key].pop()
            return [MARK[f"r{min(i, SLOTS - 1)}"]]
        if slots:
            slot = next((s for s in slots if s not in self.used), slots[0])
            self.used.add(slot)
            return [MARK[f"n{slot}"]]
        if key in self.story.derived:
            self.used.add(self.story.derived[key])
            return [MARK["derived"], MARK[f"n{self.story.derived[key]}"]]
        return [MARK["foreign"], f"{value:.3g}"]

    def equation(self, equation: Equation) -> Iterator[str]:
        """Write an equation as references, a verdict and a new result."""
        for token in equation.tokens:
            yield from self.refer(token, use=True) if token[0].isdigit() or token[0] == "." else (token,)
        yield MARK[check(equation)]
        if not equation.shown:
            yield MARK["mismatch"]
        try:
            value = float(equation.right)
        except ValueError:
            return
        yield from (MARK[kind] for kind in _kinds(value))
        place, key = len(self.results), _key(abs(value))
        yield MARK[f"r{min(place, SLOTS - 1)}"]
        self.results.append(abs(value))
        self.fresh.add(place)
        self.latest[key] = place
        self.waiting.setdefault(key, []).append(place)

    def summary(self, answer: str | None) -> Iterator[str]:
        """Write the final answer, then what was left unused."""
        yield MARK["final"]
        if answer is None:
            yield MARK["nowhere"]
        else:
            yield from (MARK[kind] for kind in _kinds(float(answer)))
            if self.results and _key(abs(float(answer))) == _key(self.results[-1]):
                yield MARK["last"]
            reference = self.refer(answer, use=True)
            yield from reference if reference[0] != MARK["foreign"] else [MARK["nowhere"]]
        unused = [i for i in range(min(self.story.count, SLOTS)) if i not in self.used]
        yield from (MARK["unused"], *(MARK[f"n{i}"] for i in unused), MARK["dangling"])
        yield from (MARK[f"r{min(i, SLOTS - 1)}"] for i in sorted(self.fresh))


def _kinds(value: float) -> Iterator[str]:
    if value % 1 != 0:
        yield "fraction"
    if value < 0:
        yield "negative"


def _last_answer(text: str) -> str | None:
    """Return the number after the last mark of an answer that has one on its line, before any other sign."""
    found, number, stop = None, None, -1
    for mark in _ANSWER.finditer(text):
        if mark.end() > stop:  # else the marks before it have looked as far: a hostile completion costs linear time
            met = _STOP.search(text, mark.end())
            stop = met.start() if met else len(text)
            number = _AFTER.match(text, stop)
        found = number[0] if number else found
    return found


def annotate(prompt: str, completion: str) -> str:
    """Rewrite prompt and completion into the embedded model's input; deterministic, any text, never raises.

    Args:
        prompt: the problem.
        completion: the solution, with or without ``<<a*b=c>>`` marks, plain or LaTeX.

    Example:
        >>> from herokit_onnx.annotation_tokens import MARK
        >>> MARK["bad"] in annotate("Tom has 2 and 3 pens.", "2 + 3 = 6"), MARK["bad"] in annotate("", MARK["bad"])
        (True, False)
    """
    story = read(prompt)
    text = plain(completion.translate(PRIVATE))
    answer = _last_answer(text)
    reader = _Reader(story)
    out = [story.text, MARK["sep"]]
    numbers: list[str] = []
    for piece in split(text):
        if isinstance(piece, Equation):
            out += reader.equation(piece)
            numbers.append(piece.right)
            continue
        for match in _WORD_OR_NUMBER.finditer(piece.lower()):
            token = match[0]
            if _SIGNED.fullmatch(token):
                out += reader.refer(token, use=False)
                numbers.append(token)
            elif token == "\n":  # noqa: S105 - a word, not a password
                out.append(MARK["step"])
            elif token not in _FILLER:
                out.append(token)
    out += reader.summary(answer or next((n for n in reversed(numbers) if _SIGNED.fullmatch(n)), None))
    out.append(MARK["end"])
    return " ".join(out)
