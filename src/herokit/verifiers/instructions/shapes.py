"""Case, punctuation, beginnings, ends, language. Ids and arguments as IFEval, arXiv 2311.07911, table 1."""

from herokit.verifiers.instructions.registry import constraint
from herokit.verifiers.language import count_scripts, is_known, judge_language

LETTERS = 3
"""Letters below which a text is in no language."""


@constraint("language:response_language")
def response_language(text: str, language: str) -> bool:
    """It is in the language, an ISO 639-1 code; see `herokit.verifiers.Language`."""
    if not is_known(language):
        raise ValueError(f"a language is an ISO 639-1 code that is known here, such as 'en', got {language!r}")
    return _is_in(text, language)


@constraint("change_case:english_capital")
def english_capital(text: str) -> bool:
    """It is English in capital letters only."""
    return text.isupper() and _is_in(text, "en")


@constraint("change_case:english_lowercase")
def english_lowercase(text: str) -> bool:
    """It is English in small letters only."""
    return text.islower() and _is_in(text, "en")


@constraint("punctuation:no_comma")
def no_comma(text: str) -> bool:
    """It has no comma."""
    return "," not in text


@constraint("startend:end_checker")
def end_checker(text: str, end_phrase: str) -> bool:
    """It ends with the phrase, in any case; quotes around the whole do not count."""
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


@constraint("startend:quotation")
def quotation(text: str) -> bool:
    """The whole of it stands in double quotes."""
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


@constraint("combination:two_responses")
def two_responses(text: str) -> bool:
    """It is two different responses with six asterisks between them."""
    parts = [part.strip() for part in text.split("******")]
    said = [part for part in parts if part]
    return all(parts[1:-1]) and len(said) == 2 and said[0] != said[1]  # noqa: PLR2004 - two responses


@constraint("combination:repeat_prompt")
def repeat_prompt(text: str, prompt_to_repeat: str) -> bool:
    """It begins with the prompt, in any case."""
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


def _is_in(text: str, code: str) -> bool:
    scripts = count_scripts(text[:5_000])
    if scripts.total() < LETTERS:
        return False
    said, share = judge_language(text[:5_000], code, scripts)
    return said and share >= 0.5  # noqa: PLR2004 - more than half of the letters
