"""GRPO on stacked runs: every reward comes from a `herokit.Rewarder`, every normalization from `herokit.trainers`."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from benchmarks.replication.learn import Adam, trainable
from benchmarks.replication.policy import Rollouts, Shape, Weights, device_of, generators, logits_of, write
from benchmarks.replication.text import Codec
from torch import Tensor

from herokit import Rewarder
from herokit.combiners.base import produces_advantage
from herokit.outcome import RewardOutput
from herokit.trainers import find_trainer

CLIP, PARTS, SILENT = 0.2, 2, 1e-6
"""Clip of the ratio; updates a step; the largest advantage of a group that teaches nothing."""


@dataclass(frozen=True, slots=True)
class Batch:
    """How much is drawn: steps of `groups` problems with `group_size` rollouts each."""

    steps: int = 100
    groups: int = 16
    group_size: int = 8


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """One run of a stack.

    Attributes:
        start: the fine-tuned policy, (1, ...).
        rewarder: what rewards it.
        rate: learning rate.
        trainer: whose normalization turns rewards into advantages, by its name in `herokit.trainers`; a scheme whose
            chain makes advantages is taken as it is.
        seed: of problems and samples; schemes with the same seed meet the same problems in the same order.
    """

    start: Weights
    rewarder: Rewarder
    rate: float
    trainer: str
    seed: int

    def advantages(self, outcome: RewardOutput) -> np.ndarray[Any, Any]:
        """Return (N,) advantages; 0 where a source could not say."""
        if any(map(produces_advantage, self.rewarder.combiner.steps)):
            found = outcome.advantage
        else:
            found = np.full(len(outcome.reward), np.nan)
            index = outcome.signals.groups.ids
            found[outcome.valid] = find_trainer(self.trainer)(outcome.reward[outcome.valid], index)
        return np.nan_to_num(found)


def _statistics(outcome: RewardOutput, advantages: Any, size: int) -> dict[str, float]:
    """Return what the verifier and the advantages look like, by share of groups."""
    said = np.array([v.value or 0.0 for v in outcome.verdicts["verifier"]]).reshape(-1, size).mean(1)
    silent = np.abs(advantages).reshape(-1, size).max(1) < SILENT
    return {
        "silent": silent.mean(),
        "all_wrong": (said == 0).mean(),
        "all_right": (said == 1).mean(),
        "verified": said.mean(),
    }


def _update(
    shape: Shape,
    weights: dict[str, Tensor],
    adam: Adam,
    prompts: Tensor,
    rollouts: Rollouts,
    advantages: Tensor,
    rate: Tensor,
    order: Tensor,
) -> None:
    """Take `PARTS` steps, each on its share of the groups: clipped ratio, mean over tokens, no KL."""
    groups = prompts.shape[1]
    runs = torch.arange(prompts.shape[0], device=prompts.device)[:, None]

    def pick(x: Tensor, part: Tensor) -> Tensor:
        return x.unflatten(1, (groups, -1))[runs, part].flatten(1, 2)

    for part in order.chunk(PARTS, 1):
        tokens, mask, old, advantage = (
            pick(x, part) for x in (rollouts.tokens, rollouts.mask, rollouts.log_probability, advantages)
        )
        new = logits_of(shape, weights, prompts[runs, part], tokens).log_softmax(-1)
        new = new.gather(-1, tokens.clamp(max=shape.vocabulary - 1)[..., None])[..., 0]
        ratio = ((new - old) * mask).exp()
        gain = torch.minimum(ratio * advantage[..., None], ratio.clamp(1 - CLIP, 1 + CLIP) * advantage[..., None])
        adam.step(-((gain * mask).sum((1, 2)) / mask.sum((1, 2))).sum(), rate)


def train(
    codec: Codec,
    shape: Shape,
    learners: Sequence[Learner],
    problems: Sequence[Any],
    batch: Batch,
    look: Callable[[int, Weights], None],
) -> tuple[dict[str, Tensor], list[list[dict[str, float]]]]:
    """Train one policy a learner; return the weights, (R, ...), and statistics of every run's every step.

    Args:
        codec: of the task.
        shape: of the policies.
        learners: the R runs.
        problems: what is drawn from, without replacement until all were seen.
        batch: sizes.
        look: called with the step and the weights before every step and after the last.
    """
    weights = trainable({name: torch.cat([x.start[name] for x in learners]) for name in learners[0].start})
    device = device_of(weights)
    adam, rate = Adam(weights), torch.tensor([learner.rate for learner in learners], device=device)
    noises = generators([1000 + learner.seed for learner in learners], device)
    orders = [_endless(len(problems), learner.seed) for learner in learners]
    history: list[list[dict[str, float]]] = [[] for _ in learners]
    for step in range(batch.steps):
        look(step, weights)
        drawn = [[problems[next(order)] for _ in range(batch.groups)] for order in orders]
        prompts = torch.stack([codec.prompts(chosen) for chosen in drawn]).to(device)
        rollouts = write(shape, weights, prompts, batch.group_size, codec.task.completion_length, noises)
        rows = []
        for run, (learner, chosen) in enumerate(zip(learners, drawn, strict=True)):
            outcome = learner.rewarder(codec.samples(chosen, rollouts, run, step))
            rows.append(learner.advantages(outcome))
            history[run].append(_statistics(outcome, rows[-1], batch.group_size))
        advantages = torch.tensor(np.stack(rows), dtype=torch.float32, device=device)
        order = torch.stack([torch.randperm(batch.groups, generator=g, device=device) for g in noises])
        _update(shape, weights, adam, prompts, rollouts, advantages, rate, order)
    look(batch.steps, weights)
    return weights, history


def _endless(count: int, seed: int) -> Any:
    rng = random.Random(f"problems {seed}")
    while True:
        yield from rng.sample(range(count), count)
