"""Rewrite a solution so that a small model can judge it: numbers become references, equations get a verdict.

Every number of the prompt gets a slot. A number of the completion is then written as *where it comes from* (a slot, an
earlier result, nowhere) instead of its digits, and every equation is followed by whether it holds. The model has left to
judge whether these are the right steps for this problem.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from herokit_onnx.equations import NUMBER, Equation, check_equation, normalize_notation, split_equations

__all__ = ["NUM_SLOTS", "TOKENS", "TOKEN_NAMES", "PromptNumbers", "annotate", "read_prompt"]

NUM_SLOTS = 12
"""How many numbers of a prompt, and how many results of a completion, have a token of their own; the rest share the last."""

TOKEN_NAMES = (
    "pad",
    "sep",  # end of the prompt
    "step",  # a line break of the completion
    "end",  # the position whose score counts
    "ok",  # the equation holds
    "rounded",  # it holds after rounding
    "bad",  # it does not hold
    "mismatch",  # the number written after <<...>> is not the one inside
    "fraction",  # the result is not an integer
    "negative",
    "foreign",  # a number found neither in the prompt nor among earlier results; its digits follow
    "derived",  # 0.8, 1.2, 80 or 120 where the prompt says 20 %
    "final",  # the final answer follows
    "last",  # it is the last result
    "nowhere",  # it is neither a result nor a number of the prompt
    "unused",  # numbers of the prompt that the completion never uses follow
    "dangling",  # results that are neither used nor the answer follow
    *(f"n{i}" for i in range(NUM_SLOTS)),  # the i-th number of the prompt
    *(f"r{i}" for i in range(NUM_SLOTS)),  # the i-th result of the completion
)

TOKENS = {name: chr(0xE000 + i) for i, name in enumerate(TOKEN_NAMES)}
"""Name -> annotation token, a private-use character; its id in the embedded tokenizer is its position in `TOKEN_NAMES`."""

_DELETE_PRIVATE = dict.fromkeys(range(0xE000, 0xF900))
"""A `str.translate` table that deletes private-use characters from the input: a policy cannot write annotation tokens."""

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
"""Words without arithmetic meaning: a third of all words."""
_WORD_OR_NUMBER = re.compile(rf"{NUMBER.pattern}|[a-z]+|[%/\n]")
_ANSWER = re.compile(r"####|\ba:|answer(?:\s+is)?:?", re.IGNORECASE)
_ANSWER_STOP = re.compile(r"[\d\n-]")
_ANSWER_NUMBER = re.compile(rf"-?{NUMBER.pattern}")  # as in training: -.5 is not read as an answer
_SIGNED = re.compile(rf"-?(?:{NUMBER.pattern})")


def _rounded(value: float) -> float:
    return round(value, 2) if abs(value) >= 1 else round(value, 3)


@dataclass(frozen=True, slots=True)
class PromptNumbers:
    """The numbers of a prompt.

    Attributes:
        text: the rewritten prompt.
        slots: value -> the slots that hold it.
        derived: value -> the slot of the percentage from which it follows.
        count: how many numbers the prompt has.
    """

    text: str
    slots: dict[float, tuple[int, ...]]
    derived: dict[float, int]
    count: int


@lru_cache(maxsize=8192)
def read_prompt(prompt: str) -> PromptNumbers:
    """Give every number of a prompt a slot, including words such as ``half`` and ``dozen``.

    Example:
        >>> read_prompt("Half of 20% of 8 eggs").slots[8.0]
        (2,)
    """
    text = normalize_notation(prompt.translate(_DELETE_PRIVATE)).lower()
    out: list[str] = []
    slots: dict[float, tuple[int, ...]] = {}
    derived: dict[float, int] = {}
    count = 0
    for match in _WORD_OR_NUMBER.finditer(text):
        token = match[0]
        values = _WORDS.get(token) or ((float(token),) if _SIGNED.fullmatch(token) else ())
        if values:
            slot = min(count, NUM_SLOTS - 1)
            if text.startswith(("%", " percent"), match.end()):
                values = (*values, values[0] / 100)
                derived |= {_rounded(f * (1 + s * values[0] / 100)): slot for f in (1.0, 100.0) for s in (-1, 1)}
            for value in values:
                slots[_rounded(value)] = (*slots.get(_rounded(value), ()), slot)
            out.append(TOKENS[f"n{slot}"])
            count += 1
        if token not in _FILLER and token != "\n":  # noqa: S105 - a word, not a password
            out.append(token)
    return PromptNumbers(" ".join(out), slots, derived, count)


@dataclass(slots=True)
class _Annotator:
    """Rewrites one completion.

    Attributes:
        prompt: the numbers of its prompt.
        used: slots of the prompt that the completion has used.
        results: values of the equations so far.
        unused_results: positions in `results` that no later equation has used.
        last_result: value -> its last position in `results`.
        unused_by_value: value -> its positions in `unused_results`; a lookup, because there may be thousands.
    """

    prompt: PromptNumbers
    used: set[int] = field(default_factory=set)
    results: list[float] = field(default_factory=list)
    unused_results: set[int] = field(default_factory=set)
    last_result: dict[float, int] = field(default_factory=dict)
    unused_by_value: dict[float, list[int]] = field(default_factory=dict)

    def reference(self, number: str, *, use: bool) -> list[str]:
        """Write one number as a reference to where it comes from; with `use`, a result counts as used."""
        value = abs(float(number))
        key = _rounded(value)
        slots = self.prompt.slots.get(key, ())
        unused = self.unused_by_value.get(key)
        i = (unused[-1] if unused else None) if slots else self.last_result.get(key)
        if i is not None:
            if use and i in self.unused_results:
                self.unused_results.remove(i)
                self.unused_by_value[key].pop()
            return [TOKENS[f"r{min(i, NUM_SLOTS - 1)}"]]
        if slots:
            slot = next((s for s in slots if s not in self.used), slots[0])
            self.used.add(slot)
            return [TOKENS[f"n{slot}"]]
        if key in self.prompt.derived:
            self.used.add(self.prompt.derived[key])
            return [TOKENS["derived"], TOKENS[f"n{self.prompt.derived[key]}"]]
        return [TOKENS["foreign"], f"{value:.3g}"]

    def equation(self, equation: Equation) -> Iterator[str]:
        """Write an equation as references, a verdict and a new result."""
        for token in equation.tokens:
            yield from self.reference(token, use=True) if token[0].isdigit() or token[0] == "." else (token,)
        yield TOKENS[check_equation(equation)]
        if not equation.is_displayed:
            yield TOKENS["mismatch"]
        try:
            value = float(equation.right)
        except ValueError:
            return
        yield from (TOKENS[kind] for kind in _kinds(value))
        position, key = len(self.results), _rounded(abs(value))
        yield TOKENS[f"r{min(position, NUM_SLOTS - 1)}"]
        self.results.append(abs(value))
        self.unused_results.add(position)
        self.last_result[key] = position
        self.unused_by_value.setdefault(key, []).append(position)

    def summary(self, answer: str | None) -> Iterator[str]:
        """Write the final answer, then what the completion never used."""
        yield TOKENS["final"]
        if answer is None:
            yield TOKENS["nowhere"]
        else:
            yield from (TOKENS[kind] for kind in _kinds(float(answer)))
            if self.results and _rounded(abs(float(answer))) == _rounded(self.results[-1]):
                yield TOKENS["last"]
            reference = self.reference(answer, use=True)
            yield from reference if reference[0] != TOKENS["foreign"] else [TOKENS["nowhere"]]
        unused = [i for i in range(min(self.prompt.count, NUM_SLOTS)) if i not in self.used]
        yield from (TOKENS["unused"], *(TOKENS[f"n{i}"] for i in unused), TOKENS["dangling"])
        yield from (TOKENS[f"r{min(i, NUM_SLOTS - 1)}"] for i in sorted(self.unused_results))


def _kinds(value: float) -> Iterator[str]:
    if value % 1 != 0:
        yield "fraction"
    if value < 0:
        yield "negative"


def _last_answer(text: str) -> str | None:
    """Return the number that follows the last answer marker which has one on its line, before any other sign."""
    answer, number, stop = None, None, -1
    for marker in _ANSWER.finditer(text):
        if marker.end() > stop:  # earlier markers have searched up to `stop`: a hostile completion costs linear time
            match = _ANSWER_STOP.search(text, marker.end())
            stop = match.start() if match else len(text)
            number = _ANSWER_NUMBER.match(text, stop)
        answer = number[0] if number else answer
    return answer


def annotate(prompt: str, completion: str) -> str:
    """Rewrite prompt and completion into the embedded model's input; deterministic, any text, never raises.

    Args:
        prompt: the problem.
        completion: the solution, with or without ``<<a*b=c>>`` marks, plain or LaTeX.

    Example:
        >>> TOKENS["bad"] in annotate("Tom has 2 and 3 pens.", "2 + 3 = 6"), TOKENS["bad"] in annotate("", TOKENS["bad"])
        (True, False)
    """
    prompt_numbers = read_prompt(prompt)
    text = normalize_notation(completion.translate(_DELETE_PRIVATE))
    answer = _last_answer(text)
    annotator = _Annotator(prompt_numbers)
    out = [prompt_numbers.text, TOKENS["sep"]]
    numbers: list[str] = []
    for piece in split_equations(text):
        if isinstance(piece, Equation):
            out += annotator.equation(piece)
            numbers.append(piece.right)
            continue
        for match in _WORD_OR_NUMBER.finditer(piece.lower()):
            token = match[0]
            if _SIGNED.fullmatch(token):
                out += annotator.reference(token, use=False)
                numbers.append(token)
            elif token == "\n":  # noqa: S105 - a word, not a password
                out.append(TOKENS["step"])
            elif token not in _FILLER:
                out.append(token)
    out += annotator.summary(answer or next((n for n in reversed(numbers) if _SIGNED.fullmatch(n)), None))
    out.append(TOKENS["end"])
    return " ".join(out)
