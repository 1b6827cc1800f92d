"""Whether written tests fail on a fault and pass on its twin: `python benchmarks/written_tests.py`.

Twenty planted faults: verifiers, reward models, reward functions, combiners and steps with state. Each is checked, its
counterexamples are written as `herokit check --write-test` does, and the tests run on the faulty object and on the twin.
Prints a row for each fault.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.planted_combiners import COMBINERS
from helpers.planted_models import FUNCTIONS, PlantedModel, twin_function
from helpers.planted_verifiers import STATE, PlantedVerifier
from helpers.planted_weights import STATEFUL
from herokit.testing.regressions import write_test
from herokit.testing.scheme_checks import CheckOptions, check_target

__all__ = ["count_verdicts"]

VERIFIERS = ("reference in the answer", "first box", "trusts a claim", "empty is right", "reverses")
MODELS = ("one score for all", "0 for an empty text", "loses digits", "cuts the end", "drops duplicates")
REWARDS = ("reference in the text", "no sign", "any line", "drops unreadable rows")
NUM_COMBINERS = 3


def pairs() -> dict[str, tuple[Any, Any]]:
    """Return kind and name -> the faulty object and its twin."""
    combiners = {f"combiner: {name}": pair for name, pair in list(COMBINERS.items())[:NUM_COMBINERS]}
    stateful = {f"stateful: {name}": pair for name, pair in list(STATEFUL.items())[:NUM_COMBINERS]}
    return {
        **{f"verifier: {name}": (PlantedVerifier(name), PlantedVerifier()) for name in VERIFIERS},
        **{f"reward model: {name}": (PlantedModel(name), PlantedModel()) for name in MODELS},
        **{f"reward function: {name}": (FUNCTIONS[name], twin_function) for name in REWARDS},
        **{name: (pair.faulty, pair.twin) for name, pair in {**combiners, **stateful}.items()},
    }


def run_tests(text: str, target: Any) -> tuple[int, int]:
    """Return how many tests of a file fail and how many pass if their target is this object."""
    scope: dict[str, Any] = {}
    exec(compile(text, "test_regressions.py", "exec"), scope)  # noqa: S102 - the file that was written
    scope["TARGET"] = target
    failed = passed = 0
    for name, test in list(scope.items()):
        if not name.startswith("test_"):
            continue
        STATE.update(calls=0, cache={}, last=None)
        try:
            test()
            passed += 1
        except AssertionError:
            failed += 1
    return failed, passed


def count_verdicts(name: str, laws: tuple[str, ...] = ()) -> tuple[int, tuple[int, int], tuple[int, int]]:
    """Return how many tests are written for a fault, of some laws or all; how many fail and pass on it, and on its twin."""
    faulty, twin = pairs()[name]
    is_answer = name.startswith(("verifier", "reward function"))
    options = CheckOptions(
        budget=20.0, examples=20, laws=laws, **({"answer_format": "math", "domain": "integers"} if is_answer else {})
    )
    STATE.update(calls=0, cache={}, last=None)
    (twin_report,) = check_target(twin, options)
    alarms = {result.law for result in twin_report.failures}
    STATE.update(calls=0, cache={}, last=None)
    (report,) = check_target(faulty, options)
    kept = tuple(result for result in report.results if result.law not in alarms)
    text = write_test("fault", [type(report)(report.name, kept, report.note, report.kind, report.options)], options)
    return text.count("\ndef test_"), run_tests(text, faulty), run_tests(text, twin)


def main() -> None:
    """Print the table."""
    print("| fault | tests | failed on it | passed on its twin |\n|---|---|---|---|")
    right = 0
    for name in pairs():
        written, (failed, _), (_, passed) = count_verdicts(name)
        right += written == failed == passed > 0
        print(f"| {name} | {written} | {failed} | {passed} |", flush=True)
    print(f"\n{right} of {len(pairs())} files fail on the fault and pass on the twin, test by test")


if __name__ == "__main__":
    main()
