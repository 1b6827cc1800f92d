"""Find rollout files by name, folder or pattern, and notice if one changes."""

import atexit
import codecs
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from herokit.errors import DataError

__all__ = [
    "ARROW_SUFFIXES",
    "CSV_SUFFIX",
    "JSON_SUFFIXES",
    "PARQUET_SUFFIX",
    "STANDARD_INPUT",
    "check_file",
    "describe_change",
    "find_inputs",
    "fingerprint",
    "fsync_file",
    "is_rollout_file",
    "save_standard_input",
    "split_suffix",
]

JSON_SUFFIXES = (".jsonl", ".json", ".ndjson")
PARQUET_SUFFIX = ".parquet"
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
ARROW_SUFFIXES = (".arrow", ".feather")
CSV_SUFFIX = ".csv"
STANDARD_INPUT = "-"
SUFFIXES = (*JSON_SUFFIXES, PARQUET_SUFFIX, *ARROW_SUFFIXES, CSV_SUFFIX)

_MARKS = {
    b"{": ".jsonl",
    b"[": ".json",
    b"PAR1": PARQUET_SUFFIX,
    b"ARROW1": ".arrow",
    b"\xff\xff\xff\xff": ".arrow",
    b"\x1f\x8b": ".jsonl.gz",
    b"\x28\xb5\x2f\xfd": ".jsonl.zst",
}
"""The first bytes of a file, and its suffix; an Arrow stream begins with a length of -1."""


_FORMATS = {
    **dict.fromkeys(JSON_SUFFIXES, "JSON"),
    **dict.fromkeys(ARROW_SUFFIXES, "Arrow"),
    PARQUET_SUFFIX: "Parquet",
    CSV_SUFFIX: "CSV",
}
"""Suffix -> format, for messages."""


def split_suffix(path: Path) -> tuple[str, str | None]:
    """Return a file's format, as its suffix, and its compression.

    Example:
        >>> split_suffix(Path("a.jsonl.gz")), split_suffix(Path("a.parquet"))
        (('.jsonl', 'gzip'), ('.parquet', None))
    """
    compression = COMPRESSIONS.get(path.suffix)
    return (Path(path.stem).suffix if compression else path.suffix), compression


def _check_content(path: Path) -> None:
    """Check that the first bytes of a file are not those of another format than its name says.

    Raises:
        DataError: they are.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(8).removeprefix(codecs.BOM_UTF8).lstrip()
    except OSError:
        return  # whoever reads the file says it
    suffix = next((suffix for mark, suffix in _MARKS.items() if begin.startswith(mark)), CSV_SUFFIX)
    kind, compression = split_suffix(path)
    actual, packed = split_suffix(Path(f"x{suffix}"))
    if suffix == CSV_SUFFIX or (_FORMATS[kind], compression) == (_FORMATS[actual], packed):
        return
    if kind == CSV_SUFFIX and actual in JSON_SUFFIXES and not begin.startswith(b'{"'):
        return  # a name of a column may begin like JSON
    name = f"{path.name.partition('.')[0]}{suffix}"
    raise DataError(f"{path}: holds {_FORMATS[actual]}{f' in {packed}' if packed else ''}; rename it to {name}")


def is_rollout_file(path: Path) -> bool:
    """Return whether a file is one of rollouts, by its name.

    Example:
        >>> is_rollout_file(Path("a.jsonl.gz")), is_rollout_file(Path("a.py"))
        (True, False)
    """
    kind, compression = split_suffix(path)
    return kind in JSON_SUFFIXES or (kind in SUFFIXES and compression is None)


def check_file(path: Path) -> None:
    """Check that a path names a rollout file.

    Raises:
        DataError: the file does not exist, is a folder, a pipe or a device, or has another suffix.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; expected a file")
    if not path.is_file():
        if path.exists():
            raise DataError(
                f"{path}: is a pipe or a device, but rows are read more than once; write them to a file first"
            )
        raise DataError(f"{path}: no such file")
    _check_suffix(path)


def _check_suffix(path: Path) -> None:
    if not is_rollout_file(path):
        raise DataError(
            f"{path}: unsupported file type {''.join(path.suffixes[-2:])!r}; expected {', '.join(SUFFIXES)} "
            f"(JSON lines may be compressed: {', '.join(JSON_SUFFIXES[0] + end for end in COMPRESSIONS)})"
        )


def save_standard_input() -> Path:
    """Write standard input to a temporary file, because rows are read more than once; return its path.

    The first bytes decide what it is: JSON lines (also compressed), a JSON list, Parquet, Arrow, and otherwise CSV. The file is
    deleted when the process ends.

    Raises:
        DataError: standard input is a terminal, or empty.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise DataError("-: standard input is a terminal; pipe rows into the command, or name a file")
    begin = sys.stdin.buffer.read(1 << 12)
    text = begin.removeprefix(codecs.BOM_UTF8).lstrip()
    if not text:
        raise DataError("-: standard input is empty")
    suffix = next((suffix for mark, suffix in _MARKS.items() if text.startswith(mark)), CSV_SUFFIX)
    folder = Path(tempfile.mkdtemp(prefix="herokit-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / f"standard-input{suffix}"
    with path.open("wb") as file:
        file.write(begin)
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path


def find_inputs(texts: Sequence[str]) -> list[Path]:
    """Return the rollout files that the texts name, each once.

    Args:
        texts: files, folders, globs (``**`` matches nested folders), and ``-`` for standard input. A folder stands for every rollout file in it and
            below it, except hidden files and unfinished results. Files of a folder or a glob are sorted by path.

    Raises:
        DataError: a text names no file, or a file is listed twice.

    Example:
        >>> find_inputs(["nowhere.jsonl"])
        Traceback (most recent call last):
        ...
        herokit.errors.DataError: nowhere.jsonl: no such file
    """
    paths: list[Path] = []
    for text in texts:
        try:
            paths += _find(text)
        except OSError as error:
            raise DataError(f"{error.filename or text}: cannot be read: {error.strerror or error}") from None
    seen: set[Path] = set()
    for path in paths:
        _check_content(path)
        real = path.resolve()
        if real in seen:
            raise DataError(f"{path}: is listed twice among the inputs; its rollouts would count twice")
        seen.add(real)
    return paths


def _find(text: str) -> list[Path]:
    path = Path(text)
    if text == STANDARD_INPUT:
        return [save_standard_input()]
    if path.is_dir():
        files = sorted(_walk(path))
        if not files:
            raise DataError(f"{path}: the folder contains no rollout file ({', '.join(SUFFIXES)})")
        return files
    if path.is_file() or not has_magic(text):
        check_file(path)
        return [path]
    matches = sorted(p for p in map(Path, glob(text, recursive=True)) if p.is_file())  # noqa: PTH207 - the user's pattern may be absolute
    if not matches:
        raise DataError(f"{text}: matches no file")
    for match in matches:
        _check_suffix(match)
    return matches


def _walk(path: Path) -> Iterator[Path]:
    """Find the rollout files below a folder; a folder that cannot be read is an error."""

    def refuse(error: OSError) -> None:
        raise error

    for folder, folders, names in os.walk(path, onerror=refuse):
        folders[:] = filter(_is_visible, folders)
        files = (Path(folder, name) for name in filter(_is_visible, names))
        yield from (file for file in files if is_rollout_file(file) and file.is_file())


def _is_visible(name: str) -> bool:
    return not (name.startswith((".", "_")) or name.endswith(".part"))


def fingerprint(path: Path) -> dict[str, Any]:
    """Return a file's path, size, time of change and a digest of its content."""
    stat = path.stat()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    return {"path": str(path), "size": stat.st_size, "changed": stat.st_mtime_ns, "digest": digest}


def describe_change(path: Path, before: Mapping[str, Any]) -> str:
    """Return how a file's content differs from its earlier `fingerprint`, or "" if it does not."""
    try:
        size = path.stat().st_size
        if size != before["size"]:
            return f"{path}: has {size:,} bytes now, had {before['size']:,}"
        return "" if fingerprint(path)["digest"] == before["digest"] else f"{path}: its content has changed"
    except OSError as error:
        return f"{path}: cannot be read: {error.strerror or error}"


def fsync_file(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk, so that a crash of the machine does not lose it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
