"""Read the rows of rollout files into samples.

A rollout has roles: prompt, completion, reference, group. Which column has which role is chosen by its name.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from herokit.conversations import Conversation, Message, read_conversation
from herokit.conversations.columns import COLUMN_NAMES, is_completion_list, join_instruction
from herokit.conversations.messages import message_text
from herokit.conversations.prompts import content_key, fill_images
from herokit.conversations.readers.layouts import read_messages
from herokit.conversations.readers.rollout import check_results, find_truncation
from herokit.errors import ConfigError, DataError, did_you_mean
from herokit.files.blocks import Block, explode, read_blocks
from herokit.files.inputs import STANDARD_INPUT, check_file, save_standard_input
from herokit.types import Sample

__all__ = [
    "META_ROLES",
    "Rollouts",
    "check_prompts_as_groups",
    "choose_columns",
    "find_list_column",
    "format_columns",
    "join_blocks",
    "list_paths",
    "parse_columns",
    "parse_rows",
    "read_rollouts",
    "read_samples",
    "rename_list_column",
]

META_ROLES = frozenset({"system", "images", "num_tokens", "truncated"})
"""Roles whose columns are also in a sample's meta."""

WHOLE_ROW = "*"
"""Stands for the column of a conversation whose layout is that of the whole row, such as a trajectory or a trace."""

_ROW_MARKS = (
    {"responses_create_params", "response"},
    {"schema_version", "steps"},
    {"epoch", "messages", "output"},
    {"object", "status", "output"},
    {"message_log"},
    {"raw_prompt"},
    {"trajectories"},
)
"""Columns that together mark rows of such a layout."""

_WEAK_ROW_MARKS = ({"nodes"}, {"steps"}, {"choices"}, {"response_ids"})
"""The same, where there is no completion."""


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
    return ", ".join(
        f"{role} from {'whole rows' if column == WHOLE_ROW else column}" for role, column in columns.items()
    )


def read_rollouts(
    path: str | Path,
    columns: Mapping[str, str] | None = None,
    *,
    usual: Mapping[str, tuple[str, ...]] = COLUMN_NAMES,
    required: Sequence[str] = ("prompt", "completion"),
) -> Rollouts:
    """Read a rollout file with one completion per row.

    Prompts and completions are text or messages of any layout; a column of a conversation holds both. Without a group
    column, rows with the same prompt share a group. Images are part of the prompt. Columns without a role become the
    sample's `meta`.

    Args:
        path: a rollout file, or ``-`` for standard input.
        columns: role -> column, for columns with unusual names.
        usual: role -> usual column names.
        required: roles that must have a column; otherwise an absent prompt is empty.

    Raises:
        DataError: the file does not exist, is of an unknown type, is damaged or has no rows; a required role has no
            column; or a row's prompt or completion is neither text nor messages.

    Example:
        >>> read_rollouts("nowhere.jsonl")
        Traceback (most recent call last):
        ...
        herokit.errors.DataError: nowhere.jsonl: no such file
    """
    path = save_standard_input() if str(path) == STANDARD_INPUT else Path(path)
    check_file(path)
    blocks = list(read_blocks(path))
    if not blocks:
        raise DataError(f"{path}: the file contains no rows")
    return join_blocks(str(path), blocks, columns, usual, required)


def join_blocks(
    location: str,
    blocks: Sequence[Block],
    columns: Mapping[str, str] | None,
    usual: Mapping[str, tuple[str, ...]] = COLUMN_NAMES,
    required: Sequence[str] = ("prompt", "completion"),
) -> Rollouts:
    """Return the rows of all blocks of an input as samples; the arguments and errors are those of `read_rollouts`."""
    names = list(dict.fromkeys(name for block in blocks for name in block.column_names()))
    paths = list(dict.fromkeys(name for block in blocks for name in block.paths(list_paths(columns or {}, usual))))
    chosen = choose_columns(location, [*names, *paths], columns or {}, usual, required)
    if column := find_list_column(blocks[0], chosen):
        blocks, chosen = list(explode(blocks, column)), rename_list_column(chosen)
    samples = [sample for block in blocks for sample in read_samples(block, chosen, names)]
    return Rollouts({name: [v for block in blocks for v in block.values(name)] for name in names}, samples, chosen)


def list_paths(columns: Mapping[str, str], usual: Mapping[str, tuple[str, ...]] = COLUMN_NAMES) -> list[str]:
    """Return the names with dots that may be a column's: the usual ones and those that the user gives.

    Example:
        >>> list_paths({"group": "extra_info.index"}, {"reference": ("answer", "reward_model.ground_truth")})
        ['reward_model.ground_truth', 'extra_info.index']
    """
    names = [name for candidates in usual.values() for name in candidates]
    return [name for name in (*names, *columns.values()) if "." in name]


def find_list_column(block: Block, columns: Mapping[str, str]) -> str:
    """Return the column of completions if a row holds a list of them, else "".

    Args:
        block: the first rows of the input; the first value decides.
        columns: role -> column.
    """
    column = columns.get("completion", "")
    first = next((value for value in block.values(column) if value is not None), None) if column else None
    return column if is_completion_list(first) else ""


def rename_list_column(columns: Mapping[str, str]) -> dict[str, str]:
    """Return the columns after `explode`: the completions of a path lie in its first part."""
    return {role: name.partition(".")[0] if role == "completion" else name for role, name in columns.items()}


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
    _check_named(location, names, columns, usual)
    chosen = dict(columns)
    if "conversation" in usual and chosen.keys().isdisjoint({"prompt", "completion", "conversation"}):
        chosen |= _find_whole_row(names, usual["completion"])
    for role, candidates in usual.items():
        if role == ("conversation" if "completion" in chosen else "completion" if "conversation" in chosen else ""):
            continue
        if role == "system" and "conversation" not in chosen:
            continue
        taken = set(chosen.values())
        column = next((name for name in candidates if name in names and name not in taken), "")
        if role not in chosen and column:
            chosen[role] = column
    if "conversation" in chosen:
        _check_conversation(location, columns)
        return {role: column for role, column in chosen.items() if role not in {"prompt", "completion"}}
    missing = [role for role in required if role not in chosen]
    if missing:
        raise DataError(
            f"{location}: {'; '.join(_describe_missing(role, chosen, names, usual[role]) for role in missing)}"
        )
    return chosen


def _describe_missing(role: str, chosen: Mapping[str, str], names: Sequence[str], usual: Sequence[str]) -> str:
    """Say that no column has a role, which names it usually has, and how to name it."""
    others = "".join(f": {name!r} is the {other}" for other, name in chosen.items() if name in usual)
    near = next((name for name in names if get_close_matches(name, usual, 1, 0.8)), "COLUMN")
    separated = len(names) == 1 and any(mark in names[0] for mark in ";\t|")
    hint = "separate the values of a CSV file with commas" if separated else f"name it with --column {role}={near}"
    return (
        f"no column for the {role}: none of {', '.join(name for name in usual if '.' not in name)} among "
        f"{', '.join(names) or 'no columns at all'}{others}; {hint}"
    )


def _check_named(
    location: str, names: Sequence[str], columns: Mapping[str, str], usual: Mapping[str, tuple[str, ...]]
) -> None:
    """Check that roles and columns that the user names exist."""
    for role, column in columns.items():
        if role not in usual:
            raise DataError(f"--column {role}={column}: unknown role {role!r}; {did_you_mean(role, list(usual))}")
        if column not in names and (role, column) != ("conversation", WHOLE_ROW):
            raise DataError(f"{location}: no column {column!r} for the {role}; {did_you_mean(column, list(names))}")


def _find_whole_row(names: Sequence[str], completions: Sequence[str]) -> dict[str, str]:
    """Return the role of a conversation if the columns are those of a layout of whole rows."""
    has_completion = any(name in names for name in (*completions, *COLUMN_NAMES["conversation"]))
    marks = _ROW_MARKS if has_completion else (*_ROW_MARKS, *_WEAK_ROW_MARKS)
    return {"conversation": WHOLE_ROW} if any(mark.issubset(names) for mark in marks) else {}


def _check_conversation(location: str, columns: Mapping[str, str]) -> None:
    """Check that no other role is named beside a conversation that holds it."""
    if others := [role for role in ("prompt", "completion") if role in columns]:
        raise DataError(
            f"{location}: a conversation holds prompt and completion; name the {others[0]} or the conversation with "
            "--column, not both"
        )


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """The checked values of N rows.

    Attributes:
        prompts: texts or messages.
        completions: texts or messages.
        groups: the group's keys.
        references: what is expected, as in the file; None for none.
        lengths: tokens of the completions, and whether they are truncated; empty without such columns.
    """

    prompts: Sequence[str | list[Message]]
    completions: Sequence[str | list[Message]]
    groups: Sequence[Any]
    references: Sequence[Any]
    lengths: Sequence[tuple[int | None, bool | None]] = ()


def parse_rows(block: Block, columns: Mapping[str, str]) -> ParsedRows:
    """Read and check the roles of a block's rows.

    Raises:
        DataError: a prompt or completion that is neither text nor messages, a group that is neither text nor a number; the
            message names file and row.
    """
    conversations = _read_conversations(block, columns.get("conversation"))
    if conversations:
        systems = block.values(columns["system"]) if "system" in columns else [None] * len(block)
        pairs = zip(conversations, systems, strict=True)
        prompts: Sequence[str | list[Message]] = [
            _with_system(conversation.prompt, text) for conversation, text in pairs
        ]
        completions: Sequence[str | list[Message]] = [conversation.completion for conversation in conversations]
    else:
        prompts = _read_column(block, columns.get("prompt"), "prompt")
        if columns.get("prompt") == "instruction" and isinstance(prompts, list):
            prompts = join_instruction(prompts, block.values("input"))
        completions = _read_column(block, columns["completion"], "completion")
        _check_calls(block, prompts, completions)
    if "images" in columns:
        prompts = [
            _add_images(prompt, images, _location(block, row))
            for row, (prompt, images) in enumerate(zip(prompts, block.values(columns["images"]), strict=True))
        ]
    groups: Sequence[Any] = block.values(columns["group"]) if "group" in columns else list(map(_prompt_key, prompts))
    for row, group in enumerate(groups):
        if group is None or isinstance(group, list | dict) or group != group:  # noqa: PLR0124 - NaN
            raise DataError(
                f"{_location(block, row)}: group must be text or a number, got {group!r}; give all rollouts of a prompt the "
                "same one, or name another column with --column group=COLUMN"
            )
    references = block.values(columns["reference"]) if "reference" in columns else [None] * len(block)
    references = [None if r is None or r != r else r for r in references]  # noqa: PLR0124 - NaN
    return ParsedRows(prompts, completions, groups, references, _read_lengths(block, columns, conversations))


def check_prompts_as_groups(groups: Iterable[Any], location: object, first_row: int = 0) -> None:
    """Check that prompts can say which rows belong together: rows without a prompt would all be one group.

    Args:
        groups: the keys of the prompts of N rows.
        location: their file, for the message.
        first_row: the number of rows before them in it.

    Raises:
        DataError: a prompt is empty.
    """
    for row, group in enumerate(groups, first_row + 1):
        if not group or group.isspace():
            raise DataError(
                f"{location}: row {row}: the prompt is empty, and no column says which rollouts belong together; name "
                "one with --column group=COLUMN"
            )


def read_samples(block: Block, columns: Mapping[str, str], names: Sequence[str]) -> list[Sample]:
    """Return a block's rows as samples; columns without a role become their meta.

    Args:
        block: N rows.
        columns: role -> column.
        names: the input's columns.

    Raises:
        DataError: as `parse_rows`.
    """
    rows = parse_rows(block, columns)
    roles = {column for role, column in columns.items() if role not in META_ROLES}
    meta = block.meta([name for name in names if name not in roles])
    lengths = zip(*rows.lengths, strict=True) if rows.lengths else ()
    return list(map(Sample, rows.prompts, rows.completions, rows.groups, rows.references, meta, *lengths))


def _location(block: Block, row: int) -> str:
    return f"{block.path}: row {block.first_row + row + 1}"


def _read_conversations(block: Block, column: str | None) -> list[Conversation]:
    if column is None:
        return []
    if column == WHOLE_ROW:
        return [read_conversation(value, place=_location(block, row)) for row, value in enumerate(block.whole_rows())]
    return [
        read_conversation(value, place=f"{_location(block, row)}: {column}")
        for row, value in enumerate(block.values(column))
    ]


def _with_system(prompt: list[Message], text: Any) -> list[Message]:
    """Return a prompt that begins with the system's message, if a row keeps it apart."""
    has_system = bool(prompt) and prompt[0]["role"] in {"system", "developer"}
    return (
        prompt
        if has_system or not isinstance(text, str) or not text
        else [{"role": "system", "content": text}, *prompt]
    )


def _read_column(block: Block, column: str | None, role: str) -> Sequence[str | list[Message]]:
    if column is None:
        return [""] * len(block)
    values: list[str | list[Message]] = []
    for row, value in enumerate(block.values(column)):
        if role == "completion" and is_completion_list(value):
            raise DataError(
                f"{_location(block, row)}: {column} holds a list of completions, the first row only one; write either a list "
                "in every row, or one row per completion"
            )
        values.append(value if isinstance(value, str) else read_messages(value, f"{_location(block, row)}: {role}"))
    return values


def _add_images(prompt: str | list[Message], images: Any, location: str) -> str | list[Message]:
    values = images if isinstance(images, list) else [] if images is None else [images]
    if not values:
        return prompt
    messages: list[Any] = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    contents = [message["content"] for message in messages if isinstance(message.get("content"), list)]
    if (count := sum(content.count({"type": "image"}) for content in contents)) not in (0, len(values)):
        raise DataError(f"{location}: the prompt has {count} empty image parts, but the row has {len(values)} images")
    return fill_images(messages, values)


def _check_calls(block: Block, prompts: Sequence[Any], completions: Sequence[Any]) -> None:
    """Check that every result of a tool follows its call, which may be in the prompt."""
    for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        if not isinstance(completion, str):
            before = prompt if not isinstance(prompt, str) else []
            check_results([*before, *completion], _location(block, row))


def _prompt_key(prompt: str | list[Message]) -> str:
    """Return a prompt as the key of its group: its text, with a digest if it has more than a system's and a user's text."""
    if isinstance(prompt, str):
        return prompt
    if not prompt:
        return ""
    text = "\n".join(map(message_text, prompt))
    roles = [message["role"] for message in prompt]
    if roles in (["user"], ["system", "user"]) and all(isinstance(m["content"], str) and len(m) == 2 for m in prompt):  # noqa: PLR2004 - role and content
        return text
    digest = hashlib.blake2b(content_key(prompt).encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{text} [{digest}]"


def _read_lengths(
    block: Block, columns: Mapping[str, str], conversations: Sequence[Conversation]
) -> Sequence[tuple[int | None, bool | None]]:
    """Return the tokens of every completion, and whether it is truncated; a column precedes what a conversation has."""
    if not conversations and columns.keys().isdisjoint({"num_tokens", "truncated"}):
        return ()
    counts: Sequence[Any] = [conversation.num_tokens for conversation in conversations] or [None] * len(block)
    cuts: Sequence[Any] = [conversation.truncated for conversation in conversations] or [None] * len(block)
    if "num_tokens" in columns:
        counts = [
            _read_count(value, block, row, columns) for row, value in enumerate(block.values(columns["num_tokens"]))
        ]
    if "truncated" in columns:
        cuts = [_read_cut(value, block, row, columns) for row, value in enumerate(block.values(columns["truncated"]))]
    return list(zip(counts, cuts, strict=True))


def _read_count(value: Any, block: Block, row: int, columns: Mapping[str, str]) -> int | None:
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return None
    if isinstance(value, int | float) and value >= 0 and value == int(value):
        return int(value)
    raise DataError(
        f"{_location(block, row)}: {columns['num_tokens']} must be a number of tokens or null, got {value!r:.80}; rename the "
        "column, or name another with --column num_tokens=COLUMN"
    )


def _read_cut(value: Any, block: Block, row: int, columns: Mapping[str, str]) -> bool | None:
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return None
    if isinstance(value, str | bool):
        return find_truncation(value)
    if value in {0, 1}:
        return bool(value)
    raise DataError(
        f'{_location(block, row)}: {columns["truncated"]} must be true, false, a reason such as "length", or null, got '
        f"{value!r:.80}; rename the column, or name another with --column truncated=COLUMN"
    )
