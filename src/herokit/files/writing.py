"""Write results next to the input's columns, in the input's order: the whole file or none."""

import gzip
import io
import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from herokit.errors import DataError
from herokit.files.blocks import Block
from herokit.files.column_types import ColumnTypes
from herokit.files.group_batches import InputIndex, read_input
from herokit.files.inputs import fsync_file, split_suffix
from herokit.records import replace_surrogates

__all__ = ["OUTPUT_SUFFIXES", "Output", "check_columns", "find_output", "move_into_place", "write_results"]

OUTPUT_SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")
PARTITIONS_PER_FILE = 16
"""Partitions of about 64 MB per file, if the results go to a folder."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go.

    Attributes:
        path: a file, or a folder of Parquet files.
        is_folder: whether it is a folder.
    """

    path: Path
    is_folder: bool = False

    @property
    def work_folder(self) -> Path:
        """The folder next to it that holds what is not finished."""
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def complete(self) -> Path:
        """The complete results, before they are renamed to `path`."""
        return self.work_folder / f"whole{''.join(self.path.suffixes)}"


def find_output(text: str) -> Output:
    """Check the name of an output before any work is done.

    Args:
        text: a file, known by its suffix, or a folder: its name ends in ``/``, or it exists.

    Raises:
        DataError: the suffix is unknown, the parent folder does not exist or cannot be written to, or the folder is not
            empty.
    """
    path = Path(text)
    try:
        is_file = path.name.endswith(OUTPUT_SUFFIXES)
        is_folder = not is_file and (text.endswith("/") or path.is_dir())
        if not (is_file or is_folder):
            raise DataError(
                f"{path}: unsupported output {path.suffix!r}; expected a file that ends in "
                f"{', '.join(OUTPUT_SUFFIXES[:-1])} or {OUTPUT_SUFFIXES[-1]}, or a folder {path}/"
            )
        if is_file and path.is_dir():
            raise DataError(f"{path}: is a folder; expected a file")
        parent = path.absolute().parent
        if not parent.is_dir():
            raise DataError(f"{path}: no such folder {str(parent)!r}; create it first")
        if not os.access(parent, os.W_OK):
            raise DataError(f"{path}: the folder {str(parent)!r} cannot be written to")
        output = Output(path, is_folder)
        occupied = is_folder and path.exists() and (not path.is_dir() or any(path.iterdir()))
        if occupied and not output.work_folder.exists():  # a run that was killed at its end has filled the folder
            raise DataError(f"{path}: is not an empty folder; choose another output")
    except OSError as error:
        raise DataError(f"{text}: the name cannot be used: {error.strerror or error}") from None
    return output


def check_columns(output: Output, inputs: Sequence[str], results: Sequence[str]) -> None:
    """Check that no result column has the name of an input column.

    Raises:
        DataError: some have; the message lists them.
    """
    if duplicates := [name for name in results if name in inputs]:
        raise DataError(
            f"{output.path}: the input already has columns {', '.join(duplicates)}; set a prefix, --prefix herokit_"
        )


def write_results(
    output: Output, index: InputIndex, read_results: Callable[[], Iterable[Any]], *, on_rows: Callable[[int], None]
) -> None:
    """Write the columns of the input and of the results to `Output.complete`.

    The bytes depend on the input and the results alone.

    Args:
        output: where to.
        index: the input.
        read_results: returns the results in the input's order, as Arrow record batches of any length; may be called
            twice.
        on_rows: called with the number of rows of each block.

    Raises:
        DataError: the file cannot be written, e.g. because the disk is full; what was written is deleted.
    """
    types = ColumnTypes(index.types)
    while True:
        _delete(output.complete)
        try:
            with _open_sink(output, index.partition_rows) as sink:
                results = _Rows(read_results())
                for _, block in read_input(index):
                    sink.write(block, types, results.take(len(block)))
                    on_rows(len(block))
            for path in output.complete.iterdir() if output.is_folder else (output.complete,):
                fsync_file(path)
        except _TypeMismatch as error:
            types.use_json(str(error))
        except OSError as error:
            _delete(output.complete)
            raise _write_error(output, error) from error
        except BaseException:
            _delete(output.complete)
            raise
        else:
            return


def move_into_place(output: Output) -> None:
    """Rename the complete results to their path, so that an interruption leaves the earlier file or the new one.

    Raises:
        DataError: the file cannot be renamed.
    """
    try:
        if output.is_folder and output.path.exists():
            output.path.rmdir()
        output.complete.replace(output.path)
        fsync_file(output.path.absolute().parent)
    except OSError as error:
        raise _write_error(output, error) from error


def _write_error(output: Output, error: OSError) -> DataError:
    return DataError(f"{output.path}: cannot be written: {error.strerror or error}; no file was changed")


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


class _TypeMismatch(Exception):  # noqa: N818 - no error: the column is then written as JSON text
    """Values of a column do not fit its type; the argument is the column's name."""


class _Rows:
    """Record batches, taken a number of rows at a time."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self._batches: Iterator[Any] = iter(batches)
        self._buffer: list[Any] = []

    def take(self, count: int) -> Any:
        """Return the next `count` rows as a table."""
        import pyarrow as pa

        while sum(batch.num_rows for batch in self._buffer) < count:
            self._buffer.append(next(self._batches))
        table = pa.Table.from_batches(self._buffer)
        self._buffer = table.slice(count).to_batches()
        return table.slice(0, count)


def _open_sink(output: Output, partition_rows: int) -> "_Sink":
    kind, compression = split_suffix(output.path)
    if kind == ".jsonl" and not output.is_folder:
        return _JsonSink(output.complete, compression)
    return _ParquetSink(
        output.complete, partition_rows, partition_rows * PARTITIONS_PER_FILE if output.is_folder else 0
    )


class _Sink(ABC):
    """Writes rows; a context manager whose file is complete when it exits without an exception."""

    @abstractmethod
    def write(self, block: Block, types: ColumnTypes, results: Any) -> None:
        """Write the N rows of a block, and next to them the N rows of a table of results.

        Raises:
            _TypeMismatch: a column of the block does not fit its type.
        """

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None: ...


class _JsonSink(_Sink):
    """Writes JSON lines, plain or compressed with ``gzip`` or ``zstd``."""

    def __init__(self, path: Path, compression: str | None) -> None:
        self._path, self._compression = path, compression

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        self._stream: Any = self._file
        if self._compression == "gzip":
            self._stream = gzip.GzipFile("", "wb", fileobj=self._file, mtime=0, compresslevel=6)
        elif self._compression == "zstd":
            import pyarrow as pa

            self._stream = pa.CompressedOutputStream(self._file, "zstd")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._file:
            if self._stream is not self._file:
                self._stream.close()

    def write(self, block: Block, types: ColumnTypes, results: Any) -> None:
        """Write rows."""
        names = [*types.names, *results.column_names]
        columns = [*(block.values(name) for name in types.names), *(c.to_pylist() for c in results.columns)]
        text = io.BytesIO()
        for row in zip(*columns, strict=True):
            text.write(_to_line(dict(zip(names, row, strict=True))))
        self._stream.write(text.getvalue())


def _to_line(row: dict[str, Any]) -> bytes:
    try:
        return (json.dumps(row, ensure_ascii=False, default=str) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(replace_surrogates(row), ensure_ascii=False, default=str) + "\n").encode()


class _ParquetSink(_Sink):
    """Writes Parquet in row groups of `group_rows` rows, to one file or to a folder of files of `file_rows` rows."""

    def __init__(self, path: Path, group_rows: int, file_rows: int) -> None:
        self._path, self._group_rows, self._file_rows = path, group_rows, file_rows
        self._buffer: list[Any] = []
        self._file: Any = None
        self._rows_in_file = self._num_files = 0

    def __enter__(self) -> Self:
        if self._file_rows:
            self._path.mkdir()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush(1)
        self._close()

    def write(self, block: Block, types: ColumnTypes, results: Any) -> None:
        """Write rows."""
        import pyarrow as pa

        columns = []
        for name in types.names:
            column = types.block_array(name, block)
            if column is None:
                raise _TypeMismatch(name)
            columns.append(column)
        fields = [pa.field(f.name, f.type) for f in types.schema()]
        self._buffer.append(pa.table([*columns, *results.columns], schema=pa.schema([*fields, *results.schema])))
        self._flush(self._group_rows)

    def _flush(self, min_rows: int) -> None:
        """Write row groups while at least `min_rows` rows are in memory."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        while sum(table.num_rows for table in self._buffer) >= min_rows:
            table = pa.concat_tables(self._buffer)
            group, rest = table.slice(0, self._group_rows).combine_chunks(), table.slice(self._group_rows)
            self._buffer = [rest] if rest.num_rows else []
            if self._file is None:
                path = self._path / f"part-{self._num_files:05}.parquet" if self._file_rows else self._path
                self._num_files += 1
                self._file = pq.ParquetWriter(path, table.schema)
            self._file.write_table(group, row_group_size=self._group_rows)
            self._rows_in_file += group.num_rows
            if self._file_rows and self._rows_in_file >= self._file_rows:
                self._close()

    def _close(self) -> None:
        if self._file is not None:
            file, self._file, self._rows_in_file = self._file, None, 0
            file.close()
