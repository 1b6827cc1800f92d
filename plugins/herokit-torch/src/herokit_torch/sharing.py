"""One open model for all sources that name it, and one forward for all of them that score the same rows.

Four sources with four heads on one body, or with four labels of one head, are four signals of a scheme, each with its own name,
status and column. They open the model once. The first one that scores a batch runs it; the others read what it left. A source
that scores again runs the model again, so that no source reads what it wrote itself.
"""

import os
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from herokit.reward_models.batching import MicroBatch
from herokit.reward_models.encoding import EncodedRows
from herokit.reward_models.process import Floats
from herokit_torch.forward import Forward

__all__ = ["Reader", "SharedModel", "open_shared"]

_OPEN: "WeakValueDictionary[Hashable, SharedModel]" = WeakValueDictionary()
_OPENING = threading.RLock()


@dataclass(eq=False, slots=True, weakref_slot=True)
class SharedModel:
    """An open model and what it gave for the rows of its last call.

    Attributes:
        forward: gives logits, or hidden states where every source has a head of its own.
        model: of transformers.
        tokenizer: of its checkpoint.
        lock: held by a source while it scores a batch.
        results: token ids and positions of a row -> what the forward gave.
        readers: the sources that have scored since the results were dropped.
    """

    forward: Forward
    model: Any
    tokenizer: Any
    lock: Any = field(default_factory=threading.RLock)
    results: dict[Hashable, Floats] = field(default_factory=dict)
    readers: set[int] = field(default_factory=set)


def open_shared(key: Hashable, checkpoint: str, open_model: Callable[[], SharedModel]) -> SharedModel:
    """Return the open model of this process with these settings, opened if there is none or its files have changed.

    Args:
        key: the settings that change what the model gives.
        checkpoint: a name on the hub or a folder.
        open_model: opens it.
    """
    key = (os.getpid(), checkpoint, tuple(_file_stamps(Path(checkpoint))), key)
    with _OPENING:
        shared = _OPEN.get(key)
        if shared is None:
            shared = _OPEN[key] = open_model()
        return shared


def _file_stamps(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Give name, time and size of each file; one that is not there, as behind a dangling link, is left to what opens it."""
    for file in sorted(folder.glob("*")):
        with suppress(OSError):
            stat = file.stat()
            yield file.name, stat.st_mtime_ns, stat.st_size


@dataclass(frozen=True, eq=False, slots=True)
class Reader:
    """The forward pass of one source on a shared model.

    Attributes:
        shared: the model.
        head: from hidden states to logits; None where the model's own head has run.
    """

    shared: SharedModel
    head: Any = None

    @property
    def name(self) -> str:
        """How rows run."""
        return self.shared.forward.name

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the model while a batch is scored; a second turn without another source's in between reads nothing."""
        with self.shared.lock:
            if id(self) in self.shared.readers:
                self.shared.results.clear()
                self.shared.readers.clear()
            self.shared.readers.add(id(self))
            yield

    def plan(self, rows: EncodedRows, pending: Sequence[int], max_batch_tokens: int) -> Sequence[MicroBatch]:
        """Cut rows into micro-batches; one without tokens where the model has run them all."""
        if all(_row_key(rows, i) in self.shared.results for i in pending):
            return [_Read(tuple(pending), 0)] if len(pending) else []
        return self.shared.forward.plan(rows, pending, max_batch_tokens)

    def run(self, rows: EncodedRows, batch: Any) -> list[Floats]:
        """Run one micro-batch, or read it."""
        if not isinstance(batch, _Read):
            values = self.shared.forward.run(rows, batch)
            self.shared.results |= {_row_key(rows, i): value for i, value in zip(batch.rows, values, strict=True)}
        values = [self.shared.results[_row_key(rows, i)] for i in batch.rows]
        if self.head is None:
            return values
        logits = self.head(np.concatenate(values))
        return list(np.split(logits, np.cumsum([len(value) for value in values])[:-1]))


class _Read(MicroBatch):
    """Rows that another source has run."""

    __slots__ = ()


def _row_key(rows: EncodedRows, row: int) -> Hashable:
    return tuple(rows.ids[row]), tuple(rows.positions[row])
