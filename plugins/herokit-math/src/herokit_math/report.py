"""Explain the verdict on a pair, and evaluate verdicts on labelled pairs."""

from collections.abc import Iterable
from dataclasses import dataclass

from herokit.types import Sample, Verdict
from herokit_math.expression import UnsupportedError
from herokit_math.limits import LimitError
from herokit_math.parser import parse_answer
from herokit_math.quantity_comparison import Policy
from herokit_math.tiers import extract_reference
from herokit_math.verifier import MathVerifier

__all__ = ["Disagreement", "Explanation", "Report", "evaluate", "explain"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an answer is equal to the reference or not.

    Attributes:
        equal: the verdict's value; None if it abstains.
        verdict: the verdict; its reason names the tier.
        reference_type: the type as which the reference was parsed, or why it was not parsed.
        answer_type: the same for the answer.
    """

    equal: float | None
    verdict: Verdict
    reference_type: str
    answer_type: str


def explain(reference: str, answer: str, *, policy: Policy | None = None) -> Explanation:
    r"""Explain the verdict on an answer that is already extracted.

    Example:
        >>> explain("[0.5, 8]", r"0.5 \le x \le 8").reference_type
        'Interval'
    """
    with MathVerifier(max_workers=1, policy=policy or Policy()) as math:
        (verdict,) = math.compare([(reference, answer)])
    return Explanation(verdict.value, verdict, _describe_type(extract_reference(reference)), _describe_type(answer))


def _describe_type(answer: str) -> str:
    try:
        return type(parse_answer(answer)).__name__
    except (UnsupportedError, LimitError) as error:
        return f"not parsed: {error}"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A pair whose verdict differs from its label, or that has no verdict."""

    row: int
    reference: str
    answer: str
    label: bool
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """Agreement of verdicts with labels; "positive" means equal.

    Attributes:
        count: the number of pairs.
        true_positives: pairs that are equal by verdict and label.
        false_positives: pairs that are equal by verdict only.
        false_negatives: pairs that are equal by label only, with or without a verdict.
        abstentions: pairs without a verdict, such as those whose reference cannot be read.
        disagreements: every pair whose verdict differs from its label or that has none, in order.
    """

    count: int
    true_positives: int
    false_positives: int
    false_negatives: int
    abstentions: int
    disagreements: tuple[Disagreement, ...]

    @property
    def accuracy(self) -> float:
        """Agreeing pairs over all pairs; 1 for no pairs."""
        return 1.0 - len(self.disagreements) / self.count if self.count else 1.0

    @property
    def precision(self) -> float:
        """True positives over all pairs that are equal by verdict; 1 if there are none."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """True positives over all pairs that are equal by label; 1 if there are none."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return _ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)


def evaluate(
    pairs: Iterable[tuple[str, str, bool]], *, responses: bool = False, verifier: MathVerifier | None = None
) -> Report:
    r"""Judge labelled pairs and compare the verdicts with the labels.

    Args:
        pairs: tuples (reference, answer, label).
        responses: whether the answers are whole completions, from which the final answer is extracted first.
        verifier: the verifier, which stays open; None for one with default settings, which is closed at the end.

    Example:
        >>> evaluate([("1", "1.0", True), ("1", "2", False)]).f1
        1.0
    """
    rows = list(pairs)
    math = verifier or MathVerifier()
    try:
        if responses:
            verdicts = math.verify([Sample("", answer, group=0, reference=ref) for ref, answer, _ in rows])
        else:
            verdicts = math.compare([(reference, answer) for reference, answer, _ in rows])
    finally:
        if verifier is None:
            math.close()
    positives = [v.value == 1.0 for v in verdicts]
    disagreements = tuple(
        Disagreement(row, reference, answer, bool(label), verdict)
        for row, ((reference, answer, label), verdict, equal) in enumerate(zip(rows, verdicts, positives, strict=True))
        if verdict.value is None or equal != bool(label)
    )
    false_positives = sum(d.verdict.value == 1.0 for d in disagreements)
    return Report(
        count=len(rows),
        true_positives=sum(positives) - false_positives,
        false_positives=false_positives,
        false_negatives=sum(d.label for d in disagreements),
        abstentions=sum(v.value is None for v in verdicts),
        disagreements=disagreements,
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0
