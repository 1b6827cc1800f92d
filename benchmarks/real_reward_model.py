"""A real body in every way to run it, for `reward_models.py --real`: speed paired by processor time, ranks over all and within prompts.

Body, tokenizer, template and lengths are those of SmolLM2-135M-Instruct, the head is fitted on labelled rollouts (`smollm2.py`).
Sides take turns on chunks of whole prompts, in alternating order. Plain transformers scores one row at a time, which on a CPU is
faster than padded batches.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import smollm2
import torch
import transformers
from safetensors.torch import save_file

from herokit.files.reading import read_rollouts
from herokit.reward_models import compare_ranks
from herokit.types import Sample
from herokit_onnx import OnnxRewardModel, export_reward_model
from herokit_onnx.quantization import _write_int8  # the copy without its gate, whose numbers are printed here
from herokit_torch import TorchRewardModel

__all__ = ["compare_real"]

NUM_FIT = 256
CHUNK = 12
"""Rollouts that a side scores in one turn, as many as a padded batch."""

Score = Callable[[Sequence[Sample]], Any]


def compare_real(rollouts: Path, count: int, folder: Path) -> None:
    """Print a table of all sides.

    Args:
        rollouts: JSONL with labels; the last 256 are for the head, the first `count` are scored.
        count: rollouts to score.
        folder: for the checkpoint and the ONNX files; kept, and used again where they exist.
    """
    samples = read_rollouts(rollouts).samples
    if not (folder / "rm" / "config.json").exists():
        labels = [json.loads(line)["label"] for line in rollouts.read_text(encoding="utf-8").splitlines()]
        tokenizer, base = smollm2.open_language_model()
        head = smollm2.fit_head(tokenizer, base.model, samples[-NUM_FIT:], labels[-NUM_FIT:])
        smollm2.write_checkpoint(folder / "rm", tokenizer, base, head)
    onnx_file = folder / "onnx" / "rm.onnx"
    if not onnx_file.exists():
        export_reward_model(str(folder / "rm"), onnx_file.parent)
    int8_file = onnx_file.with_suffix(".int8.onnx")
    if not int8_file.exists():
        _write_int8(onnx_file, int8_file)
    sides = make_sides(folder, onnx_file, int8_file)
    run(sides, samples[: min(count, len(samples) - NUM_FIT)])


def make_sides(folder: Path, onnx_file: Path, int8_file: Path) -> dict[str, Score]:
    """Open every side; the first is what the others are compared with."""
    name = str(folder / "rm")
    plain = Plain(name, onnx_file)
    torch_sides = {
        "herokit-torch, fp32": TorchRewardModel(name, dtype="float32"),
        "herokit-torch, fp32, nothing shared": TorchRewardModel(name, dtype="float32", min_sharing_gain=float("inf")),
        "herokit-torch, bf16": TorchRewardModel(name, dtype="bfloat16"),
        "herokit-onnx, fp32": OnnxRewardModel(str(onnx_file), threads=1),
        "herokit-onnx, int8": OnnxRewardModel(str(int8_file), threads=1),
    }
    generator = torch.Generator().manual_seed(0)
    heads = []
    for k in range(4):
        weight = plain.model.score.weight.data if k == 0 else torch.randn(1, 576, generator=generator)
        save_file({"score.weight": weight.clone()}, folder / f"head{k}")
        heads.append(TorchRewardModel(name, dtype="float32", head=str(folder / f"head{k}")))
    return {
        "transformers, one row at a time": plain.one_by_one,
        f"transformers, padded batches of {CHUNK}, as in TRL": plain.padded,
        f"onnxruntime by hand, padded batches of {CHUNK}": plain.onnxruntime,
        **{side: (lambda rows, rm=rm: rm.score(rows).values) for side, rm in torch_sides.items()},
        "herokit-torch, fp32, four heads": lambda rows: np.array([head.score(rows).values for head in heads])[0],
    }


class Plain:
    """What one writes without herokit."""

    def __init__(self, folder: str, onnx_file: Path) -> None:
        import onnxruntime

        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(onnx_file, options, providers=["CPUExecutionProvider"])

    def one_by_one(self, rows: Sequence[Sample]) -> list[float]:
        """Score row by row."""
        with torch.inference_mode():
            return [self.model(input_ids=smollm2.plain_ids(self.tokenizer, row)).logits[0, 0].item() for row in rows]

    def _batch(self, rows: Sequence[Sample]) -> Any:
        ids = [smollm2.plain_ids(self.tokenizer, row)[0].tolist() for row in rows]
        return self.tokenizer.pad({"input_ids": ids}, padding_side="right", return_tensors="pt")

    def padded(self, rows: Sequence[Sample]) -> Any:
        """Score one padded batch."""
        with torch.inference_mode():
            return self.model(**self._batch(rows)).logits[:, 0].numpy()

    def onnxruntime(self, rows: Sequence[Sample]) -> Any:
        """Score one padded batch."""
        return self.session.run(None, {name: array.numpy() for name, array in self._batch(rows).items()})[0]


def run(sides: dict[str, Score], samples: Sequence[Sample]) -> None:
    """Score chunk by chunk, every side in turn, and print the table."""
    spent = dict.fromkeys(sides, 0.0)
    scores: dict[str, list[float]] = {name: [] for name in sides}
    for score in sides.values():
        score(samples[:1])  # opens it
    for number, start in enumerate(range(0, len(samples), CHUNK)):
        rows = samples[start : start + CHUNK]
        for name in list(sides)[:: -1 if number % 2 else 1]:
            begun = time.process_time()
            scores[name] += list(np.asarray(sides[name](rows), np.float64).reshape(-1))
            spent[name] += time.process_time() - begun
    first, *_ = sides
    print(f"{len(samples)} rollouts of {len({sample.group for sample in samples})} prompts, in chunks of {CHUNK}")
    for name in sides:
        agreement = compare_ranks(scores[first], scores[name], [sample.group for sample in samples])
        difference = np.abs(np.array(scores[name]) - scores[first]).max()
        ratio = spent[first] / spent[name]
        print(f"  {name:48} {spent[name]:7.1f} s  {ratio:5.2f}x  largest difference {difference:.1e}  {agreement}")
