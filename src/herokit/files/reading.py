"""Read JSONL and Parquet rollout files into samples; every complaint names the file and the row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from herokit.errors import ConfigError, DataError, did_you_mean
from herokit.files.blocks import Block, read_blocks
from herokit.files.inputs import check_file
from herokit.types import Sample

FIELDS: dict[str, tuple[str, ...]] = {
    "prompt": ("prompt", "question", "problem", "query", "input"),
    "completion": ("completion", "response", "output", "generation", "solution"),
    "reference": ("reference", "answer", "ground_truth", "gold", "gold_answer", "target"),
    "group": ("group", "group_id", "prompt_id", "uid", "problem_id", "question_id"),
}
"""Which column plays which part, by name, the first found wins; `--field part=column` overrides."""

PAIR_FIELDS: dict[str, tuple[str, ...]] = {
    "completion": ("completion", "response", "answer", "prediction", "output"),
    "reference": ("reference", "gold", "ground_truth", "gold_answer", "target"),
}
"""The same for labelled pairs, where ``answer`` is what is judged."""


@dataclass(frozen=True, slots=True, eq=False)
class Rollouts:
    """A rollout file in memory.

    Attributes:
        columns: column name -> N values, as the file holds them.
        samples: N samples, in the file's order.
        fields: which column played which part; a part that no column plays is absent.
    """

    columns: Mapping[str, Sequence[Any]]
    samples: Sequence[Sample]
    fields: Mapping[str, str]


def named_fields(pairs: Iterable[str]) -> dict[str, str]:
    """Read ``part=column`` texts, as the command line takes them.

    Raises:
        ConfigError: a text without "=".

    Example:
        >>> named_fields(["completion=response"])
        {'completion': 'response'}
    """
    fields = {}
    for text in pairs:
        part, found, column = text.partition("=")
        if not found:
            raise ConfigError(f"--field {text}: expected PART=COLUMN, e.g. --field completion=response")
        fields[part] = column
    return fields


def read_rollouts(
    path: str | Path,
    fields: Mapping[str, str] | None = None,
    *,
    usual: Mapping[str, tuple[str, ...]] = FIELDS,
    needs: Sequence[str] = ("prompt", "completion"),
) -> Rollouts:
    """Read a rollout file: one row a completion.

    Prompts and completions are text or chat messages: a list of ``{role, content}``, where a content is text, nothing or
    a list of parts, of which the texts count. Without a group column, rows with the same prompt text share a group. Columns that play no part are the sample's `meta`.

    Args:
        path: a ``.jsonl``, ``.json`` (lines), ``.ndjson`` or ``.parquet`` file; lines may be compressed, ``.gz``, ``.zst``.
        fields: part -> column, for columns whose names are not the usual ones.
        usual: part -> the names its column usually has.
        needs: the parts without which the file is refused; an absent prompt is empty.

    Raises:
        DataError: no such file, an unknown ending, broken JSON at a line, no rows, no column for the prompt or the
            completion, or a row whose prompt or completion is not text.

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
        raise DataError(f"{path}: the file holds no rows")
    names = list(dict.fromkeys(name for block in blocks for name in block.names()))
    chosen = choose_fields(str(path), names, fields or {}, usual, needs)
    samples = [sample for block in blocks for sample in read_samples(block, chosen, names)]
    return Rollouts({name: [v for block in blocks for v in block.values(name)] for name in names}, samples, chosen)


def choose_fields(
    where: str,
    names: Sequence[str],
    fields: Mapping[str, str],
    usual: Mapping[str, tuple[str, ...]] = FIELDS,
    needs: Sequence[str] = ("prompt", "completion"),
) -> dict[str, str]:
    """Choose which column plays which part.

    Args:
        where: the input, for messages.
        names: its columns.
        fields: part -> column, as the user says.
        usual: part -> the names its column usually has.
        needs: the parts without which the input is refused.

    Raises:
        DataError: an unknown part or column, or no column for a part that is needed.

    Example:
        >>> choose_fields("r.jsonl", ["question", "output", "id"], {"group": "id"})
        {'group': 'id', 'prompt': 'question', 'completion': 'output'}
    """
    for part, column in fields.items():
        if part not in usual:
            raise DataError(f"--field {part}={column}: no part {part!r}; {did_you_mean(part, list(usual))}")
        if column not in names:
            raise DataError(f"{where}: no column {column!r} for the {part}; {did_you_mean(column, list(names))}")
    chosen = dict(fields)
    for part, candidates in usual.items():
        taken = set(chosen.values())
        found = next((name for name in candidates if name in names and name not in taken), None)
        if part not in chosen and found:
            chosen[part] = found
    for part in needs:
        if part not in chosen:
            played = [f"{name!r} is the {other}" for other, name in chosen.items() if name in usual[part]]
            raise DataError(
                f"{where}: no column for the {part}: none of {', '.join(usual[part])} among {', '.join(names)}"
                f"{''.join(f': {text}' for text in played)}; name it with --field {part}=COLUMN"
            )
    return chosen


def say_fields(fields: Mapping[str, str]) -> str:
    """Say which column was taken for which part.

    Example:
        >>> say_fields({"prompt": "question", "completion": "output"})
        'prompt from question, completion from output'
    """
    return ", ".join(f"{part} from {column}" for part, column in fields.items())


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of N consecutive rows, each checked."""

    prompts: Sequence[str]
    completions: Sequence[str]
    keys: Sequence[Any]
    references: Sequence[str | None]


def read_parts(block: Block, fields: Mapping[str, str]) -> Parts:
    """Read the parts of a block's rows.

    Raises:
        DataError: a prompt or completion that is not text, a group or reference that is not text or a number; the
            message names file and row.
    """
    prompts = _texts(block, fields.get("prompt"), "prompt", last=False)
    completions = _texts(block, fields["completion"], "completion", last=True)
    keys: Sequence[Any] = block.values(fields["group"]) if "group" in fields else prompts
    for row, key in enumerate(keys):
        if key is None or isinstance(key, list | dict) or key != key:  # noqa: PLR0124 - NaN
            raise DataError(f"{_where(block, row)}: group must be text or a number, got {key!r}")
    references = block.values(fields["reference"]) if "reference" in fields else [None] * len(block)
    for row, reference in enumerate(references):
        if isinstance(reference, list | dict):
            raise DataError(f"{_where(block, row)}: reference must be text or a number, got {type(reference).__name__}")
    return Parts(prompts, completions, keys, [None if r is None or r != r else str(r) for r in references])  # noqa: PLR0124 - NaN


def read_samples(block: Block, fields: Mapping[str, str], names: Sequence[str]) -> list[Sample]:
    """Make the samples of a block's rows; what stands in columns that play no part is their meta.

    Args:
        block: N rows.
        fields: part -> column.
        names: the input's columns.

    Raises:
        DataError: as `read_parts`.
    """
    parts = read_parts(block, fields)
    played = set(fields.values())
    meta = block.meta([name for name in names if name not in played])
    return list(map(Sample, parts.prompts, parts.completions, parts.keys, parts.references, meta))


def _where(block: Block, row: int) -> str:
    return f"{block.path}: row {block.first + row + 1}"


def _texts(block: Block, column: str | None, part: str, *, last: bool) -> list[str]:
    if column is None:
        return [""] * len(block)
    return [
        value if isinstance(value, str) else _text(value, f"{_where(block, row)}: {part}", last=last)
        for row, value in enumerate(block.values(column))
    ]


def _text(value: Any, where: str, *, last: bool) -> str:
    """Read chat messages; of a completion's messages the last that has text is what the policy answered."""
    if isinstance(value, list) and value and all(map(_is_message, value)):
        texts = [_content(m["content"]) for m in value if m.get("content") is not None]
        return (texts[-1] if texts else "") if last else "\n".join(texts)
    raise DataError(f"{where} must be text or chat messages, got {value!r}"[:300])


def _is_message(value: Any) -> bool:
    """Whether this is a message whose content is text, parts, or nothing, as beside a call of a tool."""
    if not isinstance(value, dict):
        return False
    content = value.get("content")
    if content is None:
        return "role" in value
    return isinstance(content, str) or (isinstance(content, list) and all(map(_is_part, content)))


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("text"), str | None)


def _content(content: str | Sequence[Mapping[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content if part.get("type", "text") == "text")
