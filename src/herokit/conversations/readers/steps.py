"""Rollouts that are kept as steps, each with what the policy did and what the world answered: ATIF, rLLM, SkyRL, OpenEnv."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from herokit.conversations.messages import Message
from herokit.conversations.readers.chat import level_messages, read_error
from herokit.conversations.readers.rollout import (
    Conversation,
    as_list,
    find_truncation,
    make_conversation,
    sum_turn_rewards,
    to_number,
)
from herokit.errors import DataError

__all__ = [
    "new_messages",
    "read_atif",
    "read_openenv",
    "read_rllm",
    "read_skyrl",
    "read_text_or_messages",
]

_NO_TEXT = frozenset({"reward", "done", "metadata", "type", "is_error", "error", "tool_name"})


def _to_text(value: Any) -> str:
    """Return the text of an action or an observation: its one text field, or JSON if it has several fields."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, Mapping):
        filled = {key: item for key, item in value.items() if key not in _NO_TEXT and item not in (None, "", [], {})}
        if len(filled) == 1 and isinstance(text := next(iter(filled.values())), str):
            return text
        if not filled and isinstance(value.get("error"), str):
            return str(value["error"])
        if not filled:
            return ""
        value = filled
    return json.dumps(value, ensure_ascii=False, default=str)


def read_text_or_messages(value: Any, role: str, place: str) -> list[Message]:
    """Return a text as one message of a role, and messages levelled.

    Raises:
        DataError: it is neither.
    """
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    return level_messages(as_list(value, place), place)


def new_messages(chat: Sequence[Message]) -> list[Message]:
    """Return what a step adds to a conversation: its last message of the policy and what stands before that.

    The histories of later steps are not compared: many templates drop the thinking of earlier turns.
    """
    policy = [i for i, message in enumerate(chat) if message.get("role") == "assistant"]
    begin = policy[-2] + 1 if len(policy) > 1 else 0
    return [message for message in chat[begin:] if message.get("role") != "system"]


def read_rllm(value: Any, place: str) -> list[Conversation]:
    """Read an episode of rLLM, or one of its trajectories; every trajectory is a rollout."""
    if "trajectories" not in value:
        return [_read_trajectory(value, place)]
    trajectories = as_list(value["trajectories"], f"{place}: trajectories")
    return [_read_trajectory(trajectory, f"{place}: trajectory {i}") for i, trajectory in enumerate(trajectories)]


def _read_trajectory(value: Mapping[str, Any], place: str) -> Conversation:
    prompt: list[Message] = []
    completion: list[Message] = []
    rewards: dict[int, float | None] = {}
    num_tokens = 0
    steps = as_list(value.get("steps"), f"{place}: steps")
    for number, step in enumerate(steps):
        messages = _read_step(step, f"{place}: step {number}", first=number == 0)
        if number == 0:
            prompt, messages = messages[:-1], messages[-1:]
        completion += messages
        rewards[len(completion) - 1] = to_number(step.get("reward"))
        num_tokens += len(step.get("response_ids") or ())
    return make_conversation(
        prompt,
        completion,
        "rllm",
        place,
        name=str(value.get("name") or ""),
        reward=to_number(value.get("reward")),
        turn_rewards=sum_turn_rewards(completion, rewards),
        num_tokens=num_tokens or None,
    )


def _read_step(step: Mapping[str, Any], place: str, *, first: bool) -> list[Message]:
    """Return the new messages of a step; the last one is the policy's."""
    chat = step.get("chat_completions")
    written = step.get("model_response") or None  # the empty text is a default
    if chat:
        messages = level_messages(as_list(chat, f"{place}: chat_completions"), place)
        while messages and messages[-1]["role"] != "assistant" and written is None:
            messages.pop()
        if messages and messages[-1]["role"] == "assistant":
            return messages if first else new_messages(messages)
        added = [*messages, _policy_message(written, place)]
        return added if first else new_messages(added)
    observation = step.get("observation")
    before: list[Message] = [{"role": "user", "content": _to_text(observation)}] if observation is not None else []
    if written is not None:
        return [*before, _policy_message(written, place)]
    message = _policy_message(step.get("action"), place)
    if step.get("thought"):
        message["reasoning_content"] = str(step["thought"])
    return [*before, message]


def _policy_message(value: Any, place: str) -> Message:
    if value is None:
        raise DataError(
            f"{place} has no text of the policy: none of chat_completions, model_response, action, postprocessed_action"
        )
    return {"role": "assistant", "content": _to_text(value)}


def read_skyrl(value: Any, place: str) -> list[Conversation]:
    """Read the steps of a SkyRL gym environment: a list of them, or an object with ``prompt`` and ``steps``."""
    whole = value if isinstance(value, Mapping) else {"steps": value}
    history = whole.get("prompt") or whole.get("chat_history") or []
    prompt = read_text_or_messages(history, "user", f"{place}: prompt")
    completion: list[Message] = []
    rewards: dict[int, float | None] = {}
    steps = as_list(whole.get("steps", [whole]), f"{place}: steps")
    for number, step in enumerate(steps):
        at = f"{place}: step {number}"
        action = next((step[key] for key in ("action", "postprocessed_action") if step.get(key) is not None), None)
        rewards[len(completion)] = to_number(step.get("reward"))
        completion.append(_policy_message(action, at))
        completion += level_messages(
            as_list(step.get("observations") or [], f"{at}: observations"), f"{at}: observations"
        )
    return [_with_step_rewards(prompt, completion, "skyrl", place, rewards, whole)]


def _with_step_rewards(
    prompt: list[Message],
    completion: list[Message],
    layout: str,
    place: str,
    rewards: Mapping[int, float | None],
    whole: Mapping[str, Any],
) -> Conversation:
    """Return a conversation whose reward is that of the whole, or the sum of its steps."""
    given = [reward for reward in rewards.values() if reward is not None]
    total = to_number(whole.get("reward"))
    return make_conversation(
        prompt,
        completion,
        layout,
        place,
        reward=total if total is not None else sum(given) if given else None,
        turn_rewards=sum_turn_rewards(completion, rewards),
        truncated=find_truncation(whole.get("stop_reason")),
    )


def read_openenv(value: Any, place: str) -> list[Conversation]:
    """Read the results of an OpenEnv environment's steps, each with the action before it; the first may be that of a reset."""
    whole = value if isinstance(value, Mapping) else {"steps": value}
    prompt = read_text_or_messages(whole.get("prompt") or [], "user", f"{place}: prompt")
    completion: list[Message] = []
    rewards: dict[int, float | None] = {}
    steps = as_list(whole.get("steps"), f"{place}: steps")
    for number, step in enumerate(steps):
        at = f"{place}: step {number}"
        action, observation = step.get("action"), step.get("observation")
        text = _to_text(observation)
        answer: list[Message] = [{"role": "user", "content": text}] if text else []
        if action is None and number == 0:  # of a reset
            prompt += answer
            continue
        if action is None:
            raise DataError(f"{at} has no action: what the policy wrote; it has {', '.join(step)}")
        rewards[len(completion)] = to_number(step.get("reward"))
        completion += _act(action, observation, answer, number)
    return [_with_step_rewards(prompt, completion, "openenv", place, rewards, whole)]


def _act(action: Any, observation: Any, answer: list[Message], number: int) -> list[Message]:
    """Return the messages of an action and its observation; a call of a tool is one."""
    if not isinstance(action, Mapping) or not action.get("tool_name"):
        return [{"role": "assistant", "content": _to_text(action)}, *answer]
    call_id = f"step-{number}"
    function = {"name": str(action["tool_name"]), "arguments": dict(action.get("arguments") or {})}
    call = {"id": call_id, "type": "function", "function": function}
    result: dict[str, Any] = {"role": "tool", "tool_call_id": call_id, "name": function["name"]}
    result["content"] = _to_text(observation)
    if isinstance(observation, Mapping) and (error := read_error(observation)) is not None:
        result["is_error"] = error
    messages: list[Any] = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        *([] if observation is None else [result]),
    ]
    return messages


_ATIF_ROLES = {"system": "system", "user": "user", "agent": "assistant"}


def read_atif(value: Any, place: str) -> list[Conversation]:
    """Read an ATIF trajectory, versions 1.x; a result of a tool stands in the agent's own step."""
    version = str(value.get("schema_version", "ATIF-v1"))
    if not version.startswith("ATIF-v1"):
        raise DataError(f"{place}: unknown version {version!r:.40}; expected ATIF-v1.0 to ATIF-v1.7")
    messages: list[Message] = []
    first: int | None = None
    tokens: list[int | None] = []
    for number, step in enumerate(as_list(value.get("steps"), f"{place}: steps")):
        at = f"{place}: step {number}"
        if step.get("source") not in _ATIF_ROLES:
            raise DataError(f"{at}: unknown source {step.get('source')!r:.60}; expected agent, system or user")
        if step["source"] == "agent" and not step.get("is_copied_context"):
            first = len(messages) if first is None else first
            tokens.append(_count_tokens(step.get("metrics")))
        messages += _read_atif_step(step, at)
    if first is None:
        raise DataError(
            f"{place}: no step of the agent; the sources are {', '.join(str(s['source']) for s in value['steps'])}"
        )
    known = [count for count in tokens if count is not None]
    return [
        make_conversation(
            messages[:first],
            messages[first:],
            "atif",
            place,
            name=str(value.get("session_id") or ""),
            num_tokens=sum(known) if len(known) == len(tokens) else None,
        )
    ]


def _count_tokens(metrics: Any) -> int | None:
    if not isinstance(metrics, Mapping):
        return None
    ids, count = metrics.get("completion_token_ids"), metrics.get("completion_tokens")
    return len(ids) if isinstance(ids, list | tuple) else count if isinstance(count, int) else None


def _read_atif_step(step: Mapping[str, Any], place: str) -> list[Message]:
    message: dict[str, Any] = {"role": _ATIF_ROLES[step["source"]], "content": step.get("message")}
    for key in ("reasoning_content", "tool_calls"):
        if step.get(key):
            message[key] = step[key]
    calls = step.get("tool_calls") or []
    results = []
    for result in as_list((step.get("observation") or {}).get("results") or [], f"{place}: observation"):
        call_id = result.get("source_call_id") or (calls[0].get("tool_call_id") if len(calls) == 1 else None)
        content = result.get("content")
        if content is None and result.get("subagent_trajectory_ref") is not None:
            content = json.dumps(result["subagent_trajectory_ref"], ensure_ascii=False, default=str)
        results.append({**result, "role": "tool" if call_id else "user", "tool_call_id": call_id, "content": content})
    for entry in results:
        if entry["role"] == "user":
            for key in ("tool_call_id", "source_call_id", "extra", "subagent_trajectory_ref"):
                entry.pop(key, None)
    return level_messages([message, *results], place)
