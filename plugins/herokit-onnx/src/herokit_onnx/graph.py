"""A transformers reward model as an ONNX graph: fused attention, pooling by mask, fp32 head. Imports torch."""

from pathlib import Path
from typing import Any

import torch

__all__ = ["trace"]

_FUSED = "herokit_onnx_fused"
_NOT_FUSED = "this attention is exported as transformers writes it"


def _fused_attention(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float | None = None, **kwargs: Any
) -> tuple[Any, None]:
    """Write causal attention as ONNX Runtime's GroupQueryAttention: right padding by lengths, no (S, S) mask.

    Raises:
        NotImplementedError: the layer needs what this does not write (a window, a soft cap, both directions).
    """
    cache: _Cache | None = kwargs.get("herokit_cache")
    unsupported = any(kwargs.get(name) is not None for name in ("sliding_window", "softcap", "s_aux"))
    if cache is None or unsupported or attention_mask is not None or not getattr(module, "is_causal", True):
        raise NotImplementedError(_NOT_FUSED)
    b, h, s, d = query.shape
    kv = key.shape[1]
    q, k, v = (x.transpose(1, 2).reshape(b, s, n * d) for x, n in ((query, h), (key, kv), (value, kv)))
    flat = cache.extend(q, k, v)
    last, total = (cache.lengths - 1).to(torch.int32), torch.tensor(0, dtype=torch.int32) + flat[0].shape[1]
    attributes = {"num_heads": h, "kv_num_heads": kv, "scale": float(scaling if scaling is not None else d**-0.5)}
    out = torch.onnx.ops.symbolic_multi_out(
        "com.microsoft::GroupQueryAttention",
        (*flat, None, None, last, total),
        attributes,
        dtypes=(query.dtype,) * 3,
        shapes=(flat[0].shape, *[(b, kv, flat[0].shape[1], d)] * 2),
        version=1,
    )[0]
    return out[:, flat[0].shape[1] - s :].reshape(b, s, h, d), None


class _Cache:
    """Keys and values of a prefix that the rows of a batch share, for one pass over all layers.

    GroupQueryAttention takes either a batch of rows or keys of a past, not both. So the keys of the past are put in front of
    each row's own, and queries of zeros in front of its own, whose outputs are dropped: only attention runs over the prefix again.

    Attributes:
        lengths: of the rows, the prefix included, (B,).
        past: (2 layers, P, kv heads x head size), None without a prefix.
        present: keys and values of the rows' own tokens, layer by layer.
    """

    def __init__(self, lengths: torch.Tensor, past: torch.Tensor | None) -> None:
        self.lengths, self.past = lengths, past
        self.present: list[torch.Tensor] = []

    def extend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Store the keys and values of one layer; return queries, keys and values with those of the prefix in front."""
        layer = len(self.present)
        self.present += [k, v]
        if self.past is None:
            return q, k, v
        b, prefix = q.shape[0], self.past.shape[1]
        before = [self.past[layer + i].unsqueeze(0).expand(b, -1, -1) for i in range(2)]
        return (
            torch.cat([q.new_zeros((b, prefix, q.shape[2])), q], 1),
            *(torch.cat(pair, 1) for pair in zip(before, (k, v), strict=True)),
        )


class _RmsNorm(torch.nn.Module):
    """The RMS norm of Llama-like models, ``w x / sqrt(mean(x^2) + eps)``, as one operator."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.weight, self.epsilon = norm.weight, float(norm.variance_epsilon)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the normed x, of the same shape."""
        attributes: dict[str, Any] = {"axis": -1, "epsilon": self.epsilon, "stash_type": 1}
        return torch.onnx.ops.symbolic(
            "SimplifiedLayerNormalization", (x, self.weight), attributes, dtype=x.dtype, shape=x.shape, version=1
        )


def _fuse_norms(model: Any) -> None:
    """Replace every norm that computes the same by `_RmsNorm`; norms that scale by ``1 + w`` have other names."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child).__name__.endswith("RMSNorm") and hasattr(child, "variance_epsilon"):
                setattr(parent, name, _RmsNorm(child))


class _Scorer(torch.nn.Module):
    """Token ids and mask to fp32 logits: (B, L), the head applied to the last real token only, or (B, S, L), for each token."""

    def __init__(self, model: Any, *, fuse: bool, stepwise: bool) -> None:
        super().__init__()
        self.model, self.fuse, self.stepwise = model, fuse, stepwise

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, past: torch.Tensor | None = None) -> Any:
        """Return (B, L) or (B, S, L) logits; with `past` also keys and values, (2 layers, B, S, kv heads x head size)."""
        if not hasattr(self.model, "score"):  # an encoder: its own pooling uses the mask
            logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
            return logits.float()
        lengths = attention_mask.sum(-1)
        prefix = 0 if past is None else past.shape[1]
        cache = _Cache(lengths + prefix, past)
        extra: dict[str, Any] = {"attention_mask": attention_mask}
        if self.fuse:
            extra = {"attention_mask": None, "herokit_cache": cache}
        if past is not None:
            extra["position_ids"] = prefix + torch.arange(input_ids.shape[1]).unsqueeze(0)
        hidden = self.model.base_model(input_ids=input_ids, use_cache=False, **extra).last_hidden_state
        logits = self.model.score((hidden if self.stepwise else _gather(hidden, lengths - 1)).float())
        return logits if past is None else (logits, torch.stack(cache.present))


class _Fp32Head(torch.nn.Module):
    """A head that stays in fp32 for inputs of any dtype."""

    def __init__(self, head: Any) -> None:
        super().__init__()
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits, fp32."""
        logits: torch.Tensor = self.head(x.float())
        return logits


def _gather(hidden: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Return one hidden state of each row, (B, H)."""
    at = positions.view(-1, 1, 1).expand(-1, 1, hidden.shape[-1])
    return torch.gather(hidden, 1, at).squeeze(1)


def _cast_body(model: Any, dtype: torch.dtype) -> None:
    """Cast the body's weights to `dtype`, but not the head, nor the rotary frequencies: rounding those moves far positions."""
    for name in ("score", "classifier"):
        if hasattr(model, name):
            setattr(model, name, _Fp32Head(getattr(model, name)))
    exact = {id(p) for part in model.modules() if isinstance(part, _Fp32Head) for p in part.parameters()}
    for parameter in model.parameters():
        if id(parameter) not in exact:
            parameter.data = parameter.data.to(dtype)


def trace(model: Any, path: Path, dtype: str = "fp32", *, stepwise: bool = False) -> bool:
    """Write `model` (fp32, on the CPU) to `path`, its body in `dtype`; return whether its attention is fused.

    The graph takes ``input_ids`` and ``attention_mask``, int64 (B, S), right padded, and gives ``score``, fp32 logits of L
    labels: (B, L), or with `stepwise` (B, S, L). With fused attention in fp32 it also takes ``past``, the keys and values of a
    prefix that all rows share, (2 layers, P, kv heads x head size), P = 0 without one, and gives ``present``, those of its own
    tokens, (2 layers, B, S, kv heads x head size). Weights above 1 GB go to a second file next to it.
    The model's weights are cast and its norms replaced: do not use it afterwards.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(_FUSED, _fused_attention)
    original = model.config._attn_implementation  # noqa: SLF001 - transformers has no public way to switch it
    model.config.use_cache = False
    _cast_body(model, {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[dtype])
    _fuse_norms(model)
    try:
        if hasattr(model, "score"):  # a decoder
            model.config._attn_implementation = _FUSED  # noqa: SLF001
            try:
                _write(_Scorer(model, fuse=True, stepwise=stepwise), path, _past_shape(model, dtype))
            except torch.onnx.OnnxExporterError as error:
                if _NOT_FUSED not in _message_chain(error):
                    raise
            else:
                return True
        model.config._attn_implementation = original  # noqa: SLF001
        _write(_Scorer(model, fuse=False, stepwise=stepwise), path)
    finally:
        model.config._attn_implementation = original  # noqa: SLF001
    return False


def _past_shape(model: Any, dtype: str) -> tuple[int, int] | None:
    """Return (2 layers, kv heads x head size); None for a graph without a past: half precision was not tested."""
    config = model.config.get_text_config()
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    return (2 * config.num_hidden_layers, kv_heads * width) if dtype == "fp32" else None


def _write(module: Any, path: Path, past: tuple[int, int] | None = None) -> None:
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    ids = torch.arange(1, 25).reshape(3, 8) % 5
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    dynamic = {0: torch.export.Dim("batch"), 1: torch.export.Dim("seq")}
    inputs, shapes, outputs = {"input_ids": ids, "attention_mask": mask}, [dynamic, dynamic], ["score"]
    if past is not None:
        inputs["past"] = torch.zeros(past[0], 3, past[1])
        shapes.append({1: torch.export.Dim("prefix")})
        outputs.append("present")
    program: Any = torch.onnx.export(
        module.eval(),
        tuple(inputs.values()),
        dynamo=True,
        dynamic_shapes=dict(zip(inputs, shapes, strict=True)),
        input_names=list(inputs),
        output_names=outputs,
        verbose=False,
    )
    ClearMetadataAndDocStringPass()(program.model)  # stack traces, with the paths of this machine
    size = sum(p.numel() * p.element_size() for p in module.parameters())
    program.save(str(path), external_data=size > 10**9)


def _message_chain(error: BaseException | None) -> str:
    """Join the messages of an error and its causes."""
    parts = []
    while error is not None:
        parts.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(parts)
