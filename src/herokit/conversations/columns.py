"""The one table of column names, and the values of columns: what files, data sets and trainers give as prompt or reference.

A name with dots is a path: ``reward_model.ground_truth`` is a key of an object, ``resps.0`` a position in a list.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = [
    "COLUMN_NAMES",
    "PAIR_COLUMN_NAMES",
    "REFERENCE_COLUMNS",
    "find_path",
    "is_completion_list",
    "is_message_text",
    "join_instruction",
    "native_value",
    "to_list",
]

REFERENCE_COLUMNS = (
    "reference",
    "answer",
    "ground_truth",
    "gold",
    "gold_answer",
    "expected_answer",
    "target",
    "solution",
    "label",
    "labels",
)
"""Usual names of the column of reference answers; adapters take the first one that has a value in the row."""

_OPTIONAL_NAMES: dict[str, tuple[str, ...]] = {
    "conversation": ("messages", "conversations", "conversation", "trajectory"),
    "system": ("system", "system_prompt"),
    "images": ("images", "image"),
    "num_tokens": ("num_tokens", "completion_tokens", "num_completion_tokens"),
    "truncated": ("truncated", "is_truncated", "finish_reason", "stop_reason"),
}

COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    "prompt": (
        "prompt",
        "question",
        "problem",
        "query",
        "instruction",
        "input",
        "arguments.gen_args_0.arg_0",
        "arguments.0.0",
    ),
    "completion": (
        "completion",
        "response",
        "output",
        "generation",
        "model_output",
        "completions",
        "responses",
        "generations",
        "resps.0",
        "resps",
    ),
    "reference": (*REFERENCE_COLUMNS, "gts", "reward_model.ground_truth"),
    "group": (
        "group",
        "group_id",
        "prompt_id",
        "uid",
        "problem_id",
        "question_id",
        "example_id",
        "doc_id",
        "_ng_task_index",
    ),
    **_OPTIONAL_NAMES,
}
"""The usual column names of each role; the first that exists is used. `--column role=name` overrides them.

A conversation holds prompt and completion; it is looked for where no completion is. A column of the system's message counts
beside a conversation only.
"""

PAIR_COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    "completion": ("completion", "response", "answer", "prediction", "output"),
    "reference": ("reference", "gold", "ground_truth", "gold_answer", "target"),
    **_OPTIONAL_NAMES,
}
"""The same for labelled pairs, where ``answer`` is the text to verify."""


def find_path(value: Any, path: Iterable[str]) -> Any:
    """Return the part of a nested value that a path leads to; None if there is none.

    Args:
        value: objects and lists inside each other.
        path: keys of objects and positions in lists.

    Example:
        >>> find_path({"ground_truth": "4"}, ["ground_truth"]), find_path([["a", {}]], ["0", "0"]), find_path(None, ["a"])
        ('4', 'a', None)
    """
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def is_completion_list(value: Any) -> bool:
    """Return whether a value holds several completions, texts or conversations, instead of the messages of one.

    Example:
        >>> is_completion_list(["4", "5"]), is_completion_list([{"role": "assistant", "content": "4"}])
        (True, False)
    """
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(part, str) for part in value) or all(isinstance(part, list) and part for part in value)


_MESSAGES_AS_TEXT = re.compile(r"""\s{0,9}\[\s{0,9}\{\s{0,9}['"](?:role|content)['"]\s{0,9}:""")


def is_message_text(value: Any) -> bool:
    """Return whether a value is the text of chat messages, as CSV files and `str` of a list write them.

    Example:
        >>> is_message_text("[{'role': 'user', 'content': '6 * 7?'}]"), is_message_text("6 * 7?")
        (True, False)
    """
    return isinstance(value, str) and _MESSAGES_AS_TEXT.match(value) is not None


def join_instruction(prompts: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
    r"""Return instructions with their inputs below, where there are any: the Alpaca layout.

    Example:
        >>> join_instruction(["Add.", "Greet."], ["1, 2", ""])
        ['Add.\n\n1, 2', 'Greet.']
    """
    return [
        f"{prompt}\n\n{text}" if isinstance(prompt, str) and isinstance(text, str) and text.strip() else prompt
        for prompt, text in zip(prompts, inputs, strict=True)
    ]


def to_list(value: Any) -> Any:
    """Return an array as a list, anything else unchanged: pandas reads lists in Parquet files as arrays.

    Example:
        >>> import numpy as np
        >>> to_list(np.array(["a", "b"])), to_list("a")
        (['a', 'b'], 'a')
    """
    return value.tolist() if hasattr(value, "tolist") else value


def native_value(value: Any) -> Any:
    """Return arrays and scalars of numpy, torch and pandas as values of Python, also inside lists and mappings.

    NaN becomes None: it marks a missing value in data frames.

    Example:
        >>> import numpy as np
        >>> native_value({"target": np.array([1, 2])}), native_value(np.float32(0.5)), native_value(float("nan"))
        ({'target': [1, 2]}, 0.5, None)
    """
    if value is None or isinstance(value, bool | int) or type(value) is str:
        return value
    value = to_list(value)
    if isinstance(value, float):
        return None if value != value else value  # noqa: PLR0124 - NaN
    if isinstance(value, Mapping):
        return {key: native_value(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [native_value(part) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    return None if type(value).__name__ in ("NAType", "NaTType") else value
