"""Write docs/reference/laws.md from the laws' docstrings: `python docs/make_laws.py`."""

import inspect
from pathlib import Path

from herokit.testing.law import Law
from herokit.testing.laws import LAWS

PAGE = Path(__file__).parent / "reference" / "laws.md"

OPENING = """# Laws

Written by `python docs/make_laws.py` from the docstrings in `herokit.testing.laws`; a test keeps it up to date.

A universal law is kept by everything of its kind. A claimable law holds where it is claimed:
`check_combiner(scheme, claims=[verifier_dominates.with_params(margin=0.8)])`. `herokit check SCHEME` tries all of them.
"""

KINDS = {"combiner": "Combiners", "verifier": "Verifiers", "reward model": "Reward models"}


def page() -> str:
    """Return the page's text."""
    lines = [OPENING]
    for of, title in KINDS.items():
        for universal in (True, False):
            lines.append(f"## {title}: {'universal' if universal else 'claimable'}\n")
            for law in LAWS:
                if law.kind == of and law.universal is universal:
                    lines.append(f"### {law.name}\n\n{law.statement}\n")
                    lines.append(f"*Why*: {law.why}\n\n*In training*: {law.consequence}\n")
                    lines += [_settings(law)] if _settings(law) else []
                    lines += [f"Measures: {law.measures[0]}.\n"] if law.measures else []
    return "\n".join(lines)


def _settings(law: Law) -> str:
    """Say which parameters a claim may set."""
    own = [p for p in inspect.signature(law.check).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return f"Settings: {', '.join(f'`{p.name}={p.default:g}`' for p in own)}.\n" if own else ""


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
