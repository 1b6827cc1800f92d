"""A stub verifier whose verdict is written in the completion, one character per verifier."""

import os
import time
from dataclasses import dataclass, field
from fractions import Fraction

from herokit.errors import SetupError
from herokit.hookspecs import hookimpl
from herokit.types import Sample, Status, Verdict

FIXED_VERDICTS = {
    "?": Verdict(None, Status.FAILED, "abstains"),
    "u": Verdict(0.0, Status.UNPARSED, "nothing"),
    "t": Verdict(0.0, Status.TIMEOUT, "too long"),
}


@dataclass(frozen=True)
class ScriptedVerifier:
    """``10 x``: the verifier at 0 accepts, the one at 1 rejects, the answer is x. A digit above 1 is a tenth."""

    at: int = 0

    def verify(self, samples):
        return [self.judge(sample.completion) for sample in samples]

    def judge(self, completion):
        script, _, answer = completion.partition(" ")
        mark = script[self.at : self.at + 1] or "?"
        if mark == "!":
            raise ZeroDivisionError("scripted error")
        if mark == "e":
            raise SetupError("scripted setup error")
        if mark == "f":
            return Verdict(1.0, answer=Fraction(1, 2))
        if mark == "s":
            time.sleep(60)
        if mark == "m":
            return Verdict(float(len(bytearray(1 << 40)) > 0))
        if mark == "k":
            os._exit(9)
        if mark in FIXED_VERDICTS:
            return FIXED_VERDICTS[mark]
        return Verdict(float(mark) if mark in "01" else int(mark) / 10, Status.JUDGED, "scripted", answer)


@dataclass(frozen=True)
class RecordingVerifier:
    """A `ScriptedVerifier` that records the completions it was given."""

    recorded: tuple[list, ...] = field(default=(), repr=False, compare=False)
    at: int = 0

    def verify(self, part):
        self.recorded[0].extend(s.completion for s in part)
        return ScriptedVerifier(self.at).verify(part)


def samples(*completions, reference="3", **meta):
    return [Sample("p", text, number, reference, meta) for number, text in enumerate(completions)]


def values(verdicts):
    return [verdict.value for verdict in verdicts]


@hookimpl
def herokit_register(register):
    register.verifier("scripted", "helpers.scripted:ScriptedVerifier")
