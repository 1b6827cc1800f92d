"""Render a checkpoint's chat template as transformers does, without transformers."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from herokit.reward_models.inputs import UnscorableError

__all__ = ["render_chat"]

_THINKING_FIELDS = ("reasoning_content", "thinking", "reasoning")


class _Generation(Extension):
    """``{% generation %}`` marks what the assistant wrote; the text inside is rendered as it is."""

    tags = {"generation"}  # noqa: RUF012 - jinja's own form

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        return nodes.Scope(list(parser.parse_statements(("name:endgeneration",), drop_needle=True)), lineno=line)


class _PublicNamespace(Namespace):
    """A namespace whose names do not begin with an underscore, as those of Python's own attributes do."""

    def __init__(*args: Any, **values: Any) -> None:
        self, *more = args
        for name in values:
            _check_public(name)
        Namespace.__init__(self, *more, **values)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_public(name)
        super().__setitem__(name, value)


def _check_public(name: str) -> None:
    if name.startswith("_"):
        raise SecurityError(f"a name of a namespace begins with an underscore: {name!r}")


def render_chat(template: str, messages: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]) -> str:
    """Return a conversation as a chat template writes it, special tokens included.

    Keys of a message without a value are left out, and thinking is passed under all of its names, as transformers 5 does.
    The template runs in jinja's sandbox.

    Args:
        template: of the checkpoint.
        messages: the conversation.
        variables: texts of special tokens, such as ``bos_token``.

    Raises:
        UnscorableError: the template rejects the conversation, or fails.

    Example:
        >>> template = "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}"
        >>> render_chat(template, [{"role": "user", "content": "1 + 1?"}], {"bos_token": "<s>"})
        '<s>[user] 1 + 1?'
    """
    try:
        chat = [_with_thinking(_plain({k: v for k, v in message.items() if v is not None})) for message in messages]
        render = _compile(template)
        return render(messages=chat, tools=None, documents=None, add_generation_prompt=False, **variables)
    except Exception as error:  # a template raises its own errors and any of Python's
        raise UnscorableError(f"the chat template raised {type(error).__name__}: {error}"[:300]) from error


@lru_cache(maxsize=16)
def _compile(template: str) -> Callable[..., str]:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals |= {
        "raise_exception": _raise_exception,
        "strftime_now": _strftime_now,
        "namespace": _PublicNamespace,
    }
    return environment.from_string(template).render


def _to_json(
    value: Any,
    ensure_ascii: bool = False,  # noqa: FBT001, FBT002 - templates may pass these by position
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _strftime_now(format: str) -> str:  # noqa: A002 - the name that templates pass
    return datetime.now().strftime(format)  # noqa: DTZ005 - the local time, as in transformers


def _with_thinking(message: dict[str, Any]) -> dict[str, Any]:
    thinking = next((message[key] for key in _THINKING_FIELDS if key in message), None)
    return message if thinking is None else {"thinking": thinking, **message, "reasoning_content": thinking}


def _plain(value: Any) -> Any:
    """Return plain values: an object has methods that a template could call."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "tolist"):  # of numpy
        return _plain(value.tolist())
    return f"<{type(value).__name__}>"
