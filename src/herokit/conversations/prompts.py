"""Prompts of a group: rollouts are compared only if they answer the same prompt, images included."""

import json
from collections.abc import Hashable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from herokit.conversations.messages import content_parts, message_text
from herokit.errors import DataError

__all__ = ["are_equal_prompts", "check_group_prompts", "compress_prompt", "content_key", "fill_images"]

_IMAGE_PARTS = ("image", "image_url", "input_image")

_PREVIEW = 80
"""Characters of a prompt that a message shows."""


def check_group_prompts(
    prompts: Sequence[Any], group_keys: Sequence[Hashable], row_numbers: Sequence[int] | None = None
) -> None:
    """Check that the rows of every group have equal prompts: equal texts, or messages with equal content.

    Each row is compared with the first row of its group, which costs nothing where both hold the same object.

    Args:
        prompts: N texts or lists of messages.
        group_keys: the group of every row, N; a row whose key is None, which is not known yet, is not compared.
        row_numbers: the numbers by which a message names the rows; by default their positions.

    Raises:
        DataError: prompts differ inside one group; the message names both rows.

    Example:
        >>> check_group_prompts(["2 + 2?", "3 + 3?"], ["a", "b"])
        >>> check_group_prompts(["2 + 2?", "3 + 3?"], ["a", "a"])
        Traceback (most recent call last):
        ...
        herokit.errors.DataError: group 'a' has different prompts: '2 + 2?' in row 0, '3 + 3?' in row 1; only rollouts of \
one prompt can be compared: give each prompt a group of its own, or, if these are meant to compete, use \
Rewarder(..., equal_prompts=False)
    """
    first: dict[Hashable, int] = {}
    for row, (prompt, key) in enumerate(zip(prompts, group_keys, strict=True)):
        try:
            other = row if key is None else first.setdefault(key, row)
        except TypeError:
            return  # the grouping names the row of a key that cannot be hashed
        if other != row and not are_equal_prompts(prompts[other], prompt):
            names = row_numbers if row_numbers is not None else range(len(prompts))
            raise DataError(
                f"group {key!r} has different prompts: {_preview(prompts[other], prompt)} in row {names[other]}, "
                f"{_preview(prompt, prompts[other])} in row {names[row]}; only rollouts of one prompt can be compared: give "
                "each prompt a group of its own, or, if these are meant to compete, use Rewarder(..., equal_prompts=False)"
            )


def compress_prompt(prompt: Any) -> Any:
    """Return a prompt whose images, and other values that are large, are replaced by digests of their content.

    Equal prompts have equal results; they are small enough to be sent to other processes.

    Example:
        >>> image = np.zeros((512, 512, 3), np.uint8)
        >>> compress_prompt([{"role": "user", "content": [{"type": "image", "image": image}]}])[0]["content"][0]["image"]
        'ndarray 8acaf57554f824ef088d30ab617f739d'
    """
    if prompt is None or isinstance(prompt, str | int | float):
        return prompt
    if isinstance(prompt, Mapping):
        return {key: compress_prompt(value) for key, value in prompt.items()}
    if isinstance(prompt, list | tuple):
        return [compress_prompt(value) for value in prompt]
    return f"{type(prompt).__name__} {_digest(prompt)}"


def content_key(value: str | Sequence[Mapping[str, Any]]) -> str:
    """Return a text that only equal prompts or completions have: a text itself, messages as JSON with sorted keys.

    Example:
        >>> content_key([{"role": "user", "content": "Hi"}]) == content_key([{"content": "Hi", "role": "user"}])
        True
    """
    return value if isinstance(value, str) else json.dumps(compress_prompt(value), sort_keys=True, ensure_ascii=False)


def fill_images(messages: Sequence[Mapping[str, Any]], images: Sequence[Any]) -> list[Any]:
    """Return messages with the images that a trainer keeps in a column of its own.

    Parts of type ``image`` without an image take the images in order. Without such parts, the images go in front of the text
    of the first message of the user. Messages that hold images stay as they are.

    Example:
        >>> fill_images([{"role": "user", "content": "What is it?"}], ["cat.png"])[0]["content"]
        [{'type': 'image', 'image': 'cat.png'}, {'type': 'text', 'text': 'What is it?'}]
    """
    parts = [[] if m.get("content") is None else content_parts(m) for m in messages]
    shown = [part for content in parts for part in content if part["type"] in _IMAGE_PARTS]
    holes = [part for part in shown if len(part) == 1]
    user = next((i for i, message in enumerate(messages) if message.get("role") == "user"), None)
    if len(holes) < len(shown) or user is None or not images:
        return list(messages)
    if not holes:
        parts[user] = [*({"type": "image"} for _ in images), *parts[user]]
    waiting = iter(images)
    filled = [
        [{**part, "image": next(waiting, None)} if part == {"type": "image"} else part for part in content]
        for content in parts
    ]
    changed = zip(messages, filled, strict=True)
    return [
        {**message, "content": content} if any(part["type"] in _IMAGE_PARTS for part in content) else message
        for message, content in changed
    ]


def are_equal_prompts(a: Any, b: Any) -> bool:
    """Return whether two prompts, or parts of them, have equal content; what cannot be compared differs.

    Example:
        >>> are_equal_prompts([{"role": "user", "content": "Hi"}], [{"role": "user", "content": "Hi"}])
        True
    """
    try:
        if a is b or (a == b) is True:
            return True
    except (TypeError, ValueError, RuntimeError):  # arrays inside, compared one by one below
        pass
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(are_equal_prompts(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(are_equal_prompts, a, b))
    try:
        equal = a == b
        return bool(equal.all() if hasattr(equal, "all") else equal)
    except (TypeError, ValueError, RuntimeError):
        return False


def _digest(value: Any) -> str:
    array = np.asarray(value)
    content = repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
    return blake2b(content, digest_size=16, person=f"{array.dtype}{array.shape}".encode()[:16]).hexdigest()


def _preview(prompt: Any, other: Any) -> str:
    """Return what a message shows of a prompt: its text around the first difference."""
    text, against = _text(prompt), _text(other)
    if text == against:
        return f"{text[:_PREVIEW]!r} with other images, roles or fields"
    start = next((i for i, (x, y) in enumerate(zip(text, against, strict=False)) if x != y), 0)
    start = 0 if len(text) <= _PREVIEW else max(0, start - _PREVIEW // 2)
    return repr(text[start : start + _PREVIEW])


def _text(prompt: Any) -> str:
    return prompt if isinstance(prompt, str) else "\n".join(message_text(message) for message in prompt)
