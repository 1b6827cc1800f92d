"""Universal laws: a combiner is a value, and its only memory is the state that it returns."""

import copy
import dataclasses
import json
import pickle
from typing import Any

import numpy as np

from herokit.combiners import chain, initial_reward
from herokit.config import build, describe
from herokit.errors import ConfigError
from herokit.testing.backends import NUMPY, to_numpy
from herokit.testing.batches import Draw
from herokit.testing.law import LawViolation, NotApplicable, law
from herokit.testing.laws.helpers import audit_events, check_equal, states_differ
from herokit.testing.subjects import CombinerSubject, Example

__all__ = [
    "config_round_trip",
    "constructor_has_no_side_effects",
    "deterministic",
    "evaluation_keeps_state",
    "finite_outputs",
    "inputs_not_modified",
    "pickle_round_trip",
    "state_json_round_trip",
]


@law("combiner")
def inputs_not_modified(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """The input arrays and the input state are the same before and after.

    Why: trainers log and reuse the scores that they pass in; an in-place operation changes them silently.

    In training: logs, filters and later steps would see numbers that no model returned.
    """
    del draw
    batch, signals = example.batch, NUMPY.signals(example.batch)
    reward, state = initial_reward(signals), copy.deepcopy(example.state)
    subject.apply(signals, batch, state)
    if states_differ(example.state, state):
        raise LawViolation(f"it modified the state that it was given, {example.state!r}, to {state!r}", batch)
    subject.combiner.combine(reward, signals, subject.combiner.init())
    for name, before in batch.values.items():
        after = to_numpy(signals[name])
        check_equal(batch, f"it modified the signal {name!r}", 0.0, **{name: before, f"{name}_after": after})
    if reward.any():
        raise LawViolation("it modified the reward that it was given", batch, reward_given=reward)
    if (signals.groups.ids != batch.group_ids).any():
        raise LawViolation("it modified the group ids", batch)


@law("combiner")
def deterministic(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """The same input and state give exactly the same rewards and the same next state.

    Why: with a hidden counter, clock or random number, a run cannot be reproduced.

    In training: two runs with the same seed would differ, and no regression could be traced to its cause.
    """
    del draw
    first, second = example.run, subject.run(example.batch, example.state)
    message = "two runs on the same input give other rewards"
    check_equal(example.batch, message, 0.0, reward=first.output, second_run=second.output)
    if states_differ(first.state, second.state):
        message = f"two runs on the same input return the states {first.state!r} and {second.state!r}"
        raise LawViolation(message, example.batch)


@law("combiner")
def pickle_round_trip(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """A pickled copy is equal and gives the same rewards.

    Why: trainers send reward functions to worker processes; closures, open files and locks cannot be pickled.

    In training: the job would stop when its workers start, or each worker would use other parameters.
    """
    del draw
    try:
        copied = pickle.loads(pickle.dumps(subject.combiner))  # noqa: S301 - our own bytes
    except Exception as error:
        raise LawViolation(f"pickling raised {type(error).__name__}: {error}") from error
    run = example.run
    copy_run = subject.apply(NUMPY.signals(example.batch), example.batch, example.state, steps=copied)
    message = "its pickled copy gives other rewards"
    check_equal(example.batch, message, 0.0, reward=run.output, of_the_copy=copy_run.output)
    if copied != subject.combiner:
        raise LawViolation(f"its pickled copy is not equal to it: {copied!r}")


@law("combiner", costly=True)
def evaluation_keeps_state(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """Scoring with ``update_state=False`` changes no later reward.

    Why: validation batches have other prompts and sizes; in one re-implementation they pull the running mean to 0.

    In training: the policy would depend on how often it is evaluated.
    """
    del draw

    def train(*, evaluate: bool) -> tuple[Any, Any]:
        rewarder = subject.rewarder()
        subject.score(rewarder, *example.earlier)
        if evaluate:
            subject.score(rewarder, example.batch, update_state=False)
        return subject.score(rewarder, example.batch), rewarder.state

    reward, state = train(evaluate=False)
    reward_after, state_after = train(evaluate=True)
    message = "an evaluation changed the rewards after it"
    check_equal(example.batch, message, 0.0, reward=reward, after_evaluation=reward_after)
    if states_differ(state, state_after):
        raise LawViolation(f"an evaluation changed the state from {state!r} to {state_after!r}", example.batch)


@law("combiner", costly=True)
def state_json_round_trip(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """Saving the state as JSON, loading it and continuing gives the same rewards as not stopping.

    Why: runs are preempted; a checkpoint that loses the running mean starts the weights again from the beginning.

    In training: rewards would jump at every restart.
    """
    del draw
    running, restarted = subject.rewarder(), subject.rewarder()
    subject.score(running, *example.earlier)
    try:
        restarted.load_state_dict(json.loads(json.dumps(running.state_dict())))
    except Exception as error:
        message = f"its state is not plain JSON: {type(error).__name__}: {error}"
        raise LawViolation(message, example.batch) from error
    reward, reward_after = subject.score(running, example.batch), subject.score(restarted, example.batch)
    message = "after a restart it gives other rewards"
    check_equal(example.batch, message, 0.0, reward=reward, after_restart=reward_after)
    if states_differ(running.state, restarted.state):
        message = f"after a restart its state is {restarted.state!r} instead of {running.state!r}"
        raise LawViolation(message, example.batch)


@law("combiner", run_once=True)
def config_round_trip(subject: CombinerSubject, example: None, draw: Draw) -> None:
    """``build(describe(combiner)) == combiner``: its description builds an equal combiner.

    Why: a scheme file records what was trained; if it cannot be read back, the record is useless.

    In training: the scheme in the log would not be the scheme that ran.
    """
    del example, draw
    try:
        tables = describe(subject.combiner)
    except ConfigError as error:
        raise NotApplicable(f"a step is not registered, so a scheme file cannot name it ({error})") from None
    rebuilt = chain(*(build(json.loads(json.dumps(step))) for step in tables))
    if rebuilt != subject.combiner:
        raise LawViolation(f"{tables!r} builds {rebuilt!r} instead of {subject.combiner!r}")


@law("combiner", run_once=True)
def constructor_has_no_side_effects(subject: CombinerSubject, example: None, draw: Draw) -> None:
    """The constructor only stores parameters: it opens no file, socket or process.

    Why: schemes are constructed on a login node, in the driver and in every worker; only workers may need a model.

    In training: importing a config would load models, and every rank would load them again.
    """
    del example, draw
    for step in subject.combiner.steps:
        if not dataclasses.is_dataclass(step):
            raise NotApplicable(f"{type(step).__name__} is not a dataclass, so its parameters are unknown")
    with audit_events() as events:
        for step in subject.combiner.steps:
            copied: Any = dataclasses.replace(step)  # type: ignore[type-var] # checked above
            copied.init()
    if events:
        raise LawViolation(f"its constructor has side effects: {', '.join(sorted(set(events)))}")


@law("combiner", score_range="wide")
def finite_outputs(subject: CombinerSubject, example: Example, draw: Draw) -> None:
    """Finite scores give finite rewards and a finite state: with ties, subnormals, groups of one, scores up to 1e14.

    Why: one NaN reward makes all weights of the policy NaN at the next update; a NaN in a running mean remains.

    In training: after hours the loss would become NaN, on the first batch with a tie or an outlier.
    """
    del draw
    for dtype in ("float64", "float32"):
        run = subject.run(example.batch, example.state, dtype=dtype)
        for name, values in (("reward", run.reward), ("output", run.output)):
            if not np.isfinite(values).all():
                raise LawViolation(f"in {dtype} the {name} is not finite", example.batch, **{name: values})
        if "nan" in repr(run.state) or "inf" in repr(run.state):
            raise LawViolation(f"the state is not finite: {run.state!r}", example.batch)
