"""Heads with several outputs: `label` means the same in torch, in ONNX and in plain transformers, and so do its errors."""

import json

import numpy as np
import pytest
import torch
import transformers

from helpers import tiny_models as tiny
from herokit.errors import SetupError
from herokit.types import Sample
from herokit_onnx import OnnxRewardModel, export_reward_model, quantize_reward_model
from herokit_torch import TorchRewardModel

NAMES = {0: "safe", 1: "helpful", 2: "short"}
WEIGHTS = {"helpful": 0.7, "safe": 0.2, "short": -0.1}
LABELS = [("helpful", [0, 1, 0]), (2, [0, 0, 1]), (WEIGHTS, [0.2, 0.7, -0.1])]
ROLLOUTS = [Sample(f"What is {i % 3}?", "so it is one of " * (i % 5 + 1) + str(i), group=i % 3) for i in range(12)]
STEP = "<extra_0>"
HEADS = {
    "decoder": ("qwen2", {}),
    "encoder": ("modernbert", {}),
    "token classifier": ("llama", {"kind": "TokenClassification"}),
}


@pytest.fixture(scope="module", params=HEADS)
def exported(request, tmp_path_factory):
    """Folder, ONNX file and the (N, 3) logits of plain transformers, one row at a time."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("labels")
    family, settings = HEADS[request.param]
    tokenizer = tiny.write_tokenizer(folder)
    model = tiny.write_model(folder, family, labels=3, id2label=NAMES, num_hidden_layers=2, **settings)
    logits = []
    for sample in ROLLOUTS:
        turns = [{"role": "user", "content": sample.prompt}, {"role": "assistant", "content": sample.completion}]
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)["input_ids"]
        with torch.no_grad():
            logits.append(model(input_ids=ids).logits.reshape(-1, 3)[-1].numpy())
    return str(folder), str(export_reward_model(str(folder), folder / "onnx")), np.stack(logits)


@pytest.mark.parametrize(("label", "weights"), LABELS)
def test_label_gives_the_logits_of_transformers_in_torch_and_onnx(exported, label, weights):
    folder, path, logits = exported
    for rm in (TorchRewardModel(folder, label=label), OnnxRewardModel(path, label=label, max_batch_tokens=300)):
        np.testing.assert_allclose(rm.score(ROLLOUTS).values, logits @ weights, rtol=0, atol=1e-4)
    assert np.ptp(logits, axis=0).min() > 0.1


@pytest.mark.parametrize("label", [None, "kind", 3, {"helpful": 1.0, "kind": 1.0}])
def test_errors_of_labels_are_those_of_torch(exported, label):
    folder, path, _ = exported
    said = []
    for rm in (TorchRewardModel(folder, label=label), OnnxRewardModel(path, label=label)):
        with pytest.raises(SetupError) as caught:
            rm.score(ROLLOUTS)
        said.append(str(caught.value).removeprefix(f"{rm._describe()}: "))
    assert said[0] == said[1]
    assert "safe, helpful, short" in said[0]


def test_label_of_one_output_by_name_or_number(tmp_path):
    tiny.write_tokenizer(tmp_path)
    tiny.write_model(tmp_path, id2label={0: "quality"}, num_hidden_layers=1)
    path = str(export_reward_model(str(tmp_path), tmp_path / "onnx"))
    expected = OnnxRewardModel(path).score(ROLLOUTS).values
    for label in ("quality", 0):
        assert OnnxRewardModel(path, label=label).score(ROLLOUTS).values.tolist() == expected.tolist()
    with pytest.raises(SetupError, match="label = 'LABEL_0', but the outputs are quality"):
        OnnxRewardModel(path, label="LABEL_0").score(ROLLOUTS)


@pytest.mark.parametrize("labels", [2, 3])
def test_label_of_a_step_is_its_probability_in_torch_and_onnx(labels, tmp_path):
    tokenizer = tiny.write_tokenizer(tmp_path)
    model = tiny.write_model(tmp_path, kind="TokenClassification", labels=labels, num_hidden_layers=2)
    path = str(export_reward_model(str(tmp_path), tmp_path / "onnx", step_token=STEP))
    samples = [Sample("What is 2?", "one and one\n\nso 2", group=0), Sample("What is 3?", "3", group=1)]
    expected = []
    for sample in samples:
        written = "".join(f"{step}{STEP}" for step in sample.completion.split("\n\n"))
        turns = [{"role": "user", "content": sample.prompt}, {"role": "assistant", "content": written}]
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)["input_ids"]
        with torch.no_grad():
            logits = model(input_ids=ids).logits[ids == tiny.SPECIAL.index(STEP)].double()
        expected.append(logits.softmax(-1)[:, 0].numpy())
    settings = {"label": "LABEL_0", "aggregate": "last"}
    for rm in (TorchRewardModel(str(tmp_path), step_token=STEP, **settings), OnnxRewardModel(path, **settings)):
        for steps, right in zip(rm.score(samples).steps, expected, strict=True):
            np.testing.assert_allclose(steps, right, rtol=0, atol=1e-4)


def test_int8_compares_the_ranks_of_one_label(tmp_path, herokit):
    tiny.write_tokenizer(tmp_path)
    tiny.write_model(tmp_path, labels=3, id2label=NAMES, num_hidden_layers=1)
    path = export_reward_model(str(tmp_path), tmp_path / "onnx")
    bounds = {"min_rank_correlation": 0.5, "min_rank_correlation_within": 0.1}
    small, agreement = quantize_reward_model(path, ROLLOUTS, label="helpful", **bounds)
    assert agreement.rows == len(ROLLOUTS)
    pair = [OnnxRewardModel(str(each), label="helpful").score(ROLLOUTS).values for each in (path, small)]
    assert 0 < np.abs(pair[0] - pair[1]).max() < 0.3
    assert json.loads(small.with_suffix(".json").read_text())["labels"] == list(NAMES.values())
    (tmp_path / "in.jsonl").write_text(
        "".join(json.dumps({"prompt": s.prompt, "completion": s.completion}) + "\n" for s in ROLLOUTS)
    )
    given = ("--dtype", "int8", "--rollouts", tmp_path / "in.jsonl", "--min-rank-correlation-within", "0.1")
    assert herokit("export-rm", tmp_path, tmp_path / "command", *given, "--label", "helpful") == 0


def test_names_are_those_of_transformers(exported):
    folder, path, _ = exported
    own = transformers.AutoConfig.from_pretrained(folder).id2label
    assert OnnxRewardModel(path)._runner().label_names == [own[k] for k in range(3)]
