"""What a model is shown of a sample: its conversation, or prompt and completion as texts; thinking, images and steps."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from herokit.conversations.messages import (
    CALL_PARTS,
    IMAGE_PARTS,
    OTHER_PARTS,
    RESULT_PARTS,
    TEXT_PARTS,
    Message,
    ToolCall,
    content_parts,
    is_assistant,
    message_text,
    message_thinking,
    tool_calls,
)
from herokit.conversations.views import read_message_starts, remove_thinking
from herokit.errors import DataError
from herokit.reward_models.control_tokens import break_up, remove_end
from herokit.reward_models.process import Span, describe_steps, escape_step_token, insert_step_tokens, step_spans
from herokit.types import Sample, Status

__all__ = ["InputView", "Thinking", "UnscorableError"]

Thinking: TypeAlias = Literal["drop", "keep"]
"""What a model is shown of the policy's thinking: nothing, or all of it."""


class UnscorableError(Exception):
    """A sample has nothing that the model can score; its row gets the status and the reason, and no other row does.

    Attributes:
        reason: the reason, in words.
        status: `UNPARSED` if the policy caused it, `FAILED` otherwise.
    """

    def __init__(self, reason: str, status: Status = Status.FAILED) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


@dataclass(frozen=True, slots=True)
class InputView:
    """What one model is shown of a sample.

    Attributes:
        thinking: ``drop`` or ``keep``.
        ignore_images: images, sounds and files are left out; otherwise such a sample is unscorable, unless `takes_images`.
        takes_images: whether the model is sent them.
        system_prompt: the first message of a conversation that has no system message, ``""`` for none.
        step_token: of a process reward model: written after every step of the policy, and broken up elsewhere.
        separator: the text between two steps.
        control: matches the first character of each control token, which is broken up in every text of the sample; an end
            token that a trainer left at the end of the completion is removed. None leaves both.
        keep_templated: a prompt of text is left as it is, and so is an end token: both may be templated already.

    Example:
        >>> sample = Sample("2 + 2?", "<think>Easy.</think>4", group=0)
        >>> InputView().messages(sample)
        [{'role': 'user', 'content': '2 + 2?'}, {'role': 'assistant', 'content': '4'}]
        >>> InputView(thinking="keep").texts(sample)
        ('2 + 2?', '<think>Easy.</think>4')
    """

    thinking: Thinking = "drop"
    ignore_images: bool = False
    takes_images: bool = False
    system_prompt: str = ""
    step_token: str | None = None
    separator: str = "\n\n"
    control: re.Pattern[str] | None = None
    keep_templated: bool = False

    def messages(self, sample: Sample) -> list[Message]:
        """Return prompt and completion as one conversation, each content as text, or as parts if images are sent.

        Raises:
            UnscorableError: the policy answered nothing, or a part cannot be shown to the model.
        """
        _check_kinds(sample)
        original = sample.messages
        num_written = 1 if isinstance(sample.completion, str) else len(sample.completion)
        start = max(0, len(original) - num_written)
        try:
            messages = self.show(original[:start]) + self.show(original[start:], opened=sample.begins_in_thinking)
            self._check_answer(sample, original[start:], messages[start:])
        except DataError as error:
            raise UnscorableError(str(error)) from None
        messages = self._mark_steps(messages, start)
        if self.system_prompt and not (messages and messages[0].get("role") in ("system", "developer")):
            return [{"role": "system", "content": self.system_prompt}, *messages]
        return messages

    def texts(self, sample: Sample) -> tuple[str, str]:
        """Return prompt and completion for a plain template; of a completion of messages the last one of the policy.

        With ``thinking = "keep"`` it is everything that the policy wrote.

        Raises:
            UnscorableError: the policy answered nothing, or a part cannot be shown to the model.
        """
        _check_kinds(sample)
        written: list[Message] = (
            [{"role": "assistant", "content": sample.completion}]
            if isinstance(sample.completion, str)
            else list(sample.completion)
        )
        try:
            shown = self.show(written, opened=sample.begins_in_thinking)
            self._check_answer(sample, written, shown)
            if isinstance(sample.prompt, str):
                prompt = sample.prompt if self.keep_templated else break_up(sample.prompt, self.control)
            else:
                prompt = "\n".join(map(message_text, self.show(sample.prompt)))
        except DataError as error:
            raise UnscorableError(str(error)) from None
        if self.thinking == "keep":
            completion = self.escape(sample.completion_text)
        else:
            completion = message_text([m for m in shown if is_assistant(m)][-1])
        if self.step_token is None:
            return prompt, completion
        self._check_steps([completion])
        return (
            escape_step_token(prompt, self.step_token),
            insert_step_tokens(completion, self.separator, self.step_token),
        )

    def show(self, messages: Sequence[Message], *, opened: bool = False) -> list[Message]:
        """Return messages with each content as text, or as parts if images are sent; thinking as the setting says.

        Args:
            messages: a part of a conversation.
            opened: the first message of the policy begins inside the thinking.

        Raises:
            UnscorableError: a part cannot be shown to the model.
            DataError: a part has an unknown type.
        """
        shown = remove_thinking(messages, opened=opened) if self.thinking == "drop" else messages
        readable = [
            message if isinstance(message.get("content"), str | None) else self._show_parts(message)
            for message in shown
        ]
        return readable if self.control is None else [self._escape_message(message) for message in readable]

    def escape(self, text: str) -> str:
        """Return a text of the policy without control tokens; the end token of a templated completion stays."""
        if self.control is None:
            return text
        text, end = remove_end(text), text
        return cast("str", break_up(text, self.control)) + (end[len(text) :] if self.keep_templated else "")

    def _escape_message(self, message: Message) -> Message:
        content = message.get("content")
        fields: Any = break_up(message, self.control)
        if isinstance(content, str) and is_assistant(message):
            fields["content"] = self.escape(content)
        return cast("Message", fields)

    def _show_parts(self, message: Message) -> Message:
        """Return a message whose content is text, or text and images."""
        parts = content_parts(message)
        kinds = {part["type"] for part in parts}
        if kinds & RESULT_PARTS:
            raise UnscorableError(
                f"a message of the {message.get('role')} has a part 'tool_result'; expected a tool message"
            )
        media = sorted(kinds & (IMAGE_PARTS | OTHER_PARTS))
        if media and not (self.ignore_images or self.takes_images):
            raise UnscorableError(
                f"a message of the {message.get('role')} has a part {media[0]!r}, which the model cannot see; "
                "ignore_images = true scores the text alone"
            )
        fields: Any = {**message, "content": message_text(message)}
        if media and not self.ignore_images:
            fields["content"] = [
                {"type": "text", "text": str(part[TEXT_PARTS[part["type"]]])} if part["type"] in TEXT_PARTS else part
                for part in parts
                if part["type"] in TEXT_PARTS or part["type"] in media
            ]
        if thinking := message_thinking(message):
            fields["reasoning_content"] = thinking
        if kinds & CALL_PARTS:
            fields["tool_calls"] = [_call_entry(call) for call in tool_calls(message)]
        return cast("Message", fields)

    def _check_answer(self, sample: Sample, original: Sequence[Message], shown: Sequence[Message]) -> None:
        """Check that something is left of the policy's last message; one that was empty from the start is an answer."""
        last = next((k for k in reversed(range(len(shown))) if is_assistant(shown[k])), None)
        if last is None:
            raise UnscorableError("no message of the policy", Status.UNPARSED)
        before, after = original[last], shown[last]
        if self.thinking == "keep" or after.get("tool_calls") or not isinstance(after.get("content"), str | None):
            return
        had_thinking = bool(message_thinking(before) or message_text(before).strip())
        if had_thinking and not message_text(after).strip():
            raise UnscorableError(sample.final.problem or "only thinking", Status.UNPARSED)

    def _check_steps(self, texts: Sequence[str]) -> None:
        if not any(text.strip() for text in texts):
            raise UnscorableError("no step: the policy wrote no text", Status.UNPARSED)

    def step_spans(self, sample: Sample) -> list[Span] | None:
        """Return where the steps that are scored are in `sample.completion_text`, in characters; None if they cannot be found.

        Raises:
            UnscorableError: a part cannot be shown to the model.
        """
        plain = replace(self, control=None)
        if isinstance(sample.completion, str):
            written: Sequence[Message] = [{"role": "assistant", "content": sample.completion}]
        else:
            written = sample.completion
        try:
            shown = plain.show(written, opened=sample.begins_in_thinking)
        except DataError as error:
            raise UnscorableError(str(error)) from None
        starts = read_message_starts(
            sample.completion, opened=sample.begins_in_thinking, keep_thinking=self.thinking == "keep"
        )
        spans: list[Span] = []
        for start, message in zip(starts, filter(is_assistant, shown), strict=True):
            steps = step_spans(message_text(message), self.separator)
            if steps and start is None:
                return None
            spans += [(start + i, start + j) for i, j in steps if start is not None]
        return spans

    def describe(self, sample: Sample) -> str:
        """Say what is odd about a completion that is scored, ``""`` for nothing."""
        notes = [] if self.step_token is None else [describe_steps(sample.final_text, self.separator)]
        try:
            sample.completion_text.encode()
        except UnicodeEncodeError:
            notes.append("half of a surrogate pair was read as '?'")
        return "; ".join(filter(None, notes))

    def _mark_steps(self, messages: list[Message], start: int) -> list[Message]:
        """Write the step token after each step of the policy's messages from `start` on, and break up every other one."""
        token = self.step_token
        if token is None:
            return messages
        marked: list[Any] = [_escape(message, token) for message in messages]
        self._check_steps([message_text(message) for message in messages[start:] if is_assistant(message)])
        for k in range(start, len(messages)):
            text = messages[k].get("content")
            if is_assistant(messages[k]) and isinstance(text, str) and not (marked[k].get("tool_calls") and not text):
                marked[k]["content"] = insert_step_tokens(text, self.separator, token)
        return marked


def _check_kinds(sample: Sample) -> None:
    """Check that prompt and completion are texts or lists of messages: a row of another kind must not stop a batch."""
    for name in ("prompt", "completion"):
        value = getattr(sample, name)
        is_list = isinstance(value, Sequence | np.ndarray)
        is_messages = is_list and all(isinstance(message, Mapping) for message in value)
        if not (isinstance(value, str) or is_messages):
            raise UnscorableError(f"the {name} is {value!r:.80}; expected a text or a list of messages")


def _call_entry(call: ToolCall) -> dict[str, Any]:
    """Return a call as an entry of ``tool_calls``, its arguments by name if they are."""
    arguments: Any = call.text if call.arguments is None else dict(call.arguments)
    return {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _escape(value: Any, token: str) -> Any:
    """Break up the step token in every text of a message."""
    if isinstance(value, str):
        return escape_step_token(value, token)
    if isinstance(value, Mapping):
        return {key: _escape(part, token) for key, part in value.items()}
    return [_escape(part, token) for part in value] if isinstance(value, list | tuple) else value
