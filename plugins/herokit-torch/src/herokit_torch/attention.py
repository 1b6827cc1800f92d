"""Attention over packed rows: every row attends to its own tokens and its tree's prefix, and to no other row.

Registered with transformers under `ROW_BY_ROW` and `FUSED`; the layout reaches every layer as the keyword
`herokit_layout`. Projections and MLPs then run over one long sequence without padding, and no (S, S) mask is built for it.
Row by row works everywhere; fused is one kernel for all rows of a pack, where the device has one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import signature
from itertools import accumulate, chain
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["FUSED", "ROW_BY_ROW", "PackLayout", "fused_attention", "lay_out", "row_attention", "varlen_kernel"]

ROW_BY_ROW, FUSED = "herokit_packed", "herokit_packed_fused"


@dataclass(frozen=True, slots=True)
class VarlenLayout:
    """A layout as kernels for sequences of variable length take it.

    A tree is one sequence for its prefix and one per row. A row's keys are the prefix and its own.

    Attributes:
        query_offsets: where the queries of each sequence begin.
        key_offsets: where its keys begin.
        max_lengths: of queries and of keys.
        key_index: the keys as indices into the pack, in which a prefix is repeated for each row; None if nothing is
            shared, because keys are then in the order of queries.
    """

    query_offsets: torch.Tensor
    key_offsets: torch.Tensor
    max_lengths: tuple[int, int]
    key_index: torch.Tensor | None


@dataclass(frozen=True, slots=True)
class PackLayout:
    """Positions in a pack: for each tree, (start, end) of its prefix and (start, end) of each row's suffix."""

    trees: tuple[tuple[tuple[int, int], tuple[tuple[int, int], ...]], ...]
    masks: dict[tuple[int, int], torch.Tensor] = field(default_factory=dict)
    varlen_layouts: dict[torch.device, VarlenLayout] = field(default_factory=dict)

    def varlen(self, device: torch.device) -> VarlenLayout:
        """Return the layout for a kernel of variable length; computed once for all layers.

        Example:
            >>> layout = lay_out([(2, [1, 3]), (0, [4])]).varlen(torch.device("cpu"))
            >>> layout.query_offsets.tolist(), layout.key_offsets.tolist(), layout.max_lengths
            ([0, 2, 3, 6, 10], [0, 2, 5, 10, 14], (4, 5))
            >>> layout.key_index.tolist()
            [0, 1, 0, 1, 2, 0, 1, 3, 4, 5, 6, 7, 8, 9]
        """
        if device not in self.varlen_layouts:
            sequences = [
                (start, end, prefix)
                for prefix, rows in self.trees
                for start, end, prefix in ((*prefix, (0, 0)), *((*row, prefix) for row in rows))
                if end > start
            ]
            queries = [end - start for start, end, _ in sequences]
            keys = [end - start + high - low for start, end, (low, high) in sequences]
            index = chain.from_iterable(
                (*range(low, high), *range(start, end)) for start, end, (low, high) in sequences
            )
            offsets = [torch.tensor([0, *accumulate(n)], dtype=torch.int32, device=device) for n in (queries, keys)]
            key_index = torch.tensor(list(index), device=device) if queries != keys else None
            self.varlen_layouts[device] = VarlenLayout(offsets[0], offsets[1], (max(queries), max(keys)), key_index)
        return self.varlen_layouts[device]

    def mask(self, suffix: int, prefix: int, like: torch.Tensor) -> torch.Tensor:
        """Return the additive (suffix, prefix + suffix) mask of a row after its prefix; computed once for all layers."""
        mask = self.masks.get((suffix, prefix))
        if mask is None or mask.device != like.device:
            full = torch.full((suffix, prefix + suffix), float("-inf"), dtype=like.dtype, device=like.device)
            mask = self.masks[suffix, prefix] = full.triu(prefix + 1)
        return mask


def lay_out(lengths: Sequence[tuple[int, Sequence[int]]]) -> PackLayout:
    """Lay out trees given as (length of the prefix, lengths of the suffixes), one after the other.

    Example:
        >>> lay_out([(2, [1, 3]), (0, [4])]).trees
        (((0, 2), ((2, 3), (3, 6))), ((6, 6), ((6, 10),)))
    """
    trees = []
    offset = 0
    for prefix, suffixes in lengths:
        prefix_span = (offset, offset + prefix)
        offset += prefix
        suffix_spans = []
        for suffix in suffixes:
            suffix_spans.append((offset, offset + suffix))
            offset += suffix
        trees.append((prefix_span, tuple(suffix_spans)))
    return PackLayout(tuple(trees))


def row_attention(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float | None = None, **kwargs: Any
) -> tuple[Any, None]:
    """Attend within a pack: (1, H, T, D) queries, (1, K, T, D) keys and values -> (1, T, H, D).

    Raises:
        NotImplementedError: the layer needs what this does not do (a sliding window, a soft cap, sinks, both
            directions); the model then runs in padded batches.
    """
    layout = _layout(module, attention_mask, kwargs)
    gqa = query.shape[1] != key.shape[1]
    out = torch.empty_like(query)

    def attend(span: tuple[int, int], k: Any, v: Any, mask: Any) -> None:
        low, high = span
        out[:, :, low:high] = scaled_dot_product_attention(
            query[:, :, low:high], k, v, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=gqa
        )

    for (low, high), suffixes in layout.trees:
        if high > low:
            attend((low, high), key[:, :, low:high], value[:, :, low:high], None)
        for start, end in suffixes:
            k, v = key[:, :, start:end], value[:, :, start:end]
            mask = None
            if high > low:
                k = torch.cat([key[:, :, low:high], k], 2)
                v = torch.cat([value[:, :, low:high], v], 2)
                mask = layout.mask(end - start, high - low, query)
            attend((start, end), k, v, mask)
    return out.transpose(1, 2).contiguous(), None


def fused_attention(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float | None = None, **kwargs: Any
) -> tuple[Any, None]:
    """Attend within a pack with one kernel for all rows; shapes and errors are those of `row_attention`."""
    layout = _layout(module, attention_mask, kwargs)
    kernel = varlen_kernel()
    if kernel is None:
        raise NotImplementedError("no kernel of variable length in this torch")
    varlen = layout.varlen(query.device)
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    if varlen.key_index is not None:
        k, v = k[varlen.key_index], v[varlen.key_index]
    out = kernel(
        *(x.contiguous() for x in (q, k, v)),
        varlen.query_offsets,
        varlen.key_offsets,
        *varlen.max_lengths,
        scale=scaling,
        window_size=(-1, 0),  # causal, the last query aligned with the last key
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return out.unsqueeze(0), None


def varlen_kernel() -> Callable[..., Any] | None:
    """Return torch's attention for variable lengths; None if this torch has none with scale, window and head groups."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    required = {"scale", "window_size", "enable_gqa"}
    return varlen_attn if required <= set(signature(varlen_attn).parameters) else None


def _layout(module: Any, attention_mask: Any, settings: dict[str, Any]) -> PackLayout:
    layout: PackLayout | None = settings.get("herokit_layout")
    names = ("sliding_window", "softcap", "s_aux", "position_bias")
    unsupported = [name for name in names if settings.get(name) is not None]
    if layout is None or unsupported or attention_mask is not None or not getattr(module, "is_causal", True):
        raise NotImplementedError(f"packed attention does not support {', '.join(unsupported) or 'this model'}")
    return layout
