"""Items of OpenAI's Responses API, which NeMo-Gym keeps too, as messages of the chat format."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from herokit.conversations.messages import Message, ToolCall
from herokit.conversations.readers.chat import call_field, level_messages, read_error
from herokit.conversations.readers.rollout import (
    Conversation,
    as_list,
    find_truncation,
    make_conversation,
    split_messages,
    to_number,
)
from herokit.errors import DataError

__all__ = ["ITEM_TYPES", "read_items", "read_nemo_gym", "read_responses"]

_CALLS = {"function_call": "arguments", "custom_tool_call": "input", "mcp_call": "arguments"}
"""Type of an item that calls a tool of the user -> the key of its arguments."""

_SERVER_CALLS = frozenset(
    {
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "computer_call",
        "local_shell_call",
        "image_generation_call",
    }
)
_RESULTS = frozenset(
    {"function_call_output", "custom_tool_call_output", "computer_call_output", "local_shell_call_output"}
)
_IGNORED = frozenset({"mcp_list_tools"})
ITEM_TYPES = frozenset({"message", "reasoning", *_CALLS, *_SERVER_CALLS, *_RESULTS, *_IGNORED})
"""The types of items that are read; every other one is an error."""

_ITEM_KEYS = frozenset({"type", "id", "call_id", "status"})


class _Items:
    """Collects items into messages: reasoning, text and calls of one generation are one message."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.messages: list[Message] = []
        self.num_tokens: int | None = None
        self._open = False  # whether the last message still takes calls

    def add(self, item: Mapping[str, Any], number: int) -> None:
        kind = item.get("type", "message" if "role" in item else None)
        place = f"{self.place}: item {number}"
        if kind not in ITEM_TYPES:
            raise DataError(f"{place}: unknown item {kind!r:.60}; known: {', '.join(sorted(ITEM_TYPES))}")
        if isinstance(tokens := item.get("generation_token_ids"), list | tuple):
            self.num_tokens = (self.num_tokens or 0) + len(tokens)
        if kind == "message":
            self._add_message(item, number)
        elif kind == "reasoning":
            self._add_reasoning(item)
        elif kind in _RESULTS:
            self._add_result(item, place)
        elif kind not in _IGNORED:
            self._add_call(str(kind), item, place)

    def _policy(self, *, takes: str) -> dict[str, Any]:
        """Return the message of the policy that is being written, or a new one if that has what comes before `takes`."""
        last = cast(dict[str, Any], self.messages[-1]) if self._open else None
        if last is None or (takes != "tool_calls" and (last["content"] is not None or "tool_calls" in last)):
            last = {"role": "assistant", "content": None}
            self.messages.append(cast(Message, last))
        self._open = True
        return last

    def _add_message(self, item: Mapping[str, Any], number: int) -> None:
        (message, *more) = level_messages([item], self.place, number)
        if message["role"] != "assistant" or more:
            self.messages += [message, *more]
            self._open = False
            return
        target = self._policy(takes="content")
        target["content"] = message["content"] if message["content"] is not None else ""
        if thinking := message.get("reasoning_content"):
            target["reasoning_content"] = "\n".join(filter(None, (target.get("reasoning_content"), thinking)))

    def _add_reasoning(self, item: Mapping[str, Any]) -> None:
        entries = item.get("content") or item.get("summary") or []
        entries = [entries] if isinstance(entries, str | Mapping) else entries
        texts = [str(entry.get("text") or "") if isinstance(entry, Mapping) else str(entry) for entry in entries]
        target = self._policy(takes="reasoning_content")
        if text := "\n".join(filter(None, [target.get("reasoning_content") or "", *texts])):
            target["reasoning_content"] = text

    def _add_call(self, kind: str, item: Mapping[str, Any], place: str) -> None:
        call_id = str(item.get("call_id") or item.get("id") or "")
        if kind in _CALLS:
            arguments = item.get(_CALLS[kind])
            name = str(item.get("name") or "")
        else:
            arguments = {key: value for key, value in item.items() if key not in _ITEM_KEYS and value is not None}
            name = kind.removesuffix("_call")
        call = ToolCall(
            name, arguments if isinstance(arguments, Mapping) else _parse(arguments), call_id, str(arguments or "")
        )
        self._policy(takes="tool_calls").setdefault("tool_calls", []).append(call_field(call, place))
        if kind == "mcp_call" and (item.get("output") is not None or item.get("error") is not None):
            self._add_result({**item, "call_id": call_id, "output": item.get("output") or item.get("error")}, place)

    def _add_result(self, item: Mapping[str, Any], place: str) -> None:
        output = item.get("output")
        output = output if isinstance(output, str | list | tuple | None) else json.dumps(output, default=str)
        call_id = item.get("call_id")
        message = {"role": "tool", "tool_call_id": call_id, "name": item.get("name"), "content": output}
        if (error := read_error({key: value for key, value in item.items() if key != "status"})) is not None:
            message["is_error"] = error
        self.messages += level_messages([message], place)
        self._open = False


def _parse(text: Any) -> Mapping[str, Any] | None:
    """Return arguments that came as JSON text; None if the text is no JSON object."""
    try:
        arguments = json.loads(text) if text else {}
    except (TypeError, ValueError, RecursionError):
        return None
    return arguments if isinstance(arguments, Mapping) else None


def read_items(value: Any, place: str) -> _Items:
    """Read items of the Responses API; a text is one of the user."""
    items = _Items(place)
    value = [{"role": "user", "content": value}] if isinstance(value, str) else value
    for number, item in enumerate(as_list(value, place)):
        items.add(item, number)
    return items


def _read_input(request: Mapping[str, Any], place: str) -> list[Message]:
    instructions = request.get("instructions")
    messages = read_items(request["input"], f"{place}: input").messages if request.get("input") is not None else []
    system: list[Message] = [{"role": "system", "content": instructions}] if isinstance(instructions, str) else []
    return [*system, *messages]


def read_responses(value: Any, place: str, layout: str = "openai-responses") -> list[Conversation]:
    """Read items of the Responses API: a list of them, or an object with ``output`` and perhaps ``input``."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = read_items(value, place)
        prompt, completion = split_messages(items.messages, place)
        return [make_conversation(prompt, completion, layout, place, num_tokens=items.num_tokens)]
    return [_read_response(value, value, place, layout)]


def _read_response(request: Mapping[str, Any], response: Mapping[str, Any], place: str, layout: str) -> Conversation:
    output = read_items(response.get("output"), f"{place}: output")
    details, usage = response.get("incomplete_details"), response.get("usage")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    tokens = usage.get("output_tokens") if isinstance(usage, Mapping) else None
    return make_conversation(
        _read_input(request, place),
        output.messages,
        layout,
        place,
        reward=to_number(request.get("reward")),
        num_tokens=output.num_tokens if output.num_tokens is not None else tokens,
        truncated=find_truncation(*([reason] if reason else [False] if response.get("status") == "completed" else [])),
    )


def read_nemo_gym(value: Any, place: str) -> list[Conversation]:
    """Read a rollout of NeMo-Gym: ``responses_create_params`` and ``response``."""
    request, response = value.get("responses_create_params"), value.get("response")
    if not isinstance(request, Mapping) or not isinstance(response, Mapping):
        raise DataError(
            f"{place}: expected objects responses_create_params and response, got {', '.join(map(str, value))}"
        )
    request = {**request, "reward": value.get("reward")}
    return [_read_response(request, response, place, "nemo-gym")]
