"""TRL runs whose sources hang, raise and die: training continues, rows have their status, the loss is finite."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from transformers import TrainerCallback

from herokit.adapters.trl import RewardFunction
from herokit.errors import PluginError
from herokit.sources import ProcessPool

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(gradient|activation)_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
LOW = tuple("012")


@pytest.fixture
def hostile(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import hostile

    return hostile


def train(runs, kind, out, sources, **settings):
    with runs.rewarder(sources) as rewarder:
        trainer = runs.make(kind, out, [RewardFunction(rewarder)], max_steps=3, **settings)
        trainer.train()
    rows = {name: list(values) for name, values in trainer._logs["extra"].items()}
    rows["completion"] = [c[0]["content"] for c in trainer._logs["completion"]]
    rows["used"] = trainer.seen[-1][1]
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 3
    assert np.isfinite(losses).all()
    assert trainer.state.global_step == 3
    return rows, [entry for entry in trainer.state.log_history if "loss" in entry]


def test_trl_run_continues_with_a_hanging_verifier(runs, hostile, tmp_path):
    sources = {"verifier": ProcessPool(hostile.Hangs(), max_workers=1, timeout=1.5), "rm": runs.Taste()}
    rows, log = train(runs, "GRPO", tmp_path, sources)
    late = [text.startswith("1") for text in rows["completion"]]
    assert sum(late) == 1
    assert [status.startswith("verifier timeout: ") for status in rows["herokit_status"]] == late
    assert [value for value, slow in zip(rows["verifier"], late, strict=True) if slow] == [0.0] * sum(late)
    assert log[-1]["herokit/verifier/timeout"] == pytest.approx(sum(late) / 8)


@pytest.mark.parametrize("kind", ["GRPO", "GroupGRPO"])
def test_trl_run_continues_with_a_raising_verifier(runs, hostile, tmp_path, kind):
    sources = {"verifier": hostile.Raises(), "rm": runs.Taste()}
    rows, log = train(runs, kind, tmp_path, sources, log_completions=True)
    failed = [text.startswith(LOW) for text in rows["completion"]]
    assert 0 < sum(failed) < 8
    for i, bad in enumerate(failed):
        status = "verifier failed: raised RuntimeError: no such digit (" if bad else "judged"
        assert rows["herokit_status"][i].startswith(status)
        assert (rows["verifier"][i] is None) == bad
        assert (rows["used"][i] == 0.0) == bad
    assert log[-1]["herokit/rows/invalid"] == pytest.approx(sum(failed) / 8)
    table = pq.read_table(tmp_path / "completions" / "completions_00003.parquet").to_pydict()
    assert table["herokit_status"] == rows["herokit_status"]
    assert [reward is None or np.isnan(reward) for reward in table["herokit_reward"]] == failed
    np.testing.assert_allclose(table["advantage"], rows["used"])


@pytest.mark.parametrize("kind", ["GRPO", "GroupRLOO"])
def test_trl_run_continues_after_the_reward_model_died(runs, hostile, tmp_path, kind):
    served = hostile.Served()

    class Kill(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            served.process.kill()
            served.process.wait()

    rows, log = train(runs, kind, tmp_path, {"verifier": runs.Half(), "rm": served}, callbacks=[Kill()])
    assert log[0]["herokit/rm/judged"] == 1.0
    assert log[1]["herokit/rm/failed"] == log[2]["herokit/rm/failed"] == 1.0
    assert all(status.startswith("rm failed: raised BrokenPipeError") for status in rows["herokit_status"])
    assert rows["used"] == [0.0] * 8
    assert None not in rows["verifier"]


class OneSample:
    def verify(self, sample):
        return sample.completion == sample.reference


@pytest.mark.parametrize("kind", ["GRPO", "GroupGRPO"])
def test_trl_run_stops_at_the_first_batch_with_the_error_of_a_source(runs, tmp_path, kind):
    with runs.rewarder({"verifier": OneSample(), "rm": runs.Taste()}) as rewarder:
        trainer = runs.make(kind, tmp_path, [RewardFunction(rewarder)], max_steps=3)
        with pytest.raises(
            PluginError, match="verifier 'verifier' raised AttributeError: 'list' object has no attribute"
        ):
            trainer.train()
    assert trainer.state.global_step == 0
