"""What a run has done so far, on disk: a manifest that is replaced whole, and the results in shards.

The manifest is written after the shards it counts, so after a kill at any moment it tells of complete shards only;
a shard that it does not count is written again. What is in it comes from the checkpointed rows alone.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from herokit.errors import DataError
from herokit.files.group_batches import RUNS, Survey
from herokit.files.inputs import changed, settle
from herokit.pipeline.summary import Summary

LOCK, MANIFEST = "lock", "manifest.json"
HELD = 1 << 25
"""Bytes of results held in memory, at most, before they are written."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        survey: the input, looked over.
        state: the rewarder's state.
        summary: what the results so far hold.
        done: rollouts scored.
        shards: shards of results written.
        spilled: whether the input has been written in the order of its groups, where that is needed.
        written: whether everything is written, and the output need only be put in place.
        wall: seconds spent scoring.
    """

    survey: Survey
    state: Mapping[str, Any]
    summary: Summary = field(default_factory=Summary)
    done: int = 0
    shards: int = 0
    spilled: bool = False
    written: bool = False
    wall: float = 0.0


class Checkpoint:
    """The folder beside the results in which a run keeps what it has done.

    Only one process may work in it at a time; a second one is refused.

    Args:
        folder: made if it is not there.
        run: what decides about the results: scheme, versions, settings. Plain values.

    Attributes:
        saved: what was last written or read.
    """

    def __init__(self, folder: Path, run: Mapping[str, Any]) -> None:
        self.folder, self.run = folder, json.loads(json.dumps(run, default=str))
        self.saved: Progress | None = None
        self._lock: int | None = None

    def __enter__(self) -> Self:
        try:
            if foreign := self._foreign():
                raise DataError(
                    f"{self.folder}: is no interrupted run: it holds {foreign!r} and no manifest; move that folder away, or "
                    "name another output"
                )
            self.folder.mkdir(exist_ok=True)
            self._lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be made: {error.strerror or error}") from error
        if not _lock(self._lock):
            os.close(self._lock)
            raise DataError(f"{self.folder}: another process is working there; wait for it, or name another output")
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)

    @property
    def begun(self) -> bool:
        """Whether there is something to resume."""
        return (self.folder / MANIFEST).exists()

    def _foreign(self) -> str:
        """Name something in the folder that no run leaves there without a manifest; empty if there is none."""
        if self.begun or not self.folder.is_dir():
            return ""
        others = (p.name for p in self.folder.iterdir() if p.is_dir() or not p.name.startswith((LOCK, MANIFEST, RUNS)))
        return min(others, default="")

    def load(self, paths: Sequence[Path]) -> Progress:
        """Return how far an earlier run came.

        Args:
            paths: the input's files.

        Raises:
            DataError: that run was another: another scheme, input, version or setting, which is named.
        """
        try:
            found = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
            survey = Survey(**found["survey"])
            progress = Progress(
                survey, **found["progress"] | {"summary": Summary.from_dict(found["progress"]["summary"])}
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{self.folder}: the manifest cannot be read: {error!r}; delete the folder") from error
        why = difference(found["run"], self.run)
        before = [file["path"] for file in survey.files]
        if not why and before != [str(path) for path in paths]:
            other = next(
                (p for p in [*map(str, paths), *before] if (p in before) != (p in map(str, paths))), "their order"
            )
            why = f"the input had {len(before)} files and has {len(paths)}: {other}"
        why = why or next((w for file in survey.files if (w := changed(Path(file["path"]), file))), "")
        if why:
            raise DataError(
                f"{self.folder}: the interrupted run there was another one: {why}; resume it as it was, or delete that "
                "folder to begin anew"
            )
        self.saved = progress
        return progress

    def shard(self, number: int) -> Path:
        """Return where a shard lies."""
        return self.folder / f"results-{number:06}.arrow"

    def save(self, progress: Progress, records: list[Any] | None = None) -> None:
        """Write down how far the run is.

        Args:
            progress: tells of the shard too, if there is one.
            records: results since the last time, the last shard.
        """
        import pyarrow as pa

        try:
            if records:
                shard = self.shard(progress.shards - 1)
                half = shard.with_suffix(".part")  # it may be counted already: a save that an interruption repeats
                with half.open("wb") as file:
                    options = pa.ipc.IpcWriteOptions(compression="zstd")
                    with pa.ipc.new_stream(file, records[0].schema, options=options) as stream:
                        for record in records:
                            stream.write_batch(record)
                settle(half)
                half.replace(shard)
            made = self.folder / f"{MANIFEST}.part"
            plain = {"survey": asdict(progress.survey)} | {
                "run": self.run,
                "progress": {name: value for name, value in asdict(progress).items() if name != "survey"},
            }
            with made.open("w", encoding="utf-8") as text:
                json.dump(plain, text, default=str)
            settle(made)
            made.replace(self.folder / MANIFEST)
            settle(self.folder)
            self.saved = progress
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be written: {error.strerror or error}") from error

    def records(self, progress: Progress) -> Iterator[Any]:
        """Read the results back, in the order in which they were scored.

        Raises:
            DataError: a shard is lost or damaged.
        """
        import pyarrow as pa

        for number in range(progress.shards):
            try:
                with pa.OSFile(str(self.shard(number))) as file, pa.ipc.open_stream(file) as stream:
                    yield from stream
            except (OSError, pa.ArrowException) as error:
                raise DataError(
                    f"{self.shard(number)}: cannot be read: {str(error).splitlines()[0]}; delete the folder to begin anew"
                ) from error

    def remove(self) -> None:
        """Delete the folder, the manifest last: without it the run would look as if it had never begun."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != MANIFEST:
                path.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)


def _lock(number: int) -> bool:
    try:
        import fcntl
    except ModuleNotFoundError:  # no such thing on Windows
        return True
    try:
        fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a worker that was forked does not keep it, as with flock
    except OSError:
        return False
    return True


def difference(before: Any, now: Any, where: str = "") -> str:
    """Name the first place where two tables differ; empty if they do not.

    Example:
        >>> difference({"scheme": {"alpha": 0.05}}, {"scheme": {"alpha": 0.1}})
        'scheme.alpha was 0.05, is 0.1'
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            if found := difference(before.get(key), now.get(key), f"{where}.{key}" if where else str(key)):
                return found
        return ""
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return next((found for i, (b, n) in pairs if (found := difference(b, n, f"{where}[{i}]"))), "")
    return "" if before == now else f"{where} was {_brief(before)}, is {_brief(now)}"


def _brief(value: Any) -> str:
    text = "not given" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."  # noqa: PLR2004 - a line
