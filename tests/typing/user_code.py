"""Code as users write it; the comments hold the type that a checker must reveal."""

from collections.abc import Sequence
from typing import reveal_type

import numpy as np
import torch

from herokit import Chain, Rewarder, Sample, Scheme, Select, Signals, Stateless, Verdict, chain, hero, load_scheme
from herokit.adapters.tinker import GroupRewardMixin
from herokit.adapters.trl import RewardFunction


class Exact:
    def verify(self, samples: Sequence[Sample], /) -> list[Verdict]:
        return [Verdict(float(s.completion == s.reference)) for s in samples]


class Length:
    def score(self, samples: Sequence[Sample], /) -> list[float]:
        return [float(len(s.completion)) for s in samples]


class Halve(Stateless[torch.Tensor]):
    def __call__(self, reward: torch.Tensor, signals: Signals[torch.Tensor]) -> torch.Tensor:
        return reward / 2 + 0 * signals["rm"]


class Builder(GroupRewardMixin, herokit="hero"):
    pass


rewarder = Rewarder({"verifier": Exact(), "rm": Length()}, hero())
named = Rewarder({"verifier": Exact(), "rm": Length()}, "hero-advantage")
out = rewarder([Sample("1 + 1?", "2", group=0, reference="2")])
reveal_type(out.reward)  # type: ndarray[tuple[Any, ...], dtype[float64]]
reveal_type(out.advantage)  # type: ndarray[tuple[Any, ...], dtype[float64]]
reveal_type(out.kept)  # type: ndarray[tuple[Any, ...], dtype[bool[bool]]]
reveal_type(named.combiner)  # type: Chain

steps = chain(Select("rm"), Halve())
scores = torch.tensor([1.0, 2.0])
groups = torch.tensor([0, 0])


def combine(signals: Signals[torch.Tensor]) -> torch.Tensor:
    reveal_type(signals["rm"])  # type: Tensor
    reveal_type(Halve()(scores, signals))  # type: Tensor
    return steps.combine(scores, signals, steps.init())[0]


def use(scheme: Scheme) -> Chain:
    reveal_type(scheme.rewarder())  # type: Rewarder
    return scheme.combiner


reveal_type(use(load_scheme()))  # type: Chain
reveal_type(Builder.herokit)  # type: Rewarder
reveal_type(RewardFunction("hero", num_generations=4).rewarder)  # type: Rewarder
mean: np.float64 = out.reward.mean()
