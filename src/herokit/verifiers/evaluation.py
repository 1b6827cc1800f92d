"""Agreement of a verifier with labels: counts, rates and their intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from herokit._statistics import Interval, f1_interval, wilson_interval
from herokit.combiners.base import CORRECT_THRESHOLD
from herokit.errors import DataError
from herokit.sources import execution
from herokit.types import Sample, Verdict, Verifier

__all__ = ["Agreement", "measure_agreement", "read_labels", "verify_rows"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Verdicts against labels; "positive" means correct.

    Attributes:
        count: pairs with a verdict and a label.
        abstained: pairs on which the verifier gave no value.
        true_positives: pairs accepted and labelled correct.
        false_positives: pairs accepted and labelled incorrect.
        false_negatives: pairs rejected and labelled correct.
        true_negatives: pairs rejected and labelled incorrect.
        disagreements: the rows on which verdict and label differ.
    """

    count: int
    abstained: int
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    disagreements: tuple[int, ...]

    def rates(self) -> dict[str, Interval]:
        """Return accuracy, precision, recall, F1 and both error rates, each with its 95 % interval.

        The false-positive rate is the share of incorrect pairs that were accepted, the false-negative rate the share of
        correct ones that were rejected: the parameters of `herokit.sources.NoisyVerifiers` and of the scheme
        ``noisy-verifier``.

        Example:
            >>> measure_agreement([1.0, 0.0, 1.0], [1, 0, 0]).rates()["precision"][0]
            0.5
        """
        tp, fp, fn = self.true_positives, self.false_positives, self.false_negatives
        return {
            "accuracy": wilson_interval(tp + self.true_negatives, self.count),
            "precision": wilson_interval(tp, tp + fp),
            "recall": wilson_interval(tp, tp + fn),
            "F1": f1_interval(tp, fp, fn),
            "false positives": _error_rate(fp, fp + self.true_negatives),
            "false negatives": _error_rate(fn, tp + fn),
        }


def _error_rate(errors: int, trials: int) -> Interval:
    """Return a rate of errors; for 0 trials, (0, 0, 1)."""
    return wilson_interval(errors, trials) if trials else (0.0, 0.0, 1.0)


def measure_agreement(values: Sequence[float | None], labels: Sequence[Any]) -> Agreement:
    """Compare verdict values with labels, row by row; a row without a value is counted as abstained.

    Args:
        values: N values in [0, 1], or None.
        labels: N labels: true or 1 for correct, false or 0 for incorrect.
    """
    judged = [
        (row, value > CORRECT_THRESHOLD, bool(label))
        for row, (value, label) in enumerate(zip(values, labels, strict=True))
        if value is not None
    ]
    return Agreement(
        len(judged),
        len(values) - len(judged),
        sum(accepted and label for _, accepted, label in judged),
        sum(accepted and not label for _, accepted, label in judged),
        sum(label and not accepted for _, accepted, label in judged),
        sum(not label and not accepted for _, accepted, label in judged),
        tuple(row for row, accepted, label in judged if accepted != label),
    )


def read_labels(source: str, column: str, values: Sequence[Any]) -> list[bool]:
    """Read a column of labels; only 1, 0, true and false are allowed, because the texts "0" and "false" are truthy.

    Args:
        source: the file, for messages.
        column: the column's name, for messages.
        values: N labels.

    Raises:
        DataError: a label is anything else; the message names its row.

    Example:
        >>> read_labels("pairs.jsonl", "label", [1, False])
        [True, False]
    """
    for row, value in enumerate(values):
        if not isinstance(value, int | float) or value not in (0, 1):
            raise DataError(f"{source}: row {row + 1}: {column} must be 1 or 0, true or false, got {value!r:.60}")
    return list(map(bool, values))


def verify_rows(
    name: str, verifier: Verifier, samples: Sequence[Sample], columns: Mapping[str, Sequence[Any]]
) -> list[Verdict]:
    """Run a verifier on labelled rows; answers without a response around them are compared directly, if it can do that.

    Args:
        name: the verifier's name, for messages.
        verifier: if it has ``compare(pairs)``, that gets the rows whose column ``kind`` is "answer".
        samples: N samples.
        columns: the file's columns.
    """
    kinds = columns.get("kind", ["response"] * len(samples))
    compare = getattr(verifier, "compare", None)
    answers = [row for row, kind in enumerate(kinds) if kind == "answer" and samples[row].reference is not None]
    answers = answers if compare else []
    responses = sorted(set(range(len(samples))).difference(answers))
    verdicts: dict[int, Verdict] = {}
    if compare and answers:
        pairs = [(str(samples[row].reference), samples[row].completion_text) for row in answers]
        verdicts.update(zip(answers, compare(pairs), strict=True))
    judged = execution.verify(name, verifier, [samples[row] for row in responses])
    verdicts.update(zip(responses, judged, strict=True))
    return [verdicts[row] for row in range(len(samples))]
