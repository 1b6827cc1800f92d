"""A random reward model with the shape of a real one on a GPU: share of the matmul ceiling, against plain transformers.

Run ``python benchmarks/gpu/reward_models.py``: the shape of AceMath-7B-RM in bf16 and 4,096 rollouts of mixed lengths,
8 per prompt. ``--shape tiny`` runs a small shape anywhere. Prints four parts as JSON:

* ``ceiling``: FLOP/s of one large bf16 (fp32 on a CPU) matmul, measured here;
* ``herokit``: real tokens/s of `TorchRewardModel`, with and without shared prefixes, FLOP/s as 2 x weights in matmuls x
  tokens (attention not counted, so the share is a little low), peak memory;
* ``transformers``: the same rows in padded batches in input order;
* ``onnx``: `OnnxRewardModel` and `TorchRewardModel` on ``--onnx-shape``, which fits ONNX Runtime, exported in the same dtype,
  with the provider that ran. ``--onnx-shape none`` skips it.
"""

import argparse
import json
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from herokit.types import Sample
from herokit_torch import TorchRewardModel

SHAPES = {
    "acemath-7b": {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
    },
    "qwen-0.5b": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
    },
    "tiny": {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 1000,
    },
}
TEMPLATE = "{prompt} {completion}"


def make(folder: Path, shape: str, device: torch.device, dtype: torch.dtype) -> None:
    """Write a random checkpoint, drawn on the device, and a tokenizer with one token per word."""
    torch.manual_seed(0)
    words = {f"w{i}": i for i in range(1000)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w0"))  # noqa: S106 - a word
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="w0").save_pretrained(folder)  # noqa: S106
    config = transformers.Qwen2Config(num_labels=1, pad_token_id=0, dtype=dtype, **SHAPES[shape])
    with device:
        transformers.Qwen2ForSequenceClassification(config).to(dtype).save_pretrained(folder)


def rollouts(count: int, longest: int) -> list[Sample]:
    """Draw log-normal lengths (mean about a third of `longest`), 8 rollouts per prompt, prompts a fifth of the mean."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(np.log(longest / 4), 0.6, count), 8, longest * 0.9).astype(int)
    text = lambda n: " ".join(f"w{i}" for i in rng.integers(1, 1000, n))  # noqa: E731 - local shorthand
    prompts = [text(longest // 15) for _ in range(-(-count // 8))]
    return [Sample(prompts[i // 8], text(n), group=i // 8) for i, n in enumerate(lengths)]


def wait(device: torch.device) -> float:
    """Wait for the device and return the time."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def ceiling(device: torch.device, dtype: torch.dtype, side: int) -> float:
    """Return the FLOP/s of one square matmul, the best of several."""
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    spent = []
    for _ in range(8):
        start = wait(device)
        a @ b
        spent.append(wait(device) - start)
    return 2 * side**3 / min(spent)


def naive(folder: Path, samples: list[Sample], device: torch.device, dtype: torch.dtype, batch: int) -> tuple:
    """Score with plain transformers, padded, in input order; return scores, seconds, tokens that ran."""
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, dtype=dtype).to(device).eval()
    scores, run = [], 0
    start = wait(device)
    for at in range(0, len(samples), batch):
        texts = [TEMPLATE.format(prompt=s.prompt, completion=s.completion) for s in samples[at : at + batch]]
        ids = tokenizer(texts, padding=True, return_tensors="pt").to(device)
        run += ids["input_ids"].numel()
        with torch.inference_mode():
            scores.append(model(**ids).logits[:, 0].float().cpu())
    return torch.cat(scores).numpy(), wait(device) - start, run


def measure(rm: Any, samples: list[Sample], device: torch.device) -> tuple[np.ndarray, dict]:
    """Score with an open and warm model of herokit; return the scores and the throughput."""
    rm.score(samples[:16])  # opens the model
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    before = rm.stats
    start = wait(device)
    scores = rm.score(samples).values
    spent = wait(device) - start
    real, ran = (getattr(rm.stats, name) - getattr(before, name) for name in ("real_tokens", "run_tokens"))
    return scores, {
        "tokens_per_second": real / spent,
        "run_ratio": ran / real,
        "run_tokens_per_second": ran / spent,
    }


def measure_onnx(shape: str, samples: list[Sample], device: torch.device, dtype: torch.dtype) -> dict:
    """Export a shape and score with both backends."""
    from herokit_onnx import OnnxRewardModel, export_reward_model

    name = "bf16" if dtype is torch.bfloat16 else "fp32"
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        make(folder, shape, device, dtype)
        path = export_reward_model(str(folder), folder / "onnx", template=TEMPLATE, dtype=name)
        with TorchRewardModel(str(folder), template=TEMPLATE, min_sharing_gain=float("inf")) as rm:
            expected, torch_timing = measure(rm, samples, device)
        with OnnxRewardModel(str(path)) as rm:
            scores, timing = measure(rm, samples, device)
            timing["provider"] = rm.provider
    timing["max_difference"] = float(np.abs(scores - expected).max())
    return {
        "shape": shape,
        "dtype": name,
        "torch": torch_timing,
        "onnx": timing,
        "score_spread": float(np.ptp(expected)),
    }


def main() -> None:
    """Print the results as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="acemath-7b")
    parser.add_argument("--rollouts", type=int, default=4096)
    parser.add_argument("--longest", type=int, default=3000, help="tokens")
    parser.add_argument("--naive-rollouts", type=int, default=512, help="rollouts of the padded side")
    parser.add_argument("--budget", type=int, default=None)
    parser.add_argument("--compile", action="store_true", help="compile the layers of the torch model")
    parser.add_argument("--onnx-shape", choices=[*SHAPES, "none"], default="qwen-0.5b")
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    transformers.utils.logging.disable_progress_bar()
    samples = rollouts(args.rollouts, args.longest)
    packages = {name: version(name) for name in ("herokit-torch", "torch", "transformers")}
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    result: dict = {"device": name, "dtype": str(dtype), "shape": args.shape, "versions": packages}
    result["ceiling_flops"] = ceiling(device, dtype, 8192 if device.type == "cuda" else 512)
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        make(folder, args.shape, device, dtype)
        part = samples[: args.naive_rollouts]
        expected, seconds, run = naive(folder, part, device, dtype, 32)
        common = {"template": TEMPLATE, "max_batch_tokens": args.budget, "dtype": str(dtype).removeprefix("torch.")}
        for title, gain in (("packed", float("inf")), ("packed_shared", 1.25)):
            with TorchRewardModel(str(folder), min_sharing_gain=gain, compile=args.compile, **common) as rm:
                scores, timing = measure(rm, samples, device)
                body = rm._runner().forward.model.base_model  # noqa: SLF001 - its weights are counted
                weights = sum(p.numel() for p in body.layers.parameters() if p.ndim == 2)  # noqa: PLR2004 - matrices
                del body
                timing["forward"] = rm.report().partition(";")[0].removeprefix(f"torch: {folder} ")
            timing["share_of_ceiling"] = 2 * weights * timing["run_tokens_per_second"] / result["ceiling_flops"]
            timing["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else None
            timing["max_difference"] = float(np.abs(scores[: len(part)] - expected).max())
            result[title] = timing
        result["score_spread"] = float(np.ptp(expected))
    words = sum(len(s.prompt.split()) + len(s.completion.split()) for s in part)
    result["transformers"] = {"tokens_per_second": words / seconds, "run_ratio": run / words}
    if args.onnx_shape != "none":
        result["onnx"] = measure_onnx(args.onnx_shape, samples, device, dtype)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
