"""Scores equal those of plain transformers row by row, in any order and batch, packed, padded and with shared prefixes."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from herokit.errors import ConfigError, SetupError
from herokit.types import Sample, Status
from herokit_torch import TorchRewardModel
from herokit_torch.forward import PackedForward, PaddedForward

FAMILIES = ["qwen2", "qwen3", "llama", "modernbert"]


@pytest.fixture(scope="module", params=FAMILIES)
def case(request, tiny, samples, one_by_one, tmp_path_factory):
    """A family's folder, and the scores of plain transformers."""
    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = tiny.write_tokenizer(folder)
    model = tiny.write_model(folder, request.param)
    return request.param, str(folder), one_by_one(model, tokenizer, samples)


@pytest.mark.parametrize("budget", [1, 150, 700, 10**6])
def test_scores_in_any_order_and_batch(case, samples, budget):
    _, folder, expected = case
    order = np.random.default_rng(budget).permutation(len(samples))
    with TorchRewardModel(folder, max_batch_tokens=budget) as rm:
        scores = rm.score([samples[i] for i in order])
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(scores.values, expected[order], rtol=0, atol=1e-4)


@pytest.mark.parametrize("gain", [0.0, float("inf")])
def test_shared_prefixes_save_tokens_and_change_no_score(case, samples, gain):
    family, folder, expected = case
    with TorchRewardModel(folder, min_sharing_gain=gain) as rm:
        np.testing.assert_allclose(rm.score(samples).values, expected, rtol=0, atol=1e-4)
        stats = rm.stats
    assert (stats.rows, stats.unique, stats.truncated) == (21, 20, 0)
    if family == "modernbert":
        assert stats.run_ratio > 1
    else:
        assert stats.run_ratio < 0.8 if gain == 0 else stats.run_ratio == 1


def test_decoder_is_packed_and_agrees_with_padding(case, samples):
    family, folder, expected = case
    with TorchRewardModel(folder) as rm:
        runner = rm._runner()
        assert isinstance(runner.forward, PaddedForward if family == "modernbert" else PackedForward)
        if family != "modernbert":
            pad_id = 7  # an id that occurs in the text
            runner.forward = PaddedForward(runner.forward.model, runner.forward.head, pad_id=pad_id)
        np.testing.assert_allclose(rm.score(samples).values, expected, rtol=0, atol=1e-4)


def test_sliding_window_runs_padded(tiny, samples, one_by_one, tmp_path):
    tokenizer = tiny.write_tokenizer(tmp_path)
    windows = {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}
    model = tiny.write_model(tmp_path, "qwen2", **windows)
    with TorchRewardModel(str(tmp_path)) as rm:
        assert isinstance(rm._runner().forward, PaddedForward)
        np.testing.assert_allclose(rm.score(samples).values, one_by_one(model, tokenizer, samples), rtol=0, atol=1e-4)


def test_pickling_drops_the_model_and_a_closed_one_opens_again(case, samples):
    _, folder, expected = case
    rm = TorchRewardModel(folder)
    rm.score(samples[:2])
    copy = pickle.loads(pickle.dumps(rm))
    assert copy == rm
    assert copy._resource.value is None
    assert len(pickle.dumps(rm)) < 2000
    rm.close()
    np.testing.assert_allclose(rm.score(samples[:3]).values, expected[:3], rtol=0, atol=1e-4)


def test_score_retries_with_fewer_tokens_when_memory_runs_out(case, samples, monkeypatch):
    _, folder, expected = case
    calls = []
    with TorchRewardModel(
        folder, max_batch_tokens=1024, progress_callback=lambda done, total: calls.append((done, total))
    ) as rm:
        forward = rm._runner().forward
        run = type(forward).run

        def run_in_little_memory(self, rows, batch):
            if batch.tokens > 300:
                import torch

                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
            return run(self, rows, batch)

        monkeypatch.setattr(type(forward), "run", run_in_little_memory)
        result = rm.score([*samples, Sample("long " * 80, "x", group="l")])
        assert rm._record.max_batch_tokens <= 512
    np.testing.assert_allclose(result.values[:-1], expected, rtol=0, atol=1e-4)
    assert result.statuses[-1] is Status.FAILED
    assert result.reasons[-1] == "does not fit in memory even alone"
    assert calls == sorted(calls)
    assert calls[-1] == (20, 21)


def test_no_samples_and_empty_texts(case):
    _, folder, _ = case
    with TorchRewardModel(folder) as rm:
        assert len(rm.score([])) == 0
        assert np.isfinite(rm.score([Sample("", "", group=0)]).values).all()
    with TorchRewardModel(folder, template="{prompt}{completion}") as rm:
        assert np.isfinite(rm.score([Sample("", "", group=0), Sample("a", "b", group=0)]).values).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_batch_tokens": 0}, "max_batch_tokens = 0; expected at least 1"),
        ({"min_sharing_gain": float("nan")}, "min_sharing_gain = nan"),
        ({"aggregate": "max"}, "aggregate = 'max'"),
        ({"device": "cpu", "device_map": "auto"}, "set only one"),
        ({"template": "{prompt}"}, "expected {prompt} and {completion}"),
        ({"step_separator": ""}, "step_separator is empty"),
    ],
)
def test_settings_are_checked_at_construction(settings, message):
    with pytest.raises(ConfigError) as caught:
        TorchRewardModel("nowhere", **settings)
    assert message in str(caught.value)


def test_checkpoint_that_cannot_be_opened_raises(case, tmp_path):
    _, folder, _ = case
    with pytest.raises(SetupError, match="nowhere-at-all: its tokenizer cannot be opened"):
        TorchRewardModel(str(tmp_path / "nowhere-at-all")).score([])
    with pytest.raises(SetupError, match="max_length = 600, but the model has 512 positions"):
        TorchRewardModel(folder, max_length=600).score([])
    one = replace(TorchRewardModel(folder), progress_callback=print)
    assert one == TorchRewardModel(folder)
