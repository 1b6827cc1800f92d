"""Samples from what a trainer has: messages, native references, numbers of tokens, truncation."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypedDict

from typing_extensions import Unpack

from herokit.conversations import Message
from herokit.conversations.columns import REFERENCE_COLUMNS, native_value
from herokit.conversations.messages import check_messages
from herokit.conversations.prompts import fill_images
from herokit.errors import ConfigError, DataError, did_you_mean
from herokit.types import Sample

__all__ = [
    "REFERENCE_COLUMNS",
    "Generation",
    "find_columns",
    "find_reference",
    "make_sample",
    "make_samples",
    "native_value",
]

IMAGE_COLUMNS = ("images", "image")
"""Columns of images that belong to the prompt."""


class Generation(TypedDict, total=False):
    """What a trainer may know of a completion; see `Sample`."""

    num_tokens: int | None
    truncated: bool | None
    thinking_opened: bool | None


def make_samples(
    prompts: Sequence[Any],
    completions: Sequence[Any],
    group_keys: Sequence[Hashable],
    columns: Mapping[str, Sequence[Any]] | None = None,
    *,
    reference: str | Sequence[str] = REFERENCE_COLUMNS,
    num_tokens: Sequence[int | None] | None = None,
    truncated: Sequence[bool | None] | None = None,
    thinking_opened: Sequence[bool | None] | None = None,
) -> list[Sample]:
    """Make N samples from what a trainer passes.

    Args:
        prompts: N texts or lists of chat messages. Images of a column ``images`` or ``image`` become parts of the messages.
        completions: N texts or lists of chat messages: the policy's, and those of tools and users between them.
        group_keys: the group of every row, N; see `group_ids_by_position`.
        columns: the columns of the data set, N values each; every sample has its own values in `meta`.
        reference: the column of reference answers, or several names: each row takes the first one that has a value there.
        num_tokens: tokens of the completions, N.
        truncated: whether the generations ran into their limit, N.
        thinking_opened: whether the prompts' template opens the thinking, N.

    Raises:
        DataError: lengths differ, or a prompt or completion is neither text nor messages; the message names the row.
        ConfigError: the named reference column is missing.

    Example:
        >>> chat = [{"role": "user", "content": "1 + 1?"}]
        >>> answer = [{"role": "assistant", "content": "2"}]
        >>> sample = make_samples([chat], [answer], ["q1"], {"answer": [2]})[0]
        >>> sample.prompt_text, sample.final_text, sample.reference
        ('1 + 1?', '2', 2)
    """
    columns = columns or {}
    passed = {"num_tokens": num_tokens, "truncated": truncated, "thinking_opened": thinking_opened}
    facts = {name: values for name, values in passed.items() if values is not None}
    lengths = {"prompts": len(prompts), "completions": len(completions), "group_keys": len(group_keys)}
    lengths |= {name: len(values) for name, values in facts.items()}
    lengths |= {f"column {name!r}": len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"lengths differ: expected one value per rollout in each, got {lengths}")
    if isinstance(reference, str) and reference not in columns:
        raise ConfigError(f"no column {reference!r} for the reference; {did_you_mean(reference, list(columns))}")
    samples = []
    for row, (prompt, completion, key) in enumerate(zip(prompts, completions, group_keys, strict=True)):
        meta = {name: values[row] for name, values in columns.items()}
        generation: Any = {name: native_value(values[row]) for name, values in facts.items()}
        answer = find_reference(meta, reference)
        samples.append(make_sample(prompt, completion, key, answer, meta, location=f"row {row}", **generation))
    return samples


def make_sample(
    prompt: Any,
    completion: Any,
    group: Hashable,
    reference: Any = None,
    meta: Mapping[str, Any] | None = None,
    *,
    location: str,
    **generation: Unpack[Generation],
) -> Sample:
    """Make one sample, after checking its messages.

    Args:
        prompt: text, or chat messages.
        completion: text, or chat messages.
        group: the group of the rollout; None if it is not known here.
        reference: what is expected; arrays and scalars of numpy and torch become values of Python.
        meta: the other fields.
        location: the row or the trainer, for messages.
        generation: what else the trainer knows of the completion.

    Raises:
        DataError: the prompt or the completion is neither text nor messages.

    Example:
        >>> import numpy as np
        >>> make_sample("2 + 2?", "4", "q1", np.array([4.0]), location="row 0").reference
        [4.0]
    """
    meta = meta or {}
    messages = _to_messages(prompt, f"{location}: prompt")
    images = next((meta[name] for name in IMAGE_COLUMNS if meta.get(name) is not None), None)
    if images is not None and not isinstance(messages, str):
        messages = fill_images(messages, images if isinstance(images, list | tuple) else [images])
    return Sample(
        messages,
        _to_messages(completion, f"{location}: completion"),
        group,
        native_value(reference),
        meta,
        **generation,
    )


def _to_messages(value: Any, location: str) -> str | list[Message]:
    """Return text as it is, and checked messages; objects of pydantic become mappings."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        value = [m.model_dump(exclude_none=True) if hasattr(m, "model_dump") else m for m in value]
    return check_messages(value, location)


def find_columns(passed: Mapping[str, Any], count: int) -> dict[str, Sequence[Any]]:
    """Return what has one value for each of N rollouts: lists, tuples, arrays and series of that length.

    Example:
        >>> import numpy as np
        >>> find_columns({"answer": np.array([4, 5]), "step": 3, "name": "ab"}, 2)
        {'answer': [4, 5]}
    """
    columns: dict[str, Sequence[Any]] = {}
    for name, values in passed.items():
        if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__getitem__"):
            continue
        if getattr(values, "shape", None) == ():  # an array without a length
            continue
        if hasattr(values, "__len__") and len(values) == count:
            is_flat = hasattr(values, "tolist") and getattr(values, "ndim", 1) == 1
            columns[name] = values if isinstance(values, list | tuple) else values.tolist() if is_flat else list(values)
    return columns


def find_reference(fields: Mapping[str, Any], reference: str | Sequence[str] = REFERENCE_COLUMNS) -> Any:
    """Return the reference of one row, as it is: the first named field that has a value, None if none has.

    None and NaN are no values; an empty text is one only if no other field has a value.

    Example:
        >>> find_reference({"answer": 4}), find_reference({"reference": None, "label": ["a", "b"]}), find_reference({})
        (4, ['a', 'b'], None)
    """
    names = (reference,) if isinstance(reference, str) else reference
    values = [value for name in names if (value := native_value(fields.get(name))) is not None]
    return next((value for value in values if value != ""), values[0] if values else None)
