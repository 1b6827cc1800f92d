"""Heads that read a body: log-odds of two answers, log-probabilities of tokens, value heads of TRL, heads of other checkpoints."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from herokit.errors import SetupError
from herokit.reward_models.process import Floats

__all__ = ["AnswerHead", "HiddenStates", "TokenHead", "find_value_head", "load_head"]

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


class HiddenStates(nn.Module):
    """No head: the hidden states themselves, (P, H), for heads that are applied to them later."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the hidden states."""
        return hidden


def find_value_head(folder: str) -> nn.Module | None:
    """Return the value head ``v_head.summary`` that TRL stores next to the weights of a language model; None if there is none.

    Args:
        folder: of a checkpoint on this machine, in safetensors.
    """
    weights = _read_weights(_weight_files(Path(folder)), ("v_head.summary.",))
    return _build_head(weights) if "weight" in weights else None


def load_head(place: str, model: Any, checkpoint: str) -> Callable[[Floats], Floats]:
    """Return a function from hidden states (P, H) to logits (P, L), which computes in fp32.

    Args:
        place: a safetensors file, or the folder of a checkpoint: its ``score`` (a linear layer, or two with ReLU between
            them), its ``v_head.summary``, or plain ``weight`` and ``bias``.
        model: the reward model whose body gives the hidden states.
        checkpoint: its name, for messages.

    Raises:
        SetupError: there is no head of this form or width, the model has no hidden states to read, or the folder's own body
            differs from the model's.
    """
    path = Path(place)
    if (path / "adapter_config.json").is_file():
        raise SetupError(f"head = {place!r}: is an adapter of PEFT, which changes the body; pass its folder as model")
    if not hasattr(model, "score") or not type(model).__module__.startswith("transformers.models."):
        raise SetupError(
            f"{checkpoint}: {type(model).__name__} is no decoder of transformers; head needs one, whose last hidden state it reads"
        )
    files = _weight_files(path)
    weights = _read_weights(files, _HEAD_PREFIXES) or _read_weights(files, ("",))
    if not {"weight", "0.weight"} & weights.keys() or not weights.keys() <= _HEAD_NAMES:
        names = ", ".join(sorted(weights)[:3]) or "no safetensors file"
        raise SetupError(
            f"head = {place!r}: has no head; expected weights named score or v_head.summary, found {names}"
        )
    head = _build_head(weights)
    width, hidden = next(head.parameters()).shape[1], model.config.get_text_config().hidden_size
    if width != hidden:
        raise SetupError(f"head = {place!r}: reads {width} numbers, but {checkpoint} has hidden states of {hidden}")
    _check_body(files, model, place, checkpoint)

    def apply(states: Floats) -> Floats:
        with torch.inference_mode():
            return np.asarray(head(torch.from_numpy(np.asarray(states, np.float32))).numpy())

    return apply


_HEAD_PREFIXES = ("score.", "v_head.summary.")
_HEAD_NAMES = {f"{layer}{name}" for layer in ("", "0.", "2.") for name in ("weight", "bias")}


def _weight_files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.glob("*.safetensors"))


def _read_weights(files: Iterable[Path], prefixes: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """Return the weights under the first of the prefixes that has any, without it, in fp32."""
    from safetensors import safe_open

    weights: dict[str, dict[str, torch.Tensor]] = {prefix: {} for prefix in prefixes}
    for file in files:
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - the file is no mapping
                for prefix in prefixes:
                    if name.startswith(prefix):
                        weights[prefix][name.removeprefix(prefix)] = tensors.get_tensor(name).float()
    return next(filter(None, weights.values()), {})


def _build_head(weights: dict[str, torch.Tensor]) -> nn.Module:
    """Return a linear layer, or two with ReLU between them where the names are those of a sequence of modules."""

    def linear(prefix: str) -> nn.Linear:
        outputs, inputs = weights[f"{prefix}weight"].shape
        return nn.Linear(inputs, outputs, bias=f"{prefix}bias" in weights)

    head = linear("") if "weight" in weights else nn.Sequential(linear("0."), nn.ReLU(), linear("2."))
    head.load_state_dict(weights)
    return head.eval()


def _check_body(files: Iterable[Path], model: Any, place: str, checkpoint: str) -> None:
    """Compare the first rows of all weights that the folder of a head and the model have in common, as bf16.

    Raises:
        SetupError: they differ: the head was trained on another body.
    """
    from safetensors import safe_open

    own = model.state_dict()
    different = []
    for file in files:
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - the file is no mapping
                if name.startswith(_HEAD_PREFIXES) or name not in own:
                    continue
                rows = tensors.get_slice(name)[:2].to(torch.bfloat16)
                if not torch.equal(rows, own[name][:2].cpu().to(torch.bfloat16)):
                    different.append(name)
    if different:
        raise SetupError(
            f"head = {place!r}: was trained on another body than that of {checkpoint}: {len(different)} weights differ, such as "
            f"{different[0]}; use it as a model of its own"
        )
