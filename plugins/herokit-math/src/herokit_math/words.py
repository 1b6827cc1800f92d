"""Answers in words: numbers, synonyms, and filler words."""

import re

__all__ = ["NUMBER_SCALES", "find_content_words", "parse_number_words"]

_SMALL_NUMBERS = [
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
_NUMBERS = {w: k for k, w in enumerate(_SMALL_NUMBERS)} | {w: 10 * k for k, w in enumerate(_TENS, 2)} | {"dozen": 12}
NUMBER_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "trillion": 10**12}
_SYNONYMS = {
    "true": "yes", "correct": "yes", "false": "no", "incorrect": "no", "infinite": "infinitely", "none": "no",
    "infinity": "infinitely", "doesnt": "not", "dne": "undefined",
}  # fmt: skip
_FILLERS = {
    "the", "a", "an", "is", "are", "of", "only", "any", "all", "it", "its", "be", "by", "that", "this", "there", "answer", "and",
    "or", "many", "exactly", "number", "numbers", "solution", "solutions", "value", "values",
}  # fmt: skip
_WORD = re.compile(r"[^\W_]+")
_COMMAND = re.compile(r"\\[a-zA-Z]+")


def find_content_words(text: str) -> tuple[str, ...]:
    r"""Return the words of a text that are not fillers, in lower case and in order; all words if there are only fillers.

    Example:
        >>> find_content_words(r"\text{The Ellipse.}")
        ('ellipse',)
    """
    plain = _COMMAND.sub(" ", text).lower().replace("'", "")
    words = _WORD.findall(plain)
    content = tuple(_SYNONYMS.get(w, w) for w in words if w not in _FILLERS)
    return content or tuple(words)


def parse_number_words(words: tuple[str, ...]) -> int | None:
    """Return the whole number that words spell; None if they spell none.

    Example:
        >>> parse_number_words(("two", "hundred", "forty", "one"))
        241
    """
    if not words or len(words) > 12:  # noqa: PLR2004 - longer than a spelled number
        return None
    total = part = 0
    for word in words:
        if word in _NUMBERS:
            part = part * 12 if word == "dozen" and part else part + _NUMBERS[word]
        elif word == "hundred":
            part = (part or 1) * 100
        elif word in NUMBER_SCALES:
            total += (part or 1) * NUMBER_SCALES[word]
            part = 0
        else:
            return None
    return total + part
