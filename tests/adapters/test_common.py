"""What adapters share: samples, groups, rows, values, state, metrics, and the plain reward function."""

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
from herokit import Center, Rewarder, Sample, Select, Status, Verdict, WeightByStd, chain, hero, hero_advantage
from herokit.adapters.common.base import (
    check_complete_groups,
    group_ids_by_position,
    load_state,
    save_state,
    trainer_values,
    trainer_values_filled,
)
from herokit.adapters.common.metrics import compute_metrics
from herokit.adapters.common.pointwise import is_group_dependent
from herokit.adapters.common.rows import combine_rows, run_sources, score_one, source_rows
from herokit.adapters.generic import RewardFunction
from herokit.combiners import AggregateParts, ForParts
from herokit.errors import ConfigError, DataError


class Judge:
    """Correct if the completion contains ``right``; fails for an empty one and raises for ``bad``."""

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


def test_incomplete_groups_raise_with_the_fix():
    assert group_ids_by_position(0, 4, owner="o", fix="f") == []
    with pytest.raises(ConfigError, match="rank 1: got 6 rollouts, not a multiple of group size 4; set x=2"):
        group_ids_by_position(6, 4, owner="rank 1", fix="set x=2")
    with pytest.raises(ConfigError, match="rows 2 to 3 must be one group of 2"):
        group_ids_by_position(4, 2, ["a", "a", "a", "b"], owner="o", fix="f")
    check_complete_groups(["a", "b", "b", "a"], 2, owner="o", fix="f")
    with pytest.raises(ConfigError, match="o: group 'a' has 3 of 2 rollouts in one call; f"):
        check_complete_groups(["a", "a", "a"], 2, owner="o", fix="f")


def test_combine_rows_equals_one_call():
    worker, driver, whole = rewarder(), rewarder(), rewarder()
    for _ in range(2):
        rows = [json.loads(json.dumps(score_one(worker, sample))) for sample in SAMPLES]
        actual, expected = combine_rows(driver, rows, KEYS), whole(SAMPLES)
        for name in ("reward", "advantage", "weight", "valid", "kept"):
            np.testing.assert_array_equal(getattr(actual, name), getattr(expected, name))
        assert actual.problems() == expected.problems()
        assert actual.problems()[2] == "verifier: no reference"
        assert actual.problems()[5].startswith("verifier: raised RuntimeError: broken (test_common.py:")
        assert actual.verdicts == expected.verdicts
    assert driver.state == whole.state != worker.state
    assert {frozenset(row) for row in rows} == {frozenset(rows[0])}


def test_combine_rows_fails_a_missing_row_alone():
    rows = [score_one(rewarder(), sample) for sample in SAMPLES]
    output = combine_rows(rewarder(), [*rows[:3], None, *rows[4:]], KEYS)
    assert output.problems()[3] == "verifier: no answer arrived; rm: no answer arrived"
    without = [row for row in range(8) if row != 3]
    alone = combine_rows(rewarder(), [rows[row] for row in without], [KEYS[row] for row in without])
    np.testing.assert_array_equal(output.advantage[without], alone.advantage)
    assert math.isnan(output.reward[3])


def test_combine_rows_compares_the_prompts_of_a_group():
    rows = [score_one(rewarder(), sample) for sample in SAMPLES]
    prompts = ["p"] * 7 + ["q"]
    with pytest.raises(DataError, match="group 'b' has different prompts: 'p' in row 4, 'q' in row 7"):
        combine_rows(rewarder(), rows, KEYS, prompts=prompts)
    combine_rows(rewarder(), rows, [*KEYS[:7], "c"], prompts=prompts)
    anything = Rewarder({"verifier": Judge(), "rm": Length()}, hero_advantage(), equal_prompts=False)
    combine_rows(anything, rows, KEYS, prompts=prompts)


def test_combine_rows_reads_numbers_without_statuses():
    output = combine_rows(rewarder(), [{"verifier": 1, "rm": 2.0}, {"verifier": 0.0, "rm": float("nan")}], ["a", "a"])
    assert output.verdicts["verifier"][0] == Verdict(1.0)
    assert output.scores["rm"].statuses == (Status.JUDGED, Status.FAILED)
    with pytest.raises(DataError, match="row 0 has no source 'rm'"):
        combine_rows(rewarder(), [{"verifier": 1}], ["a"])
    with pytest.raises(DataError, match="source 'rm' cannot be read"):
        combine_rows(rewarder(), [{"verifier": 1, "rm": "high"}], ["a"])
    with pytest.raises(DataError, match="has outputs for 1 samples; expected 2"):
        rewarder().combine(rewarder().run_sources(SAMPLES[:1]), ["a", "a"])
    with pytest.raises(DataError, match="no outputs of source 'rm'"):
        rewarder().combine(replace(rewarder().run_sources(SAMPLES), scores={}), KEYS)


def test_to_rows_has_every_status():
    rows = source_rows(rewarder().run_sources(SAMPLES[:3]))
    assert rows[2] == {
        "verifier": None, "verifier_status": "failed", "verifier_reason": "no reference", "verifier_answer": None,
        "verifier_origin": "",
        "rm": 0.0, "rm_status": "judged", "rm_reason": "",
    }  # fmt: skip


def test_save_state_and_load_state(tmp_path):
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


def test_metrics_of_a_batch():
    output = rewarder()(SAMPLES)
    actual = compute_metrics(output, "")
    assert actual["rows/invalid"] == 2 / 8
    assert (actual["verifier/failed"], actual["verifier/judged"], actual["rm/judged"]) == (2 / 8, 6 / 8, 1.0)
    assert (actual["verifier/correct"], actual["verifier/incorrect"], actual["verifier/mixed"]) == (3.0, 3.0, 1.0)
    assert actual["verifier/mean"] == 0.5
    right = [0, 3, 7]
    assert actual["verifier/correct/reward"] == pytest.approx(np.mean(output.reward[right]))
    assert actual["rm/mean"] == pytest.approx(np.mean([len(text) / 7 for text in TEXTS]))
    assert actual["weight/mean"] == pytest.approx(np.nanmean(output.weight))
    assert actual["groups/zero_signal"] == 0.0
    assert all(map(math.isfinite, actual.values()))
    nothing = compute_metrics(rewarder()([Sample("p", "bad", "g")]), "")
    assert nothing["rows/invalid"] == nothing["groups/zero_signal"] == 1.0
    assert "reward/mean" not in nothing


def test_trainer_values_are_the_output_of_the_chain():
    output = rewarder()(SAMPLES)
    assert trainer_values(output) is output.advantage
    output = rewarder(hero())(SAMPLES)
    assert trainer_values(output) is output.reward


def test_generic_reward_function_checks_groups_and_evaluates():
    function = RewardFunction(rewarder(), uid="uid", group_size=4)
    rewards = function(["p"] * 8, TEXTS, uid=KEYS, trainer_state=object())
    assert rewards[2] is None
    assert rewards[5] is None
    state = function.rewarder.state
    evaluation = replace(function, update_state=False)
    evaluation(["p"] * 8, TEXTS, uid=KEYS)
    assert function.rewarder.state == state != rewarder().state
    with pytest.raises(ConfigError, match="group 'b' has 3 of 4"):
        function(["p"] * 7, TEXTS[:7], uid=KEYS[:7])
    with pytest.raises(ConfigError, match="no column 'uid' with 8 values; got columns \\['id'\\]"):
        function(["p"] * 8, TEXTS, id=KEYS)
    with pytest.raises(ConfigError, match="needs group_size"):
        RewardFunction(rewarder())


def test_adapters_do_not_import_their_trainers():
    modules = [f"herokit.adapters.{actual.name}" for actual in iter_modules(herokit.adapters.__path__)]
    for module in modules:
        import_module(module)
    code = f"import sys, {', '.join(modules)}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "transformers", "accelerate", "datasets", "trl", "verl", "ray", "openrlhf", "verifiers", "swift"}
    heavy |= {"skyrl", "skyrl_gym", "areal", "slime", "rllm", "nemo_rl", "open_instruct", "tinker", "tinker_cookbook"}
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize(("combiner", "expected"), [(Select("rm"), False), (hero(), True), (hero_advantage(), True)])
def test_is_group_dependent(stubs, combiner, expected):
    assert is_group_dependent(stubs.make_rewarder(combiner)) is expected


def test_trainer_values_filled_keeps_the_other_rows(stubs):
    for combiner in (hero(), hero_advantage(), Select("rm")):
        output = stubs.make_rewarder(combiner)(stubs.make_samples())
        values = np.array(trainer_values_filled(output))
        for rows in (slice(0, 4), slice(4, 8)):
            usable = output.valid[rows]
            centred = values[rows] - values[rows].mean()
            alone = values[rows][usable] - values[rows][usable].mean()
            np.testing.assert_allclose(centred[usable], alone, atol=1e-12)
            np.testing.assert_allclose(centred[~usable], 0.0, atol=1e-12)
    assert trainer_values_filled(stubs.make_rewarder(Select("rm"))([Sample("p", "broken", "q", "4")])) == [0.0]


class JudgesParts:
    def verify(self, samples):
        return [Verdict(0.0, parts=tuple(Verdict(int(c) / 8) for c in s.completion)) for s in samples]


def test_rows_carry_parts_to_the_driver_and_their_loss_is_no_silence():
    steps = chain(ForParts(Select("turn"), mode="replace"), AggregateParts("min"), Center())
    samples = [Sample("p", text, "q") for text in ("57", "7", "345")]
    direct = Rewarder({"turn": JudgesParts()}, steps)
    rows = run_sources(direct, samples)
    assert rows[0]["turn_steps"] == [0.625, 0.875]
    output = combine_rows(Rewarder({"turn": JudgesParts()}, steps), rows, ["q"] * 3)
    assert output.reward.tolist() == direct(samples).reward.tolist() == [0.625, 0.875, 0.375]
    assert output.advantage.tolist() == [0.0, 0.25, -0.25]
    lost = [{name: value for name, value in row.items() if name != "turn_steps"} for row in rows]
    with pytest.raises(
        ConfigError, match=r"none of 3 rows has one of \['turn_steps'\].*every rollout would be one part"
    ):
        combine_rows(direct, [*lost, None], ["q"] * 4)
    assert not any(
        "turn_steps" in row for row in run_sources(Rewarder({"turn": JudgesParts()}, Select("turn")), samples)
    )
