"""One kernel for all rows of a pack, and compiled layers; on a CPU with a stub of torch's kernel."""

from inspect import signature

import numpy as np
import pytest
import torch

from herokit.errors import SetupError
from herokit_torch import TorchRewardModel, attention, forward
from herokit_torch.attention import FUSED, ROW_BY_ROW
from herokit_torch.forward import PackedForward

NEAR = {"rtol": 0, "atol": 1e-4}


def varlen_stub(query, key, value, cu_seq_q, cu_seq_k, *longest, late=True, **settings):
    """Attend sequence by sequence: (T, H, D) queries, (U, K, D) keys; aligned at the end, or at the start if not `late`."""
    assert settings["window_size"] == (-1, 0)
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
    assert settings["enable_gqa"] == (query.shape[1] != key.shape[1])
    repeat = query.shape[1] // key.shape[1]
    out = torch.empty_like(query)
    pieces = list(zip(cu_seq_q.tolist(), cu_seq_q.tolist()[1:], cu_seq_k.tolist(), cu_seq_k.tolist()[1:], strict=False))
    assert longest == (max(b - a for a, b, _, _ in pieces), max(d - c for _, _, c, d in pieces))
    for a, b, c, d in pieces:
        k, v = (x[c:d].repeat_interleave(repeat, 1) for x in (key, value))
        scores = torch.einsum("qhd,khd->hqk", query[a:b], k) * (settings["scale"] or query.shape[2] ** -0.5)
        ahead = (d - c) - (b - a) if late else 0
        hidden = torch.arange(d - c)[None] > torch.arange(b - a)[:, None] + ahead
        out[a:b] = torch.einsum("hqk,khd->qhd", scores.masked_fill(hidden, -torch.inf).softmax(-1), v)
    return out


@pytest.fixture(scope="module", params=["qwen2", "qwen3", "llama"])
def case(request, tiny, samples, one_by_one, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = tiny.write_tokenizer(folder)
    model = tiny.write_model(folder, request.param)
    return str(folder), one_by_one(model, tokenizer, samples)


@pytest.mark.parametrize("gain", [0.0, float("inf")])
def test_fused_attention_gives_the_same_scores(case, samples, gain, monkeypatch):
    folder, expected = case
    monkeypatch.setattr(forward, "_kernel_fits", lambda model: True)
    monkeypatch.setattr(attention, "varlen_kernel", lambda: varlen_stub)
    for budget in (300, 10**5):
        with TorchRewardModel(folder, min_sharing_gain=gain, max_batch_tokens=budget) as rm:
            assert rm._runner().forward.attention == FUSED
            assert "(packed, one kernel)" in rm.report()
            np.testing.assert_allclose(rm.score(samples).values, expected, **NEAR)


def aligned_at_the_start(*arguments, **settings):
    return varlen_stub(*arguments, **settings, late=False)


def missing_kernel(*_, **__):
    raise RuntimeError("varlen_attn is not implemented for head size 16 on this device")


@pytest.mark.parametrize("kernel", [aligned_at_the_start, missing_kernel])
def test_kernel_that_differs_or_raises_is_not_used(case, samples, kernel, monkeypatch):
    folder, expected = case
    monkeypatch.setattr(forward, "_kernel_fits", lambda model: True)
    monkeypatch.setattr(attention, "varlen_kernel", lambda: kernel)
    with TorchRewardModel(folder) as rm:
        assert rm._runner().forward.attention == ROW_BY_ROW
        np.testing.assert_allclose(rm.score(samples).values, expected, **NEAR)


def test_kernel_of_torch_has_the_expected_parameters():
    kernel = attention.varlen_kernel()
    assert kernel is not None
    first = list(signature(kernel).parameters)[:7]
    assert first == ["query", "key", "value", "cu_seq_q", "cu_seq_k", "max_q", "max_k"]


def test_cpu_runs_packs_row_by_row(case):
    with TorchRewardModel(case[0]) as rm:
        assert not forward._kernel_fits(rm._runner().forward.model)
        assert isinstance(rm._runner().forward, PackedForward)
        assert rm.report() == f"torch: {case[0]} (packed)"


@pytest.mark.parametrize("case", ["qwen3"], indirect=True)
def test_compiled_layers_give_the_same_scores(case, samples, monkeypatch):
    folder, expected = case
    monkeypatch.setattr(forward, "_COMPILE_BACKEND", "aot_eager")  # traces as inductor does, and generates no code
    with TorchRewardModel(folder, compile=True, max_batch_tokens=300) as rm:
        np.testing.assert_allclose(rm.score(samples).values, expected, **NEAR)
        assert all(layer._compiled_call_impl is not None for layer in rm._runner().forward.model.model.layers)


@pytest.mark.parametrize("case", ["qwen2"], indirect=True)
def test_failed_compilation_raises(case, tiny, tmp_path, monkeypatch):
    def backend(graph, inputs):
        raise OSError("no C++ compiler found")

    monkeypatch.setattr(forward, "_COMPILE_BACKEND", backend)
    with pytest.raises(SetupError, match="cannot be compiled: .*no C.. compiler found.*; set compile = false"):
        TorchRewardModel(case[0], compile=True).score([])
    tiny.write_tokenizer(tmp_path)
    tiny.write_model(tmp_path, "modernbert")
    with pytest.raises(SetupError, match="needs a packed decoder with layers, this one runs padded"):
        TorchRewardModel(str(tmp_path), compile=True).score([])
