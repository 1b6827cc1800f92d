"""`herokit export-rm`, half-precision graphs and int8: what is written scores like the checkpoint, or exporting raises."""

import json
import re
import shutil
import sys

import numpy as np
import pytest
import torch

from helpers import tiny_models as tiny
from herokit.errors import ConfigError, SetupError
from herokit.reward_models.families import ACE_MATH
from herokit.types import Sample
from herokit_onnx import OnnxRewardModel, export_reward_model
from herokit_onnx.parity import check_bf16_graph, widen_to_fp32
from herokit_torch import TorchRewardModel

ROLLOUTS = [
    Sample(f"What is {i % 3} and three?", "so we add three and get five " * (i % 11) + str(i), group=i % 3)
    for i in range(12)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("x") / "AceMath-tiny-RM"
    tiny.write_tokenizer(path)
    tiny.write_model(path, "qwen2", num_hidden_layers=2)
    return path


def rounded(folder, tmp_path, dtype):
    """Write the checkpoint with weights rounded to `dtype` and kept in fp32: the truth for a half-precision graph."""
    import transformers

    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, dtype=dtype)
    model.float().save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def bf16(folder, tmp_path_factory):
    return export_reward_model(str(folder), tmp_path_factory.mktemp("bf16"), dtype="bf16")


def types(path):
    """Count the weights of two dimensions by type, and name the graph's output type."""
    import onnx

    model = onnx.load(path)
    name = onnx.TensorProto.DataType.Name
    return {name(w.data_type) for w in model.graph.initializer if len(w.dims) == 2}, name(
        model.graph.output[0].type.tensor_type.elem_type
    )


def test_fp16_graph_scores_like_its_rounded_weights(folder, tmp_path):
    path = export_reward_model(str(folder), tmp_path / "onnx", dtype="fp16")
    assert types(path) == ({"FLOAT16", "FLOAT"}, "FLOAT")  # the head stays in fp32
    assert b".py" not in path.read_bytes()  # torch.onnx writes where on this machine each operator comes from
    truth = TorchRewardModel(str(rounded(folder, tmp_path / "truth", torch.float16)), system_prompt=ACE_MATH)
    expected = truth.score(ROLLOUTS).values
    result = OnnxRewardModel(str(path)).score(ROLLOUTS).values
    np.testing.assert_allclose(result, expected, rtol=0, atol=0.03)
    assert np.abs(result - result.astype(np.float16)).max() > 0  # not on the grid of fp16


def test_widened_bf16_graph_scores_like_its_rounded_weights(folder, tmp_path, bf16):
    import onnx

    assert types(bf16) == ({"BFLOAT16", "FLOAT"}, "FLOAT")
    with pytest.raises(SetupError, match="CPUExecutionProvider lacks an operator of this graph .* a bf16 model needs"):
        OnnxRewardModel(str(bf16)).score(ROLLOUTS)
    shutil.copytree(bf16.parent, tmp_path / "wide")
    model = onnx.load(bf16)
    widen_to_fp32(model)
    onnx.save(model, tmp_path / "wide" / "rm.onnx")
    long = Sample("three and five " * 20, "so we add five and get seven " * 6 + "x", group=9)
    truth = TorchRewardModel(str(rounded(folder, tmp_path / "truth", torch.bfloat16)), system_prompt=ACE_MATH)
    expected = truth.score([*ROLLOUTS, long]).values
    with OnnxRewardModel(str(tmp_path / "wide" / "rm.onnx")) as rm:
        assert len(rm.encode([long])[0]) > 400  # rounded rotary frequencies would turn positions this far
        np.testing.assert_allclose(rm.score([*ROLLOUTS, long]).values, expected, rtol=0, atol=1e-4)


def test_bf16_graph_with_a_wrong_weight_raises(bf16, tmp_path):
    import onnx
    from onnx import numpy_helper

    shutil.copytree(bf16.parent, tmp_path, dirs_exist_ok=True)
    check_bf16_graph(tmp_path / "rm.onnx", 1e-3)
    model = onnx.load(bf16)
    weight = next(w for w in model.graph.initializer if w.data_type == onnx.TensorProto.BFLOAT16 and len(w.dims) == 2)
    weight.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weight), weight.name))
    onnx.save(model, tmp_path / "rm.onnx")
    with pytest.raises(SetupError, match="probe 0 scores .* expected"):
        check_bf16_graph(tmp_path / "rm.onnx", 1e-3)


def test_export_keeps_the_bos(tmp_path):
    tiny.write_tokenizer(tmp_path, adds="<s>", chat="{{ bos_token }}" + tiny.CHATML)
    tiny.write_model(tmp_path, bos_token_id=4, num_hidden_layers=1)
    long = Sample("<s>" + "three " * 30, "and the end decides", group=0)
    for template in (None, "<s>{prompt}{completion}"):
        path = export_reward_model(str(tmp_path), tmp_path / "onnx", template=template, max_length=40)
        assert json.loads(path.with_suffix(".json").read_text())["first_id"] == 4
        onnx_rm, torch_rm = (
            OnnxRewardModel(str(path)),
            TorchRewardModel(str(tmp_path), template=template, max_length=40),
        )
        ids = onnx_rm.encode([long])
        assert ids == torch_rm.encode([long])
        assert ids[0][0] == 4
        assert ids[0][1] != 4
        result, expected = (rm.score([long, *ROLLOUTS]) for rm in (onnx_rm, torch_rm))
        assert result.reasons == expected.reasons
        np.testing.assert_allclose(result.values, expected.values, rtol=0, atol=1e-4)


def test_export_command_writes_a_model_for_scheme_files(folder, tmp_path, herokit, capsys, caplog):
    rollouts = tmp_path / "r.jsonl"
    rollouts.write_text("".join(json.dumps({"prompt": s.prompt, "completion": s.completion}) + "\n" for s in ROLLOUTS))
    options = ("--dtype", "int8", "--rollouts", rollouts, "--min-rank-correlation", "0.8", "--name", "ace")
    options += ("--min-rank-correlation-within", "0.1")
    assert herokit("export-rm", folder, tmp_path / "out", *options) == 0
    out = capsys.readouterr().out
    assert not [record for record in caplog.records if record.name == "root"]  # the quantizer logs there
    assert f"{tmp_path}/out/ace.int8.onnx: int8, " in out
    assert re.search(
        r"rank correlation [01]\.\d{4} over 12 rows, [01]\.\d{4} within 3 prompts, where \d+\.\d% of adv", out
    )
    assert f'use = "onnx", model = "{tmp_path}/out/ace.int8.onnx"' in out
    assert ACE_MATH[:30] in out  # the system prompt of its profile
    with OnnxRewardModel(str(tmp_path / "out" / "ace.onnx")) as rm:
        expected = TorchRewardModel(str(folder)).score(ROLLOUTS).values
        np.testing.assert_allclose(rm.score(ROLLOUTS).values, expected, rtol=0, atol=1e-4)
    assert np.isfinite(OnnxRewardModel(str(tmp_path / "out" / "ace.int8.onnx")).score(ROLLOUTS).values).all()


def test_export_command_errors_are_one_line(folder, tmp_path, monkeypatch, herokit, capsys):
    def error_line(*arguments):
        assert herokit("export-rm", *arguments) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1
        return lines[0]

    out = tmp_path / "out"
    assert "--dtype int8 requires --rollouts FILE" in error_line(folder, out, "--dtype", "int8")
    assert "expected a text with {prompt} and {completion}" in error_line(folder, out, "--template", "{prompt}")
    assert "cannot be opened as a reward model" in error_line(tmp_path / "nowhere", out)
    assert not out.exists()
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert 'run: pip install "herokit-onnx[export]"' in error_line(folder, out)


def test_export_that_scores_differently_is_deleted(folder, tmp_path, monkeypatch):
    from herokit_onnx import graph

    cast_body = graph._cast_body

    def cast_all(model, dtype):
        """Round the rotary frequencies with the weights, as `model.to(dtype)` does."""
        cast_body(model, dtype)
        for buffer in model.buffers():
            buffer.data = buffer.data.to(dtype).to(buffer.dtype)

    monkeypatch.setattr(graph, "_cast_body", cast_all)
    with pytest.raises(SetupError, match="probe . scores .* expected"):
        export_reward_model(str(folder), tmp_path, dtype="bf16")
    assert not (tmp_path / "rm.onnx").exists()


def test_invalid_dtype_or_length_raises(folder, tmp_path):
    with pytest.raises(ConfigError, match="dtype = 'fp8'; expected one of fp32, fp16, bf16"):
        export_reward_model(str(folder), tmp_path, dtype="fp8")
    with pytest.raises(SetupError, match="max_length = 600, but the model has 512 positions"):
        export_reward_model(str(folder), tmp_path, max_length=600)
