"""Sources and groups that tests of a `Rewarder` give it."""

import numpy as np

from herokit import Rewarder, Sample, Status, Verdict, hero


class Exact:
    def verify(self, samples):
        return [
            Verdict(None, Status.FAILED, "no reference")
            if s.reference is None
            else Verdict(float(s.completion == s.reference))
            for s in samples
        ]


class Length:
    def score(self, samples):
        return np.array([float(len(s.completion)) for s in samples])


class Gives:
    """Gives what it was made with, call after call."""

    def __init__(self, *each):
        self.each = iter(each)

    def score(self, samples):
        return next(self.each)


def group(key, *texts, reference="ok"):
    return [Sample("p", text, key, reference) for text in texts]


def make(combiner=None, **sources):
    return Rewarder({"verifier": Exact(), "rm": Length()} | sources, combiner or hero())
