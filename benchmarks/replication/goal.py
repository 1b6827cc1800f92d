"""The goal, fixed before the draw that it is judged on: never behind its rivals, whatever the verifier and the scores are.

A scheme reaches it if it is not behind any of `RIVALS` by more than the margin, on sampled and greedy pass@1, in every
condition: the 90 % interval of each paired difference lies above ``-MARGIN``. All of them have to hold, so that no
correction for their number is needed.

`ORDER` and `PAIRS` were declared before the first run of the former, after recall 0.1 on remainders with 0 and 0.1 false
positives (five schemes) and random scores (the audited one) were known. What is first decides most; within a situation all
schemes of a seed are run before the next seed, and one that was cut off supports no claim. A recall that was not tuned takes
the rates of the next lower one. For recall 0.7 on remainders these are 2e-4 for verifier-only and 4e-4 for most others, and with an exact
verifier it takes 4e-4 as well: at this recall it is run at both, and a scheme is ahead of it only if it is ahead of both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.replication import tables
from benchmarks.replication.claims import LEVEL, MARGIN, Results, gap, shown
from benchmarks.replication.plan import Base, Run, Scheme
from benchmarks.replication.protocol import CLAIMED, chosen_rate, heard, schemes
from benchmarks.replication.statistics import Interval, holm

AUDITED = 40
"""Accepted rollouts of the first policy that are labelled, and as many drawn from all."""

PLAIN = "no false positives"
"""The condition in which nothing differs."""

CONDITIONS: Mapping[str, Mapping[str, Any]] = {
    PLAIN: {},
    "0.1 false positives": {"false_positives": 0.1},
    "random scores": {"random_scores": True},
    "0.05 false positives": {"false_positives": 0.05},
    "learnable forms": {"learnable": True},
}
"""Name -> how it differs from a verifier that accepts other forms for each problem, beside a reward model that was taught."""

RIVALS = ("verifier only", "stratified", "naive blend")
"""What has to be reached. HERO as published is the same algorithm as `stratified`."""

JUDGED = ("hero-advantage", "earned-trust", "audited-trust")
"""Schemes that may reach it."""

MEASURES, FEWEST = ("sampled", "greedy"), 8
"""What is compared, and how many seeds a comparison needs."""

FASTER = "verifier only at 4e-4"
"""Verifier-only at the rate that an exact verifier has on remainders; recall 0.7 was not tuned."""

PAIRS = (
    *((scheme, other) for other in ("verifier only", FASTER) for scheme in ("stratified", *JUDGED)),
    *(("stratified", other) for other in ("naive blend", "RM only")),
    *((scheme, "stratified") for scheme in ("hero-advantage", "earned-trust")),
    ("audited-trust", "earned-trust"),
)
"""(scheme, other): the comparisons of a situation, on both measures, corrected together (Holm)."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Where schemes are compared.

    Attributes:
        task: remainders or equations.
        recall: of the verifier.
        condition: one of `CONDITIONS`.
        schemes: those that are run.
    """

    task: str
    recall: float
    condition: str
    schemes: tuple[str, ...]

    @property
    def which(self) -> str:
        """Return where its results are: task, or "task, condition"."""
        return self.task if self.condition == PLAIN else f"{self.task}, {self.condition}"


FIVE = (*RIVALS, "earned-trust", "audited-trust")
"""The schemes that are run first."""

KNOWN = (
    Situation("remainders", 0.1, PLAIN, FIVE),
    Situation("remainders", 0.1, "0.1 false positives", FIVE),
    Situation("remainders", 0.1, "random scores", ("verifier only", "audited-trust")),
)
"""What was known when `ORDER` was declared."""

ORDER = (
    Situation("remainders", 0.7, PLAIN, (*FIVE, FASTER, "hero-advantage", "HERO as published", "RM only")),
    Situation("remainders", 0.1, "random scores", FIVE),
    Situation("equations", 0.1, PLAIN, FIVE),
    Situation("remainders", 0.1, "0.05 false positives", FIVE),
    Situation("remainders", 0.25, PLAIN, FIVE),
    Situation("remainders", 1.0, PLAIN, FIVE),
    Situation("remainders", 0.1, PLAIN, ("hero-advantage", "HERO as published", "RM only")),
    Situation("remainders", 0.1, "random scores", ("hero-advantage",)),
    Situation("equations", 0.1, PLAIN, ("hero-advantage",)),
    Situation("remainders", 0.25, PLAIN, ("hero-advantage",)),
    Situation("remainders", 1.0, PLAIN, ("hero-advantage",)),
    Situation("equations", 0.25, PLAIN, FIVE),
    Situation("equations", 1.0, PLAIN, FIVE),
    Situation("remainders", 0.1, "random scores", ("HERO as published", "RM only")),
    Situation("remainders", 0.1, "0.05 false positives", ("hero-advantage",)),
    Situation("remainders", 0.1, "0.1 false positives", ("hero-advantage",)),
    Situation("equations", 0.25, PLAIN, ("hero-advantage",)),
    Situation("equations", 1.0, PLAIN, ("hero-advantage",)),
    Situation("equations", 0.1, PLAIN, ("HERO as published", "RM only")),
    Situation("equations", 0.7, PLAIN, (*FIVE, FASTER, "hero-advantage")),
    Situation("remainders", 0.25, "learnable forms", (*FIVE, "hero-advantage")),
)
"""What is run on fresh seeds, in this order. The last eight came to it before their own runs: six when the first four were known, two
when all others were, except those six."""


def run_of(base: Base, name: str, recall: float, condition: str) -> Run:
    """Return a scheme's held-out run, at the rate chosen without false positives."""
    changed = dict(CONDITIONS[condition])
    if name == "audited-trust":
        rate = chosen_rate(base.task, recall, Scheme("earned_trust"))
        return Run(base, Scheme("audited_trust"), recall, rate, "test", audited=AUDITED, **changed)
    scheme = schemes(recall)["verifier only" if name == FASTER else name]
    rate = 4e-4 if name == FASTER else chosen_rate(base.task, recall, scheme)
    if scheme.name == "verifier_only":
        changed.pop("random_scores", None)  # it never asks for a score
    return Run(base, scheme, heard(scheme, recall), rate, "test", **changed)


def grid(where: Situation, seeds: Sequence[int], *, own_worlds: bool) -> dict[tuple[float, str], list[Run]]:
    """Return the runs of one situation: (recall, scheme) -> one a seed."""
    bases = [Base(where.task, seed, world=seed + 1 if own_worlds else 0) for seed in seeds]
    return {
        (where.recall, name): [run_of(base, name, where.recall, where.condition) for base in bases]
        for name in where.schemes
    }


def verdict(found: Interval) -> str:
    """Say whether a difference meets the goal: its 90 % interval above the margin, all below it, or neither.

    Example:
        >>> verdict(Interval(0.0, 0.01, 8)), verdict(Interval(-0.2, 0.05, 8)), verdict(Interval(-0.02, 0.05, 8))
        ('yes', 'no', 'not known')
    """
    narrow = found.narrow
    return "yes" if narrow.low > -MARGIN else "no" if narrow.high < -MARGIN else "not known"


def table(results: Results, recall: float = CLAIMED) -> str:
    """Return every judged scheme beside every rival in one situation, with 90 % intervals; nothing if none has all seeds."""
    rows = [["scheme", "rival", *(f"{name}: difference, 90 % interval, not behind?" for name in MEASURES), "seeds"]]
    for scheme in JUDGED:
        for rival in RIVALS:
            if {(recall, scheme), (recall, rival)} <= results.keys():
                gaps = [gap(results, recall, scheme, rival, name) for name in MEASURES]
                if gaps[0].n >= FEWEST:
                    rows.append([scheme, rival, *(f"{x.narrow} {verdict(x)}" for x in gaps), f"{gaps[0].n}"])
    return tables.markdown(rows) if len(rows) > 1 else ""


def finding(difference: Interval, p: float) -> str:
    """Say what a difference shows: a lead by its corrected p-value, equality by its whole 90 % interval, both or neither.

    Example:
        >>> finding(Interval(0.01, 0.008, 8), 0.04), finding(Interval(-0.01, 0.1, 8), 1.0)
        ('ahead, equal', 'not known')
    """
    lead = ("ahead" if difference.mean > 0 else "behind") * (p < LEVEL)
    return ", ".join(filter(None, (lead, "equal" * difference.within(MARGIN)))) or "not known"


def differences(results: Results, recall: float) -> dict[tuple[str, str, str], Interval]:
    """Return `PAIRS` in one situation, (scheme, other, measure) -> difference, where both have all seeds."""
    gaps = {
        (scheme, other, name): gap(results, recall, scheme, other, name)
        for scheme, other in PAIRS
        for name in MEASURES
        if {(recall, scheme), (recall, other)} <= results.keys()
    }
    return {key: difference for key, difference in gaps.items() if difference.n >= FEWEST}


def compared(results: Results, recall: float) -> str:
    """Return `differences` with 95 % intervals and corrected p-values as a table; nothing if there are none."""
    gaps = differences(results, recall)
    corrected = dict(zip(gaps, holm([difference.p for difference in gaps.values()]), strict=True))
    told = {key: f"{gaps[key]}, p {shown(p)}: {finding(gaps[key], p)}" for key, p in corrected.items()}
    rows = [["scheme", "beside", *(f"{name}: difference, 95 % interval, corrected p, finding" for name in MEASURES)]]
    rows += [[*pair, *(told[*pair, name] for name in MEASURES)] for pair in dict.fromkeys((s, o) for s, o, _ in gaps)]
    return tables.markdown(rows) if gaps else ""
