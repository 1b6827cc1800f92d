"""The values that flow through herokit, and the two protocols a plugin implements.

N samples, G groups; one row per sample everywhere, in the order the caller gave.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, Self, TypeAlias, final, overload, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from herokit.conversations.messages import Message, message_text
from herokit.conversations.thinking import is_plain, opens_thinking
from herokit.conversations.views import (
    FinalText,
    Turn,
    describe_turns,
    join_messages,
    read_final,
    read_policy_text,
    read_turns,
)
from herokit.errors import DataError, VerdictError
from herokit.signals import Array, Groups, Parts, Signals

__all__ = [
    "Array",
    "Closeable",
    "Floats",
    "Groups",
    "Parts",
    "RewardModel",
    "Sample",
    "Scores",
    "Signals",
    "Status",
    "StepScores",
    "Verdict",
    "Verifier",
]

Floats: TypeAlias = NDArray[np.float64]
"""Results, one float64 per row."""

Bools: TypeAlias = NDArray[np.bool_]
"""Masks, one boolean per row."""


class Status(Enum):
    """Why a verdict or a score has, or lacks, a value.

    `UNPARSED`, `TIMEOUT` and `CRASHED` are caused by the completion: a verdict of 0 counts as incorrect, and a row to which a
    reward model gives no score (NaN) gets the lowest score of its group. `FAILED` is not caused by it: the row is dropped
    before anything is combined.

    Example:
        >>> [s.value for s in Status]
        ['judged', 'unparsed', 'timeout', 'crashed', 'failed']
    """

    JUDGED = "judged"  # the source looked and decided
    UNPARSED = "unparsed"  # no answer could be read from the completion
    TIMEOUT = "timeout"  # the completion made the source run past its limit
    CRASHED = "crashed"  # the completion made the source's process die
    FAILED = "failed"  # the source could not do its work: missing reference, broken infrastructure, non-finite score


class _Views:
    """Room for the views that a sample has computed; no fields, so that making and pickling a sample do not pay for them."""

    __slots__ = ("_final", "_turns")


@dataclass(frozen=True, slots=True)
class Sample(_Views):
    """One rollout: what the policy was given, what it wrote, the group it competes in, and what to check it against.

    Its views are what sources read; each is computed once.

    Attributes:
        prompt: the text that the policy was given, or the messages.
        completion: the text that the policy wrote, or the messages that followed: the policy's, tools' and users'.
        group: samples that share it answer the same prompt and are compared with each other. Identity is this key
            and never the prompt's text: one prompt may be drawn twice in a batch.
        reference: what is expected: text, a number, a list or a mapping, as the page of the verifier says; None when
            there is none (a verifier then abstains).
        meta: anything else a source wants to see, by name.
        num_tokens: tokens of the completion, by the policy's tokenizer; None if unknown.
        truncated: whether the generation ran into its limit; None if unknown.
        thinking_opened: whether the prompt's template opens the thinking, so that the completion begins inside it; None
            looks at the end of the prompt.

    Example:
        >>> sample = Sample("2 + 2?", "<think>Easy.</think>It is 4.", group="q1", reference="4")
        >>> sample.final_text, sample.completion_text, [message["role"] for message in sample.messages]
        ('It is 4.', '<think>Easy.</think>It is 4.', ['user', 'assistant'])
    """

    prompt: str | Sequence[Message]
    completion: str | Sequence[Message]
    group: Hashable
    reference: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    num_tokens: int | None = None
    truncated: bool | None = None
    thinking_opened: bool | None = None

    @property
    def final(self) -> FinalText:
        """The text of the policy's last message without its thinking, where it was found, and what is wrong with it.

        Raises:
            DataError: a part of a message has an unknown type.
        """
        if (plain := self.plain_text) is not None:
            return tuple.__new__(FinalText, (plain, "completion", ""))  # faster than to store it, and than FinalText()
        final: FinalText | None = getattr(self, "_final", None)
        if final is None:
            final = read_final(self.completion, opened=self.begins_in_thinking)
            object.__setattr__(self, "_final", final)
        return final

    @property
    def plain_text(self) -> str | None:
        """The completion if it surely is its own final text, without any marker or tag, which is fast to see; else None."""
        text = self.completion
        if not isinstance(text, str) or not text or text.isspace() or self.begins_in_thinking or not is_plain(text):
            return None
        return text

    @property
    def final_text(self) -> str:
        """The text of the policy's last message, without its thinking: what verifiers judge; ``""`` for none."""
        return self.final.text

    @property
    def completion_text(self) -> str:
        """Everything the policy wrote, thinking and calls included, tool results excluded."""
        return read_policy_text(self.completion)

    @property
    def prompt_text(self) -> str:
        """The text of the prompt; the texts of messages are joined by newlines."""
        return self.prompt if isinstance(self.prompt, str) else "\n".join(map(message_text, self.prompt))

    @property
    def messages(self) -> list[Message]:
        """Prompt and completion as one conversation; a text prompt is of the user, a text completion of the assistant.

        A message of the assistant at the end of the prompt is the beginning of the completion's first message.
        """
        before: list[Message] = (
            [{"role": "user", "content": self.prompt}] if isinstance(self.prompt, str) else list(self.prompt)
        )
        after: list[Message] = (
            [{"role": "assistant", "content": self.completion}]
            if isinstance(self.completion, str)
            else list(self.completion)
        )
        return join_messages(before, after)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns of the policy: text, thinking, calls and results of each.

        ``meta["turn_states"]`` and ``meta["turn_spans"]``, one entry per turn, say what the policy saw and which tokens it wrote.

        Raises:
            DataError: they are no lists with an entry for each turn, or a part of a message has an unknown type.
        """
        turns: tuple[Turn, ...] | None = getattr(self, "_turns", None)
        if turns is None:
            turns = read_turns(self.completion, opened=self.begins_in_thinking)
            if "turn_states" in self.meta or "turn_spans" in self.meta:
                turns = describe_turns(turns, self.meta.get("turn_states"), self.meta.get("turn_spans"))
            object.__setattr__(self, "_turns", turns)
        return turns

    @property
    def begins_in_thinking(self) -> bool:
        """Whether the completion begins inside the thinking, because the prompt opens it."""
        if self.thinking_opened is not None:
            return self.thinking_opened
        if isinstance(self.prompt, str):
            return opens_thinking(self.prompt)
        last = self.prompt[-1] if len(self.prompt) else {}
        content = last.get("content")
        return last.get("role") == "assistant" and isinstance(content, str) and opens_thinking(content)


_set_attribute = object.__setattr__


class _MutableVerdict:
    """The fields of a verdict without the guard: six assignments to a frozen dataclass take most of its time."""

    __slots__ = ("answer", "origin", "parts", "reason", "status", "value")


@final
@dataclass(frozen=True, slots=True, init=False)
class Verdict:
    """What a verifier says of one sample.

    Attributes:
        value: correctness in [0, 1]; None means "cannot say", and only for what the policy cannot cause
            (missing reference, broken infrastructure). An unparsable or timed-out completion is 0 with its status,
            or the policy would learn to be unparsable.
        status: how the value came about; FAILED if there is no value and no other status is given.
        reason: the reason, in words; for people, never parsed.
        answer: the answer that was read from the completion, when one was.
        origin: where that answer was found, in words: "answer tag", "box after </think>".
        parts: a verdict on each part of the rollout, such as each turn of `Sample.turns`, or its value; None for a verdict
            on the whole.

    Raises:
        VerdictError: `value`, or that of a part, is no number in [0, 1].

    Example:
        >>> Verdict(1.0, answer="4", origin="box")
        Verdict(value=1.0, status=<Status.JUDGED: 'judged'>, reason='', answer='4', origin='box')
    """

    value: float | None
    status: Status = Status.JUDGED
    reason: str = ""
    answer: str | None = None
    origin: str = ""
    parts: "tuple[Verdict, ...] | None" = field(default=None, repr=False)

    def __init__(
        self,
        value: float | None,
        status: Status = Status.JUDGED,
        reason: str = "",
        answer: str | None = None,
        origin: str = "",
        parts: "Iterable[Verdict | float | None] | None" = None,
    ) -> None:
        if type(value) is not float or not 0.0 <= value <= 1.0:  # hardly any verdict
            value, status = _check_value(value, status)
        draft: Any = self
        _set_attribute(self, "__class__", _MutableVerdict)
        draft.value = value
        draft.status = status
        draft.reason = reason
        draft.answer = answer
        draft.origin = origin
        draft.parts = None if parts is None else _check_parts(parts)
        draft.__class__ = Verdict


def _check_value(value: Any, status: Status) -> tuple[float | None, Status]:
    """Return a value in [0, 1] or None, and its status: nothing was judged if there is no value."""
    if value is None:
        return None, Status.FAILED if status is Status.JUDGED else status
    try:
        number = float(value)  # of a bool, an int or a number of some array library
    except (TypeError, ValueError):
        number = float("nan")
    if not 0.0 <= number <= 1.0:
        raise VerdictError(f"Verdict.value must be in [0, 1] or None, got {value!r}")
    return number, status


def _check_parts(parts: Any) -> tuple[Verdict, ...]:
    """Return the verdicts on the parts of a rollout; a number is the value of one."""
    if isinstance(parts, str) or not isinstance(parts, Iterable):
        raise VerdictError(f"Verdict.parts must be a verdict or a number for each part, got {parts!r:.80}")
    return tuple(part if isinstance(part, Verdict) else Verdict(part) for part in parts)


MAX_ABS_SCORE = 1e150
"""No score lies beyond it: its square would be infinite, and so would every deviation and running mean after it."""


def is_valid_score(values: Any) -> Any:
    """Return whether each value is finite and within ±1e150.

    Example:
        >>> is_valid_score(np.array([1.0, np.nan, 1e200])).tolist()
        [True, False, False]
    """
    return abs(values) <= MAX_ABS_SCORE


@dataclass(frozen=True, slots=True)
class StepScores(Sequence[float]):
    """The scores of the steps of one completion, with the place of each step in the text: a sequence of numbers.

    Attributes:
        values: one score per step, in the model's own unit.
        spans: the place of each step in `Sample.completion_text`, in characters, half open; None if unknown.

    Raises:
        DataError: the numbers of scores and spans differ.

    Example:
        >>> scores = StepScores((0.9, 0.2), ((0, 5), (5, 12)))
        >>> len(scores), scores[1], scores.spans[1]
        (2, 0.2, (5, 12))
    """

    values: tuple[float, ...]
    spans: tuple[tuple[int, int], ...] | None = None

    def __post_init__(self) -> None:
        if self.spans is not None and len(self.spans) != len(self.values):
            raise DataError(f"there are {len(self.values)} scores of steps and {len(self.spans)} spans")

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int, /) -> float: ...
    @overload
    def __getitem__(self, index: slice, /) -> tuple[float, ...]: ...
    def __getitem__(self, index: int | slice, /) -> float | tuple[float, ...]:
        return self.values[index]


ScoreRow: TypeAlias = tuple[float | None, Status, str, Sequence[float] | None]
"""The score of one sample: value (None or NaN for none), status, reason, and scores of its steps (None for none)."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The scores of a reward model for N samples, with a status for each; under numpy it is its `values`.

    A reward model may return a bare array instead: every finite entry then counts as judged, every other as failed.

    Attributes:
        values: (N,) floats, raw logits or whatever unit the model has; NaN for no score.
        statuses: one per sample.
        reasons: the reason in words, one per sample, ``""`` where there is nothing to say.
        steps: the scores of a process reward model for each step of a completion, one sequence per sample, in the
            model's own unit, as `StepScores` where their places are known; None for a sample without steps, and None
            altogether for a model without steps.

    Example:
        >>> Scores.from_values([1.5, float("nan")]).statuses
        (<Status.JUDGED: 'judged'>, <Status.FAILED: 'failed'>)
    """

    values: Floats
    statuses: tuple[Status, ...]
    reasons: tuple[str, ...]
    steps: Sequence[Sequence[float] | None] | None = None

    @classmethod
    def from_values(cls, values: Any) -> Self:
        """Wrap bare scores, (N,): what `is_valid_score` is judged, everything else becomes NaN with status failed."""
        array = np.array(values, dtype=np.float64)
        usable = is_valid_score(array)
        reasons = tuple("" if ok else f"gave {x}" for x, ok in zip(array.tolist(), usable, strict=True))
        statuses = tuple(Status.JUDGED if ok else Status.FAILED for ok in usable)
        return cls(np.where(usable, array, np.nan), statuses, reasons)

    @classmethod
    def from_rows(cls, rows: Iterable[ScoreRow]) -> Self:
        """Make scores of one row per sample; the inverse of `rows`.

        Example:
            >>> Scores.from_rows([(1.5, Status.JUDGED, "", None), (None, Status.FAILED, "no model", None)]).values
            array([1.5, nan])
        """
        values, statuses, reasons, steps = tuple(zip(*rows, strict=True)) or ((), (), (), ())
        array = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        return cls(array, statuses, reasons, steps if any(row is not None for row in steps) else None)

    def rows(self) -> list[ScoreRow]:
        """Return one row per sample: value, status, reason, scores of the steps."""
        steps = self.steps if self.steps is not None else [None] * len(self)
        return list(zip(self.values.tolist(), self.statuses, self.reasons, steps, strict=True))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:  # noqa: FBT001 - numpy's own protocol
        return np.array(self.values, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.statuses)


class Closeable:
    """Mixin for what has a method `close`: ``with`` closes it."""

    __slots__ = ()

    def close(self) -> None:
        """Release processes, sessions and connections; does nothing by default."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@runtime_checkable
class Verifier(Protocol):
    """Judges completions against their references.

    A constructor only stores settings; pools and processes open on first use. `verify` returns one verdict per
    sample, in order, and keeps one bad sample from losing the others.
    """

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples, in order."""
        ...


@runtime_checkable
class RewardModel(Protocol):
    """Scores completions on a continuous scale; higher is better, units are the model's own.

    A constructor only stores settings; sessions and models open on first use and are dropped by pickling.
    """

    def score(self, samples: Sequence[Sample], /) -> Any:
        """Return N scores for N samples, in order: an array of shape (N,), NaN where it cannot say, or `Scores`."""
        ...
