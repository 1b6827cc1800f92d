"""Two reward models from the frozen start of a policy: its own log-likelihood, and a head taught on a few labels."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from benchmarks.language_model.policy import Policy, Rollouts

from herokit import Sample

__all__ = ["Head", "Likelihood", "best_of", "samples_of", "teach"]

LABELLED, EACH = 96, 4
"""Problems that the head is taught on, and rollouts for each: 384 labels."""

RIDGE = 100.0
"""Weight of the head's squared norm, for features of unit variance."""


def samples_of(policy: Policy, task: Any, problems: Sequence[Any], rollouts: Rollouts, draw: int = 0) -> list[Sample]:
    """Return rollouts as samples, an equal number for each problem, one group a problem; what scores need is in `meta`."""
    each = len(rollouts.tokens) // len(problems)
    ended = rollouts.tokens.where(rollouts.mask.bool(), policy.end)
    texts = policy.tokenizer.batch_decode(ended, skip_special_tokens=True)
    return [
        Sample(
            task.text(problems[i // each]),
            text.strip(),
            group=(draw, i // each),
            reference=str(task.answer(problems[i // each])),
            meta={"problem": problems[i // each], "finished": done, "row": row},
        )
        for i, (text, done, row) in enumerate(
            zip(texts, rollouts.finished.tolist(), zip(*_parts(rollouts), strict=True), strict=True)
        )
    ]


def _parts(rollouts: Rollouts) -> tuple[Any, ...]:
    return rollouts.prompts, rollouts.seen, rollouts.tokens, rollouts.mask


@torch.no_grad()
def _read(policy: Policy, samples: Sequence[Sample]) -> tuple[Any, Any]:
    """Return the frozen model's log-likelihood of each completion, (N,), and its features, (N, 2 H)."""
    rows = [torch.stack(part) for part in zip(*(s.meta["row"] for s in samples), strict=True)]
    chances, hidden = policy.read(*rows)
    mask = rows[3][..., None]
    mean = (hidden * mask).sum(1) / mask.sum(1)
    last = hidden[torch.arange(len(hidden), device=hidden.device), rows[3].sum(1).long() - 1]
    return chances.sum(1).double().cpu().numpy(), torch.cat([last, mean], 1).double().cpu().numpy()


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Scores a completion by its log-likelihood under the frozen model; a `herokit.types.RewardModel`."""

    policy: Policy

    def score(self, samples: Sequence[Sample], /) -> np.ndarray:
        """Return the log-likelihoods, (N,)."""
        return _read(self.policy, samples)[0]


@dataclass(frozen=True, eq=False)
class Head:
    """Scores a completion by a linear head on the frozen model's last and mean hidden states.

    Attributes:
        policy: the frozen model.
        weights: (2 H,).
        bias: added to all scores.
    """

    policy: Policy
    weights: np.ndarray = field(repr=False)
    bias: float

    def score(self, samples: Sequence[Sample], /) -> np.ndarray:
        """Return the scores, (N,)."""
        return _read(self.policy, samples)[1] @ self.weights + self.bias


def teach(policy: Policy, samples: Sequence[Sample], right: Sequence[bool]) -> Head:
    """Fit the head by ridge regression of labels on standardized features."""
    x, y = _read(policy, samples)[1], np.asarray(right, float)
    mean, scale = x.mean(0), x.std(0) + 1e-6
    z = (x - mean) / scale
    weights = np.linalg.solve(z.T @ z + RIDGE * np.eye(z.shape[1]), z.T @ (y - y.mean())) / scale
    return Head(policy, weights, float(y.mean() - mean @ weights))


def best_of(scores: Any, right: Any, counts: Sequence[int] = (1, 4, 16, 64)) -> dict[int, float]:
    """Return n -> share of problems whose favourite of n rollouts is correct, over disjoint draws of n.

    Args:
        scores: (G, K), K a multiple of every n.
        right: (G, K) whether each rollout is correct.
        counts: the values of n; those above K are left out.

    Example:
        >>> best_of([[0.0, 1.0, 2.0, 3.0]], [[True, False, False, True]])
        {1: 0.5, 4: 1.0}
    """
    scores, right = np.asarray(scores), np.asarray(right, float)
    found = {}
    for n in counts:
        if n <= scores.shape[1]:
            best = scores.reshape(-1, n).argmax(1)
            found[n] = float(right.reshape(-1, n)[np.arange(len(best)), best].mean())
    return found
