"""Sources under test: verifiers and reward functions, which judge answers, and reward models."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from herokit.errors import SetupError, format_error, locate_error
from herokit.testing.batches import Draw, Numbers, ScoreRange
from herokit.testing.law import LawViolation, TargetKind
from herokit.testing.samples import PLAIN, AnswerFormat, draw_chats
from herokit.testing.subjects import notify_call
from herokit.types import RewardModel, Sample, Scores, Verdict

__all__ = ["AnswerSubject", "RewardFunctionSubject", "RewardModelSubject", "VerifierSubject", "shorten"]

MAX_SHOWN = 60
"""Characters of a completion shown in a counterexample."""

MAX_ROWS_SHOWN = 2
"""Rows with another score that a counterexample shows."""


@dataclass(frozen=True, slots=True, eq=False)
class AnswerSubject:
    """Something that judges answers: a verifier or a reward function.

    Attributes:
        source: the verifier, or the reward function as a reward model.
        answer_format: its answers, and how completions give them.
        timeout: seconds that it may spend on one expensive completion.
    """

    source: Any
    answer_format: AnswerFormat = PLAIN
    timeout: float = 5.0

    def draw_example(self, draw: Draw) -> Callable[[ScoreRange], list[str]]:
        """Draw one to four distinct answers."""
        answers = list(dict.fromkeys(self.answer_format.draw(draw) for _ in range(1 + draw(4))))
        return lambda _: answers

    def reductions(self, example: list[str]) -> Iterator[list[str]]:
        """Yield the example without one of its answers."""
        return _without_one(example)

    def pack(self, example: list[str]) -> list[str]:
        """Return the answers."""
        return example

    def unpack(self, packed: list[str]) -> list[str]:
        """Return the answers."""
        return packed

    @property
    def kind(self) -> TargetKind:
        """The kind of laws that apply."""
        return "verifier" if isinstance(self, VerifierSubject) else "reward function"

    def values(self, samples: Sequence[Sample]) -> list[float | None]:
        """Return the values that it gives.

        Raises:
            LawViolation: it raised, or did not return one value per sample.
        """
        raise NotImplementedError

    def prepare(self, samples: Sequence[Sample]) -> list[Sample]:
        """Give the samples the columns of the answer format, and tell that they are judged."""
        notify_call()
        columns = self.answer_format.columns
        return [replace(s, meta={**columns(s.reference), **s.meta}) for s in samples] if columns else list(samples)


class VerifierSubject(AnswerSubject):
    """A verifier under test."""

    __slots__ = ()

    def verify(self, samples: Sequence[Sample]) -> list[Verdict]:
        """Return the verdicts.

        Raises:
            LawViolation: the verifier raised, or did not return one `Verdict` per sample.
        """
        samples = self.prepare(samples)
        try:
            verdicts = list(self.source.verify(samples))
        except (Exception, SystemExit) as error:
            raise _raised(error, samples, self.source.verify) from error
        for verdict in verdicts:
            if not isinstance(verdict, Verdict):
                raise _broken(f"it returned {verdict!r} instead of a Verdict")
        if len(verdicts) != len(samples):
            raise LawViolation(
                f"it returned {len(verdicts)} verdicts for {len(samples)} samples", **_text_columns(samples)
            )
        return verdicts

    def values(self, samples: Sequence[Sample]) -> list[float | None]:
        """Return the values of the verdicts."""
        return [verdict.value for verdict in self.verify(samples)]


class RewardFunctionSubject(AnswerSubject):
    """A reward function under test; its rewards may have any range."""

    __slots__ = ()

    def values(self, samples: Sequence[Sample]) -> list[float | None]:
        """Return the rewards; None for a row that got none.

        Raises:
            LawViolation: the function raised, or did not return one reward per sample.
        """
        samples = self.prepare(samples)
        try:
            scores = self.source.score(samples)
        except SetupError as error:
            raise _broken(str(error)) from error
        except ImportError as error:  # a package is missing, whatever the samples are
            raise _broken(f"it raised {type(error).__name__}: {error}") from error
        except (Exception, SystemExit) as error:
            raise _raised(error, samples, self.source.score) from error
        rows = zip(samples, scores.reasons, scores.values.tolist(), strict=True)
        for sample, reason, value in rows:
            if value != value and reason.startswith("raised "):  # noqa: PLR0124 - NaN
                raise LawViolation(f"it {reason}", **_text_columns([sample]))
        return [None if value != value else value for value in scores.values.tolist()]  # noqa: PLR0124 - NaN


@dataclass(frozen=True, slots=True, eq=False)
class RewardModelSubject:
    """A reward model under test.

    Attributes:
        reward_model: the reward model.
        tolerance: the allowed difference between scores of the same sample in other batches, relative to the larger
            score or 1.
    """

    reward_model: RewardModel
    tolerance: float = 1e-4

    def draw_example(self, draw: Draw) -> Callable[[ScoreRange], list[Sample]]:
        """Draw chat completions."""
        samples = draw_chats(draw)
        return lambda _: samples

    def reductions(self, example: list[Sample]) -> Iterator[list[Sample]]:
        """Yield the example without one of its samples."""
        return _without_one(example)

    def pack(self, example: list[Sample]) -> list[Any]:
        """Return prompt, completion, group and reference of each sample."""
        return [[s.prompt, s.completion, s.group, s.reference] for s in example]

    def unpack(self, packed: list[Any]) -> list[Sample]:
        """Return the samples."""
        return [Sample(*fields) for fields in packed]

    def score(self, samples: Sequence[Sample]) -> Scores:
        """Return the scores.

        Raises:
            LawViolation: the reward model raised, or did not return one number per sample.
        """
        notify_call()
        try:
            returned = self.reward_model.score(samples)
            scores = returned if isinstance(returned, Scores) else Scores.from_values(returned)
        except (Exception, SystemExit) as error:
            raise _raised(error, samples, self.reward_model.score) from error
        if scores.values.shape != (len(samples),):
            raise LawViolation(
                f"it returned shape {scores.values.shape} for {len(samples)} samples", **_text_columns(samples)
            )
        return scores

    @staticmethod
    def columns(samples: Sequence[Sample], **columns: Any) -> dict[str, Any]:
        """Return the columns of a counterexample: the texts, and what is given."""
        return {**_text_columns(samples), **columns}

    def check_equal(self, samples: Sequence[Sample], message: str, first: Numbers, second: Numbers) -> None:
        """Raise `LawViolation` unless two runs gave the same scores, up to the tolerance."""
        limit = self.tolerance * np.maximum(1.0, np.maximum(np.abs(first), np.abs(second)))
        differ = ~((np.abs(first - second) <= limit) | (np.isnan(first) & np.isnan(second)))
        if differ.any():
            rows = np.flatnonzero(differ)[:MAX_ROWS_SHOWN]
            samples = [samples[row] for row in rows]
            raise LawViolation(message, **_text_columns(samples), score=first[rows], score_then=second[rows])


def _without_one(rows: list[Any]) -> Iterator[list[Any]]:
    """Yield the rows without one of them, as long as one remains."""
    if len(rows) > 1:
        yield from (rows[:i] + rows[i + 1 :] for i in range(len(rows)))


def _broken(message: str) -> LawViolation:
    violation = LawViolation(message)
    violation.breaks_contract = True
    return violation


def shorten(text: str) -> str:
    """Return a completion in quotes, on one line and not longer than `MAX_SHOWN`.

    Example:
        >>> shorten("a" * 100)[-5:]
        "aa..'"
    """
    return repr(text if len(text) < MAX_SHOWN else f"{text[: MAX_SHOWN - 4]}..")


def _raised(error: BaseException, samples: Sequence[Sample], judge: Callable[[list[Sample]], object]) -> LawViolation:
    """Return the violation of a call that raised; it shows the first row that raises by itself, if one does."""
    rows = next(([sample] for sample in samples if len(samples) > 1 and _raises(judge, sample)), samples)
    return LawViolation(f"it raised {format_error(error)}{locate_error(error)}", **_text_columns(rows))


def _raises(judge: Callable[[list[Sample]], object], sample: Sample) -> bool:
    try:
        judge([sample])
    except (Exception, SystemExit):  # noqa: BLE001 - what was raised is known
        return True
    return False


def _text_columns(samples: Sequence[Sample]) -> dict[str, Any]:
    return {
        "reference": [repr(sample.reference) for sample in samples],
        "completion": [shorten(sample.completion_text) for sample in samples],
    }
