"""Write docs/reference/verifiers.md from the verifiers' docstrings and their tables of hard cases.

``python docs/make_verifiers.py``; a test keeps the page up to date.
"""

import inspect
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "verifiers"))

from tables import KINDS, Case, Table, all_tables  # noqa: E402 - found by the line above

from herokit.registry import VERIFIERS, Entry, load_registry  # noqa: E402
from herokit.verifiers.instructions import CONSTRAINTS  # noqa: E402

PAGE = Path(__file__).with_name("reference") / "verifiers.md"
GROUPS = {
    "Choice and text": (
        "exact-match",
        "token-f1",
        "rouge-l",
        "choice",
        "number",
        "quantity",
        "date",
        "list",
        "regex",
    ),
    "Form": ("tags", "json-block", "length-limit", "language", "repetition", "degenerate"),
    "Structured output": ("json-schema", "function-call", "sql", "xml", "yaml"),
    "Programs": ("code",),
    "IFEval": ("ifeval",),
    "Model-based": ("generative-verifier", "rubric-judge", "http-verifier"),
    "Composition": (
        "cascade", "vote", "all-of", "any-of", "noisy", "route", "after", "cache", "pool", "audit",
    ),
}  # fmt: skip
ELSEWHERE = ("verdict-column",)
"""Verifiers of the core that judge nothing themselves."""
SHOWN = 60

HEAD = """# Verifiers

Written by `python docs/make_verifiers.py` from the verifiers' docstrings and from their tables of hard cases
(`tests/verifiers/cases`, `tests/verifiers/composed`, `plugins/*/tests/cases`); a test keeps it up to
date. `math` has [a page of its own](math-verifier.md).

A scheme file names a verifier after `use =`; its parameters are the keys beside it. Every one gives a value in [0, 1] or
none, with a status: `judged`; `unparsed`: 0, nothing readable was answered; `timeout`: 0, the completion made it run
past a limit; `failed`: no value, the data or the machine are at fault, and the row leaves before rewards are combined.
Every verifier passes the [laws](laws.md), and its table; each rule names its source. How to put them together:
[compose verifiers](../how-to/compose-verifiers.md). How well one agrees with labels:
`herokit verify PAIRS --verifier NAME --set KEY=VALUE`.

"""


OWNERS = ("herokit-code", "herokit-structured", "herokit-http")
"""Plugins whose verifiers are on the page, beside the core's."""

NOTES = {
    "Model-based": """
Each asks a server: [how it is reached, and what a failure is](http.md). In the examples a stand-in server says what stands
after "is told"; `{m}` is the mark of the question, `{r}` the response that it repeats.
""",
    "Composition": """
In the examples a completion says what each verifier inside it does: in `10` the first accepts and the second refuses; `5`
gives 0.5; `?` cannot say, `u` read nothing, `t` ran out of time, `!` raises.
""",
}


def main() -> str:
    """Return the page."""
    offered = (entry for entry in load_registry() if entry.kind == "verifier" and entry.name not in ELSEWHERE)
    entries = {entry.name: entry for entry in offered if entry.name in VERIFIERS or entry.owner in OWNERS}
    tables = {table.name: table for table in all_tables()}
    named = [name for names in GROUPS.values() for name in names]
    if sorted(named) != sorted(entries) or sorted(tables) != sorted(entries):
        raise SystemExit(
            f"groups, tables and registry differ: {set(named) ^ set(entries)}, {set(tables) ^ set(entries)}"
        )
    lines = [HEAD, "| in a scheme file | is | cases |\n|---|---|---|\n"]
    lines += [f"| [`{name}`](#{name}) | {_first(entries[name])} | {len(tables[name].cases)} |\n" for name in named]
    for group, names in GROUPS.items():
        lines.append(f"\n## {group}\n{NOTES.get(group, '')}")
        for name in names:
            lines += _verifier(entries[name], tables[name])
        if group == "IFEval":
            lines += _constraints()
    return "".join(lines)


def _first(entry: Entry) -> str:
    return _text((inspect.getdoc(entry.load()) or "").splitlines()[0])


def _verifier(entry: Entry, table: Table) -> list[str]:
    """Write one verifier's section."""
    made = entry.load()
    doc = inspect.getdoc(made) or ""
    head, rest = [*re.split(r"\n(?:Args|Attributes):\n", doc, maxsplit=1), ""][:2]
    arguments, _, rest = re.sub(r"\nRaises:\n.*?\n\n", "\n\n", rest, flags=re.DOTALL).partition("\n\n")
    source = re.search(r"Source: (.*?)(?:\n\n|$)", doc, re.DOTALL)
    if source is None or not arguments:
        raise SystemExit(f"{entry.name}: the docstring needs Args and a Source")
    kinds = Counter(case.kind for case in table.cases)
    lines = [f"\n### {entry.name}\n\n", f"`{entry.target.replace(':', '.')}`, {entry.owner}. {_text(head)}\n\n"]
    lines.append("| setting | default | |\n|---|---|---|\n")
    defaults = inspect.signature(made).parameters
    for name, told in re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", arguments + "\n", re.DOTALL | re.MULTILINE):
        default = defaults[name].default
        shown = "required" if default is inspect.Parameter.empty else f"`{_toml(default)}`"
        lines.append(f"| `{name}` | {shown} | {_text(told)} |\n")
    lines.append(f"\nSource: {_text(source[1])}\n\n")
    counted = ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS)
    lines.append(f"{len(table.cases)} hard cases: {counted}.\n\n| rule | source | e.g. |\n|---|---|---|\n")
    for rule, told in table.rules.items():
        example = next(case for case in table.cases if case.rule == rule)
        lines.append(f"| {_text(told['says'])} | {_text(told['source'])} | {_example(example)} |\n")
    return lines


def _constraints() -> list[str]:
    """Write the table of instructions."""
    lines = ["\nThe instructions, and how they differ from IFEval's own code: [IFEval](../explanation/ifeval.md).\n\n"]
    lines.append("| instruction | arguments | followed where |\n|---|---|---|\n")
    for name, one in sorted(CONSTRAINTS.items()):
        arguments = ", ".join(f"`{argument}`" for argument in one.arguments)
        lines.append(f"| `{name}` | {arguments} | {_text(inspect.getdoc(one.check) or '')} |\n")
    return lines


def _example(case: Case) -> str:
    says = case.says if isinstance(case.says, str) else f"{case.says:.3g}"
    reference = "" if case.reference is None else f" for {_code(case.reference)}"
    own = {key: value for key, value in case.own.items() if key != "constraints"}
    asked = [arguments for arguments in case.own.get("constraints", {}).values() if arguments]
    given = [*([own] if own else []), *asked, *([case.meta] if case.meta else [])]
    shown = "".join(f", {_code(json.dumps(one, ensure_ascii=False))}" for one in given)
    told = (
        ""
        if case.told is None
        else f", is told {_code(case.told if isinstance(case.told, str) else json.dumps(case.told))}"
    )
    return f"{_code(case.completion)}{reference}{shown}{told}: {says}"


def _code(text: str) -> str:
    text = text if len(text) <= SHOWN else text[:SHOWN] + "..."
    shown = text.encode("unicode_escape").decode() if not text.isprintable() else text
    shown = shown.replace("|", "\\|")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`" if shown else "nothing"


def _text(text: str) -> str:
    """Bring a docstring's paragraph to one line of Markdown."""
    parts = re.split(r"(``.*?``|`[^`]*`)", " ".join(text.split()), flags=re.DOTALL)
    plain = [part if part.startswith("`") else part.replace("<", "&lt;").replace("*", "\\*") for part in parts]
    return re.sub(r"``(.*?)``", r"`\1`", "".join(plain)).replace("|", "\\|")


def _toml(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if repr(value) == "<factory>":
        return "its defaults"
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, tuple) else repr(value).replace("'", '"')


if __name__ == "__main__":
    PAGE.write_text(main(), encoding="utf-8")
