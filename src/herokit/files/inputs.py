"""Which files an input names: files, folders and globs, in a fixed order, and how to tell whether one has changed."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from herokit.errors import DataError

LINES = (".jsonl", ".json", ".ndjson")
PARQUET = ".parquet"
PACKED = {".gz": "gzip", ".zst": "zstd"}
ENDINGS = (*LINES, PARQUET)


def ending(path: Path) -> tuple[str, str | None]:
    """Split a file's ending into its format and how it is compressed.

    Example:
        >>> ending(Path("a.jsonl.gz")), ending(Path("a.parquet"))
        (('.jsonl', 'gzip'), ('.parquet', None))
    """
    packed = PACKED.get(path.suffix)
    return (Path(path.stem).suffix if packed else path.suffix), packed


def is_rollouts(path: Path) -> bool:
    """Say whether a file's name ends as a rollout file does.

    Example:
        >>> is_rollouts(Path("a.jsonl.zst")), is_rollouts(Path("a.parquet.gz")), is_rollouts(Path("notes.md"))
        (True, False, False)
    """
    kind, packed = ending(path)
    return kind in LINES or (kind == PARQUET and packed is None)


def check_ending(path: Path) -> None:
    """Refuse a file that is no rollout file by its name.

    Raises:
        DataError: it ends otherwise.
    """
    if not is_rollouts(path):
        raise DataError(
            f"{path}: a rollout file ends in {', '.join(ENDINGS)}; this one ends in {''.join(path.suffixes[-2:])!r} "
            f"(lines may be compressed: {', '.join(LINES[0] + end for end in PACKED)})"
        )


def check_file(path: Path) -> None:
    """Refuse what is no rollout file.

    Raises:
        DataError: it is not there, is a folder, a pipe or a device, or ends otherwise.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name one file")
    if not path.is_file():
        piped = str(path) == "-" or path.exists()
        why = (
            "is a pipe or a device, and rows are read more than once; write them to a file" if piped else "no such file"
        )
        raise DataError(f"{path}: {why}")
    check_ending(path)


def find_inputs(texts: Sequence[str]) -> list[Path]:
    """Return the rollout files that texts name, each once.

    Args:
        texts: files, folders (every rollout file below, hidden ones and unfinished results left out) and globs
            (``**`` goes through folders). A folder's and a glob's files come sorted by path.

    Raises:
        DataError: one names nothing, or a file is named twice.

    Example:
        >>> find_inputs(["nowhere.jsonl"])
        Traceback (most recent call last):
        ...
        herokit.errors.DataError: nowhere.jsonl: no such file
    """
    found = [path for text in texts for path in _find(text)]
    seen: set[Path] = set()
    for path in found:
        real = path.resolve()
        if real in seen:
            raise DataError(f"{path}: is named twice among the inputs; its rollouts would count twice")
        seen.add(real)
    return found


def _find(text: str) -> list[Path]:
    try:
        return _named(text)
    except OSError as error:
        raise DataError(f"{error.filename or text}: cannot be read: {error.strerror or error}") from None


def _named(text: str) -> list[Path]:
    path = Path(text)
    if path.is_dir():
        below = sorted(_below(path))
        if not below:
            raise DataError(f"{path}: the folder holds no rollout file ({', '.join(ENDINGS)})")
        return below
    if path.is_file() or not has_magic(text):
        check_file(path)
        return [path]
    matched = sorted(p for p in map(Path, glob(text, recursive=True)) if p.is_file())  # noqa: PTH207 - the user's pattern may be absolute
    if not matched:
        raise DataError(f"{text}: matches no file")
    for match in matched:
        check_ending(match)
    return matched


def _below(path: Path) -> Iterator[Path]:
    """Find the rollout files below a folder; one that cannot be read is an error, not a folder without any."""

    def refuse(error: OSError) -> None:
        raise error

    for folder, folders, names in os.walk(path, onerror=refuse):
        folders[:] = filter(_shown, folders)
        files = (Path(folder, name) for name in filter(_shown, names))
        yield from (file for file in files if is_rollouts(file) and file.is_file())


def _shown(name: str) -> bool:
    return not (name.startswith((".", "_")) or name.endswith(".part"))


def fingerprint(path: Path) -> dict[str, Any]:
    """Describe a file's content: its size, its time of change and a digest of all of it."""
    stat = path.stat()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    return {"path": str(path), "size": stat.st_size, "changed": stat.st_mtime_ns, "digest": digest}


def changed(path: Path, known: dict[str, Any]) -> str:
    """Say how a file differs from a fingerprint of it; empty if it does not. Read only where size and time do not tell."""
    stat = path.stat()
    if stat.st_size != known["size"]:
        return f"{path}: has {stat.st_size:,} bytes now, had {known['size']:,}"
    if stat.st_mtime_ns != known["changed"] and fingerprint(path)["digest"] != known["digest"]:
        return f"{path}: its content has changed"
    return ""


def settle(path: Path) -> None:
    """Make sure that what was written to a file, or a folder's entries, outlive a crash of the machine."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
