"""How well a verifier agrees with labels: the figures a verifier is chosen by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from herokit import asking
from herokit.combine import RIGHT
from herokit.errors import DataError
from herokit.types import Sample, Verdict, Verifier

Interval = tuple[float, float, float]
"""A share with its 95 % interval: estimate, low, high."""


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
        """Return accuracy, precision and recall with Wilson intervals, and F1.

        Example:
            >>> agreement([1.0, 0.0, 1.0], [1, 0, 0]).figures()["precision"][0]
            0.5
        """
        tp, fp, fn = self.true_positives, self.false_positives, self.false_negatives
        f1 = 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0
        return {
            "accuracy": wilson(tp + self.true_negatives, self.count),
            "precision": wilson(tp, tp + fp),
            "recall": wilson(tp, tp + fn),
            "F1": (f1, f1, f1),
        }


def agreement(values: Sequence[float | None], labels: Sequence[Any]) -> Agreement:
    """Compare verdict values with labels, row by row; None is counted apart.

    Args:
        values: N values in [0, 1], or None.
        labels: N labels: true, 1, or not.
    """
    judged = [(row, v > RIGHT, bool(x)) for row, (v, x) in enumerate(zip(values, labels, strict=True)) if v is not None]
    return Agreement(
        len(judged),
        len(values) - len(judged),
        sum(right and label for _, right, label in judged),
        sum(right and not label for _, right, label in judged),
        sum(label and not right for _, right, label in judged),
        sum(not label and not right for _, right, label in judged),
        tuple(row for row, right, label in judged if right != label),
    )


def wilson(part: int, whole: int, z: float = 1.96) -> Interval:
    """Return a share and its Wilson interval; of nothing it is 1 and anything.

    Example:
        >>> [round(x, 3) for x in wilson(95, 100)]
        [0.95, 0.888, 0.978]
    """
    if not whole:
        return 1.0, 0.0, 1.0
    p = part / whole
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return p, max(0.0, middle - half), min(1.0, middle + half)


def judge(
    name: str, verifier: Verifier, samples: Sequence[Sample], columns: Mapping[str, Sequence[Any]]
) -> list[Verdict]:
    """Ask a verifier; rows that hold bare answers are compared as they are, where it can do that.

    Args:
        name: the verifier's name, for messages.
        verifier: one with ``compare(pairs)`` takes rows whose column ``kind`` says "answer" without extraction.
        samples: N samples.
        columns: the file's columns.

    Raises:
        DataError: a row has no reference.
    """
    for row, sample in enumerate(samples, start=1):
        if sample.reference is None:
            raise DataError(f"row {row}: no reference to compare with")
    kinds = columns.get("kind", ["response"] * len(samples))
    bare = [row for row, kind in enumerate(kinds) if kind == "answer"] if hasattr(verifier, "compare") else []
    verdicts: list[Verdict | None] = [None] * len(samples)
    if bare:
        pairs = [(samples[row].reference, samples[row].completion) for row in bare]
        for row, verdict in zip(bare, verifier.compare(pairs), strict=True):  # type: ignore[attr-defined] # looked for above
            verdicts[row] = verdict
    rest = [row for row, verdict in enumerate(verdicts) if verdict is None]
    for row, verdict in zip(rest, asking.verify(name, verifier, [samples[row] for row in rest]), strict=True):
        verdicts[row] = verdict
    return [verdict for verdict in verdicts if verdict is not None]
