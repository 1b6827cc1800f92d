"""The table of layouts, each with what its values look like, and the functions that read a value of any of them."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from herokit.conversations.messages import Message
from herokit.conversations.readers.chat import level_messages
from herokit.conversations.readers.items import ITEM_TYPES, read_items, read_nemo_gym, read_responses
from herokit.conversations.readers.rollout import Conversation, Decode, to_plain
from herokit.conversations.readers.steps import read_atif, read_openenv, read_rllm, read_skyrl
from herokit.conversations.readers.traces import (
    level_turns,
    read_anthropic,
    read_chat,
    read_inspect,
    read_nemo_rl,
    read_pair,
    read_sharegpt,
    read_trace,
    read_verifiers,
    read_verl,
)
from herokit.errors import ConfigError, DataError, did_you_mean

__all__ = ["LAYOUTS", "Layout", "find_layout", "read_conversation", "read_conversations", "read_messages"]

Reader: TypeAlias = Callable[[Any, str], list[Conversation]]


class Layout(NamedTuple):
    """A layout of conversations.

    Attributes:
        name: its name.
        shape: what its values look like, in words.
        matches: whether a value looks like it.
        read: reads a value.
    """

    name: str
    shape: str
    matches: Callable[["_Shape"], bool]
    read: Reader


class _Shape:
    """What can be seen of a value: the keys of the object, of the elements of its list, and of parts and calls in these."""

    def __init__(self, value: Any) -> None:
        self.keys: frozenset[Any] = frozenset(value) if isinstance(value, Mapping) else frozenset()
        self.value = value
        self.messages = _elements(value, "messages")
        self.steps = _elements(value, "steps")
        self.item_keys = _keys(self.messages)
        self.step_keys = _keys(self.steps)
        self.types = {item.get("type") for item in self.messages if isinstance(item.get("type"), str)}
        parts = [part for item in self.messages for part in _objects(item.get("content"))]
        self.part_types = {str(part.get("type")) for part in parts}
        self.part_keys = _keys(parts)
        self.have_roles = bool(self.messages) and all("role" in item or "type" in item for item in self.messages)
        self.roles_at_all = any("role" in item for item in self.messages)

    def has(self, *names: str) -> bool:
        """Return whether the object has all of these keys."""
        return self.keys.issuperset(names)

    def is_list(self) -> bool:
        return not isinstance(self.value, Mapping)

    def describe(self) -> str:
        """Return what was seen, for errors."""
        if self.value in ({}, [], ()):
            return "an empty object" if isinstance(self.value, Mapping) else "an empty list"
        if isinstance(self.value, Mapping):
            return f"an object with the keys {', '.join(map(str, self.value))}"[:300]
        if isinstance(self.value, list | tuple):
            keys = ", ".join(sorted(map(str, self.item_keys))) or "no keys"
            return f"a list of {len(self.value)} elements with {keys}"[:300]
        return f"{self.value!r}"[:200]


def _keys(items: Iterable[Mapping[str, Any]]) -> frozenset[Any]:
    """Return the keys that have a value somewhere; tables fill up what other rows have with None."""
    return frozenset(key for item in items for key, value in item.items() if value is not None)


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _elements(value: Any, key: str) -> list[Mapping[str, Any]]:
    return _objects(value.get(key) if isinstance(value, Mapping) else value)


def _is_anthropic(shape: _Shape) -> bool:
    if shape.has("role", "content") and not shape.messages:  # a response
        return isinstance(shape.value["content"], list) and (
            "stop_reason" in shape.keys or shape.value.get("type") == "message"
        )
    if shape.is_list() and shape.types & {"tool_use", "thinking", "redacted_thinking"} and not shape.roles_at_all:
        return True  # the blocks of a response
    blocks = {"tool_use", "tool_result", "redacted_thinking"} & shape.part_types
    is_request = shape.has("messages", "system")
    return (
        shape.have_roles and (is_request or bool(blocks) or "signature" in shape.part_keys) and not _is_inspect(shape)
    )


def _is_inspect(shape: _Shape) -> bool:
    if "trajectory" in shape.keys:
        return False
    if shape.keys & {"epoch", "scores"} and "input" in shape.keys:
        return True
    output = shape.value.get("output") if isinstance(shape.value, Mapping) else None
    if isinstance(output, Mapping) and "choices" in output:
        return True
    if "choices" in shape.keys and any("stop_reason" in choice for choice in _objects(shape.value["choices"])):
        return True
    calls = [call for item in shape.messages for call in _objects(item.get("tool_calls"))]
    return (
        any(item.get("source") in {"input", "generate"} for item in shape.messages if "role" in item)
        or any(isinstance(call.get("function"), str) for call in calls)
        or any(item.get("role") == "tool" and isinstance(item.get("function"), str) for item in shape.messages)
    )


def _is_tinker(shape: _Shape) -> bool:
    thinks = "thinking" in shape.part_types and "signature" not in shape.part_keys
    return shape.have_roles and ("unparsed_tool_calls" in shape.item_keys or thinks) and not _is_anthropic(shape)


def _is_nemo_rl(shape: _Shape) -> bool:
    return "message_log" in shape.keys or (shape.have_roles and "token_ids" in shape.item_keys)


def _is_items(shape: _Shape) -> bool:
    if shape.is_list():
        return shape.have_roles and bool(shape.types & (ITEM_TYPES - {"message"}) or (shape.types == {"message"}))
    output = shape.value.get("output")
    return isinstance(output, list) and "raw_prompt" not in shape.keys and not shape.steps


def _is_verifiers(shape: _Shape) -> bool:
    return "trajectory" in shape.keys or shape.has("prompt", "completion", "example_id")


def _is_rllm(shape: _Shape) -> bool:
    own = {"chat_completions", "model_response", "mc_return", "thought"}
    return "trajectories" in shape.keys or (bool(own & shape.step_keys) and not _is_atif(shape))


def _is_atif(shape: _Shape) -> bool:
    return str(shape.value.get("schema_version", "")).startswith("ATIF") if shape.keys else False


def _is_openenv(shape: _Shape) -> bool:
    return (
        "observation" in shape.step_keys
        and not _is_rllm(shape)
        and not _is_atif(shape)
        and "role" not in shape.step_keys
    )


def _is_skyrl(shape: _Shape) -> bool:
    return "observations" in (shape.step_keys | shape.keys) and not _is_rllm(shape)


def _is_verl(shape: _Shape) -> bool:
    return "raw_prompt" in shape.keys or shape.has("response_ids", "response_mask")


def _is_trl(shape: _Shape) -> bool:
    return shape.has("prompt", "completion") and not _is_verifiers(shape)


def _is_sharegpt(shape: _Shape) -> bool:
    return "conversations" in shape.keys or {"from", "value"} <= shape.item_keys


def _is_chat(shape: _Shape) -> bool:
    if "choices" in shape.keys:
        return not _is_inspect(shape)
    others = (
        _is_anthropic,
        _is_inspect,
        _is_tinker,
        _is_nemo_rl,
        _is_items,
        _is_verifiers,
        _is_verl,
        _is_rllm,
        _is_atif,
    )
    return shape.roles_at_all and not _is_sharegpt(shape) and not any(other(shape) for other in others)


LAYOUTS: Mapping[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout("openai-chat", "messages with role and content, or choices", _is_chat, read_chat),
        Layout("openai-responses", "items with type, or output", _is_items, read_responses),
        Layout("nemo-gym", "responses_create_params and response", lambda s: "responses_create_params" in s.keys, read_nemo_gym),
        Layout("trl", "prompt and completion", _is_trl, read_pair),
        Layout("verl", "raw_prompt, or response_ids and response_mask", _is_verl, read_verl),
        Layout("verifiers", "prompt and completion with trajectory or example_id", _is_verifiers, read_verifiers),
        Layout("verifiers-trace", "nodes with parent and message", lambda s: "nodes" in s.keys, read_trace),
        Layout("tinker", "messages with thinking parts or unparsed_tool_calls", _is_tinker,
               lambda value, place: read_chat(value, place, "tinker")),
        Layout("nemo-rl", "message_log, or messages with token_ids", _is_nemo_rl, read_nemo_rl),
        Layout("rllm", "trajectories, or steps with chat_completions or model_response", _is_rllm, read_rllm),
        Layout("skyrl", "steps with observations", _is_skyrl, read_skyrl),
        Layout("openenv", "steps with action and observation", _is_openenv, read_openenv),
        Layout("inspect", "messages with source, calls whose function is text, or choices with stop_reason", _is_inspect,
               read_inspect),
        Layout("atif", "schema_version ATIF-v1.x and steps with source", _is_atif, read_atif),
        Layout("anthropic", "messages with tool_use, tool_result or signed thinking, or system beside messages", _is_anthropic,
               read_anthropic),
        Layout("sharegpt", "conversations, or turns with from and value", _is_sharegpt, read_sharegpt),
    )
}  # fmt: skip
"""The layouts by name."""


def find_layout(value: Any, place: str = "conversation") -> Layout:
    """Return the one layout that a value has.

    Raises:
        DataError: it looks like none, or like several; the message says what was seen.

    Example:
        >>> find_layout([{"from": "human", "value": "Hi"}]).name
        'sharegpt'
    """
    shape = _Shape(value)
    layouts = [layout for layout in LAYOUTS.values() if layout.matches(shape)]
    if len(layouts) == 1:
        return layouts[0]
    if layouts:
        names = " and ".join(layout.name for layout in layouts)
        raise DataError(f"{place}: {shape.describe()} looks like {names}; name the layout")
    known = "; ".join(f"{layout.name}: {layout.shape}" for layout in LAYOUTS.values())
    raise DataError(f"{place}: {shape.describe()} has no known layout; name it, or convert it to one of these: {known}")


def read_conversations(
    value: Any, layout: str | None = None, *, place: str = "conversation", decode: Decode | None = None
) -> list[Conversation]:
    """Read all rollouts of a value in the chat format: the choices of a response, the branches of a tree, the trajectories.

    Args:
        value: plain values, pydantic models, dataclasses, or JSON text.
        layout: a name of `LAYOUTS`; by default it is recognized by its shape.
        place: the place in the input, for errors.
        decode: converts tokens to text, for layouts that may have nothing else (verl).

    Raises:
        ConfigError: no layout has that name.
        DataError: the layout is unknown or ambiguous; a message has no role; a part or an item has an unknown type; a result
            of a tool has no call; the policy wrote nothing.

    Example:
        >>> turns = [{"from": "human", "value": "1 + 1?"}, {"from": "gpt", "value": "2"}]
        >>> [conversation.completion for conversation in read_conversations({"conversations": turns})]
        [[{'role': 'assistant', 'content': '2'}]]
    """
    if layout is not None and layout not in LAYOUTS:
        raise ConfigError(f"no layout {layout!r}; {did_you_mean(layout, list(LAYOUTS))}")
    if isinstance(value, str):
        value = _parse_json(value, place)
    value = to_plain(value, place)
    chosen = LAYOUTS[layout] if layout is not None else find_layout(value, place)
    if layout is not None and not isinstance(value, list | tuple | Mapping):
        raise DataError(f"{place}: expected {chosen.shape} ({layout}), got {value!r}"[:300])
    try:
        return read_verl(value, place, decode) if chosen.name == "verl" else chosen.read(value, place)
    except (KeyError, TypeError, AttributeError) as error:  # a value of another shape under a name
        raise DataError(
            f"{place}: expected {chosen.shape} ({chosen.name}), got {_Shape(value).describe()}: {error!r:.100}"
        ) from None


def read_messages(value: Any, place: str = "messages") -> list[Message]:
    """Read a part of a conversation in the chat format, such as a prompt: nothing is split, and nothing needs an answer.

    Args:
        value: messages, items of the Responses API, turns of ShareGPT, blocks of Anthropic, or an object that has one of them.
        place: the place in the input, for errors.

    Raises:
        DataError: it is none of these or empty; a message has no role or no content; a part or an item has an unknown type.

    Example:
        >>> read_messages([{"from": "human", "value": "1 + 1?"}])
        [{'role': 'user', 'content': '1 + 1?'}]
    """
    value = to_plain(value, place)
    if isinstance(value, Mapping):
        inner = next((value[key] for key in ("messages", "output", "input", "conversations") if value.get(key)), None)
        value = [value] if inner is None else inner
    if not isinstance(value, list) or not value or not all(isinstance(item, Mapping) for item in value):
        raise DataError(f"{place} must be text or chat messages, got {value!r}"[:300])
    shape = _Shape(value)
    if _is_sharegpt(shape):
        return level_turns(value, place)
    if _is_items(shape):
        return read_items(value, place).messages
    if _is_anthropic(shape) and not shape.roles_at_all:
        value = [{"role": "assistant", "content": value}]
    return level_messages(value, place)


def _parse_json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise DataError(f"{place}: expected messages, got the text {text!r:.100}") from None


def read_conversation(
    value: Any, layout: str | None = None, *, place: str = "conversation", decode: Decode | None = None
) -> Conversation:
    """Read the one rollout of a value in the chat format; see `read_conversations`.

    Raises:
        DataError: as there, or the value holds several rollouts.

    Example:
        >>> chat = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]
        >>> conversation = read_conversation(chat)
        >>> conversation.layout, conversation.prompt, conversation.completion
        ('openai-chat', [{'role': 'user', 'content': '1 + 1?'}], [{'role': 'assistant', 'content': '2'}])
    """
    rollouts = read_conversations(value, layout, place=place, decode=decode)
    if len(rollouts) != 1:
        names = _names(rollout.name for rollout in rollouts)
        raise DataError(f"{place}: holds {len(rollouts)} rollouts{names}; read_conversations returns all of them")
    return rollouts[0]


def _names(names: Iterable[str]) -> str:
    text = ", ".join(name for name in names if name)
    return f" ({text[:200]})" if text else ""
