"""What could not be judged or scored is left out of the report's figures; it is no zero there either."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_report import rows, written

from herokit.report import read_results, statistics
from herokit.report.page import render


def _tile(page, name):
    found = re.search(rf"<dt>{name}</dt>\s*<dd>(.*?)</dd>", page)
    return found and found[1]


def _values(page, title):
    specs = json.loads(re.search(r'id="specs">(.*?)</script>', page, re.DOTALL)[1].replace("\\u003c", "<"))
    return specs[re.findall(r"<figcaption><h2>(.*?)</h2>", page).index(title)]["data"]["values"]


def test_what_is_missing_counts_as_nothing_and_not_as_zero(tmp_path):
    data = rows(3)
    for number, row in enumerate(data):  # group 0: two right, two failed; group 1: judged; group 2: all failed
        row.update(verifier=1.0, rm=5.0 + number % 2, weight=2.0)
        if number in {2, 3} or number >= 8:
            row.update(dict.fromkeys(("verifier", "rm", "reward", "advantage", "weight")))
            row.update(verifier_status="failed", rm_status="failed")
    data[4]["verifier"] = 0.0
    found = statistics.group_statistics(read_results(written(tmp_path, data)))
    assert (found.judged.tolist(), found.correct.tolist()) == ([2, 4, 0], [2, 3, 0])
    assert found.uniform.tolist() == [True, False, False]
    assert (found.score_std[:2].tolist(), found.weight[:2].tolist()) == ([0.5, 0.5], [2.0, 2.0])
    assert np.isnan(found.score_std[2])
    assert np.isnan(found.weight[2])
    page = render(read_results(written(tmp_path, data)))
    assert _tile(page, "uniform groups") == "50.0%"
    specs = {title: _values(page, title) for title in ("Group composition", "Weight by standard deviation")}
    assert specs["Group composition"] == [{"correct": 0.8, "groups": 1}, {"correct": 1.0, "groups": 1}]
    assert len(specs["Weight by standard deviation"]) == 2


@pytest.mark.parametrize("verifier", [True, False])
def test_nothing_is_said_of_verdicts_where_there_are_none(tmp_path, verifier):
    gone = {"verifier": None, "verifier_status": "failed"}
    names = ("verifier", "verifier_status", "verifier_answer", "verifier_reason", "label")
    data = [row | gone if verifier else {k: v for k, v in row.items() if k not in names} for row in rows(6)]
    results = read_results(written(tmp_path, data))
    page = render(results, results)
    assert "Group composition" not in page
    assert "Size of advantages" not in page
    assert ">nan<" not in page
    assert "in uniform groups</th><td>none</td><td>none</td>" in page
    silent = "uniform groups"
    assert [_tile(page, name) for name in (silent, "AUC of rm")] == (["none", "none"] if verifier else [None, None])
