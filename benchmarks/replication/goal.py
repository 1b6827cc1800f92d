"""The goal, fixed before the draw that it is judged on: never behind its rivals, whatever the verifier and the scores are.

A scheme reaches it if it is not behind any of `RIVALS` by more than the margin, on sampled and greedy pass@1, in every
condition: the 90 % interval of each paired difference lies above ``-MARGIN``. All of them have to hold, so that no
correction for their number is needed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.replication import tables
from benchmarks.replication.claims import MARGIN, Results, gap
from benchmarks.replication.plan import Base, Run, Scheme
from benchmarks.replication.protocol import CLAIMED, chosen_rate, schemes
from benchmarks.replication.statistics import Interval

AUDITED = 40
"""Accepted rollouts of the first policy that are labelled, and as many drawn from all."""

CONDITIONS: Mapping[str, Mapping[str, Any]] = {
    "no false positives": {},
    "0.1 false positives": {"false_positives": 0.1},
    "random scores": {"random_scores": True},
    "0.05 false positives": {"false_positives": 0.05},
}
"""Name -> how it differs from a verifier of recall 0.1 beside a reward model that was taught."""

RIVALS = ("verifier only", "stratified", "naive blend")
"""What has to be reached. HERO as published is the same algorithm as `stratified`."""

JUDGED = ("hero-advantage", "earned-trust", "audited-trust")
"""Schemes that may reach it."""

MEASURES = ("sampled", "greedy")


def grid(task: str, seeds: Sequence[int], condition: str, *, own_worlds: bool) -> dict[tuple[float, str], list[Run]]:
    """Return the runs of one condition: (recall, scheme) -> one a seed, at the rates chosen without false positives."""
    wanted = {name: scheme for name, scheme in schemes(CLAIMED).items() if name in (*RIVALS, *JUDGED)}
    changed, runs = CONDITIONS[condition], {}
    bases = [Base(task, seed, world=seed + 1 if own_worlds else 0) for seed in seeds]
    for name, scheme in wanted.items():
        rate = chosen_rate(task, CLAIMED, scheme)
        hears = {} if name == "verifier only" and "random_scores" in changed else changed  # it never asks for a score
        runs[CLAIMED, name] = [Run(base, scheme, CLAIMED, rate, "test", **hears) for base in bases]
    rate = chosen_rate(task, CLAIMED, schemes(CLAIMED)["earned-trust"])
    runs[CLAIMED, "audited-trust"] = [
        Run(base, Scheme("audited_trust"), CLAIMED, rate, "test", audited=AUDITED, **changed) for base in bases
    ]
    return runs


def verdict(found: Interval) -> str:
    """Say whether a difference meets the goal: its 90 % interval above the margin, all below it, or neither.

    Example:
        >>> verdict(Interval(0.0, 0.01, 8)), verdict(Interval(-0.2, 0.05, 8)), verdict(Interval(-0.02, 0.05, 8))
        ('yes', 'no', 'not known')
    """
    narrow = found.narrow
    return "yes" if narrow.low > -MARGIN else "no" if narrow.high < -MARGIN else "not known"


def table(results: Results) -> str:
    """Return every judged scheme beside every rival in one condition, with 90 % intervals; nothing if none was run."""
    rows = [["scheme", "rival", *(f"{name}: difference, 90 % interval, not behind?" for name in MEASURES), "seeds"]]
    for scheme in JUDGED:
        for rival in RIVALS:
            if {(CLAIMED, scheme), (CLAIMED, rival)} <= results.keys():
                gaps = [gap(results, CLAIMED, scheme, rival, name) for name in MEASURES]
                rows.append([scheme, rival, *(f"{x.narrow} {verdict(x)}" for x in gaps), f"{gaps[0].n}"])
    return tables.markdown(rows) if len(rows) > 1 else ""
