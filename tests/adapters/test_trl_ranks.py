"""TRL on two ranks: groups on both ranks, equal means, errors that reach every rank."""

import numpy as np
import pytest

pytestmark = [
    pytest.mark.usefixtures("two_ranks", "killed"),  # they run in the background
    pytest.mark.filterwarnings("ignore:.*(gradient|activation)_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def test_mixin_on_two_ranks_equals_one_process(runs, two_ranks, tmp_path):
    zero, one = two_ranks.reports(0), two_ranks.reports(1)
    for result in (zero, one):
        assert result[0]["error"].startswith("ConfigError: TRL, rank ")
        assert "set per_device_train_batch_size=4, or use herokit.adapters.trl.GroupRewardMixin" in result[0]["error"]
    for place, (kind, rows) in enumerate([("GroupGRPO", 12), ("GroupRLOO", 4)], start=1):
        single = runs.run(kind, tmp_path, per_device_train_batch_size=rows)
        both = zip(zero[place]["seen"], one[place]["seen"], strict=True)
        joined = np.array([[*first, *second] for (_, first), (_, second) in both])
        np.testing.assert_allclose(joined.reshape(-1), runs.advantages(single), rtol=0, atol=1e-6)
        assert np.abs(joined).max() > 0.05
        assert zero[place]["state"] == one[place]["state"] == single.state


def test_error_on_one_rank_raises_on_every_rank(two_ranks):
    for rank in (0, 1):
        error = two_ranks.reports(rank)[3]["error"]
        assert error == "PluginError: herokit, rank 1 of 2: SetupError: no model file"
    zero, one = (two_ranks.reports(rank)[7] for rank in (0, 1))  # by itself, where ranks meet in the running mean alone
    assert one["error"] == "SetupError: no model file"
    assert zero["error"].startswith("SetupError: a source failed on another rank")
    assert zero["seconds"] < 60.0


def test_reward_function_on_two_ranks_with_complete_groups(runs, two_ranks, tmp_path):
    zero, one = two_ranks.reports(0)[4], two_ranks.reports(1)[4]
    single = runs.run("GRPO", tmp_path, per_device_train_batch_size=8)
    both = [[*first, *second] for (_, first), (_, second) in zip(zero["seen"], one["seen"], strict=True)]
    np.testing.assert_allclose(np.ravel(both), runs.advantages(single), rtol=0, atol=1e-6)
    assert zero["state"] == one["state"]
    means = [result["state"][-1] for result in (zero["state"], single.state)]
    assert means[0]["count"] == means[1]["count"]
    assert means[0]["value"] == pytest.approx(means[1]["value"], rel=1e-12)


def test_evaluation_on_two_ranks_keeps_the_running_mean(runs, two_ranks, tmp_path):
    for rank in (0, 1):
        error = two_ranks.reports(rank)[5]["error"]
        assert "evaluation would split groups" in error
        assert "set per_device_eval_batch_size=4, or use" in error
    zero, one = two_ranks.reports(0)[6], two_ranks.reports(1)[6]
    settings = {"per_device_train_batch_size": 4, "per_device_eval_batch_size": 4}
    without = runs.run("GroupGRPO", tmp_path, **settings)
    single = runs.run("GroupGRPO", tmp_path, **settings, evaluation=True, eval_strategy="steps", eval_steps=1)
    assert zero["state"] == one["state"] == single.state == without.state
    both = [[*first, *second] for (_, first), (_, second) in zip(zero["seen"], one["seen"], strict=True)]
    assert len(both) == 2 + 2 * 4
    np.testing.assert_allclose(both, [rows for _, rows in single.seen], rtol=0, atol=1e-6)


def test_credit_of_turns_on_two_ranks_equals_one_process(runs, two_ranks, tmp_path):
    zero, one = two_ranks.reports(0)[8], two_ranks.reports(1)[8]
    single = runs.run("GroupGRPO", tmp_path, per_device_train_batch_size=4, credit=True)
    assert len(single.seen) == 2
    for (_, first), (_, second), (_, whole) in zip(zero["seen"], one["seen"], single.seen, strict=True):
        for row, expected in zip([*first, *second], whole, strict=True):
            assert row == expected[: len(row)]
            assert not any(expected[len(row) :])
