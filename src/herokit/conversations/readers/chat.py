"""Messages with roles, of whatever library, as messages of the chat format.

What is levelled: reasoning becomes ``reasoning_content``, calls become ``tool_calls`` with arguments by name, results become
messages of the role "tool" with ``tool_call_id`` and ``is_error``, and parts that are only text become one text.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from herokit.conversations.messages import Message, ToolCall, content_parts, message_text, message_thinking, tool_calls
from herokit.errors import DataError

__all__ = ["ROLES", "call_field", "first_sampled", "level_messages", "read_error"]

ROLES = {
    "human": "user",
    "ai": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
}
"""Other names of the roles."""

_THINKING_KINDS = frozenset({"thinking", "reasoning", "reasoning_text", "redacted_thinking"})
_TEXT_KINDS = frozenset({"text", "output_text", "input_text", "refusal"})
_CALL_KINDS = frozenset({"tool_use", "tool_call"})
_DROPPED = frozenset(
    {"reasoning", "reasoning_details", "thinking", "function_call", "unparsed_tool_calls", "function", "error", "status",
     "success", "call_id", "token_ids", "token_loss_mask", "generation_logprobs", "source", "type", "id", "model",
     "reasoning_content", "tool_calls"}
)  # fmt: skip
_CONTENT_KEYS = frozenset(
    {"content", "tool_calls", "function_call", "reasoning_content", "reasoning", "unparsed_tool_calls"}
)


def level_messages(values: Sequence[Any], place: str, first: int = 0) -> list[Message]:
    """Return messages of any library in the chat format; one with results of tools becomes several.

    Args:
        values: messages with roles.
        place: the place in the input, for errors.
        first: the number of the first, for errors.

    Raises:
        DataError: a message has no role, no content or an unknown part; the error names the message.
    """
    return [
        message for number, value in enumerate(values, first) for message in _level(value, f"{place}: message {number}")
    ]


def _level(value: Any, place: str) -> list[Message]:
    if not isinstance(value, Mapping):
        raise DataError(f"{place} must be an object with role and content, got {value!r}"[:300])
    role = value.get("role")
    if not isinstance(role, str):
        raise DataError(f"{place} has no role; it has {', '.join(map(str, value)) or 'no keys'}"[:300])
    if _CONTENT_KEYS.isdisjoint(value):
        raise DataError(f"{place} has no content; it has {', '.join(map(str, value))}"[:300])
    role = ROLES.get(role, role)
    parts = content_parts(value, place)
    if role == "assistant":
        return _level_policy(value, parts, place)
    results = [_level_result(part, place) for part in parts if part["type"] == "tool_result"]
    others = [part for part in parts if part["type"] != "tool_result"]
    if role == "tool":
        return results or [_level_tool(value, others, place)]
    if results and not others:
        return results
    message: dict[str, Any] = {"role": role, "content": _level_content(others, value, place)}
    return [*results, cast(Message, message | _other_keys(value, message))]


def _level_policy(value: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], place: str) -> list[Message]:
    """Return a message of the policy, and the results of tools that the server ran within it."""
    message: dict[str, Any] = {"role": "assistant"}
    others = [part for part in parts if part["type"] not in _CALL_KINDS and part["type"] not in _THINKING_KINDS]
    message["content"] = _level_content(others, value, place)
    if thinking := _thinking(value, parts):
        message["reasoning_content"] = thinking
    calls = [call_field(call, place) for call in tool_calls(value)]
    calls += [call_field(ToolCall("", None, "", text), place) for text in _unparsed_calls(value)]
    if calls:
        message["tool_calls"] = calls
    within = [
        _level_tool({"tool_call_id": part.get("id"), **part, "content": part["result"]}, content_parts({"content": part["result"]}), place)
        for part in parts
        if part["type"] in _CALL_KINDS and isinstance(part.get("result"), str)
    ]  # fmt: skip
    return [cast(Message, message | _other_keys(value, message)), *within]


def _thinking(value: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> str:
    details = value.get("reasoning_details")
    if isinstance(details, list) and not any(
        isinstance(value.get(key), str) for key in ("reasoning_content", "reasoning")
    ):
        texts = [
            str(entry.get("text") or entry.get("summary") or "") for entry in details if isinstance(entry, Mapping)
        ]
        value = {**value, "reasoning_content": "\n".join(filter(None, texts))}
    if any(part.get("redacted") for part in parts):  # the text is encrypted
        parts = [{**part, "reasoning": part.get("summary")} if part.get("redacted") else part for part in parts]
    return message_thinking({**value, "content": list(parts)} if not isinstance(value.get("content"), str) else value)


def _unparsed_calls(value: Mapping[str, Any]) -> list[str]:
    """Return the texts of calls that a renderer could not read."""
    calls = value.get("unparsed_tool_calls") or []
    return [str(call.get("raw_text", call)) if isinstance(call, Mapping) else str(call) for call in calls]


def call_field(call: ToolCall, place: str) -> dict[str, Any]:
    """Return a call as an entry of ``tool_calls``: arguments by name, or the policy's text if that is no JSON object.

    Raises:
        DataError: it has neither a name nor a text.
    """
    if not call.name and not call.text:
        raise DataError(f"{place}: a tool call has no name")
    arguments = call.text if call.arguments is None else dict(call.arguments)
    field = {"type": "function", "function": {"name": call.name, "arguments": arguments}}
    return {"id": call.call_id, **field} if call.call_id else field


def _level_result(part: Mapping[str, Any], place: str) -> Message:
    call_id = part.get("tool_use_id") or part.get("tool_call_id") or part.get("call_id") or part.get("id")
    inner = {"content": part.get("content", part.get("result"))}
    return _level_tool({**part, "tool_call_id": call_id}, content_parts(inner, place), place)


def _level_tool(value: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], place: str) -> Message:
    """Return the message of a tool: what it answered, to which call, and whether it failed."""
    error, text = read_error(value), _level_content(parts, value, place)
    details = value.get("error")
    if not text and isinstance(details, Mapping) and isinstance(details.get("message"), str):
        text = details["message"]
    message: dict[str, Any] = {"role": "tool", "content": "" if text is None else text}
    if call_id := value.get("tool_call_id") or value.get("call_id") or value.get("tool_use_id"):
        message["tool_call_id"] = str(call_id)
    if name := value.get("name") or value.get("function") or value.get("tool_name"):
        message["name"] = str(name)
    if error is not None:
        message["is_error"] = error
    return cast(Message, message)


def read_error(value: Mapping[str, Any]) -> bool | None:
    """Return whether a tool failed, wherever a layout says so; None if it says nothing."""
    for entry in (value, value.get("metadata"), value.get("extra")):
        if not isinstance(entry, Mapping):
            continue
        for key in ("is_error", "isError"):
            if entry.get(key) is not None:
                return bool(entry[key])
        if "error" in entry:
            return bool(entry["error"])
        if isinstance(entry.get("success"), bool):
            return not entry["success"]
        if entry.get("status") in {"error", "failed", "success", "completed"}:
            return entry["status"] in {"error", "failed"}
    return None


def _level_content(parts: Sequence[Mapping[str, Any]], value: Mapping[str, Any], place: str) -> Any:
    """Return the content: a text if all parts are text, None if there is none."""
    for part in parts:
        key = "refusal" if part["type"] == "refusal" else "text"
        if part["type"] in _TEXT_KINDS and not (key in part and isinstance(part[key], str | None)):
            raise DataError(f"{place}: a part {part['type']!r} has no {key}: {part!r:.200}")
    if all(part["type"] in _TEXT_KINDS for part in parts):
        text = message_text({"content": list(parts)})
        return None if not parts and not isinstance(value.get("content"), str) else text
    return [_level_part(part, place) for part in parts]


def _level_part(part: Mapping[str, Any], place: str) -> dict[str, Any]:
    kind = part["type"]
    if kind in _TEXT_KINDS:
        return {"type": "text", "text": message_text({"content": [part]})}
    if kind in _CALL_KINDS or kind in _THINKING_KINDS or kind == "tool_result":
        raise DataError(f"{place}: a part {kind!r} is of the policy or a tool, but this message is neither's")
    source = part.get("source")
    if kind == "image" and isinstance(source, Mapping) and (url := source.get("url") or source.get("path")):
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "image" and isinstance(source, Mapping) and source.get("data"):
        return {"type": "image_url", "image_url": {"url": f"data:{source.get('media_type')};base64,{source['data']}"}}
    if (
        kind == "input_image"
        or (kind == "image_url" and isinstance(part.get("image_url"), str))
        or (kind == "image" and isinstance(part.get("image"), str))
    ):
        url = part.get("image_url") or part.get("image") or part.get("file_id")
        return {"type": "image_url", "image_url": url if isinstance(url, Mapping) else {"url": url}}
    return {key: item for key, item in part.items() if item is not None}


def _other_keys(value: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in message and key not in _DROPPED and item is not None}


def first_sampled(values: Sequence[Any]) -> int | None:
    """Return the position of the first message that a layout marks as written by the policy, None if it marks none."""
    for number, value in enumerate(values):
        if not isinstance(value, Mapping) or ROLES.get(str(value.get("role")), value.get("role")) != "assistant":
            continue
        mask = value.get("token_loss_mask")
        if (
            value.get("source") == "generate"
            or value.get("sampled") is True
            or value.get("generation_logprobs") is not None
        ):
            return number
        if value.get("trainable") is True or (isinstance(mask, list | tuple) and any(mask)):
            return number
    return None
