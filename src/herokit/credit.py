"""Credit: an advantage for every part of a rollout, such as a turn or a step, and for every token of a part."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, TypeAlias

import numpy as np

from herokit import _segment
from herokit.combiners.base import StepTrace, produces_advantage
from herokit.combiners.inputs import number_states
from herokit.errors import DataError, check_choice
from herokit.sources.execution import SourceOutputs
from herokit.types import Array, Bools, Floats, Parts, Signals, is_valid_score

__all__ = [
    "Credit",
    "Span",
    "token_runs",
]

Span: TypeAlias = tuple[int, int]
"""The tokens of a part in the response, half open."""


@dataclass(frozen=True, slots=True, eq=False)
class Credit:
    """The advantages of the parts of N rollouts, S in all; those of the first rollout come first.

    Attributes:
        values: (S,) the advantages; NaN in rows without a reward, 0 in rows or parts that a filter removed.
        counts: (N,) how many parts each rollout has.
        spans: for each rollout the token spans of its parts, where the samples have them; None where they do not.

    Example:
        >>> credit = Credit(np.array([0.5, -0.5, 1.0]), [2, 1])
        >>> credit.ragged()
        [[0.5, -0.5], [1.0]]
        >>> [row.tolist() for row in credit.tokens([[1, 1, 0, 1], [1, 1]])]
        [[0.5, 0.5, 0.0, -0.5], [1.0, 1.0]]
    """

    values: Array
    counts: Sequence[int]
    spans: Sequence[Sequence[Span] | None] = ()

    def ragged(self) -> list[list[float]]:
        """Return a list of advantages for each rollout."""
        ends = np.cumsum(np.asarray(self.counts, dtype=np.int64)).tolist()
        values = [float(x) for x in self.values.tolist()]
        return [values[end - count : end] for end, count in zip(ends, self.counts, strict=True)]

    def arrays(self) -> list[Array]:
        """Return an array of advantages for each rollout, in the library of the values.

        Example:
            >>> [x.tolist() for x in Credit(np.array([0.5, -0.5, 1.0]), [2, 1]).arrays()]
            [[0.5, -0.5], [1.0]]
        """
        ends = np.cumsum(np.asarray(self.counts, dtype=np.int64)).tolist()
        return [self.values[end - count : end] for end, count in zip(ends, self.counts, strict=True)]

    def rows(self, start: int, stop: int) -> "Credit":
        """Return the credit of the rollouts from `start` to before `stop`, such as those of one rank.

        Example:
            >>> Credit(np.array([0.5, -0.5, 1.0]), [2, 1]).rows(1, 2).ragged()
            [[1.0]]
        """
        first, last = sum(self.counts[:start]), sum(self.counts[:stop])
        return Credit(self.values[first:last], self.counts[start:stop], self.spans[start:stop])

    def tokens(
        self,
        masks: Sequence[Sequence[float]],
        spans: Sequence[Sequence[Span] | None] | None = None,
        *,
        share: Literal["each", "last", "even"] = "each",
        names: Sequence[str] = (),
    ) -> list[Floats]:
        """Return an advantage for each token of each response: 0 where the mask is 0.

        Every trained token belongs to exactly one part. Without spans, those of the samples count, else each run of trained
        tokens is a part; two turns without a token of the world between them are one run, which is an error.

        Args:
            masks: for each rollout one number per token of the response, not 0 where the policy wrote it and learns from it.
            spans: for each rollout the tokens of each part, half open, in order; those of a part without tokens are empty.
            share: what a token gets: the credit of its part (``"each"``), that on the part's ``"last"`` trained token, or the
                credit divided by the number of the part's trained tokens (``"even"``).
            names: what messages call the rollouts; without them "row 0", "row 1" ...

        Raises:
            DataError: the numbers of rollouts, parts and spans differ, a span lies outside the response or overlaps another
                one, or a trained token is in no part; the message names the rollout and both numbers.

        Example:
            >>> credit = Credit(np.array([1.0, 2.0]), [2])
            >>> credit.tokens([[1, 1, 1, 0]], [[(0, 2), (2, 4)]], share="last")[0].tolist()
            [0.0, 1.0, 2.0, 0.0]
        """
        check_choice("share", share, ("each", "last", "even"))
        spans = self.spans if spans is None else spans
        spans = spans or [None] * len(self.counts)
        if not len(masks) == len(spans) == len(self.counts):
            raise DataError(f"{len(self.counts)} rollouts have credit; got {len(masks)} masks and {len(spans)} spans")
        names = names or [f"row {number}" for number in range(len(masks))]
        return [
            _row_of_tokens(credit, np.asarray(mask) != 0, token_runs(mask) if row is None else row, name, share)
            for credit, mask, row, name in zip(self.ragged(), masks, spans, names, strict=True)
        ]


def token_runs(mask: Sequence[float]) -> list[Span]:
    """Return the runs of trained tokens: where a mask is not 0.

    Example:
        >>> token_runs([0, 1, 1, 0, 1])
        [(1, 3), (4, 5)]
    """
    runs, place = [], 0
    for trained, tokens in groupby(np.asarray(mask).tolist(), key=bool):
        length = len(list(tokens))
        runs += [(place, place + length)] if trained else []
        place += length
    return runs


def _row_of_tokens(credit: Sequence[float], mask: Any, spans: Sequence[Span], where: str, share: str) -> Floats:
    if len(spans) != len(credit):
        raise DataError(
            f"{where}: the rollout has {len(credit)} parts, but there are {len(spans)} spans of tokens; pass the span of every part"
        )
    out, number = np.zeros(len(mask)), np.zeros(len(mask), dtype=np.int64)
    for part, (value, (start, end)) in enumerate(zip(credit, spans, strict=True)):
        if not 0 <= start <= end <= len(mask):
            raise DataError(f"{where}: part {part} has tokens {start} to {end}; the response has {len(mask)} tokens")
        number[start:end] += 1
        trained = start + np.flatnonzero(mask[start:end])
        if len(trained):
            out[trained[-1:] if share == "last" else trained] = value / len(trained) if share == "even" else value
    wrong = np.flatnonzero(mask & (number != 1))
    if len(wrong):
        count = int(number[wrong[0]])
        raise DataError(f"{where}: token {wrong[0]} is trained and in {count} parts; expected one of {len(credit)}")
    return out


@dataclass(slots=True, eq=False)
class PartColumns:
    """The parts of N samples as the sources and the turns of the samples have them.

    The number of parts of a row is that of the sources that judge its parts, else of its turns, else 1.

    Attributes:
        counts: (N,) the number of parts of every row.
        values: source name -> for each row the values of its parts; None where the source judged the row as a whole.
        states: for each row the states of its parts; empty where they are unknown.
        spans: for each row the token spans of its parts; None where they are unknown.
        problems: why rows have no credit: row -> reason.
    """

    counts: list[int]
    values: dict[str, list[list[float] | None]]
    states: list[list[Hashable | None]]
    spans: list[Sequence[Span] | None]
    problems: dict[int, str]

    @classmethod
    def from_outputs(cls, outputs: SourceOutputs, sources: Iterable[str], count: int) -> "PartColumns":
        """Read the parts of `count` samples.

        Raises:
            DataError: the sources disagree about the number of parts on every row.
        """
        problems: dict[int, str] = {}
        values = {name: rows for name in sources if (rows := _read_parts(outputs, name, problems)) is not None}
        counts: list[int] = []
        states: list[list[Hashable | None]] = []
        spans: list[Sequence[Span] | None] = []
        num_compared = num_different = 0
        for row in range(count):
            sizes = {name: len(parts) for name, rows in values.items() if (parts := rows[row]) is not None}
            turns = () if outputs.turns is None else outputs.turns[row]
            if isinstance(turns, str):
                problems.setdefault(row, turns)
                turns = ()
            counts.append(next(iter(sizes.values()), len(turns)) or 1)
            num_compared += len(sizes) > 1
            if len(set(sizes.values())) > 1:
                num_different += 1
                given = ", ".join(f"{name!r} has {size}" for name, size in sizes.items())
                problems.setdefault(row, f"the sources disagree about the number of parts: {given}")
            is_turns = len(turns) == counts[row]
            states.append([turn.state for turn in turns] if is_turns else [])
            places = [turn.span for turn in turns if turn.span is not None] if is_turns else []
            spans.append(places if len(places) == counts[row] else None)
        if num_different and num_different == num_compared:
            raise DataError(f"{problems[min(problems)]}, and so on every row: they judge different parts")
        return cls(counts, values, states, spans, problems)

    def parts(self, columns: Mapping[str, Floats], group_keys: Sequence[Hashable], valid: Bools) -> Parts:
        """Return the parts of the valid rows.

        Args:
            columns: source name -> (N,) the value of every row, for rows whose parts the source did not judge.
            group_keys: (N,) the group of every row.
            valid: (N,) which rows are valid.
        """
        rows = np.flatnonzero(valid).tolist()
        values: dict[str, list[float]] = {}
        for name, parts in self.values.items():
            whole = columns[name].tolist()
            values[name] = [x for row in rows for x in parts[row] or [whole[row]] * self.counts[row]]
        states = None
        if any(state is not None for row in rows for state in self.states[row]):
            parts_of = [row for row in rows for _ in range(self.counts[row])]
            known = [state for row in rows for state in self.states[row] or [None] * self.counts[row]]
            states = number_states([group_keys[row] for row in parts_of], parts_of, known)
        return Parts.from_counts([self.counts[row] for row in rows], values, states=states)

    def credit(self, values: Array | None, valid: Bools) -> Credit:
        """Return the credit of all rows, given that of the parts of valid rows."""
        full = np.full(sum(self.counts), np.nan)
        if values is not None:
            full[np.repeat(valid, self.counts)] = values
        return Credit(full, self.counts, self.spans)


def _read_parts(outputs: SourceOutputs, name: str, problems: dict[int, str]) -> list[list[float] | None] | None:
    """Return the values of the parts that a source judged, None if it judges rollouts; note parts without a value."""
    rows: list[list[float] | None]
    if name in outputs.scores:
        steps = outputs.scores[name].steps
        rows = [] if steps is None else [list(row) if row else None for row in steps]
    else:
        rows = [
            None if not v.parts else [np.nan if p.value is None else p.value for p in v.parts]
            for v in outputs.verdicts[name]
        ]
    if not any(row is not None for row in rows):
        return None
    for row, values in enumerate(rows):
        bad = [place for place, x in enumerate(values or ()) if not is_valid_score(x)]
        if bad:
            reason = f"gave {(values or ())[bad[0]]}"
            if name in outputs.verdicts:
                reason = (outputs.verdicts[name][row].parts or ())[bad[0]].reason or reason
            problems.setdefault(row, f"{name}: part {bad[0] + 1}: {reason}")
    return rows


def split_credit(trace: Sequence[StepTrace], advantage: Array, kept: Array, signals: Signals) -> Array | None:
    """Return the credit of the parts of all rows in `signals`, (S,); None if the chain gives none.

    If no step of the chain makes an advantage, the reward is centered in its group, and the credit moves with it.
    """
    if not trace or trace[-1].credit is None:
        return None
    credit, parts = trace[-1].credit, signals.parts
    if any(produces_advantage(step.step) for step in trace):
        return credit
    xp = _segment.namespace(credit)
    moved = xp.where(kept, advantage - trace[-1].after, xp.zeros_like(advantage))
    return credit + (moved if parts is None else _segment.expand(moved, parts.rollouts))
