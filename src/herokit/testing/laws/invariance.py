"""Universal laws: what a reward must not depend on."""

from typing import Any

import numpy as np

from herokit.testing.batches import Batch, Draw, Numbers
from herokit.testing.law import LawViolation, NotApplicable, law
from herokit.testing.laws.helpers import check_equal, draw_permutation, nested_lists, states_differ
from herokit.testing.subjects import CombinerSubject, Example

__all__ = [
    "all_reduce_equivalence",
    "backend_equivalence",
    "batch_split_invariance",
    "empty_batch_accepted",
    "float32_agrees",
    "group_copies_invariance",
    "group_independence",
    "group_label_invariance",
    "namespace_dtype_device_preserved",
    "row_permutation_equivariance",
    "sync_once_per_batch",
]

BACKEND_TOLERANCE = {"float64": 1e-6, "float32": 2e-3}
"""The allowed difference from numpy in float64, relative to the larger reward or 1."""

FAR_SCORE = 4096.0
"""Of scores around this number, the squares have no digit left in float32 for what differs."""


@law("combiner")
def row_permutation_equivariance(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """Permuting the rollouts permutes their rewards in the same way and changes nothing else.

    Why: trainers shuffle rollouts, gather them over ranks and sort them by length, so their order has no meaning.

    In training: the same rollouts would get different rewards in another run or on another number of GPUs.
    """
    n, reward = len(example.batch), example.run.output
    order = draw_permutation(n, draw)
    permuted = subject.run(example.batch.take(order), example.state)
    restored = np.empty(n)
    restored[order] = permuted.output
    message = "the rewards depend on the order of the rows"
    check_equal(example.batch, message, reward=reward, in_another_order=restored)
    _check_same_state(example, permuted.state, "with its rows in another order")


@law("combiner")
def group_label_invariance(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """Renumbering the groups, or leaving numbers unused, changes no reward.

    Why: group ids are assigned anew in each batch; an off-by-one error in them uses another group's mean.

    In training: the rollouts of one prompt would be compared with those of another prompt.
    """
    batch, reward, gap = example.batch, example.run.output, draw(2)
    renumbered = Batch(
        batch.values,
        (batch.num_groups - 1 - batch.group_ids) * (1 + gap) + gap,
        batch.num_groups * (1 + gap) + gap,
    )
    other = subject.run(renumbered, example.state)
    message = "the rewards depend on the numbers of the groups"
    check_equal(batch, message, reward=reward, renumbered=other.output)
    _check_same_state(example, other.state, "with its groups renumbered")


def _check_same_state(example: Example, state: Any, change: str) -> None:
    if states_differ(example.run.state, state):
        message = f"the state after the batch is {example.run.state!r}; {change} it is {state!r}"
        raise LawViolation(message, example.batch)


@law("combiner")
def group_independence(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """Given the state, the rewards of a group do not depend on the other groups of its batch.

    Why: which prompts share a batch is random; only the state may connect them.

    In training: an easy prompt would get lower rewards next to a hard one, and rewards would depend on the batch size.
    """
    del draw
    groups = example.batch.rows_by_group()
    if len(groups) == 1:
        raise NotApplicable("the batch has one group")
    reward, alone = example.run.output, np.empty(len(example.batch))
    for rows in groups:
        alone[rows] = subject.run(example.batch.take(rows), example.state).output
    message = "the rewards of a group depend on the other groups in the batch"
    check_equal(example.batch, message, reward=reward, alone=alone)


@law("combiner")
def batch_split_invariance(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """The next state does not depend on how a batch is split between groups.

    Why: gradient accumulation, micro-batches and the number of ranks split the rollouts of a step in different ways.

    In training: a run with other micro-batches would keep another running mean, with all else equal.
    """
    del draw
    groups = example.batch.rows_by_group()
    if len(groups) == 1:
        raise NotApplicable("a batch with one group cannot be split")
    state, whole = example.state, example.run.state
    for rows in groups:
        state = subject.run(example.batch.take(rows), state).state
    if states_differ(whole, state):
        message = f"the state after the whole batch is {whole!r}; after its groups one by one it is {state!r}"
        raise LawViolation(message, example.batch)


@law("combiner")
def all_reduce_equivalence(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """The state of two ranks that sync equals the state of one process with both batches.

    Why: running means that are kept per rank diverge and scale the rewards of each rank differently.

    In training: ranks would update the policy with different weights for the same evidence.
    """
    del draw
    groups = example.batch.rows_by_group()
    first_rank = np.concatenate(groups[: (len(groups) + 1) // 2])
    second_rank = np.setdiff1d(np.arange(len(example.batch)), first_rank)
    if not len(second_rank):
        raise NotApplicable("two ranks cannot share one group")
    sent: list[Any] = []

    def send(local: Any) -> Any:
        sent.append(local)
        return local

    def receive(local: Any) -> Any:
        return local.merge(waiting.pop(0)) if waiting else local

    whole = example.run.state
    subject.run(example.batch.take(second_rank), example.state, sync=send)
    waiting = list(sent)
    synced = subject.run(example.batch.take(first_rank), example.state, sync=receive).state
    if states_differ(whole, synced):
        message = f"the state of one process is {whole!r}; the state of two synced ranks is {synced!r}"
        raise LawViolation(message, example.batch)


@law("combiner", score_range="plain")
def group_copies_invariance(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """If every batch holds each of its groups twice, under two numbers, no reward changes.

    Why: what is counted in a state is training steps or means; a schedule that counts rows ends too early.

    In training: a run with another batch size would be at another point of its schedule after the same number of steps.
    """
    del subject, draw

    def twice(batch: Batch) -> Batch:
        values = {name: np.tile(x, 2) for name, x in batch.values.items()}
        return Batch(
            values, np.concatenate([batch.group_ids, batch.group_ids + batch.num_groups]), 2 * batch.num_groups
        )

    reward, n = example.run.output, len(example.batch)
    message = "with each group of all batches given twice the rewards change"
    check_equal(example.batch, message, reward=reward, given_twice=example.map(twice).run.output[:n])


@law("combiner")
def sync_once_per_batch(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """How often a combiner calls `sync` does not depend on the batch or on the state.

    Why: `sync` is a collective operation, and a rank waits in it until all ranks have called it.

    In training: ranks whose batches differ would wait for each other until the job is stopped.
    """
    del draw
    calls: list[int] = []

    def count(local: Any) -> Any:
        calls[-1] += 1
        return local

    first = example.batch.take(np.flatnonzero(example.batch.group_ids == example.batch.group_ids[0]))
    state = subject.combiner.init()
    for batch, before in ((example.batch, example.state), (first, example.state), (example.batch, state)):
        calls.append(0)
        subject.run(batch, before, sync=count)
    if len(set(calls)) > 1:
        numbers = "{} times for the batch, {} times for its first group, {} times for the batch as the first one"
        raise LawViolation(f"it calls sync {numbers.format(*calls)}", example.batch)


@law("combiner")
def empty_batch_accepted(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """A batch without rollouts gives no rewards and no error; of the state it changes a count of batches at most.

    Why: a rank can get no rollout, and a filter can remove all of them.

    In training: the job would stop, or its running mean would move towards 0 or become NaN, at the first such batch.
    """
    del draw
    values = {name: x[:0] for name, x in example.batch.values.items()}
    for num_groups in (0, 1):
        after = subject.run(Batch(values, example.batch.group_ids[:0], num_groups), example.state).state
        if _numbers_moved(example.state, after):
            message = f"an empty batch changes the state from {example.state!r} to {after!r}"
            raise LawViolation(message, example.batch)


def _numbers_moved(before: Any, after: Any) -> bool:
    """Return whether two states differ in more than integers that grew by one.

    Example:
        >>> _numbers_moved((3, 0.5), (4, 0.5)), _numbers_moved((3, 0.5), (4, 0.4))
        (False, True)
    """
    before, after = nested_lists(before), nested_lists(after)
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return any(_numbers_moved(x, y) for x, y in zip(before, after, strict=True))
    counts = isinstance(before, int) and isinstance(after, int) and after == before + 1
    return not counts and states_differ(before, after)


@law("combiner", costly=True)
def namespace_dtype_device_preserved(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """The output has the array library, float type and device of the input.

    Why: a hidden conversion to numpy stalls a GPU; a hidden float64 doubles memory and fails in a bfloat16 run.

    In training: the step would wait for the host at every batch, or fail on the first tensor that is not on the CPU.
    """
    del draw
    for backend in subject.backends:
        for dtype in backend.dtypes:
            signals = backend.signals(example.batch, dtype)
            out = subject.apply(signals, example.batch, example.state).array
            given = next(iter(signals.values.values()))
            if type(out) is not type(given):
                message = f"given an array of {backend.name}, it returned {type(out).__module__}.{type(out).__name__}"
                raise LawViolation(message, example.batch)
            if out.dtype != given.dtype or getattr(out, "device", None) != getattr(given, "device", None):
                message = f"{backend.name}: given {given.dtype}, it returned {out.dtype}"
                raise LawViolation(message, example.batch)


@law("combiner", score_range="plain", costly=True)
def backend_equivalence(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """Every array library gives the rewards of numpy, and so does numpy with read-only arrays.

    Why: a scheme is tested in a notebook on numpy and trained on tensors; both must give the same rewards.

    In training: the run would use another reward than the one that was tested.
    """
    del draw
    if len(subject.backends) == 1:
        raise NotApplicable("only one array library was selected")
    expected = example.run.output
    for backend in subject.backends:
        for dtype in backend.dtypes:
            if dtype == "float32" and _has_near_tie(expected, example.batch):
                continue
            other = subject.run(example.batch, example.state, backend=backend, dtype=dtype).output
            message = f"{backend.name} in {dtype} gives other rewards than numpy in float64"
            check_equal(example.batch, message, BACKEND_TOLERANCE[dtype], numpy=expected, other=other)


@law("combiner", score_range="plain")
def float32_agrees(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """In float32 the rewards are those of float64, up to rounding, also for scores around 4096.

    Why: trainers compute in float32, where a mean of squares minus a squared mean has no digit left.

    In training: rewards of a model with a large offset would be noise, or NaN, and look right in every test.
    """
    del draw
    names = [name for name, kind in subject.signals.items() if kind == "score"]
    far = example.map(lambda batch: batch.replace(**{name: batch.values[name] + FAR_SCORE for name in names}))
    if _has_near_tie(far.run.output, far.batch):
        raise NotApplicable("rounding can change the order of two rewards")
    other = subject.run(far.batch, far.state, dtype="float32").output
    message = "in float32 it gives other rewards than in float64"
    check_equal(far.batch, message, BACKEND_TOLERANCE["float32"], reward=far.run.output, in_float32=other)


def _has_near_tie(output: Numbers, batch: Batch) -> bool:
    """Return whether rounding to float32 can change the order of two rewards in a group."""
    gaps = [gap for rows in batch.rows_by_group() for gap in np.abs(np.diff(np.sort(output[rows])))]
    return any(0.0 < gap < BACKEND_TOLERANCE["float32"] for gap in gaps)
