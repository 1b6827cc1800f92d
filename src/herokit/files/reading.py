"""Read the rows of rollout files into samples, and find the Arrow type of every column.

A rollout has four roles: prompt, completion, reference and group. Which column has which role is chosen by its name.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from herokit.errors import ConfigError, DataError, did_you_mean
from herokit.files.blocks import ArrowBlock, Block, check_file, read_blocks
from herokit.records import replace_surrogates
from herokit.types import Sample

__all__ = [
    "PAIR_COLUMN_NAMES",
    "ColumnTypes",
    "Rollouts",
    "choose_columns",
    "format_columns",
    "parse_columns",
    "parse_rows",
    "read_rollouts",
    "read_samples",
]

COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    "prompt": ("prompt", "question", "problem", "query", "input"),
    "completion": ("completion", "response", "output", "generation"),
    "reference": ("reference", "answer", "ground_truth", "gold", "gold_answer", "target"),
    "group": ("group", "group_id", "prompt_id", "uid", "problem_id", "question_id"),
}
"""The usual column names of each role; the first that exists is used. `--column role=name` overrides them."""

PAIR_COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    "completion": ("completion", "response", "answer", "prediction", "output"),
    "reference": ("reference", "gold", "ground_truth", "gold_answer", "target"),
}
"""The same for labelled pairs, where ``answer`` is the text to verify."""

_JSON_TEXT = b"herokit:json"
"""Marks the field of a column whose values have no common type and are written as JSON text."""


@dataclass(frozen=True, slots=True, eq=False)
class Rollouts:
    """A rollout file in memory.

    Attributes:
        values: column name -> N values, as in the file.
        samples: N samples, in the file's order.
        columns: role -> column name; a role without a column is absent.
    """

    values: Mapping[str, Sequence[Any]]
    samples: Sequence[Sample]
    columns: Mapping[str, str]


def parse_columns(pairs: Iterable[str]) -> dict[str, str]:
    """Parse ``role=column`` options of the command line.

    Raises:
        ConfigError: a text has no "=".

    Example:
        >>> parse_columns(["completion=response"])
        {'completion': 'response'}
    """
    columns = {}
    for text in pairs:
        role, separator, column = text.partition("=")
        if not separator:
            raise ConfigError(f"--column {text}: expected ROLE=COLUMN, e.g. --column completion=response")
        columns[role] = column
    return columns


def format_columns(columns: Mapping[str, str]) -> str:
    """Return which column has which role, for people.

    Example:
        >>> format_columns({"prompt": "question", "completion": "output"})
        'prompt from question, completion from output'
    """
    return ", ".join(f"{role} from {column}" for role, column in columns.items())


def read_rollouts(
    path: str | Path,
    columns: Mapping[str, str] | None = None,
    *,
    usual: Mapping[str, tuple[str, ...]] = COLUMN_NAMES,
    required: Sequence[str] = ("prompt", "completion"),
) -> Rollouts:
    """Read a rollout file with one completion per row.

    Prompts and completions are text or chat messages: a list of ``{role, content}``, where a content is text, null or a
    list of parts, of which the text parts count. Without a group column, rows with the same prompt share a group. Columns
    without a role become the sample's `meta`.

    Args:
        path: a ``.jsonl``, ``.json`` (lines), ``.ndjson`` or ``.parquet`` file; JSON lines may be compressed, ``.gz``,
            ``.zst``.
        columns: role -> column, for columns with unusual names.
        usual: role -> usual column names.
        required: roles that must have a column; otherwise an absent prompt is empty.

    Raises:
        DataError: the file does not exist, is of an unknown type, is damaged or has no rows; a required role has no
            column; or a row's prompt or completion is not text.

    Example:
        >>> read_rollouts("nowhere.jsonl")
        Traceback (most recent call last):
        ...
        herokit.errors.DataError: nowhere.jsonl: no such file
    """
    path = Path(path)
    check_file(path)
    blocks = list(read_blocks(path))
    if not blocks:
        raise DataError(f"{path}: the file contains no rows")
    names = list(dict.fromkeys(name for block in blocks for name in block.column_names()))
    chosen = choose_columns(str(path), names, columns or {}, usual, required)
    samples = [sample for block in blocks for sample in read_samples(block, chosen, names)]
    return Rollouts({name: [v for block in blocks for v in block.values(name)] for name in names}, samples, chosen)


def choose_columns(
    location: str,
    names: Sequence[str],
    columns: Mapping[str, str],
    usual: Mapping[str, tuple[str, ...]] = COLUMN_NAMES,
    required: Sequence[str] = ("prompt", "completion"),
) -> dict[str, str]:
    """Choose the column of each role.

    Args:
        location: the input, for messages.
        names: its columns.
        columns: role -> column, as the user names them.
        usual: role -> usual column names.
        required: roles that must have a column.

    Raises:
        DataError: an unknown role or column, or a required role without a column.

    Example:
        >>> choose_columns("r.jsonl", ["question", "output", "id"], {"group": "id"})
        {'group': 'id', 'prompt': 'question', 'completion': 'output'}
    """
    for role, column in columns.items():
        if role not in usual:
            raise DataError(f"--column {role}={column}: unknown role {role!r}; {did_you_mean(role, list(usual))}")
        if column not in names:
            raise DataError(f"{location}: no column {column!r} for the {role}; {did_you_mean(column, list(names))}")
    chosen = dict(columns)
    for role, candidates in usual.items():
        taken = set(chosen.values())
        column = next((name for name in candidates if name in names and name not in taken), "")
        if role not in chosen and column:
            chosen[role] = column
    for role in required:
        if role not in chosen:
            others = [f"{name!r} is the {other}" for other, name in chosen.items() if name in usual[role]]
            raise DataError(
                f"{location}: no column for the {role}: none of {', '.join(usual[role])} among {', '.join(names)}"
                f"{''.join(f': {text}' for text in others)}; name it with --column {role}=COLUMN"
            )
    return chosen


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """The checked prompt, completion, group and reference of N rows."""

    prompts: Sequence[str]
    completions: Sequence[str]
    groups: Sequence[Any]
    references: Sequence[str | None]


def parse_rows(block: Block, columns: Mapping[str, str]) -> ParsedRows:
    """Read and check the roles of a block's rows.

    Raises:
        DataError: a prompt or completion that is not text, a group or reference that is not text or a number; the
            message names file and row.
    """
    prompts = _read_texts(block, columns.get("prompt"), "prompt", last=False)
    completions = _read_texts(block, columns["completion"], "completion", last=True)
    groups: Sequence[Any] = block.values(columns["group"]) if "group" in columns else prompts
    for row, group in enumerate(groups):
        if group is None or isinstance(group, list | dict) or group != group:  # noqa: PLR0124 - NaN
            raise DataError(f"{_location(block, row)}: group must be text or a number, got {group!r}")
    references = block.values(columns["reference"]) if "reference" in columns else [None] * len(block)
    for row, reference in enumerate(references):
        if isinstance(reference, list | dict):
            raise DataError(
                f"{_location(block, row)}: reference must be text or a number, got {type(reference).__name__}"
            )
    texts = [None if r is None or r != r else str(r) for r in references]  # noqa: PLR0124 - NaN
    return ParsedRows(prompts, completions, groups, texts)


def read_samples(block: Block, columns: Mapping[str, str], names: Sequence[str]) -> list[Sample]:
    """Return a block's rows as samples; columns without a role become their meta.

    Args:
        block: N rows.
        columns: role -> column.
        names: the input's columns.

    Raises:
        DataError: as `parse_rows`.
    """
    rows, roles = parse_rows(block, columns), set(columns.values())
    meta = block.meta([name for name in names if name not in roles])
    return list(map(Sample, rows.prompts, rows.completions, rows.groups, rows.references, meta))


def _location(block: Block, row: int) -> str:
    return f"{block.path}: row {block.first_row + row + 1}"


def _read_texts(block: Block, column: str | None, role: str, *, last: bool) -> list[str]:
    if column is None:
        return [""] * len(block)
    return [
        value if isinstance(value, str) else _message_text(value, f"{_location(block, row)}: {role}", last=last)
        for row, value in enumerate(block.values(column))
    ]


def _message_text(value: Any, location: str, *, last: bool) -> str:
    """Return the text of chat messages: of the last one with text, or of all."""
    if isinstance(value, list) and value and all(map(_is_message, value)):
        texts = [_content_text(m["content"]) for m in value if m.get("content") is not None]
        return (texts[-1] if texts else "") if last else "\n".join(texts)
    raise DataError(f"{location} must be text or chat messages, got {value!r}"[:300])


def _is_message(value: Any) -> bool:
    """Whether a value is a message whose content is text, a list of parts, or null, as in a tool call."""
    if not isinstance(value, dict):
        return False
    content = value.get("content")
    if content is None:
        return "role" in value
    return isinstance(content, str) or (isinstance(content, list) and all(map(_is_part, content)))


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("text"), str | None)


def _content_text(content: str | Sequence[Mapping[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content if part.get("type", "text") == "text")


class ColumnTypes:
    """The columns of an input and the common Arrow type of each, updated block by block.

    A column whose values have no common type (1 and "two") is written to Parquet as JSON text.

    Args:
        text: what `dumps` returned.

    Example:
        >>> types = ColumnTypes()
        >>> types.update("x", [1, None]); types.update("x", [0.5]); types.update("y", ["a"]); types.update("y", [1])
        >>> types.schema().types
        [DataType(double), DataType(string)]
        >>> types.to_array("y", ["a", 1, None]).to_pylist()
        ['"a"', '1', None]
    """

    def __init__(self, text: str = "") -> None:
        import pyarrow as pa

        self._fields: dict[str, Any] = {}
        if text:
            self._fields = {f.name: f for f in pa.ipc.read_schema(pa.py_buffer(b64decode(text)))}

    def dumps(self) -> str:
        """Return the types as text."""
        return b64encode(self.schema().serialize().to_pybytes()).decode()

    def schema(self) -> Any:
        """Return the Arrow schema."""
        import pyarrow as pa

        return pa.schema(list(self._fields.values()))

    @property
    def names(self) -> list[str]:
        """The columns, in order of first appearance."""
        return list(self._fields)

    def update_block(self, block: Block) -> None:
        """Take a block's columns into account."""
        if isinstance(block, ArrowBlock):
            for field in block.batch.schema:
                self._merge(field.name, field.type)
        else:
            for name in block.column_names():
                self.update(name, block.values(name))

    def update(self, name: str, values: Sequence[Any]) -> None:
        """Take some of a column's values into account."""
        if not self._is_json(name):
            array = _to_array(values, None)
            self._merge(name, None if array is None else array.type)

    def _merge(self, name: str, kind: Any) -> None:
        import pyarrow as pa

        if self._is_json(name):
            return
        if kind is None or _has_empty_struct(kind):
            self.use_json(name)
            return
        before = self._fields.get(name)
        if before is None or before.type != kind:
            try:
                both = [pa.schema([pa.field(name, k)]) for k in (before.type if before else kind, kind)]
                self._fields[name] = pa.unify_schemas(both, promote_options="permissive").field(0)
            except pa.ArrowException:
                self.use_json(name)

    def use_json(self, name: str) -> None:
        """Write a column as JSON text from now on."""
        import pyarrow as pa

        self._fields[name] = pa.field(name, pa.string(), metadata={_JSON_TEXT: b""})

    def _is_json(self, name: str) -> bool:
        field = self._fields.get(name)
        return field is not None and _JSON_TEXT in (field.metadata or {})

    def block_array(self, name: str, block: Block) -> Any:
        """Return a block's column as an Arrow array, or None if its values do not fit the column's type."""
        import pyarrow as pa

        if isinstance(block, ArrowBlock) and name in block.batch.schema.names and not self._is_json(name):
            try:
                return block.batch.column(name).cast(self._fields[name].type)
            except pa.ArrowException:
                return None
        return self.to_array(name, block.values(name))

    def to_array(self, name: str, values: Sequence[Any]) -> Any:
        """Return values of a column as an Arrow array, or None if they do not fit the column's type."""
        if self._is_json(name):
            values = [None if v is None else json.dumps(v, ensure_ascii=False, default=str) for v in values]
        return _to_array(values, self._fields[name].type)


def _to_array(values: Sequence[Any], kind: Any) -> Any:
    import pyarrow as pa

    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return _to_array([replace_surrogates(value) for value in values], kind)
    except (pa.ArrowException, OverflowError):
        return None


def _has_empty_struct(kind: Any) -> bool:
    """Whether a type contains a struct without fields, which Parquet cannot store."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind.num_fields == 0 or any(_has_empty_struct(kind.field(i).type) for i in range(kind.num_fields))
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return bool(is_list) and _has_empty_struct(kind.value_type)
