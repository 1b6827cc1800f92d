"""The same scores as plain transformers row by row, however rows are ordered, cut into batches, packed or shared."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from herokit.errors import ConfigError, SetupError
from herokit.types import Sample, Status
from herokit_torch import TorchRewardModel
from herokit_torch.engines import Packed, Padded

FAMILIES = ["qwen2", "qwen3", "llama", "modernbert"]


@pytest.fixture(scope="module", params=FAMILIES)
def case(request, tiny, samples, one_by_one, tmp_path_factory):
    """A family's folder, and what plain transformers says of the samples."""
    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = tiny.write_tokenizer(folder)
    model = tiny.write_model(folder, request.param)
    return request.param, str(folder), one_by_one(model, tokenizer, samples)


@pytest.mark.parametrize("budget", [1, 150, 700, 10**6])
def test_any_order_and_any_batch_gives_the_scores_of_transformers(case, samples, budget):
    _, folder, expected = case
    order = np.random.default_rng(budget).permutation(len(samples))
    with TorchRewardModel(folder, token_budget=budget) as rm:
        scores = rm.score([samples[i] for i in order])
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(scores.values, expected[order], rtol=0, atol=1e-4)


@pytest.mark.parametrize("gain", [0.0, float("inf")])
def test_sharing_prefixes_changes_no_score_and_saves_tokens(case, samples, gain):
    family, folder, expected = case
    with TorchRewardModel(folder, least_gain=gain) as rm:
        np.testing.assert_allclose(rm.score(samples).values, expected, rtol=0, atol=1e-4)
        stats = rm.stats
    assert (stats.rows, stats.unique, stats.truncated) == (21, 20, 0)
    if family == "modernbert":
        assert stats.run_ratio > 1
    else:
        assert stats.run_ratio < 0.8 if gain == 0 else stats.run_ratio == 1


def test_a_decoder_is_packed_and_the_padded_way_agrees(case, samples):
    family, folder, expected = case
    with TorchRewardModel(folder) as rm:
        opened = rm._open()
        assert isinstance(opened.engine, Padded if family == "modernbert" else Packed)
        if family != "modernbert":
            opened.engine = Padded(opened.engine.model, opened.engine.head, pad=7)  # an id that occurs in the text
        np.testing.assert_allclose(rm.score(samples).values, expected, rtol=0, atol=1e-4)


def test_a_window_that_packing_does_not_know_is_run_padded(tiny, samples, one_by_one, tmp_path):
    tokenizer = tiny.write_tokenizer(tmp_path)
    windows = {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}
    model = tiny.write_model(tmp_path, "qwen2", **windows)
    with TorchRewardModel(str(tmp_path)) as rm:
        assert isinstance(rm._open().engine, Padded)
        np.testing.assert_allclose(rm.score(samples).values, one_by_one(model, tokenizer, samples), rtol=0, atol=1e-4)


def test_pickling_drops_the_model_and_closing_reopens_it(case, samples):
    _, folder, expected = case
    rm = TorchRewardModel(folder)
    rm.score(samples[:2])
    copy = pickle.loads(pickle.dumps(rm))
    assert copy == rm
    assert copy._cell.opened is None
    assert len(pickle.dumps(rm)) < 2000
    rm.close()
    np.testing.assert_allclose(rm.score(samples[:3]).values, expected[:3], rtol=0, atol=1e-4)


def test_memory_that_runs_out_halves_the_budget_and_loses_no_row(case, samples, monkeypatch):
    _, folder, expected = case
    seen = []
    with TorchRewardModel(folder, token_budget=1024, progress=lambda done, of: seen.append((done, of))) as rm:
        engine = rm._open().engine
        run = type(engine).run

        def small(self, rows, positions, job):
            if job.tokens > 300:
                import torch

                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
            return run(self, rows, positions, job)

        monkeypatch.setattr(type(engine), "run", small)
        found = rm.score([*samples, Sample("long " * 80, "x", group="l")])
        assert rm._open().budget <= 512
    np.testing.assert_allclose(found.values[:-1], expected, rtol=0, atol=1e-4)
    assert found.statuses[-1] is Status.FAILED
    assert found.reasons[-1] == "does not fit in memory even alone"
    assert seen == sorted(seen)
    assert seen[-1] == (20, 21)


def test_nothing_and_empty_texts(case):
    _, folder, _ = case
    with TorchRewardModel(folder) as rm:
        assert len(rm.score([])) == 0
        assert np.isfinite(rm.score([Sample("", "", group=0)]).values).all()
    with TorchRewardModel(folder, template="{prompt}{completion}") as rm:
        assert np.isfinite(rm.score([Sample("", "", group=0), Sample("a", "b", group=0)]).values).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"token_budget": 0}, "token_budget = 0; expected at least 1"),
        ({"least_gain": float("nan")}, "least_gain = nan"),
        ({"aggregate": "max"}, "aggregate = 'max'"),
        ({"device": "cpu", "device_map": "auto"}, "give one"),
        ({"template": "{prompt}"}, "expected {prompt} and {completion}"),
        ({"step_separator": ""}, "step_separator is empty"),
    ],
)
def test_settings_are_checked_before_anything_opens(settings, message):
    with pytest.raises(ConfigError) as caught:
        TorchRewardModel("nowhere", **settings)
    assert message in str(caught.value)


def test_what_cannot_be_opened_says_so(case, tmp_path):
    _, folder, _ = case
    with pytest.raises(SetupError, match="nowhere-at-all: cannot be opened"):
        TorchRewardModel(str(tmp_path / "nowhere-at-all")).score([])
    with pytest.raises(SetupError, match="max_tokens = 600, but the model has 512 positions"):
        TorchRewardModel(folder, max_tokens=600).score([])
    one = replace(TorchRewardModel(folder), progress=print)
    assert one == TorchRewardModel(folder)
