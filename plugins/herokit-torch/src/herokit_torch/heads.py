"""Heads that read a language model: log-odds of two answers, log-probabilities of given tokens, value heads of TRL."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from herokit.errors import SetupError

__all__ = ["AnswerHead", "TokenHead", "find_value_head"]

_CHUNK = 64
"""Positions whose logits over the vocabulary are in memory at once."""


class AnswerHead(nn.Module):
    """``logit(first) - logit(second)`` of the next token, which is the log-odds of two answers; fp32.

    Args:
        model: a causal language model.
        ids: of the two answers, one token each.
        checkpoint: for messages.

    Raises:
        SetupError: the model computes other logits than its last layer gives.
    """

    def __init__(self, model: Any, ids: tuple[int, int], checkpoint: str) -> None:
        super().__init__()
        self.output = _output_layer(model, checkpoint, ids)
        self.cap = _soft_cap(model)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the log-odds, (P, 1), for hidden states (P, H)."""
        logits = _capped(self.output(hidden), self.cap)
        return logits[:, :1] - logits[:, 1:]


class TokenHead(nn.Module):
    """``log P(token)`` of a given next token at each position; fp32.

    Args:
        model: a causal language model.
        checkpoint: for messages.

    Raises:
        SetupError: the model computes other logits than its last layer gives.
    """

    takes_targets = True

    def __init__(self, model: Any, checkpoint: str) -> None:
        super().__init__()
        self.output = _output_layer(model, checkpoint, None)
        self.cap = _soft_cap(model)

    def forward(self, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the log-probabilities, (P, 1), for hidden states (P, H) and the ids of the next tokens (P,)."""
        parts = []
        for start in range(0, len(targets), _CHUNK):
            states, ids = hidden[start : start + _CHUNK], targets[start : start + _CHUNK]
            logits = _capped(self.output(states), self.cap)
            parts.append(logits.gather(1, ids[:, None]) - logits.logsumexp(1, keepdim=True))
        return torch.cat(parts) if parts else hidden.new_zeros((0, 1))


def _soft_cap(model: Any) -> float | None:
    return getattr(model.config.get_text_config(), "final_logit_softcapping", None)


def _capped(logits: torch.Tensor, cap: float | None) -> torch.Tensor:
    return logits if cap is None else cap * torch.tanh(logits / cap)


def _output_layer(model: Any, checkpoint: str, ids: tuple[int, ...] | None) -> nn.Linear:
    """Return the last layer in fp32, or the rows of it that belong to `ids`, compared with the model's own logits."""
    layer = model.get_output_embeddings()
    if layer is None:
        raise SetupError(f"{checkpoint}: {type(model).__name__} is no language model: it has no output layer")
    rows = slice(None) if ids is None else list(ids)
    weight = layer.weight.detach()[rows].float()
    output = nn.Linear(weight.shape[1], weight.shape[0], bias=layer.bias is not None, device=weight.device)
    output.weight.data = weight
    if layer.bias is not None:
        output.bias.data = layer.bias.detach()[rows].float()
    with torch.inference_mode():
        probe = torch.arange(1, 6, device=model.device)[None]
        own = model(input_ids=probe).logits[0, :, rows].float()
        hidden = model.base_model(input_ids=probe, use_cache=False)[0][0]
        logits = _capped(output(hidden.float()), _soft_cap(model)).to(own.device)
    tolerance = 1e-3 if model.dtype == torch.float32 else 0.1
    if not torch.allclose(own, logits, rtol=tolerance, atol=tolerance * float(1 + own.abs().max())):
        raise SetupError(f"{checkpoint}: {type(model).__name__} scales its logits, which is not supported here")
    return output


def find_value_head(folder: str) -> nn.Linear | None:
    """Return the value head ``v_head.summary`` that TRL stores next to the weights of a language model; None if there is none.

    Args:
        folder: of a checkpoint on this machine, in safetensors.
    """
    path = Path(folder)
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else []
    if not files:
        return None
    from safetensors import safe_open

    weights: dict[str, Any] = {}
    for file in files:
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - the file is no mapping
                if name.startswith("v_head.summary."):
                    weights[name.rpartition(".")[2]] = tensors.get_tensor(name).float()
    if "weight" not in weights:
        return None
    head = nn.Linear(weights["weight"].shape[1], weights["weight"].shape[0], bias="bias" in weights)
    head.load_state_dict(weights)
    return head
