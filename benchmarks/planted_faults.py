"""How many planted faults `herokit check` catches: `python benchmarks/planted_faults.py [KIND ...]`.

Verifiers, reward models and reward functions with one fault each, beside correct twins and ten correct components of other
kinds. Prints a row for each fault: the law that caught it, the rows of the counterexample, seconds of wall time. Combiners and
steps with state, beside their twins: prints how many are caught.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.planted_combiners import COMBINERS
from helpers.planted_models import COMPONENTS, FUNCTIONS, MODEL_BATCHES, MODELS, PlantedModel, twin_function
from helpers.planted_verifiers import NAMES, STATE, PlantedVerifier
from helpers.planted_weights import STATEFUL
from herokit.testing import Profile, check_reward_function, check_reward_model, check_verifier, list_laws
from herokit.testing.backends import find_backends
from herokit.testing.check import check_laws
from herokit.testing.scheme_checks import check_scheme
from herokit.testing.subjects import CombinerSubject

TORCH_FAULTS = ("always float64", "numpy only", "deviation of the library")
"""Faults that show in torch only."""

PROFILE = Profile(max_examples=40, seconds=20.0, shrink_seconds=1.0)


def check(kind: Any, subject: Any) -> Any:
    """Return the report of one subject."""
    STATE.update(calls=0, cache={}, last=None)
    laws = list_laws(kind, universal=False)
    if kind == "verifier":
        values = ("symmetric_equivalence",)  # the twin compares texts
        claims = [law for law in laws if law.name not in values]
        return check_verifier(
            subject, claims=claims, answer_format="math", domain="integers", timeout=0.4, profile=PROFILE
        )
    if kind == "reward model":
        return check_reward_model(subject, claims=laws, profile=PROFILE)
    return check_reward_function(subject, claims=laws, answer_format="math", domain="integers", profile=PROFILE)


SUBJECTS = {
    "verifier": {name: PlantedVerifier(name) for name in NAMES},
    "reward model": {name: PlantedModel(name) for name in (*MODELS, *MODEL_BATCHES)},
    "reward function": FUNCTIONS,
}
TWINS = {"verifier": PlantedVerifier(), "reward model": PlantedModel(), "reward function": twin_function}


def report_combiners(kind: str, pairs: Mapping[str, Any]) -> None:
    """Print how many faulty combiners break a law that their twins keep."""
    missed, sizes = [], []
    for name, pair in pairs.items():
        backends = ("numpy", "torch") if name in TORCH_FAULTS else ("numpy",)
        twin, faulty = (
            check_laws(
                CombinerSubject.from_combiner(each, pair.signals, backends=find_backends(backends)),
                list_laws("combiner"),
                Profile(max_examples=20, seconds=60.0, shrink_seconds=1.0),
                name,
                claimed=(),
            )
            for each in (pair.twin, pair.faulty)
        )
        kept = {result.law for result in twin if result.outcome == "passed"}
        broken = [result for result in faulty.failures if result.law in kept]
        missed += [] if broken else [name]
        sizes += [min(result.violation.num_rows for result in broken)] if broken else []
    print(f"\n{kind}: {len(pairs) - len(missed)} of {len(pairs)} caught; missed: {missed or 'none'}; ", end="")
    print(f"rows of counterexamples: median {median(sizes)}, at most {max(sizes)}", flush=True)


def main(kinds: list[str]) -> None:
    """Print the tables."""
    for kind in [k for k in kinds if k in SUBJECTS] if kinds else SUBJECTS:
        alarms = {result.law for result in check(kind, TWINS[kind]).failures}
        print(
            f"\n{kind}: alarms on the twin: {sorted(alarms) or 'none'}\n\n| fault | law | rows | s |\n|---|---|---|---|"
        )
        sizes, caught = [], 0
        for name, subject in SUBJECTS[kind].items():
            begin = perf_counter()
            failures = [result for result in check(kind, subject).failures if result.law not in alarms]
            seconds = perf_counter() - begin
            caught += bool(failures)
            rows = [
                len(next(iter(r.violation.columns.values())))
                for r in failures
                if r.violation and r.violation.columns and not r.panel
            ]
            sizes += [min(rows)] if rows else []
            laws = (
                failures[0].law + (f" and {len(failures) - 1} more" if failures[1:] else "") if failures else "MISSED"
            )
            print(f"| {name} | {laws} | {min(rows) if rows else '-'} | {seconds:.1f} |", flush=True)
        total = len(SUBJECTS[kind])
        print(f"\n{caught} of {total} caught; rows of counterexamples: median {median(sizes)}, at most {max(sizes)}")
    for kind, pairs in {"combiner": COMBINERS, "stateful step": STATEFUL}.items():
        if not kinds or kind in kinds:
            report_combiners(kind, pairs)
    if not kinds or "components" in kinds:
        for component in COMPONENTS:
            (report,) = check_scheme(component, budget=20.0, examples=20)
            alarms = [result.law for result in report.failures]
            print(f"{component.__name__}: {', '.join(alarms) or 'no alarm'}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
