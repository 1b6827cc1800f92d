"""Answers in words: numbers, synonyms, and filler words."""

import re
from fractions import Fraction

__all__ = [
    "NUMBER_SCALES",
    "equal_words",
    "find_content_words",
    "parse_fraction_words",
    "parse_joined_number",
    "parse_number_words",
]

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
_DENOMINATORS = {
    "half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10,
}  # fmt: skip
_SYNONYMS = {
    "true": "yes", "correct": "yes", "false": "no", "incorrect": "no", "infinite": "infinitely", "infinity": "infinitely",
    "doesnt": "not", "dne": "undefined", "any": "all", "every": "all", "each": "all", "solutions": "solution",
    "numbers": "number", "values": "value", "divergent": "diverges", "diverge": "diverges", "convergent": "converges",
    "converge": "converges",
    "upward": "up", "upwards": "up", "downward": "down", "downwards": "down",
}  # fmt: skip
_COMMAND_SYNONYMS = {
    "\\leq": "\\le", "\\leqslant": "\\le", "\\geq": "\\ge", "\\geqslant": "\\ge", "\\neq": "\\ne", "\\dfrac": "\\frac",
    "\\tfrac": "\\frac", "\\cdot": "*", "\\times": "*", "\\lt": "<", "\\gt": ">",
}  # fmt: skip
_FILLERS = {
    "the", "an", "is", "are", "of", "it", "its", "be", "by", "that", "this", "there", "answer", "and", "many", "exactly",
}  # fmt: skip
_KINDS = {
    "triangle",
    "quadrilateral",
    "polygon",
    "series",
    "sequence",
    "function",
    "integral",
    "graph",
    "curve",
    "line",
    "lines",
    "angle",
    "angles",
    "equation",
    "equations",
    "system",
    "matrix",
    "vector",
    "vectors",
    "conic",
    "integer",
    "person",
}  # what a property is said of: "the function is increasing"
_COUNTED = {"number", "solution", "value"}  # fillers, but not after "no"
_WRAPPER = r"\\(?:text[a-z]*|math(?:rm|bf|it|sf|tt|cal)|mbox|hbox|operatorname\*?|bold(?:symbol)?|emph|underline)\s*\{"
_BRACE = re.compile(rf"{_WRAPPER}|\\.|[{{}}]", re.DOTALL)
_GROUP = re.compile(r"\{([^{}]*)\}")
_ENCLOSED = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")
_TOKEN = re.compile(
    r"\\[a-zA-Z]+|\\[{}|]|[^\W\d_]+(?:'[a-z]+)*|\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?|(?<=\w)['!]|[-+*/^_=<>|()\[\]{}%&#]|"
    r"(?<=\d):(?=\d)"
)


def find_content_words(text: str) -> tuple[str, ...]:
    r"""Return what words say, in order: without fillers, in lower case, with signs, relations, digits, brackets, commands.

    Single letters keep their case: they are names. If there are only fillers, they are kept.

    Args:
        text: normalized text.

    Example:
        >>> find_content_words(r"\text{The Ellipse.}")
        ('ellipse',)
        >>> find_content_words(r"\text{slope } -3"), find_content_words("no solutions exist")
        (('slope', '-', '3'), ('no', 'solution', 'exist'))
    """
    tokens = _find_tokens(text)
    words: list[str] = []
    for at, token in enumerate(tokens):
        word = _SYNONYMS.get(token.replace("'", ""), _COMMAND_SYNONYMS.get(token, token))
        previous, following = tokens[at - 1] if at else "", tokens[at + 1] if at + 1 < len(tokens) else ""
        is_article = word in {"a", "A"} and len(following) > 1 and following.isalpha()
        is_hyphen = (
            word == "-" and previous.isalpha() and following.isalpha() and min(len(previous), len(following)) > 1
        )
        is_counted = word in _COUNTED and words[-1:] != ["no"]
        is_first_all = word == "all" and not words
        if not (word in _FILLERS or is_article or is_hyphen or is_counted or is_first_all):
            words.append(word)
    return tuple(words) or tuple(tokens)


def equal_words(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    """Return whether two answers in words are equal, where one may name the kind of its subject.

    Example:
        >>> equal_words(("isosceles",), ("isosceles", "triangle")), equal_words(("right", "triangle"), ("right", "angle"))
        (True, False)
    """
    if first == second:
        return True
    bare = [tuple(word for word in words if word not in _KINDS) for words in (first, second)]
    return bool(bare[0]) and bare[0] == bare[1] and (bare[0] == first or bare[1] == second)


def _find_tokens(text: str) -> list[str]:
    """Return words in lower case, numbers, signs and commands, without brackets around the whole or one token."""
    text = _GROUP.sub(_open_group, _unwrap_words(text))
    if match := _ENCLOSED.fullmatch(text.strip()):
        text = match[1] or match[2] or ""
    tokens = (token.replace(",", "") for token in _TOKEN.findall(text))
    return [t if len(t) == 1 or t.startswith("\\") else t.lower() for t in tokens]


def _unwrap_words(text: str) -> str:
    r"""Return a text without commands such as ``\text`` and their braces."""
    is_wrapper: list[bool] = []

    def replace(match: re.Match[str]) -> str:
        if match[0].endswith("{") and match[0] != "\\{":
            is_wrapper.append(match[0] != "{")
            return " " if is_wrapper[-1] else "{"
        return " " if match[0] == "}" and is_wrapper and is_wrapper.pop() else match[0]

    return _BRACE.sub(replace, text)


def _open_group(match: re.Match[str]) -> str:
    return f" {match[1]} " if len(_TOKEN.findall(match[1])) < 2 else match[0]  # noqa: PLR2004 - a group of one token


def parse_fraction_words(words: tuple[str, ...]) -> Fraction | None:
    """Return the number that words spell, also a fraction such as "three fifths"; None if they spell none.

    Example:
        >>> parse_fraction_words(("three", "fifths"))
        Fraction(3, 5)
    """
    whole = parse_number_words(words)
    if whole is not None or not words:
        return None if whole is None else Fraction(whole)
    denominator = _DENOMINATORS.get(words[-1]) or _DENOMINATORS.get(words[-1].removesuffix("s"))
    numerator = parse_number_words(words[:-1])
    return Fraction(numerator, denominator) if numerator is not None and denominator else None


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


def parse_joined_number(words: tuple[str, ...]) -> int | None:
    """Return the whole number that words with one "and" behind a hundred or a thousand spell; None if they spell none.

    Example:
        >>> parse_joined_number(("two", "hundred", "and", "five")), parse_joined_number(("two", "and", "five"))
        (205, None)
    """
    if words.count("and") != 1 or (at := words.index("and")) == 0 or words[at - 1] not in NUMBER_SCALES:
        return None
    above, below = parse_number_words(words[:at]), parse_number_words(words[at + 1 :])
    is_joined = above is not None and below is not None and below < NUMBER_SCALES[words[at - 1]]
    return parse_number_words(words[:at] + words[at + 1 :]) if is_joined else None
