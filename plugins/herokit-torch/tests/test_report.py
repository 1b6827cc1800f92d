"""Report, warnings and progress of `TorchRewardModel`."""

import pickle

import pytest

from herokit import Rewarder, Select
from herokit.reward_models.progress import track_progress
from herokit.sources import EnsembleRewardModel
from herokit_torch import TorchRewardModel


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp("rm")
    tiny.write_tokenizer(path)
    tiny.write_model(path, num_hidden_layers=1)
    return str(path)


def test_report_describes_work_and_scores(folder, samples):
    rm = TorchRewardModel(folder)
    assert rm.report() == f"torch: {folder}"
    values = rm.score(samples).values
    assert f"torch: {folder} (packed); 21 rows (20 unique), " in rm.report()
    assert f"scores {values.mean():.2f} +- {values.std():.2f}" in rm.report()
    rm.close()
    rm.score(samples[:2])
    assert (rm.stats.rows, rm.monitor.total.count) == (23, 23)
    assert pickle.loads(pickle.dumps(rm)).stats.rows == 0


def test_saturated_scores_warn_once_unless_they_are_of_steps(folder, samples, tiny, tmp_path, caplog):
    tiny.write_tokenizer(tmp_path)
    tiny.write_model(tmp_path, mlp="Qwen2ForProcessRewardModel", num_hidden_layers=1)
    with TorchRewardModel(str(tmp_path), step_token="<extra_0>") as prm:  # noqa: S106 - a marker
        assert all(0 < x < 1 for x in prm.score(samples).values)
    assert "as after a sigmoid" not in caplog.text
    with TorchRewardModel(folder) as rm:
        forward = rm._runner().forward
        run = type(forward).run

        class Saturated:
            name, plan = "saturated", forward.plan

            def run(self, *arguments):
                return [1 / (1 + abs(x) + 0.1) for x in run(forward, *arguments)]

        rm._runner().forward = Saturated()
        for _ in range(3):
            rm.score(samples)
    assert caplog.text.count("scores lie in (0, 1), as after a sigmoid; combiners expect raw logits") == 1


def test_progress_is_reported_through_a_rewarder_and_an_ensemble(folder, samples):
    one = TorchRewardModel(folder, max_batch_tokens=300)
    two = TorchRewardModel(folder, max_batch_tokens=10**6)
    calls = []
    with Rewarder({"rm": EnsembleRewardModel((one, two))}, Select("rm")) as rewarder:
        with track_progress(lambda done, total: calls.append((done, total))):
            rewarder(samples)
        rewarder(samples[:3])
    assert calls[-1] == (20, 20)
    assert calls.count((20, 20)) == 2
    assert len(calls) > 3
    assert calls[:-1] == sorted(calls[:-1])
