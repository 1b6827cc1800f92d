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

from herokit import asking
from herokit.errors import ConfigError
from herokit.sources.store import Disk, Memory
from herokit.sources.tally import Tally
from herokit.types import Sample, Status, Verdict, Verifier

T = TypeVar("T")

KEEPS = (Status.JUDGED, Status.UNPARSED)
"""What is kept: a timeout may be the machine's doing and a failure is nobody's answer, so both are asked anew."""


@dataclass(frozen=True)
class Cache:
    """Ask a verifier once about the same content; in memory, and in a file where `path` names one.

    The key is a digest of prompt, completion, reference and meta (not of the group), of the verifier with all its
    settings, of the versions of the packages it and the verifiers inside it come from, and of `version`. Only verdicts
    that are judged or unparsed are kept. Equal samples of one batch are asked about once. A file that cannot be read
    or written for a while (locked, full) costs time, not rows; `report` counts it.

    Args:
        of: the verifier: a dataclass, whose fields are part of the key unless they are left out of its repr and of
            comparisons, or anything with a `version` given here.
        path: a SQLite file that processes share and later runs find again; None for memory only.
        size: verdicts to keep, in memory and in the file.
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

    of: Verifier
    path: str | None = None
    size: int = 100_000
    version: str = ""
    _tally: Tally = field(default_factory=Tally, init=False, repr=False, compare=False)
    _memory: list[Memory] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise ConfigError(f"a cache keeps at least one verdict, got size {self.size!r}")
        for part in _parts(self.of):
            if not self.version and not is_dataclass(part):
                raise ConfigError(f"{type(part).__name__} is no dataclass, so its settings do not show: give a version")

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        name = self._name()
        keys = [_digest(name, sample) for sample in samples]
        if not self._memory:
            self._memory.append(Memory(self.size))
        memory, disk = self._memory[0], None if self.path is None else Disk(self.path, self.size)
        known = memory.get(dict.fromkeys(keys))
        near = sum(key in known for key in keys)
        if disk is not None and (rest := [key for key in dict.fromkeys(keys) if key not in known]):
            far = self._careful(disk.get, rest) or {}
            memory.put(far)
            known |= far
        found = sum(key in known for key in keys)
        rows = {key: row for row, key in enumerate(keys) if key not in known}
        asked = asking.verify("of", self.of, [samples[row] for row in rows.values()])
        fresh = dict(zip(rows, asked, strict=True))
        kept = {key: verdict for key, verdict in fresh.items() if verdict.status in KEEPS and verdict.value is not None}
        memory.put(kept)
        if disk is not None and kept:
            self._careful(disk.put, kept)
        self._tally.add(asked=len(keys), near=near, far=found - near, judged=len(fresh))
        known |= fresh
        return [known[key] for key in keys]

    def _careful(self, use: Callable[[Any], T], what: Any) -> T | None:
        try:
            return use(what)
        except (sqlite3.Error, ValueError):
            self._tally.add(trouble=1)
            return None

    def _name(self) -> str:
        """Say which verifier this is, in all that its verdicts depend on."""
        packages = {type(part).__module__.partition(".")[0] for part in _parts(self.of)}
        versions = [_version(package) for package in sorted(packages)]
        settings = repr(self.of) if hasattr(self.of, "__dataclass_fields__") else type(self.of).__qualname__
        hidden = [_exact(getattr(part, name)) for part in _parts(self.of) for name in _hidden(part)]
        return "\0".join((type(self.of).__module__, settings, *hidden, *versions, self.version))

    def report(self) -> str:
        """Say how many verdicts were found and how many had to be made."""
        t = self._tally
        own = f"cache: {t['asked']:,} asked, {t['near']:,} found in memory, {t['far']:,} in the file, {t['judged']:,} judged"
        if t["trouble"]:
            own += f"; the file could not be used {t['trouble']:,} times"
        return "\n".join(filter(None, [own, asking.report(self.of)]))

    def close(self) -> None:
        """Close the verifier; what is in memory is dropped, what is in the file stays."""
        self._memory.clear()
        asking.close(self.of)

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


def _hidden(part: Any) -> list[str]:
    """Name the settings that a repr leaves out, as it should a token."""
    return [item.name for item in fields(part) if item.compare and not item.repr] if is_dataclass(part) else []


@cache
def _version(package: str) -> str:
    owners = metadata.packages_distributions().get(package, [])
    return ",".join(f"{owner} {metadata.version(owner)}" for owner in sorted(set(owners)))


def _digest(name: str, sample: Sample) -> bytes:
    meta = json.dumps(dict(sample.meta), sort_keys=True, default=_exact)
    content = json.dumps([name, sample.prompt, sample.completion, sample.reference, meta])
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=20).digest()


def _exact(value: Any) -> str:
    """Tell values in `meta` apart that JSON cannot hold; a repr leaves out the middle of arrays, or names an address."""
    try:
        return blake2b(pickle.dumps(value), digest_size=20).hexdigest()
    except Exception:  # noqa: BLE001 - pickling raises anything; what cannot be told is never found again
        return uuid4().hex
