"""Read a rollout file of any length in blocks of consecutive rows."""

import codecs
import gzip
import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from herokit.errors import DataError
from herokit.files.inputs import PARQUET, ending

ROWS = 2048
"""Rows a block, at most."""

SIZE = 1 << 23
"""Bytes a block, about; a longer row makes a block of its own."""

LONGEST = 1 << 28
"""Bytes a line, at most."""


class Block(ABC):
    """Consecutive rows of one file.

    Attributes:
        path: the file.
        first: its first row's place in the file, from 0.
    """

    __slots__ = ()
    path: Path
    first: int

    @property
    @abstractmethod
    def size(self) -> int:
        """Return how many bytes it is, about."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def names(self) -> Sequence[str]:
        """Return the columns that occur."""

    @abstractmethod
    def values(self, name: str) -> Sequence[Any]:
        """Return a column as Python values; None where a row lacks it."""

    @abstractmethod
    def meta(self, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Return, for every row, what it holds in some columns; None is left out."""


@dataclass(frozen=True, slots=True)
class Lines(Block):
    """Rows of a JSONL file."""

    path: Path
    first: int
    rows: Sequence[Mapping[str, Any]]
    bytes: int

    @property
    def size(self) -> int:
        """Return the bytes of its lines."""
        return self.bytes

    def __len__(self) -> int:
        return len(self.rows)

    def names(self) -> Sequence[str]:
        """Return the columns that occur."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def values(self, name: str) -> Sequence[Any]:
        """Return a column as Python values."""
        return [row.get(name) for row in self.rows]

    def meta(self, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Return, for every row, what it holds in some columns."""
        return [{name: row[name] for name in names if row.get(name) is not None} for row in self.rows]


@dataclass(frozen=True, slots=True)
class Batch(Block):
    """Rows of a Parquet file. A column becomes Python values when it is looked at, once."""

    path: Path
    first: int
    batch: Any
    read: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Return the bytes of its columns."""
        return int(self.batch.nbytes)

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def names(self) -> Sequence[str]:
        """Return the columns that occur."""
        return list(self.batch.schema.names)

    def values(self, name: str) -> Sequence[Any]:
        """Return a column as Python values."""
        if name not in self.read:
            known = name in self.batch.schema.names
            self.read[name] = self.batch.column(name).to_pylist() if known else [None] * len(self)
        return self.read[name]

    def meta(self, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Return, for every row, what it holds in some columns."""
        return [_Meta(self, names, row) for row in range(len(self))] if names else [{}] * len(self)


class _Meta(Mapping[str, Any]):
    """Some columns of a row of a `Batch`, looked up when asked for: most sources never ask."""

    __slots__ = ("_block", "_names", "_row")

    def __init__(self, block: Batch, names: Sequence[str], row: int) -> None:
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
        return dict, (dict(self),)  # a row sent to another process leaves the block behind


def read_blocks(path: Path, start: int = 0) -> Iterator[Block]:
    """Read a file from a row on, in bounded memory.

    Args:
        path: a rollout file, as `herokit.files.inputs.check_ending` accepts it.
        start: the first row, from 0; what precedes it is skipped cheaply.

    Raises:
        DataError: broken JSON at a line, a line of more than 256 MB, a broken archive, no Parquet file.
    """
    kind, packed = ending(path)
    return _read_parquet(path, start) if kind == PARQUET else _read_lines(path, packed, start)


def parquet_file(path: Path) -> Any:
    """Open a Parquet file.

    Raises:
        DataError: it is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, buffer_size=1 << 16, pre_buffer=False)  # by default it holds whole row groups
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None


def _read_parquet(path: Path, start: int) -> Iterator[Block]:
    import pyarrow as pa

    with parquet_file(path) as file:
        names = file.schema_arrow.names
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise DataError(f"{path}: column {twice!r} occurs twice; rename one of them")
        found = file.metadata
        groups = [found.row_group(i) for i in range(found.num_row_groups)]
        row = 0
        for number, group in enumerate(groups):
            if row + group.num_rows > start:
                each = max(1, min(ROWS, SIZE * group.num_rows // max(1, group.total_byte_size)))
                try:
                    for batch in file.iter_batches(each, row_groups=[number], use_threads=False):
                        skip = min(max(0, start - row), batch.num_rows)
                        if skip < batch.num_rows:
                            yield Batch(path, row + skip, batch.slice(skip))
                        row += batch.num_rows
                except (pa.ArrowException, OSError) as error:
                    raise DataError(f"{path}: cannot be read past row {row}: {str(error).splitlines()[0]}") from None
            else:
                row += group.num_rows


def _open(path: Path, packed: str | None) -> IO[bytes]:
    if packed == "gzip":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if packed == "zstd":
        import io

        import pyarrow as pa

        return io.BufferedReader(pa.input_stream(str(path), compression="zstd"), 1 << 18)
    return path.open("rb")


def _read_lines(path: Path, packed: str | None, start: int) -> Iterator[Block]:
    rows: list[dict[str, Any]] = []
    row, size = 0, 0
    for number, line in _lines(path, packed):
        if row < start:
            row += 1
            continue
        rows.append(parse(path, number, line))
        size += len(line)
        if len(rows) == ROWS or size >= SIZE:
            yield Lines(path, row, rows, size)
            row, rows, size = row + len(rows), [], 0
    if rows:
        yield Lines(path, row, rows, size)


def _lines(path: Path, packed: str | None) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, with their numbers."""
    number = 0
    try:
        with _open(path, packed) as file:
            while line := file.readline(LONGEST + 1):
                number += 1
                if len(line) > LONGEST:
                    raise DataError(f"{path}: line {number} is longer than {LONGEST >> 20} MB")
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        where = f"past line {number}" if number else "at all"
        raise DataError(f"{path}: cannot be read {where}: {str(error).splitlines()[0]}") from None


class _TwiceError(ValueError):
    """A JSON object holds a key twice; its argument is the key."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return row


_ONCE = json.JSONDecoder(object_pairs_hook=_once)


def parse(path: Path, number: int, line: bytes) -> dict[str, Any]:
    """Read one line of JSON.

    Raises:
        DataError: it is no JSON object, or a key is given twice: which value was meant cannot be known.
    """
    try:
        row = _ONCE.decode(line.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogatepass"))
    except _TwiceError as error:
        raise DataError(f"{path}: line {number}: key {str(error)!r} is given twice; keep one of them") from None
    except (ValueError, RecursionError) as error:
        if number == 1 and json.detect_encoding(line).startswith("utf-16"):
            raise DataError(
                f"{path}: is written in UTF-16; expected UTF-8, as iconv -f UTF-16 -t UTF-8 writes"
            ) from None
        if number == 1 and line.strip() in {b"[", b"{", b"[{"}:
            raise DataError(
                f"{path}: is one JSON value over many lines; expected one object a line, as jq -c '.[]' writes of a list"
            ) from None
        why = f"{error.msg} at character {error.pos}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise DataError(f"{path}: line {number} is not JSON: {why}; mend or delete that line") from None
    if not isinstance(row, dict):
        raise DataError(f"{path}: line {number} is a JSON {type(row).__name__}; expected an object {{...}}, one a line")
    return row
