"""What the verifiers of this package share: one sample at a time, and the verdicts that all of them give."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, get_args

from herokit.errors import ConfigError
from herokit.types import Sample, Status, Verdict


class EachAlone(ABC):
    """A verifier that looks at one sample at a time; it says how in `judge`."""

    __slots__ = ()

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        return [self.judge(sample) for sample in samples]

    @abstractmethod
    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""


def right(*, accepted: bool, reason: str = "", answer: str | None = None) -> Verdict:
    """Return a verdict of 0 or 1.

    Example:
        >>> right(accepted=True).value
        1.0
    """
    return Verdict(float(accepted), Status.JUDGED, reason, answer)


def unread(why: str, answer: str | None = None) -> Verdict:
    """Return the verdict on a completion without a readable answer: 0, UNPARSED.

    Example:
        >>> unread("no number").value
        0.0
    """
    return Verdict(0.0, Status.UNPARSED, why, answer)


def lost(why: str = "no reference") -> Verdict:
    """Return the verdict where the data lack what is needed: None, FAILED.

    Example:
        >>> lost().reason
        'no reference'
    """
    return Verdict(None, Status.FAILED, why)


def plain(value: Any) -> Any:
    """Return an array as the list it holds: meta that pandas read from Parquet has arrays for lists.

    Example:
        >>> import numpy as np
        >>> plain(np.array(["a", "b"])), plain("a")
        (['a', 'b'], 'a')
    """
    return value.tolist() if hasattr(value, "tolist") else value


def among(name: str, value: object, allowed: Any) -> None:
    """Refuse a setting that is none of those a `Literal` lists.

    Raises:
        ConfigError: it is none of them.

    Example:
        >>> from typing import Literal
        >>> among("unit", "words", Literal["words", "lines"])
    """
    if value not in get_args(allowed):
        raise ConfigError(f"{name} is one of {', '.join(map(str, get_args(allowed)))}, got {value!r}")
