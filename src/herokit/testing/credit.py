"""Laws of credit: what a scheme pays the parts of rollouts for, tried on small batches of rollouts with parts.

`check_credit` tries all of them. Only `one_part_is_a_rollout` and `credit_ignores_order` hold for every scheme; the others contradict
each other, and a scheme chooses: centering before summing pays nothing for average parts, summing before centering is unbiased.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from herokit.arrays import split_trace
from herokit.combiners import Chain, Combiner, chain, initial_reward
from herokit.combiners.chain import gives_credit, signals_read
from herokit.credit import split_credit
from herokit.errors import ConfigError
from herokit.testing.batches import Numbers
from herokit.testing.law import LawViolation, NotApplicable, Report, Result
from herokit.testing.laws.helpers import entries_differ
from herokit.types import Groups, Parts, Signals

__all__ = ["CREDIT_LAWS", "PartBatch", "check_credit", "credit_of", "draw_part_batch"]

CreditLaw: TypeAlias = Callable[[Chain, "PartBatch", np.random.Generator], None]
"""Raises `LawViolation`, or `NotApplicable` where it says nothing about a batch."""

_GAIN = 0.05
"""A gain below this, absolute or relative, is none."""


@dataclass(frozen=True, slots=True, eq=False)
class PartBatch:
    """N rollouts with parts, as numbers.

    Attributes:
        counts: (N,) the number of parts of each rollout.
        group_ids: (N,) the prompt of each.
        values: signal -> (N,) the outcome of each.
        parts: signal -> (S,) the value of each part, those of the first rollout first.
        states: (S,) the situation of each part; those of different prompts differ.
    """

    counts: Numbers
    group_ids: Numbers
    values: Mapping[str, Numbers]
    parts: Mapping[str, Numbers]
    states: Numbers

    @property
    def rollouts(self) -> Numbers:
        """The rollout of each part, (S,)."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def signals(self, *, parts: bool = True) -> Signals:
        """Return the signals; without parts, each rollout has the value of its first part."""
        groups = Groups(self.group_ids, int(self.group_ids.max()) + 1)
        if not parts:
            first = np.cumsum(self.counts) - self.counts
            return Signals({**self.values, **{name: x[first] for name, x in self.parts.items()}}, groups)
        names, numbers = np.unique(self.states, return_inverse=True)
        return Signals(
            self.values, groups, Parts.from_counts(self.counts, self.parts, states=Groups(numbers, len(names)))
        )

    def take(self, rollouts: Any) -> "PartBatch":
        """Return some rollouts, in this order."""
        rows = np.concatenate([np.flatnonzero(self.rollouts == rollout) for rollout in rollouts])
        return PartBatch(
            self.counts[rollouts],
            self.group_ids[rollouts],
            {name: x[rollouts] for name, x in self.values.items()},
            {name: x[rows] for name, x in self.parts.items()},
            self.states[rows],
        )

    def append(
        self, rollout: int, part: int, number: int = 1, values: Mapping[str, float] | None = None
    ) -> "PartBatch":
        """Return the batch with copies of a part at the end of a rollout, each in a situation of its own.

        Args:
            rollout: the rollout.
            part: the row of the part that is copied.
            number: how many copies.
            values: other values for some signals of the copies.
        """
        end = int(np.cumsum(self.counts)[rollout])
        copies = {name: np.full(number, (values or {}).get(name, x[part])) for name, x in self.parts.items()}
        new_states = self.states.max() + 1 + np.arange(number)
        counts = self.counts.copy()
        counts[rollout] += number
        return replace(
            self,
            counts=counts,
            parts={name: np.concatenate([x[:end], copies[name], x[end:]]) for name, x in self.parts.items()},
            states=np.concatenate([self.states[:end], new_states, self.states[end:]]),
        )

    def columns(self) -> dict[str, Any]:
        """Return prompt, rollout and values of each part."""
        outcome = {name: x[self.rollouts] for name, x in self.values.items()}
        return {"group": self.group_ids[self.rollouts], "rollout": self.rollouts + 1, **outcome, **self.parts}


def draw_part_batch(rng: np.random.Generator, outcomes: list[str], part_signals: list[str]) -> PartBatch:
    """Draw one to six rollouts of one or two prompts with one to four parts; values are multiples of 1/8 in [0, 1].

    Example:
        >>> batch = draw_part_batch(np.random.default_rng(0), ["verifier"], ["prm"])
        >>> bool(batch.counts.sum() == len(batch.parts["prm"]))
        True
    """
    number = int(rng.integers(1, 7))
    counts, group_ids = rng.integers(1, 5, number), rng.integers(0, 2, number)
    size = int(counts.sum())
    states = np.repeat(group_ids, counts) * 10 + rng.integers(0, 4, size)
    return PartBatch(
        counts,
        group_ids,
        {name: 1.0 * rng.integers(0, 2, number) for name in outcomes},
        {name: rng.integers(0, 9, size) / 8.0 for name in part_signals},
        states,
    )


def credit_of(combiner: Chain, signals: Signals) -> Numbers:
    """Return the credit of the parts of a batch, with a fresh state."""
    before = initial_reward(signals)
    trace, _ = combiner.trace(before, signals, combiner.init())
    _, advantage, _, kept = split_trace(trace, signals, before)
    credit: Any = split_credit(trace, advantage, kept, signals)
    return np.asarray(credit)


def _check_equal(batch: PartBatch, message: str, tolerance: float = 1e-9, **columns: Numbers) -> None:
    first, second = columns.values()
    if entries_differ(first, second, tolerance).any():
        table: dict[str, Any] = {**batch.columns(), **columns}
        raise LawViolation(message, **table)


def one_part_is_a_rollout(combiner: Chain, batch: PartBatch, rng: np.random.Generator) -> None:
    """If every rollout has one part, its credit is the advantage that the same chain gives rollouts, to the last bit."""
    del rng
    first = np.cumsum(batch.counts) - batch.counts
    single = PartBatch(
        np.ones_like(batch.counts),
        batch.group_ids,
        batch.values,
        {name: x[first] for name, x in batch.parts.items()},
        batch.group_ids,
    )
    credit, rows = credit_of(combiner, single.signals()), credit_of(combiner, single.signals(parts=False))
    if not np.array_equal(credit, rows):
        raise LawViolation("credit and advantage differ", **single.columns(), credit=credit, advantage=rows)


def credit_ignores_order(combiner: Chain, batch: PartBatch, rng: np.random.Generator) -> None:
    """The order of rollouts, the names of prompts and states, and the other prompts of the batch change no credit."""
    credit = credit_of(combiner, batch.signals())
    order = rng.permutation(len(batch.counts))
    other = batch.take(order)
    other = replace(other, group_ids=5 - other.group_ids, states=99 - other.states)
    rows = np.concatenate([np.flatnonzero(batch.rollouts == rollout) for rollout in order])
    message = "credit depends on the order of the rollouts or on names"
    _check_equal(other, message, credit=credit_of(combiner, other.signals()), in_another_order=credit[rows])
    for group in np.unique(batch.group_ids):
        alone = batch.take(np.flatnonzero(batch.group_ids == group))
        here = credit[batch.group_ids[batch.rollouts] == group]
        _check_equal(alone, "credit depends on other prompts", credit=here, alone=credit_of(combiner, alone.signals()))


def outcome_is_broadcast(combiner: Chain, batch: PartBatch, rng: np.random.Generator) -> None:
    """If parts differ in nothing, each gets the advantage of its rollout."""
    del rng
    constant = replace(batch, parts={name: np.full_like(x, 0.5) for name, x in batch.parts.items()})
    rows = credit_of(combiner, constant.signals(parts=False))[batch.rollouts]
    message = "equal parts get another credit than their rollout"
    _check_equal(constant, message, credit=credit_of(combiner, constant.signals()), advantage=rows)


def repeated_part_changes_no_other(combiner: Chain, batch: PartBatch, rng: np.random.Generator) -> None:
    """A further part that repeats the value of the last one changes the credit of no other part."""
    rollout = int(rng.integers(len(batch.counts)))
    end = int(np.cumsum(batch.counts)[rollout])
    longer = batch.append(rollout, end - 1)
    before, after = credit_of(combiner, batch.signals()), credit_of(combiner, longer.signals())
    message = f"a repeated last part of rollout {rollout + 1} changes the credit of others"
    _check_equal(batch, message, credit=before, then=np.delete(after, end))


def repetition_is_bounded(combiner: Chain, batch: PartBatch, rng: np.random.Generator) -> None:
    """Repeating the best part of a rollout again and again raises the credit of its other parts to a limit at most."""
    if not batch.parts:
        raise NotApplicable("it reads no parts")
    rollout = int(rng.integers(len(batch.counts)))
    rows = np.flatnonzero(batch.rollouts == rollout)
    best = int(rows[np.argmax(next(iter(batch.parts.values()))[rows])])
    some, many = (credit_of(combiner, batch.append(rollout, best, n).signals())[rows].max() for n in (64, 256))
    if many > some + _GAIN * (1.0 + abs(some)):
        raise LawViolation(
            f"the best part of rollout {rollout + 1}, 64 times, gives another part a credit of {some:.3g}; 256 times {many:.3g}",
            **batch.columns(),
        )


def _pull_to_go_on(combiner: Chain, batch: PartBatch, reward: float = 0.5, size: int = 3, chance: float = 0.3) -> float:
    """Return the expected gradient of the logit to go on, by enumeration: one or two parts, each worth `reward`."""
    if not batch.parts:
        raise NotApplicable("it reads no parts")
    pull = 0.0
    for choice in product((0, 1), repeat=size):
        counts = 1 + np.array(choice)
        total = int(counts.sum())
        positions = np.concatenate([np.arange(count) for count in counts])
        rollouts = PartBatch(
            counts,
            np.zeros(size, int),
            {name: np.ones(size) for name in batch.values},
            {name: np.full(total, reward) for name in batch.parts},
            positions,
        )
        credit = credit_of(combiner, rollouts.signals())[np.cumsum(counts) - counts]
        probability = np.prod(np.where(np.array(choice) == 1, chance, 1.0 - chance))
        pull += probability * float(np.sum(credit * (np.array(choice) - chance)))
    return pull


def average_parts_earn_nothing(combiner: Chain, batch: PartBatch, rng: np.random.Generator) -> None:
    """If all parts have the same value, the expected gradient neither lengthens nor shortens rollouts."""
    del rng
    pull = max((_pull_to_go_on(combiner, batch, value) for value in (0.25, 1.0)), key=abs)
    if abs(pull) > 1e-9:  # noqa: PLR2004 - rounding
        raise LawViolation(f"parts of equal value pull the decision to go on by {pull:.3g}")


def stopping_is_unbiased(combiner: Chain, batch: PartBatch, rng: np.random.Generator) -> None:
    """If the value of a part is a reward, the expected gradient goes on where that earns more."""
    del rng
    pull = _pull_to_go_on(combiner, batch, 1.0)
    if pull <= 1e-9:  # noqa: PLR2004 - rounding
        raise LawViolation(f"a further part earns 1, and pulls the decision to go on by {pull:.3g}")


def _totals(combiner: Chain, batch: PartBatch) -> tuple[Numbers, Numbers]:
    """Return sum and mean of the credit of each rollout."""
    total = np.bincount(batch.rollouts, credit_of(combiner, batch.signals()), len(batch.counts))
    return total, total / batch.counts


def mean_credit_sums_to_zero(combiner: Chain, batch: PartBatch, rng: np.random.Generator) -> None:
    """The mean credits of the rollouts of a prompt sum to zero."""
    del rng
    sums = np.bincount(batch.group_ids, _totals(combiner, batch)[1])
    if np.abs(sums).max() > 1e-6:  # noqa: PLR2004 - the eps of normalizers
        raise LawViolation(
            f"the mean credits of a prompt sum to {sums[np.argmax(np.abs(sums))]:.3g}", **batch.columns()
        )


def credit_sums_to_zero(combiner: Chain, batch: PartBatch, rng: np.random.Generator) -> None:
    """The credits of all parts of a prompt sum to zero."""
    del rng
    sums = np.bincount(batch.group_ids, _totals(combiner, batch)[0])
    if np.abs(sums).max() > 1e-6:  # noqa: PLR2004 - the eps of normalizers
        raise LawViolation(f"the credits of a prompt sum to {sums[np.argmax(np.abs(sums))]:.3g}", **batch.columns())


def _correct(batch: PartBatch) -> Numbers:
    if not batch.values:
        raise NotApplicable("it reads no outcome")
    return next(iter(batch.values.values())) > 0.5  # noqa: PLR2004 - a verdict


def _hacked(batch: PartBatch) -> PartBatch:
    """Return the batch with the highest value for all parts of incorrect rollouts and the lowest for those of correct ones."""
    wrong = 1.0 * ~_correct(batch)[batch.rollouts]
    return replace(batch, parts=dict.fromkeys(batch.parts, wrong))


def verdict_dominates_credit(combiner: Chain, batch: PartBatch, rng: np.random.Generator) -> None:
    """The mean credit of a correct rollout exceeds that of every incorrect one of its prompt."""
    correct, batch = _correct(batch), _hacked(batch) if rng.integers(2) else batch
    mean = _totals(combiner, batch)[1]
    for group in np.unique(batch.group_ids):
        here = batch.group_ids == group
        right, wrong = mean[here & correct], mean[here & ~correct]
        if len(right) and len(wrong) and right.min() <= wrong.max() + 1e-9:
            raise LawViolation(
                f"a correct rollout has a mean credit of {right.min():.3g}, an incorrect one {wrong.max():.3g}",
                **batch.columns(),
            )


def incorrect_parts_earn_nothing(combiner: Chain, batch: PartBatch, rng: np.random.Generator) -> None:
    """In a prompt with both verdicts no part of an incorrect rollout has a positive credit."""
    correct, batch = _correct(batch), _hacked(batch) if rng.integers(2) else batch
    credit = credit_of(combiner, batch.signals())
    mixed = np.array([len({bool(c) for c in correct[batch.group_ids == g]}) == 2 for g in batch.group_ids])  # noqa: PLR2004
    gains = credit[(mixed & ~correct)[batch.rollouts]]
    if len(gains) and gains.max() > 1e-9:  # noqa: PLR2004 - rounding
        raise LawViolation(f"a part of an incorrect rollout gets {gains.max():.3g}", **batch.columns(), credit=credit)


def rollout_alone_gets_nothing(combiner: Chain, batch: PartBatch, rng: np.random.Generator) -> None:
    """A rollout that is alone in its prompt gets no credit."""
    alone = batch.take([int(rng.integers(len(batch.counts)))])
    credit = credit_of(combiner, alone.signals())
    _check_equal(alone, "a rollout alone gets credit", credit=credit, nothing=np.zeros_like(credit))


def later_parts_change_no_earlier(combiner: Chain, batch: PartBatch, rng: np.random.Generator) -> None:
    """The value of a part changes the credit of no earlier part of its rollout."""
    if not batch.parts:
        raise NotApplicable("it reads no parts")
    rollout = int(np.argmax(batch.counts))
    rows = np.flatnonzero(batch.rollouts == rollout)
    changed = {name: x.copy() for name, x in batch.parts.items()}
    for x in changed.values():
        x[rows[-1]] = (x[rows[-1]] + rng.integers(1, 8) / 8.0) % 1.125
    other = replace(batch, parts=changed)
    before, after = (credit_of(combiner, b.signals())[rows[:-1]] for b in (batch, other))
    if entries_differ(before, after, 1e-9).any():
        raise LawViolation(
            f"the last part of rollout {rollout + 1} changes the credit of earlier ones", **batch.columns()
        )


CREDIT_LAWS: tuple[CreditLaw, ...] = (
    one_part_is_a_rollout,
    credit_ignores_order,
    outcome_is_broadcast,
    repeated_part_changes_no_other,
    repetition_is_bounded,
    average_parts_earn_nothing,
    stopping_is_unbiased,
    mean_credit_sums_to_zero,
    credit_sums_to_zero,
    verdict_dominates_credit,
    incorrect_parts_earn_nothing,
    rollout_alone_gets_nothing,
    later_parts_change_no_earlier,
)
"""All laws of credit."""


def check_credit(
    combiner: Combiner[Any], outcomes: tuple[str, ...] = ("verifier",), *, max_examples: int = 40, seed: int = 0
) -> Report:
    """Try the laws of credit on a chain that gives credit to parts.

    Args:
        combiner: the chain.
        outcomes: the signals that judge rollouts; all others that it reads judge parts.
        max_examples: the number of batches.
        seed: of the batches.

    Returns:
        One result a law, failed with the first counterexample.

    Raises:
        ConfigError: the chain gives no credit to parts.

    Example:
        >>> from herokit.schemes import redistribution
        >>> report = check_credit(redistribution(), max_examples=5)
        >>> report["incorrect_parts_earn_nothing"].outcome
        'passed'
    """
    steps = chain(combiner)
    if not gives_credit(steps):
        raise ConfigError("the chain gives no credit to parts; it has no step ForParts")
    names = signals_read(steps)
    own, shared = [n for n in names if n not in outcomes], [n for n in names if n in outcomes]
    return Report("credit", tuple(_try(law, steps, own, shared, max_examples, seed) for law in CREDIT_LAWS))


def _try(
    law: CreditLaw, steps: Chain, part_signals: list[str], outcomes: list[str], max_examples: int, seed: int
) -> Result:
    rng = np.random.default_rng(seed)
    result = Result(law.__name__, " ".join((law.__doc__ or "").split()), universal=law in CREDIT_LAWS[:2])
    for _ in range(max_examples):
        batch = draw_part_batch(rng, outcomes, part_signals)
        try:
            law(steps, batch, rng)
        except NotApplicable as reason:
            result.skip_reason = str(reason)
            continue
        except LawViolation as violation:
            result.violation = violation
            result.checked += 1
            break
        result.checked += 1
    return result
