"""Write docs/reference/schemes.md from the docstrings of the schemes and from the laws: ``python docs/make_schemes.py``."""

import inspect
import re
from pathlib import Path

from herokit.combiners.chain import gives_credit
from herokit.schemes import SCHEMES
from herokit.testing import Profile, list_laws
from herokit.testing.backends import NUMPY
from herokit.testing.check import check_laws
from herokit.testing.credit import CREDIT_LAWS, check_credit
from herokit.testing.subjects import CombinerSubject
from herokit.trainers import find_trainer

PAGE = Path(__file__).with_name("reference") / "schemes.md"
LAWS = list_laws("combiner", universal=False)
TRAINER = "dr-grpo"
PROFILE = Profile(max_examples=60, seconds=1e9, shrink_seconds=0.0)
"""Without a time limit, so that the page is the same on every machine."""

PARAMETERS = {"earned_trust": {"momentum": 0.0}, "dapo": {"max_tokens": 6, "buffer": 4}}
"""Parameters that fit small batches: the trust is that of the last batch, and lengths are small numbers."""

CELLS = {"passed": "yes", "failed": "no", "skipped": "-"}

INTRODUCTION = """# Schemes

`python docs/make_schemes.py` writes this page from the docstrings of the schemes and from the laws of `herokit.testing`;
a test keeps it up to date. A scheme file names a scheme with dashes: `use = "hero-advantage"`. `c` is the verifier's
value, `m` the reward model's score; `mean_g`, `z_g`, `minmax_g` act inside a group, `z_b` over the batch.

| scheme | formula | source |
|---|---|---|
"""

LAWS_INTRODUCTION = """
## Laws

Every scheme satisfies the universal laws (row order, group ids, batch splits, state, purity, array libraries), except
where the last section says otherwise. The laws below are properties that a scheme may have or not; the advantages are
those of the trainer `{trainer}` (centered, not divided); `earned_trust` has momentum 0, so that it trusts at once,
and `dapo` a limit of 6 tokens. `-`:
not applicable, because the scheme reads no verdict or no score.

"""


CREDIT_PARAMETERS = {"gigpo": {"step_reward": "step"}}

CREDIT_INTRODUCTION = """
## Laws of credit

Schemes that [give credit to turns and steps](../how-to/credit-turns-and-steps.md), tried by `herokit.testing.credit` on rollouts of one to four
parts with values in [0, 1]. The laws contradict each other: what is centered before it is summed earns nothing for a further average
part and pulls no decision to go on, what is summed before it is centered follows a true reward without bias and pays for
every part of positive value. `gigpo` has the rewards of a source `step`. `-`: it reads no outcome, or no parts.

"""


def describe(scheme: object) -> tuple[str, str, str]:
    """Return the first line, the formula and the source of a scheme's docstring."""
    text = inspect.getdoc(scheme) or ""
    formula = re.search(r"``([^`]*=[^`]*)``", text)
    source = re.search(r"Source: (.*?)(?:\n\n|$)", text, re.DOTALL)
    if formula is None or source is None:
        raise SystemExit(f"{scheme}: the docstring needs a formula and a source")
    first, source_text = (
        " ".join(part.split()).replace("``", "`")
        for part in (text.splitlines()[0], source.group(1))
    )
    return first, " ".join(formula.group(1).split()), source_text.rstrip(".")


def main() -> str:
    """Return the page."""
    titles = " | ".join(f"[{law.name.replace('_', ' ')}](laws.md)" for law in LAWS)
    schemes, outcomes = [], [f"| scheme | {titles} |\n|---|{'---|' * len(LAWS)}\n"]
    failures = []
    for scheme in SCHEMES:
        name = scheme.__name__
        first, formula, source = describe(scheme)
        schemes.append(f"| `{name}` | `{formula.replace('|', chr(92) + '|')}` | {source} |\n")
        combiner = scheme(**PARAMETERS.get(name, {}))
        subject = CombinerSubject.from_combiner(
            combiner, trainer=find_trainer(TRAINER), backends=(NUMPY,)
        )
        report = check_laws(subject, LAWS, PROFILE, name, must_fail=(), claimed=())
        outcomes.append(
            f"| `{name}` | {' | '.join(CELLS[result.outcome] for result in report)} |\n"
        )
        messages = "".join(f"- {r.law.replace('_', ' ')}: {r.message}.\n" for r in report.failures)
        failures.append(f"\n### {name}\n\n{first}\n{chr(10) if messages else ''}{messages}")
    laws = LAWS_INTRODUCTION.format(trainer=TRAINER)
    failed = ["\n## Failures, with an example of each\n", *failures]
    return "".join([INTRODUCTION, *schemes, laws, *outcomes, credit(), *failed])


def credit() -> str:
    """Return the section on the laws of credit."""
    makes = [scheme for scheme in SCHEMES if gives_credit(scheme())]
    names = [f"`{scheme.__name__}`" for scheme in makes]
    lines = [CREDIT_INTRODUCTION, f"| law | {' | '.join(names)} |\n|---|{'---|' * len(makes)}\n"]
    reports = [
        check_credit(scheme(**CREDIT_PARAMETERS.get(scheme.__name__, {}))) for scheme in makes
    ]
    for law in CREDIT_LAWS:
        statement = " ".join((law.__doc__ or "").split())
        cells = " | ".join(CELLS[report[law.__name__].outcome] for report in reports)
        lines.append(f"| *{law.__name__.replace('_', ' ')}*: {statement} | {cells} |\n")
    return "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(main(), encoding="utf-8")
