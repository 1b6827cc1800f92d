"""Tables of hard cases for the model-based verifiers, each with the response of the server behind them."""

import re
from pathlib import Path

import pytest

from helpers.tables import mismatch, tables
from herokit.config.builder import build
from herokit.sources.execution import verify

TABLES = list(tables(Path(__file__).with_name("cases")))
RESPONSE = re.compile(r"--- response ([0-9a-f]{8}) ---\n(.*)\n--- end \1 ---", re.DOTALL)


def respond(reply, body):
    """Return the response of a stub server: ``{m}`` is the mark of the question, ``{r}`` the completion in it."""
    if isinstance(reply, list):
        reply = reply[body["seed"]]
    if isinstance(reply, str):
        reply = {"says": reply}
    if "hangs" in reply:
        return None if reply["hangs"] == "up" else reply["hangs"]
    if "text" in reply:
        return reply.get("status", 200), reply["text"].encode() * reply.get("times", 1), {}
    if "json" in reply:
        return reply["json"]
    match = RESPONSE.search(body["messages"][-1]["content"])
    mark, response = match.groups() if match else ("", "")
    text = reply["says"] and reply["says"].replace("{m}", mark).replace("{r}", response)
    return {"choices": [{"message": {"content": text}, "finish_reason": reply.get("finish", "stop")}]}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_verifier_gives_the_verdicts_of_its_table(serve, table):
    replies = []
    server = serve(lambda _, body: respond(replies[-1], body))
    mismatches = []
    for case in table.cases:
        replies.append(case.reply)
        with build({"use": table.name, "url": server.url, **case.settings}) as verifier:
            (verdict,) = verify(table.name, verifier, [case.sample])
        mismatches += [mismatch(case, verdict)] if mismatch(case, verdict) else []
    assert not mismatches, "\n".join(mismatches)


def test_generative_verifier_does_not_send_blank_completions_or_missing_references(serve):
    server = serve(lambda _, body: respond("Verdict {m}: CORRECT", body))
    (table,) = (table for table in TABLES if table.name == "generative-verifier")
    unsent = [case for case in table.cases if case.expected == "unparsed" or case.reference is None]
    assert len(unsent) >= 5
    with build({"use": table.name, "url": server.url}) as verifier:
        verifier.verify([case.sample for case in unsent])
    assert not server.requests
