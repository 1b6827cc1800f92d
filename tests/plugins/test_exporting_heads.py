"""MLP heads and process reward models as ONNX: the scores and steps of torch, or a `SetupError`."""

import json
from functools import cache

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from helpers import tiny_models as tiny
from herokit.errors import ConfigError, SetupError
from herokit.reward_models.families import QWEN_MATH
from herokit.types import Sample, Status
from herokit_onnx import OnnxRewardModel, export_reward_model, quantize_reward_model
from herokit_torch import TorchRewardModel

STEP = "<extra_0>"
SOLUTIONS = [
    Sample("What is 1 + 2 + 3?", "1 + 2 = 3\n\n3 + 3 = 6\n\nSo it is 6.", group=0),
    Sample("What is 1 + 2 + 3?", f"It says {STEP} here.\n\nSo it is 7.", group=0),
    Sample(f"What is {STEP}?", "4", group=1),
    Sample("What is 4?", "So 4.", group=1),
    *(Sample(f"What is {i} + 1?", "\n\n".join(["add one"] * (i % 5 + 1)) + f" = {i + 1}", group=2) for i in range(8)),
]
PROCESS = {
    "Qwen2.5-Math-PRM-tiny": ("qwen2", {"mlp": "Qwen2ForProcessRewardModel"}, None),
    "two-labels": ("llama", {"kind": "TokenClassification", "labels": 2}, STEP),
    "one-label": ("qwen3", {"kind": "TokenClassification"}, STEP),
    "windowed": ("qwen2", {"labels": 2, "use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}, STEP),
}


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """Write a process reward model and its ONNX file, once: its folder, its model, its file, its step token."""
    torch.set_num_threads(1)

    @cache
    def make(name, dtype="fp32"):
        folder = tmp_path_factory.mktemp("x") / name
        family, settings, token = PROCESS[name]
        tiny.write_tokenizer(folder)
        model = tiny.write_model(folder, family, num_hidden_layers=2, **settings)
        return folder, model, export_reward_model(str(folder), folder / dtype, step_token=token, dtype=dtype), token

    return make


def by_hand(folder, model, sample, system):
    """Score steps as the card of Qwen2.5-Math-PRM does, at the places of the step token."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    steps = [step.replace(STEP, "< extra_0>") for step in sample.completion.split("\n\n")]
    turns = [{"role": "system", "content": system}] if system else []
    turns += [
        {"role": "user", "content": sample.prompt.replace(STEP, "< extra_0>")},
        {"role": "assistant", "content": STEP.join(steps) + STEP},
    ]
    ids = tokenizer(tokenizer.apply_chat_template(turns, tokenize=False), return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logits = model.score(model.model(input_ids=ids).last_hidden_state)[ids == tiny.SPECIAL.index(STEP)].double()
    return (logits.softmax(-1)[:, 1] if logits.shape[1] > 1 else logits[:, 0].sigmoid()).numpy()


@pytest.mark.parametrize("name", PROCESS)
def test_steps_equal_those_of_the_model_card_and_of_torch(process, name):
    folder, model, path, token = process(name)
    system = QWEN_MATH if token is None else ""
    expected = [by_hand(folder, model, sample, system) for sample in SOLUTIONS]
    assert [len(steps) for steps in expected[:4]] == [3, 2, 1, 1]
    assert np.ptp(np.concatenate(expected)) > 0.1
    for budget in (1, 200, 10**6):
        with OnnxRewardModel(str(path), max_batch_tokens=budget) as rm:
            result = rm.score(SOLUTIONS)
        for steps, right in zip(result.steps, expected, strict=True):
            np.testing.assert_allclose(steps, right, rtol=0, atol=1e-4)
        np.testing.assert_allclose(result.values, [steps.min() for steps in expected], rtol=0, atol=1e-4)
    with TorchRewardModel(str(folder), step_token=token) as rm:
        other = rm.score(SOLUTIONS)
    np.testing.assert_allclose(result.values, other.values, rtol=0, atol=1e-4)
    for ours, theirs in zip(result.steps, other.steps, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    assert (result.statuses, result.reasons) == (other.statuses, other.reasons)


@pytest.mark.parametrize("how", ["min", "prod", "last", "mean"])
@pytest.mark.parametrize("separator", ["\n\n", " = "])
def test_aggregate_and_separator_equal_those_of_torch(process, how, separator):
    folder, _, path, token = process("two-labels")
    settings = {"aggregate": how, "step_separator": separator}
    result = OnnxRewardModel(str(path), **settings).score(SOLUTIONS)
    expected = TorchRewardModel(str(folder), step_token=token, **settings).score(SOLUTIONS)
    np.testing.assert_allclose(result.values, expected.values, rtol=0, atol=1e-4)
    assert [len(steps) for steps in result.steps] == [len(steps) for steps in expected.steps]


def test_rows_without_steps_fail_like_those_of_torch(process, caplog):
    folder, _, path, token = process("two-labels")
    for length in (30, 2):
        result = OnnxRewardModel(str(path), max_length=length).score(SOLUTIONS)
        expected = TorchRewardModel(str(folder), step_token=token, max_length=length).score(SOLUTIONS)
        assert (result.statuses, result.reasons) == (expected.statuses, expected.reasons)
        np.testing.assert_allclose(result.values, expected.values, rtol=0, atol=1e-4)
    assert result.statuses[0] is Status.FAILED
    assert result.reasons[0].startswith("no step is left; truncated")
    assert result.steps == (None,) * len(SOLUTIONS)
    OnnxRewardModel(str(path)).score(SOLUTIONS * 2)
    assert "as after a sigmoid" not in caplog.text  # probabilities are what is meant


@pytest.mark.parametrize(
    ("mlp", "family"), [("Qwen2ForRewardModel", "qwen2"), ("INFORMForSequenceClassification", "llama")]
)
def test_mlp_head_scores_like_torch(mlp, family, tmp_path):
    tokenizer = tiny.write_tokenizer(tmp_path)
    model = tiny.write_model(tmp_path, family, mlp=mlp, num_hidden_layers=2)
    path = export_reward_model(str(tmp_path), tmp_path / "onnx", template="{prompt} {completion}")
    expected = []
    for sample in SOLUTIONS:
        text = f"{sample.prompt} {sample.completion.replace(STEP, '< extra_0>')}"  # no text has control tokens
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            expected.append(model.score(model.model(input_ids=ids).last_hidden_state[0, -1]).item())
    assert np.ptp(expected) > 0.2
    result = OnnxRewardModel(str(path), max_batch_tokens=100).score(SOLUTIONS)
    np.testing.assert_allclose(result.values, expected, rtol=0, atol=1e-4)
    other = TorchRewardModel(str(tmp_path), template="{prompt} {completion}").score(SOLUTIONS)
    np.testing.assert_allclose(result.values, other.values, rtol=0, atol=1e-4)
    assert result.steps is None


def test_half_precision_keeps_the_head_in_fp32(process):
    import onnx

    for dtype in ("fp16", "bf16"):
        graph = onnx.load(process("Qwen2.5-Math-PRM-tiny", dtype)[2]).graph
        exact = [list(w.dims) for w in graph.initializer if len(w.dims) == 2 and w.data_type == onnx.TensorProto.FLOAT]
        assert exact == [[64, 64], [64, 2]]
    result = {
        x: OnnxRewardModel(str(process("Qwen2.5-Math-PRM-tiny", x)[2])).score(SOLUTIONS) for x in ("fp32", "fp16")
    }
    np.testing.assert_allclose(result["fp16"].values, result["fp32"].values, rtol=0, atol=0.02)
    assert (result["fp16"].values != result["fp32"].values).all()


def test_probes_have_a_logit_per_step_and_detect_a_changed_one(process, tmp_path):
    import shutil

    _, _, path, _ = process("two-labels")
    shutil.copytree(path.parent, tmp_path, dirs_exist_ok=True)
    probes = tmp_path / "rm.probes.json"
    stored = json.loads(probes.read_text())
    assert [len(probe["logits"]) for probe in stored["probes"]] == [4, 2, 2, 2]  # two labels for each step
    right = stored["probes"][0]["logits"]
    for wrong in ([right[0], right[1] + 0.1, *right[2:]], right[:2], [*right, 0.0]):
        stored["probes"][0]["logits"] = wrong
        probes.write_text(json.dumps(stored))
        with pytest.raises(SetupError, match="probe 0 scores .*, .* expected"):
            OnnxRewardModel(str(tmp_path / "rm.onnx")).score([])


def test_int8_copy_has_its_own_steps_and_probes(process):
    path = process("Qwen2.5-Math-PRM-tiny")[2]
    small = quantize_reward_model(path, SOLUTIONS, min_rank_correlation=0.5, min_rank_correlation_within=0.1).path
    result, exact = (OnnxRewardModel(str(each)).score(SOLUTIONS) for each in (small, path))
    assert [len(steps) for steps in result.steps] == [len(steps) for steps in exact.steps]
    assert 0 < np.abs(result.values - exact.values).max() < 0.3


def test_text_that_ends_in_the_pad_token_is_scored_before_its_end_as_in_transformers(tmp_path):
    tokenizer = tiny.write_tokenizer(tmp_path, chat=tiny.CHATML.replace("'<|im_end|>' + '\\n'", "'<|im_end|>'"))
    model = tiny.write_model(tmp_path, num_hidden_layers=1, pad_token_id=tiny.SPECIAL.index("<|im_end|>"))
    samples = [sample for sample in SOLUTIONS if STEP not in f"{sample.prompt}{sample.completion}"]
    expected = []
    for sample in samples:
        turns = [{"role": "user", "content": sample.prompt}, {"role": "assistant", "content": sample.completion}]
        with torch.no_grad():
            ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)["input_ids"]
            expected.append(model(input_ids=ids).logits[0, 0].item())
    result = OnnxRewardModel(str(export_reward_model(str(tmp_path), tmp_path / "onnx"))).score(samples)
    np.testing.assert_allclose(result.values, expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(TorchRewardModel(str(tmp_path)).score(samples).values, expected, rtol=0, atol=1e-4)


def export_error(folder, **settings):
    with pytest.raises(SetupError) as caught:
        export_reward_model(str(folder), folder / "onnx", **settings)
    assert not (folder / "onnx" / "rm.onnx").exists()
    return str(caught.value)


def test_unknown_head_raises(tmp_path):
    tiny.write_tokenizer(tmp_path)
    tiny.write_model(tmp_path, mlp="Qwen2ForRewardModel", num_hidden_layers=1)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"architectures": ["GatedRewardModel"]}))
    assert "(GatedRewardModel) has no weights for score.weight; it is not a reward model, or its head" in export_error(
        tmp_path
    )
    (tmp_path / "config.json").write_text(json.dumps(config))
    weights = load_file(tmp_path / "model.safetensors")
    weights["score.2.weight"] = weights["score.2.weight"].repeat(3, 1)
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    assert "cannot be opened as a reward model" in export_error(tmp_path)


@pytest.mark.parametrize(
    ("family", "settings", "token", "message"),
    [
        ("modernbert", {"labels": 2}, STEP, "ModernBertForSequenceClassification has no head `score`"),
        ("modernbert", {"kind": "TokenClassification"}, None, "ModernBertForTokenClassification has no head `score`"),
        ("qwen2", {"labels": 2}, "STEP!", "step_token = 'STEP!' is 5 tokens for this tokenizer; expected one"),
        ("qwen2", {"labels": 2}, "?", "a probe of 2 steps has 4 step tokens '?'"),
    ],
)
def test_unsupported_step_heads_raise(family, settings, token, message, tmp_path):
    chat = tiny.CHATML.replace("'<|im_end|>'", "'?'") if token == "?" else tiny.CHATML  # noqa: S105 - a marker
    tiny.write_tokenizer(tmp_path, chat=chat)
    tiny.write_model(tmp_path, family, num_hidden_layers=1, **settings)
    assert message in export_error(tmp_path, step_token=token)


def test_family_with_its_own_code_raises(tmp_path):
    assert "scores by its own code" in export_error(tmp_path / "internlm2-1_8b-reward")
    assert "scores by its own code" in export_error(tmp_path / "ArmoRM-Llama3-8B")


def test_step_settings_are_checked():
    with pytest.raises(ConfigError, match="aggregate = 'max'; expected one of"):
        OnnxRewardModel(aggregate="max")
    with pytest.raises(ConfigError, match="step_separator is empty"):
        OnnxRewardModel(step_separator="")


@pytest.mark.parametrize("name", ["Qwen2.5-Math-PRM-tiny", "one-label"])
def test_export_command_and_scoring_write_steps(process, name, tmp_path, herokit, capsys):
    folder, _, _, token = process(name)
    given = ("--step-token", token) if token else ()
    assert herokit("export-rm", folder, tmp_path / "out", "--json", *given) == 0
    said = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "out" / "rm.json").read_text())["step_token"] == STEP
    rows = [{"prompt": s.prompt, "completion": s.completion, "group": s.prompt} for s in SOLUTIONS for _ in "ab"]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    scheme = f'[sources.prm]\nuse = "onnx"\nmodel = "{said["model"]}"\naggregate = "mean"\n'
    (tmp_path / "s.toml").write_text(scheme + '[[steps]]\nuse = "select"\nsignal = "prm"\n')
    out = tmp_path / "o.jsonl"
    assert herokit("score", tmp_path / "in.jsonl", "--scheme", tmp_path / "s.toml", "-o", out) == 0
    expected = TorchRewardModel(str(folder), step_token=token, aggregate="mean").score(SOLUTIONS)
    result = [json.loads(line) for line in out.read_text().splitlines()]
    for row, value, steps in zip(result[::2], expected.values, expected.steps, strict=True):
        assert row["prm_status"] == "judged"
        np.testing.assert_allclose(row["prm_steps"], steps, rtol=0, atol=1e-4)
        assert row["prm"] == pytest.approx(value, abs=1e-4)
