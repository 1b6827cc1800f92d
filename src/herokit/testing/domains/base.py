"""What a domain of answers is: how references, right and wrong answers are drawn, and what must not be paid."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from herokit.testing.attacks import ATTACKS, Attack, Rewrite
from herokit.testing.batches import Draw

__all__ = ["FENCE", "TAG_PAIR", "Domain", "list_candidates"]

FENCE = "```{}\n{}\n```"
"""A fenced block of a language with a text."""

TAG_PAIR = "<answer>\n{}\n</answer>"
"""The tag of an answer around a text."""


def list_candidates(reference: str, wrong: tuple[str, str]) -> str:
    """Return a prompt that holds the right answer among others.

    Example:
        >>> list_candidates("4", ("5", "6"))
        'Given are 5, 6 and 4. Which one is right?'
    """
    return f"Given are {wrong[0]}, {wrong[1]} and {reference}. Which one is right?"


def _same(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Domain:
    """What the answers are.

    Attributes:
        name: for messages.
        draw: draws a reference.
        near_miss: draws the reference of an answer that is close to the right one and incorrect.
        equivalents: pairs of equal answers, each of which is a reference too.
        attacks: what must not be paid.
        reference: the reference for completions without an answer.
        answer: returns the right answer for a reference, where a reference is not an answer: a program for tests.
        prompt: returns what is asked, of the reference and of those of two wrong answers.
        writers: name -> how a completion gives an answer; empty for the formats of words and numbers.
        rewrites: other ways to write a right completion; empty for those of the format.
        recognized_by: spellings of a right completion that only what reads this domain accepts.
    """

    name: str
    draw: Callable[[Draw], str]
    near_miss: Callable[[str, Draw], str]
    equivalents: tuple[tuple[str, str], ...] = ()
    attacks: tuple[Attack, ...] = ATTACKS
    reference: str = "41"
    answer: Callable[[str], str] = _same
    prompt: Callable[[str, tuple[str, str]], str] = list_candidates
    writers: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    rewrites: tuple[Rewrite, ...] = ()
    recognized_by: tuple[Rewrite, ...] = ()
