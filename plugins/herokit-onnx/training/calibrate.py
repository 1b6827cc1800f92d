"""Fit one temperature on held-out problems, so that a score is a log-odds there: ``python calibrate.py --build build``."""

import argparse
import json
import random
from pathlib import Path

import corpus
import numpy as np
import torch
from export import load
from tokenizers import Tokenizer
from torch.nn.functional import binary_cross_entropy_with_logits
from train import encode


def main(build: Path) -> None:
    """Write temperature.json: the divisor of the grid that makes the held-out labels likeliest."""
    torch.set_num_threads(1)
    r = random.Random(777)
    problems = [corpus.generated(r, unseen=True) for _ in range(150)] + corpus.gsm8k()[-corpus.HELD_OUT :][:150]
    model, tokenizer = load(build), Tokenizer.from_file(str(build / "tokenizer.json"))
    scores, labels = [], []
    for problem in problems:
        ids, targets, last = encode(tokenizer, corpus.rollouts(r, problem, 4, 0.25))
        rows = torch.arange(len(ids))
        with torch.no_grad():
            scores.append(model(ids)[rows, last])
        labels.append(targets[rows, last])
    score, label = torch.cat(scores), torch.cat(labels)
    grid = np.linspace(0.5, 6, 111)
    losses = [binary_cross_entropy_with_logits(score / t, label).item() for t in grid]
    best = float(grid[int(np.argmin(losses))])
    (build / "temperature.json").write_text(json.dumps(best))
    print("temperature", best, "loss", min(losses))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"))
    main(parser.parse_args().build)
