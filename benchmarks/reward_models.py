"""Reward models on one CPU core against plain transformers with padded batches of 32 in input order.

Run ``python benchmarks/reward_models.py [--quick]``; `real_reward_model.py` runs a pretrained model. Both sides score the same
token ids of the same random Qwen2 reward model in one process, alternating, and must agree. Times are process CPU time, the minimum
of three runs. Tokens per second count real tokens, not padding.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import torch
import transformers
from machine import header
from tokenizers import Tokenizer, models, pre_tokenizers

from herokit.types import Sample
from herokit_onnx import OnnxRewardModel, export_reward_model, quantize_reward_model
from herokit_torch import TorchRewardModel

WORDS = 8000
SHAPE = {"hidden_size": 256, "intermediate_size": 1024, "num_attention_heads": 4, "num_key_value_heads": 2}
TEMPLATE = "{prompt} {completion}"


def make(folder: Path, layers: int) -> None:
    """Write a random Qwen2 reward model and a tokenizer with one token per word."""
    torch.manual_seed(0)
    tokenizer = Tokenizer(models.WordLevel({f"w{i}": i for i in range(WORDS)}, unk_token="w0"))  # noqa: S106 - a word
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="w0").save_pretrained(folder)  # noqa: S106
    config = transformers.Qwen2Config(
        vocab_size=WORDS, num_hidden_layers=layers, num_labels=1, pad_token_id=0, initializer_range=0.1, **SHAPE
    )
    transformers.Qwen2ForSequenceClassification(config).save_pretrained(folder)


def words(rng: np.random.Generator, count: int) -> str:
    """Draw a text of `count` tokens."""
    return " ".join(f"w{i}" for i in rng.integers(1, WORDS, count))


def mixed(count: int) -> list[Sample]:
    """Draw rollouts of log-normal length (mean about 270, 95 % below 600, at most 1000 tokens), each with its own prompt."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(5.4, 0.65, count), 20, 1000).astype(int)
    return [Sample(words(rng, 10), words(rng, n - 10), group=i) for i, n in enumerate(lengths)]


def rollouts(prompts: int, each: int, prompt: int, answer: int) -> list[Sample]:
    """Draw `each` answers for each of `prompts` prompts."""
    rng = np.random.default_rng(1)
    texts = [words(rng, prompt) for _ in range(prompts)]
    return [Sample(p, words(rng, answer), group=i) for i, p in enumerate(texts) for _ in range(each)]


class Naive:
    """Plain transformers, padded batches of 32 in input order."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
        self.padding = 0.0

    def score(self, samples: list[Sample]) -> np.ndarray:
        """Return the scores; store padded tokens over real tokens in `padding`."""
        scores, run, real = [], 0, 0
        for at in range(0, len(samples), 32):
            texts = [TEMPLATE.format(prompt=s.prompt, completion=s.completion) for s in samples[at : at + 32]]
            batch = self.tokenizer(texts, padding=True, return_tensors="pt")
            run, real = run + batch["input_ids"].numel(), real + int(batch["attention_mask"].sum())
            with torch.no_grad():
                scores.append(self.model(**batch).logits[:, 0].numpy())
        self.padding = run / real
        return np.concatenate(scores)


def compare(title: str, sides: dict, samples: list[Sample], tolerance: dict[str, float], rounds: int) -> None:
    """Time all sides alternately, check that they agree with the first, and print the results."""
    tokens = sum(len(s.prompt.split()) + len(s.completion.split()) for s in samples)
    print(f"\n{title}: {len(samples)} rollouts, {tokens} tokens")
    spent: dict[str, list[float]] = {name: [] for name in sides}
    scores: dict[str, np.ndarray] = {}
    for _ in range(rounds):
        for name, side in sides.items():
            start = time.process_time()
            scores[name] = np.asarray(side.score(samples))
            spent[name].append(time.process_time() - start)
    first = next(iter(sides))
    for name, side in sides.items():
        difference = float(np.abs(scores[name] - scores[first]).max())
        padding = side.padding if isinstance(side, Naive) else side.stats.run_ratio
        speed = min(spent[first]) / min(spent[name])
        print(
            f"  {name:34} {tokens / min(spent[name]):7.0f} tokens/s {speed:6.2f}x  run/real {padding:.2f}  "
            f"largest difference {difference:.1e} of {np.ptp(scores[first]):.1f}"
        )
        assert difference <= tolerance.get(name, 1e-4) * np.ptp(scores[first]), name


def token_limits(model: Path, *, quick: bool) -> dict[str, OnnxRewardModel]:
    """Return the same ONNX model with several limits of tokens per batch; the first hardly pads."""
    sides = {
        f"onnx, {limit} tokens": OnnxRewardModel(str(model), threads=1, max_batch_tokens=limit)
        for limit in ((1, 512) if quick else (256, 512, 1024, 2048, 4096))
    }
    return sides | {
        "onnx, 512 tokens, io_binding": OnnxRewardModel(str(model), threads=1, max_batch_tokens=512, io_binding=True)
    }


def main() -> None:
    """Print the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two layers, few rollouts, one round: a smoke test")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    print(header("herokit-torch", "herokit-onnx", "torch", "transformers", "onnxruntime"))
    compare_random(quick=arguments.quick)


def compare_random(*, quick: bool) -> None:
    """Print the comparisons on a random model."""
    rounds = 1 if quick else 3
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name) / "rm", Path(name) / "onnx"
        make(folder, 2 if quick else 6)
        naive, tolerance = "transformers, padded", {"onnx int8": 0.2, "torch bf16": 0.1}
        onnx_file = export_reward_model(str(folder), out, template=TEMPLATE)
        samples = mixed(8 if quick else 64)
        int8_file = quantize_reward_model(onnx_file, samples, min_rank_correlation=0.9).path
        settings = {"template": TEMPLATE, "max_batch_tokens": 2048}
        sides = {
            naive: Naive(folder),
            "torch": TorchRewardModel(str(folder), **settings),
            "torch bf16": TorchRewardModel(str(folder), dtype="bfloat16", **settings),
            "onnx": OnnxRewardModel(str(onnx_file), threads=1),
            "onnx int8": OnnxRewardModel(str(int8_file), threads=1),
        }
        compare("Mixed lengths", sides, samples, tolerance, rounds)
        compare("ONNX: tokens per batch, and IO binding", token_limits(onnx_file, quick=quick), samples, {}, rounds)
        if not quick:
            sides = {
                "torch": sides["torch"],
                "torch, compiled": TorchRewardModel(str(folder), compile=True, **settings),
            }
            start = time.perf_counter()
            sides["torch, compiled"].score(samples)
            print(f"\ncompiling and the first round took {time.perf_counter() - start:.0f} s")
            compare("Compiled layers", sides, samples, {}, rounds)
        for prompt, answer in ((200, 200), (1000, 200), (100, 600)):
            if quick and prompt != 200:  # noqa: PLR2004 - the first case
                break
            sides = {
                "torch, nothing shared": TorchRewardModel(str(folder), min_sharing_gain=float("inf"), **settings),
                "torch, prefix shared": TorchRewardModel(str(folder), min_sharing_gain=0, **settings),
            }
            title = f"Prompt of {prompt}, 8 answers of {answer}"
            compare(title, sides, rollouts(2 if quick else 4, 8, prompt, answer), {}, rounds)


if __name__ == "__main__":
    main()
