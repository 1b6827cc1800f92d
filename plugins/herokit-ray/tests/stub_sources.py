"""Stub sources that die, hang or raise on request; imported by the actors, which are other processes."""

import os
import time
from dataclasses import dataclass

import numpy as np
import psutil

from herokit.types import Scores, Status, Verdict


def actor_processes():
    """Return the processes of this test's actors."""
    processes = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "_SourceActor" in " ".join(process.cmdline()):
                processes.append(process)
        except psutil.Error:
            continue
    return processes


@dataclass(frozen=True)
class Exact:
    seconds: float = 0.0

    def verify(self, samples):
        for sample in samples:
            if sample.completion == "die":
                os.kill(os.getpid(), 9)
            if sample.completion == "hang":
                time.sleep(60)
            if sample.completion == "raise":
                raise ValueError("cannot")
        time.sleep(self.seconds * len(samples))
        return [Verdict(float(s.completion == s.reference), reason=str(os.getpid())) for s in samples]


@dataclass(frozen=True)
class Length:
    bare: bool = True

    def score(self, samples):
        if any(s.completion == "die" for s in samples):
            os.kill(os.getpid(), 9)
        values = np.array([float(len(s.completion)) for s in samples])
        if self.bare:
            return values
        return Scores(values, (Status.JUDGED,) * len(samples), ("",) * len(samples), [[1.0, v] for v in values])


@dataclass(frozen=True)
class OneTooFew:
    def verify(self, samples):
        return [Verdict(1.0)] * (len(samples) - 1)

    def score(self, samples):
        return [1.0] * (len(samples) - 1)


class FailsToStart:
    def verify(self, samples):
        return []

    def __reduce__(self):
        return (exec, ("raise RuntimeError('no licence')",))
