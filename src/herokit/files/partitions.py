"""Put rows in another order than they come in, on disk: each goes to the part its place falls in, each part is then sorted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from herokit.reward_models.batching import Ints

HELD = 1 << 25
"""Bytes held in memory before they go to their parts."""

PLACE, ROW = "herokit:place", "herokit:row"


class Partitions:
    """N rows on their way to the places 0 to N - 1.

    Args:
        folder: an empty folder, or that of partitions which are complete.
        each: places a part; what is read at a time.

    Example:
        >>> import tempfile, pyarrow as pa
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     parts = Partitions(Path(folder), each=2)
        ...     parts.add(np.array([2, 0, 1]), np.arange(3), pa.record_batch({"x": ["c", "a", "b"]}))
        ...     parts.finish()
        ...     [b.column("x").to_pylist() for p in range(2) for _, _, b in parts.read(p)]
        [['a', 'b'], ['c']]
    """

    def __init__(self, folder: Path, each: int) -> None:
        self.folder, self.each = folder, each
        self._held: list[Any] = []
        self._size = 0

    def add(self, places: Ints, rows: Ints, batch: Any) -> None:
        """Take rows.

        Args:
            places: (n,) where each belongs.
            rows: (n,) a number that each carries.
            batch: n rows.
        """
        import pyarrow as pa

        batch = pa.record_batch(
            [pa.array(places), pa.array(rows), *batch.columns], names=[PLACE, ROW, *batch.schema.names]
        )
        if self._held and self._held[0].schema != batch.schema:
            self.finish()
        self._held.append(batch)
        self._size += batch.nbytes
        if self._size >= HELD:
            self.finish()

    def finish(self) -> None:
        """Write what is held."""
        import pyarrow as pa

        if not self._held:
            return
        table = pa.Table.from_batches(self._held)
        places = table.column(0).to_numpy()
        order = np.argsort(places, kind="stable")
        parts = places[order] // self.each
        ends = np.flatnonzero(np.diff(parts, append=-1)) + 1
        for low, high in zip([0, *ends[:-1]], ends, strict=True):
            with self._path(int(parts[low])).open("ab") as file, pa.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(table.take(pa.array(order[low:high])))
        self._held, self._size = [], 0

    def _path(self, part: int) -> Path:
        return self.folder / f"{part:06}.arrow"

    def read(self, part: int) -> Iterator[tuple[Ints, Ints, Any]]:
        """Yield the places, the numbers and the rows of one part, in stretches of one schema.

        The rows of a stretch are in order; with one schema there is one stretch.
        """
        import pyarrow as pa

        tables: list[Any] = []
        with pa.OSFile(str(self._path(part))) as file:
            while file.tell() < file.size():
                with pa.ipc.open_stream(file) as stream:
                    found = stream.read_all()
                if tables and tables[-1].schema == found.schema:
                    tables[-1] = pa.concat_tables([tables[-1], found])
                else:
                    tables.append(found)
        for table in tables:
            order = np.argsort(table.column(0).to_numpy(), kind="stable")
            batch = table.take(pa.array(order)).combine_chunks().to_batches()[0]
            yield batch.column(0).to_numpy(), batch.column(1).to_numpy(), batch.select(batch.schema.names[2:])
