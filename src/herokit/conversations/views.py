"""What sources read of a conversation: the final text, everything the policy wrote, and its turns."""

import json
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from herokit.conversations.messages import (
    TEXT_PARTS,
    THINKING_FIELDS,
    THINKING_PARTS,
    Message,
    ToolCall,
    ToolResult,
    content_parts,
    is_assistant,
    message_text,
    message_thinking,
    tool_calls,
    tool_result,
)
from herokit.conversations.thinking import SplitText, split_thinking
from herokit.errors import DataError

__all__ = [
    "FinalText",
    "Turn",
    "describe_turns",
    "join_messages",
    "read_final",
    "read_message_starts",
    "read_policy_text",
    "read_text_spans",
    "read_turns",
    "remove_thinking",
    "state_key",
]

_TEXT_CALL = re.compile(r"<tool_call>(?:(?!</?tool_call>).){0,100000}</tool_call>", re.DOTALL)


class FinalText(NamedTuple):
    """The text of the policy's last message, without its thinking: what verifiers judge.

    Attributes:
        text: the text; ``""`` if there is none.
        origin: where it was found, in words, for verdicts.
        problem: why nothing was answered; ``""`` if something was.
    """

    text: str
    origin: str = "completion"
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the policy wrote between two answers of the world.

    Attributes:
        text: its text, without thinking.
        thinking: its thinking, without markers.
        calls: the calls it made.
        results: what tools, environments or users answered.
        state: a key of what the policy saw, by default the text of the results before it, ``()`` for the first turn: turns
            of one group with equal keys are in one situation.
        span: the turn's tokens in the response, half open, if the trainer knows them.
    """

    text: str
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()
    results: tuple[ToolResult, ...] = ()
    state: Hashable | None = None
    span: tuple[int, int] | None = None


def _split_message(message: Mapping[str, Any], *, opened: bool) -> SplitText:
    """Split a message of the policy; thinking in a field of its own means that a server has read the markers."""
    field = message_thinking(message)
    split = split_thinking(message_text(message), opened=opened and not field)
    return split._replace(thinking="\n".join(filter(None, (field, split.thinking)))) if field else split


def read_final(completion: str | Sequence[Message], *, opened: bool = False) -> FinalText:
    """Return the text of the policy's last message, without its thinking.

    Args:
        completion: text, or messages.
        opened: the prompt's template opens the thinking.

    Raises:
        DataError: a part of a message has an unknown type, or the completion is one message instead of a list.

    Example:
        >>> read_final([{"role": "assistant", "content": "41"}, {"role": "user", "content": "Or 42?"}]).text
        '41'
        >>> read_final([{"role": "user", "content": "42"}]).problem
        'no message of the policy'
    """
    if isinstance(completion, str):
        split, calls, where = split_thinking(completion, opened=opened), False, "completion"
    elif isinstance(completion, Mapping):
        raise DataError("a completion must be text or a list of messages, got one message; put it into a list")
    else:
        last = next((message for message in reversed(completion) if is_assistant(message)), None)
        if last is None:
            return FinalText("", "completion", "no message of the policy")
        split, calls, where = _split_message(last, opened=opened), bool(tool_calls(last)), "last message"
    origin = split.origin if split.origin != "completion" else where
    text = split.answer
    if text and not text.isspace():
        only_calls = "<tool_call>" in text and not _TEXT_CALL.sub("", text).strip()
        return FinalText(text, origin, "only a tool call" if only_calls else "")
    problem = split.problem or (
        "only a tool call" if calls else "only thinking" if split.thinking else "an empty answer"
    )
    return FinalText("", origin, problem)


def read_policy_text(completion: str | Sequence[Message]) -> str:
    r"""Return everything that the policy wrote: thinking, texts and calls of all its messages, without tool results.

    Example:
        >>> read_policy_text([{"role": "assistant", "reasoning_content": "2 + 2", "content": "4"}])
        '2 + 2\n4'
    """
    if isinstance(completion, str):
        return completion
    texts = [text for message in completion if is_assistant(message) for text in _written(message)]
    return "\n".join(text for text in texts if text)


def read_text_spans(completion: str | Sequence[Message]) -> list[list[tuple[int, int]]]:
    r"""Return for each turn where its texts are in `read_policy_text`, in characters: thinking, texts, calls.

    Example:
        >>> message = {"role": "assistant", "reasoning_content": "2 + 2", "content": "4"}
        >>> read_text_spans([message, {"role": "user", "content": "ok"}, message])
        [[(0, 5), (6, 7)], [(8, 13), (14, 15)]]
    """
    if isinstance(completion, str):
        return [[(0, len(completion))]]
    turns: list[list[tuple[int, int]]] = []
    begin, is_open = 0, False
    for message in completion:
        if not is_assistant(message):
            is_open = False
            continue
        if not is_open:
            turns.append([])
        is_open = True
        for text in filter(None, _written(message)):
            turns[-1].append((begin, begin + len(text)))
            begin += len(text) + 1
    return turns


def read_message_starts(
    completion: str | Sequence[Message], *, opened: bool = False, keep_thinking: bool = False
) -> list[int | None]:
    """Return where the text of each message of the policy begins in `read_policy_text`, in characters, as `remove_thinking` leaves it.

    None stands for a text that is no single part of what the policy wrote, such as one with thinking in the middle.

    Args:
        completion: text, which is one message, or messages.
        opened: the prompt's template opens the thinking.
        keep_thinking: the text still has the thinking that is between markers.

    Example:
        >>> message = {"role": "assistant", "reasoning_content": "4", "content": "<think>4</think>4"}
        >>> read_message_starts([message, {"role": "user", "content": "4"}, {"role": "assistant", "content": "4"}])
        [18, 20]
    """
    if isinstance(completion, str):
        completion = [{"role": "assistant", "content": completion}]
    starts: list[int | None] = []
    begin = 0
    for message in filter(is_assistant, completion):
        thinking, _, *_ = texts = list(_written(message))
        split = split_thinking(texts[1], opened=opened and not thinking)
        inside = split.start if _has_markers(split) and not keep_thinking else 0
        starts.append(None if inside is None else begin + inside + (len(thinking) + 1 if thinking else 0))
        begin += sum(len(text) + 1 for text in texts if text)
    return starts


def _written(message: Mapping[str, Any]) -> Iterable[str]:
    yield message_thinking(message)
    yield message_text(message)
    for call in tool_calls(message):
        arguments: Any = call.text if call.arguments is None else call.arguments
        text = json.dumps({"name": call.name, "arguments": arguments}, ensure_ascii=False, default=str)
        yield f"<tool_call>{text}</tool_call>"


def read_turns(completion: str | Sequence[Message], *, opened: bool = False) -> tuple[Turn, ...]:
    """Return the turns of the policy; messages of the policy that follow each other are one turn.

    Args:
        completion: text, which is one turn, or messages; those of the world before the first turn belong to none.
        opened: the prompt's template opens the thinking.

    Example:
        >>> call = {"id": "a", "function": {"name": "add", "arguments": "{}"}}
        >>> turns = read_turns([
        ...     {"role": "assistant", "content": "", "tool_calls": [call]},
        ...     {"role": "tool", "tool_call_id": "a", "content": "4"},
        ...     {"role": "assistant", "content": "It is 4."},
        ... ])
        >>> [(turn.text, [result.text for result in turn.results]) for turn in turns]
        [('', ['4']), ('It is 4.', [])]
    """
    if isinstance(completion, str):
        split = split_thinking(completion, opened=opened)
        return (Turn(split.answer, split.thinking, state=()),)
    turns: list[Turn] = []
    for message in completion:
        if not is_assistant(message):
            if turns:
                turns[-1] = _with_result(turns[-1], tool_result(message))
            continue
        split = _split_message(message, opened=opened)
        state = "".join(result.text for result in turns[-1].results) if turns else ()
        turn = Turn(split.answer, split.thinking, tool_calls(message), state=state)
        if turns and not turns[-1].results:
            turn = _join(turns.pop(), turn)
        turns.append(turn)
    return tuple(turns)


def _with_result(turn: Turn, result: ToolResult) -> Turn:
    return Turn(turn.text, turn.thinking, turn.calls, (*turn.results, result), turn.state)


def _join(first: Turn, second: Turn) -> Turn:
    text = "\n".join(filter(None, (first.text, second.text)))
    thinking = "\n".join(filter(None, (first.thinking, second.thinking)))
    return Turn(text, thinking, (*first.calls, *second.calls), state=first.state)


def describe_turns(turns: Sequence[Turn], states: Any, spans: Any) -> tuple[Turn, ...]:
    """Return turns with the states and token spans that somebody knows.

    Args:
        turns: K turns.
        states: a key for each, as `state_key` takes it; None to keep theirs.
        spans: the tokens of each in the response, half open; None to keep theirs.

    Raises:
        DataError: there are not K, the message says both numbers; or an entry is no key or no span, the message has it.

    Example:
        >>> describe_turns([Turn("a")], ["room 1"], [(0, 3)])[0].span
        (0, 3)
    """
    entries = [
        _read_entries(name, given, len(turns)) for name, given in (("turn_states", states), ("turn_spans", spans))
    ]
    keys = [turn.state for turn in turns] if entries[0] is None else [state_key(x, "turn_states") for x in entries[0]]
    places = [turn.span for turn in turns] if entries[1] is None else [_read_span(x) for x in entries[1]]
    return tuple(replace(turn, state=key, span=place) for turn, key, place in zip(turns, keys, places, strict=True))


def _read_entries(name: str, given: Any, count: int) -> Sequence[Any] | None:
    """Return one entry for each turn; None if nothing is given."""
    entries = given.tolist() if hasattr(given, "tolist") else given
    if entries is None:
        return None
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        raise DataError(f"{name} is {entries!r:.80}; expected a list with an entry for each turn")
    if len(entries) != count:
        raise DataError(f"{name} has {len(entries)} entries; the completion has {count} turns")
    return entries


def _read_span(entry: Any) -> tuple[int, int]:
    try:
        start, end = map(int, entry)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"turn_spans: {entry!r:.80} is no pair of integers; expected first token and end") from None
    return start, end


def state_key(state: Any, owner: str) -> Hashable:
    """Return the key of what a turn saw: lists and arrays become tuples, because arrays hash by identity.

    Args:
        state: a text, a number, a list or an array of them, or anything else that can be hashed.
        owner: the column, for messages.

    Raises:
        DataError: it cannot be hashed; the message has it.

    Example:
        >>> state_key(["room", 1], "turn_states")
        ('room', 1)
    """
    state = state.tolist() if hasattr(state, "tolist") else state
    key = tuple(state_key(part, owner) for part in state) if isinstance(state, list) else state
    try:
        hash(key)
    except TypeError:
        raise DataError(f"{owner}: {key!r:.80} is no key; expected a text, a number, or a list of them") from None
    return key


def remove_thinking(messages: Sequence[Message], *, opened: bool = False) -> list[Message]:
    """Return messages without the thinking of the policy: what most reward models were trained on.

    A message without any is returned as it is; of a content of parts, those that are neither text nor thinking stay.

    Args:
        messages: a conversation.
        opened: the prompt's template opens the thinking.

    Example:
        >>> remove_thinking([{"role": "assistant", "reasoning_content": "2 + 2", "content": "<think>hm</think>4"}])
        [{'role': 'assistant', 'content': '4'}]
    """
    return [_remove_own(message, opened=opened) if is_assistant(message) else message for message in messages]


def _remove_own(message: Message, *, opened: bool) -> Message:
    fields: Any = {key: value for key, value in message.items() if key not in THINKING_FIELDS}
    content = message.get("content")
    if content is None:
        return fields  # type: ignore[no-any-return] # a message
    split = split_thinking(message_text(message), opened=opened and not message_thinking(message))
    has_markers = _has_markers(split)
    if isinstance(content, str):
        fields["content"] = split.answer if has_markers else content
        return fields  # type: ignore[no-any-return] # a message
    parts = [part for part in content_parts(message) if part["type"] not in THINKING_PARTS]
    if has_markers:
        others = [part for part in parts if part["type"] not in TEXT_PARTS]
        parts = [*([{"type": "text", "text": split.answer}] if split.answer else []), *others]
    fields["content"] = parts
    return fields  # type: ignore[no-any-return] # a message


def _has_markers(split: SplitText) -> bool:
    return split.origin != "completion" or bool(split.problem)


def join_messages(prompt: list[Message], completion: list[Message]) -> list[Message]:
    """Join the messages of prompt and completion; an unfinished message of the assistant is continued.

    Example:
        >>> join_messages([{"role": "assistant", "content": "It "}], [{"role": "assistant", "content": "is 4."}])
        [{'role': 'assistant', 'content': 'It is 4.'}]
    """
    if prompt and completion and is_assistant(prompt[-1]) and is_assistant(completion[0]):
        start, end = prompt[-1].get("content"), completion[0].get("content")
        if isinstance(start, str) and isinstance(end, str) and not prompt[-1].get("tool_calls"):
            joined: Any = {**completion[0], "content": start + end}
            return [*prompt[:-1], joined, *completion[1:]]
    return [*prompt, *completion]
