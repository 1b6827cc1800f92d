"""The 25 checkable instructions of IFEval (arXiv 2311.07911, table 1), one function each, under the paper's ids."""

import re
from collections.abc import Sequence

from herokit.verifiers.instructions.registry import check_texts, compare_count, constraint
from herokit.verifiers.language import is_mostly_in, is_supported
from herokit.verifiers.length import count_sentences
from herokit.verifiers.text import read_json, word_pattern

__all__: list[str] = []

_RESPONSE_OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")

_SINGLE_STARS = re.compile(r"\*[^\n*]*\*")
_DOUBLE_STARS = re.compile(r"\*\*[^\n*]*\*\*")
_HORIZONTAL_RULE = re.compile(r"(?:[-*_] ?){3,}+")
_POSTSCRIPTS = {"p.s.": re.compile(r"p\.\s?s\."), "p.p.s": re.compile(r"p\.\s?p\.\s?s")}
_WORD_END = re.compile(r"[.,?!'\"]")


@constraint("keywords:existence")
def _existence(text: str, keywords: Sequence[str]) -> bool:
    """Every keyword occurs, in any case, also inside a word."""
    folded = text.casefold()
    return all(keyword.casefold() in folded for keyword in check_texts(keywords))


@constraint("keywords:frequency")
def _frequency(text: str, keyword: str, frequency: int, relation: str) -> bool:
    """The number of occurrences of the keyword, in any case, also inside a word, without overlaps, satisfies the relation."""
    return compare_count(text.casefold().count(check_texts([keyword])[0].casefold()), relation, frequency)


@constraint("keywords:forbidden_words")
def _forbidden_words(text: str, forbidden_words: Sequence[str]) -> bool:
    """None of the words occurs as a whole word, in any case."""
    return not any(
        re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in check_texts(forbidden_words)
    )


@constraint("keywords:letter_frequency")
def _letter_frequency(text: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    """The number of occurrences of the letter, or of any other character, in any case, satisfies the relation."""
    if len(letter) != 1:
        raise ValueError(f"letter must be one character, got {letter!r}")
    return compare_count(text.lower().count(letter.lower()), let_relation, let_frequency)


@constraint("change_case:capital_word_frequency")
def _capital_word_frequency(text: str, capital_frequency: int, capital_relation: str) -> bool:
    """The number of words in capitals satisfies the relation; a hyphenated word is one."""
    words = (word.strip("\"'`*_()[]{}<>.,;:!?#") for word in text.split())
    return compare_count(sum(word.isupper() for word in words), capital_relation, capital_frequency)


@constraint("change_case:english_capital")
def _english_capital(text: str) -> bool:
    """The text is English, in capital letters only."""
    return text.isupper() and is_mostly_in(text, "en")


@constraint("change_case:english_lowercase")
def _english_lowercase(text: str) -> bool:
    """The text is English, in small letters only."""
    return text.islower() and is_mostly_in(text, "en")


@constraint("language:response_language")
def _response_language(text: str, language: str) -> bool:
    """The text is in the language, an ISO 639-1 code; see `herokit.verifiers.Language`."""
    if not is_supported(language):
        raise ValueError(f"language must be a supported ISO 639-1 code such as 'en', got {language!r}")
    return is_mostly_in(text, language)


@constraint("length_constraints:number_words")
def _number_words(text: str, num_words: int, relation: str) -> bool:
    """The number of words (runs of letters, digits and underscores) satisfies the relation."""
    return compare_count(sum(1 for _ in word_pattern().finditer(text)), relation, num_words)


@constraint("length_constraints:number_sentences")
def _number_sentences(text: str, num_sentences: int, relation: str) -> bool:
    """The number of sentences, counted as `length-limit` does, satisfies the relation."""
    return compare_count(count_sentences(text), relation, num_sentences)


@constraint("length_constraints:number_paragraphs")
def _number_paragraphs(text: str, num_paragraphs: int) -> bool:
    """There are exactly this many paragraphs separated by three asterisks; only the first and the last may be blank."""
    paragraphs = [bool(part.strip()) for part in text.split("***")]
    return all(paragraphs[1:-1]) and sum(paragraphs) == int(num_paragraphs)


@constraint("length_constraints:nth_paragraph_first_word")
def _nth_paragraph_first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """There are exactly this many paragraphs separated by blank lines, and the n-th begins with the word."""
    paragraphs = [part.strip() for part in text.split("\n\n") if part.strip()]
    if len(paragraphs) != int(num_paragraphs) or not 1 <= int(nth_paragraph) <= len(paragraphs):
        return False
    word = paragraphs[int(nth_paragraph) - 1].split()[0].lstrip("'\"")
    return _WORD_END.split(word)[0].lower() == first_word.lower()


@constraint("detectable_content:number_placeholders")
def _number_placeholders(text: str, num_placeholders: int) -> bool:
    """There are at least this many placeholders in square brackets, such as ``[name]``, each within a line."""
    count = 0
    for line in text.split("\n"):
        start = line.find("[")
        while start >= 0 and (end := line.find("]", start)) >= 0:
            count += 1
            start = line.find("[", end)
    return count >= int(num_placeholders)


@constraint("detectable_content:postscript")
def _postscript(text: str, postscript_marker: str) -> bool:
    """There is a postscript: the marker occurs, in any case; ``P. S.`` may have its blanks."""
    marker, lower = postscript_marker.strip().lower(), text.lower()
    pattern = _POSTSCRIPTS.get(marker)
    return marker in lower if pattern is None else pattern.search(lower) is not None


@constraint("detectable_format:number_bullet_lists")
def _number_bullet_lists(text: str, num_bullets: int) -> bool:
    """Exactly this many lines begin with a bullet, ``*`` or ``-``; a horizontal rule is not a bullet."""
    lines = (line.strip() for line in text.split("\n"))
    bullets = (line for line in lines if line[:1] in ("*", "-") and not _HORIZONTAL_RULE.fullmatch(line))
    return sum(line[0] == "-" or (len(line) > 1 and line[1] != "*") for line in bullets) == int(num_bullets)


@constraint("detectable_format:constrained_response")
def _constrained_response(text: str) -> bool:
    """The text has one of ``My answer is yes.``, ``My answer is no.``, ``My answer is maybe.``."""
    return any(option in text for option in _RESPONSE_OPTIONS)


@constraint("detectable_format:number_highlighted_sections")
def _number_highlighted_sections(text: str, num_highlights: int) -> bool:
    """At least this many parts are highlighted with asterisks, single or double."""
    parts = [m[0] for m in _SINGLE_STARS.finditer(text)] + [m[0] for m in _DOUBLE_STARS.finditer(text)]
    return sum(bool(part.strip("*").strip()) for part in parts) >= int(num_highlights)


@constraint("detectable_format:multiple_sections")
def _multiple_sections(text: str, section_spliter: str, num_sections: int) -> bool:
    """At least this many sections begin with the word and a number, such as ``SECTION 2``."""
    headings = re.finditer(rf"{re.escape(section_spliter.strip())}\s?\d+", text)
    return sum(1 for _ in headings) >= int(num_sections)


@constraint("detectable_format:json_format")
def _json_format(text: str) -> bool:
    """The whole text is one JSON value, which may be between lines of three backticks."""
    text = text.strip()
    for opening in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(opening)
    try:
        read_json(text.removesuffix("```").strip())
    except ValueError:
        return False
    return True


@constraint("detectable_format:title")
def _title(text: str) -> bool:
    """There is a title in double angle brackets on one line, such as ``<<poem of joy>>``."""
    for line in text.split("\n"):
        start, end = line.find("<<"), line.rfind(">>")
        if 0 <= start < end - 2 and line[start:end].lstrip("<").rstrip(">").strip():
            return True
    return False


@constraint("punctuation:no_comma")
def _no_comma(text: str) -> bool:
    """The text has no comma."""
    return "," not in text


@constraint("startend:end_checker")
def _end_checker(text: str, end_phrase: str) -> bool:
    """The text ends with the phrase, in any case; quotes around the whole text are ignored."""
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


@constraint("startend:quotation")
def _quotation(text: str) -> bool:
    """The whole text is in double quotes."""
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


@constraint("combination:two_responses")
def _two_responses(text: str) -> bool:
    """The text is two different responses with six asterisks between them."""
    parts = [part.strip() for part in text.split("******")]
    responses = [part for part in parts if part]
    return all(parts[1:-1]) and len(responses) == 2 and responses[0] != responses[1]  # noqa: PLR2004 - two responses


@constraint("combination:repeat_prompt")
def _repeat_prompt(text: str, prompt_to_repeat: str) -> bool:
    """The text begins with the prompt, in any case."""
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())
