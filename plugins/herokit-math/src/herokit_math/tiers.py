"""Tiers that decide a pair in the caller's process, cheapest first."""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from herokit_math.answers import Answer, Cases, Collection, LabeledValue, Quantity, Text
from herokit_math.boxes import find_last_boxed
from herokit_math.compare import Comparison
from herokit_math.expression import UnsupportedError
from herokit_math.extract import iterate_candidates
from herokit_math.limits import MAX_ANSWER_CHARS, LimitError, check_digits
from herokit_math.normalize import normalize_text
from herokit_math.notation import spell_chemical_formula
from herokit_math.parser import parse_answer
from herokit_math.quantity_comparison import Policy
from herokit_math.references import InvalidReferenceError, repair_commands, to_reference_text
from herokit_math.units import UNITS, Unit, find_currency, is_currency
from herokit_math.words import find_content_words

__all__ = [
    "DIFFERENT_NUMBERS",
    "EQUAL_NUMBERS",
    "Decision",
    "decide_equivalence",
    "decide_plain_numbers",
    "extract_reference",
    "parse_plain_number",
]

_OPTION_LETTER = re.compile(r"(?:\\text\{)?\(?[A-J]\)?\}?")  # the answer may have it in lower case
_SPACE = re.compile(r" (?:(?<![\d.,] )|(?![\d.,]))")  # not between digits, where it separates two numbers
_DECIMAL_COMMA = re.compile(r"[-+]?(?:0,\d|\d{1,9},\d\d)\d{0,7}")
_THOUSANDS_COMMA = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
_COMMA_NUMBER = re.compile(r"(?<![\d.,])(\d{1,3}(?:[. ]\d{3})+|\d{1,30}),(\d{1,30})(?![\d.]|,\d)")
_POINT = re.compile(r"\d\.\d")
_INDIAN_GROUPS = re.compile(r"(?<![\d.,])\d{1,2}(?:,\d\d)+,\d{3}(?![\d,])")
_PLAIN_NUMBER = re.compile(r"\$?[-+]?(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)(?:\.\d+)?")
_FLOAT_PRECISION = 10**9  # a relative difference below 1 / _FLOAT_PRECISION may be a floating-point error
_MIN_FLOAT_PLACES = 5  # decimal places of a number that may have a floating-point error
_MAX_PLAIN_CHARS = 40  # characters of a number that is compared without the parser
_DECIMAL_POINT = re.compile(r"[-+]?\d{1,9}\.\d{1,9}")
_CONDITION = re.compile(r"\b(?:if|when|whenever|unless|provided|given|except)\b(.*)", re.DOTALL | re.IGNORECASE)
_LETTERS = re.compile(r"(?<!\\)\b[^\W\d_]+")
_CONTENT = re.compile(r"[\w\\\u2205\u221e]")  # the empty set and infinity are answers
_PARAMETER_DECLARATION = re.compile(
    r"integer|\\in\s*\\mathbb|arbitrary|∈|real number|parameter|constant", re.IGNORECASE
)


class Decision(NamedTuple):
    """Decision of the tiers on a pair.

    Attributes:
        equal: whether the answer is equal to the reference; None if no tier in this process can decide.
        tier: the tier that decided.
        reason: the reason in words.
        answer_readable: whether the answer could be parsed here; sympy may be able to parse it otherwise.
        reference_readable: whether the reference could be parsed here.
    """

    equal: bool | None
    tier: str
    reason: str
    answer_readable: bool = True
    reference_readable: bool = True


EQUAL_NUMBERS = Decision(equal=True, tier="exact value", reason="equal numbers")
DIFFERENT_NUMBERS = Decision(equal=False, tier="exact value", reason="different numbers")


def parse_plain_number(text: str) -> tuple[int, int] | None:
    """Return the digits and the decimal places of a number such as ``1,200``, ``-3.50``, ``$7``; None for other texts.

    Example:
        >>> parse_plain_number("$1,200.50")
        (120050, 2)
    """
    if len(text) > _MAX_PLAIN_CHARS:
        return None
    if text.isdigit() and text.isascii():
        return int(text), 0
    return _parse_formatted_number(text)


@lru_cache(maxsize=16_384)
def _parse_formatted_number(text: str) -> tuple[int, int] | None:
    match = _PLAIN_NUMBER.fullmatch(text.strip(" \t\r\n"))  # other white space may be a damaged command
    if match is None:
        return None
    whole, _, decimals = match[0].replace(",", "").replace("$", "").partition(".")
    return int(whole + decimals), len(decimals)


@lru_cache(maxsize=16_384)
def extract_reference(reference: str) -> str:
    r"""Return the answer in a reference: its last box, the text after a marker, or all of it.

    Example:
        >>> extract_reference(r"We get \boxed{7}.")
        '7'
    """
    if parse_plain_number(reference) is not None:
        return reference
    try:
        reference = repair_commands(to_reference_text(reference))
    except InvalidReferenceError:
        return reference
    if "box" in reference and (boxed := find_last_boxed(reference, unclosed=True)):
        return boxed
    best = next(iterate_candidates(reference))
    is_marked = best.origin in {"answer tag", "box", "answer phrase", "####", "A:"}
    return best.text if is_marked and best.text is not None else reference


def decide_equivalence(reference: str, answer: str, policy: Policy) -> Decision:
    """Decide without sympy whether an answer is equal to a reference.

    Args:
        reference: the reference, as `extract_reference` returns it.
        answer: the extracted answer; hostile.
        policy: options of the comparison.

    Example:
        >>> decide_equivalence("0.5", "1/2", Policy())[:2]
        (True, 'exact value')
    """
    if (plain := decide_plain_numbers(reference, answer)) is not None:
        return plain
    decision = _decide_texts(reference, answer, policy)
    if decision.equal and policy.case == "strict" and _differ_in_case(reference, answer):
        return Decision(equal=False, tier="structure", reason="upper and lower case")
    return decision


def _add_currency(answer: Answer, other: Answer, currency: Unit | None) -> Answer:
    """Return an amount with the unit of its currency sign if the other side names a currency in words."""
    if currency is None or not isinstance(answer, Quantity) or answer.unit or not isinstance(other, Quantity):
        return answer
    if other.unit is None or not is_currency(other.unit):
        return answer
    is_yen = currency == UNITS["yuan"] and other.unit == UNITS["yen"]  # both are written ¥
    return answer._replace(unit=other.unit if is_yen else currency)


def _differ_in_case(reference: str, answer: str) -> bool:
    """Return whether a word of the answer is one of the reference in another case."""
    words, other = (set(_LETTERS.findall(normalize_text(text))) for text in (reference, answer))
    return bool({word.casefold() for word in words} & {word.casefold() for word in other - words})


def _decide_texts(reference: str, answer: str, policy: Policy) -> Decision:  # noqa: PLR0911 - one return per tier
    """Return the decision of the cheapest tier that has one."""
    if (beyond := _check_lengths(reference, answer)) is not None:
        return beyond
    if _CONTENT.search(answer.replace("_", "")) is None:
        return Decision(equal=False, tier="extraction", reason="the answer is empty", answer_readable=False)
    currencies = find_currency(reference), find_currency(answer)
    if None not in currencies and currencies[0] != currencies[1]:
        return Decision(equal=False, tier="structure", reason="different currencies")
    if _have_same_text(reference, answer):
        return Decision(equal=True, tier="normal form", reason="same text")
    try:
        parsed_reference = parse_answer(reference)
    except (UnsupportedError, LimitError) as error:
        return Decision(None, "parser", f"reference: {error}", _is_readable(answer), reference_readable=False)
    try:
        parsed_answer = parse_answer(answer)
    except (UnsupportedError, LimitError) as error:
        unreadable = Decision(None, "parser", f"answer: {error}", answer_readable=False)
        return _decide_decimal_comma(reference, answer, policy) or unreadable
    parsed_reference, parsed_answer = (
        _add_currency(parsed_reference, parsed_answer, currencies[0]),
        _add_currency(parsed_answer, parsed_reference, currencies[1]),
    )
    one_is_text = isinstance(parsed_reference, Text) != isinstance(parsed_answer, Text)
    if one_is_text and _find_words(reference) == _find_words(answer):
        return Decision(equal=True, tier="structure", reason="same words")
    value = parsed_reference.value if isinstance(parsed_reference, LabeledValue) else parsed_reference
    if not isinstance(value, Cases) and _have_different_conditions(reference, answer):
        return Decision(equal=False, tier="structure", reason="different conditions")
    is_declared, is_in_answer = (bool(_PARAMETER_DECLARATION.search(text)) for text in (reference, answer))
    comparison = Comparison(policy, has_parameter=is_declared or is_in_answer, has_reference_parameter=is_declared)
    decision = _decide_structure(parsed_reference, parsed_answer, comparison)
    return decision if decision.equal else _decide_decimal_comma(reference, answer, policy) or decision


def _check_lengths(reference: str, answer: str) -> Decision | None:
    """Return the decision on texts that are too long to be read; None for others."""
    if len(answer) > MAX_ANSWER_CHARS or len(reference) > MAX_ANSWER_CHARS:
        reason = f"longer than {MAX_ANSWER_CHARS} characters"
        return Decision(None, "limits", reason, len(answer) <= MAX_ANSWER_CHARS, len(reference) <= MAX_ANSWER_CHARS)
    if parse_plain_number(reference) is None:
        return None
    try:
        check_digits(answer)
    except LimitError as error:  # and its normal form is not that of a number with some digits
        return Decision(None, "parser", f"answer: {error}", answer_readable=False)
    return None


def decide_plain_numbers(reference: str, answer: str) -> Decision | None:
    """Decide two plain numbers without the parser; None for other texts, and if the rounding policy must decide.

    Example:
        >>> decide_plain_numbers("1,200", "1200.0").equal
        True
    """
    if answer.isdigit() and reference.isdigit():  # nearly always
        are_short = len(answer) <= _MAX_PLAIN_CHARS >= len(reference)
        if are_short and answer.isascii() and reference.isascii():
            return EQUAL_NUMBERS if int(answer) == int(reference) else DIFFERENT_NUMBERS
    answer_number = parse_plain_number(answer)
    if answer_number is None or (reference_number := parse_plain_number(reference)) is None:
        return None
    (expected, expected_places), (value, places) = reference_number, answer_number
    if not expected_places and not places:
        return EQUAL_NUMBERS if expected == value else DIFFERENT_NUMBERS
    expected, value = expected * 10**places, value * 10**expected_places
    if expected == value:
        return EQUAL_NUMBERS
    one = 10 ** (expected_places + places)
    may_be_float = expected_places or abs(expected - value) * _FLOAT_PRECISION < abs(expected)
    if expected % one or (value % one and places >= _MIN_FLOAT_PLACES and may_be_float):
        return None
    return DIFFERENT_NUMBERS  # a whole reference is never approximate


def _have_same_text(reference: str, answer: str) -> bool:
    reference, answer = _normal_form(reference), _normal_form(answer)
    if reference == answer or (
        (compound := spell_chemical_formula(reference)) and compound == spell_chemical_formula(answer)
    ):
        return True
    return bool(_OPTION_LETTER.fullmatch(reference)) and _option_letter(reference) == _option_letter(answer)


def _decide_structure(reference: Answer, answer: Answer, comparison: Comparison) -> Decision:
    try:
        equal = comparison.equal(reference, answer)
    except LimitError as error:
        return Decision(None, "limits", str(error))
    types = f"{type(reference).__name__} and {type(answer).__name__}".lower()
    if equal is None:
        return Decision(None, "undecided", types)
    tier = comparison.tier.value if comparison.tier else "structure"
    return Decision(equal, tier, comparison.reason or f"{types}: {'equal' if equal else 'different'}")


def _have_different_conditions(reference: str, answer: str) -> bool:
    """Return whether both texts have a condition, "5 if n is odd", and not the same."""
    conditions = [_CONDITION.search(text) for text in (reference, answer)]
    first, second = (_find_words(match[1]) if match else None for match in conditions)
    return first is not None and second is not None and first != second


def _find_words(text: str) -> tuple[str, ...]:
    return find_content_words(normalize_text(text))


def _is_readable(answer: str) -> bool:
    try:
        parse_answer(answer)
    except (UnsupportedError, LimitError):
        return False
    return True


def _decide_decimal_comma(reference: str, answer: str, policy: Policy) -> Decision | None:
    """Accept ``2,5`` for 2.5 and ``12,34,567`` for 1234567; None if no comma is a decimal point, or the texts are different all the same.

    ``2,5`` is first read as a list. The other reading counts only against one value or decimals with points; ``1,125`` is
    1125.
    """
    if policy.commas == "strict":
        return None
    joined, joined_answer = (_INDIAN_GROUPS.sub(lambda m: m[0].replace(",", ""), text) for text in (reference, answer))
    if (joined, joined_answer) != (reference, answer) and _is_readable(joined) and _is_readable(joined_answer):
        decision = _decide_structure(parse_answer(joined), parse_answer(joined_answer), Comparison(policy))
        return decision if decision.equal else None
    if "," not in answer:
        return EQUAL_NUMBERS if _are_equal_decimals(reference, answer) else None
    parsed = parse_answer(reference)
    text = normalize_text(answer)
    point = _COMMA_NUMBER.sub(_replace_comma, text)
    is_comparable = isinstance(parsed, Quantity | LabeledValue) or _POINT.search(reference)
    if ";" not in text and _is_readable(answer):
        list_ = parse_answer(answer)
        if not isinstance(list_, Collection) or list_.bracket:
            return None  # a pair, a set, an interval, residues
    if point == text or not is_comparable or not _is_readable(point):
        return None
    decision = _decide_structure(parsed, parse_answer(point), Comparison(policy))
    return decision if decision.equal else None


def _are_equal_decimals(reference: str, answer: str) -> bool:
    """Return whether a reference with a decimal comma, of which a list is no better reading, is a number with a point."""
    pair = [normalize_text(text).replace(" ", "") for text in (reference, answer)]
    if not _DECIMAL_COMMA.fullmatch(pair[0]) or not _DECIMAL_POINT.fullmatch(pair[1]):
        return False
    return not _THOUSANDS_COMMA.fullmatch(pair[0]) and Fraction(pair[0].replace(",", ".")) == Fraction(pair[1])


def _replace_comma(match: re.Match[str]) -> str:
    if _THOUSANDS_COMMA.fullmatch(match[0]):
        return match[0]
    return match[1].replace(".", "").replace(" ", "") + "." + match[2]


def _option_letter(text: str) -> str:
    return text.replace("\\text", "").strip("{()}").casefold()


def _normal_form(text: str) -> str:
    """Return the normalized text, with white space only between digits; upper and lower case differ."""
    normalized = _SPACE.sub("", " ".join(normalize_text(text).split()))
    return normalized.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac") or text
