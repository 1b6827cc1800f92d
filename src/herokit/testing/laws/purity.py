"""Universal laws: a combiner is a value, and its memory is the state it returns."""

import json
import pickle
from typing import Any

import numpy as np

from herokit.combiners import chain, initial_reward
from herokit.config.builder import build, describe
from herokit.errors import ConfigError
from herokit.testing.audit_hooks import watched
from herokit.testing.backends import NUMPY, read
from herokit.testing.batches import Case
from herokit.testing.law import Choose, law
from herokit.testing.laws.compare import same, states_differ
from herokit.testing.subjects import CombinerSubject
from herokit.testing.verdict import Broken, Moot


@law("combiner")
def inputs_not_modified(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """The arrays that come in are the same after as before.

    Why: trainers log and reuse the scores they hand over; an in-place step corrupts them without a trace.

    In training: logged scores, filters and later steps would see numbers that no model gave.
    """
    del choose
    signals = NUMPY.signals(case.batch)
    begin = initial_reward(signals)
    subject.apply(signals, case.batch, subject.state(case))
    subject.thing.combine(begin, signals, subject.thing.init())
    for name, before in case.batch.values.items():
        after = read(signals[name])
        same(case.batch, f"it wrote into the signal {name!r}", 0.0, **{name: before, f"{name}_after": after})
    if begin.any():
        raise Broken("it wrote into the reward it was given", case.batch, reward_given=begin)
    if (signals.groups.ids != case.batch.index).any():
        raise Broken("it wrote into the group numbers", case.batch)


@law("combiner")
def deterministic(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """The same input and state give the same rewards and the same state, to the last bit.

    Why: a hidden counter, clock or random number makes a run impossible to repeat.

    In training: two runs with one seed would differ, and no regression could be traced to its cause.
    """
    del choose
    state = subject.state(case)
    once, again = subject.here(case), subject.run(case.batch, state)
    same(case.batch, "asked twice, it gave two answers", 0.0, reward=once.out, asked_again=again.out)
    if states_differ(once.state, again.state):
        raise Broken(f"asked twice, it left {once.state!r} and {again.state!r}", case.batch)


@law("combiner")
def pickle_round_trip(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """A copy made for another process is equal and gives equal rewards.

    Why: trainers send reward functions to workers; closures, open files and locks stay behind.

    In training: the job would die when its workers start, or each worker would score with another setting.
    """
    del choose
    try:
        copied = pickle.loads(pickle.dumps(subject.thing))  # noqa: S301 - we made these bytes
    except Exception as error:
        raise Broken(f"pickling raised {type(error).__name__}: {error}") from error
    state, signals = subject.state(case), NUMPY.signals(case.batch)
    here, there = subject.here(case), subject.apply(signals, case.batch, state, steps=copied)
    same(case.batch, "its pickled copy gives other rewards", 0.0, reward=here.out, of_the_copy=there.out)
    if copied != subject.thing:
        raise Broken(f"its pickled copy is not equal to it: {copied!r}")


@law("combiner", costly=True)
def evaluation_keeps_state(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Scoring with ``update_state=False`` changes no later reward.

    Why: validation batches have other prompts and sizes; in a known re-implementation they pull the running mean to 0.

    In training: how often you evaluate would change what is learned.
    """
    del choose

    def train(*, evaluate: bool) -> tuple[Any, Any]:
        rewarder = subject.rewarder()
        subject.score(rewarder, *case.earlier)
        if evaluate:
            subject.score(rewarder, case.batch, update_state=False)
        return subject.score(rewarder, case.batch), rewarder.state

    without, left = train(evaluate=False)
    after, left_after = train(evaluate=True)
    same(case.batch, "an evaluation changed the rewards after it", 0.0, reward=without, after_evaluating=after)
    if states_differ(left, left_after):
        raise Broken(f"an evaluation changed what is remembered: {left!r} became {left_after!r}", case.batch)


@law("combiner", costly=True)
def state_json_round_trip(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Saving the state as JSON, loading it and going on equals never having stopped.

    Why: runs are preempted; a checkpoint that loses the running mean starts the weights anew.

    In training: rewards would jump at every restart.
    """
    del choose
    going, resumed = subject.rewarder(), subject.rewarder()
    subject.score(going, *case.earlier)
    try:
        resumed.load_state_dict(json.loads(json.dumps(going.state_dict())))
    except Exception as error:
        raise Broken(f"its state is not plain JSON: {type(error).__name__}: {error}", case.batch) from error
    here, there = subject.score(going, case.batch), subject.score(resumed, case.batch)
    same(case.batch, "after a restart it gives other rewards", 0.0, reward=here, after_a_restart=there)
    if states_differ(going.state, resumed.state):
        raise Broken(f"after a restart it remembers {resumed.state!r} instead of {going.state!r}", case.batch)


@law("combiner", once=True)
def config_round_trip(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """``build(describe(c)) == c``: the table that describes it builds it again.

    Why: a scheme file is the record of what was trained; one that cannot be read back records nothing.

    In training: the scheme in the log would not be the scheme that ran.
    """
    del case, choose
    try:
        tables = describe(subject.thing)
    except ConfigError as error:
        raise Moot(f"not registered, so no scheme file names it ({error})") from None
    rebuilt = chain(*(build(json.loads(json.dumps(step))) for step in tables))
    if rebuilt != subject.thing:
        raise Broken(f"{tables!r} builds {rebuilt!r}, not {subject.thing!r}")


@law("combiner", once=True)
def constructor_has_no_side_effects(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Making a copy opens no file, socket or process: a constructor only stores its settings.

    Why: schemes are made on a login node, in the driver and in every worker; only a worker may need a model.

    In training: importing a config would load models, and every rank would load them again.
    """
    del case, choose
    import dataclasses

    for step in subject.thing.steps:
        if not dataclasses.is_dataclass(step):
            raise Moot(f"{type(step).__name__} is no dataclass, so its settings are unknown")
    with watched() as events:
        for step in subject.thing.steps:
            replaced: Any = dataclasses.replace(step)  # type: ignore[type-var] # looked at above
            replaced.init()
    if events:
        raise Broken(f"its constructor does work: {', '.join(sorted(set(events)))}")


@law("combiner", span="wide")
def finite_outputs(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Finite scores give finite rewards and a finite state: ties, subnormals, groups of one and scores to 1e14.

    Why: one NaN in a reward makes every weight of the policy NaN at the next step; one in a running mean stays.

    In training: the loss would turn NaN, hours in, on the first batch with a tie or an outlier.
    """
    del choose
    state = subject.state(case)
    for dtype in ("float64", "float32"):
        run = subject.run(case.batch, state, dtype=dtype)
        for name, numbers in (("reward", run.reward), ("output", run.out)):
            if not np.isfinite(numbers).all():
                raise Broken(f"a {name} in {dtype} is not finite", case.batch, **{name: numbers})
        if "nan" in repr(run.state) or "inf" in repr(run.state):
            raise Broken(f"what it remembers is not finite: {run.state!r}", case.batch)
