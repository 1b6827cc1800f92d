"""Process reward models: split a completion into steps, mark them with the step token, aggregate their scores. Pure numpy."""

import re
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from herokit.errors import ConfigError

__all__ = [
    "Aggregate",
    "Floats",
    "Span",
    "aggregate_steps",
    "describe_steps",
    "escape_step_token",
    "insert_step_tokens",
    "split_steps",
    "step_probabilities",
    "step_spans",
]

Aggregate: TypeAlias = Literal["min", "prod", "last", "mean"]
"""How the scores of steps become one score."""
Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]


Span: TypeAlias = tuple[int, int]
"""A part of a text in characters, half open."""


def step_spans(completion: str, separator: str) -> list[Span]:
    r"""Return where the steps of a completion are, without the white space around them; none for a blank completion.

    A line break of the separator may be written ``\r\n`` in the completion.

    Example:
        >>> step_spans("a\n\n b\n\n\n\n", "\n\n"), step_spans("a\r\n\r\nb", "\n\n"), step_spans(" \n", "\n\n")
        ([(0, 1), (4, 5)], [(0, 1), (5, 6)], [])
    """
    spans, begin = [], 0
    ends = [match.span() for match in re.finditer(re.escape(separator).replace("\\\n", "\r?\n"), completion)]
    for end, following in (*ends, (len(completion), len(completion))):
        part = completion[begin:end]
        if part.strip():
            start = begin + len(part) - len(part.lstrip())
            spans.append((start, start + len(part.strip())))
        begin = following
    return spans


def split_steps(completion: str, separator: str) -> list[str]:
    r"""Split a completion into its steps; blank ones are dropped.

    Example:
        >>> split_steps("a\n\n b\n\n\n\n", "\n\n"), split_steps("", "\n\n")
        (['a', 'b'], [])
    """
    return [completion[start:end] for start, end in step_spans(completion, separator)]


def describe_steps(completion: str, separator: str) -> str:
    r"""Say that a completion of several lines is one step; ``""`` for any other.

    Example:
        >>> describe_steps("a\nb", "\n\n"), describe_steps("a\n\nb", "\n\n")
        ("one step: nothing in its 2 lines is '\\n\\n'", '')
    """
    lines = [line for line in completion.splitlines() if line.strip()]
    if len(lines) == 1 or len(step_spans(completion, separator)) != 1:
        return ""
    return f"one step: nothing in its {len(lines)} lines is {separator!r}"


def escape_step_token(text: str, token: str) -> str:
    r"""Break up every step token that a text itself contains, so that only `insert_step_tokens` writes any.

    Example:
        >>> escape_step_token("so <extra_0>", "<extra_0>"), escape_step_token("a\nb", "\n")
        ('so < extra_0>', 'a b')
    """
    stem = token.rstrip()
    cut = len(stem) - len(stem.lstrip()) + 1  # after the first letter: a space next to a space would break nothing
    first, rest = stem[:cut], stem[cut:]
    if not rest:
        return text.replace(token.strip() or token, " ")
    return re.sub(f"{re.escape(first)}(?={re.escape(rest)})", lambda match: f"{match[0]} ", text)


def insert_step_tokens(completion: str, separator: str, token: str) -> str:
    r"""Write a completion with the step token after every step; the same token inside a step is broken up.

    Example:
        >>> insert_step_tokens("a\n\nb <extra_0>", "\n\n", "<extra_0>")
        'a<extra_0>b < extra_0><extra_0>'
    """
    return "".join(escape_step_token(step, token) + token for step in split_steps(completion, separator))


def step_probabilities(logits: Floats) -> Floats:
    """Turn (S, L) logits of S steps into the probability that each step is correct, (S,).

    Two labels: softmax, label 1. One label: the logistic function. A NaN logit gives NaN.

    Raises:
        ConfigError: more than two labels.

    Example:
        >>> step_probabilities(np.array([[0.0, 0.0]])).tolist()
        [0.5]
    """
    labels = logits.shape[1]
    if labels > 2:  # noqa: PLR2004 - incorrect and correct
        raise ConfigError(f"a process reward model must have one or two labels per step, got {labels}")
    logits = np.asarray(logits, np.float64)
    with np.errstate(invalid="ignore"):
        margin = logits[:, 1] - logits[:, 0] if labels == 2 else logits[:, 0]  # noqa: PLR2004 - incorrect and correct
        return np.asarray(np.exp(-np.logaddexp(0.0, -margin)), np.float64)


def aggregate_steps(scores: Floats, aggregate: Aggregate) -> float:
    """Aggregate the scores of S steps into one: their ``min``, ``prod``, ``last`` or ``mean``; NaN when there is no step.

    Raises:
        ConfigError: `aggregate` is none of these.

    Example:
        >>> [aggregate_steps(np.array([0.5, 0.4]), name) for name in ("min", "prod", "last", "mean")]
        [0.4, 0.2, 0.4, 0.45]
        >>> aggregate_steps(np.array([]), "min")
        nan
    """
    if aggregate not in get_args(Aggregate):
        raise ConfigError(f"aggregate = {aggregate!r}; expected one of {', '.join(get_args(Aggregate))}")
    if not len(scores):
        return float("nan")
    values = {"min": scores.min(), "prod": scores.prod(), "last": scores[-1], "mean": scores.mean()}
    return float(values[aggregate])
