import numpy as np
import pytest
import torch

from helpers import tiny_models
from herokit.types import Sample


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny():
    return tiny_models


@pytest.fixture(scope="session")
def samples():
    """Five prompts with four rollouts each, of very different lengths, and one rollout that comes twice."""
    rng = np.random.default_rng(0)
    words = ["the", "sum", "of", "two", "and", "three", "is", "five", "so", "we", "add", "seven"]
    rollouts = [
        Sample(f"Question {i % 5}: what is {i % 5} and three?", " ".join(rng.choice(words, n)), group=i % 5)
        for i, n in enumerate(rng.integers(1, 40, 20))
    ]
    return [*rollouts, rollouts[0]]


@pytest.fixture(scope="session")
def one_by_one():
    """Plain transformers: one row at a time through the model's own forward."""

    def scores(model, tokenizer, samples, system=""):
        result = []
        for sample in samples:
            turns = [{"role": "system", "content": system}] if system else []
            turns += [{"role": "user", "content": sample.prompt}, {"role": "assistant", "content": sample.completion}]
            text = tokenizer.apply_chat_template(turns, tokenize=False)
            ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
            with torch.no_grad():
                result.append(model(input_ids=ids).logits[0].float().numpy())
        return np.array(result)[:, 0]

    return scores
