"""Write docs/reference/laws.md from the docstrings of the laws: `python docs/make_laws.py`."""

import inspect
from pathlib import Path

from herokit.testing.law import Law
from herokit.testing.laws import LAWS

PAGE = Path(__file__).parent / "reference" / "laws.md"

INTRODUCTION = """# Laws

`python docs/make_laws.py` writes this page from the docstrings in `herokit.testing.laws`; a test keeps it up to date.

Everything of a kind must satisfy its universal laws. A claimable law applies where you claim it:
`check_combiner(scheme, claims=[verifier_dominates.with_params(margin=0.8)])`. `herokit check SCHEME` tries all laws.
"""

TITLES = {
    "combiner": "Combiners",
    "verifier": "Verifiers",
    "reward function": "Reward functions",
    "reward model": "Reward models",
}


def page() -> str:
    """Return the text of the page."""
    lines = [INTRODUCTION]
    for kind, title in TITLES.items():
        for universal in (True, False):
            lines.append(f"## {title}: {'universal' if universal else 'claimable'}\n")
            for law in LAWS:
                if kind in law.kinds and law.universal is universal:
                    if kind != law.kinds[0]:
                        lines.append(f"### {law.name}: as for a {law.kinds[0]}\n")
                        continue
                    lines.append(f"### {law.name}\n\n{law.statement}\n")
                    lines.append(f"*Why*: {law.why}\n\n*In training*: {law.consequence}\n")
                    lines += [_parameters(law)] if _parameters(law) else []
                    lines += [f"Measures: {law.measures[0]}.\n"] if law.measures else []
    return "\n".join(lines)


def _parameters(law: Law) -> str:
    """Return the parameters that `Law.with_params` can set."""
    parameters = [
        p
        for p in inspect.signature(law.check).parameters.values()
        if p.kind is p.KEYWORD_ONLY and isinstance(p.default, float)
    ]
    return (
        f"Parameters: {', '.join(f'`{p.name}={p.default:g}`' for p in parameters)}.\n"
        if parameters
        else ""
    )


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
