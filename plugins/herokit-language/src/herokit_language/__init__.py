"""A language detector on py3langid, which chooses among the languages that share a text's script."""

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

__all__ = ["detect"]


def detect(text: str, languages: frozenset[str]) -> str:
    """Return the code of the most probable language of a text.

    Args:
        text: some sentences; for a few words the result is a guess.
        languages: ISO 639-1 codes to choose from; codes that the model does not have are ignored.

    Raises:
        ValueError: the model has none of them.

    Source: py3langid, after Lui and Baldwin, "langid.py: An Off-the-shelf Language Identification Tool" (ACL 2012).

    Example:
        >>> detect("Das ist ein kurzer Satz.", frozenset(("de", "en", "nl")))
        'de'
    """
    return str(_load_model(languages).classify(text.lower())[0])


@cache
def _load_model(languages: frozenset[str]) -> LanguageIdentifier:
    model = LanguageIdentifier.from_model_file(MODEL_FILE)
    available = sorted(languages.intersection(model.labels))
    if not available:
        raise ValueError(f"py3langid has none of the languages {', '.join(sorted(languages))}")
    model.set_languages(available)
    return model
