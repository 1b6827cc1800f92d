"""Two ways to run token ids through a model: packed rows, or padded rows with a mask. Both give fp32 logits.

`Packed` is for causal decoders whose attention can be replaced, which `agrees` finds out by comparing it with rows run
one by one when the model opens, first with the kernel for ragged rows if the device has one; `Padded` is for everything
else. A score is read at positions that are known from the
row itself, never searched for by comparing ids with a pad id.
"""

import logging
from collections.abc import Hashable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from herokit.reward_models.batching import MicroBatch, pad_right, plan_micro_batches
from herokit_torch.attention import FUSED, ROW_BY_ROW, fused, lay, packed, ragged_kernel
from herokit_torch.model_state import Engine, Rows
from herokit_torch.packing import Pack, grow, packs

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Padded:
    """Rows of similar length, padded on the right and masked.

    Attributes:
        model: the whole model; with `head` its body alone runs, and the head only on the positions that count.
        head: from a hidden state to logits, None when the model's own forward pools.
        output: the field of the forward's result that holds the score, without a head.
        alone: run rows one by one: the model pools by pad id, or nobody knows how.
        pad: the id that fills the rest.
    """

    model: Any
    head: Any
    output: str = "logits"
    alone: bool = False
    pad: int = 0

    @property
    def how(self) -> str:
        """How rows run, for the report."""
        return "one by one" if self.alone else "padded"

    def plan(self, rows: Rows, families: Sequence[Hashable], todo: Sequence[int], budget: int) -> list[MicroBatch]:  # noqa: ARG002 - nothing is shared here
        """Sort by length and cut; rows are distinct already."""
        return plan_micro_batches(rows, todo, budget, max_batch_size=1 if self.alone else 256)

    def run(self, rows: Rows, positions: Rows, job: MicroBatch) -> list[Any]:
        """Run one padded batch."""
        ids, mask = pad_right([rows[i] for i in job.rows], pad=self.pad)
        device = self.model.device
        feed = {"input_ids": torch.from_numpy(ids).to(device), "attention_mask": torch.from_numpy(mask).to(device)}
        with torch.inference_mode():
            if self.head is None:
                found = getattr(self.model(**feed), self.output)
                return list(found.float().reshape(len(ids), 1, -1).cpu().numpy())
            hidden = self.model.base_model(**feed, use_cache=False)[0]
            scored = [positions[i] for i in job.rows]
            batch = torch.tensor([b for b, places in enumerate(scored) for _ in places], dtype=torch.long)
            at = torch.tensor([p for places in scored for p in places], dtype=torch.long)
            return _read(hidden[batch, at], self.head, scored)


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows laid out one after the other, the rollouts of a prompt behind their prefix, with no padding at all.

    Attributes:
        model: the whole model; its body alone runs.
        head: from a hidden state to logits.
        least_gain: see `herokit_torch.packing.grow`.
        attention: the name of the packed attention, as transformers knows it.
    """

    model: Any
    head: Any
    least_gain: float
    attention: str = ROW_BY_ROW

    @property
    def how(self) -> str:
        """How rows run, for the report."""
        return "packed, one kernel" if self.attention == FUSED else "packed"

    def plan(self, rows: Rows, families: Sequence[Hashable], todo: Sequence[int], budget: int) -> list[Pack]:
        """Share prefixes where that pays, then fill packs; rows are distinct already."""
        part, kin = [rows[i] for i in todo], [families[i] for i in todo]
        trees = grow(part, kin, least_gain=self.least_gain, budget=budget)
        return packs([replace(tree, rows=tuple(todo[i] for i in tree.rows)) for tree in trees], budget)

    def run(self, rows: Rows, positions: Rows, job: Pack) -> list[Any]:
        """Run one pack."""
        layout = lay([(tree.prefix, [len(rows[i]) - tree.prefix for i in tree.rows]) for tree in job.trees])
        ids: list[int] = []
        places: list[int] = []
        at: list[int] = []
        for tree, (trunk, leaves) in zip(job.trees, layout.trees, strict=True):
            ids += rows[tree.rows[0]][: tree.prefix]
            places += range(tree.prefix)
            for row, (start, _) in zip(tree.rows, leaves, strict=True):
                ids += rows[row][tree.prefix :]
                places += range(tree.prefix, len(rows[row]))
                at += [trunk[0] + p if p < tree.prefix else start + p - tree.prefix for p in positions[row]]
        body = self.model.base_model
        usual = body.config._attn_implementation  # noqa: SLF001 - transformers has no public way to switch it for a call
        body.config._attn_implementation = self.attention  # noqa: SLF001
        try:
            with torch.inference_mode():
                device = self.model.device
                hidden = body(
                    input_ids=torch.tensor([ids], device=device),
                    position_ids=torch.tensor([places], device=device),
                    use_cache=False,
                    herokit_layout=layout,
                )[0]
                return _read(hidden[0, torch.tensor(at, dtype=torch.long)], self.head, [positions[i] for i in job.rows])
        finally:
            body.config._attn_implementation = usual  # noqa: SLF001


def _read(hidden: Any, head: Any, positions: Rows) -> list[Any]:
    """Apply the fp32 head to the hidden states that count, and give each row its own."""
    device = next(head.parameters()).device
    logits = head(hidden.to(device, torch.float32)).cpu().numpy()
    return list(np.split(logits, np.cumsum([len(p) for p in positions])[:-1]))


def choose(model: Any, head_name: str, *, own: bool, output: str, least_gain: float) -> Engine:
    """Return the engine that fits a model.

    Args:
        model: a loaded transformers model.
        head_name: the attribute that turns a hidden state into logits.
        own: leave pooling to the model's forward.
        output: the field of that forward's result.
        least_gain: see `herokit_torch.packing.grow`.
    """
    from transformers import AttentionInterface

    head = None if own else getattr(model, head_name, None)
    pad = getattr(model.config, "pad_token_id", None) or 0
    if head is None:
        stock = type(model).__module__.startswith("transformers.models.")
        return Padded(model, None, output, alone=own or not stock, pad=pad)
    head = deepcopy(head).float()
    AttentionInterface.register(ROW_BY_ROW, packed)
    AttentionInterface.register(FUSED, fused)
    ways = [FUSED] * kernel_fits(model) + [ROW_BY_ROW]
    tried = (Packed(model, head, least_gain, way) for way in ways)
    return next((way for way in tried if agrees(way, Padded(model, head))), Padded(model, head, pad=pad))


def kernel_fits(model: Any) -> bool:
    """Say whether torch's attention for ragged rows is worth a try: in half precision on a CUDA device."""
    half = model.dtype in {torch.float16, torch.bfloat16}
    return bool(half and model.device.type == "cuda" and ragged_kernel() is not None)


def made_up(engine: Packed) -> tuple[Rows, Rows, Pack]:
    """Return rows, positions and one job of made-up ids: a tree of two rows and a row alone."""
    rng = np.random.default_rng(0)
    vocabulary = int(engine.model.config.get_text_config().vocab_size)
    start = rng.integers(0, vocabulary, 5).tolist()
    rows = [start + rng.integers(0, vocabulary, n).tolist() for n in (4, 7)] + [rng.integers(0, vocabulary, 6).tolist()]
    positions = [[len(row) // 2, len(row) - 1] for row in rows]
    return rows, positions, packs(grow(rows, [0, 0, None], least_gain=1.0, budget=99), 99)[0]


def agrees(fast: Packed, plain: Padded) -> bool:
    """Compare packing with rows run one by one on made-up ids."""
    rows, positions, job = made_up(fast)
    try:
        found = fast.run(rows, positions, job)
    except (NotImplementedError, TypeError):  # attention of another kind, or a body that takes no such keyword
        return False
    except RuntimeError as error:  # a kernel that this device, head size or dtype does not have
        if fast.attention == ROW_BY_ROW:
            raise
        LOG.info("no kernel for ragged rows here: %s", error)
        return False
    near = {torch.float32: 1e-4, torch.float64: 1e-4}.get(fast.model.dtype, 0.2)
    for row, logits in zip(job.rows, found, strict=True):
        expected = plain.run(rows, positions, MicroBatch((row,), len(rows[row])))[0]
        if np.abs(logits - expected).max() > near * (1 + np.abs(expected).max()):
            return False
    return True
