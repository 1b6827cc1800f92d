"""Sources that need no model: what is exact, what is short, what takes its time, what breaks."""

import threading
import time
from dataclasses import dataclass

import numpy as np

from herokit import Rewarder, Status, Verdict, hero_advantage
from herokit.service.app import make_app
from herokit.service.engine import Keeper
from herokit.service.limits import Limits
from herokit.service.metrics import Metrics


class Exact:
    def verify(self, samples):
        return [
            Verdict(None, Status.FAILED, "no reference")
            if s.reference is None
            else Verdict(float(s.completion.strip() == s.reference), answer=s.completion.strip())
            for s in samples
        ]


@dataclass
class Brief:
    """Shorter is better; remembers how many rows it was asked for at a time, and may be held up."""

    def __post_init__(self):
        self.calls = []
        self.gate = threading.Event()
        self.gate.set()

    def score(self, samples):
        self.calls.append(len(samples))
        self.gate.wait(10)
        if any("explode" in s.completion for s in samples):
            return np.zeros(len(samples) + 1)
        return [-float(len(s.completion)) for s in samples]


class Slow(Brief):
    def score(self, samples):
        time.sleep(0.2)
        return super().score(samples)


def rewarder(model=None):
    return Rewarder({"verifier": Exact(), "rm": model or Brief()}, hero_advantage())


def service(model=None, *, token=None, state=None, hosts=None, **limits):
    """The application, its desk, and the reward model behind it."""
    model = model or Brief()
    metrics = Metrics()
    keeper = Keeper(rewarder(model), metrics, state)
    app, desk = make_app(keeper, Limits(**limits), metrics, token=token, hosts=hosts)
    return app, desk, model


def group(key, *completions, reference="4"):
    return [{"prompt": "2 + 2?", "completion": c, "group": key, "reference": reference} for c in completions]
