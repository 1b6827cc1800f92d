"""Runs that are killed or interrupted at any moment and resumed: no result is lost or written twice."""

import json
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.rollout_files import (
    RUN,
    SCHEME,
    expected_results,
    make_rewarder,
    make_rows,
    read_output,
    score_files,
    write_rows,
)
from herokit import Rewarder, hero
from herokit.cli.run_setup import interrupt_on_sigterm, run_settings
from herokit.errors import DataError
from herokit.files import external_sort
from herokit.files.reading import read_rollouts
from herokit.files.writing import find_output
from herokit.pipeline import checkpoint
from herokit.pipeline.run import Job, score_job
from herokit.registry import load_registry
from herokit.sources import ScoreColumn, VerdictColumn


class KilledError(BaseException):
    """Stands for a kill: no later step has an effect."""


def kill_at(monkeypatch, moment):
    """Kill the run at the n-th step that writes to the disk or scores; return a function that counts the steps."""
    count = 0

    def step(work):
        def stepped(*arguments, **named):
            nonlocal count
            count += 1
            if count >= moment:
                raise KilledError
            return work(*arguments, **named)

        return stepped

    from herokit.files import writing
    from herokit.pipeline import run

    for place, name in (
        (run, "_combine"), (run, "spill"), (checkpoint, "fsync_file"), (writing, "fsync_file"), (writing, "_delete"), (Path, "replace"),
        (shutil, "rmtree"), (Path, "rmdir"), (Path, "unlink"), (external_sort.Partitions, "finish"), (pa.ipc, "new_stream"), (pq.ParquetWriter, "write_table"),
    ):  # fmt: skip
        monkeypatch.setattr(place, name, step(getattr(place, name)))
    return lambda: count


def record_calls(one):
    """Return a list that gets the number of samples of every later call of a rewarder's sources."""
    calls, run_sources = [], one.run_sources

    def run(samples):
        calls.append(len(samples))
        return run_sources(samples)

    one.run_sources = run
    return calls


@pytest.mark.parametrize(("shuffled", "name"), [(False, "o/"), (False, "o.jsonl.gz"), (True, "o.parquet")])
def test_score_job_killed_at_any_moment_resumes_to_the_same_bytes(tmp_path, monkeypatch, shuffled, name):
    rows = make_rows(36)
    if shuffled:
        random.Random(3).shuffle(rows)  # noqa: S311
    texts = [str(write_rows(tmp_path / "i.jsonl", rows))]
    (tmp_path / "wanted").mkdir()
    uninterrupted = make_rewarder()
    wanted = read_output(score_files(tmp_path / "wanted", texts, name, rewarder=uninterrupted, batch_groups=4))
    scored_again = []
    for moment in range(1, 1000):
        with monkeypatch.context() as patched:
            steps = kill_at(patched, moment)
            try:
                score_files(tmp_path, texts, name, batch_groups=4, checkpoint_every=0.0, resume=True)
            except KilledError:
                pass
            else:
                assert steps() == moment - 1
                break
        again = make_rewarder()
        calls = record_calls(again)
        out = score_files(tmp_path, texts, name, rewarder=again, batch_groups=4, checkpoint_every=0.0, resume=True)
        scored_again.append(sum(calls))
        assert again.state == uninterrupted.state
        assert read_output(out) == wanted
        assert {p.name for p in tmp_path.iterdir()} == {"i.jsonl", "wanted", out.name}
        shutil.rmtree(out) if out.is_dir() else out.unlink()
    assert moment > 30  # killed at each of them
    assert scored_again[-1] == 0  # of what was done at the end nothing is done again


class Interrupted(ScoreColumn):
    """Interrupts the run after some batches."""

    left = 3

    def score(self, samples, /):
        Interrupted.left -= 1
        if Interrupted.left < 0:
            raise KeyboardInterrupt
        return super().score(samples)


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    monkeypatch.setattr(Interrupted, "left", 3)
    path = write_rows(tmp_path / "i.jsonl", make_rows(60))
    broken = Rewarder({"verifier": VerdictColumn("right"), "rm": Interrupted("given")}, hero())
    with pytest.raises(KeyboardInterrupt) as ended:
        score_files(tmp_path, [str(path)], batch_groups=4, rewarder=broken)
    assert "48 of 60 rollouts are scored and saved in" in ended.value.__notes__[0]
    assert json.loads((tmp_path / "o.parquet.part/manifest.json").read_text())["progress"]["rows"] == 48
    return path


def test_checkpoint_rejects_changed_settings_and_inputs(tmp_path, interrupted):
    def resume(message, *, settings=None, **options):
        job = Job("i", [interrupted], {}, find_output(f"{tmp_path}/o.parquet"), RUN | (settings or {}), resume=True)
        with pytest.raises(DataError, match=message):
            score_job(
                Job(**{name: getattr(job, name) for name in job.__slots__} | {"batch_groups": 4} | options),
                make_rewarder(),
            )

    resume("scheme.alpha was 0.05, is 0.1", settings={"scheme": {"alpha": 0.1}})
    resume('versions.herokit was "0.1", is "9"', settings={"versions": {"herokit": "9"}})
    resume("batch_groups was 4, is 5", batch_groups=5)
    resume('prefix was "", is "x_"', prefix="x_")
    resume('columns.group was not set, is "prompt"', columns={"group": "prompt"})
    resume("the input had 1 files, has 2", paths=[interrupted, write_rows(tmp_path / "j.jsonl", make_rows(8))])
    resume("contains an interrupted run. Use --resume to continue it, or delete that folder", resume=False)
    text = interrupted.read_bytes()
    interrupted.write_bytes(text.replace(b'"p1"', b'"p2"'))
    resume("i.jsonl: its content has changed")
    interrupted.write_bytes(text + b"{}\n")
    resume("i.jsonl: has .* bytes now, had")
    interrupted.write_bytes(text)  # the time of change is another, the content is not
    score_files(tmp_path, [str(interrupted)], batch_groups=4, resume=True)
    assert not (tmp_path / "o.parquet.part").exists()


def test_checkpoint_reports_damaged_files(tmp_path, interrupted):
    shard = tmp_path / "o.parquet.part" / "results-000000.arrow"
    whole = shard.read_bytes()
    for damage, message in (
        (whole[:200], "results-000000.arrow: cannot be read"),
        (None, "cannot be read: .*No such file"),
    ):
        shard.write_bytes(damage) if damage else shard.unlink()
        with pytest.raises(DataError, match=message):
            score_files(tmp_path, [str(interrupted)], batch_groups=4, resume=True)
    (tmp_path / "o.parquet.part" / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="the manifest cannot be read: .*; delete that folder"):
        score_files(tmp_path, [str(interrupted)], batch_groups=4, resume=True)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("name", ["notes.txt", "results-000000.arrow", "lock/deep.txt"])
def test_checkpoint_leaves_foreign_folders_alone(tmp_path, name, resume):
    write_rows(tmp_path / "in.jsonl", make_rows(4))
    mine = tmp_path / "o.jsonl.part" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    job = Job("in", [tmp_path / "in.jsonl"], {}, find_output(tmp_path / "o.jsonl"), resume=resume)
    with pytest.raises(
        DataError, match="o.jsonl.part: not a herokit checkpoint \\(no manifest, found .*\\); move that folder away"
    ):
        score_job(job, make_rewarder())
    assert mine.read_text() == "mine"
    assert [path.name for path in mine.parent.iterdir()] == [mine.name]


def test_checkpoint_is_locked(tmp_path, interrupted):
    code = (
        "import sys; from pathlib import Path; from herokit.pipeline.checkpoint import Checkpoint\n"
        "with Checkpoint(Path(sys.argv[1]), {}):\n    print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, tmp_path / "o.parquet.part"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(DataError, match="in use by another process"):
            score_files(tmp_path, [str(interrupted)], batch_groups=4, resume=True)
        other.communicate()
    score_files(tmp_path, [str(interrupted)], batch_groups=4, resume=True)


def command(folder, *arguments):
    (folder / "s.toml").write_text(SCHEME.replace('"verdict-column"', '"verdict-column"\ncolumn = "right"').replace(
        '"score-column"', '"score-column"\ncolumn = "given"'))  # fmt: skip
    return [sys.executable, "-m", "herokit", "score", "i.jsonl", "--scheme", "s.toml", "--batch-groups", "8",
            "--checkpoint-every", "0", *arguments]  # fmt: skip


def test_sigterm_interrupts_like_ctrl_c():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), interrupt_on_sigterm():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_score_command_prints_how_to_resume(tmp_path):
    write_rows(tmp_path / "i.jsonl", make_rows(2000))
    child = subprocess.Popen(command(tmp_path, "-o", "o.jsonl"), cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    manifest = tmp_path / "o.jsonl.part" / "manifest.json"
    while not manifest.exists() or '"digests": []' in manifest.read_text():
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate()
    assert child.returncode == 130
    assert "of 2,000 rollouts are scored and saved in o.jsonl.part; continue with" in stderr
    assert "rows/s" not in stderr  # nobody looks at the bar
    words = shlex.split(stderr.splitlines()[-1])
    assert words[:2] == ["herokit", "score"]
    assert words[-1] == "--resume"
    assert 0 < json.loads(manifest.read_text())["progress"]["rows"] < 2000
    again = subprocess.run([sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "2,000 rollouts of 500 prompts" in again.stdout
    found = list(read_rollouts(tmp_path / "o.jsonl").values["reward"])
    np.testing.assert_array_equal(found, expected_results(make_rows(2000), 8)[:, 0])


def test_streaming_benchmark_kills_and_compares_bytes():
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "streaming.py"
    small = ["--rollouts", "20000", "--kills", "2", "--every", "0", "--shuffled", "--seed", "2"]
    done = subprocess.run([sys.executable, script, *small], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed 2 times" in done.stdout
    assert "resumed: the same bytes" in done.stdout
    assert max(int(peak) for peak in re.findall(r"peak (\d+) MB", done.stdout)) < 450


def test_settings_include_the_files_that_a_scheme_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rm.onnx").write_text("model")
    table = {
        "sources": {
            "rm": {"use": "ensemble-reward-model", "reward_models": [{"use": "score-column", "column": "rm.onnx"}]}
        }
    }
    settings = run_settings(table, load_registry(plugins=False))
    assert settings["scheme"] == table
    assert settings["versions"].keys() == {"herokit"}
    assert settings["files"]["rm.onnx"].startswith("5 bytes, changed 20")
    (tmp_path / "rm.onnx").write_text("models")
    found = checkpoint._find_difference(settings, run_settings(table, load_registry(plugins=False)))
    assert found.startswith('files.rm.onnx was "5 bytes')
