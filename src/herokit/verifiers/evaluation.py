"""How well a verifier agrees with labels: the figures a verifier is chosen by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from herokit._statistics import Interval, f_measure, wilson
from herokit.combiners import CORRECT_THRESHOLD
from herokit.errors import DataError
from herokit.sources import execution
from herokit.types import Sample, Verdict, Verifier


@dataclass(frozen=True, slots=True)
class Agreement:
    """Verdicts against labels; "positive" means right.

    Attributes:
        count: pairs with a verdict and a label.
        silent: pairs on which the verifier could not say.
        true_positives: judged right and labelled right.
        false_positives: judged right, labelled wrong.
        false_negatives: judged wrong, labelled right.
        true_negatives: judged wrong and labelled wrong.
        disagreements: the rows on which verdict and label differ.
    """

    count: int
    silent: int
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    disagreements: tuple[int, ...]

    def figures(self) -> dict[str, Interval]:
        """Return accuracy, precision, recall, F1, and the rates of both errors, each with its 95 % interval.

        The false-positive rate is the share of wrong pairs that were accepted, the false-negative rate the share of
        right ones that were refused: what `herokit.sources.NoisyVerifiers` and the scheme ``noisy-verifier`` ask for.

        Example:
            >>> agreement([1.0, 0.0, 1.0], [1, 0, 0]).figures()["precision"][0]
            0.5
        """
        tp, fp, fn = self.true_positives, self.false_positives, self.false_negatives
        return {
            "accuracy": wilson(tp + self.true_negatives, self.count),
            "precision": wilson(tp, tp + fp),
            "recall": wilson(tp, tp + fn),
            "F1": f_measure(tp, fp, fn),
            "false positives": _rate(fp, fp + self.true_negatives),
            "false negatives": _rate(fn, tp + fn),
        }


def read_labels(where: str, column: str, values: Sequence[Any]) -> list[bool]:
    """Read a column of labels; nothing is guessed, for the texts "0" and "false" would count as right.

    Args:
        where: the file, for messages.
        column: the column's name, for messages.
        values: N labels.

    Raises:
        DataError: one is neither 1 nor 0, true nor false; the message names its row.

    Example:
        >>> read_labels("pairs.jsonl", "label", [1, False])
        [True, False]
    """
    for row, value in enumerate(values):
        if not isinstance(value, int | float) or value not in (0, 1):
            raise DataError(f"{where}: row {row + 1}: {column} must be 1 or 0, true or false, got {value!r:.60}")
    return list(map(bool, values))


def agreement(values: Sequence[float | None], labels: Sequence[Any]) -> Agreement:
    """Compare verdict values with labels, row by row; None is counted apart.

    Args:
        values: N values in [0, 1], or None.
        labels: N labels: true, 1, or not.
    """
    judged = [
        (row, v > CORRECT_THRESHOLD, bool(x))
        for row, (v, x) in enumerate(zip(values, labels, strict=True))
        if v is not None
    ]
    return Agreement(
        len(judged),
        len(values) - len(judged),
        sum(right and label for _, right, label in judged),
        sum(right and not label for _, right, label in judged),
        sum(label and not right for _, right, label in judged),
        sum(not label and not right for _, right, label in judged),
        tuple(row for row, right, label in judged if right != label),
    )


def _rate(part: int, whole: int) -> Interval:
    """Return a rate of errors; of nothing it is 0 and anything."""
    return wilson(part, whole) if whole else (0.0, 0.0, 1.0)


def judge(
    name: str, verifier: Verifier, samples: Sequence[Sample], columns: Mapping[str, Sequence[Any]]
) -> list[Verdict]:
    """Ask a verifier; rows that hold bare answers are compared as they are, where it can do that.

    Args:
        name: the verifier's name, for messages.
        verifier: one with ``compare(pairs)`` takes rows whose column ``kind`` says "answer" without extraction.
        samples: N samples.
        columns: the file's columns.
    """
    kinds = columns.get("kind", ["response"] * len(samples))
    answers = [row for row, kind in enumerate(kinds) if kind == "answer" and samples[row].reference is not None]
    bare = answers if hasattr(verifier, "compare") else []
    verdicts: list[Verdict | None] = [None] * len(samples)
    if bare:
        pairs = [(samples[row].reference, samples[row].completion) for row in bare]
        for row, verdict in zip(bare, verifier.compare(pairs), strict=True):  # type: ignore[attr-defined] # looked for above
            verdicts[row] = verdict
    rest = [row for row, verdict in enumerate(verdicts) if verdict is None]
    for row, verdict in zip(rest, execution.verify(name, verifier, [samples[row] for row in rest]), strict=True):
        verdicts[row] = verdict
    return [verdict for verdict in verdicts if verdict is not None]
