"""Rollouts of trainers and evaluations: verifiers, NeMo-RL, verl, TRL, inspect, OpenAI's and Anthropic's requests, ShareGPT."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from herokit.conversations.messages import Message
from herokit.conversations.readers.chat import ROLES, first_sampled, level_messages
from herokit.conversations.readers.rollout import (
    Conversation,
    Decode,
    as_list,
    find_truncation,
    make_conversation,
    split_messages,
    sum_turn_rewards,
    to_number,
)
from herokit.conversations.readers.steps import new_messages, read_text_or_messages
from herokit.errors import DataError

__all__ = [
    "level_turns",
    "read_anthropic",
    "read_chat",
    "read_inspect",
    "read_nemo_rl",
    "read_pair",
    "read_sharegpt",
    "read_trace",
    "read_verifiers",
    "read_verl",
]


def _split(values: Sequence[Any], place: str, begin: int | None = None) -> tuple[list[Message], list[Message]]:
    """Level a whole conversation and split it at `begin`, at the first message marked as sampled, or by its roles."""
    begin = first_sampled(values) if begin is None else begin
    if begin is None:
        return split_messages(level_messages(values, place), place)
    return level_messages(values[:begin], place), level_messages(values[begin:], place, begin)


def read_chat(value: Any, place: str, layout: str = "openai-chat") -> list[Conversation]:
    """Read messages of the chat format: a list, an object with ``messages``, or a response with ``choices``."""
    if isinstance(value, Mapping) and value.get("choices"):
        return _read_choices(value, place, layout)
    messages = value["messages"] if isinstance(value, Mapping) else value
    prompt, completion = _split(as_list(messages, place), place)
    return [make_conversation(prompt, completion, layout, place)]


def _read_choices(value: Mapping[str, Any], place: str, layout: str) -> list[Conversation]:
    prompt = level_messages(as_list(value.get("messages") or [], f"{place}: messages"), place)
    choices = as_list(value["choices"], f"{place}: choices")
    usage = value.get("usage")
    tokens = usage.get("completion_tokens") if isinstance(usage, Mapping) and len(choices) == 1 else None
    return [
        make_conversation(
            prompt,
            level_messages([choice.get("message") or choice], f"{place}: choice {number}"),
            layout,
            place,
            name=str(number) if len(choices) > 1 else "",
            num_tokens=tokens,
            truncated=find_truncation(choice.get("finish_reason", choice.get("stop_reason"))),
        )
        for number, choice in enumerate(choices)
    ]


def read_pair(value: Any, place: str, layout: str = "trl") -> list[Conversation]:
    """Read an object with ``prompt`` and ``completion``, each a text or messages, as TRL has them."""
    prompt = read_text_or_messages(value.get("prompt") or [], "user", f"{place}: prompt")
    completion = read_text_or_messages(value.get("completion"), "assistant", f"{place}: completion")
    truncated = find_truncation(value.get("is_truncated"), value.get("truncated"))
    reward = to_number(value.get("reward"))
    return [make_conversation(prompt, completion, layout, place, reward=reward, truncated=truncated)]


def read_verifiers(value: Any, place: str) -> list[Conversation]:
    """Read a state of verifiers 0.x; the rewards of its trajectory's steps are those of the turns."""
    steps = as_list(value.get("trajectory") or [], f"{place}: trajectory")
    if not steps:
        return read_pair(value, place, "verifiers")
    prompt: list[Message] = []
    completion: list[Message] = []
    rewards: dict[int, float | None] = {}
    for number, step in enumerate(steps):
        at = f"{place}: step {number}"
        before = read_text_or_messages(step.get("prompt") or [], "user", f"{at}: prompt")
        written = read_text_or_messages(step.get("completion"), "assistant", f"{at}: completion")
        if number == 0:
            prompt = before
        else:
            completion += new_messages([*before, {"role": "assistant", "content": ""}])[:-1]
        rewards[len(completion)] = to_number(step.get("reward"))
        completion += written
    return [
        make_conversation(
            prompt,
            completion,
            "verifiers",
            place,
            reward=to_number(value.get("reward")),
            turn_rewards=sum_turn_rewards(completion, rewards),
            truncated=find_truncation(steps[-1].get("is_truncated"), value.get("is_truncated")),
        )
    ]


def read_trace(value: Any, place: str) -> list[Conversation]:
    """Read a trace of verifiers 1.x: a tree of messages, in which every path from the root to a leaf is a rollout."""
    nodes = as_list(value.get("nodes"), f"{place}: nodes")
    numbers = {node.get("id"): number for number, node in enumerate(nodes) if node.get("id") is not None}
    parents = [
        _find_parent(node.get("parent"), numbers, len(nodes), f"{place}: node {i}") for i, node in enumerate(nodes)
    ]
    leaves = [number for number in range(len(nodes)) if number not in parents]
    if not leaves:
        raise DataError(f"{place}: the {len(nodes)} nodes have no leaf: each is the parent of another")
    branches = []
    for leaf in leaves:
        path: list[int] = []
        node: int | None = leaf
        while node is not None:
            path.append(node)
            if len(path) > len(nodes):
                raise DataError(f"{place}: node {leaf} is its own ancestor")
            node = parents[node]
        branches.append([nodes[number] for number in reversed(path)])
    read = [_read_branch(branch, value, place, str(leaf)) for branch, leaf in zip(branches, leaves, strict=True)]
    rollouts = [branch for branch in read if branch is not None]
    if not rollouts:
        raise DataError(f"{place}: no node is marked as sampled by the policy")
    return rollouts


def _find_parent(parent: Any, numbers: Mapping[Any, int], count: int, place: str) -> int | None:
    if parent is None or parent == -1:
        return None
    number = numbers.get(parent, parent)
    if not isinstance(number, int) or not 0 <= number < count:
        raise DataError(f"{place}: its parent {parent!r:.40} is no node; there are {count}")
    return number


def _read_branch(
    branch: Sequence[Mapping[str, Any]], trace: Mapping[str, Any], place: str, name: str
) -> Conversation | None:
    """Return a path as a rollout; None if the policy wrote nothing on it."""
    begin = next((i for i, node in enumerate(branch) if node.get("sampled")), None)
    if begin is None:
        return None
    messages = [node.get("message") for node in branch]
    sampled = [node for node in branch if node.get("sampled")]
    counts = [
        sum(map(bool, node["mask"])) if node.get("mask") else len(node.get("token_ids") or ()) for node in sampled
    ]
    reasons = (sampled[-1].get("finish_reason"), trace.get("is_truncated"))
    return make_conversation(
        level_messages(messages[:begin], place),
        level_messages(messages[begin:], place, begin),
        "verifiers-trace",
        f"{place}: branch {name}",
        name=name,
        reward=to_number(trace.get("reward")),
        num_tokens=sum(counts) or None,
        truncated=find_truncation(*reasons),
    )


def read_nemo_rl(value: Any, place: str) -> list[Conversation]:
    """Read a message log of NeMo-RL, or a batch of them."""
    logs = value["message_log"] if isinstance(value, Mapping) else value
    if not isinstance(logs, list | tuple):
        raise DataError(f"{place}: message_log must be a list, got {logs!r}"[:300])
    if logs and isinstance(logs[0], list | tuple):
        rewards = value.get("total_reward") if isinstance(value, Mapping) else None
        rewards = rewards if isinstance(rewards, list | tuple) else [None] * len(logs)
        entries = enumerate(zip(logs, rewards, strict=True))
        return [_read_log(log, reward, f"{place}: message_log {i}", str(i)) for i, (log, reward) in entries]
    return [_read_log(logs, value.get("total_reward") if isinstance(value, Mapping) else None, place, "")]


def _read_log(log: Any, reward: Any, place: str, name: str) -> Conversation:
    values = as_list(log, place)
    begin = first_sampled(values)
    if begin is None:
        begin = next((i for i, message in enumerate(values) if message.get("role") == "assistant"), len(values))
    prompt, completion = _split(values, place, begin)
    written = [message for message in values[begin:] if message.get("role") == "assistant"]
    tokens = sum(len(message.get("token_ids") or ()) for message in written)
    return make_conversation(
        prompt, completion, "nemo-rl", place, name=name, reward=to_number(reward), num_tokens=tokens or None
    )


def read_verl(value: Any, place: str, decode: Decode | None = None) -> list[Conversation]:
    """Read an AgentLoopOutput of verl with its ``raw_prompt``: messages, a text, or tokens and `decode`."""
    extra = value.get("extra_fields") or {}
    raw_prompt = value.get("raw_prompt") or extra.get("raw_prompt") or []
    prompt = level_messages(as_list(raw_prompt, f"{place}: raw_prompt"), f"{place}: raw_prompt")
    messages = value.get("messages") or extra.get("messages")
    texts = (value.get(key) for key in ("response", "response_text", "responses", "solution_str", "output"))
    text = next((text for text in texts if isinstance(text, str)), None)
    mask = value.get("response_mask")
    if messages:
        completion = level_messages(as_list(messages, place)[len(raw_prompt) :], place, len(raw_prompt))
    elif text is not None:
        completion = [{"role": "assistant", "content": text}]
    elif decode is not None and value.get("response_ids"):
        completion = _decode_runs(value["response_ids"], mask, decode, place)
        prompt = prompt or [{"role": "user", "content": decode(value.get("prompt_ids") or ())}]
    else:
        raise DataError(
            f"{place}: no text of the policy among {', '.join(map(str, value))}: pass decode=tokenizer.decode to read "
            "response_ids, or add messages or response"
        )
    return [
        make_conversation(
            prompt,
            completion,
            "verl",
            place,
            reward=to_number(value.get("reward_score")),
            num_tokens=sum(map(bool, mask)) if mask else None,
        )
    ]


def _decode_runs(tokens: Sequence[int], mask: Sequence[int] | None, decode: Decode, place: str) -> list[Message]:
    """Return one message per run of the mask: 1 is of the policy, 0 of the world."""
    mask = mask or [1] * len(tokens)
    if len(mask) != len(tokens):
        raise DataError(f"{place}: response_mask has {len(mask)} entries for {len(tokens)} response_ids")
    starts = [i for i in range(len(tokens)) if i == 0 or bool(mask[i]) != bool(mask[i - 1])]
    ends = [*starts[1:], len(tokens)]
    return [
        {"role": "assistant" if mask[low] else "user", "content": decode(tokens[low:high])}
        for low, high in zip(starts, ends, strict=True)
    ]


def read_inspect(value: Any, place: str) -> list[Conversation]:
    """Read a sample of an inspect log, its messages, or the output of a model."""
    if not isinstance(value, Mapping):
        return read_chat(value, place, "inspect")
    output = value.get("output") or {}
    choices = output.get("choices") or []
    truncated = find_truncation(choices[-1].get("stop_reason")) if choices else None
    if value.get("messages"):
        given = value.get("input")
        begin = first_sampled(value["messages"])
        if begin is None and given is not None:
            begin = len(given) if isinstance(given, list) else None
        prompt, completion = _split(as_list(value["messages"], f"{place}: messages"), place, begin)
    elif "choices" in value:
        return _read_choices(value, place, "inspect")
    else:
        prompt = read_text_or_messages(value.get("input") or [], "user", f"{place}: input")
        written = [choice.get("message") for choice in choices[:1]]
        completion = level_messages(written, f"{place}: output")
    return [make_conversation(prompt, completion, "inspect", place, truncated=truncated)]


def read_anthropic(value: Any, place: str) -> list[Conversation]:
    """Read messages of Anthropic's API: a list, a request with ``system``, or a response with blocks."""
    system: list[Message] = []
    truncated = None
    if isinstance(value, Mapping):
        if value.get("system"):
            system = level_messages([{"role": "system", "content": value["system"]}], f"{place}: system")
        if "messages" not in value:
            message = {"role": value.get("role", "assistant"), "content": value.get("content")}
            truncated = find_truncation(value.get("stop_reason"))
            usage = value.get("usage")
            tokens = usage.get("output_tokens") if isinstance(usage, Mapping) else None
            written = level_messages([message], place)
            return [make_conversation(system, written, "anthropic", place, num_tokens=tokens, truncated=truncated)]
        value = value["messages"]
    if value and all(isinstance(block, Mapping) and "role" not in block for block in value):  # blocks of one response
        value = [{"role": "assistant", "content": value}]
    prompt, completion = _split(as_list(value, place), place)
    return [make_conversation([*system, *prompt], completion, "anthropic", place)]


_SHAREGPT_ROLES = ROLES | {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}


def read_sharegpt(value: Any, place: str) -> list[Conversation]:
    """Read turns with ``from`` and ``value``."""
    messages: list[Message] = []
    if isinstance(value, Mapping) and isinstance(value.get("system"), str) and value["system"]:
        messages = [{"role": "system", "content": value["system"]}]
    messages += level_turns(value["conversations"] if isinstance(value, Mapping) else value, place)
    prompt, completion = split_messages(messages, place)
    return [make_conversation(prompt, completion, "sharegpt", place)]


def level_turns(turns: Any, place: str) -> list[Message]:
    """Return turns of ShareGPT in the chat format."""
    messages: list[dict[str, Any]] = []
    for number, turn in enumerate(as_list(turns, place)):
        role, at = turn.get("from"), f"{place}: turn {number}"
        if not isinstance(role, str):
            raise DataError(f"{at} has no from, which is its role; it has {', '.join(map(str, turn)) or 'no keys'}")
        if "value" not in turn:
            raise DataError(f"{at} has no value, which is its text; it has {', '.join(map(str, turn))}")
        if role == "function_call":
            messages.append({"role": "assistant", "content": None, "tool_calls": _parse_calls(turn["value"], at)})
        elif role in _SHAREGPT_ROLES:
            messages.append({"role": _SHAREGPT_ROLES[role], "content": turn["value"]})
        else:
            known = ", ".join(sorted({*_SHAREGPT_ROLES, "function_call"}))
            raise DataError(f"{at}: unknown role {role!r:.60}; known: {known}")
    return level_messages(messages, place)


def _parse_calls(text: Any, place: str) -> list[dict[str, Any]]:
    try:
        calls = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return [{"function": {"name": "", "arguments": text}}]
    return as_list(calls if isinstance(calls, list) else [calls], place)
