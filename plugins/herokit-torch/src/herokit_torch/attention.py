"""Attention over packed rows: every row sees its own tokens and its tree's prefix, and nothing of its neighbours.

Registered with transformers under `NAME`; the layout travels to every layer as the keyword `herokit_layout`. Projections
and MLPs then run over one long sequence without a single padded token, and no (S, S) mask is ever built for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

NAME = "herokit_packed"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where trees lie in a pack: for each, the prefix's (start, end) and each row's rest as (start, end)."""

    trees: tuple[tuple[tuple[int, int], tuple[tuple[int, int], ...]], ...]
    masks: dict[tuple[int, int], torch.Tensor] = field(default_factory=dict)

    def mask(self, own: int, prefix: int, like: torch.Tensor) -> torch.Tensor:
        """Return the additive (own, prefix + own) mask of a row behind its prefix; made once for all layers."""
        found = self.masks.get((own, prefix))
        if found is None or found.device != like.device:
            full = torch.full((own, prefix + own), float("-inf"), dtype=like.dtype, device=like.device)
            found = self.masks[own, prefix] = full.triu(prefix + 1)
        return found


def lay(costs: Sequence[tuple[int, Sequence[int]]]) -> Layout:
    """Lay out trees given as (prefix length, lengths of the rests), one after the other.

    Example:
        >>> lay([(2, [1, 3]), (0, [4])]).trees
        (((0, 2), ((2, 3), (3, 6))), ((6, 6), ((6, 10),)))
    """
    trees = []
    at = 0
    for prefix, rests in costs:
        trunk = (at, at + prefix)
        at += prefix
        leaves = []
        for rest in rests:
            leaves.append((at, at + rest))
            at += rest
        trees.append((trunk, tuple(leaves)))
    return Layout(tuple(trees))


def packed(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float | None = None, **kwargs: Any
) -> tuple[Any, None]:
    """Attend within a pack: (1, H, T, D) queries, (1, K, T, D) keys and values -> (1, T, H, D).

    Raises:
        NotImplementedError: the layer wants what this does not do (a sliding window, a soft cap, sinks, both
            directions); the model is then run in padded batches.
    """
    layout: Layout | None = kwargs.get("herokit_layout")
    refused = [name for name in ("sliding_window", "softcap", "s_aux", "position_bias") if kwargs.get(name) is not None]
    if layout is None or refused or attention_mask is not None or not getattr(module, "is_causal", True):
        raise NotImplementedError(f"packed attention does not know {', '.join(refused) or 'this model'}")
    gqa = query.shape[1] != key.shape[1]
    out = torch.empty_like(query)

    def attend(rows: tuple[int, int], k: Any, v: Any, mask: Any) -> None:
        low, high = rows
        out[:, :, low:high] = scaled_dot_product_attention(
            query[:, :, low:high], k, v, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=gqa
        )

    for (low, high), leaves in layout.trees:
        if high > low:
            attend((low, high), key[:, :, low:high], value[:, :, low:high], None)
        for start, end in leaves:
            k, v = key[:, :, start:end], value[:, :, start:end]
            mask = None
            if high > low:
                k = torch.cat([key[:, :, low:high], k], 2)
                v = torch.cat([value[:, :, low:high], v], 2)
                mask = layout.mask(end - start, high - low, query)
            attend((start, end), k, v, mask)
    return out.transpose(1, 2).contiguous(), None
