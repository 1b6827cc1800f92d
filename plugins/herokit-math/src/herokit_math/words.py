"""Answers in words: numbers written out, yes and no, fillers that say nothing."""

import re

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_NUMBERS = {w: k for k, w in enumerate(_UNITS)} | {w: 10 * k for k, w in enumerate(_TENS, 2)} | {"dozen": 12}
SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "trillion": 10**12}
_SAME = {
    "true": "yes", "correct": "yes", "false": "no", "incorrect": "no", "infinite": "infinitely", "none": "no",
    "infinity": "infinitely", "doesnt": "not", "dne": "undefined", "impossible": "impossible", "tuesday": "tuesday",
}  # fmt: skip
_FILLERS = {
    "the", "a", "an", "is", "are", "of", "only", "any", "all", "it", "its", "be", "by", "that", "this", "there", "answer", "and",
    "or", "many", "exactly", "number", "numbers", "solution", "solutions", "value", "values",
}  # fmt: skip
_WORD = re.compile(r"[^\W_]+")
_COMMAND = re.compile(r"\\[a-zA-Z]+")


def words(text: str) -> tuple[str, ...]:
    r"""Return the words that carry meaning, in lower case and in order.

    Example:
        >>> words(r"\text{The Ellipse.}")
        ('ellipse',)
    """
    plain = _COMMAND.sub(" ", text).lower().replace("'", "")
    found = _WORD.findall(plain)
    kept = tuple(_SAME.get(w, w) for w in found if w not in _FILLERS)
    return kept or tuple(found)


def number_in_words(found: tuple[str, ...]) -> int | None:
    """Return the whole number that words spell, or None.

    Example:
        >>> number_in_words(("two", "hundred", "forty", "one"))
        241
    """
    if not found or len(found) > 12:  # noqa: PLR2004 - longer than any number worth spelling
        return None
    total = part = 0
    for word in found:
        if word in _NUMBERS:
            part = part * 12 if word == "dozen" and part else part + _NUMBERS[word]
        elif word == "hundred":
            part = (part or 1) * 100
        elif word in SCALES:
            total += (part or 1) * SCALES[word]
            part = 0
        else:
            return None
    return total + part
