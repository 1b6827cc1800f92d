"""Sources that repeat what a sample's `meta` says: a stand-in verifier and reward model for any batch of numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from herokit.testing.batches import Kind
from herokit.types import RewardModel, Sample, Verdict, Verifier


@dataclass(frozen=True, slots=True)
class MetaVerifier:
    """Returns ``sample.meta[name]`` as the verdict."""

    name: str

    def verify(self, samples: Sequence[Sample], /) -> list[Verdict]:
        """Return one verdict a sample."""
        return [Verdict(float(sample.meta[self.name])) for sample in samples]


@dataclass(frozen=True, slots=True)
class MetaRewardModel:
    """Returns ``sample.meta[name]`` as the score.

    Example:
        >>> MetaRewardModel("rm").score([Sample("p", "c", "g", meta={"rm": 2.0})])
        [2.0]
    """

    name: str

    def score(self, samples: Sequence[Sample], /) -> list[float]:
        """Return one score a sample."""
        return [float(sample.meta[self.name]) for sample in samples]


def sources(signals: Mapping[str, Kind]) -> dict[str, Verifier | RewardModel]:
    """Return one source a signal."""
    return {name: MetaRewardModel(name) if kind == "score" else MetaVerifier(name) for name, kind in signals.items()}
