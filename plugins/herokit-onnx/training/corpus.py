"""Labelled rollouts to learn from and to validate on, and the tokenizer learnt from their texts."""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import generate
from plant import Solution, parse, write
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from herokit_onnx.annotate import TOKEN_NAMES, annotate

GSM8K = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "gsm8k_train_solutions.jsonl"
HELD_OUT = 600
"""The last problems of the GSM8K training file are never trained on."""


@dataclass
class Problem:
    """A problem with its solution and the numbers it mentions."""

    prompt: str
    solution: Solution
    numbers: list[str]


@dataclass
class Rollout:
    """One text to score: the prepared input, 1 if its answer is right, per equation 1 while nothing is wrong."""

    text: str
    label: int
    steps: list[int]


def gsm8k() -> list[Problem]:
    """Read the GSM8K problems whose solutions parse; empty where the file is absent."""
    if not GSM8K.exists():
        return []
    rows = [json.loads(line) for line in GSM8K.read_text(encoding="utf-8").splitlines()]
    found = []
    for row in rows:
        solution = parse(row["answer"])
        if solution is not None:
            found.append(
                Problem(row["question"], solution, re.findall(r"\d+(?:\.\d+)?", row["question"].replace(",", "")))
            )
    return found


def generated(r: random.Random, *, unseen: bool = False) -> Problem:
    """Make one problem of our own."""
    return Problem(*generate.make(r, unseen=unseen))


def rollouts(r: random.Random, problem: Problem, n: int, p: float) -> list[Rollout]:
    """Write `n` solutions of one problem, an error at every equation with probability `p`."""
    texts = [write(r, problem.solution, problem.numbers, p) for _ in range(n)]
    return [Rollout(annotate(problem.prompt, text), label, steps) for text, label, steps in texts]


def stream(
    r: random.Random, problems: list[Problem], *, groups: int, size: int, own: float
) -> Iterator[list[list[Rollout]]]:
    """Yield batches of `groups` problems with `size` rollouts each; the share `own` is generated."""
    order: list[Problem] = []
    while True:
        batch = []
        for _ in range(groups):
            if not problems or r.random() < own:
                problem = generated(r)
            else:
                order = order or r.sample(problems, len(problems))
                problem = order.pop()
            batch.append(rollouts(r, problem, size, r.choice([0.1, 0.25, 0.4])))
        yield batch


def learn_tokenizer(problems: list[Problem], size: int) -> Tokenizer:
    """Byte-level BPE over prepared texts; annotation tokens are special tokens with ids in the order of `TOKEN_NAMES`."""
    r = random.Random(0)
    texts = [rollouts(r, p, 1, 0.2)[0].text for p in problems]
    texts += [rollouts(r, generated(r), 1, 0.2)[0].text for _ in range(1500)]
    texts += [str(i) for i in range(1000) for _ in range(8)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\s+"), "removed"),
            pre_tokenizers.Split(Regex(r"\d{1,3}"), "isolated"),
            pre_tokenizers.Punctuation("isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    special = [chr(0xE000 + i) for i in range(len(TOKEN_NAMES))]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
