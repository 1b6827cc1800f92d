"""Process reward models: where a solution's steps begin, and how their scores become one. Pure numpy; local backends share it."""

import re
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from herokit.errors import ConfigError

Aggregate: TypeAlias = Literal["min", "prod", "last", "mean"]
"""How step scores become one score."""
Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]


def split(completion: str, separator: str) -> list[str]:
    r"""Cut a completion into its steps; blank ones are dropped, and a text without any is one step.

    Example:
        >>> split("a\n\n b\n\n\n\n", "\n\n")
        ['a', 'b']
        >>> split("", "\n\n")
        ['']
    """
    return [part.strip() for part in completion.split(separator) if part.strip()] or [completion.strip()]


def harmless(text: str, token: str) -> str:
    r"""Break up every step token that a text itself contains, so that only `mark` writes any.

    Example:
        >>> harmless("so <extra_0>", "<extra_0>"), harmless("a\nb", "\n")
        ('so < extra_0>', 'a b')
    """
    stem = token.rstrip()
    cut = len(stem) - len(stem.lstrip()) + 1  # behind the first letter: a space beside a space would break nothing
    first, rest = stem[:cut], stem[cut:]
    if not rest:
        return text.replace(token.strip() or token, " ")
    return re.sub(f"{re.escape(first)}(?={re.escape(rest)})", lambda match: f"{match[0]} ", text)


def mark(completion: str, separator: str, token: str) -> str:
    r"""Write a completion with the step token after every step; the same token inside a step is broken up.

    Example:
        >>> mark("a\n\nb <extra_0>", "\n\n", "<extra_0>")
        'a<extra_0>b < extra_0><extra_0>'
    """
    return "".join(harmless(step, token) + token for step in split(completion, separator))


def probabilities(logits: Floats) -> Floats:
    """Turn (S, L) logits of S steps into the probability that each is right, (S,).

    Two labels: softmax, label 1. One label: the logistic function. A logit that is NaN stays one.

    Raises:
        ConfigError: another number of labels.

    Example:
        >>> probabilities(np.array([[0.0, 0.0]])).tolist()
        [0.5]
    """
    labels = logits.shape[1]
    if labels > 2:  # noqa: PLR2004 - wrong and right
        raise ConfigError(f"a process reward model has one or two labels a step, found {labels}")
    logits = np.asarray(logits, np.float64)
    with np.errstate(invalid="ignore"):
        margin = logits[:, 1] - logits[:, 0] if labels == 2 else logits[:, 0]  # noqa: PLR2004 - wrong and right
        return np.asarray(np.exp(-np.logaddexp(0.0, -margin)), np.float64)


def aggregate(scores: Floats, how: Aggregate) -> float:
    """Join S step scores into one: their ``min``, ``prod``, ``last`` or ``mean``; NaN when there is no step.

    Raises:
        ConfigError: an unknown way.

    Example:
        >>> [aggregate(np.array([0.5, 0.4]), how) for how in ("min", "prod", "last", "mean")]
        [0.4, 0.2, 0.4, 0.45]
        >>> aggregate(np.array([]), "min")
        nan
    """
    if how not in get_args(Aggregate):
        raise ConfigError(f"aggregate = {how!r}; expected one of {', '.join(get_args(Aggregate))}")
    if not len(scores):
        return float("nan")
    joined = {"min": scores.min(), "prod": scores.prod(), "last": scores[-1], "mean": scores.mean()}
    return float(joined[how])
