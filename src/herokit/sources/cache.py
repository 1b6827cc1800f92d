"""Verdicts are kept, so that nothing is judged twice."""

import json
import pickle
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from hashlib import blake2b
from importlib import metadata
from typing import Any, TypeVar
from uuid import uuid4

from herokit.errors import ConfigError
from herokit.sources import execution
from herokit.sources.store import Disk, Memory
from herokit.types import Sample, Status, Verdict, Verifier
from herokit.workers.counters import Counters

T = TypeVar("T")

KEEPS = (Status.JUDGED, Status.UNPARSED)
"""What is kept: a timeout may be the machine's doing and a failure is nobody's answer, so both are asked anew."""


@dataclass(frozen=True)
class Cache:
    """Ask a verifier once about the same content; in memory, and in a file where `path` names one.

    The key is a digest of prompt, completion, reference and meta (not of the group), of the verifier with all its
    settings, of the versions of the packages it and the verifiers inside it come from, and of `version`. Only verdicts
    that are judged or unparsed are kept. Equal samples of one batch are asked about once. A file that cannot be read
    or written for a while (locked, full) costs time, not rows; `report` counts it. A `Cascade`, a `Vote` or a `NoisyVerifiers`
    judges without those of its verifiers that cannot say, and such a verdict is kept: put the cache inside, around the
    verifier that may be down.

    Args:
        verifier: the verifier: a dataclass, whose fields are part of the key unless they are left out of its repr and of
            comparisons, or anything with a `version` given here.
        path: a SQLite file that processes share and later runs find again; None for memory only.
        max_entries: verdicts to keep, in memory and in the file.
        version: changes the key; give a new one where the verifier's behaviour changed and nothing else shows it, as
            with a model behind a server.

    Raises:
        ConfigError: a size that is not positive, or a verifier whose settings cannot be told and no `version`.
        SetupError: asked, and the file cannot be opened.

    Source: digests are BLAKE2 (RFC 7693); the file is SQLite with a write-ahead log.

    Example:
        >>> from herokit.verifiers import ExactMatch
        >>> cache = Cache(ExactMatch())
        >>> _ = cache.verify([Sample("p", "yes", group, "yes") for group in range(3)])
        >>> cache.report()
        'cache: 3 asked, 0 found in memory, 0 in the file, 1 judged'
    """

    verifier: Verifier
    path: str | None = None
    max_entries: int = 100_000
    version: str = ""
    _counters: Counters = field(default_factory=Counters, init=False, repr=False, compare=False)
    _memory: list[Memory] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.max_entries <= 0:
            raise ConfigError(f"a cache keeps at least one verdict, got size {self.max_entries!r}")
        for part in _parts(self.verifier):
            if not self.version and not is_dataclass(part):
                raise ConfigError(f"{type(part).__name__} is no dataclass, so its settings do not show: give a version")

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        name = self._name()
        keys = [_digest(name, sample) for sample in samples]
        if not self._memory:
            self._memory.append(Memory(self.max_entries))
        memory, disk = self._memory[0], None if self.path is None else Disk(self.path, self.max_entries)
        known = memory.get(dict.fromkeys(keys))
        near = sum(key in known for key in keys)
        if disk is not None and (rest := [key for key in dict.fromkeys(keys) if key not in known]):
            far = self._careful(disk.get, rest) or {}
            memory.put(far)
            known |= far
        found = sum(key in known for key in keys)
        rows = {key: row for row, key in enumerate(keys) if key not in known}
        asked = execution.verify("of", self.verifier, [samples[row] for row in rows.values()])
        fresh = dict(zip(rows, asked, strict=True))
        kept = {key: verdict for key, verdict in fresh.items() if verdict.status in KEEPS and verdict.value is not None}
        memory.put(kept)
        if disk is not None and kept:
            self._careful(disk.put, kept)
        self._counters.add(asked=len(keys), near=near, far=found - near, judged=len(fresh))
        known |= fresh
        return [known[key] for key in keys]

    def _careful(self, use: Callable[[Any], T], what: Any) -> T | None:
        try:
            return use(what)
        except (sqlite3.Error, ValueError, TypeError):  # TypeError: an answer that JSON cannot hold
            self._counters.add(trouble=1)
            return None

    def _name(self) -> str:
        """Say which verifier this is, in all that its verdicts depend on."""
        packages = {type(part).__module__.partition(".")[0] for part in _parts(self.verifier)}
        versions = [_version(package) for package in sorted(packages)]
        return "\0".join((_told(self.verifier, repr), *versions, self.version))

    def report(self) -> str:
        """Say how many verdicts were found and how many had to be made."""
        t = self._counters
        own = f"cache: {t['asked']:,} asked, {t['near']:,} found in memory, {t['far']:,} in the file, {t['judged']:,} judged"
        if t["trouble"]:
            own += f"; the file could not be used {t['trouble']:,} times"
        return "\n".join(filter(None, [own, execution.report(self.verifier)]))

    def close(self) -> None:
        """Close the verifier; what is in memory is dropped, what is in the file stays."""
        self._memory.clear()
        execution.close(self.verifier)

    def __getstate__(self) -> Mapping[str, Any]:
        return {**self.__dict__, "_memory": []}


def _parts(thing: Any) -> Iterator[Any]:
    """Yield a verifier and every verifier inside it."""
    if hasattr(thing, "verify"):
        yield thing
    inner: Any = ()
    if isinstance(thing, Mapping):
        inner = thing.values()
    elif isinstance(thing, tuple | list):
        inner = thing
    elif is_dataclass(thing):
        inner = [getattr(thing, item.name) for item in fields(thing) if item.init]
    for part in inner:
        yield from _parts(part)


@cache
def _version(package: str) -> str:
    owners = metadata.packages_distributions().get(package, [])
    return ",".join(f"{owner} {metadata.version(owner)}" for owner in sorted(set(owners)))


def _digest(name: str, sample: Sample) -> bytes:
    try:
        meta = _told(dict(sample.meta), _never)
    except RecursionError:  # it holds itself
        meta = _never(sample)
    content = json.dumps([name, sample.prompt, sample.completion, sample.reference, meta])
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=20).digest()


def _told(value: Any, lost: Callable[[Any], str]) -> str:
    """Write a setting, or an entry of meta, so that equal ones read the same and no others do.

    Args:
        value: what to write; a repr would leave out the middle of arrays, and what its class likes to leave out.
        lost: what to write for a thing that cannot be pickled.

    Example:
        >>> _told({"b": (1, 1.0, True), "a": "1"}, repr)
        "dict('a':'1','b':tuple(1,1.0,True))"
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes):
        return repr(value)
    if kind is dict:
        parts = sorted(f"{_told(key, lost)}:{_told(part, lost)}" for key, part in value.items())
    elif kind in (list, tuple, set, frozenset):
        parts = [_told(part, lost) for part in value]
        parts = parts if kind in (list, tuple) else sorted(parts)
    else:
        return _thing(value, lost)
    return f"{kind.__name__}({','.join(parts)})"


def _thing(value: Any, lost: Callable[[Any], str]) -> str:
    """Write a verifier, or anything else that is no plain value."""
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if is_dataclass(value) and not isinstance(value, type):
        shown = [item.name for item in fields(value) if item.repr or item.compare]
        return f"{name}({','.join(f'{item}={_told(getattr(value, item), lost)}' for item in shown)})"
    if hasattr(value, "verify") and not isinstance(value, type):
        return name  # its settings do not show: it has a version
    try:
        return f"{name}({blake2b(pickle.dumps(value), digest_size=20).hexdigest()})"
    except Exception:  # noqa: BLE001 - pickling raises anything
        return lost(value)


def _never(_: Any) -> str:
    """Write what is never found again."""
    return uuid4().hex
