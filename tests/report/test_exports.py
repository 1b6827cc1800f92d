"""The report's tables in W&B and TensorBoard: the real packages if they are there, else what is called of them."""

import json
import sys
from types import SimpleNamespace

import pytest

from helpers.scored_rows import HOSTILE, make_rows, write_rows
from herokit.errors import ConfigError, DataError, SetupError
from herokit.report import exports, read_results


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    rows = make_rows(3)
    rows[0] |= {"response": HOSTILE, "verifier_status": "unparsed", "verifier": None, "verifier_answer": None}
    rows[1]["response"] = "half \ud800"  # which neither protobuf nor a file can hold
    return exports.make_export_tables(read_results(write_rows(tmp_path_factory.mktemp("exports"), rows)))


def test_make_export_tables_has_the_columns_of_the_page(tables):
    rollouts = tables["rollouts"]
    assert {len(values) for values in rollouts.values()} == {12}
    assert rollouts["group"][:5] == ["0", "0", "0", "0", "1"]
    assert rollouts["completion"][0] == HOSTILE
    assert rollouts["verifier"][0] is None
    assert rollouts["unparsed"] == [True] + [False] * 11
    assert {"reward", "advantage", "weight", "rm", "answer", "status", "preferred"} <= set(rollouts)
    assert tables["groups"]["key"] == ["0", "1", "2"]
    assert rollouts["completion"][1] == "half \ufffd"


def test_make_export_tables_keeps_sources_with_the_name_of_a_column(tmp_path):
    rows = [{name.replace("rm", "length"): value for name, value in row.items()} for row in make_rows(1)]
    rollouts = exports.make_export_tables(read_results(write_rows(tmp_path, rows)))["rollouts"]
    assert rollouts["length"] == [len(row["response"]) for row in rows]
    assert rollouts["source length"] == [row["length"] for row in rows]


def test_export_tables_gives_wandb_tables_of_all_columns(tables, monkeypatch):
    logged = []
    module = SimpleNamespace(run=None, Table=lambda **table: table, log=logged.append)
    monkeypatch.setitem(sys.modules, "wandb", module)
    with pytest.raises(ConfigError, match="no active run"):
        exports.export_tables(tables, ["wandb"], step=7, folder="")
    module.run = object()
    exports.export_tables(tables, "wandb", step=7, folder="")
    (values,) = logged
    assert values["train/global_step"] == 7
    assert values["herokit/rollouts"]["columns"] == list(tables["rollouts"])
    assert len(values["herokit/rollouts"]["data"]) == 12
    assert values["herokit/groups"]["data"][1][0] == "1"


def test_export_tables_gives_tensorboard_texts_and_histograms(tables, monkeypatch):
    calls = []

    class Writer:
        def __init__(self, folder):
            calls.append(("folder", folder))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            calls.append(("closed",))

        def add_text(self, name, text, step):
            calls.append((name, text, step))

        def add_histogram(self, name, values, step):
            calls.append((name, len(values), step))

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))
    exports.export_tables(tables, ["tensorboard"], step=7, folder="there")
    assert calls[0] == ("folder", "there")
    assert calls[-1] == ("closed",)
    texts = {call[0]: call[1] for call in calls[1:-1] if isinstance(call[1], str)}
    histograms = {call[0]: call[1] for call in calls[1:-1] if isinstance(call[1], int)}
    assert histograms["herokit/rm"] == 12
    assert histograms["herokit/verifier"] == 11
    assert {"herokit/row", "herokit/status", "herokit/preferred"}.isdisjoint(histograms)
    assert len(texts["herokit/rollouts"].splitlines()) == 14
    assert "<script" not in texts["herokit/rollouts"]
    assert {call[2] for call in calls[1:-1]} == {7}


def test_check_exports_names_what_is_wrong(monkeypatch):
    with pytest.raises(ConfigError, match="expected some of wandb, tensorboard, got 'mlflow'"):
        exports.check_exports(["mlflow"])
    monkeypatch.setattr(exports, "find_spec", lambda _: None)
    with pytest.raises(SetupError, match="pip install wandb"):
        exports.check_exports("wandb")


def test_export_tables_names_the_logger_that_fails(tables, monkeypatch):
    def fail(_):
        raise RuntimeError("too large")

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=object(), Table=lambda **table: table, log=fail))
    with pytest.raises(DataError, match="the tables were not logged to wandb: RuntimeError: too large"):
        exports.export_tables(tables, "wandb", step=1, folder="")


def test_report_command_logs_the_tables_at_the_last_step(tmp_path, monkeypatch, herokit, capsys):
    calls = []

    class Run:
        def __enter__(self):
            module.run = self

        def __exit__(self, *_):
            module.run = None
            calls.append("finished")

    module = SimpleNamespace(run=None, Table=lambda **table: table, log=calls.append, init=lambda **_: Run())
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setattr(exports, "find_spec", lambda _: True)
    path = write_rows(tmp_path, [row | {"step": number} for number, row in enumerate(make_rows(2))])
    out = tmp_path / "r.html"
    assert herokit("report", path, "-o", str(out), "--log-to", "wandb", "--max-rollouts", "4", "--json") == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(out)
    logged, end = calls
    assert (logged["train/global_step"], end) == (7, "finished")
    assert len(logged["herokit/rollouts"]["data"]) == 4
    assert herokit("report", path, "-o", str(out), "--log-to", "mlflow") == 2
    assert "expected some of wandb, tensorboard, got 'mlflow'" in capsys.readouterr().err


def test_report_command_writes_events_next_to_the_page(tmp_path, herokit):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    path, out = write_rows(tmp_path, make_rows(2)), tmp_path / "r.html"
    assert herokit("report", path, "-o", str(out), "--log-to", "tensorboard") == 0
    assert herokit("report", path, "-o", str(out), "--log-to", "tensorboard", "--log-folder", str(tmp_path / "a")) == 0
    for folder in ("r.tensorboard", "a"):
        events = EventAccumulator(str(tmp_path / folder)).Reload()
        assert events.Histograms("herokit/rm")[0].step == 8  # rows, for there are no steps


def test_report_command_logs_to_wandb_without_an_account(tmp_path, monkeypatch, herokit):
    pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    path = write_rows(tmp_path, make_rows(2))
    assert herokit("report", path, "-o", str(tmp_path / "r.html"), "--log-to", "wandb") == 0
    assert len(list(tmp_path.rglob("rollouts_*.table.json"))) == 1


def test_export_tables_writes_a_table_that_wandb_reads_offline(tables, monkeypatch, tmp_path):
    wandb = pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    with wandb.init(dir=tmp_path, project="herokit"):
        exports.export_tables(tables, "wandb", step=1, folder="")
    files = list(tmp_path.rglob("rollouts_*.table.json"))
    assert len(files) == 1
    assert '"completion"' in files[0].read_text()


def test_export_tables_writes_events_that_tensorboard_reads(tables, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    pytest.importorskip("torch", reason="torch is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    exports.export_tables(tables, "tensorboard", step=1, folder=tmp_path)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert "herokit/rm" in events.Tags()["histograms"]
    assert "herokit/rollouts/text_summary" in events.Tags()["tensors"]
