"""The report of a run with TRL: the callback writes the rollouts of recent steps and the page."""

import json
import pickle

import numpy as np
import pytest

from herokit.adapters.trl import ReportCallback, RewardFunction
from herokit.adapters.trl.report import ReportWriter
from herokit.errors import ConfigError, DataError
from herokit.report import read_results

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(gradient|activation)_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def read_rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("kind", ["GRPO", "GroupGRPO"])
def test_report_callback_writes_what_the_trainer_saw(runs, tmp_path, kind):
    function = RewardFunction(runs.rewarder(), on_cancelled_step="ignore")
    callback = ReportCallback(function, tmp_path / "report.html", every_steps=3, max_rollouts=16)
    evaluation = {"evaluation": True, "eval_strategy": "steps", "eval_steps": 1}
    trainer = runs.make(kind, tmp_path / "out", [function], callbacks=[callback], max_steps=3, **evaluation)
    trainer.train()
    rows, results = read_rows(tmp_path / "report.jsonl"), read_results(str(tmp_path / "report.jsonl"))
    assert [row["step"] for row in rows] == [1] * 8 + [2] * 8  # the first batch is dropped, evaluation is not there
    assert [row["group"] for row in rows[::4]] == ["1.0", "1.1", "2.0", "2.1"]
    assert results.groups.num_groups == 4
    assert rows[0]["prompt"][0]["role"] == "user"
    np.testing.assert_allclose(results.advantage[8:], last_advantages(trainer))
    assert "report.jsonl" in (tmp_path / "report.html").read_text()


def last_advantages(trainer):
    return [row for training, rows in trainer.seen if training for row in rows][-8:]


def test_report_writer_refuses_what_it_cannot_write(runs, tmp_path):
    function = RewardFunction(runs.rewarder())
    with pytest.raises(ConfigError, match="every_steps must be 1 or more, got 0"):
        ReportWriter(function, tmp_path / "report.html", every_steps=0)
    with pytest.raises(DataError, match=r"expected a file that ends in \.html"):
        ReportWriter(function, tmp_path / "report.pdf")
    ReportWriter(function, tmp_path / "report.html")
    with pytest.raises(ConfigError, match="herokit writes a report already"):
        ReportWriter(function, tmp_path / "report.html")
    with pytest.raises(ConfigError, match="expected some of wandb, tensorboard, got 'mlflow'"):
        ReportWriter(RewardFunction(runs.rewarder()), tmp_path / "report.html", log_to=["mlflow"])
    assert pickle.loads(pickle.dumps(function)).on_batch is None


@pytest.mark.parametrize(("name", "run", "keys"), [("mixin", 2, ["0.0", "1.0"]), ("function", 4, ["0.0.0", "0.1.0"])])
def test_report_callback_gathers_the_rows_of_two_ranks(two_ranks, shared_folder, name, run, keys):
    reports = two_ranks.reports("0")
    rows = read_rows(shared_folder / f"{name}.jsonl")
    groups = list(dict.fromkeys(row["group"] for row in rows))
    assert [row["step"] for row in rows] == sorted(row["step"] for row in rows)
    assert all([row["group"] for row in rows].count(key) == 4 for key in groups)
    assert set(keys) <= set(groups)
    assert (shared_folder / f"{name}.html").exists()
    assert reports[run]["state"]


def test_report_callback_keeps_the_credit_of_turns(two_ranks, shared_folder, runs):
    two_ranks.wait()
    rows = read_rows(shared_folder / "credit.jsonl")
    assert len(rows) % 4 == 0
    assert [row["credit"] for row in rows] == runs.CREDIT * (len(rows) // 4)
