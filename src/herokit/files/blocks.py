"""Read rollout files in blocks of consecutive rows, in bounded memory."""

import codecs
import csv
import gzip
import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, cast

from herokit.conversations.columns import find_path, is_completion_list
from herokit.errors import DataError
from herokit.files.inputs import ARROW_SUFFIXES, CSV_SUFFIX, PARQUET_SUFFIX, split_suffix

__all__ = [
    "ArrowBlock",
    "Block",
    "JsonBlock",
    "explode",
    "read_blocks",
]

MAX_BLOCK_ROWS = 2048
BLOCK_BYTES = 1 << 23
"""Approximate size of a block; a longer row makes a block of its own."""
MAX_LINE_BYTES = 1 << 28


class Block(ABC):
    """Consecutive rows of one file.

    Attributes:
        path: the file.
        first_row: the position of the block's first row in the file, from 0.
    """

    __slots__ = ()
    path: Path
    first_row: int

    @property
    @abstractmethod
    def num_bytes(self) -> int:
        """Return the approximate size."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def column_names(self) -> Sequence[str]:
        """Return the names of the columns that occur."""

    @abstractmethod
    def values(self, name: str) -> Sequence[Any]:
        """Return a column as Python values; None where a row lacks it."""

    @abstractmethod
    def explode(self, name: str, first_row: int) -> "Block":
        """Return a row for each completion in the lists of a column; the other columns are repeated.

        Args:
            name: the column, or a path, whose first part then holds the completions.
            first_row: the position of the first of these rows.
        """

    def paths(self, names: Sequence[str]) -> list[str]:
        """Return those of some names with dots that lead to a value in any row."""
        columns = set(self.column_names())
        paths = [name for name in names if name not in columns and name.partition(".")[0] in columns]
        return [name for name in paths if any(value is not None for value in self.values(name))]

    def _lists(self, name: str) -> list[list[Any]]:
        lists = list(self.values(name))
        for row, value in enumerate(lists):
            if not is_completion_list(value):
                raise DataError(
                    f"{self.path}: row {self.first_row + row + 1}: {name} must be a list of completions, as in the first row, "
                    f"got {value!r:.80}; write either a list in every row, or one row per completion"
                )
        return lists

    @abstractmethod
    def meta(self, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Return, for every row, its values in some columns; None is left out."""

    @abstractmethod
    def slice(self, start: int, stop: int) -> "Block":
        """Return the rows from one position to another."""

    def whole_rows(self) -> Sequence[Mapping[str, Any]]:
        """Return, for every row, its values in all columns; None is left out."""
        return [dict(row) for row in self.meta(self.column_names())]


@dataclass(frozen=True, slots=True)
class JsonBlock(Block):
    """Rows of a file of JSON lines."""

    path: Path
    first_row: int
    rows: Sequence[Mapping[str, Any]]
    line_bytes: int

    @property
    def num_bytes(self) -> int:
        """Return the length of the lines."""
        return self.line_bytes

    def __len__(self) -> int:
        return len(self.rows)

    def column_names(self) -> Sequence[str]:
        """Return the names of the columns that occur."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def values(self, name: str) -> Sequence[Any]:
        """Return a column, or what a path leads to, as Python values."""
        root, *path = name.split(".")
        return [row[name] if name in row else find_path(row.get(root), path) if path else None for row in self.rows]

    def explode(self, name: str, first_row: int) -> Block:
        """Return a row for each completion in the lists of a column."""
        root, lists = name.partition(".")[0], self._lists(name)
        rows = [{**row, root: text} for row, texts in zip(self.rows, lists, strict=True) for text in texts]
        return JsonBlock(self.path, first_row, rows, self.line_bytes)

    def slice(self, start: int, stop: int) -> Block:
        """Return the rows from one position to another."""
        return JsonBlock(self.path, self.first_row + start, self.rows[start:stop], self.line_bytes)

    def meta(self, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Return, for every row, its values in some columns."""
        return [{name: row[name] for name in names if row.get(name) is not None} for row in self.rows]


@dataclass(frozen=True, slots=True)
class ArrowBlock(Block):
    """Rows of a Parquet file. A column is converted to Python values once, when it is first read."""

    path: Path
    first_row: int
    batch: Any
    converted: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def num_bytes(self) -> int:
        """Return the size of the columns in memory."""
        return int(self.batch.nbytes)

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def column_names(self) -> Sequence[str]:
        """Return the names of the columns that occur."""
        return list(self.batch.schema.names)

    def values(self, name: str) -> Sequence[Any]:
        """Return a column, or what a path leads to, as Python values."""
        if name not in self.converted:
            root, *path = name.split(".")
            if name in self.batch.schema.names:
                self.converted[name] = self.batch.column(name).to_pylist()
            else:
                self.converted[name] = (
                    [find_path(value, path) for value in self.values(root)] if path else [None] * len(self)
                )
        return self.converted[name]

    def explode(self, name: str, first_row: int) -> Block:
        """Return a row for each completion in the lists of a column."""
        import pyarrow as pa

        root, lists = name.partition(".")[0], self._lists(name)
        rows = pa.array([row for row, texts in enumerate(lists) for _ in texts], pa.int64())
        batch = self.batch.take(rows)
        texts = pa.array([text for texts in lists for text in texts])
        columns = [texts if n == root else batch.column(n) for n in batch.schema.names]
        return ArrowBlock(self.path, first_row, pa.record_batch(columns, names=batch.schema.names))

    def slice(self, start: int, stop: int) -> Block:
        """Return the rows from one position to another."""
        return ArrowBlock(self.path, self.first_row + start, self.batch.slice(start, max(0, stop - start)))

    def meta(self, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Return, for every row, its values in some columns."""
        return [_LazyMeta(self, names, row) for row in range(len(self))] if names else [{}] * len(self)


class _LazyMeta(Mapping[str, Any]):
    """Some columns of one row of an `ArrowBlock`, converted on access: most sources read none of them."""

    __slots__ = ("_block", "_names", "_row")

    def __init__(self, block: ArrowBlock, names: Sequence[str], row: int) -> None:
        self._block, self._names, self._row = block, names, row

    def __getitem__(self, name: str) -> Any:
        value = self._block.values(name)[self._row] if name in self._names else None
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._names if self._block.values(name)[self._row] is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # a pickled row must not take its whole block along


def explode(blocks: Iterable[Block], column: str, start: int = 0) -> Iterator[Block]:
    """Yield blocks of one file with a row for each completion in the lists of a column.

    Args:
        blocks: its blocks, from the first row on.
        column: the column, or a path.
        start: the first of the new rows to yield.
    """
    row = 0
    for block in blocks:
        exploded = block.explode(column, row)
        row += len(exploded)
        if row > start:
            yield exploded.slice(max(0, start - exploded.first_row), len(exploded))


def read_blocks(path: Path, start: int = 0, *, list_column: str = "") -> Iterator[Block]:
    """Read a file in blocks, in bounded memory.

    Args:
        path: a rollout file that `herokit.files.inputs.check_file` accepts.
        start: the first row to read, from 0; earlier rows are skipped cheaply.
        list_column: a column of lists of completions, each of which becomes a row; "" for none.

    Raises:
        DataError: a line is not valid JSON or longer than 256 MB, an archive is damaged, or the file is not Parquet.
    """
    if list_column:
        return explode(read_blocks(path), list_column, start)
    kind, compression = split_suffix(path)
    if kind == PARQUET_SUFFIX:
        return _read_parquet(path, start)
    if kind in ARROW_SUFFIXES:
        return _read_arrow(path, start)
    if kind == CSV_SUFFIX:
        return _group_rows(path, _read_csv(path), start)
    if kind == ".json" and _is_json_list(path, compression):
        return _group_rows(path, _read_list(path, compression), start)
    return _read_json(path, compression, start)


def _open_parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, buffer_size=1 << 16, pre_buffer=False)  # the default buffers whole row groups
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0]
        if "magic bytes not found in footer" in why and _begins_as_parquet(path):
            raise DataError(
                f"{path}: the file is cut off: Parquet ends with a footer; write or copy it again"
            ) from None
        raise DataError(f"{path}: not a Parquet file: {why}") from None


def _begins_as_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _read_parquet(path: Path, start: int) -> Iterator[Block]:
    import pyarrow as pa

    with _open_parquet(path) as file:
        names = file.schema_arrow.names
        if duplicate := next((name for name in names if names.count(name) > 1), None):
            raise DataError(f"{path}: column {duplicate!r} occurs twice; rename one of them")
        row = 0
        for number in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(number)
            if row + group.num_rows <= start:
                row += group.num_rows
                continue
            block_rows = max(1, min(MAX_BLOCK_ROWS, BLOCK_BYTES * group.num_rows // max(1, group.total_byte_size)))
            try:
                for batch in file.iter_batches(block_rows, row_groups=[number], use_threads=False):
                    yield from _from_row(path, batch, row, start)
                    row += batch.num_rows
            except (pa.ArrowException, OSError) as error:
                raise DataError(f"{path}: cannot be read past row {row}: {str(error).splitlines()[0]}") from None


def _from_row(path: Path, batch: Any, row: int, start: int) -> Iterator[Block]:
    """Yield what a batch, which begins at `row`, has from row `start` on."""
    skip = min(max(0, start - row), batch.num_rows)
    if skip < batch.num_rows:
        yield ArrowBlock(path, row + skip, batch.slice(skip))


def _read_arrow(path: Path, start: int) -> Iterator[Block]:
    """Read an Arrow file or stream: `datasets` writes streams, pandas and polars write files."""
    import pyarrow as pa

    row = 0
    try:
        with pa.memory_map(str(path)) as source:
            is_file = source.read(6) == b"ARROW1"
            source.seek(0)
            reader = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
            batches = map(reader.get_batch, range(reader.num_record_batches)) if is_file else iter(reader)
            for batch in batches:
                for first in range(0, batch.num_rows, MAX_BLOCK_ROWS):
                    part = batch.slice(first, MAX_BLOCK_ROWS)
                    yield from _from_row(path, part, row, start)
                    row += part.num_rows
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not an Arrow file, or cannot be read past row {row}: {str(error)[:200]}") from None


def _group_rows(path: Path, rows: Iterable[tuple[dict[str, Any], int]], start: int) -> Iterator[Block]:
    """Collect rows, each with its size, into blocks."""
    first, part, num_bytes = start, list[dict[str, Any]](), 0
    for row, size in islice(rows, start, None):
        part.append(row)
        num_bytes += size
        if len(part) == MAX_BLOCK_ROWS or num_bytes >= BLOCK_BYTES:
            yield JsonBlock(path, first, part, num_bytes)
            first, part, num_bytes = first + len(part), [], 0
    if part:
        yield JsonBlock(path, first, part, num_bytes)


def _read_csv(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the rows of a CSV file with a header; every value is a text, an empty one is missing."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            names = next(reader, [])
            if duplicate := next((name for name in names if names.count(name) > 1), None):
                raise DataError(f"{path}: column {duplicate!r} occurs twice; rename one of them")
            for values in reader:
                if not values:
                    continue
                if len(values) != len(names):
                    raise DataError(
                        f"{path}: line {reader.line_num}: expected {len(names)} values ({', '.join(names)}), got {len(values)}; "
                        "put texts with commas or line breaks in quotes"
                    )
                row = {name: value for name, value in zip(names, values, strict=True) if value}
                yield dict.fromkeys(names) | row, sum(map(len, values))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not encoded in UTF-8: {error.reason} at byte {error.start}") from None
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: not valid CSV: {error}; fix or delete that line") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _is_json_list(path: Path, compression: str | None) -> bool:
    """Return whether a file begins with "[", as no file of JSON lines with objects does."""
    try:
        with _open_lines(path, compression) as file:
            return file.read(1 << 12).removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"[")
    except (OSError, EOFError, zlib.error):
        return False  # the reader of lines says what is wrong


def _read_list(path: Path, compression: str | None) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the objects of a JSON list, which is read whole."""
    try:
        with _open_lines(path, compression) as file:
            data = file.read(MAX_LINE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    if len(data) > MAX_LINE_BYTES:
        raise DataError(
            f"{path}: is a JSON list of more than {MAX_LINE_BYTES >> 20} MB, which is read whole; convert it to JSON lines with "
            "jq -c '.[]'"
        )
    try:
        rows = _DECODER.decode(data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogatepass"))
    except _DuplicateKeyError as error:
        raise DataError(f"{path}: duplicate key {str(error)!r}; keep one of them") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not valid JSON: {_describe_json_error(error, 'line')}") from None
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise DataError(f"{path}: item {number} of the list is a {type(row).__name__}; expected an object {{...}}")
        yield row, len(data) // len(rows)


def _read_json(path: Path, compression: str | None, start: int) -> Iterator[Block]:
    rows: list[dict[str, Any]] = []
    row, num_bytes = 0, 0
    for number, line in _read_lines(path, compression):
        if row < start:
            row += 1
            continue
        rows.append(_parse_line(path, number, line))
        num_bytes += len(line)
        if len(rows) == MAX_BLOCK_ROWS or num_bytes >= BLOCK_BYTES:
            yield JsonBlock(path, row, rows, num_bytes)
            row, rows, num_bytes = row + len(rows), [], 0
    if rows:
        yield JsonBlock(path, row, rows, num_bytes)


def _read_lines(path: Path, compression: str | None) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, each with its number."""
    number = 0
    try:
        with _open_lines(path, compression) as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    raise DataError(f"{path}: line {number} is longer than {MAX_LINE_BYTES >> 20} MB")
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        where = f"past line {number}" if number else "at all"
        raise DataError(f"{path}: cannot be read {where}: {str(error).splitlines()[0]}") from None


def _open_lines(path: Path, compression: str | None) -> IO[bytes]:
    if compression == "gzip":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if compression == "zstd":
        import io

        import pyarrow as pa

        return io.BufferedReader(pa.input_stream(str(path), compression="zstd"), 1 << 18)
    return path.open("rb")


class _DuplicateKeyError(ValueError):
    """A JSON object has a key twice; the argument is the key."""


def _to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKeyError(next(name for name in names if names.count(name) > 1))
    return row


_DECODER = json.JSONDecoder(object_pairs_hook=_to_dict)


def _describe_json_error(error: Exception, unit: Literal["line", "character"]) -> str:
    """Say what is wrong with a JSON value, and where."""
    if isinstance(error, json.JSONDecodeError):
        place = f"in line {error.lineno}" if unit == "line" else f"at character {error.pos}"
        return f"{error.msg.removesuffix(' at')} {place}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "an integer has too many digits, write it as text" if "string conversion" in str(error) else str(error)


def _parse_line(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = _DECODER.decode(line.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogatepass"))
    except _DuplicateKeyError as error:
        raise DataError(f"{path}: line {number}: duplicate key {str(error)!r}; keep one of them") from None
    except (ValueError, RecursionError) as error:
        if number == 1 and json.detect_encoding(line).startswith("utf-16"):
            raise DataError(
                f"{path}: is encoded in UTF-16; expected UTF-8. Convert it with iconv -f UTF-16 -t UTF-8"
            ) from None
        if number == 1 and line.strip() in {b"[", b"{", b"[{"}:
            command = (
                "an object with jq -c ., the list in its key KEY with jq -c '.KEY[]'"
                if line.strip() == b"{"
                else "a list with jq -c '.[]'"
            )
            raise DataError(
                f"{path}: contains one JSON value over many lines; expected one object per line. Convert {command}"
            ) from None
        why = _describe_json_error(error, "character")
        raise DataError(f"{path}: line {number} is not valid JSON: {why}; fix or delete that line") from None
    if not isinstance(row, dict):
        raise DataError(f"{path}: line {number} is a JSON {type(row).__name__}; expected one object {{...}} per line")
    return row
