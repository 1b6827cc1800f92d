"""Write results beside the columns they came from, in the input's order: whole, or not at all."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from herokit.errors import DataError
from herokit.files.columns import Types
from herokit.files.group_batches import Survey, blocks_of
from herokit.files.inputs import ending, settle
from herokit.files.sinks import LinesSink, Misfit, ParquetSink, Sink

ENDINGS = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")
FILE = 16
"""Parts of about 64 MB a file, where results go to a folder."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go.

    Attributes:
        path: a file, or a folder of Parquet files.
        many: whether it is a folder.
    """

    path: Path
    many: bool = False

    @property
    def work(self) -> Path:
        """The folder beside it that holds what is not finished."""
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def made(self) -> Path:
        """What will be renamed to `path` when it is whole."""
        return self.work / f"whole{''.join(self.path.suffixes)}"


def find_output(text: str) -> Output:
    """Read where results shall go, and refuse what could not be written, before any work is done.

    Args:
        text: a file by its ending; a folder if it ends in ``/`` or is one.

    Raises:
        DataError: an unknown ending, no such folder, a folder that cannot be written to or holds something.
    """
    try:
        return _found(text)
    except OSError as error:
        raise DataError(f"{text}: the name cannot be used: {error.strerror or error}") from None


def _found(text: str) -> Output:
    path = Path(text)
    known = path.name.endswith(ENDINGS)
    many = not known and (text.endswith("/") or path.is_dir())
    if not (known or many):
        raise DataError(
            f"{path}: results go to a file that ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}, or to a folder, "
            f"{path}/; got {path.suffix!r}"
        )
    if known and path.is_dir():
        raise DataError(f"{path}: is a folder; name a file")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise DataError(f"{path}: no such folder {str(folder)!r}; make it first")
    if not os.access(folder, os.W_OK):
        raise DataError(f"{path}: the folder {str(folder)!r} cannot be written to")
    found = Output(path, many)
    full = many and path.exists() and (not path.is_dir() or any(path.iterdir()))
    if full and not found.work.exists():  # a run that ended between its last steps has filled it
        raise DataError(f"{path}: is not an empty folder; name a new one, so that no earlier results are mixed in")
    return found


def check_columns(output: Output, old: Sequence[str], new: Sequence[str]) -> None:
    """Refuse results that would overwrite columns of the input.

    Raises:
        DataError: both have a column; the message names all of them.
    """
    if clash := [name for name in new if name in old]:
        raise DataError(
            f"{output.path}: the input already has columns {', '.join(clash)}; set a prefix, --prefix herokit_"
        )


def write_results(
    output: Output, found: Survey, records: Callable[[], Iterable[Any]], *, tell: Callable[[int], None]
) -> None:
    """Write the input's columns and the results' to Parquet or JSONL, under `Output.made`.

    The bytes depend on the input and the results alone.

    Args:
        output: where.
        found: the input, looked over.
        records: gives the results in the input's order, as Arrow record batches of any length; may be called twice.
        tell: called with the number of rows after each block.

    Raises:
        DataError: it cannot be written, e.g. for want of space; what was written is deleted.
    """
    types, made = Types(found.types), output.made
    while True:
        _clear(made)
        try:
            with _open_sink(output, made, found.part) as sink:
                taken = _Taken(records())
                for _, block in blocks_of(found):
                    sink.write(block, types, taken.take(len(block)))
                    tell(len(block))
            for path in made.iterdir() if output.many else (made,):
                settle(path)
        except Misfit as error:
            types.give_up(str(error))
        except OSError as error:
            _clear(made)
            raise _not_written(output, error) from error
        except BaseException:
            _clear(made)
            raise
        else:
            return


def put_in_place(output: Output) -> None:
    """Rename what is whole, so that an interruption leaves neither half a file nor a lost earlier one.

    Raises:
        DataError: it cannot be renamed.
    """
    try:
        if output.many and output.path.exists():
            output.path.rmdir()
        output.made.replace(output.path)
        settle(output.path.absolute().parent)
    except OSError as error:
        raise _not_written(output, error) from error


def _not_written(output: Output, error: OSError) -> DataError:
    return DataError(f"{output.path}: cannot be written: {error.strerror or error}; no file was changed")


def _clear(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _open_sink(output: Output, made: Path, part: int) -> Sink:
    kind, packed = ending(output.path)
    if kind == ".jsonl" and not output.many:
        return LinesSink(made, packed)
    return ParquetSink(made, part, part * FILE if output.many else 0)


class _Taken:
    """Record batches, taken a number of rows at a time."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self._batches: Iterator[Any] = iter(batches)
        self._held: list[Any] = []

    def take(self, count: int) -> Any:
        """Return the next `count` rows, one table."""
        import pyarrow as pa

        while sum(batch.num_rows for batch in self._held) < count:
            self._held.append(next(self._batches))
        table = pa.Table.from_batches(self._held)
        rest = table.slice(count)
        self._held = rest.to_batches()
        return table.slice(0, count)
