"""Tables of hard cases: the verdict expected for a completion, and the rule that demands it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from herokit.types import Sample, Verdict

HERE = Path(__file__).parents[1] / "verifiers" / "cases"
COMPOSITES = HERE.with_name("composites")
PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
KINDS = ("correct", "incorrect", "malformed", "hostile")


@dataclass(frozen=True)
class Case:
    """One row of a table: `expected` is a value, or the status of a verdict that is not `judged`."""

    kind: str
    rule: str
    completion: str
    reference: str | None
    expected: float | str
    settings: dict[str, Any]
    meta: dict[str, Any]
    own_settings: dict[str, Any]
    reply: Any = None
    """The reply of the stub server, for verifiers that ask one."""

    @property
    def sample(self) -> Sample:
        return Sample("prompt", self.completion, 0, self.reference, self.meta)


@dataclass(frozen=True)
class Table:
    name: str
    rules: dict[str, dict[str, str]]
    cases: tuple[Case, ...]


def tables(folder: Path = HERE) -> Iterator[Table]:
    for path in sorted(folder.glob("*.yaml")):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        cases = (_case(row, data.get("settings", {})) for row in data["cases"])
        yield Table(path.stem, data["rules"], tuple(cases))


def all_tables() -> list[Table]:
    folders = [HERE, COMPOSITES, *sorted(PLUGINS.glob("*/tests/cases"))]
    return sorted((table for folder in folders for table in tables(folder)), key=lambda table: table.name)


def _case(row: list[Any], shared: dict[str, Any]) -> Case:
    kind, rule, completion, reference, expected, settings, meta, reply = [*row, *[None] * (8 - len(row))]
    settings = settings or {}
    return Case(kind, rule, _text(completion), reference, expected, {**shared, **settings}, meta or {}, settings, reply)


def _text(completion: Any) -> str:
    if isinstance(completion, dict):
        return completion["text"] * completion["times"] + completion.get("then", "")
    return str(completion)


def mismatch(case: Case, verdict: Verdict) -> str:
    """Return how a verdict differs from what the case expects; "" if it does not."""
    actual: Any = verdict.value if verdict.status.value == "judged" else verdict.status.value
    if isinstance(actual, float) and not isinstance(case.expected, str):
        same = abs(actual - case.expected) < 1e-9
    else:
        same = actual == case.expected
    if same:
        return ""
    question = f"{case.completion[:60]!r} for {case.reference!r} {case.settings}"
    return f"{case.kind}, {case.rule}: {question}: expected {case.expected}, got {actual} ({verdict.reason[:80]})"


def mismatches(table: Table, verdicts: Sequence[Verdict]) -> list[str]:
    return [text for case, verdict in zip(table.cases, verdicts, strict=True) if (text := mismatch(case, verdict))]
