"""Two kinds of forward pass over token ids: packed rows, or padded rows with a mask. Both give fp32 logits.

`PackedForward` is for causal decoders whose attention can be replaced, which is checked when the model opens by comparing it
with rows run one by one; first with the kernel of variable length, if the device has one. `PaddedForward` is for everything
else. The positions at which scores are read come from the rows, and are never found by comparing ids with a pad id.
"""

import logging
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch

from herokit.errors import SetupError
from herokit.reward_models.batching import MicroBatch, pad_right, plan_micro_batches
from herokit.reward_models.encoding import EncodedRows
from herokit.reward_models.families import ModelProfile
from herokit.reward_models.packing import Pack, build_trees, fill_packs
from herokit.reward_models.process import Floats
from herokit_torch.attention import FUSED, ROW_BY_ROW, fused_attention, lay_out, row_attention, varlen_kernel

__all__ = ["Forward", "PackedForward", "PaddedForward", "choose_forward", "compile_layers"]

LOG = logging.getLogger(__name__)
_COMPILE_BACKEND = "inductor"


class Forward(Protocol):
    """Plans micro-batches of rows and runs them."""

    @property
    def name(self) -> str:
        """How rows run, in a word or two."""
        ...

    def plan(self, rows: EncodedRows, pending: Sequence[int], max_batch_tokens: int) -> Sequence[MicroBatch]:
        """Cut the unique rows in `pending` into micro-batches of at most `max_batch_tokens`, padding included."""
        ...

    def run(self, rows: EncodedRows, batch: Any) -> list[Floats]:
        """Run one micro-batch of its own plan: (P, L) logits per row, for P positions and L labels."""
        ...


@dataclass(frozen=True, slots=True)
class PaddedForward:
    """Rows of similar length, padded on the right and masked.

    Attributes:
        model: the whole model; with `head` only its body runs, and the head only on the positions that are read.
        head: from a hidden state to logits, None if the model's own forward pools.
        output: the field of the forward's result that holds the score, without a head.
        one_by_one: run rows one by one: the model pools by pad id, or its pooling is unknown.
        pad_id: the id that fills the rest.
    """

    model: Any
    head: Any
    output: str = "logits"
    one_by_one: bool = False
    pad_id: int = 0

    @property
    def name(self) -> str:
        """How rows run."""
        return "one by one" if self.one_by_one else "padded"

    def plan(self, rows: EncodedRows, pending: Sequence[int], max_batch_tokens: int) -> list[MicroBatch]:
        """Sort by length and cut."""
        return plan_micro_batches(rows.ids, pending, max_batch_tokens, max_batch_size=1 if self.one_by_one else 256)

    def run(self, rows: EncodedRows, batch: MicroBatch) -> list[Floats]:
        """Run one padded batch."""
        ids, mask = pad_right([rows.ids[i] for i in batch.rows], pad=self.pad_id)
        device = self.model.device
        inputs = {"input_ids": torch.from_numpy(ids).to(device), "attention_mask": torch.from_numpy(mask).to(device)}
        with torch.inference_mode():
            if self.head is None:
                result = self.model(**inputs)
                logits = getattr(result, self.output, None)
                return _read_rows(
                    (result[0] if logits is None else logits).float().cpu().numpy(), rows, batch, ids.shape[1]
                )
            hidden = self.model.base_model(**inputs, use_cache=False)[0]
            positions = [rows.positions[i] for i in batch.rows]
            row_index = torch.tensor([b for b, read in enumerate(positions) for _ in read], dtype=torch.long)
            token_index = torch.tensor([p for read in positions for p in read], dtype=torch.long)
            return _apply_head(hidden[row_index, token_index], self.head, rows, batch)


@dataclass(frozen=True, slots=True)
class PackedForward:
    """Rows laid out one after the other, the rollouts of a prompt after their common prefix, without padding.

    Attributes:
        model: the whole model; only its body runs.
        head: from a hidden state to logits.
        min_sharing_gain: see `herokit.reward_models.packing.build_trees`.
        attention: the name of the packed attention, as transformers knows it.
    """

    model: Any
    head: Any
    min_sharing_gain: float
    attention: str = ROW_BY_ROW

    @property
    def name(self) -> str:
        """How rows run."""
        return "packed, one kernel" if self.attention == FUSED else "packed"

    def plan(self, rows: EncodedRows, pending: Sequence[int], max_batch_tokens: int) -> list[Pack]:
        """Share prefixes where that pays, then fill packs."""
        trees = build_trees(
            [rows.ids[i] for i in pending],
            [rows.prefix_keys[i] for i in pending],
            min_sharing_gain=self.min_sharing_gain,
            max_batch_tokens=max_batch_tokens,
        )
        trees = [replace(tree, rows=tuple(pending[i] for i in tree.rows)) for tree in trees]
        return fill_packs(trees, max_batch_tokens)

    def run(self, rows: EncodedRows, batch: Pack) -> list[Floats]:
        """Run one pack."""
        layout = lay_out([(tree.prefix, [len(rows.ids[i]) - tree.prefix for i in tree.rows]) for tree in batch.trees])
        ids: list[int] = []
        position_ids: list[int] = []
        read: list[int] = []
        for tree, ((prefix_start, _), suffixes) in zip(batch.trees, layout.trees, strict=True):
            ids += rows.ids[tree.rows[0]][: tree.prefix]
            position_ids += range(tree.prefix)
            for row, (start, _) in zip(tree.rows, suffixes, strict=True):
                ids += rows.ids[row][tree.prefix :]
                position_ids += range(tree.prefix, len(rows.ids[row]))
                read += [prefix_start + p if p < tree.prefix else start + p - tree.prefix for p in rows.positions[row]]
        hidden = self._run_body(ids, position_ids, layout)
        with torch.inference_mode():
            selected = hidden[0, torch.tensor(read, dtype=torch.long)]
            return _apply_head(selected, self.head, rows, batch)

    def _run_body(self, ids: list[int], position_ids: list[int], layout: Any) -> Any:
        body, device = self.model.base_model, self.model.device
        original = body.config._attn_implementation  # noqa: SLF001 - transformers has no public way to switch it for a call
        body.config._attn_implementation = self.attention  # noqa: SLF001
        try:
            with torch.inference_mode():
                return body(
                    input_ids=torch.tensor([ids], device=device),
                    position_ids=torch.tensor([position_ids], device=device),
                    use_cache=False,
                    herokit_layout=layout,
                )[0]
        finally:
            body.config._attn_implementation = original  # noqa: SLF001


def _read_rows(values: Any, rows: EncodedRows, batch: MicroBatch, width: int) -> list[Floats]:
    """Return (P, L) logits of each row from what a model's own forward gave: one per row, or one per token and label.

    Raises:
        SetupError: it has another shape.
    """
    positions = [rows.positions[i] for i in batch.rows]
    if values.ndim == 3 and values.shape[1] == width:  # noqa: PLR2004 - row, token, label
        return [row[read] for row, read in zip(values, positions, strict=True)]
    if any(len(read) != 1 for read in positions) and values.ndim == 2 and values.shape[1] == width:  # noqa: PLR2004
        return [row[read, None] for row, read in zip(values, positions, strict=True)]
    if values.ndim > 2 or len(values) != len(positions):  # noqa: PLR2004
        raise SetupError(f"the model's forward gives shape {values.shape} for {len(positions)} rows of {width} tokens")
    return list(values.reshape(len(positions), 1, -1))


def _apply_head(hidden: Any, head: Any, rows: EncodedRows, batch: MicroBatch) -> list[Floats]:
    """Apply the fp32 head to the hidden states that are read, and split the logits by row.

    A head that takes targets gets the token that follows each position.
    """
    device = next(head.parameters(), hidden).device
    targets = []
    if getattr(head, "takes_targets", False):
        following = [
            rows.ids[i][p + 1] if p + 1 < len(rows.ids[i]) else 0 for i in batch.rows for p in rows.positions[i]
        ]
        targets = [torch.tensor(following, device=device)]
    logits = head(hidden.to(device, torch.float32), *targets).cpu().numpy()
    return list(np.split(logits, np.cumsum([len(rows.positions[i]) for i in batch.rows])[:-1]))


def choose_forward(model: Any, profile: ModelProfile, *, min_sharing_gain: float, head: Any = None) -> Forward:
    """Return the forward pass that fits a model.

    Args:
        model: a loaded transformers model.
        profile: of its family.
        min_sharing_gain: see `herokit.reward_models.packing.build_trees`.
        head: from a hidden state to logits, in place of the model's own.
    """
    from transformers import AttentionInterface

    has_own_code = type(model).__module__.startswith("transformers_modules")
    pools_itself = profile.pooling == "forward" or has_own_code
    if head is None and not pools_itself and hasattr(model, profile.head):
        head = deepcopy(getattr(model, profile.head)).float()
    pad_id = getattr(model.config, "pad_token_id", None) or 0
    if head is None:
        is_stock = type(model).__module__.startswith("transformers.models.")
        return PaddedForward(model, None, profile.output, one_by_one=pools_itself or not is_stock, pad_id=pad_id)
    AttentionInterface.register(ROW_BY_ROW, row_attention)
    AttentionInterface.register(FUSED, fused_attention)
    attentions = [FUSED] * _kernel_fits(model) + [ROW_BY_ROW]
    candidates = (PackedForward(model, head, min_sharing_gain, attention) for attention in attentions)
    padded = PaddedForward(model, head, pad_id=pad_id)
    return next((forward for forward in candidates if _agrees(forward, padded)), padded)


def _kernel_fits(model: Any) -> bool:
    """Return whether to try torch's attention of variable length: in half precision on a CUDA device."""
    is_half = model.dtype in {torch.float16, torch.bfloat16}
    return bool(is_half and model.device.type == "cuda" and varlen_kernel() is not None)


def _random_rows(model: Any) -> tuple[EncodedRows, Pack]:
    """Return rows of random ids and one pack of them: a tree of two rows, and a row alone."""
    rng = np.random.default_rng(0)
    vocabulary = int(model.config.get_text_config().vocab_size)
    prefix = rng.integers(0, vocabulary, 5).tolist()
    ids = [prefix + rng.integers(0, vocabulary, n).tolist() for n in (4, 7)]
    ids.append(rng.integers(0, vocabulary, 6).tolist())
    rows = EncodedRows(ids, [[len(row) // 2, len(row) - 1] for row in ids], [""] * 3, [0, 0, None], [0] * 3)
    trees = build_trees(rows.ids, rows.prefix_keys, min_sharing_gain=1.0, max_batch_tokens=99)
    return rows, fill_packs(trees, 99)[0]


def _agrees(packed: PackedForward, padded: PaddedForward) -> bool:
    """Compare a pack of random rows with the same rows run one by one."""
    rows, pack = _random_rows(packed.model)
    try:
        values = packed.run(rows, pack)
    except (NotImplementedError, TypeError):  # another kind of attention, or a body that takes no such keyword
        return False
    except RuntimeError as error:  # a kernel that this device, head size or dtype does not have
        if packed.attention == ROW_BY_ROW:
            raise
        LOG.info("no kernel of variable length here: %s", error)
        return False
    tolerance = {torch.float32: 1e-4, torch.float64: 1e-4}.get(packed.model.dtype, 0.2)
    for row, logits in zip(pack.rows, values, strict=True):
        expected = padded.run(rows, MicroBatch((row,), len(rows.ids[row])))[0]
        if np.abs(logits - expected).max() > tolerance * (1 + np.abs(expected).max()):
            return False
    return True


def compile_layers(forward: Forward, checkpoint: str) -> None:
    """Compile the layers of a packed model for any length, and run them once, so that nothing compiles during scoring.

    The packed attention between the layers is not compiled.

    Raises:
        SetupError: the model is not packed or has no list of layers, this machine cannot compile, or the compiled model
            scores differently.
    """
    from transformers import AttentionInterface

    layers = getattr(forward.model.base_model, "layers", None) if isinstance(forward, PackedForward) else None
    if not isinstance(forward, PackedForward) or layers is None:
        raise SetupError(
            f"{checkpoint}: compile = true needs a packed decoder with layers, this one runs {forward.name}"
        )
    for name, attention in ((ROW_BY_ROW, row_attention), (FUSED, fused_attention)):
        AttentionInterface.register(name, torch.compiler.disable(attention))  # type: ignore[no-untyped-call] # torch has no types for it
    rows, pack = _random_rows(forward.model)
    before = forward.run(rows, pack)
    for layer in layers:
        layer.compile(dynamic=True, backend=_COMPILE_BACKEND)
    try:
        after = forward.run(rows, pack)
    except Exception as error:  # a missing compiler, an operator that cannot be lowered
        reason = " ".join(str(error).split())[:300]
        raise SetupError(
            f"{checkpoint}: cannot be compiled: {type(error).__name__}: {reason}; set compile = false"
        ) from error
    tolerance = 1e-3 if forward.model.dtype == torch.float32 else 0.2
    for expected, values in zip(before, after, strict=True):
        difference = float(np.abs(expected - values).max())
        if not difference <= tolerance * (1 + float(np.abs(expected).max())):
            raise SetupError(f"{checkpoint}: the compiled model scores {difference:.2g} off; set compile = false")
