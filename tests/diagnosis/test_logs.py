"""Logs in files and columns: which column is what, and what is said where one is missing."""

import json
import warnings

import numpy as np
import pytest

from helpers.made_up_runs import ILL
from herokit.diagnosis import RewardLog, Thresholds, diagnose
from herokit.errors import ConfigError, DataError


def write_jsonl(path, columns):
    names = list(columns)
    rows = zip(*columns.values(), strict=True)
    path.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
    return path


LOG = {
    "group_id": ["a", "a", "b", "b"],
    "question": ["p", "p", "q", "q"],
    "reward": [1.0, 0.2, None, 0.0],
    "format": [1.0, 1.0, 0.0, 0.0],
    "accuracy": [1, 0, 1, 0],
    "rm": [2.5, -0.25, 0.125, 7.5],
    "completion": ["long text", "text", "", "x"],
    "note": ["", "", "", ""],
    "tool": [None, None, None, None],
}


def test_reward_log_finds_the_roles_of_columns():
    log = RewardLog.from_columns({**LOG, "group": LOG["group_id"]})
    assert (log.verifier, log.reward_model) == ("accuracy", "rm")
    assert sorted(log.signals) == ["accuracy", "format", "rm"]
    assert log.length.tolist() == [9, 4, 0, 1]
    assert np.isnan(log.reward).tolist() == [False, False, True, False]
    assert log.step is None


def test_reward_log_reads_the_numbers_of_csv(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("group,completion,reward,accuracy,step,note\n1,42,1.0,True,0,x\n1,7,0,False,0,\n2,,,true,1,y\n")
    log = RewardLog.from_file(path)
    assert np.isnan(log.reward).tolist() == [False, False, True]
    assert (log.verifier, log.signals["accuracy"].tolist()) == ("accuracy", [1.0, 0.0, 1.0])
    assert (log.group_keys, log.step.tolist(), log.length.tolist()) == (["1", "2"], [0, 0, 1], [2, 1, 0])


def test_reward_log_groups_by_prompt_without_a_group():
    columns = {name: x for name, x in LOG.items() if name != "group_id"}
    columns["prompt"] = columns.pop("question")
    assert RewardLog.from_columns(columns).groups.ids.tolist() == [0, 0, 1, 1]


def test_reward_log_takes_chats_as_prompts():
    chat = [{"role": "user", "content": "p"}]
    log = RewardLog.from_columns(
        {"prompt": [chat, chat, [{"role": "user", "content": "q"}]], "reward": [1.0, 2.0, 3.0]}
    )
    assert log.groups.num_groups == 2


def test_diagnose_takes_other_names_and_other_sources():
    columns = {"g": ["a", "a"], "total": [1.0, 0.0], "x": [0.25, 0.5], "y": [1.0, 0.0], "z": [0.1, 3.0]}
    diagnosis = diagnose(columns, columns={"group": "g", "reward": "total"}, verifier="y", reward_model="z")
    assert diagnosis.word == "healthy"


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"group": ["a"], "x": [1.0]}, {}, "no column for the reward: none of reward.* among group, x; name it with"),
        ({"group": ["a", None], "reward": [1.0, 1.0]}, {}, "the log: row 2: group must be text or a number, got None"),
        ({"prompt": ["p", ""], "reward": [1.0, 1.0]}, {}, "the log: row 2: the prompt is empty, and no column says"),
        ({"prompt": [None], "reward": [1.0]}, {}, "the log: row 1: the prompt is empty, and no column says"),
        (
            {"group": ["a"] * 2, "reward": [1, 10**400]},
            {},
            "row 2: reward must be a number, got an integer beyond the floats",
        ),
        (
            {"group": ["a"], "reward": [1.0]},
            {"columns": {"acc": "x"}},
            "unknown role 'acc'; known: .*reward_model, .*verifier",
        ),
        ({"reward": [1.0]}, {}, "no column for the group"),
        ({"group": ["a"], "reward": ["high"]}, {}, "row 1: reward must be a number, got 'high'"),
        ({"group": [], "reward": []}, {}, "there are no rows"),
        (
            {"group": ["a"], "reward": [1.0]},
            {"columns": {"rewrd": "reward"}},
            "unknown role 'rewrd'; did you mean 'reward'",
        ),
        (
            {"group": ["a"], "reward": [1.0]},
            {"columns": {"reward": "rewad"}},
            "no column 'rewad'; did you mean 'reward'",
        ),
        (
            {"group": ["a", "a"], "reward": [1.0, 0.0], "rm": [1.5, 2.5]},
            {"verifier": "rmm"},
            "no signal 'rmm'; did you mean 'rm'",
        ),
    ],
)
def test_diagnose_says_what_the_log_lacks(columns, options, message):
    with pytest.raises(DataError, match=message):
        diagnose(columns, **options)


def test_thresholds_must_be_numbers_from_0_up():
    with pytest.raises(ConfigError, match="threshold drift must be a number from 0 up, got -1"):
        Thresholds(drift=-1.0)


def test_diagnose_copes_with_rows_without_a_reward_and_groups_of_one():
    columns = {"group": ["a", "b", "b"], "reward": [None, 1.0, None], "rm": [None, None, 3.5]}
    assert diagnose(columns).groups == {"a": "failed", "b": "starved"}


def test_diagnose_of_a_log_without_any_reward_is_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert diagnose({"group": ["a", "a"], "reward": [None, None]}).word == "failed"


def test_check_command_diagnoses_a_log(herokit, tmp_path, capsys):
    path = write_jsonl(tmp_path / "log.jsonl", ILL["reward model hacked"][0](np.random.default_rng(0)))
    assert herokit("check", "--rollouts", str(path)) == 1
    assert "log.jsonl: hacked" in capsys.readouterr().out
    assert (
        herokit(
            "check", "--rollouts", str(path), "--json", "--threshold", "score_rise=9", "--column", "verifier=verifier"
        )
        == 1
    )
    assert json.loads(capsys.readouterr().out)["word"] == "one-component"
    easy = ["--threshold", "score_rise=9", "--threshold", "one_component=2"]
    assert herokit("check", "--rollouts", str(path), *easy) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name what to check"),
        (("hero", "--rollouts", "x.jsonl"), "--rollouts takes no target"),
        (("--rollouts", "x.jsonl", "--threshold", "drft=1"), "unknown threshold 'drft'; did you mean 'drift'"),
    ],
)
def test_check_command_says_what_to_name(herokit, capsys, arguments, message):
    assert herokit("check", *arguments) == 2
    assert message in capsys.readouterr().err
