"""The report's tables in a run's log: W&B tables, and TensorBoard's texts and histograms. Both packages are optional."""

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from herokit.errors import ConfigError, DataError, HerokitError, SetupError
from herokit.records import replace_surrogates
from herokit.report.page import MAX_ROLLOUTS
from herokit.report.results import Results
from herokit.report.rollouts import PRESETS, make_tables, select_rows
from herokit.report.statistics import group_statistics
from herokit.report.texts import read_texts

__all__ = ["check_exports", "export_tables", "make_export_tables", "open_run"]

Table: TypeAlias = dict[str, list[Any]]
"""Column -> values, all of one length."""

MAX_TEXT_ROWS, MAX_CELL = 50, 200
"""Rows of a table, and characters of a cell, in TensorBoard, which shows a table as one text."""


def make_export_tables(results: Results, max_rollouts: int = MAX_ROLLOUTS) -> dict[str, Table]:
    """Return the tables ``groups`` and ``rollouts`` with the columns of the page, and a flag for each of its presets.

    A source with the name of another column, such as ``length``, is ``source length``.
    """
    selection = select_rows(results, max_rollouts)
    texts = read_texts(results, selection.rows.tolist(), selection.groups.tolist())
    tables = make_tables(results, group_statistics(results), texts, selection)
    columns = dict(tables["rollouts"])
    flags = {name: set(columns.pop(f"is_{name}")) for name in PRESETS}
    values, places = columns.pop("values"), columns.pop("group")
    columns.pop("tail")
    rollouts: Table = {"group": [texts.group_keys[place] for place in places], **columns}
    rollouts["answer"] = [None if answer is None else str(answer) for answer in columns["answer"]]
    rollouts["prompt"] = [texts.prompts[place] for place in places]
    rollouts["completion"] = ["\n".join(text for _, _, text in parts) for parts in texts.parts]
    rollouts |= {name: [row in rows for row in range(len(places))] for name, rows in flags.items()}
    for (name, _), column in zip(texts.sources, values, strict=True):
        rollouts[f"source {name}" if name in rollouts else name] = column
    return {"groups": replace_surrogates(tables["groups"]), "rollouts": replace_surrogates(rollouts)}


def check_exports(names: Sequence[str]) -> None:
    """Check that the loggers exist and are installed.

    Raises:
        ConfigError: there is no logger of that name.
        SetupError: one of its packages is not installed.
    """
    for name in _list_names(names):
        missing = [package for package in _PACKAGES[name] if find_spec(package) is None]
        if missing:
            raise SetupError(f"tables in {name} need {' and '.join(missing)}: pip install {' '.join(missing)}")


@contextmanager
def open_run(names: Sequence[str]) -> Iterator[None]:
    """Open a run of W&B for what is logged inside, if it is among the loggers and no run is active.

    Raises:
        ConfigError: there is no logger of that name.
        SetupError: W&B cannot begin a run; the message is its own.
    """
    if "wandb" not in _list_names(names):
        yield
        return
    import wandb

    if wandb.run is not None:
        yield
        return
    try:
        run = wandb.init(job_type="herokit report")
    except Exception as error:
        raise SetupError(f"W&B began no run: {error}; WANDB_MODE=offline needs no account") from error
    with run:
        yield


def export_tables(tables: Mapping[str, Table], names: Sequence[str], *, step: int, folder: str | Path) -> None:
    """Log the tables.

    Args:
        tables: those of `make_export_tables`.
        names: ``"wandb"``: the process has an active run; ``"tensorboard"``.
        step: the training step.
        folder: where TensorBoard's events go.

    Raises:
        ConfigError: there is no logger of that name, or W&B has no active run.
        DataError: a logger fails; the message is its own.
    """
    for name in _list_names(names):
        try:
            _EXPORTS[name](tables, step, str(folder))
        except HerokitError:
            raise
        except Exception as error:  # those of the packages, of many kinds: a run must not end for a table
            raise DataError(f"the tables were not logged to {name}: {type(error).__name__}: {error}") from error


def _list_names(names: Sequence[str]) -> list[str]:
    """Return the names of loggers, of which one may be a text alone.

    Raises:
        ConfigError: there is no logger of that name.
    """
    listed = [names] if isinstance(names, str) else list(names)
    for name in listed:
        if name not in _EXPORTS:
            raise ConfigError(f"a logger of tables: expected some of {', '.join(_EXPORTS)}, got {name!r}")
    return listed


def _export_to_wandb(tables: Mapping[str, Table], step: int, _folder: str) -> None:
    import wandb

    if wandb.run is None:
        raise ConfigError('W&B has no active run for the tables: set report_to="wandb" or call wandb.init() before')
    logged = {
        f"herokit/{name}": wandb.Table(
            columns=list(table), data=[list(row) for row in zip(*table.values(), strict=True)], allow_mixed_types=True
        )
        for name, table in tables.items()
    }
    wandb.log({**logged, "train/global_step": step})


def _export_to_tensorboard(tables: Mapping[str, Table], step: int, folder: str) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder) as writer:
        for name, table in tables.items():
            writer.add_text(f"herokit/{name}", _to_markdown(table), step)
        for name, values in tables["rollouts"].items():
            if all(value is None or type(value) in (int, float) for value in values):
                finite = np.array([value for value in values if value is not None], dtype=np.float64)
                if len(finite) and name not in ("row", "step"):
                    writer.add_histogram(f"herokit/{name}", finite, step)


def _to_markdown(table: Table) -> str:
    r"""Return the first rows as a table of Markdown; no cell ends it, and none is HTML or Markdown.

    Example:
        >>> _to_markdown({"a|b": ["<i>\n*x*", None]}).splitlines()
        ['| a&#124;b |', '|---|', '| &lt;i&gt; &#42;x&#42; |', '|  |']
    """
    rows = list(zip(*table.values(), strict=True))
    lines = [_line(list(table)), "|" + "---|" * len(table), *(_line(row) for row in rows[:MAX_TEXT_ROWS])]
    rest = f"\n\n{len(rows) - MAX_TEXT_ROWS:,} more rows" if len(rows) > MAX_TEXT_ROWS else ""
    return "\n".join(lines) + rest


_MARKUP = str.maketrans({character: f"&#{ord(character)};" for character in "|*_`[]()!\\~#$"})


def _line(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(_to_cell(cell) for cell in cells)} |"


def _to_cell(value: Any) -> str:
    if value is None:
        return ""
    return html.escape(" ".join(str(value).split())[:MAX_CELL], quote=False).translate(_MARKUP)


_EXPORTS: dict[str, Callable[[Mapping[str, Table], int, str], None]] = {
    "wandb": _export_to_wandb,
    "tensorboard": _export_to_tensorboard,
}

_PACKAGES = {"wandb": ("wandb",), "tensorboard": ("tensorboard", "torch")}
