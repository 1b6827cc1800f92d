"""Known ways to score wrongly: the naive code does each of them here, and `TorchRewardModel` does not."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers

from herokit.errors import SetupError
from herokit.types import Sample, Status
from herokit_torch import TorchJudge, TorchRewardModel

NEAR = {"rtol": 0, "atol": 1e-4}


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp("rm")
    tiny.write_tokenizer(path)
    tiny.write_model(path)
    return path


def naive_scores(folder, texts, **padding):
    """Score texts the naive way: the tokenizer pads, the model's forward pools."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        return model(**tokenizer(texts, return_tensors="pt", padding=True, **padding)).logits[:, 0].float().numpy()


PAIR = [Sample("", "one two three four", group=0), Sample("", "five", group=0)]
TEXTS = [s.completion for s in PAIR]
BARE = "{prompt}{completion}"


def copy_with_config(folder, tmp_path, **config):
    """Copy a checkpoint and change its config."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    return tmp_path


def reference_scores(folder, texts):
    return np.concatenate([naive_scores(folder, [text]) for text in texts])


def test_model_without_pad_token(folder, tmp_path):
    path = copy_with_config(folder, tmp_path, pad_token_id=None)
    with pytest.raises(ValueError, match="Cannot handle batch sizes > 1"):
        naive_scores(path, TEXTS)
    np.testing.assert_allclose(
        TorchRewardModel(str(path), template=BARE).score(PAIR).values, reference_scores(folder, TEXTS), **NEAR
    )


@pytest.mark.parametrize("ends", [1, 2])
def test_pad_token_that_ends_the_text_is_not_read_as_in_transformers_and_trl(folder, tmp_path, tiny, caplog, ends):
    path = copy_with_config(folder, tmp_path, pad_token_id=2)
    texts = [text + "<|im_end|>" * ends for text in TEXTS]
    expected = reference_scores(path, texts)
    np.testing.assert_allclose(expected, reference_scores(folder, TEXTS), **NEAR)  # the token before the end
    assert np.abs(expected - reference_scores(folder, texts)).max() > 0.1
    result = TorchRewardModel(str(path), template=BARE + "<|im_end|>" * ends).score(PAIR)
    np.testing.assert_allclose(result.values, expected, **NEAR)
    assert "padding and the end of a text are one token (2); scores are read before it" in caplog.text
    caplog.clear()
    TorchRewardModel(str(folder), template=BARE).score(PAIR)
    assert "padding" not in caplog.text


def test_scores_equal_those_of_trls_reward_trainer(folder, tmp_path, tiny):
    """TRL pads with the end token where there is no pad token, ends each text with it, and pools by transformers."""
    trl = pytest.importorskip("trl.trainer.reward_trainer")
    path = copy_with_config(folder, tmp_path, pad_token_id=2)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(path).eval()
    rows = [{"chosen_ids": tokenizer(f"{text}<|im_end|>")["input_ids"], "rejected_ids": [9, 2]} for text in TEXTS]
    batch = trl.DataCollatorForPreference(pad_token_id=2)(rows)
    with torch.no_grad():
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[: len(TEXTS), 0]
    result = TorchRewardModel(str(path), template=BARE + "<|im_end|>").score(PAIR)
    np.testing.assert_allclose(result.values, logits.numpy(), **NEAR)


def test_pad_id_of_the_tokenizer_differs_from_the_models(folder, tmp_path):
    path = copy_with_config(folder, tmp_path, pad_token_id=1)
    expected = reference_scores(folder, TEXTS)
    assert np.abs(naive_scores(path, TEXTS) - expected).max() > 0.1
    np.testing.assert_allclose(TorchRewardModel(str(path), template=BARE).score(PAIR).values, expected, **NEAR)


def test_score_is_a_logit_unlike_that_of_a_pipeline(folder):
    scorer = transformers.pipeline("text-classification", str(folder), device="cpu")
    squashed = np.array([result["score"] for result in scorer(TEXTS)])
    expected = reference_scores(folder, TEXTS)
    np.testing.assert_allclose(squashed, 1 / (1 + np.exp(-expected)), atol=1e-4)
    np.testing.assert_allclose(TorchRewardModel(str(folder), template=BARE).score(PAIR).values, expected, **NEAR)


def test_bf16_body_has_an_fp32_head(tmp_path, tiny, samples, one_by_one):
    tokenizer = tiny.write_tokenizer(tmp_path)
    model = tiny.write_model(tmp_path, "qwen2", dtype=torch.bfloat16)
    grid = one_by_one(model, tokenizer, samples)
    with TorchRewardModel(str(tmp_path)) as rm:
        result = rm.score(samples).values
        assert rm._runner().forward.model.dtype == torch.bfloat16
    grids = [torch.tensor(scores).bfloat16().double().numpy() for scores in (grid, result)]
    assert np.array_equal(grids[0], grid)
    assert (grids[1] != result).mean() > 0.9
    exact = TorchRewardModel(str(tmp_path), dtype="float32").score(samples).values
    off, naive_off = (np.sqrt(np.mean((scores - exact) ** 2)) for scores in (result, grid))
    assert off < 1.2 * naive_off < 0.12 * exact.std()


def test_encode_drops_a_second_bos(tmp_path, tiny):
    chat = "{{ bos_token }}" + tiny.CHATML
    tokenizer = tiny.write_tokenizer(tmp_path, adds="<s>", chat=chat)
    tiny.write_model(tmp_path, bos_token_id=4)
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "two"}]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    assert tokenizer(text)["input_ids"][:2] == [4, 4]
    for template, sample in ((None, Sample("a", "two", group=0)), (BARE, Sample("<s>", "two", group=0))):
        with TorchRewardModel(str(tmp_path), template=template) as rm:
            ids = rm.encode([sample])[0]
        assert ids[0] == 4
        assert ids[1] != 4


def test_truncation_drops_the_start_and_gives_a_reason(folder):
    long = Sample("start " * 20, "and the end decides", group=0)
    text = long.prompt + long.completion
    cut_on_the_right = naive_scores(folder, [text], truncation=True, max_length=30)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    kept = tokenizer.decode(tokenizer(text)["input_ids"][-30:])
    assert kept.endswith("the end decides")
    result = TorchRewardModel(str(folder), template=BARE, max_length=30).score([long, PAIR[1]])
    np.testing.assert_allclose(result.values[:1], reference_scores(folder, [kept]), **NEAR)
    assert abs(result.values[0] - cut_on_the_right[0]) > 0.1
    assert result.reasons == ("truncated: 109 of 139 tokens dropped on the left", "")
    assert result.statuses[0] is Status.JUDGED


def test_truncation_keeps_the_bos(tmp_path, tiny):
    tiny.write_tokenizer(tmp_path, adds="<s>")
    tiny.write_model(tmp_path, bos_token_id=4)
    with TorchRewardModel(str(tmp_path), template=BARE, max_length=10) as rm:
        ids = rm.encode([Sample("a" * 50, "b", group=0)])[0]
    assert ids[0] == 4
    assert len(ids) == 10


def test_checkpoint_without_reward_head_raises(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    transformers.AutoModelForSequenceClassification.from_pretrained(folder).model.save_pretrained(tmp_path)
    assert naive_scores(tmp_path, TEXTS).shape == (2,)  # scores of a head drawn at random
    with pytest.raises(SetupError, match="no weights for score.weight; it is not a reward model"):
        TorchRewardModel(str(tmp_path)).score(PAIR)
    with pytest.raises(SetupError, match="no weights for lm_head.weight; it is not a language model$"):
        TorchJudge(str(tmp_path), answers=("Y", "N")).score(PAIR)


def test_head_with_several_labels_needs_a_label(tmp_path, tiny):
    tiny.write_tokenizer(tmp_path)
    model = tiny.write_model(tmp_path, labels=3, id2label={0: "safe", 1: "helpful", 2: "short"})
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    with pytest.raises(
        SetupError, match=r"gives 3 numbers per sample, expected one \(safe, helpful, short\); set label"
    ):
        TorchRewardModel(str(tmp_path)).score(PAIR)
    with torch.no_grad():
        logits = np.concatenate([model(**tokenizer(text, return_tensors="pt")).logits.numpy() for text in TEXTS])
    weights = {"helpful": 0.7, "safe": 0.2, "short": -0.1}
    for label, expected in (("helpful", logits[:, 1]), (2, logits[:, 2]), (weights, logits @ [0.2, 0.7, -0.1])):
        with TorchRewardModel(str(tmp_path), template=BARE, label=label) as rm:
            np.testing.assert_allclose(rm.score(PAIR).values, expected, rtol=0, atol=1e-4)
    with pytest.raises(SetupError, match="label = 'kind', but the outputs are safe, helpful, short"):
        TorchRewardModel(str(tmp_path), label="kind").score(PAIR)


def test_weights_that_the_class_does_not_take_raise(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    weights = load_file(tmp_path / "model.safetensors")
    save_file(weights | {"lm_head.weight": torch.zeros(2, 2)}, tmp_path / "model.safetensors", {"format": "pt"})
    np.testing.assert_allclose(
        TorchRewardModel(str(tmp_path), template=BARE).score(PAIR).values, reference_scores(folder, TEXTS), **NEAR
    )
    save_file(weights | {"gating.weight": torch.zeros(2, 2)}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(SetupError, match="does not take 1 weights of its file, gating.weight"):
        TorchRewardModel(str(tmp_path)).score(PAIR)


OWN_CODE = """
from transformers import Qwen2ForSequenceClassification

class OwnRewardModel(Qwen2ForSequenceClassification):
    def forward(self, *arguments, **settings):
        result = super().forward(*arguments, **settings)
        result.logits = 2 * result.logits + 100
        return result
"""


def test_own_code_of_a_repository_runs_as_it_is_or_not_at_all(folder, tmp_path):
    registered = {"AutoModelForSequenceClassification": "modeling_own.OwnRewardModel"}
    path = copy_with_config(folder, tmp_path / "own", auto_map=registered, architectures=["OwnRewardModel"])
    (path / "modeling_own.py").write_text(OWN_CODE)
    assert naive_scores(path, TEXTS[:1])[0] < 50  # transformers opens the stock class without a word
    with pytest.raises(SetupError, match=r"code of its own repository \(modeling_own.OwnRewardModel\); read it"):
        TorchRewardModel(str(path)).score(PAIR)
    with TorchRewardModel(str(path), template=BARE, trust_remote_code=True) as rm:
        np.testing.assert_allclose(rm.score(PAIR).values, 2 * reference_scores(folder, TEXTS) + 100, rtol=0, atol=1e-3)
        assert "one by one" in rm.report()


def test_remote_code_runs_only_when_trusted(folder, tmp_path):
    path = copy_with_config(folder, tmp_path, model_type="mine", auto_map={"AutoConfig": "own.C", "AutoModel": "own.M"})
    (path / "own.py").write_text("raise SystemExit('it ran')\n")
    with pytest.raises(SetupError, match="cannot be opened"):
        TorchRewardModel(str(path)).score(PAIR)


def test_non_finite_scores_fail_their_rows(folder, tmp_path):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    model.model.embed_tokens.weight.data[list(b"")] = 0
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    bad = tokenizer("z", add_special_tokens=False)["input_ids"][0]
    model.model.embed_tokens.weight.data[bad] = float("nan")
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    result = TorchRewardModel(str(tmp_path), template=BARE).score([Sample("", "z", group=0), *PAIR])
    assert [s is Status.FAILED for s in result.statuses] == [True, False, False]
    np.testing.assert_allclose(result.values[1:], reference_scores(folder, TEXTS), **NEAR)


def test_shipped_tokenizer_is_used_when_transformers_rebuilds_another(folder, tmp_path, caplog):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    words = Tokenizer(models.WordLevel({"[unk]": 0, "one": 1, "two": 2}, unk_token="[unk]"))  # noqa: S106 - a marker
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    transformers.PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(tmp_path)
    assert transformers.AutoTokenizer.from_pretrained(tmp_path).encode("two one") != [2, 1]
    with TorchRewardModel(str(tmp_path), template="{completion} {prompt}") as rm:
        assert rm.encode([Sample("one", "two", group=0)]) == [[2, 1]]
    assert "using the file" in caplog.text


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"x.gguf"}, "GGUF holds language models"),
        ({"rm.onnx"}, 'use = "onnx" with the path of the file'),
        ({"modules.json"}, "it is a model of sentence-transformers"),
        (set(), "it has no config.json; it has nothing"),
        ({"config.json", "model.safetensors"}, "has no tokenizer, and transformers would make an empty one"),
    ],
)
def test_folder_of_another_kind_is_named_in_one_line(tmp_path, files, why):
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(SetupError) as caught:
        TorchRewardModel(str(tmp_path)).score(PAIR)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_in_place_of_a_folder_is_named(folder):
    with pytest.raises(SetupError, match="is a file; expected the folder of a checkpoint"):
        TorchRewardModel(str(folder / "config.json")).score(PAIR)


def test_rows_of_another_kind_fail_alone(folder):
    odd = [Sample("q", None, 0), Sample(None, "a", 0), Sample("q", "a\ud800", 0), Sample("q", "a", 0)]
    scores = TorchRewardModel(str(folder)).score(odd)
    assert [status.value for status in scores.statuses] == ["failed", "failed", "judged", "judged"]
    assert scores.reasons[0] == "the completion is None; expected a text or a list of messages"
    assert scores.reasons[2:] == ("half of a surrogate pair was read as '?'", "")
