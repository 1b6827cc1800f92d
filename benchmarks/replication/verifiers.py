"""Verifiers of chosen recall and false-positive rate, and herokit-math on the task's answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.replication.tasks import FORMS, Task, share

from herokit import Sample, Status, Verdict
from herokit_math import MathVerifier

SETTINGS = {
    "exact": (1.0, 0.0),
    "as in the paper's training": (0.7, 0.0),
    "as in the paper's training, 0.003 false positives": (0.7, 0.003),
    "strict": (0.25, 0.0),
    "very strict": (0.1, 0.0),
    "very strict, 0.003 false positives": (0.1, 0.003),
    "very strict, 0.05 false positives": (0.1, 0.05),
    "very strict, 0.1 false positives": (0.1, 0.1),
}
"""Named verifiers: recall and share of wrong answers that are accepted."""


@dataclass(frozen=True)
class HiddenForm:
    """Compares answers, as strings, with a problem's accepted forms, which the policy cannot see.

    Of the four equivalent forms a problem accepts none, some or all, drawn once for each problem so that a right
    answer in a uniformly drawn form is accepted with chance `recall`. What is accepted differs from problem to problem:
    a policy cannot learn its way out, as it could if one form were accepted everywhere.

    Args:
        task: whose answers they are.
        recall: share of right answers that are accepted, in (0, 1].
        false_positives: share of wrong answers that are accepted, in [0, 1); drawn once for each problem and answer.
        learnable: accept the same forms for every problem, so that a policy can learn them; recall is then a multiple of
            a quarter, of uniformly drawn forms.
    """

    task: Task
    recall: float = 1.0
    false_positives: float = 0.0
    learnable: bool = False

    def accepted(self, problem: Any) -> list[int]:
        """Return the forms that are accepted for a problem."""
        wanted, hidden = self.recall * FORMS, "any" if self.learnable else problem
        count = int(wanted) + (share("count", hidden, *self.task.salt) < wanted - int(wanted))
        return sorted(range(FORMS), key=lambda form: share("form", hidden, form, *self.task.salt))[:count]

    def verify(self, samples: Sequence[Sample], /) -> list[Verdict]:
        """Return 1 where the answer is one of the accepted strings; an unfinished text is wrong."""
        return [self._verdict(sample) for sample in samples]

    def _verdict(self, sample: Sample) -> Verdict:
        problem, answer = sample.meta["problem"], sample.completion.rpartition(";")[2]
        if not sample.meta["finished"]:
            return Verdict(0.0, Status.UNPARSED, "no end")
        value = self.task.answer(problem)
        forms = ["".join(self.task.render(value, form)) for form in range(FORMS)]
        if answer in forms:
            return Verdict(float(forms.index(answer) in self.accepted(problem)), answer=answer)
        lucky = self.false_positives > 0 and share("lucky", problem, answer, *self.task.salt) < self.false_positives
        return Verdict(float(lucky), answer=answer)


@dataclass(frozen=True)
class HerokitMath:
    """Lets herokit-math judge what follows the last semicolon; the reference is the answer in its plainest form."""

    verifier: MathVerifier = field(default_factory=lambda: MathVerifier(max_workers=1))

    def verify(self, samples: Sequence[Sample], /) -> list[Verdict]:
        """Return its verdicts; an unfinished text is wrong."""
        boxed = [replace(s, completion=rf"\boxed{{{s.completion.rpartition(';')[2]}}}") for s in samples]
        verdicts = self.verifier.verify(boxed)
        unfinished = Verdict(0.0, Status.UNPARSED, "no end")
        return [v if s.meta["finished"] else unfinished for v, s in zip(verdicts, samples, strict=True)]

    def close(self) -> None:
        """Stop its workers."""
        self.verifier.close()


def verifier_of(
    task: Task, recall: float, false_positives: float, *, learnable: bool = False
) -> HiddenForm | HerokitMath:
    """Return a task's verifier: herokit-math where it can read the answers and is to be exact, else hidden forms."""
    exact = recall == 1.0 and false_positives == 0.0
    return HerokitMath() if exact and task.name == "equations" else HiddenForm(task, recall, false_positives, learnable)
