"""Stub sources that need no model: exact match, shorter is better, slow; and the application around them."""

import threading
import time
from dataclasses import dataclass

import numpy as np

from herokit import Rewarder, Select, Status, Verdict, chain, hero_advantage
from herokit.combiners import AggregateParts, ForParts
from herokit.service.app import make_app
from herokit.service.engine import Engine
from herokit.service.limits import Limits
from herokit.service.metrics import Metrics


class Exact:
    def verify(self, samples):
        return [
            Verdict(None, Status.FAILED, "no reference")
            if s.reference is None
            else Verdict(float(s.final_text.strip() == str(s.reference)), answer=s.final_text.strip())
            for s in samples
        ]


@dataclass
class Short:
    """Shorter is better. It records the rows of each call, can be held, and breaks its contract on "explode"."""

    def __post_init__(self):
        self.calls = []
        self.gate = threading.Event()
        self.gate.set()

    def score(self, samples):
        self.calls.append(len(samples))
        self.gate.wait(10)
        if any("explode" in s.completion_text for s in samples):
            return np.zeros(len(samples) + 1)
        return [-float(len(s.completion_text)) for s in samples]


class FirstPart:
    """Judges two parts, of which the second has no value."""

    def verify(self, samples):
        parts = (Verdict(1.0), Verdict(None, Status.FAILED, "no tool"))
        return [Verdict(1.0, parts=parts) for _ in samples]


class Slow(Short):
    def score(self, samples):
        time.sleep(0.2)
        return super().score(samples)


def make_rewarder(model=None):
    return Rewarder({"verifier": Exact(), "rm": model or Short()}, hero_advantage())


def make_parts_rewarder():
    return Rewarder({"turn": FirstPart()}, chain(ForParts(Select("turn"), mode="replace"), AggregateParts()))


def make_scheme_app(rewarder, **limits):
    metrics = Metrics()
    return make_app(Engine(rewarder, metrics), Limits(**limits), metrics)[0]


def make_service(model=None, *, token=None, state_path=None, hosts=None, **limits):
    """Return the application, its dispatcher, and its reward model."""
    model = model or Short()
    metrics = Metrics()
    engine = Engine(make_rewarder(model), metrics, state_path)
    app, dispatcher = make_app(engine, Limits(**limits), metrics, token=token, hosts=hosts)
    return app, dispatcher, model


def make_group(key, *completions, reference="4"):
    return [{"prompt": "2 + 2?", "completion": c, "group": key, "reference": reference} for c in completions]
