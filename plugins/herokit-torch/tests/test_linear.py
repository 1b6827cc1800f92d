"""Linear layers in oneDNN give the scores of torch's own, or stay as they are."""

import numpy as np
import pytest
import torch
import transformers

from herokit_torch import TorchRewardModel, linear
from herokit_torch.linear import use_onednn

SMALL = {"num_hidden_layers": 2}


def model_of(folder, tiny, **settings):
    tiny.write_tokenizer(folder)
    return tiny.write_model(folder, **SMALL, **settings)


def test_layers_of_an_fp32_body_run_in_onednn_and_score_the_same(tiny, samples, one_by_one, tmp_path):
    model = model_of(tmp_path, tiny)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    expected = one_by_one(model, tokenizer, samples)
    names = {name for name, layer in model.base_model.named_modules() if type(layer) is torch.nn.Linear}
    assert use_onednn(model) == len(names) == 14
    assert all("forward" in vars(model.base_model.get_submodule(name)) for name in names)
    assert "forward" not in vars(model.score)  # the head is applied to few rows
    np.testing.assert_allclose(one_by_one(model, tokenizer, samples), expected, rtol=0, atol=1e-4)
    with TorchRewardModel(str(tmp_path)) as rm:
        np.testing.assert_allclose(rm.score(samples).values, expected, rtol=0, atol=1e-4)
        opened = rm._runner().forward.model
    assert sum("forward" in vars(layer) for layer in opened.modules()) == 14
    assert list(opened.state_dict()) == list(model.state_dict())  # heads of other checkpoints are compared with them


@pytest.mark.parametrize("case", ["bfloat16", "large", "missing"])
def test_other_models_stay_as_they_are(tiny, tmp_path, monkeypatch, case):
    model = model_of(tmp_path, tiny, dtype=torch.bfloat16 if case == "bfloat16" else torch.float32)
    if case == "large":
        monkeypatch.setattr(linear, "_MAX_BYTES", 100)
    if case == "missing":
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert use_onednn(model) == 0
    assert not any("forward" in vars(layer) for layer in model.modules())


def test_layer_that_computes_otherwise_or_raises_stays_as_it_is(tiny, tmp_path, monkeypatch):
    model = model_of(tmp_path, tiny)
    build = linear._onednn_forward

    def wrong(layer):
        right = build(layer)
        if layer.out_features == layer.in_features:
            return lambda x: right(x) + 0.1
        if layer.out_features < layer.in_features:
            raise RuntimeError("no such layout")
        return right

    monkeypatch.setattr(linear, "_onednn_forward", wrong)
    rest = use_onednn(model)
    layers = [layer for layer in model.base_model.modules() if type(layer) is torch.nn.Linear]
    assert 0 < rest == sum(layer.out_features > layer.in_features for layer in layers) < len(layers)


def test_compiled_model_keeps_its_own_layers(tiny, tmp_path, monkeypatch):
    from herokit_torch import forward

    model_of(tmp_path, tiny)
    monkeypatch.setattr(forward, "compile_layers", lambda *arguments: None)
    rm = TorchRewardModel(str(tmp_path), compile=True)
    assert not any("forward" in vars(layer) for layer in rm._runner().forward.model.modules())
