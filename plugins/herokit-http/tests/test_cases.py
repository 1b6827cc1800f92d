"""What the model-based verifiers say of hard cases, each with what the server behind them says."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "verifiers"))
from tables import mismatch, tables

from herokit.config.builder import build
from herokit.sources.execution import verify

TABLES = list(tables(Path(__file__).with_name("cases")))
RESPONSE = re.compile(r"--- response ([0-9a-f]{8}) ---\n(.*)\n--- end \1 ---", re.DOTALL)


def speak(told, body):
    """Return what a stand-in server answers: ``{m}`` is the mark of the question, ``{r}`` the response in it."""
    if isinstance(told, list):
        told = told[body["seed"]]
    if isinstance(told, str):
        told = {"says": told}
    if "hangs" in told:
        return None if told["hangs"] == "up" else told["hangs"]
    if "text" in told:
        return told.get("status", 200), told["text"].encode() * told.get("times", 1), {}
    if "json" in told:
        return told["json"]
    found = RESPONSE.search(body["messages"][-1]["content"])
    mark, response = found.groups() if found else ("", "")
    said = told["says"] and told["says"].replace("{m}", mark).replace("{r}", response)
    return {"choices": [{"message": {"content": said}, "finish_reason": told.get("finish", "stop")}]}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_verifier_says_what_its_table_says(serve, table):
    told = []
    fake = serve(lambda _, body: speak(told[-1], body))
    wrong = []
    for case in table.cases:
        told.append(case.reply)
        with build({"use": table.name, "url": fake.url, **case.settings}) as verifier:
            (verdict,) = verify(table.name, verifier, [case.sample])
        wrong += [mismatch(case, verdict)] if mismatch(case, verdict) else []
    assert not wrong, "\n".join(wrong)


def test_no_judge_is_asked_about_what_is_blank_or_has_no_reference(serve):
    fake = serve(lambda _, body: speak("Verdict {m}: CORRECT", body))
    (table,) = (table for table in TABLES if table.name == "generative-verifier")
    silent = [case for case in table.cases if case.expected == "unparsed" or case.reference is None]
    assert len(silent) >= 5
    with build({"use": table.name, "url": fake.url}) as verifier:
        verifier.verify([case.sample for case in silent])
    assert not fake.asked
