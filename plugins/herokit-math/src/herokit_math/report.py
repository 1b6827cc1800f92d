"""Looking at verdicts: why one pair is judged as it is, and how well labelled pairs are judged."""

from collections.abc import Iterable
from dataclasses import dataclass

from herokit.types import Sample, Verdict
from herokit_math.atoms import UnsupportedError
from herokit_math.equivalence_policy import Policy
from herokit_math.limits import LimitError
from herokit_math.reading import read
from herokit_math.tiers import reference
from herokit_math.verifier import MathVerifier


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an answer is, or is not, the reference.

    Attributes:
        equal: the verdict's value, None when it abstains.
        verdict: the whole verdict; its reason names the tier and the reason.
        gold: the type the reference was read as, or why it was not read.
        answer: the same for the answer.
    """

    equal: float | None
    verdict: Verdict
    gold: str
    answer: str


def explain(gold: str, answer: str, *, policy: Policy | None = None) -> Explanation:
    r"""Explain one pair; the answer is taken as it is, nothing is extracted.

    Example:
        >>> explain("[0.5, 8]", r"0.5 \le x \le 8").gold
        'Interval'
    """
    with MathVerifier(max_workers=1, policy=policy or Policy()) as math:
        (verdict,) = math.compare([(gold, answer)])
    return Explanation(verdict.value, verdict, _sort(reference(gold)), _sort(answer))


def _sort(text: str) -> str:
    try:
        return type(read(text)).__name__
    except (UnsupportedError, LimitError) as error:
        return f"not read: {error}"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A pair whose verdict is not its label."""

    row: int
    gold: str
    text: str
    label: bool
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """How verdicts agree with labels; "positive" means equal.

    Attributes:
        count: the number of pairs.
        true_positives: judged equal, labelled equal; and so on.
        disagreements: every pair judged against its label, in order.
    """

    count: int
    true_positives: int
    false_positives: int
    false_negatives: int
    disagreements: tuple[Disagreement, ...]

    @property
    def accuracy(self) -> float:
        """Agreeing pairs over all pairs; 1 when there are none."""
        return 1.0 - len(self.disagreements) / self.count if self.count else 1.0

    @property
    def precision(self) -> float:
        """True positives over all judged equal; 1 when there are none."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """True positives over all labelled equal; 1 when there are none."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return _ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)


def evaluate(
    pairs: Iterable[tuple[str, str, bool]], *, responses: bool = False, verifier: MathVerifier | None = None
) -> Report:
    r"""Judge labelled pairs and compare.

    Args:
        pairs: (reference, answer, label).
        responses: the answers are whole completions, from which the final answer is extracted first.
        verifier: which one; it stays open. A default one is opened and closed when None.

    Example:
        >>> evaluate([("1", "1.0", True), ("1", "2", False)]).f1
        1.0
    """
    rows = list(pairs)
    math = verifier or MathVerifier()
    try:
        if responses:
            verdicts = math.verify([Sample("", text, group=0, reference=gold) for gold, text, _ in rows])
        else:
            verdicts = math.compare([(gold, text) for gold, text, _ in rows])
    finally:
        if verifier is None:
            math.close()
    judged = [v.value == 1.0 for v in verdicts]
    wrong = tuple(
        Disagreement(row, gold, text, bool(label), verdict)
        for row, ((gold, text, label), verdict, equal) in enumerate(zip(rows, verdicts, judged, strict=True))
        if equal != bool(label)
    )
    false_positives = sum(not d.label for d in wrong)
    return Report(
        count=len(rows),
        true_positives=sum(judged) - false_positives,
        false_positives=false_positives,
        false_negatives=len(wrong) - false_positives,
        disagreements=wrong,
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0
