"""Messages in the chat format: text, thinking, images, tool calls and tool results of one message."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from herokit.conversations.columns import to_list
from herokit.errors import DataError

__all__ = [
    "ASSISTANT",
    "CALL_PARTS",
    "IMAGE_PARTS",
    "OTHER_PARTS",
    "RESULT_PARTS",
    "TEXT_PARTS",
    "THINKING_FIELDS",
    "THINKING_PARTS",
    "Message",
    "ToolCall",
    "ToolResult",
    "check_messages",
    "content_parts",
    "has_images",
    "is_assistant",
    "message_text",
    "message_thinking",
    "tool_calls",
    "tool_result",
]

ASSISTANT = "assistant"
"""The role of what the policy wrote."""

TOOL_ROLES = frozenset({"tool", "function", "environment", "ipython"})
"""Roles of what a tool or an environment answered."""

TEXT_PARTS = {"text": "text", "output_text": "text", "input_text": "text", "refusal": "refusal"}
"""Type of a part that readers see -> its key."""

THINKING_PARTS = {
    "thinking": "thinking",
    "reasoning": "reasoning",
    "reasoning_text": "text",
    "redacted_thinking": "data",
}
IMAGE_PARTS = frozenset({"image", "image_url", "input_image"})
OTHER_PARTS = frozenset({"audio", "audio_url", "input_audio", "video", "video_url", "file", "input_file"})
CALL_PARTS = frozenset({"tool_use", "tool_call"})
RESULT_PARTS = frozenset({"tool_result"})
_KNOWN_PARTS = frozenset({*TEXT_PARTS, *THINKING_PARTS, *CALL_PARTS, *RESULT_PARTS}) | IMAGE_PARTS | OTHER_PARTS
THINKING_FIELDS = ("reasoning_content", "reasoning", "thinking")


class Message(TypedDict, total=False):
    """One message, as trainers and servers write it.

    ``role`` is "system", "developer", "user", "assistant", "tool" or a role of the policy's chat template; ``content`` is a
    text, None, or a list of parts such as ``{"type": "text", "text": ...}`` and ``{"type": "image_url", ...}``.
    """

    role: str
    content: Any
    reasoning_content: str | None
    tool_calls: Any
    tool_call_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the policy wrote.

    Attributes:
        name: the function's name.
        arguments: its arguments by name; None if the policy's text is not a JSON object.
        call_id: the id to which a result refers, ``""`` for none.
        text: the arguments as the policy wrote them, where they came as text.
    """

    name: str
    arguments: Mapping[str, Any] | None
    call_id: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool, an environment or a user answered to a turn.

    Attributes:
        text: the text of the answer.
        call_id: the id of the call, ``""`` for none.
        name: the tool's name, ``""`` if the message has none.
        error: whether the tool failed; None if the layout does not say.
        role: the role of the message.
    """

    text: str
    call_id: str = ""
    name: str = ""
    error: bool | None = None
    role: str = "tool"


def check_messages(value: Any, location: str) -> list[Message]:
    """Return a list of messages after checking roles and parts.

    Args:
        value: messages in the chat format.
        location: the place in the input, for messages of errors.

    Raises:
        DataError: it is not a list of messages, a message has no role, or a part has an unknown type.

    Example:
        >>> check_messages([{"role": "user", "content": [{"type": "clip"}]}], "row 3: prompt")
        Traceback (most recent call last):
        ...
        herokit.errors.DataError: row 3: prompt: message 0: unknown part 'clip'; known: audio, audio_url, file, image, \
image_url, input_audio, input_file, input_image, input_text, output_text, reasoning, reasoning_text, redacted_thinking, \
refusal, text, thinking, tool_call, tool_result, tool_use, video, video_url
    """
    value = to_list(value)
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise DataError(f"{location} must be text or a list of messages, got {value!r}"[:300])
    for number, message in enumerate(value):
        place = f"{location}: message {number}"
        if not isinstance(message, Mapping):
            raise DataError(f"{place} must be an object with role and content, got {message!r}"[:300])
        if not isinstance(message.get("role"), str):
            raise DataError(f"{place} has no role; it has {', '.join(map(str, message)) or 'no keys'}"[:300])
        content_parts(message, place)
    return list(value)


def content_parts(message: Mapping[str, Any], location: str = "message") -> list[Mapping[str, Any]]:
    """Return the content of a message as parts, each with a known type; the parts of a text are one.

    Raises:
        DataError: the content is neither a text nor None nor a list of known parts.
    """
    content = message.get("content")
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    content = to_list(content)
    content = [content] if isinstance(content, Mapping) else content
    if not isinstance(content, list | tuple):
        raise DataError(f"{location}: content must be text, a list of parts or null, got {content!r}"[:300])
    return [_check_part(part, location) for part in content]


def _check_part(part: Any, location: str) -> Mapping[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if not isinstance(part, Mapping):
        raise DataError(f"{location}: a part must be an object with a type, got {part!r}"[:300])
    kind = part.get("type", "text" if "text" in part else None)
    if kind not in _KNOWN_PARTS:
        raise DataError(f"{location}: unknown part {kind!r:.60}; known: {', '.join(sorted(_KNOWN_PARTS))}")
    return {**part, "type": kind}


def is_assistant(message: Mapping[str, Any]) -> bool:
    """Return whether the policy wrote a message."""
    return message.get("role") == ASSISTANT


def message_text(message: Mapping[str, Any]) -> str:
    """Return the text of one message: of its text parts, in order, without thinking fields, images and calls.

    Raises:
        DataError: a part has an unknown type.

    Example:
        >>> message_text({"role": "assistant", "content": [{"type": "output_text", "text": "4"}]})
        '4'
    """
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content_parts(message)
    return "".join(str(part.get(TEXT_PARTS[part["type"]]) or "") for part in parts if part["type"] in TEXT_PARTS)


def message_thinking(message: Mapping[str, Any]) -> str:
    """Return what a message has as thinking in a field of its own or in parts of that type; ``""`` for none.

    The thinking of a part is a text or, as Mistral has it, a list of parts of text.

    Example:
        >>> message_thinking({"role": "assistant", "reasoning_content": "2 + 2", "content": "4"})
        '2 + 2'
    """
    fields = [message[key] for key in THINKING_FIELDS if isinstance(message.get(key), str) and message[key]]
    texts = fields[:1]  # servers write the same thinking under two names
    if not isinstance(message.get("content"), str):
        for part in content_parts(message):
            if (key := THINKING_PARTS.get(part["type"])) is not None:
                value = part.get(key) or part.get("text") or ""
                texts.append(message_text({"content": value}) if isinstance(value, list) else str(value))
    return "\n".join(text for text in texts if text)


def has_images(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a message has a part that is no text: an image, a sound, a film or a file.

    Example:
        >>> has_images([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}])
        True
    """
    return any(
        part["type"] in IMAGE_PARTS or part["type"] in OTHER_PARTS
        for message in messages
        if not isinstance(message.get("content"), str | None)
        for part in content_parts(message)
    )


def tool_calls(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """Return the calls of one message, from ``tool_calls``, ``function_call`` or parts.

    Example:
        >>> call = {"id": "a", "type": "function", "function": {"name": "add", "arguments": '{"x": 1}'}}
        >>> tool_calls({"role": "assistant", "content": None, "tool_calls": [call]})
        (ToolCall(name='add', arguments={'x': 1}, call_id='a', text='{"x": 1}'),)
    """
    calls = to_list(message.get("tool_calls"))
    entries = list(calls) if isinstance(calls, list | tuple) else []
    if isinstance(message.get("function_call"), Mapping):
        entries.append(message["function_call"])
    if not isinstance(message.get("content"), str | None):
        entries += [part for part in content_parts(message) if part["type"] in CALL_PARTS]
    return tuple(_read_call(entry) for entry in entries if isinstance(entry, Mapping))


def _read_call(entry: Mapping[str, Any]) -> ToolCall:
    function = entry.get("function")
    inner = function if isinstance(function, Mapping) else entry
    name = function if isinstance(function, str) else inner.get("name") or inner.get("function_name") or ""
    arguments: Any = next((inner[key] for key in ("arguments", "input", "args") if key in inner), {})
    call_id = entry.get("id") or entry.get("call_id") or entry.get("tool_call_id") or ""
    text = arguments if isinstance(arguments, str) else ""
    return ToolCall(str(name), _read_arguments(arguments), str(call_id), text)


def _read_arguments(arguments: Any) -> Mapping[str, Any] | None:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError):
            return None
    return arguments if isinstance(arguments, Mapping) else None


def tool_result(message: Mapping[str, Any]) -> ToolResult:
    """Return a message of the world as a result.

    Example:
        >>> tool_result({"role": "tool", "tool_call_id": "a", "content": "4"})
        ToolResult(text='4', call_id='a', name='', error=None, role='tool')
    """
    error = message.get("is_error", message.get("error"))
    return ToolResult(
        message_text(message),
        str(message.get("tool_call_id") or ""),
        str(message.get("name") or ""),
        None if error is None and "error" not in message else bool(error),
        str(message.get("role")),
    )
