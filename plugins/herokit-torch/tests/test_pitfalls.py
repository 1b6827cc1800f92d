"""Each known way to score wrongly: the naive code does it here, and this one does not."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from herokit.errors import SetupError
from herokit.types import Sample, Status
from herokit_torch import TorchRewardModel

NEAR = {"rtol": 0, "atol": 1e-4}


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp("rm")
    tiny.write_tokenizer(path)
    tiny.write_model(path)
    return path


def naive(folder, texts, **padding):
    """Score texts as a first script would: the tokenizer pads, the model's forward pools."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        return model(**tokenizer(texts, return_tensors="pt", padding=True, **padding)).logits[:, 0].float().numpy()


PAIR = [Sample("", "one two three four", group=0), Sample("", "five", group=0)]
TEXTS = [s.completion for s in PAIR]
BARE = "{prompt}{completion}"


def changed(folder, tmp_path, **config):
    """Copy a checkpoint with other values in its config."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    return tmp_path


def truth(folder, texts):
    return np.concatenate([naive(folder, [text]) for text in texts])


def test_a_model_without_a_pad_token(folder, tmp_path):
    path = changed(folder, tmp_path, pad_token_id=None)
    with pytest.raises(ValueError, match="Cannot handle batch sizes > 1"):
        naive(path, TEXTS)
    np.testing.assert_allclose(
        TorchRewardModel(str(path), template=BARE).score(PAIR).values, truth(folder, TEXTS), **NEAR
    )


def test_a_pad_token_that_is_also_the_eos_that_ends_the_text(folder, tmp_path, tiny):
    path = changed(folder, tmp_path, pad_token_id=2)
    texts = [f"{text}<|im_end|>" for text in TEXTS]
    right = truth(folder, texts)
    assert np.abs(naive(path, texts) - right).max() > 0.1
    found = TorchRewardModel(str(path), template=BARE + "<|im_end|>").score(PAIR)
    np.testing.assert_allclose(found.values, right, **NEAR)


def test_a_tokenizer_that_pads_with_another_id_than_the_model_knows(folder, tmp_path):
    path = changed(folder, tmp_path, pad_token_id=1)
    right = truth(folder, TEXTS)
    assert np.abs(naive(path, TEXTS) - right).max() > 0.1
    np.testing.assert_allclose(TorchRewardModel(str(path), template=BARE).score(PAIR).values, right, **NEAR)


def test_a_pipeline_squashes_one_logit(folder):
    scorer = transformers.pipeline("text-classification", str(folder), device="cpu")
    squashed = np.array([found["score"] for found in scorer(TEXTS)])
    right = truth(folder, TEXTS)
    np.testing.assert_allclose(squashed, 1 / (1 + np.exp(-right)), atol=1e-4)
    np.testing.assert_allclose(TorchRewardModel(str(folder), template=BARE).score(PAIR).values, right, **NEAR)


def test_a_bf16_body_keeps_an_fp32_head(tmp_path, tiny, samples, one_by_one):
    tokenizer = tiny.write_tokenizer(tmp_path)
    model = tiny.write_model(tmp_path, "qwen2", dtype=torch.bfloat16)
    grid = one_by_one(model, tokenizer, samples)
    with TorchRewardModel(str(tmp_path)) as rm:
        found = rm.score(samples).values
        assert rm._open().engine.model.dtype == torch.bfloat16
    grids = [torch.tensor(scores).bfloat16().double().numpy() for scores in (grid, found)]
    assert np.array_equal(grids[0], grid)
    assert (grids[1] != found).mean() > 0.9
    exact = TorchRewardModel(str(tmp_path), dtype="float32").score(samples).values
    off, naive_off = (np.sqrt(np.mean((scores - exact) ** 2)) for scores in (found, grid))
    assert off < 1.2 * naive_off < 0.12 * exact.std()


def test_a_second_bos(tmp_path, tiny):
    chat = "{{ bos_token }}" + tiny.CHATML
    tokenizer = tiny.write_tokenizer(tmp_path, adds="<s>", chat=chat)
    tiny.write_model(tmp_path, bos_token_id=4)
    sample = Sample("<s>", "two", group=0)
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "two"}]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    assert tokenizer(text)["input_ids"][:2] == [4, 4]
    for template, given in ((None, Sample("a", "two", group=0)), (BARE, sample)):
        with TorchRewardModel(str(tmp_path), template=template) as rm:
            ids = rm._open().encoder.encode([given]).rows[0]
        assert ids[0] == 4
        assert ids[1] != 4


def test_an_input_that_is_too_long_loses_its_start_and_says_so(folder):
    long = Sample("start " * 20, "and the end decides", group=0)
    text = long.prompt + long.completion
    right_cut = naive(folder, [text], truncation=True, max_length=30)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    kept = tokenizer.decode(tokenizer(text)["input_ids"][-30:])
    assert kept.endswith("the end decides")
    found = TorchRewardModel(str(folder), template=BARE, max_tokens=30).score([long, PAIR[1]])
    np.testing.assert_allclose(found.values[:1], truth(folder, [kept]), **NEAR)
    assert abs(found.values[0] - right_cut[0]) > 0.1
    assert found.reasons == ("truncated: 109 of 139 tokens dropped on the left", "")
    assert found.statuses[0] is Status.JUDGED


def test_the_bos_stays_when_the_start_goes(tmp_path, tiny):
    tiny.write_tokenizer(tmp_path, adds="<s>")
    tiny.write_model(tmp_path, bos_token_id=4)
    with TorchRewardModel(str(tmp_path), template=BARE, max_tokens=10) as rm:
        encoded = rm._open().encoder.encode([Sample("a" * 50, "b", group=0)])
    assert encoded.rows[0][0] == 4
    assert len(encoded.rows[0]) == 10


def test_a_checkpoint_without_a_reward_head(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    transformers.AutoModelForSequenceClassification.from_pretrained(folder).model.save_pretrained(tmp_path)
    assert naive(tmp_path, TEXTS).shape == (2,)  # scores of a head drawn at random
    with pytest.raises(SetupError, match="no weights for score.weight; it is no reward model"):
        TorchRewardModel(str(tmp_path)).score(PAIR)


def test_a_head_with_two_labels_is_not_read_as_one(tmp_path, tiny):
    tiny.write_tokenizer(tmp_path)
    tiny.write_model(tmp_path, labels=2)
    with pytest.raises(SetupError, match="gives 2 numbers a sample, expected one"):
        TorchRewardModel(str(tmp_path)).score(PAIR)


def test_code_from_a_repository_runs_only_when_allowed(folder, tmp_path):
    path = changed(folder, tmp_path, model_type="mine", auto_map={"AutoConfig": "own.C", "AutoModel": "own.M"})
    (path / "own.py").write_text("raise SystemExit('it ran')\n")
    with pytest.raises(SetupError, match="cannot be opened"):
        TorchRewardModel(str(path)).score(PAIR)


def test_scores_that_are_not_finite_are_failed_rows(folder, tmp_path):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    model.model.embed_tokens.weight.data[list(b"")] = 0
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    bad = tokenizer("z", add_special_tokens=False)["input_ids"][0]
    model.model.embed_tokens.weight.data[bad] = float("nan")
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    found = TorchRewardModel(str(tmp_path), template=BARE).score([Sample("", "z", group=0), *PAIR])
    assert [s is Status.FAILED for s in found.statuses] == [True, False, False]
    np.testing.assert_allclose(found.values[1:], truth(folder, TEXTS), **NEAR)


def test_a_tokenizer_that_transformers_rebuilds_is_taken_as_shipped(folder, tmp_path, caplog):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    words = Tokenizer(models.WordLevel({"[unk]": 0, "one": 1, "two": 2}, unk_token="[unk]"))  # noqa: S106 - a marker
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    transformers.PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(tmp_path)
    assert transformers.AutoTokenizer.from_pretrained(tmp_path).encode("two one") != [2, 1]
    with TorchRewardModel(str(tmp_path), template="{completion} {prompt}") as rm:
        assert rm._open().encoder.encode([Sample("one", "two", group=0)]).rows == [[2, 1]]
    assert "taking the file" in caplog.text
