"""A cache of verdicts, in memory and in a SQLite file: nothing is judged twice."""

import json
import os
import pickle
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from hashlib import blake2b
from importlib import metadata
from typing import Any, Generic, TypeVar
from uuid import uuid4

from herokit.errors import ConfigError, SetupError
from herokit.samples import SampleLike, as_samples
from herokit.sources import execution
from herokit.sources.composite import CompositeSource, walk_sources
from herokit.types import Sample, Status, Verdict, Verifier
from herokit.workers.counters import Counters

__all__ = ["Cache", "LRUCache"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_CACHEABLE = (Status.JUDGED, Status.UNPARSED)
"""Statuses that are kept: a timeout or a crash may be the machine's fault, and a failure has no value."""

_KEYS_PER_QUERY = 500
"""SQLite takes at least 999 parameters."""

_BUSY_TIMEOUT = 10.0
"""Seconds to wait for another process that writes."""

_TRANSIENT_ERRORS = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)
"""Errors that pass: another process holds the file, or the disk is full."""


@dataclass(frozen=True)
class Cache(CompositeSource):
    """Run a verifier once on the same content; verdicts are kept in memory, and in a file if `path` names one.

    The key is a digest of the sample without its group, of the verifier with all its
    settings, of the versions of the packages it and the verifiers inside it come from, and of `version`. Only verdicts
    that are judged or unparsed are kept. Equal samples of one batch are judged once. A file that cannot be read or written
    for a while (locked, full) costs time, not rows; `report` counts it. A `Cascade`, a `Vote` or a `NoisyVerifiers` judges
    without those of its verifiers that abstain, and such a verdict is kept: put the cache inside, around the verifier
    that may be down.

    Args:
        verifier: the verifier: a dataclass, whose fields are part of the key unless they are left out of its repr and of
            comparisons, or anything with a `version` given here.
        path: a SQLite file that processes share and later runs find again; None for memory only.
        max_entries: verdicts to keep, in memory and in the file.
        version: changes the key; set a new one when the verifier's behaviour changed and nothing else shows it, as
            with a model behind a server.

    Raises:
        ConfigError: a size that is not positive, or a verifier whose settings are unknown and no `version`.
        SetupError: on use, when the file cannot be opened.

    Source: digests are BLAKE2 (RFC 7693); the file is SQLite with a write-ahead log.

    Example:
        >>> from herokit.verifiers import ExactMatch
        >>> cache = Cache(ExactMatch())
        >>> _ = cache.verify([Sample("p", "yes", group, "yes") for group in range(3)])
        >>> cache.report()
        'cache: 3 samples, 0 found in memory, 0 in the file, 1 judged'
    """

    verifier: Verifier
    path: str | None = None
    max_entries: int = 100_000
    version: str = ""
    _counters: Counters = field(default_factory=Counters, init=False, repr=False, compare=False)
    _memory: "LRUCache[bytes, Verdict]" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.max_entries <= 0:
            raise ConfigError(f"cache: max_entries must be positive, got {self.max_entries!r}")
        for source in walk_sources(self.verifier):
            if not self.version and not is_dataclass(source):
                raise ConfigError(
                    f"cache: {type(source).__name__} is not a dataclass, so its settings are unknown; set version"
                )
        object.__setattr__(self, "_memory", LRUCache(self.max_entries))

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        samples = as_samples(samples)
        fingerprint = self._fingerprint()
        keys = [_digest(fingerprint, sample) for sample in samples]
        cached = self._memory.get_many(keys)
        num_in_memory = sum(key in cached for key in keys)
        file = None if self.path is None else _VerdictFile(self.path, self.max_entries)
        if file is not None and (missing := set(keys) - cached.keys()):
            stored = self._use_file(file.get_many, missing) or {}
            self._memory.put_many(stored)
            cached |= stored
        num_cached = sum(key in cached for key in keys)
        rows = {key: row for row, key in enumerate(keys) if key not in cached}
        verdicts = execution.verify("verifier", self.verifier, [samples[row] for row in rows.values()])
        new = dict(zip(rows, verdicts, strict=True))
        kept = {
            key: verdict for key, verdict in new.items() if verdict.status in _CACHEABLE and verdict.value is not None
        }
        self._memory.put_many(kept)
        if file is not None and kept:
            self._use_file(file.put_many, kept)
        self._counters.add(samples=len(keys), memory=num_in_memory, file=num_cached - num_in_memory, judged=len(new))
        cached |= new
        return [cached[key] for key in keys]

    def _use_file(self, operation: Callable[[Any], V], argument: Any) -> V | None:
        try:
            return operation(argument)
        except (sqlite3.Error, ValueError, TypeError):  # TypeError: an answer that JSON cannot hold
            self._counters.add(file_errors=1)
            return None

    def _fingerprint(self) -> str:
        """Return a text that is equal for verifiers whose verdicts are equal: class, settings, versions."""
        packages = {type(source).__module__.partition(".")[0] for source in walk_sources(self.verifier)}
        versions = [_package_version(package) for package in sorted(packages)]
        return "\0".join((_encode(self.verifier, repr), *versions, self.version))

    def _report_line(self) -> str:
        counts = self._counters
        line = (
            f"cache: {counts['samples']:,} samples, {counts['memory']:,} found in memory, {counts['file']:,} in the file, "
            f"{counts['judged']:,} judged"
        )
        if counts["file_errors"]:
            line += f"; the file could not be used {counts['file_errors']:,} times"
        return line

    def close(self) -> None:
        """Close the verifier; verdicts in memory are dropped, those in the file stay."""
        self._memory.clear()
        super().close()


class LRUCache(Generic[K, V]):
    """The `max_entries` most recently used values by key; safe between threads; a copy or a pickle is empty.

    Attributes:
        hits: keys that were found.

    Example:
        >>> memory = LRUCache(1)
        >>> memory.put("a", 1.0)
        >>> memory.put("b", 2.0)
        >>> memory.get("a"), memory.get("b"), memory.hits
        (None, 2.0, 1)
    """

    def __init__(self, max_entries: int) -> None:
        self.hits = 0
        self._max_entries = max_entries
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """Return a value; None if the key is unknown."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Collection[K]) -> dict[K, V]:
        """Return the values of those keys that are known."""
        with self._lock:
            hits = {key: self._entries[key] for key in keys if key in self._entries}
            for key in hits:
                self._entries.move_to_end(key)
            self.hits += len(hits)
        return hits

    def put(self, key: K, value: V) -> None:
        """Keep a value; the least recently used one makes room."""
        self.put_many({key: value})

    def put_many(self, entries: Mapping[K, V]) -> None:
        """Keep values; the least recently used ones make room."""
        with self._lock:
            for key, value in entries.items():
                self._entries[key] = value
                self._entries.move_to_end(key)
            while len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        """Drop every value."""
        with self._lock:
            self._entries.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        return LRUCache, (self._max_entries,)


class _VerdictFile:
    """Verdicts by key in a SQLite file, at most about `max_entries` of them, the oldest dropped first.

    Each call opens the file anew, so threads, forks and pickles need no care. Verdicts are stored as JSON: opening a
    file never runs code.

    Args:
        path: the file; its folder must exist. Not on a network file system, whose locks SQLite cannot trust.
        max_entries: rows to keep.

    Raises:
        SetupError: on use, when the file cannot be opened or is no such cache.
        sqlite3.Error: on use, when the file is locked, full or damaged.
    """

    def __init__(self, path: str, max_entries: int) -> None:
        self._path = path
        self._max_entries = max_entries
        self._initialized_by = -1

    def get_many(self, keys: Collection[bytes]) -> dict[bytes, Verdict]:
        """Return the verdicts of those keys that are known."""
        wanted, hits = list(keys), {}
        with closing(self._open()) as db:
            for low in range(0, len(wanted), _KEYS_PER_QUERY):
                part = wanted[low : low + _KEYS_PER_QUERY]
                marks = ",".join("?" * len(part))
                rows = db.execute(f"SELECT key, verdict FROM verdicts WHERE key IN ({marks})", part)  # noqa: S608 - marks
                for key, text in rows:
                    value, status, reason, answer, origin = json.loads(text)
                    hits[bytes(key)] = Verdict(value, Status(status), reason, answer, origin)
        return hits

    def put_many(self, verdicts: Mapping[bytes, Verdict]) -> None:
        """Keep verdicts."""
        rows = [
            (key, json.dumps([v.value, v.status.value, v.reason, v.answer, v.origin])) for key, v in verdicts.items()
        ]
        with closing(self._open()) as db, db:
            db.executemany("INSERT OR REPLACE INTO verdicts (key, verdict) VALUES (?, ?)", rows)
            newest = db.execute("SELECT max(rowid) FROM verdicts").fetchone()[0] or 0
            db.execute("DELETE FROM verdicts WHERE rowid <= ?", (newest - self._max_entries,))

    def _open(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = None
        try:
            db = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT)
            if self._initialized_by != os.getpid():
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("CREATE TABLE IF NOT EXISTS verdicts (key BLOB UNIQUE, verdict TEXT NOT NULL)")
                self._initialized_by = os.getpid()
        except sqlite3.Error as error:
            if db is not None:
                db.close()
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _TRANSIENT_ERRORS:
                raise
            raise SetupError(f"cannot use the cache file {self._path}: {error}") from error
        return db


@cache
def _package_version(package: str) -> str:
    owners = metadata.packages_distributions().get(package, [])
    return ",".join(f"{owner} {metadata.version(owner)}" for owner in sorted(set(owners)))


def _digest(fingerprint: str, sample: Sample) -> bytes:
    values = {
        field.name: getattr(sample, field.name) for field in fields(sample) if field.init and field.name != "group"
    }
    try:
        content = _encode([fingerprint, values | {"meta": dict(sample.meta)}], _unique_text)
    except RecursionError:  # it holds itself
        content = _unique_text(sample)
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=20).digest()


def _encode(value: Any, fallback: Callable[[Any], str]) -> str:
    """Encode a setting, or an entry of meta, so that only equal values have equal texts.

    Args:
        value: the value; its repr would omit the middle of arrays, and whatever its class omits.
        fallback: encodes a value that cannot be pickled.

    Example:
        >>> _encode({"b": (1, 1.0, True), "a": "1"}, repr)
        "dict('a':'1','b':tuple(1,1.0,True))"
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes):
        return repr(value)
    if kind is dict:
        parts = sorted(f"{_encode(key, fallback)}:{_encode(part, fallback)}" for key, part in value.items())
    elif kind in (list, tuple, set, frozenset):
        parts = [_encode(part, fallback) for part in value]
        parts = parts if kind in (list, tuple) else sorted(parts)
    else:
        return _encode_object(value, fallback)
    return f"{kind.__name__}({','.join(parts)})"


def _encode_object(value: Any, fallback: Callable[[Any], str]) -> str:
    """Encode a verifier, or anything else that is not a plain value."""
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.repr or field.compare]
        return f"{name}({','.join(f'{item}={_encode(getattr(value, item), fallback)}' for item in names)})"
    if hasattr(value, "verify") and not isinstance(value, type):
        return name  # its settings are unknown, so the cache has a version
    try:
        return f"{name}({blake2b(pickle.dumps(value), digest_size=20).hexdigest()})"
    except Exception:  # noqa: BLE001 - pickling raises anything
        return fallback(value)


def _unique_text(_: Any) -> str:
    """Return a text that no other value has, so that the sample is never found again."""
    return uuid4().hex
