"""Write docs/reference/schemes.md from the docstrings of the schemes and from the laws: ``python docs/make_schemes.py``."""

import inspect
import re
from pathlib import Path

from herokit.schemes import SCHEMES
from herokit.testing import Profile, list_laws
from herokit.testing.backends import NUMPY
from herokit.testing.check import check_laws
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


def describe(scheme: object) -> tuple[str, str, str]:
    """Return the first line, the formula and the source of a scheme's docstring."""
    text = inspect.getdoc(scheme) or ""
    formula = re.search(r"``([^`]*=[^`]*)``", text)
    source = re.search(r"Source: (.*?)(?:\n\n|$)", text, re.DOTALL)
    if formula is None or source is None:
        raise SystemExit(f"{scheme}: the docstring needs a formula and a source")
    first, source_text = (" ".join(part.split()).replace("``", "`") for part in (text.splitlines()[0], source.group(1)))
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
        subject = CombinerSubject.from_combiner(combiner, trainer=find_trainer(TRAINER), backends=(NUMPY,))
        report = check_laws(subject, LAWS, PROFILE, name, strict=False)
        outcomes.append(f"| `{name}` | {' | '.join(CELLS[result.outcome] for result in report)} |\n")
        messages = "".join(f"- {r.law.replace('_', ' ')}: {r.message}.\n" for r in report.failures)
        failures.append(f"\n### {name}\n\n{first}\n{chr(10) if messages else ''}{messages}")
    laws = LAWS_INTRODUCTION.format(trainer=TRAINER)
    return "".join([INTRODUCTION, *schemes, laws, *outcomes, "\n## Failures, with an example of each\n", *failures])


if __name__ == "__main__":
    PAGE.write_text(main(), encoding="utf-8")
