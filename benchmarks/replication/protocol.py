"""The protocol, fixed before any held-out run: what chooses, what is claimed, and on which problems and seeds.

* Learning rates and schemes are chosen on the ``dev`` problems with the seeds `DEV`, by `merit`: the mean of area under
  the curve, sampled pass@1 and greedy pass@1. Every scheme tries the same `RATES`.
* Claims are made on the ``test`` problems with other seeds. A seed is a pipeline: its own fine-tuning, its own labels and
  reward model, its own order of problems and samples, in a world that all seeds share or in one of its own. Schemes are compared on the same seeds, by paired differences.
* The draw of seeds 8 to 15, declared before any of them was run: remainders, each seed in a world of its own, the rates of
  ``rates.json`` after 8e-4 was tried for the schemes whose best was 4e-4, recall 0.1 under the conditions of `goal` in their
  order and then recalls 0.7, 0.25 and 1, as far as the machine allows; the comparisons of `claims` and `goal`, margin 0.03.
  Where the draw of seeds 0 to 7 has the same comparison, the smaller effect of the two is stated. No run is left out.
  When the first part of it was known (0.1 on remainders, five schemes), `goal.ORDER` and `goal.PAIRS` were declared for the rest.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.replication.plan import Base, Run, Scheme

RATES = (5e-5, 1e-4, 2e-4, 4e-4, 8e-4)
"""Wide enough that the best is inside: `at_edge` finds the schemes whose best is not."""
DEV = (100, 101)
RECALLS = (1.0, 0.7, 0.25, 0.1)
TASKS = dict.fromkeys(("remainders", "equations"), RECALLS)
"""Tasks, and the recalls at which each is run."""

CLAIMED = 0.1
"""The recall that the claims are about."""

CHOSEN = Path(__file__).with_name("rates.json")
"""The learning rates that the dev problems chose; ``tune`` writes it."""


def schemes(recall: float) -> dict[str, Scheme]:
    """Return the headline's schemes: alpha = beta = 0.05 beside an exact verifier, 0.1 beside a strict one (the paper's)."""
    bands = (("alpha", 0.05), ("beta", 0.05)) if recall == 1.0 else (("alpha", 0.1), ("beta", 0.1))
    return {
        "verifier only": Scheme("verifier_only"),
        "RM only": Scheme("rm_only"),
        "naive blend": Scheme("naive_blend"),
        "stratified": Scheme("stratified", bands),
        "HERO as published": Scheme("hero", bands),
        "hero-advantage": Scheme("hero_advantage", bands),
        "earned-trust": Scheme("earned_trust"),
    }


def tuning(task: str, recall: float, scheme: Scheme) -> list[Run]:
    """Return the runs that choose a scheme's learning rate: every rate on every dev seed, for every scheme and recall."""
    scheme, recall = tuned_as(scheme), heard(scheme, recall)
    return [Run(Base(task, seed, world=seed + 1), scheme, recall, rate, "dev") for rate in RATES for seed in DEV]


def tuned_as(scheme: Scheme) -> Scheme:
    """Return the scheme whose learning rate one takes: HERO's weight cancels where the group's deviation divides."""
    return Scheme("stratified", scheme.options, scheme.trainer) if scheme.name == "hero" else scheme


def heard(scheme: Scheme, recall: float) -> float:
    """Return the recall that a scheme meets: one that never asks the verifier is run once, beside an exact one."""
    return 1.0 if scheme.name == "rm_only" else recall


def merit(final: Mapping[str, float]) -> float:
    """Return what learning rates and schemes are chosen by."""
    return (final["curve"] + final["sampled"] + final["greedy"]) / 3


def at_edge(merits: Mapping[float, float]) -> bool:
    """Return whether the best of the rates that were tried is the lowest or the highest: a better one may lie beyond.

    Example:
        >>> at_edge({1e-4: 0.6, 2e-4: 0.7, 4e-4: 0.5}), at_edge({1e-4: 0.7, 2e-4: 0.6})
        (False, True)
    """
    best = max(merits, key=lambda rate: merits[rate])
    return best in (min(merits), max(merits))


def chosen_rate(task: str, recall: float, scheme: Scheme) -> float:
    """Return the learning rate that the dev problems chose; a recall that was not tuned has that of the next lower one."""
    rates: dict[str, dict[str, float]] = json.loads(CHOSEN.read_text())[task]
    tuned = max(known for known in map(float, rates) if known <= heard(scheme, recall))
    return rates[f"{tuned:g}"][str(tuned_as(scheme))]


def headline(
    task: str,
    recalls: Sequence[float],
    seeds: range,
    rate: Callable[[str, float, Scheme], float] | None = None,
    *,
    own_worlds: bool = False,
) -> dict[tuple[float, str], list[Run]]:
    """Return the headline's held-out runs: (recall, name of the scheme) -> one run a seed.

    With `own_worlds` each seed has tables, problems and accepted forms of its own, and none is that of the dev seeds.
    """
    bases = [Base(task, seed, **({"world": seed + 1} if own_worlds else {})) for seed in seeds]
    return {
        (recall, name): [
            Run(base, scheme, heard(scheme, recall), (rate or chosen_rate)(task, recall, scheme), "test")
            for base in bases
        ]
        for recall in recalls
        for name, scheme in schemes(recall).items()
    }
