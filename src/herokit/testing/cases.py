"""A user's own rows as the answers that laws are tried on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from herokit.errors import ConfigError
from herokit.testing.attacks import ATTACKS, NUMBER_ATTACKS, REWRITES
from herokit.testing.batches import Draw
from herokit.testing.samples import AnswerFormat
from herokit.types import Sample

__all__ = ["format_of_cases", "format_of_samples"]

MAX_ROWS = 200
"""Of more rows, the first ones are used."""


def format_of_cases(cases: Iterable[Sequence[Any]]) -> AnswerFormat:
    """Return the answer format of rows ``(prompt, reference, right completion, wrong completion)``.

    Raises:
        ConfigError: a row has another length, or there is none.

    Example:
        >>> answers = format_of_cases([("2 + 2?", "4", "It is #4#.", "It is #5#."), ("2 + 3?", "5", "It is #5#.", "I pass.")])
        >>> answers.write("4"), answers.write("4 or 5"), answers.near_miss("4", lambda n: 0)
        ('It is #4#.', 'It is #4 or 5#.', 'It is #5#.')
    """
    rows = [tuple(case) for case in cases][:MAX_ROWS]
    for row in rows:
        if len(row) != 4:  # noqa: PLR2004 - the four parts of a case
            raise ConfigError(f"a case is (prompt, reference, right completion, wrong completion), got {row!r:.200}")
    right = {str(reference): completion for _, reference, completion, _ in rows}
    wrong = {str(reference): completion for _, reference, _, completion in rows}
    return _make_format(right, wrong, {str(reference): {} for reference in right})


def format_of_samples(samples: Iterable[Sample]) -> AnswerFormat:
    """Return the answer format of rollouts: a completion that holds its reference shows how answers are written.

    Raises:
        ConfigError: no row has a reference.
    """
    right: dict[str, str] = {}
    columns: dict[str, Mapping[str, Any]] = {}
    for sample in list(samples)[:MAX_ROWS]:
        if sample.reference is None:
            continue
        reference, text = str(sample.reference), sample.completion_text
        columns.setdefault(reference, sample.meta)
        if reference in text and reference not in right:
            right[reference] = text
    references = dict.fromkeys([*right, *columns])
    return _make_format(right, {}, {reference: columns[reference] for reference in references})


def _make_format(
    right: Mapping[str, str], wrong: Mapping[str, str], columns: Mapping[str, Mapping[str, Any]]
) -> AnswerFormat:
    references = list(columns)
    if not references:
        raise ConfigError("the cases have no references, without which no answer is right")
    templates = [(text, reference) for reference, text in right.items() if reference in text]
    completions = {text: text for text in wrong.values()} | dict(right)

    def write(answer: str) -> str:
        if answer in completions:
            return completions[answer]
        if not templates:
            return answer
        text, reference = templates[0]
        before, _, after = text.rpartition(reference)
        return f"{before}{answer}{after}"

    numbers = all(map(_is_number, references))
    return AnswerFormat(
        "your cases",
        lambda draw: references[draw(len(references))],
        write,
        _near_miss(references, wrong),
        reference=next((reference for reference in references if reference in right), references[0]),
        attacks=(*ATTACKS, *NUMBER_ATTACKS) if numbers else ATTACKS,
        rewrites=REWRITES,
        columns=(lambda reference: columns.get(str(reference), columns[references[0]]))
        if any(columns.values())
        else None,
    )


def _near_miss(references: list[str], wrong: Mapping[str, str]) -> Callable[[str, Draw], str]:
    def near_miss(answer: str, draw: Draw) -> str:
        """Return the wrong completion of the case, another reference, or the answer with a digit or a word more."""
        others = [other for other in references if other != answer]
        choices = [
            *([wrong[answer]] if answer in wrong else []),
            *((f"{answer}7", f"{answer}3") if _is_number(answer) else (f"New {answer}", f"{answer} Bay")),
        ]
        choices += [others[draw(len(others))]] if others else []
        return choices[draw(len(choices))]

    return near_miss


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
