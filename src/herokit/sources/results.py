"""Verdicts and scores from what sources and reward functions return: numbers, booleans, None, mappings with ``score``."""

import inspect
from collections.abc import Mapping
from math import isnan, nan
from typing import Any

import numpy as np

from herokit.errors import VerdictError
from herokit.types import ScoreRow, Status, Verdict, is_valid_score

__all__ = ["NO_REFERENCE", "SCORE_KEYS", "to_float_array", "to_score", "to_verdict"]

SCORE_KEYS = ("score", "reward")
"""Keys of a mapping that hold its value; the first that is there counts."""

NO_REFERENCE = Verdict(None, Status.FAILED, "no reference")
"""Of a sample that lacks the reference without which a function or metric cannot judge."""


def to_verdict(value: Any) -> Verdict:
    """Return what a source said of one sample as a verdict.

    Args:
        value: a `Verdict`, a number or boolean (also of an array library), None or NaN for "cannot say", or a mapping
            with ``score`` and, if it likes, ``reason``.

    Raises:
        TypeError: it is none of these; a coroutine is one that was not awaited.
        VerdictError: the number is outside [0, 1].

    Example:
        >>> to_verdict(True).value, to_verdict({"score": 0.5, "reason": "half"}).reason, to_verdict(None).status.value
        (1.0, 'half', 'failed')
    """
    if isinstance(value, Verdict):
        return value
    number, reason = _read(value)
    if isnan(number):
        return Verdict(None, Status.FAILED, reason)
    if not 0.0 <= number <= 1.0:
        raise VerdictError(
            f"returned {number:g}; a verdict is in [0, 1]: scale it, or give it as a reward model (as_reward_model, or a source "
            "whose name does not begin with verifier)"
        )
    return Verdict(number, Status.JUDGED, reason)


def to_score(value: Any) -> ScoreRow:
    """Return what a source said of one sample as a score; see `to_verdict`, a number may have any value.

    Raises:
        TypeError: it is none of these.

    Example:
        >>> to_score(Verdict(0.5)), to_score(-3)[0]
        ((0.5, <Status.JUDGED: 'judged'>, '', None), -3.0)
    """
    if isinstance(value, Verdict):
        return nan if value.value is None else value.value, value.status, value.reason, None
    number, reason = _read(value)
    if not is_valid_score(number):
        return nan, Status.FAILED, reason or f"gave {number}", None
    return number, Status.JUDGED, reason, None


def _read(value: Any) -> tuple[float, str]:
    """Return number and reason; NaN for none."""
    reason = ""
    if isinstance(value, Mapping):
        key = next((key for key in SCORE_KEYS if key in value), None)
        if key is None:
            raise TypeError(f"expected a mapping with the key 'score', got the keys {list(value)!r:.100}")
        reason = value["reason"] if isinstance(value.get("reason"), str) else ""
        value = value[key]
    if inspect.iscoroutine(value):
        value.close()
        raise TypeError("returned a coroutine that was not awaited: write 'await' where it is called")
    if value is None:
        return nan, reason or "returned None"
    if isinstance(value, str | bytes):
        raise TypeError(f"expected a number, a boolean, None or a Verdict, got the text {value!r:.80}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"expected a number, a boolean, None or a Verdict, got {value!r:.80}") from None
    return number, reason or ("returned nan" if isnan(number) else "")


def to_float_array(values: Any) -> Any:
    """Return numbers as a numpy array, also those of a torch tensor in any precision and on any device.

    Example:
        >>> to_float_array([1, 2.5]).tolist()
        [1.0, 2.5]
    """
    if hasattr(values, "detach"):  # a tensor
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16":
            values = values.float()
    return np.asarray(values)
