"""A step-wise reward model: the fine-tuned policy, taught on a few labelled rollouts how likely each step is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from benchmarks.replication.learn import Adam, frozen, trainable
from benchmarks.replication.policy import Shape, Weights, device_of, generators, logits_of, write
from benchmarks.replication.tasks import share
from benchmarks.replication.text import Codec
from torch import Tensor
from torch.nn import functional

from herokit import Sample

EACH, EPOCHS, BATCH, RATE = 4, 4, 64, 5e-4
"""Rollouts a labelled problem, and how the reward model learns from them."""

POOL = 1200
"""Problems for the reward model; its AUC is measured on the last quarter."""


def _score(shape: Shape, weights: Weights, prompts: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Return scores (B,), and a logit for each token (B, T) that the text is right so far.

    With ``c_t = log pi(x_t | x_<t) + bias`` and ``p = prod_t sigmoid(c_t)`` the score is ``log p - log(1 - p)``.
    """
    mask = tokens <= shape.vocabulary - 1
    model = {name: w for name, w in weights.items() if name != "bias"}
    chances = logits_of(shape, model, prompts[None], tokens[None])[0].log_softmax(-1)
    steps = chances.gather(-1, tokens.clamp(max=shape.vocabulary - 1)[..., None])[..., 0] + weights["bias"][0]
    right = (functional.logsigmoid(steps) * mask).sum(1).clamp(-12.0, -1e-4)
    return right - torch.log(-torch.expm1(right)), steps


@dataclass(frozen=True, eq=False)
class StepwiseModel:
    """Scores rollouts by the chance that every step is right; a `herokit.types.RewardModel`.

    Attributes:
        codec: of the task.
        shape: of the transformer.
        weights: one run's parameters and a bias.
    """

    codec: Codec
    shape: Shape
    weights: Weights

    @torch.no_grad()
    def score(self, samples: Sequence[Sample], /) -> np.ndarray:
        """Return the logits, (N,); a prompt that several samples follow is read once."""
        runs = [list(rows) for _, rows in groupby(samples, key=lambda s: s.group)]
        if len({len(rows) for rows in runs}) > 1:
            runs = [[sample] for sample in samples]
        device = device_of(self.weights)
        prompts = self.codec.prompts([rows[0].meta["problem"] for rows in runs]).to(device)
        tokens = torch.tensor([s.meta["tokens"] for s in samples], device=device)
        return _score(self.shape, self.weights, prompts, tokens)[0].double().cpu().numpy()


@dataclass(frozen=True, eq=False)
class RandomModel(StepwiseModel):
    """A reward model that knows nothing: the same noise for the same text."""

    def score(self, samples: Sequence[Sample], /) -> np.ndarray:
        """Return numbers in [0, 1), (N,), drawn by the problem and the completion."""
        return np.array([share("noise", s.meta["problem"], s.completion) for s in samples])


def _labels(codec: Codec, sample: Sample) -> tuple[bool, list[bool], int]:
    """Return whether the answer is right, whether each token of the steps continues the true solution, and their number."""
    task, problem = codec.task, sample.meta["problem"]
    steps, value = task.solve(problem)
    written = sample.meta["tokens"]
    gold = [codec.number[t] for t in steps]
    ok, so_far = list[bool](), True
    for x, y in zip(written, gold, strict=False):
        so_far = so_far and x == y
        ok.append(so_far)
    answers = {"".join(task.render(value, form)) for form in range(4)}
    right = sample.meta["finished"] and sample.completion.rpartition(";")[2] in answers
    return right, ok + [False] * (len(written) - len(ok)), len(ok)


def teach(codec: Codec, shape: Shape, policy: Weights, seed: int, problems: int) -> StepwiseModel:
    """Train a reward model from the policy's own weights.

    Args:
        codec: of the task.
        shape: of the policy.
        policy: one fine-tuned run, (1, ...).
        seed: of the whole pipeline.
        problems: labelled problems, `EACH` rollouts for each; 0 leaves the policy's own likelihood as the score.
    """
    device = device_of(policy)
    weights = trainable({**policy, "bias": torch.full((1, 1), 2.0, device=device)})
    noise = generators([7000 + seed], device)
    if problems:
        pool = codec.task.pool("rm", POOL)
        start = seed * 97 % (POOL * 5 // 12)
        chosen = pool[start : start + problems]
        asked = codec.prompts(chosen).to(device)
        rollouts = write(shape, policy, asked[None], EACH, codec.task.completion_length, noise)
        samples = codec.samples(chosen, rollouts)
        labels = [_labels(codec, sample) for sample in samples]
        right = torch.tensor([float(y) for y, _, _ in labels], device=device)
        so_far = torch.tensor([ok for _, ok, _ in labels], device=device).float()
        judged = torch.zeros_like(so_far)
        for row, (_, _, count) in enumerate(labels):
            judged[row, :count] = 1.0
        prompts, tokens = asked.repeat_interleave(EACH, 0), rollouts.tokens[0]
        adam, total, done = Adam(weights, (0.9, 0.999)), EPOCHS * -(-len(samples) // BATCH), 0
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(samples), generator=noise[0], device=device).split(BATCH):
                score, steps = _score(shape, weights, prompts[rows], tokens[rows])
                loss = functional.binary_cross_entropy_with_logits(score, right[rows])
                each = functional.binary_cross_entropy_with_logits(steps, so_far[rows], reduction="none")
                loss = loss + (each * judged[rows]).sum() / judged[rows].sum()
                rate = RATE * min(1.0, (done + 1) / 5) * max(0.05, 1 - done / total)
                adam.step(loss, torch.full((1,), rate * 64 / shape.width, device=device))
                done += 1
    return StepwiseModel(codec, shape, frozen(weights))
