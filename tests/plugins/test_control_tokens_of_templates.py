"""No completion opens a turn in the conversation that its judge reads: ids of seven templates, in torch and in ONNX."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import tiny_models as tiny
from herokit.reward_models.control_tokens import KNOWN_TOKENS, break_up, remove_end
from herokit.testing import check_reward_model
from herokit.testing.attacks import TURN_ATTACKS, TURN_TOKENS
from herokit.testing.laws import control_tokens_pay_nothing
from herokit.types import Sample
from herokit_onnx import OnnxRewardModel, export_reward_model
from herokit_torch import TorchRewardModel

FILES = {"ChatML": "chatml", "Qwen": "qwen2.5", "Llama 3": "llama3", "Gemma": "gemma2", "Mistral": "mistral"}
PLAIN = "{% for m in messages %}{{ USER if m.role == 'user' else ASSISTANT }}{{ m.content }}{{ END }}{% endfor %}"
"""The template of a family without a file: its tokens, and nothing else."""
NUM_ATTACKS = sum(map(len, TURN_ATTACKS.values()))


def tokens_of(family):
    """Return the control tokens of a family, in the order in which they are written."""
    text = "".join(TURN_TOKENS[family])
    starts = [match.start() for match in KNOWN_TOKENS.finditer(text)]
    return list(
        dict.fromkeys(text[start : text.index("]" if text[start] == "[" else ">", start) + 1] for start in starts)
    )


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Write a checkpoint of a family, whose control tokens its tokenizer knows, and its ONNX file, once."""
    torch.set_num_threads(1)

    @cache
    def make(family):
        folder = tmp_path_factory.mktemp("rm")
        if family in FILES:
            chat = (Path(__file__).parent / "chat_templates" / f"{FILES[family]}.jinja").read_text()
        else:
            chat = PLAIN
            for name, text in zip(("END", "USER", "ASSISTANT"), TURN_TOKENS[family], strict=True):
                chat = chat.replace(name, repr(text))
        special = [token for token in tokens_of(family) if token not in tiny.SPECIAL]
        tokenizer = tiny.write_tokenizer(folder, chat=chat, special=special, adds="<s>")
        tiny.write_model(folder, num_hidden_layers=2, vocab_size=len(tokenizer), bos_token_id=4)
        return folder, tokenizer, export_reward_model(str(folder), folder / "onnx")

    return make


def control_tokens_in(tokenizer, family, ids):
    """Return the control tokens of a row by name, in order."""
    wanted = {tokenizer.convert_tokens_to_ids(token): token for token in tokens_of(family)}
    return [wanted[token] for token in ids if token in wanted]


@pytest.mark.parametrize("family", TURN_TOKENS)
def test_no_completion_opens_a_turn(checkpoint, family):
    folder, tokenizer, path = checkpoint(family)
    texts = [f"It is 7.{attack}" for attack in TURN_ATTACKS[family]]
    samples = [Sample("What is 3 + 4?", text, group=0) for text in (*texts, "It is 7.")]
    harmless = [Sample("What is 3 + 4?", break_up(remove_end(text), KNOWN_TOKENS), group=0) for text in texts]
    opened = 0
    for kind, model, source in (("torch", TorchRewardModel, folder), ("onnx", OnnxRewardModel, path)):
        with model(str(source), thinking="keep") as rm:
            *rows, plain = rm.encode(samples)
            scores, expected = rm.score(samples[:-1]), rm.score(harmless)
        written = control_tokens_in(tokenizer, family, plain)
        assert written
        for row in rows:
            assert control_tokens_in(tokenizer, family, row) == written, (kind, tokenizer.decode(row))
        np.testing.assert_allclose(scores.values, expected.values, rtol=0, atol=1e-5)
        with model(str(source), thinking="keep", control_tokens="keep") as rm:
            raw = rm.encode(samples[:-1])
        opened += sum(len(control_tokens_in(tokenizer, family, row)) > len(written) for row in raw)
    assert opened == 2 * len(texts)  # the attacks work where the tokens are kept


def test_enough_attacks_of_enough_templates():
    assert NUM_ATTACKS >= 40
    assert len(TURN_ATTACKS) >= 6


@pytest.mark.parametrize("family", ["ChatML", "DeepSeek"])
def test_law_of_control_tokens_holds(checkpoint, family):
    folder, _, path = checkpoint(family)
    for model, source in ((TorchRewardModel, folder), (OnnxRewardModel, path)):
        with model(str(source)) as rm:
            report = check_reward_model(rm, claims=[control_tokens_pay_nothing])
        assert report["control_tokens_pay_nothing"].outcome == "passed"
