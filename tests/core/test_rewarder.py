import json
import math
import pickle
import re

import numpy as np
import pytest

from helpers.rewarders import Exact, Length, group, make
from herokit import (
    Center,
    Rewarder,
    Sample,
    Scores,
    Select,
    Standardize,
    Status,
    Verdict,
    WeightByStd,
    chain,
    hero,
    rm_only,
    schemes,
)
from herokit.combiners import Mean, Stateless
from herokit.config import Scheme
from herokit.errors import ConfigError, PluginError, SetupError, SignalError
from herokit.sources.execution import MAX_FAILURES


def test_rewarder_returns_failed_rows_with_a_reason():
    good = group("a", "ok", "no", "none")
    rewarder, other = make(), make()
    mixed = [good[0], Sample("p", "ok", "a"), *good[1:]]
    outcome = rewarder(mixed)
    np.testing.assert_array_equal(outcome.valid, [True, False, True, True])
    assert outcome.problems() == {1: "verifier: no reference"}
    np.testing.assert_array_equal(outcome.reward[outcome.valid], other(good).reward)
    assert np.isnan(outcome.reward[1])
    assert np.isnan(outcome.advantage[1])
    assert rewarder.state == other.state


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_rewarder_drops_scores_that_are_not_finite(bad):
    class Odd:
        def score(self, samples):
            return [bad if s.completion == "odd" else 1.0 for s in samples]

    rewarder = make(rm=Odd())
    outcome = rewarder(group("a", "ok", "odd", "no"))
    assert outcome.scores["rm"].statuses == (Status.JUDGED, Status.FAILED, Status.JUDGED)
    assert outcome.problems() == {1: f"rm: gave {bad}"}
    assert np.isfinite(rewarder.state[-1].value)


def test_rewarder_fails_only_the_row_on_which_a_plugin_raises():
    class Fragile(Exact):
        def verify(self, samples):
            if any("bomb" in s.completion for s in samples):
                raise ZeroDivisionError("boom")
            return super().verify(samples)

    texts = ["ok"] * 20
    texts[3] = texts[17] = "bomb"
    outcome = make(verifier=Fragile())(group("a", *texts))
    assert list(outcome.problems()) == [3, 17]
    assert set(outcome.problems().values()) == {
        f"verifier: raised ZeroDivisionError: boom (test_rewarder.py:{Fragile.verify.__code__.co_firstlineno + 2}, in verify)"
    }
    assert np.isfinite(outcome.reward[outcome.valid]).all()


def test_rewarder_stops_calling_a_source_that_always_raises():
    class Dead:
        calls = 0

        def score(self, samples):
            self.calls += 1
            raise ConnectionError("refused")

    dead = Dead()
    outcome = make(rm=dead)(group("a", *["ok"] * 1000))
    assert not outcome.valid.any()
    assert dead.calls <= 3 * MAX_FAILURES
    assert "given up" in outcome.problems()[999]


def test_rewarder_raises_setup_errors_of_sources():
    class Unset:
        def score(self, samples):
            raise SetupError("rm.onnx: no such model file")

    with pytest.raises(SetupError, match="no such model file"):
        make(rm=Unset())(group("a", "ok"))


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([1.0], "returned 1 results for 2 samples"),
        ([[1.0], [2.0]], r"shape \(2,\), got float64 \(2, 1\)"),
        (["a", "b"], "got <U1"),
    ],
)
def test_rewarder_names_the_plugin_that_breaks_its_contract(scores, message):
    class Wrong:
        def score(self, samples):
            return scores

    with pytest.raises(PluginError, match=f"reward model 'rm'.*{message}"):
        make(rm=Wrong())(group("a", "ok", "no"))


@pytest.mark.parametrize("value", [1.0, True, np.float32(1), {"score": 1, "reason": "fine"}, Verdict(1.0)])
def test_rewarder_takes_bare_values_for_verdicts(value):
    class Bare:
        def verify(self, samples):
            return [value for _ in samples]

    assert make(verifier=Bare())(group("a", "ok")).verdicts["verifier"][0].value == 1.0


def test_rewarder_rejects_a_verifier_that_returns_texts():
    class Texts:
        def verify(self, samples):
            return ["yes" for _ in samples]

    with pytest.raises(PluginError, match="verifier 'verifier' must return a Verdict for each sample: .* text 'yes'"):
        make(verifier=Texts())(group("a", "ok"))


def test_rewarder_awaits_sources_that_are_coroutines():
    class Waits:
        async def verify(self, samples):
            return Exact().verify(samples)

    class Scores:
        async def score(self, samples):
            return [1.0, None, {"score": 2.0}]

    outcome = make(verifier=Waits(), rm=Scores())(group("a", "ok", "no", "ok"))
    assert outcome.problems() == {1: "rm: returned None"}
    assert outcome.signals["rm"].tolist() == [1.0, 2.0]


def test_statuses_that_a_reward_model_gives_are_kept():
    class Told:
        def score(self, samples):
            return Scores(np.array([1.0, np.nan]), (Status.JUDGED, Status.TIMEOUT), ("", "slow"))

    outcome = make(rm=Told())(group("a", "ok", "no"))
    assert outcome.scores["rm"].statuses == (Status.JUDGED, Status.TIMEOUT)
    assert outcome.problems() == {}  # the completion caused it: the row has the lowest score
    assert outcome.valid.tolist() == [True, True]


def stepwise(*, bad=()):
    """Make a process reward model: a score a word, their mean as the score; it raises where a bad completion is."""

    class Stepwise:
        def score(self, samples):
            if any(s.completion in bad for s in samples):
                raise ValueError("no steps")
            steps = [[float(len(w)) for w in s.completion.split()] if s.completion else None for s in samples]
            values = np.array([np.mean(row) if row else 0.0 for row in steps])
            return Scores(values, (Status.JUDGED,) * len(samples), ("",) * len(samples), steps)

    return Stepwise()


def test_step_scores_are_kept_though_rows_beside_them_fail():
    samples = group("a", "ok no", "", "bomb", "a bc def")
    scores = make(rm=stepwise(bad=["bomb"]))(samples).scores["rm"]
    assert scores.steps == ((2.0, 2.0), None, None, (1.0, 2.0, 3.0))
    assert [s.value for s in scores.statuses] == ["judged", "judged", "failed", "judged"]
    assert make(rm=stepwise(bad=["bomb"]))(group("a", "bomb")).scores["rm"].steps is None
    assert make()(samples).scores["rm"].steps is None


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (((1.0,),), "returned 2 scores, and steps for 1 samples"),
        (((1.0,), 2.0), "the scores of a sample's steps must be numbers: 'float' object is not iterable"),
        (((1.0,), ("x",)), "must be numbers: could not convert string to float: 'x'"),
    ],
)
def test_steps_of_the_wrong_shape_break_the_contract(steps, message):
    class Wrong:
        def score(self, samples):
            return Scores(np.zeros(2), (Status.JUDGED,) * 2, ("",) * 2, steps)

    with pytest.raises(PluginError, match=f"reward model 'rm'.*{message}"):
        make(rm=Wrong())(group("a", "ok", "no"))


def test_evaluation_leaves_no_trace():
    rewarder = make()
    rewarder(group("a", "ok", "no"))
    before = rewarder.state_dict()
    rewarder(group("b", "ok", "nooooo"), update_state=False)
    assert rewarder.state_dict() == before


def test_save_load_continue_equals_never_having_stopped():
    first, second = group("a", "ok", "no", "nope"), group("b", "ok", "x" * 30)
    straight, stopped = make(), make()
    straight(first)
    stopped(first)
    saved = json.loads(json.dumps(stopped.state_dict()))
    resumed = make()
    resumed.load_state_dict(saved)
    np.testing.assert_array_equal(resumed(second).reward, straight(second).reward)
    assert resumed.state == straight.state


@pytest.mark.parametrize(
    "bad",
    [{}, {"version": 2, "state": []}, {"version": 1, "state": []}, {"version": 1, "state": [None, None, {"count": 1}]},
     {"version": 1, "state": [1, None, {"count": 1, "value": 1.0}]}, {"version": 1},
     *({"version": 1, "state": [None, None, mean]} for mean in (
         {"count": "1", "value": 1.0}, {"count": 1, "value": None}, {"count": 1, "value": math.nan}, {"count": 1.5, "value": 1.0},
         {"count": -1, "value": 1.0}, [1, 1.0],
     ))],
)  # fmt: skip
def test_rewarder_rejects_the_state_of_another_chain(bad):
    rewarder = make()
    with pytest.raises(ConfigError):
        rewarder.load_state_dict(bad)
    assert rewarder.state == rewarder.combiner.init()


def test_rewarder_restores_a_number_as_state():
    class Lately:
        def init(self):
            return 0.0

        def combine(self, reward, signals, state, *, sync=None):
            return reward + state, 0.5 * state + 0.5

    stopped, resumed = (Rewarder({"rm": Length()}, chain(Select("rm"), Lately())) for _ in range(2))
    stopped(group("a", "ok"))
    resumed.load_state_dict(json.loads(json.dumps(stopped.state_dict())))
    assert resumed(group("a", "ok")).reward.tolist() == [2.5]


def test_rewarder_pickles_with_its_state():
    rewarder = make()
    rewarder(group("a", "ok", "no"))
    copy = pickle.loads(pickle.dumps(rewarder))
    assert copy.state == rewarder.state
    assert copy.combiner == rewarder.combiner


def test_rewarder_finds_a_misspelt_signal_at_construction():
    with pytest.raises(
        SignalError, match="a step reads the signal 'rn', but no source has that name; did you mean 'rm'"
    ):
        make(hero(reward_model="rn"))


@pytest.mark.parametrize("sources", [{}, {"rm": 3}, {"rm": Length}])
def test_sources_must_be_verifiers_or_reward_models(sources):
    with pytest.raises(ConfigError):
        Rewarder(sources, rm_only())


def test_weight_and_advantage_are_kept_apart_from_the_reward():
    combiner = chain(Select("rm"), Standardize(), WeightByStd())
    rewarder = make(combiner)
    rewarder.state = (None, None, Mean(5, 0.1))
    outcome = rewarder(group("a", "ok", "no", "nope"))
    np.testing.assert_array_equal(outcome.reward, [2, 2, 4])
    assert outcome.weight[0] > 1.5
    np.testing.assert_allclose(outcome.advantage.sum(), 0, atol=1e-12)
    np.testing.assert_allclose(outcome.advantage[2] / outcome.weight[2], outcome.trace[1].after[2])


def test_rewarder_centers_the_reward_of_a_chain_without_advantages():
    outcome = make(rm_only())(group("a", "a", "abc") + group("b", "ab"))
    np.testing.assert_array_equal(outcome.advantage, [-1, 1, 0])


def test_rewarder_accepts_no_samples():
    outcome = make()([])
    assert outcome.reward.shape == (0,)


def test_rewarder_takes_part_in_the_sync_without_valid_rows():
    calls = []

    def sync(local):
        calls.append(local)
        return local.merge(Mean(2, 3.0))

    rewarder = Rewarder({"verifier": Exact(), "rm": Length()}, hero(), sync=sync)
    rewarder([Sample("p", "ok", "a")])
    assert calls == [Mean(0, 0.0)]
    assert rewarder.state[-1] == Mean(2, 3.0)


def test_sources_are_closed():
    closed = []

    class Open(Length):
        def close(self):
            closed.append(1)

    with make(rm=Open()):
        pass
    assert closed == [1]


def test_rewarder_ignores_errors_of_a_step_on_synthetic_rows():
    class Picky(Stateless):
        def __call__(self, reward, signals):
            if len(reward) < 3:
                raise ValueError("needs three rows")
            return reward

    rewarder = make(chain(Select("rm"), Picky()))
    assert rewarder(group("a", "ok", "no", "nope")).reward.tolist() == [2, 2, 4]
    with pytest.raises(ValueError, match="needs three rows"):
        rewarder(group("a", "ok"))


@pytest.mark.parametrize("combiner", ["hero", "hero_advantage", "hero-advantage"])
def test_rewarder_takes_the_name_of_a_scheme(combiner):
    named = Rewarder({"verifier": Exact(), "rm": Length()}, combiner).combiner
    assert named == getattr(schemes, combiner.replace("-", "_"))()


def test_rewarder_takes_the_chain_of_a_scheme():
    scheme = Scheme({"rm": Length()}, chain(Select("rm"), Center()))
    assert Rewarder({"rm": Length()}, scheme).combiner == scheme.combiner


@pytest.mark.parametrize(
    ("combiner", "message"),
    [
        ("heero", "nothing is registered as 'heero'; did you mean 'hero'?"),
        (Select, "got the class Select; did you mean Select(...)?"),
        (hero, "got the function hero; did you forget to call it?"),
        (Rewarder({"rm": Length()}, Select("rm")), "got a Rewarder; use its attribute 'combiner'"),
        (0.5, "got float: 0.5"),
    ],
)
def test_rewarder_refuses_other_combiners_and_says_what_was_meant(combiner, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        Rewarder({"verifier": Exact(), "rm": Length()}, combiner)


@pytest.mark.parametrize("step", [Scheme({}, chain(Select("rm"))), Rewarder({"rm": Length()}, Select("rm"))])
def test_chain_refuses_what_holds_a_chain(step):
    with pytest.raises(ConfigError, match="its steps are in its attribute 'combiner'"):
        chain(step)


def test_chain_refuses_a_name():
    with pytest.raises(ConfigError, match=re.escape("a scheme by name is a function, such as herokit.hero()")):
        chain("hero")


@pytest.mark.parametrize("name", ["reward", "valid", "verifier_status"])
def test_rewarder_refuses_a_source_with_the_name_of_a_result_column(name):
    with pytest.raises(ConfigError, match=f"source '{name}' has the name of a result column"):
        Rewarder({"verifier": Exact(), name: Length()}, Select("verifier"))


def test_rewarder_gives_unanswered_rows_the_lowest_score_of_their_group():
    class Model:
        def score(self, samples):
            rows = {
                "good": (2.0, Status.JUDGED, "", None),
                "bad": (-1.0, Status.JUDGED, "", None),
                "endless": (None, Status.UNPARSED, "the thinking has no end", None),
                "broken": (None, Status.FAILED, "no server", None),
            }
            return Scores.from_rows(rows[sample.completion] for sample in samples)

    completions = ["good", "bad", "endless", "broken", "endless", "endless"]
    groups = ["a", "a", "a", "a", "b", "b"]
    samples = [Sample("p", text, key) for text, key in zip(completions, groups, strict=True)]
    output = Rewarder({"rm": Model()}, Select("rm"))(samples)
    assert output.reward[:3].tolist() == [2.0, -1.0, -1.0]
    assert output.valid.tolist() == [True, True, True, False, True, True]
    assert output.reward[4:].tolist() == [-1.0, -1.0]  # a group without any score: the lowest of the batch
    assert np.isnan(output.scores["rm"].values[2])  # results keep what the model said
    alone = Rewarder({"rm": Model()}, Select("rm"))([Sample("p", "endless", "c"), Sample("p", "endless", "c")])
    assert alone.reward.tolist() == [0.0, 0.0]
