"""A stand-in verifier that says what the completion tells it to, one character a verifier."""

import os
import time
from dataclasses import dataclass, field
from fractions import Fraction

from herokit.errors import SetupError
from herokit.hookspecs import hookimpl
from herokit.types import Sample, Status, Verdict

SAID = {
    "?": Verdict(None, Status.FAILED, "cannot say"),
    "u": Verdict(0.0, Status.UNPARSED, "nothing"),
    "t": Verdict(0.0, Status.TIMEOUT, "too long"),
}


@dataclass(frozen=True)
class Says:
    """``10 x``: the verifier at 0 accepts, the one at 1 refuses, the answer is x. A digit above 1 is a tenth."""

    at: int = 0

    def verify(self, samples):
        return [self.one(sample.completion) for sample in samples]

    def one(self, completion):
        said, _, answer = completion.partition(" ")
        mark = said[self.at : self.at + 1] or "?"
        if mark == "!":
            raise ZeroDivisionError("told to")
        if mark == "e":
            raise SetupError("told to stop")
        if mark == "f":
            return Verdict(1.0, answer=Fraction(1, 2))
        if mark == "s":
            time.sleep(60)
        if mark == "m":
            return Verdict(float(len(bytearray(1 << 40)) > 0))
        if mark == "k":
            os._exit(9)
        if mark in SAID:
            return SAID[mark]
        return Verdict(float(mark) if mark in "01" else int(mark) / 10, Status.JUDGED, "said", answer)


@dataclass(frozen=True)
class Spy:
    """Says, and writes down what it was asked."""

    heard: tuple[list, ...] = field(default=(), repr=False, compare=False)
    at: int = 0

    def verify(self, part):
        self.heard[0].extend(s.completion for s in part)
        return Says(self.at).verify(part)


def samples(*completions, reference="3", **meta):
    return [Sample("p", text, number, reference, meta) for number, text in enumerate(completions)]


def values(verdicts):
    return [verdict.value for verdict in verdicts]


@hookimpl
def herokit_register(register):
    register.verifier("says", "says:Says")
