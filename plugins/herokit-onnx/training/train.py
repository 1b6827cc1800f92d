"""Train the embedded reward model. One command, one thread, fixed seed: ``python train.py --out build``."""

import argparse
import json
import math
import random
import time
from pathlib import Path

import corpus
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from corpus import Rollout
from network import TinyRM
from tokenizers import Tokenizer
from torch import Tensor

from herokit_onnx.annotate import TOKEN_NAMES

ID = {name: i for i, name in enumerate(TOKEN_NAMES)}
VERDICTS = [ID["ok"], ID["rounded"], ID["bad"]]
LIMIT = 224


def encode(tokenizer: Tokenizer, rollouts: list[Rollout]) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids (B, S), targets (B, S) with -1 where there is none, and the last position (B,)."""
    rows = [e.ids[-LIMIT:] for e in tokenizer.encode_batch_fast([x.text for x in rollouts])]
    width = max(map(len, rows))
    ids = np.zeros((len(rows), width), np.int64)
    targets = np.full((len(rows), width), -1.0, np.float32)
    for i, (row, rollout) in enumerate(zip(rows, rollouts, strict=True)):
        ids[i, : len(row)] = row
        at = [j for j, t in enumerate(row) if t in VERDICTS]
        if len(at) == len(rollout.steps):
            targets[i, at] = rollout.steps
        targets[i, len(row) - 1] = rollout.label
    last = torch.tensor([len(row) - 1 for row in rows])
    return torch.from_numpy(ids), torch.from_numpy(targets), last


def loss_of(
    model: TinyRM, lm: torch.nn.Linear, batch: tuple[Tensor, Tensor, Tensor], size: int
) -> tuple[Tensor, Tensor]:
    """Outcome and step cross-entropy, ranking inside each problem, next token on what is right so far."""
    ids, targets, last = batch
    hidden = model.hidden(ids)
    scores = model.head(hidden).squeeze(-1)
    rows = torch.arange(len(ids))
    final, label = scores[rows, last], targets[rows, last]
    outcome = F.binary_cross_entropy_with_logits(final, label)
    steps = targets >= 0
    steps[rows, last] = False
    step = F.binary_cross_entropy_with_logits(scores[steps], targets[steps]) if steps.any() else outcome * 0
    gap = final.view(-1, size, 1) - final.view(-1, 1, size)
    pairs = (label.view(-1, size, 1) > label.view(-1, 1, size)).float()
    rank = (F.softplus(-gap) * pairs).sum() / pairs.sum().clamp(min=1)
    answered = (ids == ID["sep"]).cumsum(1) > 0
    right = (answered & (ids != 0) & (label > 0)[:, None])[:, 1:]
    language = F.cross_entropy(lm(hidden[:, :-1][right]), ids[:, 1:][right]) if right.any() else outcome * 0
    return outcome + 0.5 * step + 0.5 * rank + 0.3 * language, outcome.detach()


def train(options: argparse.Namespace) -> None:
    """Train for a number of steps fixed beforehand and save weights, tokenizer and settings."""
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    problems = corpus.gsm8k()[: -corpus.HELD_OUT]
    tokenizer = corpus.learn_tokenizer(problems, options.vocab)
    tokenizer.save(str(out / "tokenizer.json"))
    shape = {"vocab": tokenizer.get_vocab_size(), "width": options.width, "layers": options.layers}
    (out / "shape.json").write_text(json.dumps(shape))
    model = TinyRM(**shape)
    lm = torch.nn.Linear(options.width, shape["vocab"], bias=False)
    torch.nn.init.normal_(lm.weight, std=0.02)
    print("problems", len(problems), "parameters", sum(p.numel() for p in model.parameters()), flush=True)
    parameters = [*model.parameters(), *lm.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=options.lr, betas=(0.9, 0.98), weight_decay=0.05)
    batches = corpus.stream(random.Random(options.seed), problems, groups=options.groups, size=4, own=0.25)
    began, running = time.process_time(), 0.7
    for step in range(options.steps):
        for group in optimizer.param_groups:
            group["lr"] = (
                options.lr * min(1.0, (step + 1) / 100) * (0.51 + 0.49 * math.cos(math.pi * step / options.steps))
            )
        groups = sorted(next(batches), key=lambda g: max(len(x.text) for x in g))
        optimizer.zero_grad()
        mean = 0.0
        for at in range(0, len(groups), 4):  # similar lengths together: little padding
            batch = encode(tokenizer, [x for group in groups[at : at + 4] for x in group])
            loss, outcome = loss_of(model, lm, batch, 4)
            (loss * 4 / len(groups)).backward()
            mean += outcome.item() * 4 / len(groups)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        running += 0.02 * (mean - running)
        if step % 100 == 0 or step == options.steps - 1:
            print(f"step {step} outcome {running:.3f} cpu {time.process_time() - began:.0f}s", flush=True)
            torch.save(model.state_dict(), out / "weights.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build"))
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--groups", type=int, default=16)
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--vocab", type=int, default=2400)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())
