"""Universal laws: what a reward must not depend on."""

from typing import Any

import numpy as np

from herokit.testing.batches import Batch, Draw, Numbers
from herokit.testing.law import LawViolation, NotApplicable, law
from herokit.testing.laws.helpers import check_equal, draw_permutation, states_differ
from herokit.testing.subjects import CombinerSubject, Example

__all__ = [
    "all_reduce_equivalence",
    "backend_equivalence",
    "batch_split_invariance",
    "group_independence",
    "group_label_invariance",
    "namespace_dtype_device_preserved",
    "row_permutation_equivariance",
]

BACKEND_TOLERANCE = {"float64": 1e-6, "float32": 2e-3}
"""The allowed difference from numpy in float64, relative to the larger reward or 1."""


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


def _has_near_tie(output: Numbers, batch: Batch) -> bool:
    """Return whether rounding to float32 can change the order of two rewards in a group."""
    gaps = [gap for rows in batch.rows_by_group() for gap in np.abs(np.diff(np.sort(output[rows])))]
    return any(0.0 < gap < BACKEND_TOLERANCE["float32"] for gap in gaps)
