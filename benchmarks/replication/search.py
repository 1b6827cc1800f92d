"""The search for a better scheme: everything that was tried on the dev problems, with recall 0.1."""

from collections.abc import Mapping

from benchmarks.replication.plan import Base, Run, Scheme
from benchmarks.replication.protocol import CLAIMED, DEV, heard, schemes

RATE = 2e-4

TRIED: Mapping[str, Scheme] = {
    **{name: scheme for name, scheme in schemes(CLAIMED).items() if scheme.name != "hero"},
    "bands fade with time": Scheme("fading_bands"),
    "blend, weighed by agreement": Scheme("trusted_blend"),
    "blend, weighed by half of it": Scheme("trusted_blend", (("high", 0.5),)),
    "fallback, weighed by agreement": Scheme("trusted_fallback"),
    "fallback, weighed by 0.3 of it": Scheme("trusted_fallback", (("high", 0.3),)),
    "fallback, verifier standardized": Scheme("standardized_fallback"),
    "earned-trust, squared": Scheme("earned_trust", (("power", 2.0),)),
    "earned-trust, high 0.1": Scheme("earned_trust", (("scale", 0.1),)),
    "earned-trust, high 0.5": Scheme("earned_trust", (("scale", 0.5),)),
    "earned-trust, momentum 0.9": Scheme("earned_trust", (("momentum", 0.9),)),
    "hero-agreement": Scheme("hero_agreement"),
    "hero-agreement, alpha 0.05": Scheme("trusted_bands", (("alpha", 0.05),)),
    "hero-agreement, alpha 0.3": Scheme("trusted_bands", (("alpha", 0.3),)),
    "hero-agreement, every group by agreement": Scheme("trusted_offsets"),
    "hero-agreement squared": Scheme("squared_agreement"),
    "squared, alpha 0.2": Scheme("squared_agreement", (("alpha", 0.2),)),
    "squared, alpha 0.2, momentum 0.94": Scheme("squared_agreement", (("alpha", 0.2), ("momentum", 0.94))),
    "squared, narrow spreads count little": Scheme("spread_agreement"),
    "RM's probability in uniform groups, agreement squared": Scheme("calibrated_agreement"),
}
"""What was tried, and its name in the table."""


def runs(task: str, scheme: Scheme) -> list[Run]:
    """Return the runs of one scheme."""
    return [Run(Base(task, seed), scheme, heard(scheme, CLAIMED), RATE, "dev") for seed in DEV]
