"""Conversations as servers and judges are sent them: JSON messages with images, or a readable text that nobody can forge."""

import base64
import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from herokit.conversations import Message, tool_calls
from herokit.conversations.columns import to_list
from herokit.reward_models.inputs import InputView, UnscorableError
from herokit.types import Sample

__all__ = ["json_messages", "json_sample", "json_value", "show_messages"]

_MAX_ROLE = 40
"""Characters of a role that a judge is shown."""

_IMAGE_KINDS = ((b"\x89PNG", "png"), (b"\xff\xd8", "jpeg"), (b"GIF8", "gif"), (b"RIFF", "webp"))
"""First bytes of a file -> its type."""


def json_value(value: Any, name: str) -> Any:
    """Return a value as JSON can hold it, arrays as lists.

    Args:
        value: a reference, a field of a message.
        name: for the message.

    Raises:
        UnscorableError: JSON cannot hold it.

    Example:
        >>> json_value({"target": (1, 2)}, "reference")
        {'target': [1, 2]}
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=_to_list))
    except (TypeError, ValueError, RecursionError) as error:
        raise UnscorableError(f"{name} cannot be sent as JSON: {error}"[:200]) from None


def _to_list(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def json_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages for an OpenAI-compatible server: images as ``image_url``, everything else as it is.

    Raises:
        UnscorableError: a value cannot be sent.

    Example:
        >>> part = {"type": "input_image", "image_url": "https://host/cat.png"}
        >>> json_messages([{"role": "user", "content": [part]}])[0]["content"]
        [{'type': 'image_url', 'image_url': {'url': 'https://host/cat.png'}}]
    """
    return [
        {key: _json_content(value) if key == "content" else json_value(value, key) for key, value in message.items()}
        for message in messages
    ]


def _json_content(content: Any) -> Any:
    content = to_list(content)
    if isinstance(content, list | tuple):
        return [_json_part(part) for part in content]
    return json_value(content, "content")


def _json_part(part: Any) -> Any:
    if not isinstance(part, Mapping) or part.get("type") not in ("image", "image_url", "input_image"):
        return json_value(part, "a part of a message")
    image = next(
        (part[key] for key in ("image_url", "image", "source", "url", "data") if part.get(key) is not None), None
    )
    if isinstance(image, Mapping):
        url = image.get("url")
        if image.get("type") == "base64":
            url = f"data:{image.get('media_type', 'image/png')};base64,{image.get('data')}"
    else:
        url = image if isinstance(image, str) else _data_url(image)
    if not isinstance(url, str) or not url:
        raise UnscorableError(f"an image part has no address and no bytes; it has {', '.join(map(str, part))}"[:200])
    detail = image.get("detail") if isinstance(image, Mapping) else part.get("detail")
    return {"type": "image_url", "image_url": {"url": url} | ({"detail": detail} if isinstance(detail, str) else {})}


def _data_url(image: Any) -> str:
    """Return the bytes of an image, or an image of Pillow, as a data URL; ``""`` for anything else."""
    if isinstance(image, bytes):
        kind = next((kind for start, kind in _IMAGE_KINDS if image.startswith(start)), "png")
        return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
    if not callable(getattr(image, "save", None)):
        return ""
    file = BytesIO()
    image.save(file, format="PNG")
    return _data_url(file.getvalue())


def json_sample(sample: Sample) -> dict[str, Any]:
    """Return a sample without its group as `herokit serve` takes it; of meta what JSON can hold.

    Raises:
        UnscorableError: prompt, completion or reference cannot be sent.
    """
    meta = {}
    for name, value in sample.meta.items():
        try:
            meta[str(name)] = json_value(value, str(name))
        except UnscorableError:
            continue  # an image or a tensor is not sent
    texts = {
        name: value if isinstance(value, str) else json_messages(value)
        for name, value in (("prompt", sample.prompt), ("completion", sample.completion))
    }
    more = {name: getattr(sample, name) for name in ("num_tokens", "truncated", "thinking_opened")}
    known = {name: value for name, value in more.items() if value is not None}
    return {**texts, "reference": json_value(sample.reference, "reference"), "meta": meta, **known}


def show_messages(messages: Sequence[Message], mark: str, view: InputView) -> tuple[str, list[str]]:
    r"""Return a conversation as a text for a judge, and its images as JSON.

    One message of the user is its text alone. Otherwise a line with the mark stands above each message: a text that cannot
    contain the mark cannot begin a message of another role.

    Args:
        messages: the conversation.
        mark: hexadecimal digits that no message contains.
        view: what the judge is shown.

    Raises:
        UnscorableError: a part cannot be shown.

    Example:
        >>> turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}]
        >>> show_messages(turns, "1f", InputView())[0]
        '[1f message 1: system]\nBe brief.\n\n[1f message 2: user]\n1 + 1?'
    """
    images: list[str] = []
    blocks = []
    for number, message in enumerate(view.show(messages), start=1):
        texts = [_show_content(message.get("content"), images)]
        for call in tool_calls(message):
            arguments: Any = call.text if call.arguments is None else json_value(call.arguments, "arguments")
            texts.append(f"calls {call.name} with {json.dumps(arguments, ensure_ascii=False)}")
        role = " ".join(str(message.get("role")).split())[:_MAX_ROLE]
        blocks.append((f"[{mark} message {number}: {role}]\n", "\n".join(filter(None, texts))))
    if len(blocks) == 1 and messages[0].get("role") == "user":
        return blocks[0][1], images
    return "\n\n".join(header + text for header, text in blocks), images


def _show_content(content: Any, images: list[str]) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    texts = []
    for part in content:
        if part["type"] == "text":
            texts.append(part["text"])
        else:
            images.append(json.dumps(_json_part(part)))
            texts.append(f"[image {len(images)}]")
    return "".join(texts)
