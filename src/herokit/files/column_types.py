"""The columns of an input and their common Arrow types, found block by block."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

from herokit.errors import DataError
from herokit.files.blocks import ArrowBlock, Block
from herokit.records import replace_surrogates

__all__ = ["ColumnTypes"]

_MAX_DEPTH = 100
"""Levels of lists and objects in a column; Arrow reads no schema back that has 128."""

_JSON_TEXT = b"herokit:json"
"""Marks the field of a column whose values have no common type and are written as JSON text."""


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
        if kind is not None and _depth(kind) > _MAX_DEPTH:
            raise DataError(
                f"column {name!r} is nested more than {_MAX_DEPTH} levels deep, which Parquet cannot store; write it as "
                "JSON text, or leave it out"
            )
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
            column, kind = block.batch.column(name), self._fields[name].type
            if column.type == kind:
                return column
            try:
                cast = column.cast(kind)
                cast.validate()  # a cast of empty columns inside lists makes invalid arrays in pyarrow 26
            except pa.ArrowException:
                return self.to_array(name, block.values(name))
            return cast
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


def _depth(kind: Any) -> int:
    """Return how deep a type is nested; 0 for a number or text."""
    level, kinds = 0, [kind]
    while kinds := [each.field(i).type for each in kinds for i in range(each.num_fields)]:
        level += 1
    return level


def _has_empty_struct(kind: Any) -> bool:
    """Whether a type contains a struct without fields, which Parquet cannot store."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind.num_fields == 0 or any(_has_empty_struct(kind.field(i).type) for i in range(kind.num_fields))
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return bool(is_list) and _has_empty_struct(kind.value_type)
