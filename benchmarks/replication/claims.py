"""What is claimed, checked on the results; a claim that does not hold is printed as not holding.

Declared beforehand: the comparisons (`AHEAD`), the margin of a tie (`MARGIN`), and that claims of a lead are corrected
together, with Holm's method, for each task.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.replication.statistics import Interval, holm, interval, paired

Results = Mapping[tuple[float, str], Sequence[Mapping[str, Any]]]
"""(recall, scheme) -> results, one a seed, the same seeds for all."""

MARGIN, LEVEL = 0.03, 0.05
"""Two schemes are equal if the whole 90 % interval of their difference lies inside ± margin; the level of all claims."""

AHEAD = (
    *(("stratified", other, "curve") for other in ("verifier only", "RM only")),
    ("stratified", "naive blend", "sampled"),
    ("stratified", "verifier only", "greedy"),
    *(("hero-advantage", "HERO as published", name) for name in ("sampled", "greedy")),
    *(
        ("earned-trust", other, name)
        for other in ("verifier only", "RM only", "naive blend", "HERO as published")
        for name in ("sampled", "greedy")
    ),
)
"""(scheme, other, measure): the comparisons at recall 0.1."""


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


def gap(results: Results, recall: float, scheme: str, other: str, name: str) -> Interval:
    """Return the paired difference over the seeds that both were run on."""
    both = list(zip(results[recall, scheme], results[recall, other], strict=False))
    return paired([a["final"][name] for a, _ in both], [b["final"][name] for _, b in both])


def shown(p: float) -> str:
    """Return a p-value with three digits."""
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"  # noqa: PLR2004 - what three digits can show


def leads(gaps: Mapping[tuple[str, str, str], Interval], recall: float) -> list[Claim]:
    """Claim that schemes are ahead of others: intervals above 0, and p-values corrected together below the level."""
    corrected = holm([found.p for found in gaps.values()])
    return [
        Claim(
            f"with recall {recall:g}, {scheme} is ahead of {other} on {LONG[name]}",
            f"difference {found}, p {shown(found.p)}, {shown(p)} corrected for {len(gaps)}, {found.n} seeds",
            found.low > 0 and p < LEVEL,
        )
        for ((scheme, other, name), found), p in zip(gaps.items(), corrected, strict=True)
    ]


def tie(found: Interval, scheme: str, other: str, name: str) -> Claim:
    """Claim that two schemes are equal beside an exact verifier."""
    text = f"with an exact verifier, {scheme} equals {other} within {MARGIN} on {LONG[name]}"
    narrow = found.narrow
    shown = f"difference {found.mean:+.3f}, 90 % interval [{narrow.low:+.3f}, {narrow.high:+.3f}], {found.n} seeds"
    return Claim(text, shown, found.within(MARGIN))


def hacked(results: Results, recall: float) -> Claim:
    """Claim that RM-only is hacked: a fall of AUC beyond that of verifier-only, which never hears the reward model."""
    risen = interval([r["final"]["score_change"] for r in results[recall, "RM only"]])
    fallen = gap(results, recall, "RM only", "verifier only", "auc_change")
    text = (
        "RM only is hacked: its score rises, and its AUC on the policy's own outputs falls by more than verifier only's"
    )
    return Claim(
        text, f"score {risen}, AUC minus verifier only {fallen}, {fallen.n} seeds", risen.low > 0 > fallen.high
    )


def check(results: Results) -> list[Claim]:
    """Judge the claims on one task's results; those about what was not run are left out."""
    found = {
        (scheme, other, name): gap(results, 0.1, scheme, other, name)
        for scheme, other, name in AHEAD
        if {(0.1, scheme), (0.1, other)} <= results.keys()
    }
    claims = leads(found, 0.1)
    claims += [hacked(results, 0.1)] if {(0.1, "RM only"), (0.1, "verifier only")} <= results.keys() else []
    claims += [
        tie(gap(results, 1.0, scheme, "verifier only", name), scheme, "verifier only", name)
        for scheme in ("stratified", "earned-trust")
        for name in ("curve", "sampled")
        if {(1.0, scheme), (1.0, "verifier only")} <= results.keys()
    ]
    return claims
