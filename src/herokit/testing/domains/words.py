"""Answers that are a word, a number or a formula."""

from fractions import Fraction

from herokit.testing.attacks import ATTACKS, CHOICE_ATTACKS, NUMBER_ATTACKS
from herokit.testing.batches import Draw
from herokit.testing.domains.base import Domain

__all__ = ["WORDS_AND_NUMBERS", "draw_number", "near_number"]


def near_number(answer: str, draw: Draw) -> str:
    """Return the number with a digit more at either end, plus one, or negated and minus one."""
    value = Fraction(answer)
    return (f"{answer}7", f"1{answer}" if value >= 0 else f"-1{answer[1:]}", str(value + 1), str(-value - 1))[draw(4)]


def draw_number(draw: Draw) -> str:
    """Draw an integer from -99 to 999."""
    return str(draw(1000)) if draw(4) else str(draw(99) - 99)


def _decimal(draw: Draw) -> str:
    return f"{'-' if draw(4) == 1 else ''}{draw(100)}.{draw(9)}{1 + draw(9)}"


def _near_decimal(answer: str, draw: Draw) -> str:
    """Return the number plus one, with a digit more, moved by a place, or negated."""
    whole, _, digits = answer.partition(".")
    return (
        f"{int(whole) + 1}.{digits}",
        f"{whole}7.{digits}",
        f"{whole}{digits[0]}.{digits[1:] or 0}",
        answer[1:] if whole.startswith("-") else f"-{answer}",
    )[draw(4)]


def _expression(draw: Draw) -> str:
    form = (r"{}x+{}", r"{}x^2-{}", r"\frac{{{}}}{{x+{}}}")[draw(3)]
    return form.format(2 + draw(8), 1 + draw(9))


def _near_expression(answer: str, draw: Draw) -> str:
    """Return the expression with another variable, plus one, negated, or with the other sign inside."""
    swapped = answer.translate(str.maketrans("+-", "-+"))
    return (answer.replace("x", "y"), f"{answer}+1", f"-({answer})", swapped)[draw(4)]


CHOICES = "ABCDE"

NAMES = ("Paris", "Marie Curie", "the Black Sea", "oxygen", "Johann Sebastian Bach", "blue whale")


def _near_name(answer: str, draw: Draw) -> str:
    """Return another name, or the name with a word more."""
    other = NAMES[(NAMES.index(answer) + 1) % len(NAMES)] if answer in NAMES else NAMES[0]
    return (other, f"{answer} {other}", f"{answer} Junior", f"New {answer}")[draw(4)]


WORDS_AND_NUMBERS = {
    "integers": Domain(
        "integers",
        draw_number,
        near_number,
        (("2", "2.0"), ("1000", "1,000"), ("-3", "-3.0")),
        (*ATTACKS, *NUMBER_ATTACKS),
    ),
    "decimals": Domain(
        "decimals",
        _decimal,
        _near_decimal,
        (("0.5", "0.50"), ("0.5", ".5"), ("1234.5", "1,234.5")),
        (*ATTACKS, *NUMBER_ATTACKS),
        "41.5",
    ),
    "expressions": Domain(
        "expressions",
        _expression,
        _near_expression,
        (("x+1", "1+x"), ("2x", "x+x"), (r"\frac{1}{x}", "1/x"), ("x^2-1", "(x-1)(x+1)")),
        reference="41x",
    ),
    "choice": Domain(
        "choices",
        lambda draw: CHOICES[draw(len(CHOICES))],
        lambda answer, draw: CHOICES[(CHOICES.index(answer) + 1 + draw(len(CHOICES) - 1)) % len(CHOICES)],
        attacks=(*ATTACKS, *CHOICE_ATTACKS),
        reference="D",
    ),
    "short-text": Domain("names", lambda draw: NAMES[draw(len(NAMES))], _near_name, reference="Sofia"),
}
"""Answers that are a word, a number or a formula, by the name of `herokit check --domain`."""
