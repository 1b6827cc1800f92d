"""Save the progress of a run on disk: a manifest, and the results in shards.

The manifest is replaced as a whole, after the shards that it counts are on disk. After a kill at any moment it describes
complete shards only; a shard that it does not count is written again. It depends on the scored rows alone.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from herokit.errors import DataError
from herokit.files.group_batches import RUNS_FILE, InputIndex
from herokit.files.inputs import describe_change, fsync_file
from herokit.pipeline.summary import Summary

__all__ = ["MAX_BUFFER_BYTES", "Checkpoint", "RunProgress"]

_LOCK, _MANIFEST = "lock", "manifest.json"
MAX_BUFFER_BYTES = 1 << 25
"""Results held in memory before they are written to a shard."""
MAX_VALUE_LENGTH = 120


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is.

    Attributes:
        index: the input.
        summary: the summary of the scored rows.
        rows: rollouts scored.
        digests: of the content of each shard of results.
        spilled: whether the input has been sorted by group, where that is needed.
        written: whether the output is complete and only has to be moved into place.
        seconds: time spent scoring.
    """

    index: InputIndex
    summary: Summary = field(default_factory=Summary)
    rows: int = 0
    digests: list[str] = field(default_factory=list)
    spilled: bool = False
    written: bool = False
    seconds: float = 0.0


class Checkpoint:
    """The folder next to the output in which a run saves its progress; used by one process at a time.

    Args:
        folder: created if it does not exist.
        settings: what decides about the results: scheme, versions, options. Plain values.

    Attributes:
        saved: the progress that was last saved or loaded.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder, self.settings = folder, json.loads(json.dumps(settings, default=str))
        self.saved: RunProgress | None = None
        self._lock: int | None = None

    def __enter__(self) -> Self:
        try:
            if name := self._foreign_file():
                raise DataError(
                    f"{self.folder}: not a herokit checkpoint (no manifest, found {name!r}); move that folder away or "
                    "choose another output"
                )
            self.folder.mkdir(exist_ok=True)
            self._lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be created: {error.strerror or error}") from error
        if not _lock_file(self._lock):
            os.close(self._lock)
            raise DataError(f"{self.folder}: in use by another process; wait for it, or choose another output")
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)

    @property
    def exists(self) -> bool:
        """Whether there is a run to resume."""
        return (self.folder / _MANIFEST).exists()

    def _foreign_file(self) -> str:
        """Return the name of a file that no run leaves in a folder without a manifest, or ""."""
        if self.exists or not self.folder.is_dir():
            return ""
        own = (_LOCK, _MANIFEST, RUNS_FILE)
        others = (p.name for p in self.folder.iterdir() if p.is_dir() or not p.name.startswith(own))
        return min(others, default="")

    def load(self, paths: Sequence[Path]) -> tuple[RunProgress, Mapping[str, Any]]:
        """Return the progress of an interrupted run, and its rewarder's state.

        Args:
            paths: the input's files.

        Raises:
            DataError: that run had another scheme, input, version or setting; the message says which.
        """
        try:
            manifest = json.loads((self.folder / _MANIFEST).read_text(encoding="utf-8"))
            if manifest.pop("digest") != _digest(json.dumps(manifest).encode()):
                raise ValueError("its content is not what was written")  # noqa: TRY301 - as for other damage
            index = InputIndex(**manifest["index"])
            summary = Summary.from_dict(manifest["progress"]["summary"])
            progress = RunProgress(**manifest["progress"] | {"index": index, "summary": summary})
            settings, state = manifest["settings"], manifest["state"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(
                f"{self.folder}: the manifest cannot be read: {error!r}; delete that folder to restart"
            ) from error
        change = (
            _find_difference(settings, self.settings)
            or _path_difference([file["path"] for file in index.files], [str(path) for path in paths])
            or next((text for file in index.files if (text := describe_change(Path(file["path"]), file))), "")
        )
        if change:
            raise DataError(
                f"{self.folder}: cannot resume: {change}; undo the change, or delete that folder to restart"
            )
        self.saved = progress
        return progress, state

    def _shard(self, number: int) -> Path:
        return self.folder / f"results-{number:06}.arrow"

    def save(self, progress: RunProgress, state: Mapping[str, Any], records: Sequence[Any] = ()) -> RunProgress:
        """Save progress, and return it with the digest of the new shard.

        Args:
            progress: as after `records`; their shard is added to its digests.
            state: the rewarder's state after the rows that `progress` counts.
            records: results since the last shard; they become the last one.
        """
        try:
            if records:
                digest = self._write_shard(self._shard(len(progress.digests)), records)
                progress = replace(progress, digests=[*progress.digests, digest])
            plain = asdict(progress)
            manifest = {"settings": self.settings, "index": plain.pop("index"), "progress": plain, "state": state}
            part = self.folder / f"{_MANIFEST}.part"
            text = json.dumps(manifest, default=str)
            manifest = {"digest": _digest(json.dumps(json.loads(text)).encode()), **json.loads(text)}
            part.write_text(json.dumps(manifest), encoding="utf-8")
            fsync_file(part)
            part.replace(self.folder / _MANIFEST)
            fsync_file(self.folder)
            self.saved = progress
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be written: {error.strerror or error}") from error
        return progress

    def _write_shard(self, path: Path, records: Sequence[Any]) -> str:
        """Write results and return the digest of the file."""
        import pyarrow as pa

        part = path.with_suffix(".part")  # an interrupted save that is repeated has written and counted `path`
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with part.open("wb") as file, pa.ipc.new_stream(file, records[0].schema, options=options) as stream:
            for record in records:
                stream.write_batch(record)
        fsync_file(part)
        digest = _digest(part.read_bytes())
        part.replace(path)
        return digest

    def records(self, progress: RunProgress) -> Iterator[Any]:
        """Read the results, in the order in which they were scored.

        Raises:
            DataError: a shard is missing or damaged.
        """
        import pyarrow as pa

        for number, digest in enumerate(progress.digests):
            path = self._shard(number)
            try:
                data = path.read_bytes()
                if _digest(data) != digest:
                    raise ValueError("its content is not what was written")  # noqa: TRY301 - as for other damage
                with pa.ipc.open_stream(pa.py_buffer(data)) as stream:
                    yield from stream
            except (OSError, ValueError, pa.ArrowException) as error:
                raise DataError(
                    f"{path}: cannot be read: {str(error).splitlines()[0]}; delete its folder to restart"
                ) from error

    def remove(self) -> None:
        """Delete the folder, the manifest last: without it the run would look as if it had never begun."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != _MANIFEST:
                path.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _lock_file(descriptor: int) -> bool:
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows has no such lock
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock, forked workers do not inherit it
    except OSError:
        return False
    return True


def _find_difference(before: Any, now: Any, key: str = "") -> str:
    """Return the first difference between two tables of settings, or "".

    Example:
        >>> _find_difference({"scheme": {"alpha": 0.05}}, {"scheme": {"alpha": 0.1}})
        'scheme.alpha was 0.05, is 0.1'
    """
    if isinstance(before, dict) and isinstance(now, dict):
        pairs = [(f"{key}.{k}" if key else str(k), before.get(k), now.get(k)) for k in {**before, **now}]
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = [(f"{key}[{i}]", b, n) for i, (b, n) in enumerate(zip(before, now, strict=True))]
    else:
        return "" if before == now else f"{key} was {_shorten(before)}, is {_shorten(now)}"
    return next((change for name, b, n in pairs if (change := _find_difference(b, n, name))), "")


def _path_difference(before: Sequence[str], now: Sequence[str]) -> str:
    if before == now:
        return ""
    changed = next((path for path in [*now, *before] if (path in before) != (path in now)), "their order has changed")
    return f"the input had {len(before)} files, has {len(now)}: {changed}"


def _shorten(value: Any) -> str:
    text = "not set" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 3]}..."
