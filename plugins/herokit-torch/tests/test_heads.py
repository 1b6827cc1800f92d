"""Sources with several heads, or several labels, on one body: the scores of plain transformers for one forward."""

import pickle
import threading

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from herokit import Rewarder
from herokit.combiners import Ensemble
from herokit.config import load_scheme
from herokit.errors import SetupError
from herokit.sources import EnsembleRewardModel
from herokit_torch import TorchRewardModel
from herokit_torch import sharing as sharing_module

NAMES = ("one", "two", "three", "four")


@pytest.fixture(scope="module")
def body(tiny, tmp_path_factory):
    """A language model, its tokenizer and its folder."""
    folder = tmp_path_factory.mktemp("body")
    tokenizer = tiny.write_tokenizer(folder)
    return str(folder), tokenizer, tiny.write_model(folder, kind="CausalLM", num_hidden_layers=2)


@pytest.fixture(scope="module")
def heads(body, tmp_path_factory):
    """Four heads in the forms in which they are stored, by name: module and place."""
    folder = tmp_path_factory.mktemp("heads")
    torch.manual_seed(1)
    mlp = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    modules = [torch.nn.Linear(64, 1, bias=False), torch.nn.Linear(64, 1), mlp, torch.nn.Linear(64, 1)]
    for name, prefix, module in zip(NAMES, ("score.", "v_head.summary.", "score.", ""), modules, strict=True):
        weights = {f"{prefix}{key}": value.detach() for key, value in module.named_parameters()}
        if name == "two":  # a whole checkpoint on the same body
            (folder / name).mkdir()
            weights |= load_file(f"{body[0]}/model.safetensors")
            save_file(weights, folder / name / "model.safetensors", {"format": "pt"})
        else:
            save_file(weights, folder / name)
    return {name: (module, str(folder / name)) for name, module in zip(NAMES, modules, strict=True)}


@pytest.fixture(scope="module")
def expected(body, heads, samples):
    """Scores by name, from plain transformers one row at a time."""
    _, tokenizer, model = body
    states = []
    for sample in samples:
        turns = [{"role": "user", "content": sample.prompt}, {"role": "assistant", "content": sample.completion}]
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)["input_ids"]
        with torch.no_grad():
            states.append(model.model(input_ids=ids).last_hidden_state[0, -1])
    return {name: module(torch.stack(states))[:, 0].detach().numpy() for name, (module, _) in heads.items()}


def sources_of(body, heads, **settings):
    return {name: TorchRewardModel(body[0], head=heads[name][1], **settings) for name in NAMES}


def test_four_heads_score_as_transformers_does_and_run_the_body_once(body, heads, samples, expected, caplog):
    sources = sources_of(body, heads, min_sharing_gain=0)
    for _ in range(2):  # two steps of a training
        for name, source in sources.items():
            np.testing.assert_allclose(source.score(samples).values, expected[name], rtol=0, atol=1e-4)
    assert "LOAD REPORT" not in caplog.text  # transformers' own head has no weights, and none reads it
    ran = [source.stats.run_tokens for source in sources.values()]
    assert ran[0] > 0
    assert ran[1:] == [0, 0, 0]
    assert len({id(source._runner().forward.shared) for source in sources.values()}) == 1
    assert min(np.ptp(values) for values in expected.values()) > 0.1


def test_source_that_scores_again_runs_again(body, heads, samples):
    first, second = (TorchRewardModel(body[0], head=heads[name][1]) for name in NAMES[:2])
    first.score(samples)
    once = first.stats.run_tokens
    for source, runs in ((first, 2), (second, 0), (second, 1), (first, 2), (first, 3)):
        source.score(samples)
        assert source.stats.run_tokens == runs * once
    second.score(samples[:3])  # a part of what the other left
    other = TorchRewardModel(body[0], head=heads["one"][1])
    assert other.score(samples[:5]).values.tolist() == pytest.approx(first.score(samples[:5]).values.tolist(), abs=1e-5)


def test_sources_in_threads_run_the_body_once(body, heads, samples, expected):
    sources = sources_of(body, heads)
    results = {}
    threads = [
        threading.Thread(target=lambda name=name: results.update({name: sources[name].score(samples).values}))
        for name in NAMES
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(source.stats.run_tokens > 0 for source in sources.values()) == 1
    for name in NAMES:
        np.testing.assert_allclose(results[name], expected[name], rtol=0, atol=1e-4)


def test_scheme_file_joins_heads_of_one_body(body, heads, samples, expected, tmp_path):
    path = tmp_path / "scheme.toml"
    sources = "".join(
        f'[sources.{name}]\nuse = "torch"\nmodel = "{body[0]}"\nhead = "{heads[name][1]}"\n' for name in NAMES
    )
    steps = '[[steps]]\nuse = "ensemble"\nsignals = ["one", "two", "three", "four"]\nreduction = "mean_minus_std"\n'
    path.write_text(sources + steps)
    outcome = load_scheme(path).rewarder()(samples)
    table = np.stack([expected[name] for name in NAMES])
    np.testing.assert_allclose(outcome.reward, table.mean(0) - table.std(0), rtol=0, atol=1e-4)
    np.testing.assert_allclose(outcome.columns()["three"], expected["three"], rtol=0, atol=1e-4)


def test_labels_of_one_head_run_the_model_once(tiny, samples, tmp_path):
    tokenizer = tiny.write_tokenizer(tmp_path)
    model = tiny.write_model(tmp_path, labels=3, num_hidden_layers=2)
    sources = {f"s{k}": TorchRewardModel(str(tmp_path), label=k) for k in range(3)}
    outcome = Rewarder(sources, Ensemble(tuple(sources), "min"))(samples)
    assert [source.stats.run_tokens > 0 for source in sources.values()] == [True, False, False]
    turns = [{"role": "user", "content": samples[0].prompt}, {"role": "assistant", "content": samples[0].completion}]
    ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)["input_ids"]
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0].numpy()
    assert [outcome.columns()[name][0] for name in sources] == pytest.approx(logits.tolist(), abs=1e-4)
    assert outcome.reward[0] == pytest.approx(logits.min(), abs=1e-4)


def test_model_closes_with_its_last_source_and_opens_anew_when_its_files_change(tiny, samples, tmp_path):
    tiny.write_tokenizer(tmp_path)
    tiny.write_model(tmp_path, labels=2, num_hidden_layers=1)
    first, second = (TorchRewardModel(str(tmp_path), label=k) for k in range(2))
    before = EnsembleRewardModel((first, second), "mean").score(samples).values
    open_models = len(sharing_module._OPEN)
    first.close()
    assert len(sharing_module._OPEN) == open_models
    tiny.write_model(tmp_path, labels=2, num_hidden_layers=1, seed=5)
    after = pickle.loads(pickle.dumps(first)).score(samples).values
    assert np.abs(after - before).min() > 0
    second.close()
    assert len(sharing_module._OPEN) < open_models


def test_dangling_link_in_the_folder_of_a_checkpoint_is_left_out(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    opened = sharing_module.SharedModel(forward=None, model=None, tokenizer=None)
    (tmp_path / "weights").symlink_to(tmp_path / "nowhere")
    assert sharing_module.open_shared("settings", str(tmp_path), lambda: opened) is opened
    assert sharing_module.open_shared("settings", str(tmp_path), lambda: None) is opened


def test_heads_that_do_not_fit_raise(tiny, body, heads, samples, tmp_path):
    def message(head, model=body[0], **settings):
        with pytest.raises(SetupError) as raised:
            TorchRewardModel(model, head=str(head), **settings).score(samples)
        return str(raised.value)

    assert "has no head; expected weights named score or v_head.summary, found no safetensors" in message(tmp_path)
    assert "found lm_head.weight" in message(body[0]) or "found model." in message(body[0])
    save_file({"score.weight": torch.zeros(1, 32)}, tmp_path / "narrow")
    assert "reads 32 numbers, but " in message(tmp_path / "narrow")
    other = tmp_path / "other"
    tiny.write_tokenizer(other)
    tiny.write_model(other, num_hidden_layers=2, seed=9)
    assert "was trained on another body than that of " in message(other)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    assert "is an adapter of PEFT, which changes the body" in message(adapter)
    encoder = tmp_path / "encoder"
    tiny.write_tokenizer(encoder)
    tiny.write_model(encoder, "modernbert", num_hidden_layers=2)
    assert "is no decoder of transformers" in message(heads["one"][1], str(encoder))


def test_head_of_bfloat16_body_reads_fp32_states(body, heads, samples, expected):
    with TorchRewardModel(body[0], head=heads["two"][1], dtype="bfloat16") as rm:
        values = rm.score(samples).values
    assert 0 < np.abs(values - expected["two"]).max() < 0.2
    assert transformers.AutoConfig.from_pretrained(body[0]).architectures == ["Qwen2ForCausalLM"]
