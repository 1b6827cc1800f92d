"""TRL runs whose reward is the log-odds of a judge, or the likelihood of the reference, of a causal language model."""

import numpy as np
import pytest
import torch

from herokit import Center, Rewarder, chain
from herokit.adapters.trl import RewardFunction
from herokit.combiners import Select
from herokit_torch import TorchJudge, TorchLikelihood

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(gradient|activation)_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

QUESTION = "{prompt} {completion} Right?"


@pytest.fixture(scope="module")
def language_model(runs, tmp_path_factory):
    """A causal language model whose logits are far apart, its tokenizer, and the folder of both."""
    folder = tmp_path_factory.mktemp("model")
    model, tokenizer = runs.model(initializer_range=0.5).eval(), runs.tokenizer()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder, model, tokenizer


def log_odds(model, tokenizer, sample):
    """Return the log-odds of Y and N from the logits of transformers."""
    text = QUESTION.replace("{prompt}", sample.prompt_text).replace("{completion}", sample.completion_text)
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )["input_ids"]
    logits = model(input_ids=ids).logits[0, -1]
    return (logits[tokenizer.encode("Y")[0]] - logits[tokenizer.encode("N")[0]]).item()


def log_likelihood(model, tokenizer, sample):
    """Return the log-probability of the reference in a box behind the completion, from the logits of transformers."""
    written = f"{sample.completion_text.rstrip()}\n\n\\boxed{{"
    turns = [{"role": "user", "content": sample.prompt_text}, {"role": "assistant", "content": written}]
    text = tokenizer.apply_chat_template(turns, tokenize=False).removesuffix("<|im_end|>\n")
    before = tokenizer(text, return_tensors="pt")["input_ids"][0]
    reference = tokenizer(str(sample.reference), return_tensors="pt")["input_ids"][0]
    logs = model(input_ids=torch.cat([before, reference])[None]).logits[0].log_softmax(-1)
    return sum(logs[len(before) + k - 1, token].item() for k, token in enumerate(reference))


@pytest.mark.parametrize(
    ("source", "settings", "expected"),
    [
        (TorchJudge, {"answers": ("Y", "N"), "template": QUESTION}, log_odds),
        (TorchLikelihood, {"reward": "log-likelihood"}, log_likelihood),
    ],
    ids=["judge", "likelihood"],
)
def test_trl_trains_on_the_centered_score_of_a_language_model(
    runs, stubs, language_model, tmp_path, source, settings, expected
):
    folder, model, tokenizer = language_model
    recorder = stubs.Recorder()  # a source of the same samples that gives nothing to the reward
    with source(str(folder), dtype="float32", device="cpu", **settings) as reward_model:
        rewarder = Rewarder({"rm": reward_model, "recorder": recorder}, chain(Select("rm"), Center()))
        trainer = runs.make("GroupGRPO", tmp_path, [RewardFunction(rewarder)], max_steps=2)
        trainer.train()
    with torch.no_grad():
        scores = np.array([expected(model, tokenizer, sample) for sample in recorder.samples])
    groups = scores.reshape(-1, 4)
    advantages = np.array([row for _, rows in trainer.seen for row in rows])
    assert len(advantages) == len(scores) == 16
    assert np.ptp(groups, axis=1).max() > 0.1
    np.testing.assert_allclose(advantages, (groups - groups.mean(1, keepdims=True)).reshape(-1), rtol=0, atol=1e-3)
