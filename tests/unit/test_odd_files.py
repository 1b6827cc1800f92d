"""Rollout files as other programs write them: other encodings, values that are missing in another way."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from herokit import Sample
from herokit.adapters.common.base import find_reference, make_samples
from herokit.errors import DataError
from herokit.files.blocks import find_inputs
from herokit.files.reading import read_rollouts
from herokit.files.writing import find_output

ROW = {"prompt": "2+2?", "response": "4", "answer": "4", "prompt_id": "q1", "extra": [1, 2]}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_told_so_and_a_mark_of_utf_8_is_none_of_the_text(tmp_path, encoding):
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(ROW) + "\n", encoding=encoding)
    with pytest.raises(
        DataError, match="r.jsonl: is encoded in UTF-16; expected UTF-8. Convert it with iconv -f UTF-16 -t UTF-8"
    ):
        read_rollouts(path)
    path.write_text(json.dumps(ROW) + "\n", encoding="utf-8-sig")
    assert read_rollouts(path).samples == [Sample("2+2?", "4", "q1", "4", {"extra": [1, 2]})]


def test_a_reference_that_is_nan_is_missing_not_the_text_nan(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (ROW, ROW | {"answer": float("nan")})))
    pq.write_table(
        pa.table({"prompt": ["p"] * 2, "response": ["4"] * 2, "answer": [4.0, float("nan")]}), tmp_path / "r.parquet"
    )
    for file, first in ((path, "4"), (tmp_path / "r.parquet", "4.0")):
        assert [s.reference for s in read_rollouts(file).samples] == [first, None]


def test_in_a_trainer_too():
    columns = {"answer": [4.0, float("nan")], "target": ["4", "5"]}
    assert [s.reference for s in make_samples(["p"] * 2, ["c"] * 2, ["q"] * 2, columns)] == ["4.0", None]
    assert find_reference({"answer": float("nan"), "target": "5"}) == "5"
    assert find_reference({"answer": np.float32("nan"), "target": np.array([4, 5])}) == "[4 5]"


@pytest.mark.parametrize("use", [lambda name: find_inputs([name]), find_output])
def test_a_name_that_the_system_refuses_is_one_line(tmp_path, use):
    with pytest.raises(DataError, match="xxx.jsonl: (cannot be read|the name cannot be used): File name too long"):
        use(f"{tmp_path}/{'x' * 300}.jsonl")


def test_a_folder_below_that_cannot_be_read_is_not_left_out_in_silence(tmp_path, monkeypatch):
    for name in ("a", "closed", ".hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "r.jsonl").write_text(json.dumps(ROW) + "\n")
    scan = os.scandir

    def refuse(path):
        if Path(path).name in {"closed", ".hidden"}:
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"/closed: cannot be read: Permission denied"):
        find_inputs([str(tmp_path)])
    (tmp_path / "closed").rename(tmp_path / "_closed")
    assert find_inputs([str(tmp_path)]) == [tmp_path / "a" / "r.jsonl"]
