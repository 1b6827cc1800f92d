"""Write docs/reference/schemes.md from the schemes' docstrings and from what the laws find: ``python docs/make_schemes.py``."""

import inspect
import re
from pathlib import Path

from herokit.schemes import SCHEMES
from herokit.testing import Profile, Result, list_laws
from herokit.testing.backends import find_backends
from herokit.testing.check import check
from herokit.testing.subjects import subject_of
from herokit.trainers import find_trainer

PAGE = Path(__file__).with_name("reference") / "schemes.md"
LAWS = list_laws("combiner", universal=False)
TRAINER = "dr-grpo"
SAME = Profile(max_examples=60, seconds=1e9, shrink_seconds=0.0)
"""No clock has a say in what the page says."""

SETTINGS = {"earned_trust": {"momentum": 0.0}}
"""Settings under which a batch or two of a law's case act as a long training does: trust is that of the last batch."""

MARK = {"passed": "yes", "failed": "no", "skipped": "-"}

HEAD = """# Schemes

Written by `python docs/make_schemes.py` from the schemes' docstrings and from what the laws of `herokit.testing` find;
a test holds it up to date. A scheme file names a scheme with dashes: `use = "hero-advantage"`. `c` is the verifier's
value, `m` the reward model's score; `mean_g`, `z_g`, `minmax_g` act inside a group, `z_b` over the batch.

| scheme | formula | source |
|---|---|---|
"""

LAWS_HEAD = """
## Laws kept

Every scheme keeps the universal laws (row order, group names, batch split, state, purity, libraries), except where the
last section says otherwise. The laws below are properties that a scheme may have or not; advantages are those of the
trainer `{trainer}` (centred, not divided); `earned_trust` was tried with momentum 0, for it to trust at once. `-`: nothing to look at, for the scheme reads no verdict or no score.

"""


def words(make: object) -> tuple[str, str, str]:
    """Return a scheme's first line, formula and source."""
    text = inspect.getdoc(make) or ""
    formula = re.search(r"``([^`]*=[^`]*)``", text)
    source = re.search(r"Source: (.*?)(?:\n\n|$)", text, re.DOTALL)
    if formula is None or source is None:
        raise SystemExit(f"{make}: the docstring needs a formula and a source")
    first, source_text = (" ".join(part.split()).replace("``", "`") for part in (text.splitlines()[0], source.group(1)))
    return first, " ".join(formula.group(1).split()), source_text.rstrip(".")


def main() -> str:
    """Return the page."""
    rows, kept, broken = [], [], []
    columns = " | ".join(f"[{n}](laws.md)" for n in (law.name.replace("_", " ") for law in LAWS))
    kept.append(f"| scheme | {columns} |\n|---|{'---|' * len(LAWS)}\n")
    for make in SCHEMES:
        name = make.__name__
        first, formula, source = words(make)
        rows.append(f"| `{name}` | `{formula.replace('|', chr(92) + '|')}` | {source} |\n")
        subject = subject_of(
            make(**SETTINGS.get(name, {})), None, trainer=find_trainer(TRAINER), backends=find_backends(("numpy",))
        )
        results: list[Result] = list(check(subject, LAWS, {}, SAME, name))
        kept.append(f"| `{name}` | {' | '.join(MARK[r.outcome] for r in results)} |\n")
        reasons = "".join(f"- {r.law.replace('_', ' ')}: {r.message}.\n" for r in results if r.outcome == "failed")
        broken.append(f"\n### {name}\n\n{first}\n{chr(10) if reasons else ''}{reasons}")
    return "".join(
        [
            HEAD,
            *rows,
            LAWS_HEAD.format(trainer=TRAINER),
            *kept,
            "\n## What breaks, and a case of it\n",
            *broken,
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(main(), encoding="utf-8")
