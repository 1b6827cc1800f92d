"""What the answers of a verifier or a reward function are, for `herokit check --domain`: how they are drawn, and attacks."""

from herokit.testing.domains.base import Domain
from herokit.testing.domains.code import CODE
from herokit.testing.domains.free_text import FREE_TEXT
from herokit.testing.domains.structured import STRUCTURED
from herokit.testing.domains.words import WORDS_AND_NUMBERS

__all__ = ["DOMAINS", "Domain"]

DOMAINS: dict[str, Domain] = {**WORDS_AND_NUMBERS, **STRUCTURED, **CODE, **FREE_TEXT}
"""Kinds of answers, by the name of `herokit check --domain`."""
