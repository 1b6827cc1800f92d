"""Whose reward function one is like, by the names of its parameters, and which arguments it takes."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from itertools import takewhile
from typing import Any, Literal, TypeAlias

from herokit.conversations.columns import REFERENCE_COLUMNS
from herokit.errors import ConfigError
from herokit.sources.evaluation_metrics import unwrap_metric

__all__ = [
    "COMPLETION_NAMES",
    "REFERENCE_NAMES",
    "STYLE_PARAMETERS",
    "Style",
    "bind_arguments",
    "binds_by_name",
    "check_parameters",
    "describe_function",
    "find_style",
    "named_parameters",
    "positional_names",
    "takes_any_keyword",
]

Style: TypeAlias = Literal["trl", "verl", "openrlhf", "verifiers", "plain", "sample"]
"""Whose reward functions one is like."""

COMPLETION_NAMES = ("completion", "response", "output", "prediction", "pred")
REFERENCE_NAMES = (*REFERENCE_COLUMNS, "expected")

_SIGNATURES: dict[Style, str] = {
    "trl": "(prompts, completions, **columns)",
    "verl": "(data_source, solution_str, ground_truth, extra_info)",
    "openrlhf": "(queries, prompts, labels)",
    "verifiers": "(prompt, completion, answer, state, info)",
    "plain": "(completion, reference)",
    "sample": "(sample)",
}

STYLE_PARAMETERS: dict[Style, tuple[str, ...]] = {
    "verl": ("data_source", "solution_str", "ground_truth", "extra_info"),
    "openrlhf": ("queries", "prompts", "labels"),
    "verifiers": ("prompt", "completion", "answer", "state", "info", "task"),
    "sample": ("sample", *REFERENCE_NAMES),
}
"""The parameters that one may need; the other styles take any column of the samples."""

_TRL_RUNTIME = ("completion_ids", "trainer_state", "log_extra", "log_metric", "environments")
"""What TRL passes and only a trainer has."""


def find_style(function: Callable[..., Any]) -> Style:
    """Return whose reward functions one is like, by the names of its parameters.

    Raises:
        ConfigError: they are those of none; the message lists what is expected.

    Example:
        >>> find_style(lambda completions, **kwargs: []), find_style(lambda completion, reference: True)
        ('trl', 'plain')
    """
    names = set(named_parameters(function))
    if "solution_str" in names:
        return "verl"
    if "queries" in names:
        return "openrlhf"
    if "completions" in names:
        return "trl"
    if "completion" in names and (names & {"state", "info", "task"} or names >= {"prompt", "completion", "answer"}):
        return "verifiers"
    required = {name for name, p in named_parameters(function).items() if p.default is p.empty}
    if required - set(REFERENCE_NAMES) == {"sample"}:
        return "sample"
    if names & set(COMPLETION_NAMES):
        return "plain"
    expected = "; ".join(f"{style}: {signature}" for style, signature in _SIGNATURES.items())
    raise ConfigError(
        f"{describe_function(function)} is not like a reward function; expected the parameters of one of these: {expected}; "
        "or name one with style=, or write a class with the method verify(samples) or score(samples)"
    )


def check_parameters(function: Callable[..., Any], style: Style) -> None:
    """Check that a function needs no parameter that nobody passes, and takes at least one that is."""
    parameters = named_parameters(function)
    required = [name for name, p in parameters.items() if p.default is p.empty]
    if style == "plain" and not binds_by_name(function):
        if len(required) > 2 or not positional_names(function):  # noqa: PLR2004 - completion and reference
            raise ConfigError(f"{describe_function(function)} was named plain; expected {_SIGNATURES['plain']}")
        return
    known = STYLE_PARAMETERS.get(style)
    missing = [name for name in required if (name not in known if known else name in _TRL_RUNTIME and style == "trl")]
    if missing:
        raise ConfigError(
            f"{describe_function(function)} was taken for a reward function like {style}'s, {_SIGNATURES[style]}; nothing passes "
            f"{', '.join(missing)}: give it a default, bind it with functools.partial, or name another style="
        )
    own = {"trl": ("prompts", "completions"), "plain": COMPLETION_NAMES, "sample": ("sample",)}
    takes = own.get(style, known or ())
    if not set(takes) & set(parameters) and not takes_any_keyword(function):
        raise ConfigError(
            f"{describe_function(function)} is not like a reward function of {style}, {_SIGNATURES[style]}"
        )


def bind_arguments(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Callable[[], Any]:
    """Return a call of a function with those arguments that it takes, by position where it takes them no other way."""
    parameters, takes_any = named_parameters(function), takes_any_keyword(function)
    first = [name for name, p in parameters.items() if p.kind is p.POSITIONAL_ONLY]
    by_position = [arguments[name] for name in takewhile(arguments.__contains__, first)]
    others = {n: value for n, value in arguments.items() if n not in first and (takes_any or n in parameters)}
    return partial(function, *by_position, **others)


def named_parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters that have names.

    Raises:
        ConfigError: they are unknown, as of some functions in C.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the parameters of {function!r:.100} are unknown: {error}; wrap it in a function") from None
    return {n: p for n, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}


def positional_names(function: Callable[..., Any]) -> list[str]:
    """Return the parameters that can be passed by position."""
    return [name for name, p in named_parameters(function).items() if p.kind is not p.KEYWORD_ONLY]


def binds_by_name(function: Callable[..., Any]) -> bool:
    """Return whether a plain function names its completion as usual; else it is called by position."""
    return bool(set(COMPLETION_NAMES) & set(named_parameters(function)))


def takes_any_keyword(function: Callable[..., Any]) -> bool:
    """Return whether a function has a ``**`` parameter."""
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())


def describe_function(function: Callable[..., Any]) -> str:
    """Return the name and the parameters of a function, for messages."""
    given, _ = unwrap_metric(function)
    inner = given.func if isinstance(given, partial) else given
    name = getattr(inner, "__qualname__", None) or type(inner).__name__
    try:
        return f"{name}{inspect.signature(given)}"
    except (TypeError, ValueError):  # a metric that nobody calls, or some functions in C
        return name
