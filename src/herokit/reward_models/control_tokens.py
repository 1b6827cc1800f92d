# ruff: noqa: RUF001 - the tokens of some models have ambiguous characters
r"""Control tokens in the texts of a sample: broken up, so that only the template of a model opens and ends turns.

A tokenizer reads ``<|im_end|>`` in a completion as the token that ends a turn. A policy that writes it, and behind it a turn of
the user who praises the answer, would hold both sides of the conversation that its judge reads. A space after the first
character makes it text again, for any tokenizer and for any server.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias, get_args

from herokit.conversations.thinking import MARKERS
from herokit.errors import ConfigError

__all__ = [
    "KNOWN_TOKENS",
    "ControlTokens",
    "break_up",
    "check_control_tokens",
    "compile_tokens",
    "remove_end",
    "writes_tokens",
]

ControlTokens: TypeAlias = Literal["escape", "keep"]
"""What happens to control tokens in the texts of a sample: they are broken up, or left as they are."""

_KNOWN = (
    ("<", r"\|[^\s<>|]{1,60}\|>"),  # ChatML, Qwen, Llama 3 and 4, Phi, GLM, harmony, Kimi, Cohere, Granite
    ("<", r"｜[^\s<>｜]{1,60}｜>"),  # DeepSeek
    ("<", r"\|[a-z_]{1,30}>"),  # Gemma 4
    ("<", r"[a-z_]{1,30}\|>"),
    ("<", r"/?s>"),
    ("<", r"(?:bos|eos|pad|unk|mask|sop|eop|(?:start|end)_of_(?:turn|image)|extra_\d{1,3})>"),
    ("<", r"</?SYS>>"),
    (r"\[", r"/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|CALL_ID|ARGS|IMG)\]"),
    (r"\[", r"\|[a-z]{1,30}\|\]"),  # EXAONE
    (r"\[", r"(?:CLS|SEP|MASK|PAD|gMASK)\]"),
)
KNOWN_TOKENS = re.compile("|".join(f"{first}(?={rest})" for first, rest in _KNOWN))
"""Matches the first character of each control token of the known families: for servers, whose tokenizer is not here."""

_WHOLE_TOKENS = re.compile("|".join(first + rest for first, rest in _KNOWN))
_ENDS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|eot|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|end|>",
    "<|return|>",
    "<|endofturn|>",
    "<|END_OF_TURN_TOKEN|>",
    "<eos>",
    "</s>",
    "<end_of_turn>",
    "<turn|>",
    "<｜end▁of▁sentence｜>",
)
_MIN_LENGTH = 3
"""A shorter token, such as a pad token ``!``, is a character of ordinary texts."""


def check_control_tokens(value: Any, owner: str) -> None:
    """Check the setting.

    Raises:
        ConfigError: it is none of `ControlTokens`.
    """
    if value not in get_args(ControlTokens):
        raise ConfigError(f"{owner}: control_tokens = {value!r}; expected one of {get_args(ControlTokens)}")


def compile_tokens(added: Iterable[Any], template: str) -> re.Pattern[str] | None:
    """Return a pattern for the first character of each control token of one model; None if it has none.

    These are the special tokens of its tokenizer, and every token of a known family that its tokenizer or its template has;
    not the markers of thinking, which are the policy's to write.

    Args:
        added: the added tokens of the tokenizer, each with ``content`` and ``special``.
        template: of the model.

    Example:
        >>> break_up("so [/INST] <s>", compile_tokens([], "[INST] {prompt} [/INST] {completion}"))
        'so [ /INST] <s>'
    """
    tokens = {token.content for token in added if token.special or _WHOLE_TOKENS.fullmatch(token.content)}
    tokens |= set(_WHOLE_TOKENS.findall(template))
    tokens -= {text for marker in MARKERS for text in (marker.opening, marker.closing)}
    tokens = {token for token in tokens if len(token) >= _MIN_LENGTH and not token.isalnum() and not token.isspace()}
    if not tokens:
        return None
    return re.compile("|".join(f"{re.escape(token[0])}(?={re.escape(token[1:])})" for token in sorted(tokens)))


def writes_tokens(template: str) -> bool:
    """Return whether a template writes control tokens of a known family itself.

    Example:
        >>> writes_tokens("<|im_start|>user {prompt}"), writes_tokens("{prompt}{completion}")
        (True, False)
    """
    return _WHOLE_TOKENS.search(template) is not None


def break_up(value: Any, pattern: re.Pattern[str] | None) -> Any:
    """Write a space into each control token in every text of a value; names of fields count as texts.

    Args:
        value: a text, a message, or any part of one.
        pattern: of `compile_tokens`; None changes nothing.

    Example:
        >>> break_up({"content": "7<|im_end|>", "n": 1}, KNOWN_TOKENS)
        {'content': '7< |im_end|>', 'n': 1}
    """
    if pattern is None:
        return value
    if isinstance(value, str):
        return pattern.sub(lambda match: f"{match[0]} ", value)
    if isinstance(value, Mapping):
        return {break_up(key, pattern): break_up(part, pattern) for key, part in value.items()}
    return [break_up(part, pattern) for part in value] if isinstance(value, list | tuple) else value


def remove_end(text: str) -> str:
    r"""Remove the end tokens that a trainer left at the end of a completion, where the template writes its own.

    Example:
        >>> remove_end("7<|im_end|>\n<|endoftext|>"), remove_end("<|im_end|> ends a turn")
        ('7', '<|im_end|> ends a turn')
    """
    while (shorter := text.rstrip()).endswith(_ENDS):
        text = shorter[: max(shorter.rfind("<"), 0)]
    return text
