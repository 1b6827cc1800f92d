"""A verifier or a reward model under test."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from herokit.testing.batches import Numbers
from herokit.testing.law import Choose, Span
from herokit.testing.samples import PLAIN, AnswerFormat, make_chats
from herokit.testing.verdict import Broken
from herokit.types import RewardModel, Sample, Scores, Verdict, Verifier


@dataclass(frozen=True, slots=True, eq=False)
class VerifierSubject:
    """A verifier under test, with what answers look like to it.

    Attributes:
        thing: the verifier.
        answer_format: answers, and how they are written.
        timeout: wall seconds it may spend on one hostile completion.
    """

    thing: Verifier
    answer_format: AnswerFormat = PLAIN
    timeout: float = 5.0

    def make(self, choose: Choose) -> Callable[[Span], list[str]]:
        """Choose one to four distinct answers."""
        answers = list(dict.fromkeys(self.answer_format.draw(choose) for _ in range(1 + choose(4))))
        return lambda _: answers

    def ask(self, samples: Sequence[Sample]) -> list[Verdict]:
        """Return the verdicts.

        Raises:
            Broken: it raised, or did not return one `Verdict` a sample.
        """
        try:
            verdicts = list(self.thing.verify(samples))
        except Exception as error:
            raise Broken(f"it raised {type(error).__name__}: {error}", **_shown(samples)) from error
        for verdict in verdicts:
            if not isinstance(verdict, Verdict):
                raise Broken(f"it returned {verdict!r} where a Verdict was expected", **_shown(samples))
        if len(verdicts) != len(samples):
            raise Broken(f"it returned {len(verdicts)} verdicts for {len(samples)} samples", **_shown(samples))
        return verdicts

    def values(self, samples: Sequence[Sample]) -> list[float | None]:
        """Return the verdicts' values."""
        return [verdict.value for verdict in self.ask(samples)]


@dataclass(frozen=True, slots=True, eq=False)
class ModelSubject:
    """A reward model under test.

    Attributes:
        thing: the reward model.
        tolerance: how far scores may differ where only batching differs, relative to the larger one or 1.
    """

    thing: RewardModel
    tolerance: float = 1e-4

    def make(self, choose: Choose) -> Callable[[Span], list[Sample]]:
        """Choose chat completions."""
        samples = make_chats(choose)
        return lambda _: samples

    def ask(self, samples: Sequence[Sample]) -> Scores:
        """Return the scores.

        Raises:
            Broken: it raised, or did not return one number a sample.
        """
        try:
            scores = self.thing.score(samples)
            found = scores if isinstance(scores, Scores) else Scores.from_values(scores)
        except Exception as error:
            raise Broken(f"it raised {type(error).__name__}: {error}", **_shown(samples)) from error
        if found.values.shape != (len(samples),):
            raise Broken(f"it returned shape {found.values.shape} for {len(samples)} samples", **_shown(samples))
        return found

    def same(self, samples: Sequence[Sample], message: str, here: Numbers, there: Numbers) -> None:
        """Raise `Broken` where two ways of asking gave other scores."""
        near = np.abs(here - there) <= self.tolerance * np.maximum(1.0, np.maximum(np.abs(here), np.abs(there)))
        if not (near | (np.isnan(here) & np.isnan(there))).all():
            raise Broken(message, **_shown(samples), score=here, score_then=there)


def _shown(samples: Sequence[Sample]) -> dict[str, Any]:
    return {
        "reference": [repr(sample.reference) for sample in samples],
        "completion": [short(sample.completion) for sample in samples],
    }


def short(text: str) -> str:
    """Write a completion on one line, at most 60 characters.

    Example:
        >>> short("a" * 100)[-5:]
        "aa..'"
    """
    return repr(text if len(text) < 60 else f"{text[:56]}..")  # noqa: PLR2004 - a line of a table
