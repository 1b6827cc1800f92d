"""Candidates of the search for a better scheme; those that were not adopted live here and nowhere else."""

from dataclasses import dataclass

import numpy as np

from herokit import _segment
from herokit.combiners import (
    Add,
    Affine,
    Center,
    Chain,
    IfUniform,
    LinearSchedule,
    Mean,
    MinMax,
    Normalizer,
    QuantileMinMax,
    Rank,
    Select,
    Sigmoid,
    Standardize,
    Stratify,
    Sync,
    Weight,
    WeightByAgreement,
    WeightByStd,
    WeightedSum,
    ZScoreSigmoid,
    chain,
)
from herokit.combiners.base import CORRECT_THRESHOLD, correct_rate, no_sync
from herokit.types import Array, Signals


@dataclass(frozen=True, slots=True)
class WeightRowsByAgreement(Weight):
    """Weigh all rows by how well the scores agree with the verifier where it tells rollouts apart.

    ``w = high max(0, 2 a - 1)``, with ``a`` the running mean, over mixed groups, of the chance that an accepted rollout
    outscores a refused one of its group. Read before it is written; nothing measured yet weighs 0.

    Args:
        of: the reward model's name.
        by: the verifier's name.
        high: the weight of scores that agree always.
        momentum: of the running mean, a mixed group.
    """

    of: str = "rm"
    by: str = "verifier"
    high: float = 1.0
    momentum: float = 0.97

    def init(self) -> Mean:
        """Return a mean over no group."""
        return Mean()

    def weigh(self, reward: Array, signals: Signals, state: Mean, *, sync: Sync = no_sync) -> tuple[Array, Mean]:
        """Return the weight, the same for every row, and the mean that includes this batch."""
        scores, right, index = signals[self.of], signals[self.by] > CORRECT_THRESHOLD, signals.groups.ids
        found = []
        for group in range(signals.groups.num_groups):
            m, c = scores[index == group], right[index == group]
            if c.any() and not c.all():
                away = m[c][:, None] - m[~c]
                found.append(float(((away > 0) + 0.5 * (away == 0)).mean()))
        batch = sync(Mean(len(found), sum(found) / len(found) if found else 0.0))
        kept = self.momentum**batch.count if state.count else 0.0
        after = Mean(state.count + batch.count, kept * state.value + (1 - kept) * batch.value) if batch.count else state
        return np.full_like(reward, self.high * max(0.0, 2.0 * state.value - 1.0)), after


def trusted_blend(high: float = 1.0, momentum: float = 0.97) -> Chain:
    """Add a score that counts as much as it agrees with the verifier: ``A = center(c + w minmax_g(m))``."""
    return chain(Select("rm"), MinMax(), WeightRowsByAgreement(high=high, momentum=momentum), Add("verifier"), Center())


def trusted_fallback(high: float = 1.0, momentum: float = 0.97) -> Chain:
    """The same in uniform groups alone; the verifier's value in mixed ones."""
    dense = chain(Select("rm"), MinMax(), WeightRowsByAgreement(high=high, momentum=momentum))
    return chain(IfUniform(dense, Select("verifier")), Center())


def trusted_bands(alpha: float = 0.1, momentum: float = 0.97) -> Chain:
    """HERO's bands, centered; uniform groups weighed by agreement (at most 1), mixed ones as they are."""
    bands = chain(Select("rm"), Stratify(alpha=alpha, beta=alpha))
    return chain(IfUniform(chain(bands, WeightRowsByAgreement(momentum=momentum)), bands), Center())


def fading_bands(alpha: float = 0.1, steps: int = 100) -> Chain:
    """HERO's bands, centered, that close linearly over the training."""
    closing = LinearSchedule(alpha, 0.001, steps)
    return chain(Select("rm"), Stratify(alpha=closing, beta=closing), Center())


def floored(alpha: float = 0.1, floor: float = 0.25) -> Chain:
    """HERO's bands, divided by the group's deviation or a floor, whichever is larger: uniform groups stay small."""
    return chain(Select("rm"), Stratify(alpha=alpha, beta=alpha), Standardize(min_std=floor))


def standardized_fallback(high: float = 0.5, momentum: float = 0.97) -> Chain:
    """The verifier's value at unit scale in mixed groups; elsewhere the score at a scale that its agreement sets."""
    dense = chain(Select("rm"), Standardize(), WeightRowsByAgreement(high=high, momentum=momentum))
    return chain(IfUniform(dense, chain(Select("verifier"), Standardize())), Affine())


NORMALIZERS: dict[str, Normalizer] = {
    "min-max": MinMax(),
    "rank": Rank(),
    "z-score": ZScoreSigmoid(),
    "quantile": QuantileMinMax(),
}
"""Name -> how scores are normalized inside a stratum."""


def banded(how: str = "min-max", alpha: float = 0.1) -> Chain:
    """HERO's bands with another normalizer inside the strata."""
    return chain(Select("rm"), Stratify(alpha=alpha, beta=alpha, normalizer=NORMALIZERS[how]))


def trusted_offsets(alpha: float = 0.1, momentum: float = 0.97) -> Chain:
    """HERO's bands, centered, their width weighed by agreement in every group: ``A = center(c + w (rhat - c))``."""
    offsets = chain(Select("rm"), Stratify(alpha=alpha, beta=alpha), Add("verifier", weight=-1.0))
    return chain(offsets, WeightRowsByAgreement(momentum=momentum), Add("verifier"), Center())


def hero_agreement(alpha: float = 0.1, beta: float = 0.1) -> Chain:
    """HERO's bands, centered; uniform groups weighed by agreement: the best of those tried."""
    return chain(Select("rm"), Stratify(alpha=alpha, beta=beta), Center(), WeightByAgreement())


def squared_agreement(alpha: float = 0.1, beta: float = 0.1, momentum: float = 0.97) -> Chain:
    """`hero_agreement`, its weight squared."""
    weight = WeightByAgreement(power=2.0, momentum=momentum)
    return chain(Select("rm"), Stratify(alpha=alpha, beta=beta), Center(), weight)


def spread_agreement(alpha: float = 0.1, beta: float = 0.1, power: float = 2.0, low: float = 0.05) -> Chain:
    """`squared_agreement`, and uniform groups whose scores hardly differ count little: HERO's weight with wide bounds."""
    bands = chain(Select("rm"), Stratify(alpha=alpha, beta=beta), Center())
    spread = WeightByStd("rm", low, 2.0, 5.0, center="one", relative=True)
    return chain(IfUniform(chain(bands, spread), bands), WeightByAgreement(power=power))


def calibrated_agreement(scale: float = 0.3, power: float = 2.0) -> Chain:
    """The verifier's value in mixed groups, the RM's probability in uniform ones, weighed by agreement."""
    dense = chain(Select("rm"), Sigmoid(), Affine(scale=scale))
    return chain(IfUniform(dense, Select("verifier")), Center(), WeightByAgreement(power=power))


@dataclass(frozen=True, slots=True)
class WeightByAudit(WeightByAgreement):
    """Weigh uniform groups by ``scale v a + (1 - v) t``: earned trust where the verifier is sound, an audit's elsewhere.

    A reward model without any trust, t = 0, is not heard.

    Args:
        soundness: v, of the verifier.
        trust: t, the reward model's agreement with the truth.
        scale: of earned trust.
    """

    soundness: float = 1.0
    trust: float = 1.0
    scale: float = 0.25

    def weigh(self, reward: Array, signals: Signals, state: Mean, *, sync: Sync = no_sync) -> tuple[Array, Mean]:
        """Return the weight of every row, and the mean that includes this batch's mixed groups."""
        _, after = WeightByAgreement.weigh(self, reward, signals, state, sync=sync)
        rate = _segment.expand(correct_rate(signals, self.verifier, reward), signals.groups)
        earned = self.scale * max(0.0, state.value) * (self.trust > 0.0)
        uniform = self.soundness * earned + (1.0 - self.soundness) * self.trust
        return np.where((rate == 0.0) | (rate == 1.0), uniform, 1.0), after


def audited_trust(soundness: float = 1.0, agreement: float = 1.0) -> Chain:
    """`earned_trust` and the reward model alone, mixed as an audit says: ``A = v earned_trust + (1 - v) t z_g(m)``."""
    both = {"verifier": soundness, "rm": (1.0 - soundness) * agreement}
    gate = IfUniform(chain(Select("rm"), Standardize()), WeightedSum(both, transform=Standardize()))
    return chain(gate, WeightByAudit(soundness=soundness, trust=agreement))
