"""Tables of hard cases: what a verifier must say of a completion, and which rule says so."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from herokit.types import Sample, Verdict

HERE = Path(__file__).with_name("cases")
COMPOSED = Path(__file__).with_name("composed")
PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
KINDS = ("right", "wrong", "malformed", "hostile")


@dataclass(frozen=True)
class Case:
    kind: str
    rule: str
    completion: str
    reference: str | None
    says: float | str
    settings: dict[str, Any]
    meta: dict[str, Any]
    own: dict[str, Any]
    told: Any = None
    """What a server says of it, where the verifier asks one."""

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
    folders = [HERE, COMPOSED, *sorted(PLUGINS.glob("*/tests/cases"))]
    return sorted((table for folder in folders for table in tables(folder)), key=lambda table: table.name)


def _case(row: list[Any], shared: dict[str, Any]) -> Case:
    kind, rule, completion, reference, says, settings, meta, told = [*row, *[None] * (8 - len(row))]
    settings = settings or {}
    return Case(kind, rule, _text(completion), reference, says, {**shared, **settings}, meta or {}, settings, told)


def _text(completion: Any) -> str:
    if isinstance(completion, dict):
        return completion["text"] * completion["times"] + completion.get("then", "")
    return str(completion)


def differs(case: Case, verdict: Verdict) -> str:
    """Return what is wrong with a verdict; empty where it is as the case says."""
    said: Any = verdict.value if verdict.status.value == "judged" else verdict.status.value
    if said == "failed" and verdict.value is not None:
        said = f"failed with {verdict.value}"
    fine = (
        abs(said - case.says) < 1e-9
        if isinstance(said, float) and not isinstance(case.says, str)
        else said == case.says
    )
    return (
        ""
        if fine
        else f"{case.kind}, {case.rule}: {case.completion[:60]!r} for {case.reference!r} {case.settings}: expected {case.says}, got {said} ({verdict.reason[:80]})"
    )
