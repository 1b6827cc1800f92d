"""A cold start on correct answers, and GRPO with rewards from `herokit.Rewarder`: all that changes the policy."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from benchmarks.language_model.policy import Policy, write
from benchmarks.language_model.scores import samples_of
from benchmarks.replication.grpo import CLIP, PARTS, Learner
from benchmarks.replication.tasks import FORMS

from herokit import Rewarder

__all__ = ["Sizes", "imitate", "reinforce"]

NORM = 1.0
"""The largest norm of a gradient."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is drawn: a cold start of `examples`, then `steps` of `groups` problems with `group_size` rollouts each."""

    examples: int = 208
    batch: int = 16
    cold_rate: float = 3e-5
    steps: int = 30
    groups: int = 8
    group_size: int = 8


def _optimizer(policy: Policy, rate: float) -> torch.optim.AdamW:
    return torch.optim.AdamW(policy.model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.0)


def _descend(policy: Policy, optimizer: torch.optim.AdamW, loss: torch.Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call] # torch's
    torch.nn.utils.clip_grad_norm_(policy.model.parameters(), NORM)
    optimizer.step()


def imitate(policy: Policy, task: Any, problems: Sequence[Any], seed: int, sizes: Sizes) -> list[float]:
    """Fine-tune on correct answers in all forms, one pass over the examples; return the losses."""
    rng, optimizer, losses = random.Random(f"cold start {seed}"), _optimizer(policy, sizes.cold_rate), list[float]()
    chosen = rng.sample(list(problems), sizes.examples)
    for first in range(0, len(chosen), sizes.batch):
        part = chosen[first : first + sizes.batch]
        texts = [" " + "".join(task.render(task.answer(p), rng.randrange(FORMS))) for p in part]
        tokens, mask = policy.completions(texts)
        chances, _ = policy.read(*policy.encode([task.text(p) for p in part]), tokens, mask)
        loss = -chances.sum() / mask.sum()
        _descend(policy, optimizer, loss)
        losses.append(float(loss.detach()))
    return losses


def reinforce(
    policy: Policy,
    task: Any,
    problems: Sequence[Any],
    rewarder: Rewarder,
    rate: float,
    seed: int,
    sizes: Sizes,
    look: Callable[[int], None],
) -> None:
    """Train by GRPO: clipped ratio, mean over tokens, `PARTS` updates a step, no KL.

    Args:
        policy: changed in place.
        task: whose problems they are.
        problems: what is drawn from, without replacement until all were seen.
        rewarder: what rewards it; TRL's normalization follows unless its chain makes advantages.
        rate: learning rate.
        seed: of problems and samples; schemes with the same seed meet the same problems in the same order.
        sizes: how much is drawn.
        look: called with the step before every step and after the last.
    """
    rng, learner = random.Random(f"problems {seed}"), Learner({}, rewarder, rate, "trl", seed)
    dice, optimizer = torch.Generator(policy.device).manual_seed(1000 + seed), _optimizer(policy, rate)
    order = list[Any]()
    for step in range(sizes.steps):
        look(step)
        if len(order) < sizes.groups:
            order = rng.sample(list(problems), len(problems))
        drawn = [order.pop() for _ in range(sizes.groups)]
        rollouts = write(policy, [task.text(p) for p in drawn], sizes.group_size, dice)
        outcome = rewarder(samples_of(policy, task, drawn, rollouts, step))
        advantages = torch.tensor(learner.advantages(outcome), dtype=torch.float32, device=policy.device)[:, None]
        with torch.no_grad():  # as it is read below: in bf16 writing one token at a time rounds differently
            old, _ = policy.read(rollouts.prompts, rollouts.seen, rollouts.tokens, rollouts.mask)
        rows = torch.arange(len(advantages), device=policy.device).view(sizes.groups, -1)
        for groups in torch.randperm(sizes.groups, generator=dice, device=policy.device).chunk(PARTS):
            part = rows[groups].flatten()
            mask, gains = rollouts.mask[part], advantages[part]
            new, _ = policy.read(rollouts.prompts[part], rollouts.seen[part], rollouts.tokens[part], mask)
            ratio = (new - old[part]).exp()
            gain = torch.minimum(ratio * gains, ratio.clamp(1 - CLIP, 1 + CLIP) * gains)
            _descend(policy, optimizer, -(gain * mask).sum() / mask.sum())
    look(sizes.steps)
