"""Stub sources, and helpers that write and read rollout files."""

import json
from pathlib import Path

PLUGIN = """
from dataclasses import dataclass
from herokit import Verdict, Status
@dataclass(frozen=True)
class Exact:
    def verify(self, samples):
        return [Verdict(None, Status.FAILED, "no reference") if s.reference is None
                else Verdict(float(s.completion == s.reference), answer=s.completion) for s in samples]
@dataclass(frozen=True)
class Length:
    odd: str = "nan"
    def score(self, samples):
        return [float("nan") if s.completion == self.odd else float(len(s.completion)) for s in samples]
    def report(self):
        return "rm: counted letters"
"""

SCHEME = '[sources.verifier]\nuse = "exact"\n[sources.rm]\nuse = "length"\n[[steps]]\nuse = "hero"\n'


def write_rows(*rows, path="r.jsonl"):
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text("".join((row if isinstance(row, str) else json.dumps(row) + "\n") for row in rows))


def read_rows(path="o.jsonl"):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def make_row(completion, *, group="q", reference="ok", prompt="p", **columns):
    return {"prompt": prompt, "completion": completion, "group": group, "reference": reference, **columns}


ROWS = [
    make_row("ok", id=1),
    make_row("no"),
    make_row("nope"),
    make_row("ok", group="w"),
    make_row("ok", group="w"),
]
