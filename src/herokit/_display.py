"""What notebooks show of chains and outcomes, and the tables that other libraries take. Nothing heavy is imported."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from herokit.errors import SetupError

__all__ = [
    "arrow_table",
    "escape_controls",
    "format_columns",
    "html_table",
    "pandas_frame",
    "polars_frame",
    "short_repr",
    "shorten",
]

_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that control a terminal, change the direction of text, or are lone surrogates."""


def escape_controls(text: str) -> str:
    r"""Escape the control characters of a text that a model may have written.

    Example:
        >>> escape_controls("a \x1b[2J b")
        'a \\x1b[2J b'
    """
    return _CONTROL_CHARACTERS.sub(lambda match: ascii(match.group())[1:-1], text)


def shorten(text: str, max_chars: int, full: bool = False) -> str:  # noqa: FBT001, FBT002 - passed on by its callers
    """Return at most the first characters of a text, unless all of it is wanted.

    Example:
        >>> shorten("abcdefgh", 6), shorten("abcdefgh", 6, full=True)
        ('abc...', 'abcdefgh')
    """
    return text if full or len(text) <= max_chars else f"{text[: max_chars - 3]}..."


def format_columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, every column aligned to the right.

    Example:
        >>> format_columns(["", "reward"], [["#1", "0.5"]])
        ['    reward', '#1     0.5']
    """
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]


def short_repr(step: object) -> str:
    """Name a step briefly: its class and what differs from the defaults.

    Example:
        >>> from herokit import Stratify
        >>> short_repr(Stratify(alpha=0.2))
        'Stratify(alpha=0.2)'
    """
    if not is_dataclass(step):
        return type(step).__name__
    options = [f"{f.name}={v!r}" for f in fields(step) if (v := getattr(step, f.name)) != f.default]
    return f"{type(step).__name__}({', '.join(options)})"


def html_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> str:
    """Return a table as HTML for a notebook; every text is escaped, for much of it a model wrote.

    Args:
        title: what stands above it.
        heads: the columns' names.
        rows: the cells; floats are rounded to four digits.
        note: what stands below it.

    Example:
        >>> html_table("T", ["a"], [["<b>"], [0.5]])
        '<div><p>T</p><table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr><tr><td>0.5</td></tr></tbody></table></div>'
    """
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
    below = f"<p>{html.escape(note)}</p>" if note else ""
    return f"<div><p>{html.escape(title)}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}</div>"


def _cell(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return html.escape(text if len(text) <= 80 else f"{text[:77]}...")  # noqa: PLR2004 - a table stays a table


def arrow_table(columns: Mapping[str, Any]) -> Any:
    """Make a pyarrow table of columns; numbers of numpy are not copied.

    Raises:
        SetupError: pyarrow is not installed.

    Example:
        >>> arrow_table({"a": [1, 2]}).num_rows
        2
    """
    pa = _library("pyarrow", "herokit[cli]")
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def pandas_frame(columns: Mapping[str, Any]) -> Any:
    """Make a pandas data frame of columns; numbers of numpy are not copied.

    Raises:
        SetupError: pandas is not installed.
    """
    return _library("pandas", "pandas").DataFrame(dict(columns), copy=False)


def polars_frame(columns: Mapping[str, Any]) -> Any:
    """Make a polars data frame of columns; numbers of numpy are not copied.

    Raises:
        SetupError: polars is not installed.
    """
    return _library("polars", "polars").DataFrame(dict(columns))


def _library(name: str, package: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise SetupError(f"this needs {name}: pip install {package!r}") from None
