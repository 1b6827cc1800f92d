"""Nothing is silent: code that fails on every row stops the run; sources, groups and references that teach nothing are said once."""

import asyncio
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.rewarders import Exact, Length, group, make
from herokit import Groups, Rewarder, Sample, Select, Status, Verdict, combine, hero, verifier_only
from herokit.adapters.common import score_one
from herokit.adapters.common.microbatch import MicroBatcher
from herokit.adapters.trl import RewardFunction
from herokit.errors import DataError, HerokitError, NoSignalWarning, PluginError
from herokit.service.engine import Engine, ScoreKey
from herokit.service.metrics import Metrics
from herokit.sources import Vote
from herokit.verifiers import ExactMatch, Number

ROWS = [*group("a", "ok", "no", "nope", "ok"), *group("b", "ok", "no", "nope", "ok")]


class OneSample:
    def verify(self, sample):
        return Verdict(float(sample.completion == sample.reference))


class Typo:
    def verify(self, samples):
        return [Verdict(float(sampel.completion == "ok")) for sampel in sampels]  # noqa: F821 - the fault


class NotAwaited:
    async def judge(self, sample):
        return 1.0

    def verify(self, samples):
        return [self.judge(sample) for sample in samples]


class NotAwaitedScore:
    async def judge(self, sample):
        return 1.0

    def score(self, samples):
        return [float(self.judge(sample)) for sample in samples]


def wrong_style(completion, answer):
    return float(completion[-1]["content"] == answer)


FAULTS = [
    (OneSample(), "verifier 'verifier' raised AttributeError: 'list' object has no attribute 'completion', on all 8 samples of its first batch; a source is called with a list of samples"),
    (Typo(), "raised NameError: name 'sampels' is not defined, on all 8 samples"),
    (NotAwaited(), "must return a Verdict for each sample: returned a coroutine that was not awaited: write 'await'"),
    (wrong_style, r"raised TypeError: string indices must be integers.*was taken for a reward function like plain's; style= overrides"),
    (Vote((ExactMatch(), OneSample())), "verifier '1' raised AttributeError"),
]  # fmt: skip


@pytest.mark.parametrize(("verifier", "message"), FAULTS)
@pytest.mark.parametrize("samples", [ROWS, ROWS[:1]], ids=["batch", "one"])
def test_code_that_fails_on_every_row_of_the_first_batch_raises(verifier, message, samples):
    rewarder = Rewarder({"verifier": verifier}, verifier_only())
    with pytest.raises(PluginError, match=message.replace("all 8 samples", f"all {len(samples)} samples")):
        rewarder(samples)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_a_reward_model_that_fails_on_every_row_raises_its_own_error():
    with pytest.raises(PluginError, match="reward model 'rm' raised TypeError: .*'coroutine', on all 8") as caught:
        make(rm=NotAwaitedScore())(ROWS)
    assert isinstance(caught.value.__cause__, TypeError)


def test_an_error_of_code_is_shown_with_its_line():
    with pytest.raises(PluginError, match=r"stops the run here \(test_no_signal.py:\d+, in \w+\)"):
        Rewarder({"verifier": OneSample()}, verifier_only())(ROWS)


def serve(rewarder):
    raise Engine(rewarder, Metrics()).run(ScoreKey(), [ROWS])[0]


@pytest.mark.parametrize("run", [
    lambda rewarder: score_one(rewarder, ROWS[0]),
    lambda rewarder: MicroBatcher(rewarder).run(ROWS),
    lambda rewarder: RewardFunction(rewarder, num_generations=4)([s.prompt for s in ROWS], [s.completion for s in ROWS], answer=["ok"] * 8),
    serve,
    lambda rewarder: pickle.loads(pickle.dumps(rewarder))(ROWS),
])  # fmt: skip
def test_every_door_stops(run):
    with pytest.raises(PluginError, match="'list' object has no attribute 'completion'"):
        run(Rewarder({"verifier": OneSample()}, verifier_only()))


def subclasses(kind):
    return {kind, *(each for child in kind.__subclasses__() for each in subclasses(child))}


@pytest.mark.parametrize("source", [OneSample(), NotAwaited()])
def test_a_source_that_breaks_its_contract_raises_an_error_that_can_be_caught_by_name(source):
    with pytest.raises(PluginError) as raised:
        Rewarder({"verifier": source}, verifier_only())(ROWS)
    assert raised.type is PluginError
    assert [kind for kind in subclasses(HerokitError) if kind.__name__.startswith("_")] == []


class Breaks:
    """Works until its server answers with nothing."""

    def __init__(self, error):
        self.error, self.is_up = error, True

    def score(self, samples):
        if self.is_up:
            return [1.0] * len(samples)
        raise self.error


@pytest.mark.parametrize("error", [TypeError("no"), ConnectionError("refused")])
def test_a_source_that_has_worked_warns_once(error):
    model = Breaks(error)
    rewarder = make(rm=model)
    rewarder(ROWS)
    model.is_up = False
    with pytest.warns(
        NoSignalWarning, match=f"reward model 'rm' gave no value on any of 8 samples: raised {type(error).__name__}"
    ):
        assert not rewarder(ROWS).valid.any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rewarder(ROWS)


def test_other_errors_warn_and_do_not_raise():
    model = Breaks(ConnectionError("refused"))
    model.is_up = False
    with pytest.warns(
        NoSignalWarning,
        match=r"on any of 8 samples: raised ConnectionError: refused \(test_no_signal.py:\d+, in \w+\); such rows get",
    ):
        make(rm=model)(ROWS)


def test_rows_that_the_code_never_saw_do_not_hide_its_error():
    class Empty:
        def verify(self, samples):
            return [Verdict(0.0, Status.UNPARSED, "empty") if not s.completion else s.nothing for s in samples]

    rows = [*ROWS[:3], Sample("p", "", "a", "ok"), *ROWS[3:]]
    with pytest.raises(PluginError, match="verifier 'verifier' raised AttributeError"):
        Rewarder({"verifier": Empty()}, verifier_only())(rows)


def test_an_error_of_code_on_some_rows_costs_those_rows():
    class Odd:
        def verify(self, samples):
            return [Verdict(float(s.completion + s.reference == "okok")) for s in samples]

    outcome = Rewarder({"verifier": Odd()}, verifier_only())([*ROWS, Sample("p", "ok", "a", 3)])
    assert list(outcome.problems()) == [8]
    problem = 'verifier: raised TypeError: can only concatenate str (not "int") to str (test_no_signal.py:'
    assert outcome.problems()[8].startswith(problem)


def test_a_reference_that_no_row_has_is_said_once():
    rows = [Sample("p", text, "q") for text in ("a", "b")]
    rewarder = make()
    with pytest.warns(NoSignalWarning, match="verifier 'verifier' gave no value on any of 2 samples: no reference"):
        rewarder(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rewarder(rows)


class Compares:
    """A verifier that takes a missing reference for a wrong answer, as many of people's own do."""

    def verify(self, samples):
        return [Verdict(float(s.completion == s.reference)) for s in samples]


class ScoresByComparing:
    def score(self, samples):
        return [float(s.completion == s.reference) for s in samples]


@pytest.mark.parametrize(
    ("sources", "owner"),
    [({"verifier": Compares()}, "verifier"), ({"verifier": ScoresByComparing()}, "reward model")],
    ids=["verifier", "reward model"],
)
def test_zeros_without_any_reference_are_said_once(sources, owner):
    rows = [Sample("p", text, "q") for text in "abcd"]
    rewarder = Rewarder(sources, verifier_only())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rewarder(rows)
    with pytest.warns(NoSignalWarning, match=f"{owner} 'verifier' gave 0 to all of 8 samples, and none of them has a"):
        rewarder(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            rewarder(rows)


@pytest.mark.parametrize("rows", [
    [Sample("p", "a", "q", "b") for _ in range(16)],  # wrong, but compared
    [Sample("p", "a", "q", "b"), *(Sample("p", "a", "q") for _ in range(16))],  # some have no reference
], ids=["all", "some"])  # fmt: skip
def test_zeros_with_a_reference_are_wrong_answers(rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Rewarder({"verifier": Compares()}, verifier_only())(rows)


def test_zeros_after_another_value_need_no_reference():
    class Short:
        def verify(self, samples):
            return [Verdict(float(len(s.completion) < 3)) for s in samples]

    rewarder = Rewarder({"verifier": Short()}, verifier_only())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rewarder([Sample("p", "a", "q"), Sample("p", "abc", "q")])
        rewarder([Sample("p", "abc", "q") for _ in range(16)])


def test_a_verifier_that_finds_no_answer_in_any_sample_is_said_once():
    rows = [Sample("p", "<answer>4", "q", "4") for _ in range(8)]
    rewarder = Rewarder({"verifier": Number()}, verifier_only())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rewarder(rows)
    with pytest.warns(
        NoSignalWarning,
        match="'verifier' found no answer in any of 16 samples, which get 0: the last answer tag is cut",
    ):
        rewarder(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            rewarder(rows)


def test_a_verifier_that_has_found_an_answer_is_looking_in_the_right_place():
    rewarder = Rewarder({"verifier": Number()}, verifier_only())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rewarder([Sample("p", "<answer>4", "q", "4"), Sample("p", "<answer>5</answer>", "q", "4")])
        rewarder([Sample("p", "<answer>4", "q", "4") for _ in range(32)])


def test_workers_that_see_one_row_warn_after_some():
    rewarder = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(15):
            score_one(rewarder, Sample("p", "a", "q"))
    with pytest.warns(NoSignalWarning, match="on any of 16 samples: no reference"):
        score_one(rewarder, Sample("p", "a", "q"))


def test_a_source_that_no_step_reads_is_said():
    with pytest.warns(NoSignalWarning, match="no step reads the signal of source 'extra'; it still runs"):
        make(extra=Length())


@pytest.mark.parametrize("kind", [np.array, torch.tensor], ids=["numpy", "torch"])
def test_group_ids_that_are_arrays_are_values(kind):
    ids = kind([3, 3, 5, 5])
    samples = [Sample("p", text, key, "ok") for text, key in zip(("ok", "no", "ok", "nope"), ids, strict=True)]
    outcome = make()(samples)
    assert outcome.group_keys == (3, 3, 5, 5)
    assert np.count_nonzero(outcome.advantage) == 4
    np.testing.assert_array_equal(Groups.from_keys(ids).ids, [0, 0, 1, 1])


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (float("nan"), "row 0: group is NaN, which equals no other"),
        (torch.tensor(float("nan")), "row 0: group is NaN"),
        (torch.tensor([1, 2]), r"row 0: group is an array of shape \(2,\); expected one value for each row"),
        (["a"], "row 0: group \\['a'\\] cannot be a key"),
    ],
)
def test_group_ids_that_equal_nothing_are_refused(key, message):
    with pytest.raises(DataError, match=message):
        make()([Sample("p", "ok", key, "ok")])


def test_groups_of_one_row_are_said_once_and_not_in_evaluation():
    rows = [Sample("p", "ok", key, "ok") for key in "abc"]
    rewarder = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rewarder(rows, update_state=False)
        rewarder(rows[:1])
    with pytest.warns(NoSignalWarning, match="all 3 groups have one row \\(groups 'a', 'b', 'c' ...\\)"):
        rewarder(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rewarder(rows)


def test_a_coroutine_source_is_awaited_also_inside_a_loop():
    class Waits:
        async def verify(self, samples):
            await asyncio.sleep(0)
            return Exact().verify(samples)

    async def run():
        return make(hero(), verifier=Waits())(ROWS)

    assert asyncio.run(run()).valid.all()


def test_combine_keeps_values_of_keys():
    rewarder = Rewarder({"rm": Length()}, Select("rm"))
    outputs = rewarder.run_sources(ROWS[:2])
    assert rewarder.combine(outputs, list(torch.tensor([7, 7]))).group_keys == (7, 7)


def test_a_warning_is_at_the_line_of_the_caller():
    """It showed a line of herokit's own code."""
    model = Breaks(ConnectionError("refused"))
    model.is_up = False
    for call in (lambda: make(rm=model)(ROWS), lambda: combine({"rm": [None, None]}, ["a", "a"], "rm-only")):
        with pytest.warns(NoSignalWarning) as caught:
            call()
        assert {Path(warning.filename).name for warning in caught} == {Path(__file__).name}
