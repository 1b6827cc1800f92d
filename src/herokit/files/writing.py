"""Write results beside the columns they came from: whole, or not at all."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from herokit.errors import DataError

ENDINGS = (".parquet", ".jsonl")


def check_output(path: Path, old: Sequence[str], new: Sequence[str] = ()) -> None:
    """Refuse an output that could not be written, before any work is done.

    Args:
        path: where the results shall go.
        old: the input's columns.
        new: the columns that will be added.

    Raises:
        DataError: an unknown ending, no such folder, a folder that cannot be written to, or a column of the input
            that the results would overwrite.
    """
    if path.suffix not in ENDINGS:
        raise DataError(f"{path}: results go to a file that ends in {' or '.join(ENDINGS)}, got {path.suffix!r}")
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise DataError(f"{path}: no such folder {str(folder)!r}; make it first")
    if not os.access(folder, os.W_OK):
        raise DataError(f"{path}: the folder {str(folder)!r} cannot be written to")
    clash = [name for name in new if name in old]
    if clash:
        raise DataError(f"{path}: the input already has columns {', '.join(clash)}; set a prefix, --prefix herokit_")


def write_results(path: Path, old: Mapping[str, Sequence[Any]], new: Mapping[str, Sequence[Any]]) -> None:
    """Write the input's columns and the results' to Parquet or JSONL.

    The file is written under another name and renamed when it is whole, so a full disk or an interruption leaves
    neither half a file nor a lost earlier one.

    Raises:
        DataError: it cannot be written, e.g. for want of space.
    """
    part = path.with_name(f"{path.name}.part")
    columns = {**old, **new}
    try:
        if path.suffix == ".parquet":
            _write_parquet(part, columns)
        else:
            _write_lines(part, columns)
        part.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}; no file was changed") from error
    finally:
        part.unlink(missing_ok=True)


def _write_parquet(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({name: _array(values) for name, values in columns.items()}), path)


def _array(values: Sequence[Any]) -> Any:
    """Make a column; one whose rows disagree in type is kept as JSON text."""
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array(
            [None if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in values]
        )


def _write_lines(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in zip(*columns.values(), strict=True):
            file.write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=str) + "\n")
        file.flush()
        os.fsync(file.fileno())
