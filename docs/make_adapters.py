"""Write docs/reference/adapters.md from the adapters' own `SUPPORT`.

python docs/make_adapters.py
"""

from pathlib import Path

from herokit.adapters.common.info import supports

PAGE = Path(__file__).parent / "reference" / "adapters.md"

HEAD = """# Trainers

Written by `docs/make_adapters.py` from the adapters themselves. *Tried* says how far: **ran**, training runs in the
tests; **real objects**, the released package's own classes call the adapter in the tests; **contract only**, the tests
hold the adapter to signatures copied from the trainer's source, and nothing of the trainer runs. A trainer that is not
here: [rewards in any trainer](../how-to/any-trainer.md).

"""


def main() -> str:
    """Return the page."""
    rows = [support for _, support in sorted(supports(), key=lambda pair: (ORDER.index(pair[1].tried), pair[0]))]
    lines = ["| trainer | version | tried | its reward hook sees | how to |", "|---|---|---|---|---|"]
    lines += [f"| {row.trainer} | {row.version} | {row.tried} | {row.sees} | [page](../{row.page}) |" for row in rows]
    lines += ["", "| trainer | so that no step is undone | state | lost, or not tried |", "|---|---|---|---|"]
    lines += [f"| {row.trainer} | {row.settings} | {row.state} | {row.lost} |" for row in rows]
    return HEAD + "\n".join(lines) + "\n"


ORDER = ("ran", "real objects", "contract only")

if __name__ == "__main__":
    PAGE.write_text(main(), encoding="utf-8")
    print(PAGE)
