import importlib
import importlib.metadata
import re
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from herokit.config import build
from herokit.errors import ConfigError, SetupError
from herokit.types import Sample
from herokit_onnx import OnnxRewardModel, quantization, quantize_reward_model, session

ONE = [Sample("a b", "c", group=0)]


def setup_error(model: OnnxRewardModel) -> str:
    with pytest.raises(SetupError) as caught:
        model.score(ONE)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_model_file_raises(tmp_path):
    assert f"is a folder; expected a .onnx file, which herokit export-rm {tmp_path}" in setup_error(
        OnnxRewardModel(str(tmp_path))
    )
    assert "nowhere.onnx: no such model file" in setup_error(OnnxRewardModel(str(tmp_path / "nowhere.onnx")))


def test_broken_model_file_raises(tmp_path):
    (tmp_path / "rm.onnx").write_bytes(b"not a model")
    assert "rm.onnx: not a model" in setup_error(OnnxRewardModel(str(tmp_path / "rm.onnx")))


def test_missing_tokenizer_raises(make_model):
    path = make_model()
    (path.parent / "tokenizer.json").unlink()
    assert "tokenizer.json: no such tokenizer file" in setup_error(OnnxRewardModel(str(path)))


def test_broken_tokenizer_raises(make_model):
    path = make_model()
    (path.parent / "tokenizer.json").write_text("{}")
    assert "not a `tokenizers` JSON" in setup_error(OnnxRewardModel(str(path)))


def test_unsupported_declared_output_shape_raises(make_model):
    message = setup_error(OnnxRewardModel(str(make_model("deep"))))
    assert "output 'y' has shape ['B', 1, 'L']" in message
    assert "expected (B,), (B, L), or per token (B, S) or (B, S, L), with L a number" in message


@pytest.mark.parametrize(("kind", "label"), [("wrong", None), ("wrong labels", 0)])
def test_unsupported_actual_output_shape_raises(make_model, kind, label):
    message = setup_error(OnnxRewardModel(str(make_model(kind)), label=label))
    assert "has shape () for 1 inputs of 3 tokens" in message


def test_unknown_inputs_raise(make_model):
    message = setup_error(OnnxRewardModel(str(make_model(inputs=("input_ids", "token_type_ids")))))
    assert "token_type_ids" in message
    assert "expected input_ids [, attention_mask]" in message


def test_unknown_output_name_raises(make_model):
    assert "no output 'z'; found y" in setup_error(OnnxRewardModel(str(make_model(config='{"output": "z"}'))))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("[", "not a readable JSON file"),
        ("[]", "expected a JSON object of settings, found list"),
        ('{"max_lenght": 3}', "did you mean 'max_length'?"),
        ('{"max_length": 0}', "max_length = 0; expected an integer of at least 1"),
        ('{"max_length": true}', "max_length = True"),
        ('{"pooling": "mean"}', "expected one of last, first"),
        ('{"annotation": 3}', "expected one of none, arithmetic"),
        ('{"template": "{prompt}"}', "a text with {prompt} and {completion}"),
        ('{"output": 3}', "the name of an output"),
        ('{"special_tokens": "no"}', "true or false"),
        ('{"labels": "safe"}', "a list of texts, one for each output"),
        ('{"labels": ["safe", "kind"]}', "labels names 2 outputs, but the graph gives 1 numbers"),
    ],
)
def test_invalid_config_raises(make_model, config, says):
    message = setup_error(OnnxRewardModel(str(make_model(config=config))))
    assert says in message
    assert "rm.json" in message


@pytest.mark.parametrize("setting", [{"max_batch_tokens": 0}, {"max_length": 0}, {"threads": -1}])
def test_settings_below_their_minimum_raise(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        OnnxRewardModel(**setting)


def test_both_distributions_installed_raises(monkeypatch):
    monkeypatch.setattr(session, "version", lambda _: "1.31.1")
    message = setup_error(OnnxRewardModel())
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in message
    assert 'pip install "herokit-onnx[gpu]"' in message


def test_no_distribution_installed_raises(monkeypatch):
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(session, "version", missing)
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    assert 'pip install "herokit-onnx[cpu]"' in setup_error(OnnxRewardModel())


def test_half_uninstalled_distribution_raises(monkeypatch, tmp_path):
    importlib.import_module("onnxruntime")  # so that monkeypatch puts the real one back
    (tmp_path / "onnxruntime").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "onnxruntime"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    left = importlib.import_module("onnxruntime")  # the naive check passes
    assert not hasattr(left, "get_available_providers")
    assert "--force-reinstall" in setup_error(OnnxRewardModel())


def test_provider_missing_from_the_build_raises():
    assert "requested CUDAExecutionProvider, but" in setup_error(OnnxRewardModel(providers=("CUDAExecutionProvider",)))


def test_empty_providers_raise():
    assert "requested none, but" in setup_error(OnnxRewardModel(providers=()))


def test_silent_fallback_of_a_requested_provider_raises(monkeypatch, make_model, caplog, capsys):
    import onnxruntime

    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    fake = SimpleNamespace(
        SessionOptions=onnxruntime.SessionOptions,
        get_available_providers=lambda: both,
        preload_dlls=lambda: print("Failed to load libcudart"),  # noqa: T201 - as it does
        InferenceSession=lambda path, options, providers: onnxruntime.InferenceSession(
            path, options, providers=both[1:]
        ),
    )
    monkeypatch.setattr(session, "import_runtime", lambda: fake)
    path = str(make_model())
    message = setup_error(OnnxRewardModel(path, providers=tuple(both)))
    assert re.search("requested CUDAExecutionProvider, got CPUExecutionProvider", message)
    with caplog.at_level("INFO"):
        assert OnnxRewardModel(path).provider == "CPUExecutionProvider"
    assert "onnxruntime: Failed to load libcudart" in caplog.text
    assert not capsys.readouterr().out


def test_io_binding_uses_the_device_of_the_provider(make_model, monkeypatch):
    def fake(*used, **options):
        return SimpleNamespace(get_providers=lambda: list(used), get_provider_options=lambda: options)

    cuda = "CUDAExecutionProvider"
    assert session.session_device(fake(cuda, session.CPU, **{cuda: {"device_id": "1"}})) == ("cuda", 1)
    assert session.session_device(fake(session.CPU)) == ("cpu", 0)
    rm = OnnxRewardModel(str(make_model()))
    monkeypatch.setattr(session, "CUDA", session.CPU)  # as if the CPU were the provider that is bound
    monkeypatch.setattr(session, "session_device", lambda _: ("cpu", 0))
    assert rm._runner().device == ("cpu", 0)
    assert rm.score(ONE).values.tolist() == [3]


@pytest.mark.parametrize(("label", "expected"), [(0, 2.0), ("b", 3.0), ({"a": 1.0, "c": 0.5}, 4.0)])
def test_label_chooses_one_of_several_outputs_of_any_graph(make_model, label, expected):
    path = make_model("wide", config='{"labels": ["a", "b", "c"]}')
    assert build({"use": "onnx", "model": str(path), "label": label}).score(ONE).values.tolist() == [expected]


def test_several_outputs_without_a_label_raise(make_model):
    model = str(make_model("wide"))
    message = setup_error(OnnxRewardModel(model))
    assert "gives 3 numbers per sample, expected one (LABEL_0, LABEL_1, LABEL_2); set label" in message
    assert "label = 'kind', but the outputs are LABEL_0, LABEL_1, LABEL_2" in setup_error(
        OnnxRewardModel(model, label="kind")
    )


NAN = float("nan")
RISING = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
PAIRS = (0, 0, 1, 1, 2, 2, 3, 3)


@pytest.mark.parametrize(
    ("exact", "rough", "groups", "message"),
    [
        (RISING, [1.0, 2.0, *[NAN] * 6], PAIRS, "1.0000 within 1 prompts.*; 6 rows have a score from the first alone"),
        (RISING, [*RISING[:7], NAN], range(8), "over 7 rows.*; 1 rows have a score from the first alone"),
        ([*RISING[:7], NAN], RISING, PAIRS, "over 7 rows"),
        ([1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0], [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0], PAIRS, "nothing to rank"),
        (RISING, RISING, PAIRS, None),
        ([*RISING, NAN], [*RISING, NAN], (*PAIRS, 3), None),
        (RISING, RISING, range(8), None),
    ],
)
def test_int8_is_refused_where_it_has_no_score_or_cannot_be_compared(
    monkeypatch, tmp_path, exact, rough, groups, message
):
    path = tmp_path / "rm.onnx"

    class Scored(nullcontext):
        def __init__(self, path, label):
            super().__init__(self)
            self.values = np.array(rough if path.endswith("int8.onnx") else exact)

        def score(self, samples):
            return self

    monkeypatch.setattr(quantization, "OnnxRewardModel", Scored)
    monkeypatch.setattr(quantization, "_write_int8", lambda model, path: path.write_text("weights"))
    monkeypatch.setattr(quantization, "open_runner", lambda path: SimpleNamespace(encode=list))
    monkeypatch.setattr(quantization, "run_alone", lambda runner, rows: rows)
    monkeypatch.setattr(quantization, "write_probes", lambda *arguments: None)
    samples = [Sample("p", "c", group) for group in groups]
    if message is None:
        assert quantize_reward_model(path, samples).path.exists()
        return
    with pytest.raises(SetupError, match=f"{message}.* and a score for each sample, at least 8; the copy is deleted"):
        quantize_reward_model(path, samples)
    assert list(tmp_path.iterdir()) == []
