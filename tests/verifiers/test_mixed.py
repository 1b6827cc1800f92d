"""One scheme file scores a mixed data set: each row goes to the verifier of its task."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from herokit import Status
from herokit.config import load_scheme
from herokit.files.reading import read_rollouts
from herokit.verifiers.evaluation import agreement

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MIXED = EXAMPLES / "mixed.jsonl"

pytest.importorskip("herokit_math")
pytest.importorskip("herokit_onnx")


@pytest.fixture(scope="module")
def data():
    return read_rollouts(MIXED)


def test_every_row_is_judged_as_it_was_made(data):
    with load_scheme(EXAMPLES / "mixed.toml").rewarder() as rewarder:
        outcome = rewarder(data.samples)
        report = rewarder.sources["verifier"].report()
    verdicts = outcome.verdicts["verifier"]
    found = agreement([v.value for v in verdicts], data.columns["label"])
    rows = [(data.samples[row].completion[:60], verdicts[row].reason) for row in found.disagreements]
    assert (found.count, found.silent, rows) == (336, 0, [])
    assert not outcome.problems()
    assert {v.status for v in verdicts} <= {Status.JUDGED, Status.UNPARSED, Status.TIMEOUT}
    assert np.isfinite(outcome.reward).all()
    assert "nowhere 0" in report


def test_form_is_a_reward_of_its_own(data):
    with load_scheme(EXAMPLES / "mixed.toml").rewarder() as rewarder:
        outcome = rewarder(data.samples[:48], update_state=False)
    tagged = [sample.completion.startswith("<think>") for sample in data.samples[:48]]
    assert [v.value == 1.0 for v in outcome.verdicts["form"]] == [
        mark and v.reason == "" for mark, v in zip(tagged, outcome.verdicts["form"], strict=True)
    ]
    assert {v.status for v in outcome.verdicts["form"]} == {Status.JUDGED}


def test_the_command_prints_throughput_and_statuses(tmp_path):
    command = [sys.executable, "-m", "herokit", "score", str(MIXED), "--scheme", str(EXAMPLES / "mixed.toml")]
    wide = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "s.jsonl")], capture_output=True, text=True, check=False, env=wide
    )
    assert done.returncode == 0, done.stderr
    page = (EXAMPLES.parent / "docs/how-to/compose-verifiers.md").read_text()
    told = re.findall(
        r"^    (?!\$)(.*)$", page[page.index("prints, under the summary") : page.index("## Cheap first")], re.MULTILINE
    )
    assert len(told) == 3
    for line in ("336 rollouts of 84 prompts", "verifier  judged", "Throughput: ", *told):
        assert line in done.stdout
    assert len((tmp_path / "s.jsonl").read_text().splitlines()) == 336


def test_the_examples_are_what_their_script_makes(monkeypatch):
    import importlib.util

    spec = importlib.util.spec_from_file_location("make_mixed", EXAMPLES / "make_mixed.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert [json.loads(line) for line in MIXED.read_text().splitlines()] == [
        json.loads(json.dumps(r)) for r in made.rows()
    ]
