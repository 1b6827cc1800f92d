"""Counts of words, sentences and paragraphs. Ids and arguments as IFEval, arXiv 2311.07911, table 1."""

import re

from herokit.verifiers.extraction import word_pattern
from herokit.verifiers.instructions.registry import compare, constraint
from herokit.verifiers.sentences import count_sentences

_STOP = re.compile(r"[.,?!'\"]")


@constraint("length_constraints:number_words")
def number_words(text: str, num_words: int, relation: str) -> bool:
    """So many runs of letters, digits and underscores."""
    return compare(sum(1 for _ in word_pattern().finditer(text)), relation, num_words)


@constraint("length_constraints:number_sentences")
def number_sentences(text: str, num_sentences: int, relation: str) -> bool:
    """So many sentences, as `herokit.verifiers.sentences` counts them."""
    return compare(count_sentences(text), relation, num_sentences)


@constraint("length_constraints:number_paragraphs")
def number_paragraphs(text: str, num_paragraphs: int) -> bool:
    """Exactly so many paragraphs between lines of three asterisks; only the first and the last may be blank."""
    parts = [bool(part.strip()) for part in text.split("***")]
    return all(parts[1:-1]) and sum(parts) == int(num_paragraphs)


@constraint("length_constraints:nth_paragraph_first_word")
def nth_paragraph_first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """Exactly so many paragraphs between blank lines, and the n-th begins with the word."""
    parts = [part.strip() for part in text.split("\n\n") if part.strip()]
    if len(parts) != int(num_paragraphs) or not 1 <= int(nth_paragraph) <= len(parts):
        return False
    word = parts[int(nth_paragraph) - 1].split()[0].lstrip("'\"")
    return _STOP.split(word)[0].lower() == first_word.lower()
