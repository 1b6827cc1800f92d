"""Trials of Harbor, written here as release 0.25.0 lays them out."""

import json
import os

import pytest

from herokit import Rewarder, Select
from herokit.adapters.harbor import read_trials
from herokit.errors import DataError
from herokit.sources import ScoreColumn, VerdictColumn

STEPS = [
    {"step_id": 1, "source": "user", "message": "6 * 7?"},
    {"step_id": 2, "source": "agent", "message": "It is 42.", "metrics": {"completion_tokens": 4}},
]
TRAJECTORY = {"schema_version": "ATIF-v1.7", "session_id": "s", "agent": {"name": "a", "version": "1"}, "steps": STEPS}

VERIFIED = {"verifier_result": {"rewards": {"reward": 1}}}


def write_trial(job, name, *, text=None, rewards=None, result=None, trajectory=TRAJECTORY):
    folder = job / name
    (folder / "verifier").mkdir(parents=True)
    (folder / "agent").mkdir()
    if text is not None:
        (folder / "verifier" / "reward.txt").write_text(text)
    if rewards is not None:
        (folder / "verifier" / "reward.json").write_text(rewards if isinstance(rewards, str) else json.dumps(rewards))
    if result is not None:
        (folder / "result.json").write_text(json.dumps({"trial_name": name, "task_name": "maths/six"} | result))
    if trajectory is not None:
        (folder / "agent" / "trajectory.json").write_text(json.dumps(trajectory))
    return folder


def raised(kind, **more):
    return {"exception_info": {"exception_type": kind, "exception_message": "it ended"}} | more


def test_trials_of_a_job_are_samples_with_their_rewards_as_columns(tmp_path):
    job = tmp_path / "jobs" / "2026"
    write_trial(job, "six__a", text="1\n")
    write_trial(job, "six__b", rewards={"reward": 0.25, "style": 2})
    (job / "result.json").write_text('{"stats": {}}')
    first, second = read_trials(tmp_path / "jobs")
    assert (first.group, first.prompt_text, first.final_text, first.num_tokens) == ("six", "6 * 7?", "It is 42.", 4)
    assert first.meta == {"reward": 1.0, "trial": "six__a", "error": None}
    assert second.meta == {"reward": 0.25, "style": 2.0, "trial": "six__b", "error": None}
    assert [read_trials(job / name)[0].group for name in ("six__a", "six__b")] == ["six", "six"]
    output = Rewarder({"verifier": VerdictColumn("reward"), "rm": ScoreColumn("style")}, Select("verifier"))(
        [first, second]
    )
    assert output.scores["rm"].statuses[0].value == "failed"
    assert output.verdicts["verifier"][1].value == 0.25


def test_reward_of_the_result_and_of_the_json_come_first(tmp_path):
    write_trial(
        tmp_path, "six__a", text="0", rewards={"reward": 1}, result={"verifier_result": {"rewards": {"reward": 0.5}}}
    )
    write_trial(tmp_path, "six__b", text="0", rewards={"reward": 1})
    samples = read_trials(tmp_path)
    assert [sample.meta["reward"] for sample in samples] == [0.5, 1.0]
    assert [sample.group for sample in samples] == ["maths/six", "six"]


@pytest.mark.parametrize("result", [{"verifier_result": None}, {"verifier_result": {"rewards": None}}, {}, "", "[]"])
def test_reward_file_beside_a_result_without_rewards_pays_nothing(tmp_path, result):
    # Harbor wrote the result, and no verifier wrote this reward
    trial = write_trial(tmp_path, "six__a", text="1", rewards={"reward": 1})
    content = json.dumps({"trial_name": "six__a"} | result) if isinstance(result, dict) else result
    (trial / "result.json").write_text(content)
    [sample] = read_trials(tmp_path)
    assert "reward" not in sample.meta
    assert "result.json" in sample.meta["error"]


@pytest.mark.parametrize("part", ["agent", "artifacts", "verifier", "steps"])
def test_folder_inside_a_trial_is_no_trial(tmp_path, part):
    trial = write_trial(tmp_path / "job", "six__a")
    for inner in (trial / part, trial / part / "deeper"):
        (inner / "verifier").mkdir(parents=True)
        (inner / "verifier" / "reward.txt").write_text("1")
        (inner / "result.json").write_text('{"trial_name": "t", "verifier_result": {"rewards": {"reward": 1}}}')
    write_trial(tmp_path / "job", "six__b", text="0")
    for folder in (tmp_path, tmp_path / "job"):
        assert [sample.meta["trial"] for sample in read_trials(folder)] == ["six__b"]
    with pytest.raises(DataError, match="no trial of Harbor"):
        read_trials(trial)


def test_rewards_named_as_a_fact_of_the_trial_do_not_replace_it(tmp_path):
    rewards = {"reward": 1, "error": 0, "trial": 2}
    write_trial(tmp_path, "six__a", result={"verifier_result": {"rewards": rewards}})
    assert read_trials(tmp_path)[0].meta == {"reward": 1.0, "trial": "six__a", "error": None}


@pytest.mark.parametrize(
    "broken",
    [
        {"step_results": 5},
        {"step_results": {"a": 1}},
        {"step_results": [5]},
        {"exception_info": {"exception_type": []}},
    ],
)
def test_broken_field_of_a_result_does_not_stop_the_job(tmp_path, broken):
    write_trial(tmp_path, "six__a", result=VERIFIED | broken)
    write_trial(tmp_path, "six__b", text="0")
    assert [sample.meta["trial"] for sample in read_trials(tmp_path)] == ["six__a", "six__b"]


def _link_to_a_reward(path):
    target = path.parent / "target"
    target.write_text("1")
    path.symlink_to(target)


def _write_large(path):
    path.touch()
    os.truncate(path, 64_000_001)  # no blocks on the disk


UNREADABLE = {
    "fifo": os.mkfifo,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "link": _link_to_a_reward,
    "broken link": lambda path: path.symlink_to("nowhere"),
    "loop": lambda path: path.symlink_to(path),
    "folder": lambda path: path.mkdir(),
    "large": _write_large,
}


@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("name", ["reward.txt", "reward.json"])
def test_reward_that_is_no_regular_file_of_the_trial_fails(tmp_path, name, make):
    trial = write_trial(tmp_path, "six__a", text="1" if name == "reward.json" else None)
    make(trial / "verifier" / name)
    [sample] = read_trials(tmp_path)
    assert sample.meta == {"trial": "six__a", "error": "no reward was written, or its file cannot be read"}


@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE)
def test_trajectory_that_is_no_regular_file_of_the_trial_is_none(tmp_path, make):
    trial = write_trial(tmp_path, "six__a", text="1", trajectory=None)
    make(trial / "agent" / "trajectory.json")
    [sample] = read_trials(tmp_path)
    assert (sample.completion, sample.meta["reward"]) == ("", 1.0)
    assert sample.meta["error"].startswith("no trajectory: ")


def test_trajectory_above_its_limit_is_not_read(tmp_path):
    trial = write_trial(tmp_path, "six__a", text="1")
    with (trial / "agent" / "trajectory.json").open("a") as file:
        file.write(" " * 64_000_000)
    [sample] = read_trials(tmp_path)
    assert sample.completion == ""
    assert sample.meta["error"] == "no trajectory: agent/trajectory.json is missing, or cannot be read"


@pytest.mark.parametrize(
    ("trial", "error"),
    [
        ({"text": ""}, "the reward 'reward' is ''; expected a finite number"),
        ({"text": "nan"}, "the reward 'reward' is nan; expected a finite number"),
        ({"text": "one"}, "the reward 'reward' is 'one'"),
        ({"text": "1e999"}, "the reward 'reward' is inf"),
        ({"text": "1" * 2_000_000}, "no reward was written, or its file cannot be read"),
        ({"rewards": "{"}, "no reward was written, or its file cannot be read"),
        ({"rewards": "[" * 100_000}, "no reward was written, or its file cannot be read"),
        ({"rewards": '{"reward": NaN}'}, "the reward 'reward' is nan"),
        ({"rewards": '{"reward": 1' + "0" * 400 + "}"}, "the reward 'reward' is 10000"),
        ({"rewards": {"reward": "1"}}, "the reward 'reward' is '1'"),
        ({"rewards": {"reward": 1, "style": None}}, "the reward 'style' is None"),
        ({"rewards": {}}, "no reward was written"),
        ({"result": VERIFIED | raised("ApiError")}, "the trial ended with ApiError: it ended"),
        ({"result": VERIFIED | raised("Unheard")}, "the trial ended with Unheard: it ended"),
        ({"result": VERIFIED | {"step_results": [raised("MemoryLimitExceededError")]}}, "ended with MemoryLimitExceededError"),
        ({"result": {}}, "result.json has no rewards of the verifier"),
        ({"result": {"verifier_result": {"rewards": {}}}}, "result.json has no rewards of the verifier"),
        ({"result": {"verifier_result": {"rewards": 1}}}, "result.json has no rewards of the verifier"),
    ],
)  # fmt: skip
def test_trial_without_a_valid_reward_fails_and_says_why(tmp_path, trial, error):
    write_trial(tmp_path, "six__a", **trial)
    write_trial(tmp_path, "six__b", text="0")
    bad, good = read_trials(tmp_path)
    assert error in bad.meta["error"]
    assert "reward" not in bad.meta
    assert [v.status.value for v in VerdictColumn("reward").verify([bad, good])] == ["failed", "judged"]


@pytest.mark.parametrize("kind", ["AgentTimeoutError", "ContextWindowExceededError", "AgentSafetyRefusalError"])
def test_exception_that_the_agent_caused_leaves_the_reward_valid(tmp_path, kind):
    write_trial(tmp_path, "six__a", result=VERIFIED | raised(kind))
    assert read_trials(tmp_path)[0].meta == {"reward": 1.0, "trial": "six__a", "error": None}


def test_trial_without_a_trajectory_has_the_prompt_of_its_task(tmp_path):
    write_trial(tmp_path, "six__a", text="0", trajectory=None)
    write_trial(tmp_path, "six__b", text="1")
    samples = read_trials(tmp_path)
    assert samples[0].prompt_text == "6 * 7?"
    assert samples[0].completion == ""
    assert samples[0].meta["error"].startswith("no trajectory: ")
    assert Rewarder({"verifier": VerdictColumn("reward")}, Select("verifier"))(samples).reward.tolist() == [0.0, 1.0]


def test_steps_of_a_trial_are_no_trials(tmp_path):
    trial = write_trial(tmp_path, "six__a", result={"verifier_result": {"rewards": {"reward": 0.5}}})
    write_trial(trial / "steps", "first", text="1")
    assert [sample.meta["reward"] for sample in read_trials(trial)] == [0.5]
    assert len(read_trials(tmp_path)) == 1


def test_folder_without_trials_is_an_error(tmp_path):
    (tmp_path / "result.json").write_text("[]")
    with pytest.raises(DataError, match="no trial of Harbor; expected folders with result.json"):
        read_trials(tmp_path)
