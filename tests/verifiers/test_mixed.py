"""A scheme file on a mixed data set: each row is judged by the verifier of its task."""

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
from herokit.verifiers.evaluation import measure_agreement

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MIXED = EXAMPLES / "mixed.jsonl"

pytest.importorskip("herokit_math")
pytest.importorskip("herokit_onnx")


@pytest.fixture(scope="module")
def data():
    return read_rollouts(MIXED)


def test_mixed_scheme_gives_each_row_the_verdict_of_its_label(data):
    with load_scheme(EXAMPLES / "mixed.toml").rewarder() as rewarder:
        out = rewarder(data.samples)
        report = rewarder.sources["verifier"].report()
    verdicts = out.verdicts["verifier"]
    agreement = measure_agreement([v.value for v in verdicts], data.values["label"])
    rows = [(data.samples[row].completion[:60], verdicts[row].reason) for row in agreement.disagreements]
    assert (agreement.count, agreement.abstained, rows) == (336, 0, [])
    assert not out.problems()
    assert {v.status for v in verdicts} <= {Status.JUDGED, Status.UNPARSED, Status.TIMEOUT}
    assert np.isfinite(out.reward).all()
    assert "no route 0" in report


def test_format_verifier_is_a_source_of_its_own(data):
    with load_scheme(EXAMPLES / "mixed.toml").rewarder() as rewarder:
        out = rewarder(data.samples[:48], update_state=False)
    tagged = [sample.completion.startswith("<think>") for sample in data.samples[:48]]
    assert [v.value == 1.0 for v in out.verdicts["form"]] == [
        starts and v.reason == "" for starts, v in zip(tagged, out.verdicts["form"], strict=True)
    ]
    assert {v.status for v in out.verdicts["form"]} == {Status.JUDGED}


def test_score_prints_throughput_and_statuses(tmp_path):
    command = [sys.executable, "-m", "herokit", "score", str(MIXED), "--scheme", str(EXAMPLES / "mixed.toml")]
    wide = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "s.jsonl")], capture_output=True, text=True, check=False, env=wide
    )
    assert done.returncode == 0, done.stderr
    page = (EXAMPLES.parent / "docs/how-to/compose-verifiers.md").read_text()
    quoted = re.findall(
        r"^    (?!\$)(.*)$", page[page.index("under the summary") : page.index("## Cheap verifiers")], re.MULTILINE
    )
    assert len(quoted) == 3
    for line in ("336 rollouts of 84 prompts", "verifier  judged", "Throughput: ", *quoted):
        assert line in done.stdout
    assert len((tmp_path / "s.jsonl").read_text().splitlines()) == 336


def test_mixed_examples_are_up_to_date(monkeypatch):
    import importlib.util

    spec = importlib.util.spec_from_file_location("make_mixed", EXAMPLES / "make_mixed.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert [json.loads(line) for line in MIXED.read_text().splitlines()] == [
        json.loads(json.dumps(r)) for r in module.rows()
    ]
