"""What is claimed, checked on the results; a claim that does not hold is printed as not holding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.replication.statistics import Interval, interval, paired

Results = Mapping[tuple[float, str], Sequence[Mapping[str, Any]]]
"""(recall, scheme) -> results, one a seed, the same seeds for all."""

NEAR = 0.03
"""What counts as a tie with an exact verifier."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim and what became of it.

    Attributes:
        text: what is claimed.
        found: the figures it is judged by.
        holds: whether they bear it out.
    """

    text: str
    found: str
    holds: bool

    def __str__(self) -> str:
        return f"{'holds' if self.holds else 'DOES NOT HOLD'}: {self.text} ({self.found})"


LONG = {"curve": "area under the curve", "sampled": "sampled pass@1", "greedy": "greedy pass@1"}


def _gap(results: Results, recall: float, scheme: str, other: str, name: str) -> Interval:
    """Return the paired difference over the seeds that both were run on."""
    both = list(zip(results[recall, scheme], results[recall, other], strict=False))
    return paired([a["final"][name] for a, _ in both], [b["final"][name] for _, b in both])


def _ahead(results: Results, recall: float, scheme: str, other: str, name: str) -> Claim:
    """Claim that a scheme is ahead of another: the whole interval of the paired difference lies above 0."""
    gap = _gap(results, recall, scheme, other, name)
    text = f"with recall {recall:g}, {scheme} is ahead of {other} on {LONG[name]}"
    return Claim(text, f"difference {gap}, {gap.n} seeds", gap.low > 0)


def _hacked(results: Results, recall: float) -> Claim:
    curves = [result["curve"] for result in results[recall, "RM only"]]
    risen, fallen = (interval([curve[-1][x] - curve[0][x] for curve in curves]) for x in ("score", "auc"))
    text = "RM only is hacked: its score rises while its AUC on the policy's own outputs falls"
    return Claim(text, f"score {risen}, AUC {fallen}, {risen.n} seeds", risen.low > 0 > fallen.high)


def _near(results: Results, scheme: str, other: str, name: str) -> Claim:
    gap = _gap(results, 1.0, scheme, other, name)
    text = f"with an exact verifier, {scheme} is within {NEAR} of {other} on {LONG[name]}"
    return Claim(text, f"difference {gap}, {gap.n} seeds", abs(gap.mean) < NEAR)


def check(results: Results) -> list[Claim]:
    """Judge the claims on one task's results; those about what was not run are left out."""
    ahead = [("stratified", other, "curve") for other in ("verifier only", "RM only")]
    ahead += [("stratified", "naive blend", "sampled"), ("stratified", "verifier only", "greedy")]
    ahead += [("hero-advantage", "HERO as published", name) for name in ("sampled", "greedy")]
    ahead += [
        ("earned-trust", other, name)
        for other in ("verifier only", "RM only", "naive blend", "HERO as published")
        for name in ("sampled", "greedy")
    ]
    claims = [
        _ahead(results, 0.1, scheme, other, name)
        for scheme, other, name in ahead
        if {(0.1, scheme), (0.1, other)} <= results.keys()
    ]
    claims += [_hacked(results, 0.1)] if (0.1, "RM only") in results else []
    claims += [
        _near(results, scheme, "verifier only", name)
        for scheme in ("stratified", "earned-trust")
        for name in ("curve", "sampled")
        if {(1.0, scheme), (1.0, "verifier only")} <= results.keys()
    ]
    return claims
