"""Generators of damaged rollout files and folders, each with what scoring it must say; "" if it must succeed."""

import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["ROWS", "FileFault", "file_faults", "shard_faults"]

ROWS = [{"prompt": f"p{i // 4}", "completion": f"c{i}", "group": i // 4, "right": i % 2 == 0, "given": i / 8} for i in range(24)]  # fmt: skip


class FileFault(NamedTuple):
    """A file and what an error about it must contain.

    Attributes:
        name: what is wrong.
        suffix: of the file.
        content: of the file.
        message: a part of the error; "" if the file is scored.
    """

    name: str
    suffix: str
    content: bytes
    message: str


def file_faults() -> Iterator[FileFault]:
    """Yield all of them."""
    yield from _lines()
    yield from _values()
    yield from _archives()
    yield from _parquet()


def _text(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _lines() -> Iterator[FileFault]:
    """Lines that are no JSON objects."""
    good = _text(ROWS)
    for name, line, message in (
        ("half a line", b'{"prompt": "p', "line 25 is not valid JSON"),
        ("a list", b"[1]", "line 25 is a JSON list"),
        ("a number", b"7", "line 25 is a JSON int"),
        ("a text", b'"x"', "line 25 is a JSON str"),
        ("null", b"null", "line 25 is a JSON NoneType"),
        ("a duplicate key", b'{"prompt": "p", "prompt": "q", "completion": "c", "group": 1, "right": true, "given": 1}', "line 25: duplicate key 'prompt'"),
        ("two objects", b"{} {}", "line 25 is not valid JSON"),
        ("deep nesting", b'{"x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "line 25 is not valid JSON"),
        ("a column of 150 levels", b'{"prompt": "p", "completion": "c", "group": 9, "right": true, "given": 1, "x": ' + b"[" * 150 + b"1" + b"]" * 150 + b"}", "column 'x' is nested more than 100 levels deep"),
        ("objects of 150 levels", b'{"prompt": "p", "completion": "c", "group": 9, "right": true, "given": 1, "x": ' + b'{"a": ' * 150 + b"1" + b"}" * 150 + b"}", "column 'x' is nested more than 100 levels deep"),
        ("bytes that are not UTF-8", b'{"prompt": "\xff"}', "line 25 is not valid JSON"),
        ("an integer of 5,000 digits", b'{"prompt": ' + b"9" * 5_000 + b"}", "line 25 is not valid JSON"),
        ("null bytes", b"\x00" * 100, "line 25 is not valid JSON"),
        ("a Python dict", b"{'prompt': 'p'}", "line 25 is not valid JSON"),
        ("a blank line", b"   ", ""),
    ):  # fmt: skip
        yield FileFault(name, ".jsonl", good + line + b"\n", message)
    yield FileFault("nothing", ".jsonl", b"", "contains no rows")
    yield FileFault("blank lines", ".jsonl", b"\n\n  \n", "contains no rows")
    yield FileFault("UTF-16", ".jsonl", good.decode().encode("utf-16"), "is encoded in UTF-16")
    yield FileFault(
        "one list", ".jsonl", b"[\n" + good.replace(b"}\n", b"},\n") + b"]", "one JSON value over many lines"
    )
    yield FileFault("a byte order mark", ".jsonl", b"\xef\xbb\xbf" + good, "")
    yield FileFault("no newline at the end", ".jsonl", good.rstrip(), "")
    yield FileFault("carriage returns", ".jsonl", good.replace(b"\n", b"\r\n"), "")
    yield FileFault("random bytes", ".jsonl", bytes(range(1, 256)) * 10, "line 1 is not valid JSON")


def _values() -> Iterator[FileFault]:
    """Values that a role or a source cannot have."""
    for name, change, message in (
        ("no completion", {"completion": None}, "completion must be text"),
        ("a completion that is a number", {"completion": 4}, "completion must be text"),
        ("a group that is a list", {"group": [1]}, "group must be text or a number"),
        ("a group that is null", {"group": None}, "group must be text or a number"),
        ("a lone surrogate", {"completion": "\ud800"}, ""),
        ("a null byte", {"completion": "\x00"}, ""),
        ("a huge integer", {"other": 10**40}, ""),
        ("another type", {"other": {"a": 1}}, ""),
        ("an empty object", {"other": {}}, ""),
        ("a value that is a text", {"right": "yes"}, ""),
        ("a value that is missing", {"given": None}, ""),
        ("a result column", {"reward": 1.0}, "the input already has columns reward"),
    ):  # fmt: skip
        yield FileFault(name, ".jsonl", _text([*ROWS, ROWS[0] | {"group": 99} | change]), message)
    for role, message in (("prompt", "no column for the prompt"), ("completion", "completion"), ("group", ""), ("given", "reads a column 'given'")):  # fmt: skip
        rows = [{key: value for key, value in row.items() if key != role} for row in ROWS]
        yield FileFault(f"no column {role}", ".jsonl", _text(rows), message)
    infinite = _text(ROWS).replace(b'"given": 0.125', b'"given": Infinity')
    yield FileFault("infinity", ".jsonl", infinite, "")
    yield FileFault("NaN", ".jsonl", infinite.replace(b"Infinity", b"NaN"), "")


def _archives() -> Iterator[FileFault]:
    """Archives that are cut off or changed."""
    good = _text(ROWS)
    packed = gzip.compress(good, mtime=0)
    stream = io.BytesIO()
    with pa.CompressedOutputStream(stream, "zstd") as file:
        file.write(good)
        file.flush()
        zstd = stream.getvalue()
    for name, suffix, whole in (("gzip", ".jsonl.gz", packed), ("zstd", ".jsonl.zst", zstd)):
        yield FileFault(f"{name} that is text", suffix, good, "holds JSON; rename it to input.jsonl")
        yield FileFault(f"{name} cut in its header", suffix, whole[:5], "cannot be read")  # fmt: skip
        yield FileFault(f"{name} with a changed header", suffix, b"\x00" + whole[1:], "cannot be read")
    yield FileFault("gzip cut at its end", ".jsonl.gz", packed[:-6], "cannot be read")
    yield FileFault("gzip cut in the middle", ".jsonl.gz", packed[: len(packed) // 2], "cannot be read")
    yield FileFault("gzip with bytes behind it", ".jsonl.gz", packed + b"more", "cannot be read")
    for position in (10, len(packed) // 3, len(packed) // 2, len(packed) - 6):
        yield FileFault(f"gzip with byte {position} changed", ".jsonl.gz", _flip(packed, position), "")
    yield FileFault(
        "two gzip members", ".jsonl.gz", gzip.compress(good[:100], mtime=0) + gzip.compress(good[100:], mtime=0), ""
    )


def _parquet() -> Iterator[FileFault]:
    """Parquet files that are cut off, changed or unusual."""

    def write(table: pa.Table) -> bytes:
        stream = io.BytesIO()
        pq.write_table(table, stream)
        return stream.getvalue()

    good = write(pa.Table.from_pylist(ROWS))
    yield FileFault("parquet cut at its end", ".parquet", good[:-5], "the file is cut off")
    yield FileFault("parquet cut in the middle", ".parquet", good[: len(good) // 2], "the file is cut off")
    yield FileFault("parquet of 3 bytes", ".parquet", good[:3], "not a Parquet file")
    yield FileFault("an empty parquet file", ".parquet", b"", "not a Parquet file")
    yield FileFault("parquet that is text", ".parquet", _text(ROWS), "holds JSON; rename it to input.jsonl")
    yield FileFault("parquet with a changed footer", ".parquet", _flip(good, len(good) - 40), "")
    yield FileFault("parquet with a huge footer length", ".parquet", good[:-8] + b"\xff\xff\xff\x7f" + good[-4:], "not a Parquet file")  # fmt: skip
    yield FileFault(
        "parquet without rows", ".parquet", write(pa.Table.from_pylist(ROWS).slice(0, 0)), "contains no rows"
    )
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["completion", "completion"])
    yield FileFault("a column twice", ".parquet", write(twice), "column 'completion' occurs twice")


def _flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]


def shard_faults() -> Iterator[tuple[str, str, Callable[[Path], None]]]:
    """Yield changes of the folder of an interrupted run: their name, the message, and the function that makes them."""
    for position in range(10, 100, 12):
        yield f"shard with a bit flipped at {position} %", "results-000000.arrow: cannot be read", lambda folder, at=position: _change(folder / "results-000000.arrow", at)  # fmt: skip
        yield f"manifest with a bit flipped at {position} %", "the manifest cannot be read", lambda folder, at=position: _change(folder / "manifest.json", at)  # fmt: skip
    yield "an empty shard", "results-000000.arrow: cannot be read", lambda folder: (folder / "results-000000.arrow").write_bytes(b"")  # fmt: skip
    yield "no shard", "results-000000.arrow: cannot be read", lambda folder: (folder / "results-000000.arrow").unlink()
    for name, text in (("a list", "[]"), ("a number", "1"), ("nothing", ""), ("no digest", "{}"), ("deep nesting", "[" * 50_000)):  # fmt: skip
        yield f"a manifest that is {name}", "the manifest cannot be read", lambda folder, text=text: (folder / "manifest.json").write_text(text)  # fmt: skip


def _change(path: Path, percent: int) -> None:
    data = path.read_bytes()
    path.write_bytes(_flip(data, len(data) * percent // 100))
