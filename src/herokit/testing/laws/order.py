"""Universal laws: what a reward must not depend on."""

from typing import Any

import numpy as np

from herokit.testing.batches import Batch, Case, Numbers
from herokit.testing.law import Choose, law
from herokit.testing.laws.compare import same, states_differ
from herokit.testing.subjects import CombinerSubject
from herokit.testing.verdict import Broken, Moot


def shuffled(n: int, choose: Choose) -> Numbers:
    """Return the numbers 0 to n - 1 in a chosen order; choosing 0 throughout leaves them as they are.

    Example:
        >>> shuffled(3, lambda n: 0).tolist(), shuffled(3, lambda n: n - 1).tolist()
        ([0, 1, 2], [2, 0, 1])
    """
    order = np.arange(n)
    for place in range(n - 1):
        other = place + choose(n - place)
        order[[place, other]] = order[[other, place]]
    return order


@law("combiner")
def row_permutation_equivariance(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Reordering rollouts reorders their rewards and changes nothing else.

    Why: trainers shuffle, gather over ranks and sort by length; the order in which rollouts arrive says nothing.

    In training: the same rollouts would earn different rewards from run to run, and from one GPU count to another.
    """
    n = len(case.batch)
    order = shuffled(n, choose)
    state = subject.state(case)
    here, there = subject.here(case), subject.run(case.batch.take(order), state)
    back = np.empty(n)
    back[order] = there.out
    same(case.batch, "another order of the rows gives other rewards", reward=here.out, in_another_order=back)


@law("combiner")
def group_label_invariance(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """A group's number means nothing: renumbering groups, or leaving numbers unused, changes no reward.

    Why: group numbers are made up per batch; an off-by-one in them reads a neighbour's mean.

    In training: a prompt would be compared with another prompt's rollouts.
    """
    state, batch = subject.state(case), case.batch
    gap = choose(2)
    renamed = Batch(batch.values, (batch.count - 1 - batch.index) * (1 + gap) + gap, batch.count * (1 + gap) + gap)
    here, there = subject.run(batch, state), subject.run(renamed, state)
    same(batch, "other numbers for the same groups give other rewards", reward=here.out, renumbered=there.out)


@law("combiner")
def group_independence(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Given the state, a group's rewards do not depend on which other groups share its batch.

    Why: which prompts share a batch is chance; only what is remembered may link them.

    In training: an easy prompt would look worse beside a hard one, and the reward would change with the batch size.
    """
    del choose
    groups = case.batch.members()
    if len(groups) == 1:
        raise Moot("one group in the batch")
    state = subject.state(case)
    whole, alone = subject.here(case), np.empty(len(case.batch))
    for rows in groups:
        alone[rows] = subject.run(case.batch.take(rows), state).out
    same(case.batch, "a group alone gets other rewards than beside others", reward=whole.out, alone=alone)


@law("combiner")
def batch_split_invariance(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Cutting a batch between groups changes nothing that is remembered.

    Why: gradient accumulation, micro-batches and the number of ranks cut one step's rollouts in different ways.

    In training: a run with other micro-batches, and nothing else changed, would remember another mean.
    """
    del choose
    groups = case.batch.members()
    if len(groups) == 1:
        raise Moot("one group cannot be cut")
    state = subject.state(case)
    whole = subject.here(case).state
    for rows in groups:
        state = subject.run(case.batch.take(rows), state).state
    if states_differ(whole, state):
        raise Broken(f"the whole batch leaves {whole!r}, its groups one after the other {state!r}", case.batch)


@law("combiner")
def all_reduce_equivalence(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Two ranks that sync remember what one process with both batches remembers.

    Why: a running mean kept per rank drifts apart and scales each rank's rewards differently.

    In training: ranks would push the policy with different weights for the same evidence.
    """
    del choose
    groups = case.batch.members()
    half = np.concatenate(groups[: (len(groups) + 1) // 2])
    rest = np.setdiff1d(np.arange(len(case.batch)), half)
    if not len(rest):
        raise Moot("one group cannot be shared by two ranks")
    state, sent = subject.state(case), []

    def send(local: Any) -> Any:
        sent.append(local)
        return local

    def receive(local: Any) -> Any:
        return local.merge(waiting.pop(0)) if waiting else local

    whole = subject.here(case)
    subject.run(case.batch.take(rest), state, sync=send)
    waiting = list(sent)
    first = subject.run(case.batch.take(half), state, sync=receive)
    if states_differ(whole.state, first.state):
        raise Broken(f"one process remembers {whole.state!r}, two synced ranks {first.state!r}", case.batch)
