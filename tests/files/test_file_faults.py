"""Damaged files, full disks and folders that cannot be written: one clear line, and nothing is lost or left."""

import gzip
import importlib.util
import io
import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import herokit
from helpers.rollout_files import make_rewarder, make_rows, read_output, score_files, write_rows
from herokit import Rewarder, Select
from herokit.errors import DataError
from herokit.files import group_batches, writing
from herokit.pipeline import checkpoint
from herokit.pipeline import run as run_module
from herokit.verifiers import Number

_SPEC = importlib.util.spec_from_file_location("file_faults", Path(__file__).with_name("file_faults.py"))
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)


def outcome(folder, path, **settings):
    """Return the error's message, "" if there is none."""
    try:
        score_files(folder, [str(path)], **settings)
    except DataError as error:
        return str(error)
    return ""


def test_damaged_files_end_in_one_clear_line(tmp_path):
    faults = list(_MODULE.file_faults())
    assert len(faults) + len(list(_MODULE.shard_faults())) >= 60
    wrong = {}
    for number, fault in enumerate(faults):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / f"input{fault.suffix}"
        path.write_bytes(fault.content)
        message = outcome(folder, path)
        is_either = "changed" in fault.name and not fault.message  # a flipped bit may also leave what can be read
        if fault.message not in message or "\n" in message or not (fault.message or is_either or not message):
            wrong[fault.name] = message
        left = {each.name for each in folder.iterdir()} - {path.name}
        if left != (set() if message else {"o.parquet"}):
            wrong[f"{fault.name}: left"] = left
    assert not wrong


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """Return the input of a run that was interrupted after half of its batches, and what it should give."""
    path = write_rows(tmp_path / "i.jsonl", make_rows(60))
    (tmp_path / "whole").mkdir()
    wanted = read_output(score_files(tmp_path / "whole", [str(path)], batch_groups=4))
    combine, calls = run_module._combine, []

    def stop(*arguments):
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return combine(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(run_module, "_combine", stop)
        with pytest.raises(KeyboardInterrupt):
            score_files(tmp_path, [str(path)], batch_groups=4, checkpoint_every=0.0)
    return path, wanted


def test_damaged_checkpoints_end_in_one_clear_line(tmp_path, interrupted):
    path, wanted = interrupted
    whole = tmp_path / "kept"
    shutil.copytree(tmp_path / "o.parquet.part", whole)
    wrong = {}
    for name, message, damage in _MODULE.shard_faults():
        shutil.rmtree(tmp_path / "o.parquet.part", ignore_errors=True)
        shutil.copytree(whole, tmp_path / "o.parquet.part")
        damage(tmp_path / "o.parquet.part")
        result = outcome(tmp_path, path, batch_groups=4, resume=True)
        if message not in result or "\n" in result:
            wrong[name] = result
        (tmp_path / "o.parquet").unlink(missing_ok=True)
    assert not wrong
    shutil.rmtree(tmp_path / "o.parquet.part")
    shutil.copytree(whole, tmp_path / "o.parquet.part")
    assert read_output(score_files(tmp_path, [str(path)], batch_groups=4, resume=True)) == wanted


def test_resume_compares_content_and_not_times(tmp_path, interrupted):
    path, wanted = interrupted
    stat, text = path.stat(), path.read_bytes()
    path.write_bytes(text.replace(b'"p1"', b'"p2"'))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # the same size and time of change
    assert "its content has changed" in outcome(tmp_path, path, batch_groups=4, resume=True)
    path.write_bytes(text)
    os.utime(path, ns=(1, 1))
    assert read_output(score_files(tmp_path, [str(path)], batch_groups=4, resume=True)) == wanted


def test_input_that_is_written_while_it_is_read_is_an_error(tmp_path, monkeypatch):
    path = write_rows(tmp_path / "i.jsonl", make_rows(8))
    read_all = group_batches._read_all

    def read_and_write(*arguments):
        result = read_all(*arguments)
        path.write_bytes(path.read_bytes().replace(b'"p1"', b'"p9"'))
        return result

    monkeypatch.setattr(group_batches, "_read_all", read_and_write)
    assert "i.jsonl: changed while it was being read" in outcome(tmp_path, path)


@pytest.mark.parametrize("place", ["checkpoint", "output", "shard", "spill"])
def test_disk_that_is_full_keeps_what_is_saved(tmp_path, monkeypatch, place):
    rows = make_rows(60)
    if place == "spill":
        rows = rows[::2] + rows[1::2]
    path = write_rows(tmp_path / "i.jsonl", rows)
    (tmp_path / "whole").mkdir()
    wanted = read_output(score_files(tmp_path / "whole", [str(path)], batch_groups=4))

    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        if place == "checkpoint":
            patched.setattr(checkpoint, "fsync_file", refuse)
        elif place == "output":
            patched.setattr(writing, "_open_sink", refuse)
        elif place == "shard":
            patched.setattr(checkpoint.Checkpoint, "_write_shard", refuse)
        else:
            patched.setattr(group_batches.Partitions, "add", refuse)
        message = outcome(tmp_path, path, batch_groups=4, checkpoint_every=0.0)
    assert "cannot be written: No space left on device" in message
    assert not (tmp_path / "o.parquet").exists()
    rewarder = make_rewarder()
    again = score_files(tmp_path, [str(path)], rewarder=rewarder, batch_groups=4, resume=True)
    assert read_output(again) == wanted
    assert not (tmp_path / "o.parquet.part").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written_is_refused_before_work(tmp_path):
    path = write_rows(tmp_path / "i.jsonl", make_rows(8))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert "cannot be written to" in outcome(closed, path)


def test_folder_that_the_system_refuses_is_an_error_before_work(tmp_path, monkeypatch):
    path = write_rows(tmp_path / "i.jsonl", make_rows(8))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert f"the folder {str(tmp_path)!r} cannot be written to" in outcome(tmp_path, path)


JSON_LINES = b'{"prompt": "6 * 7?", "completion": "42", "answer": "42"}\n'


def parquet_bytes():
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([json.loads(JSON_LINES)] * 500), stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.parquet", JSON_LINES, "holds JSON; rename it to r.jsonl"),
        ("r.csv", JSON_LINES, "holds JSON; rename it to r.jsonl"),
        ("r.jsonl", gzip.compress(JSON_LINES, mtime=0), "holds JSON in gzip; rename it to r.jsonl.gz"),
        ("r.jsonl.gz", JSON_LINES, "holds JSON; rename it to r.jsonl"),
        ("r.jsonl", parquet_bytes(), "holds Parquet; rename it to r.parquet"),
        ("r.parquet", parquet_bytes()[:300], "the file is cut off: Parquet ends with a footer; write or copy it again"),
        ("r.parquet", b"a,b\n1,2\n", "not a Parquet file"),
        ("r.jsonl", json.dumps({"promt": "6 * 7?", "completon": "42"}).encode() + b"\n",
         "no column for the prompt: .* --column prompt=promt; no column for the completion: .* --column completion=completon"),
    ],
    ids=["JSON as Parquet", "JSON as CSV", "gzip as JSON", "JSON as gzip", "Parquet as JSON", "Parquet cut off", "CSV as Parquet", "columns"],
)  # fmt: skip
def test_file_of_another_format_or_with_misspelt_columns_says_what_to_write(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: {message}"):
        herokit.score(tmp_path / name, "verifier-only")


def test_csv_may_begin_like_json(tmp_path):
    (tmp_path / "r.csv").write_text("[id],prompt,completion,answer\n1,6 * 7?,42,42\n")
    rewarder = Rewarder({"verifier": Number()}, Select("verifier"))
    assert herokit.score(tmp_path / "r.csv", rewarder).reward.tolist() == [1.0]
