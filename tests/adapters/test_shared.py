"""What adapters share: samples, whole groups, component rows, state, metrics, what a trainer undoes."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pytest

import herokit.adapters
from herokit import Rewarder, Sample, Select, Status, Verdict, WeightByStd, chain, earned_trust, hero, hero_advantage
from herokit.adapters import openrlhf
from herokit.adapters.common.base import (
    check_complete_groups,
    group_ids_by_position,
    load_state,
    make_samples,
    message_text,
    reference_text,
    save_state,
    trainer_values,
)
from herokit.adapters.common.metrics import metrics
from herokit.adapters.common.rows import combine_rows, score_one, to_rows
from herokit.adapters.generic import RewardFunction
from herokit.combiners import ConsistencyFilter, LinearSchedule, Scheduled, Standardize
from herokit.errors import ConfigError, DataError
from herokit.testing.stubs import MetaRewardModel, MetaVerifier
from herokit.trainers import TRAINERS
from herokit.trainers.cancellation import StepCancelledWarning, cancelled_steps, check_normalization


class Judge:
    """Right where the completion says so; cannot say of an empty one."""

    def verify(self, samples):
        if any(s.completion == "bad" for s in samples):
            raise RuntimeError("broken")
        return [
            Verdict(float("right" in s.completion), answer=s.completion)
            if s.completion
            else Verdict(None, Status.FAILED, "no reference")
            for s in samples
        ]


class Length:
    def score(self, samples):
        return [len(s.completion) / 7 for s in samples]


TEXTS = ["right", "wrong", "", "right!", "wrong!!", "bad", "a wrong one", "so right"]
KEYS = ["a"] * 4 + ["b"] * 4
SAMPLES = [Sample("p", text, key) for text, key in zip(TEXTS, KEYS, strict=True)]


def rewarder(scheme=None):
    return Rewarder({"verifier": Judge(), "rm": Length()}, scheme or hero_advantage())


def test_rows_asked_one_by_one_and_combined_elsewhere_equal_one_call():
    worker, driver, whole = rewarder(), rewarder(), rewarder()
    for _ in range(2):
        rows = [json.loads(json.dumps(score_one(worker, sample))) for sample in SAMPLES]
        found, expected = combine_rows(driver, rows, KEYS), whole(SAMPLES)
        for name in ("reward", "advantage", "weight", "valid", "kept"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert (
            found.problems()
            == expected.problems()
            == {2: "verifier: no reference", 5: "verifier: raised RuntimeError: broken"}
        )
        assert found.verdicts == expected.verdicts
    assert driver.state == whole.state != worker.state
    assert {frozenset(row) for row in rows} == {frozenset(rows[0])}


def test_a_row_that_never_came_fails_and_the_others_do_not_know():
    rows = [score_one(rewarder(), sample) for sample in SAMPLES]
    outcome = combine_rows(rewarder(), [*rows[:3], None, *rows[4:]], KEYS)
    assert outcome.problems()[3] == "verifier: no answer arrived; rm: no answer arrived"
    without = [row for row in range(8) if row != 3]
    alone = combine_rows(rewarder(), [rows[row] for row in without], [KEYS[row] for row in without])
    np.testing.assert_array_equal(outcome.advantage[without], alone.advantage)
    assert math.isnan(outcome.reward[3])


def test_rows_of_numbers_alone_are_read():
    outcome = combine_rows(rewarder(), [{"verifier": 1, "rm": 2.0}, {"verifier": 0.0, "rm": float("nan")}], ["a", "a"])
    assert outcome.verdicts["verifier"][0] == Verdict(1.0)
    assert outcome.scores["rm"].statuses == (Status.JUDGED, Status.FAILED)
    with pytest.raises(DataError, match="row 0 has no source 'rm'"):
        combine_rows(rewarder(), [{"verifier": 1}], ["a"])
    with pytest.raises(DataError, match="source 'rm' cannot be read"):
        combine_rows(rewarder(), [{"verifier": 1, "rm": "high"}], ["a"])
    with pytest.raises(DataError, match="answered for 1 samples, and there are 2"):
        rewarder().combine(rewarder().run_sources(SAMPLES[:1]), ["a", "a"])
    with pytest.raises(DataError, match="no answers from source 'rm'"):
        rewarder().combine(replace(rewarder().run_sources(SAMPLES), scores={}), KEYS)


def test_chats_become_texts_and_keep_their_messages():
    system, user = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}
    said = [
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "2"},
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "It is "}, {"type": "image"}, {"type": "text", "text": "2"}],
        },
    ]
    (sample,) = make_samples([[system, user]], [said], ["g"], {"solution": [2], "uid": ["u"]})
    assert (sample.prompt, sample.completion, sample.reference) == ("Be brief.\n1 + 1?", "It is 2", "2")
    assert sample.meta == {"solution": 2, "uid": "u", "messages": [system, user, *said]}
    assert make_samples(["p"], ["c"], ["g"])[0] == Sample("p", "c", "g")
    assert make_samples(["p"], ["c"], ["g"], {"answer": [None]})[0].reference is None
    assert message_text([], "completion", last=True) == ""


@pytest.mark.parametrize(
    ("prompts", "completions", "columns", "more", "why"),
    [
        (["p"], ["c", "d"], {}, {}, "expected one value per rollout"),
        (["p"], [3], {}, {}, "row 0: completion must be text or chat messages, got 3"),
        ([[{"content": 3}]], ["c"], {}, {}, "row 0: prompt: the content of a message must be text, got 3"),
        (["p"], ["c"], {"answer": [{"a": 1}]}, {}, "row 0: column 'answer' must be text or a number"),
        (
            ["p"],
            ["c"],
            {"answer": ["1"]},
            {"reference": "anser"},
            "no column 'anser' for the reference; did you mean 'answer'",
        ),
    ],
)
def test_what_is_no_sample_is_refused_by_row(prompts, completions, columns, more, why):
    with pytest.raises((DataError, ConfigError), match=why):
        make_samples(prompts, completions, ["g"] * len(completions), columns, **more)


def test_groups_that_are_not_whole_are_refused_with_the_fix():
    assert group_ids_by_position(0, 4, owner="o", fix="f") == []
    with pytest.raises(ConfigError, match="rank 1: got 6 rollouts, not a multiple of group size 4; set x=2"):
        group_ids_by_position(6, 4, owner="rank 1", fix="set x=2")
    with pytest.raises(ConfigError, match="rows 2 to 3 must be one group of 2"):
        group_ids_by_position(4, 2, ["a", "a", "a", "b"], owner="o", fix="f")
    check_complete_groups(["a", "b", "b", "a"], 2, owner="o", fix="f")
    with pytest.raises(ConfigError, match="o: group 'a' has 3 of 2 rollouts in one call; f"):
        check_complete_groups(["a", "a", "a"], 2, owner="o", fix="f")


def test_state_goes_through_a_folder(tmp_path):
    first, second = rewarder(), rewarder()
    assert not load_state(second, tmp_path)
    first(SAMPLES)
    path = save_state(first, tmp_path / "checkpoint-1")
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert load_state(second, path.parent)
    assert second.state == first.state != rewarder().state
    with pytest.raises(ConfigError, match=f"{path.name}: the saved state does not fit"):
        load_state(rewarder(chain(Select("rm"), WeightByStd())), path.parent)
    path.write_text("{")
    with pytest.raises(ConfigError, match=path.name):
        load_state(second, path.parent)


def test_metrics_count_what_is_there():
    outcome = rewarder()(SAMPLES)
    found = metrics(outcome, "")
    assert found["rows/invalid"] == 2 / 8
    assert (found["verifier/failed"], found["verifier/judged"], found["rm/judged"]) == (2 / 8, 6 / 8, 1.0)
    assert (found["verifier/correct"], found["verifier/incorrect"], found["verifier/mixed"]) == (3.0, 3.0, 1.0)
    assert found["verifier/mean"] == 0.5
    right = [0, 3, 7]
    assert found["verifier/correct/reward"] == pytest.approx(np.mean(outcome.reward[right]))
    assert found["rm/mean"] == pytest.approx(np.mean([len(text) / 7 for text in TEXTS]))
    assert found["weight/mean"] == pytest.approx(np.nanmean(outcome.weight))
    assert found["groups/zero_signal"] == 0.0
    assert all(map(math.isfinite, found.values()))
    nothing = metrics(rewarder()([Sample("p", "bad", "g")]), "")
    assert nothing["rows/invalid"] == nothing["groups/zero_signal"] == 1.0
    assert "reward/mean" not in nothing


def test_final_is_the_chains_output():
    outcome = rewarder()(SAMPLES)
    assert trainer_values(outcome) is outcome.advantage
    outcome = rewarder(hero())(SAMPLES)
    assert trainer_values(outcome) is outcome.reward


TOLD = {"verifier": MetaVerifier("v"), "rm": MetaRewardModel("r")}


@pytest.mark.parametrize(
    ("scheme", "trainer", "expected"),
    [
        (hero(), "trl", ["WeightByStd()"]),
        (hero(), "trl-none", []),
        (hero(), "trl-batch", []),
        (hero_advantage(), "trl-gdpo", ["WeightByStd"]),
        (hero_advantage(), "trl-rloo-batch", []),
        (chain(Select("rm"), Standardize(), WeightByStd()), "verl", ["WeightByStd()"]),
        (chain(ConsistencyFilter(signal="rm", verifier="verifier"), Select("rm")), "trl", []),
        (earned_trust(), "trl", ["Affine(scale=0.25) in IfUniform"]),
        (earned_trust(), "trl-none", []),
    ],
)
def test_steps_that_a_trainer_undoes_are_found(scheme, trainer, expected):
    found = cancelled_steps(Rewarder(TOLD, scheme), TRAINERS[trainer])
    assert [name.startswith(start.rstrip(")")) for name, start in zip(found, expected, strict=True)] == [True] * len(
        found
    )


def test_a_weight_on_a_schedule_is_found_too():
    scheme = chain(Select("rm"), WeightByStd(steepness=LinearSchedule(1.0, 5.0, 10)))
    assert isinstance(scheme.steps[1], Scheduled)
    tried = Rewarder(TOLD, scheme)
    before = tried.state
    assert cancelled_steps(tried, TRAINERS["trl"])[0].startswith("WeightByStd")
    assert tried.state == before


def test_an_undone_step_warns_or_is_refused():
    tried = Rewarder(TOLD, hero())
    with pytest.warns(StepCancelledWarning, match="cancels WeightByStd.*; set x"):
        assert len(check_normalization(tried, "trl", fix="set x")) == 1
    with pytest.raises(ConfigError, match="cancels WeightByStd.*; set x"):
        check_normalization(tried, "trl", fix="set x", on_cancelled_step="raise")
    assert check_normalization(tried, "trl-none", fix="set x", on_cancelled_step="raise") == []


def test_a_plain_function_checks_its_groups_and_may_forget():
    function = RewardFunction(rewarder(), uid="uid", group_size=4)
    rewards = function(["p"] * 8, TEXTS, uid=KEYS, trainer_state=object())
    assert rewards[2] is None
    assert rewards[5] is None
    moved = function.rewarder.state
    evaluation = replace(function, update_state=False)
    evaluation(["p"] * 8, TEXTS, uid=KEYS)
    assert function.rewarder.state == moved != rewarder().state
    with pytest.raises(ConfigError, match="group 'b' has 3 of 4"):
        function(["p"] * 7, TEXTS[:7], uid=KEYS[:7])
    with pytest.raises(ConfigError, match="no column 'uid' with 8 values; got columns \\['id'\\]"):
        function(["p"] * 8, TEXTS, id=KEYS)
    with pytest.raises(ConfigError, match="needs group_size"):
        RewardFunction(rewarder())


def test_no_adapter_imports_its_trainer():
    modules = [f"herokit.adapters.{found.name}" for found in iter_modules(herokit.adapters.__path__)]
    for module in modules:
        import_module(module)
    code = f"import sys, {', '.join(modules)}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "transformers", "accelerate", "datasets", "trl", "verl", "ray", "openrlhf", "verifiers", "swift"}
    heavy |= {"skyrl", "skyrl_gym", "areal", "slime", "rllm", "nemo_rl", "open_instruct", "tinker", "tinker_cookbook"}
    assert not heavy & set(done.stdout.split())


def test_rows_carry_every_status():
    rows = to_rows(rewarder().run_sources(SAMPLES[:3]))
    assert rows[2] == {
        "verifier": None, "verifier_status": "failed", "verifier_reason": "no reference", "verifier_answer": None,
        "rm": 0.0, "rm_status": "judged", "rm_reason": "",
    }  # fmt: skip


class Gold:
    """It scores 1 where there is a reference."""

    def score(self, samples):
        return [float(sample.reference is not None) for sample in samples]


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan")])
def test_a_missing_reference_is_none_and_not_the_text_nan(missing):
    asked = [reference_text(missing), reference_text(4), reference_text("")]
    assert asked == [None, "4", ""]
    told = openrlhf.RewardFunction(Rewarder({"rm": Gold()}, Select("rm")))(["p4", "p4"], ["p", "p"], [missing, 4])
    assert [float(x) for x in told["rewards"]] == [0.0, 1.0]
