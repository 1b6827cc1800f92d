"""Sources made of sources, and nested tables that build them."""

import math
import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from herokit import Rewarder, Sample, Status, Verdict, chain, verifier_only
from herokit.combiners import Ensemble, IfUniform, LinearSchedule, Rank, Select, Stratify, WeightedSum
from herokit.config.builder import build, describe
from herokit.errors import ConfigError
from herokit.hookspecs import hookimpl
from herokit.registry import load_registry
from herokit.sources import Cache, Cascade, EnsembleRewardModel, ScoreColumn, VerdictColumn, Vote


@dataclass(frozen=True)
class Says:
    """Accepts what it is told to; an answer is the whole completion."""

    accepts: tuple[str, ...] = ()
    status: Status = Status.JUDGED
    silent: bool = False

    def verify(self, samples):
        return [
            Verdict(None, Status.FAILED, "down") if self.silent
            else Verdict(float(s.completion in self.accepts), self.status, "said", s.completion)
            for s in samples
        ]  # fmt: skip


class Spy(Says):
    asked: list = []  # noqa: RUF012 - shared on purpose, emptied by each test

    def verify(self, samples):
        Spy.asked += [s.completion for s in samples]
        return super().verify(samples)


def samples(*completions, reference="3"):
    return [Sample("p", text, "q", reference) for text in completions]


def test_cascade_runs_the_second_verifier_only_where_the_first_rejects():
    Spy.asked = []
    cascade = Cascade(Says(("3",)), Spy(("x = 3",)))
    verdicts = cascade.verify(samples("3", "4", "x = 3", "", "three"))
    assert Spy.asked == ["x = 3", "three"]  # not: accepted, two numbers, nothing answered
    assert [v.value for v in verdicts] == [1.0, 0.0, 1.0, 0.0, 0.0]
    assert verdicts[2].reason == "second verifier: said; first: said"


def test_cascade_keeps_the_first_verdict_where_the_second_abstains():
    assert [v.value for v in Cascade(Says(), Says(silent=True)).verify(samples("x"))] == [0.0]
    assert Cascade(Says(silent=True), Says(("x",))).verify(samples("x"))[0].value == 1.0
    Spy.asked = []
    Cascade(Says(), Spy()).verify(samples("x", reference=None))
    Cascade(Says(status=Status.UNPARSED), Spy()).verify(samples("x"))
    assert Spy.asked == []


@pytest.mark.parametrize(
    ("quorum", "weights", "value"), [(0.5, None, 1.0), (0.9, None, 0.0), (1.0, None, 0.0), (0.5, (1.0, 1.0, 4.0), 0.0)]
)
def test_vote_counts_weights(quorum, weights, value):
    of = (Says(("x",)), Says(("x",)), Says())
    assert Vote(of, weights, quorum).verify(samples("x"))[0].value == value


def test_vote_leaves_out_members_that_abstain():
    assert Vote((Says(silent=True), Says(("x",))), quorum=1.0).verify(samples("x"))[0].value == 1.0
    verdict = Vote((Says(silent=True), Says(silent=True))).verify(samples("x"))[0]
    assert (verdict.value, verdict.status, verdict.reason) == (None, Status.FAILED, "down, down")
    assert Vote((Says(("x",)), Says(), Says()), partial_credit=True).verify(samples("x"))[0].value == pytest.approx(
        1 / 3
    )


def test_vote_survives_a_member_that_raises():
    class Broken:
        def verify(self, part):
            raise ZeroDivisionError

    assert Vote((Broken(), Says(("x",)))).verify(samples("x", "y"))[0].value == 1.0


@dataclass(frozen=True)
class Number:
    value: float

    def score(self, part):
        return np.full(len(part), self.value)


@pytest.mark.parametrize(
    ("how", "expected"), [("min", 1.0), ("mean", 4.0), ("median", 2.0), ("mean_minus_std", 4 - math.sqrt(38 / 3) / 2)]
)
def test_ensemble_reduces_scores(how, expected):
    model = EnsembleRewardModel((Number(2.0), Number(1.0), Number(9.0)), how, 0.5)
    scores = model.score(samples("x", "y"))
    np.testing.assert_allclose(scores.values, [expected] * 2)
    assert pickle.loads(pickle.dumps(model)) == model


def test_ensemble_names_the_failed_row():
    model = EnsembleRewardModel((Number(2.0), Number(float("nan"))))
    scores = model.score(samples("x"))
    assert scores.statuses == (Status.FAILED,)
    assert scores.reasons == ("gave nan",)
    assert np.isnan(scores.values).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Vote(()),
        lambda: Vote((Says(),), (1.0, 2.0)),
        lambda: Vote((Says(),), (0.0,)),
        lambda: Vote((Says(),), quorum=0.0),
        lambda: EnsembleRewardModel((Number(1.0),)),
        lambda: EnsembleRewardModel((Number(1.0), Number(2.0)), "best"),
        lambda: Ensemble(("rm",)),
        lambda: WeightedSum({}),
        lambda: WeightedSum({"a": 1.0, "b": -1.0}, normalize=True),
        lambda: LinearSchedule(0.1, 0.2, transition_steps=0),
        lambda: Stratify(alpha=LinearSchedule(0.1, 0.95, transition_steps=3)),
        lambda: Stratify(levels=(0.0, 0.5, 1.0), alpha=0.3, beta=0.3),
        lambda: Stratify(levels=(0.0, 1.0), thresholds=(2.0,)),
    ],
)
def test_composites_reject_invalid_settings(make):
    with pytest.raises(ConfigError):
        make()


def test_sources_of_sources_are_closed_and_described():
    closed = []

    class Open(Says):
        def close(self):
            closed.append(self)

    with Rewarder({"verifier": Vote((Open(), Cascade(Open(), Open())))}, verifier_only()):
        pass
    assert len(closed) == 3


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "says_plugin.py").write_text(
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Yes:\n    sure: bool = True\n"
        "    def verify(self, samples):\n        return []\n"
    )
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(folder)

    class Plugin:
        @hookimpl
        def herokit_register(self, register):
            register.verifier("yes", "says_plugin:Yes")

    yield load_registry(plugins=False, extra=[("says", Plugin())])
    patch.undo()


NESTED = [
    {"use": "vote", "verifiers": [{"use": "yes"}, {"use": "cascade", "first": {"use": "yes"}, "second": {"use": "yes", "sure": False}}], "weights": [1.0, 2.0]},
    {"use": "stratify", "normalizer": {"use": "rank"}, "alpha": {"use": "linear-schedule", "init_value": 0.2, "end_value": 0.1, "transition_steps": 9}},
    {"use": "if-uniform", "then": [{"use": "select", "signal": "rm"}, {"use": "rank"}], "otherwise": [{"use": "select", "signal": "verifier"}]},
    {"use": "weighted-sum", "weights": {"a": 1.0, "b": 0.5}, "transform": {"use": "standardize", "eps": 0.001}},
]  # fmt: skip


@pytest.mark.parametrize("table", NESTED, ids=lambda t: t["use"])
def test_nested_tables_build_and_are_described(known, table):
    built = build(table, registry=known)
    again = describe(built, registry=known)
    assert build(again, registry=known) == built
    assert again["use"] == table["use"]


def test_scheme_file_list_of_steps_is_a_chain(known):
    assert build(NESTED[2], registry=known) == IfUniform(chain(Select("rm"), Rank()), chain(Select("verifier")))


@pytest.mark.parametrize("how", ["min", "mean_minus_std", "mean", "median"])
def test_ensemble_never_scores_a_row_that_a_model_could_not(how):
    models = tuple(Number(value) for value in (1.0, 5.0, math.nan))
    scores = EnsembleRewardModel(models, how).score([Sample("p", "c", "q")])
    assert math.isnan(scores.values[0])
    assert scores.statuses == (Status.FAILED,)


def test_columns_may_hold_numbers_of_numpy():
    meta = {"rm": np.float32(0.5), "verdict": np.int64(1)}
    sample = Sample("p", "c", "q", meta=meta)
    assert ScoreColumn().score([sample]).values.tolist() == [0.5]
    assert VerdictColumn("verdict").verify([sample])[0].value == 1.0


@dataclass(frozen=True)
class First:
    """Accepts where the number in the middle of an array is 0."""

    def verify(self, part):
        return [Verdict(float(s.meta["x"][2500] == 0)) for s in part]


def test_cache_distinguishes_arrays_that_print_alike():
    zeros = np.zeros(5000, dtype=int)
    other = zeros.copy()
    other[2500] = 1
    assert repr(zeros) == repr(other)
    cache = Cache(First())
    part = [Sample("p", "c", "q", meta={"x": x}) for x in (zeros, other, zeros.copy())]
    assert [v.value for v in cache.verify(part)] == [1.0, 0.0, 1.0]
    assert cache.report().endswith("2 judged")


def test_cache_skips_samples_without_a_key():
    cache = Cache(Says(("x",)))
    part = [Sample("p", "x", "q", meta={"x": lambda: 1})]
    assert [cache.verify(part)[0].value for _ in range(2)] == [1.0, 1.0]
    assert cache.report().endswith("2 judged")


def test_vote_quorum_is_exact():
    yes, no = Says(("x",)), Says()
    vote = Vote((yes, yes, no), weights=(0.7, 0.1, 0.2), quorum=0.8)
    assert (0.7 + 0.1) / (0.7 + 0.1 + 0.2) < 0.8
    assert vote.verify(samples("x"))[0].value == 1.0
    assert Vote((yes, yes, no), weights=(0.7, 0.09, 0.2), quorum=0.8).verify(samples("x"))[0].value == 0.0
