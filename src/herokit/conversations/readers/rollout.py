"""What every reader returns, and the helpers that all readers share: plain values, the split into prompt and completion."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeAlias

from herokit.conversations.columns import to_list
from herokit.conversations.messages import Message, is_assistant, message_text, tool_calls
from herokit.errors import DataError

__all__ = [
    "Conversation",
    "Decode",
    "as_list",
    "check_results",
    "find_truncation",
    "make_conversation",
    "split_messages",
    "sum_turn_rewards",
    "to_number",
    "to_plain",
]

Decode: TypeAlias = Callable[[Sequence[int]], str]
"""Converts tokens to text, such as the `decode` of a tokenizer."""

_WORLD_ROLES = frozenset({"tool", "function", "environment", "ipython"})
_MAY_HOLD_CALL = re.compile(r"[<\[{(`]|action", re.IGNORECASE)
_TRUNCATED = frozenset({"length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"})


@dataclass(frozen=True, slots=True)
class Conversation:
    """One rollout in the chat format; `herokit.Sample` takes its prompt and its completion.

    Attributes:
        prompt: what the policy was given.
        completion: what followed: messages of the policy, of tools and of users.
        layout: the layout it was read from.
        name: which rollout of the value it is: a branch, a choice, a trajectory; ``""`` if the value is one rollout.
        reward: the reward of the whole rollout, if the layout has one.
        turn_rewards: the reward of every turn of the policy, as many as `Sample.turns`; empty if the layout has none.
        num_tokens: tokens that the policy wrote, if the layout has them.
        truncated: whether the generation ran into its limit, if the layout says so.

    Example:
        >>> from herokit.conversations import read_conversation
        >>> read_conversation([{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]).completion
        [{'role': 'assistant', 'content': '2'}]
    """

    prompt: list[Message]
    completion: list[Message]
    layout: str
    name: str = ""
    reward: float | None = None
    turn_rewards: tuple[float | None, ...] = ()
    num_tokens: int | None = None
    truncated: bool | None = None


def make_conversation(
    prompt: list[Message], completion: list[Message], layout: str, place: str, **more: Any
) -> Conversation:
    """Return a conversation after checking that the policy wrote something, and that each result follows its call."""
    if not any(map(is_assistant, completion)):
        raise DataError(f"{place}: no message of the policy: the roles are {_roles([*prompt, *completion])}")
    check_results([*prompt, *completion], place)
    return Conversation(prompt, completion, layout, **more)


def _roles(messages: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(str(message.get("role")) for message in messages[:12]) or "none"


def check_results(messages: Iterable[Mapping[str, Any]], place: str) -> None:
    """Check that every result of a tool follows the call that it answers.

    Raises:
        DataError: a result names a call that no earlier message has; or it names none, and nothing before it can be a call.
    """
    ids: dict[str, None] = {}
    may_call = False
    for number, message in enumerate(messages):
        if is_assistant(message):
            calls = tool_calls(message)
            ids |= dict.fromkeys(call.call_id for call in calls if call.call_id)
            may_call = bool(calls) or bool(_MAY_HOLD_CALL.search(message_text(message)))
        elif message.get("role") == "tool":
            call_id = str(message.get("tool_call_id") or "")
            if call_id and ids and call_id not in ids:
                raise DataError(
                    f"{place}: message {number} is the result of the call {call_id!r}, but the calls before it are "
                    f"{', '.join(list(ids)[-8:])}"
                )
            if not may_call and call_id not in ids:
                call = f" {call_id!r}" if call_id else ""
                raise DataError(
                    f"{place}: message {number} is the result of a call{call}, but no message of the policy before it "
                    "has a call"
                )


def split_messages(messages: Sequence[Message], place: str = "conversation") -> tuple[list[Message], list[Message]]:
    """Split a whole conversation into what the policy was given and what followed.

    The completion begins after the last message of a user or the system that stands before a message of the policy: the last
    answer with its tool calls and their results.

    Raises:
        DataError: the policy wrote nothing.

    Example:
        >>> roles = ["system", "user", "assistant", "user", "assistant", "tool", "assistant"]
        >>> [len(part) for part in split_messages([{"role": role, "content": "f()"} for role in roles])]
        [4, 3]
    """
    last = next((i for i in reversed(range(len(messages))) if is_assistant(messages[i])), None)
    if last is None:
        raise DataError(f"{place}: no message of the policy: the roles are {_roles(messages)}")
    policy_side = {"assistant", *_WORLD_ROLES}
    begin = next((i + 1 for i in reversed(range(last)) if messages[i].get("role") not in policy_side), 0)
    begin = next(i for i in range(begin, last + 1) if is_assistant(messages[i]))
    return list(messages[:begin]), list(messages[begin:])


def sum_turn_rewards(completion: Sequence[Message], rewards: Mapping[int, float | None]) -> tuple[float | None, ...]:
    """Return one reward per turn: the sum over its messages, None where none has a reward.

    Args:
        completion: messages; those of the policy that follow each other are one turn, as in `Sample.turns`.
        rewards: position of a message of the policy -> its reward.
    """
    turns: list[float | None] = []
    in_turn = False
    for position, message in enumerate(completion):
        if not is_assistant(message):
            in_turn = False
            continue
        reward = rewards.get(position)
        if not in_turn:
            turns.append(reward)
        elif reward is not None:
            turns[-1] = reward + (turns[-1] or 0.0)
        in_turn = True
    return tuple(turns) if any(reward is not None for reward in turns) else ()


def to_plain(value: Any, place: str) -> Any:
    """Return a value as dicts, lists and scalars: pydantic models, dataclasses and arrays are converted.

    Raises:
        DataError: it is nested too deeply.
    """
    try:
        return _to_plain(value)
    except RecursionError:
        raise DataError(f"{place}: is nested too deeply") from None


def _to_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        is_tokens = bool(value) and type(value[0]) in {int, float}
        return value if is_tokens else [_to_plain(item) for item in value]
    if isinstance(value, type) or value is None or isinstance(value, str | int | float | bytes):
        return value
    if hasattr(value, "model_dump"):
        return _to_plain(value.model_dump())
    if is_dataclass(value):
        return {field.name: _to_plain(getattr(value, field.name)) for field in fields(value)}
    plain = to_list(value)
    return value if plain is value else _to_plain(plain)


def as_list(value: Any, place: str) -> list[Any]:
    """Return a list of objects.

    Raises:
        DataError: it is no list, or one of its elements is no object.
    """
    if not isinstance(value, list | tuple):
        raise DataError(f"{place} must be a list, got {value!r}"[:300])
    for number, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise DataError(f"{place}: element {number} must be an object, got {item!r}"[:300])
    return list(value)


def to_number(value: Any) -> float | None:
    """Return a reward as a number, None for what is none."""
    return float(value) if isinstance(value, int | float) else None


def find_truncation(*values: Any) -> bool | None:
    """Return whether the last reason that is given says that the generation ran into its limit; None if none is given."""
    reasons = [value for value in values if value is not None]
    if not reasons:
        return None
    return reasons[-1] if isinstance(reasons[-1], bool) else str(reasons[-1]) in _TRUNCATED
