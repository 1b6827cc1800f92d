"""A small labelled audit before the training: whom to trust, from some tens of rollouts whose truth is known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.replication.measure import auc, right_of
from benchmarks.replication.policy import Shape, Weights, device_of, generators, write
from benchmarks.replication.stepwise import StepwiseModel
from benchmarks.replication.text import Codec

FIRST, LAST, EACH = 700, 900, 32
"""Problems of the pool of the reward model that it is neither taught nor measured on, and rollouts for each."""

DEVIATIONS = 1.28
"""How far below its estimate the reward model's agreement is taken: the lower end of an 80 % interval."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What labels say of both sources.

    Attributes:
        soundness: share of acceptances beyond those that chance would give, in [0, 1]: ``1 - (1 - precision) / (1 - base)``
            with the precision of accepted rollouts and the share of correct ones among all, half a success and half a
            failure added to each.
        agreement: ``2 AUC - 1`` of the reward model on the labelled rollouts, less `DEVIATIONS` standard errors (Birnbaum's
            bound), at least 0.
    """

    soundness: float
    agreement: float


def judge(accepted: Sequence[bool], drawn: Sequence[bool], scores: Sequence[float]) -> Audit:
    """Return what an audit says.

    Args:
        accepted: whether rollouts that the verifier accepted are correct.
        drawn: the same of rollouts drawn from all.
        scores: of both by the reward model, one after the other.

    Example:
        >>> judge([True] * 40, [True, False] * 20, [1.0] * 60 + [0.0] * 20).soundness > 0.97
        True
    """
    precision, base = ((sum(found) + 0.5) / (len(found) + 1) for found in (accepted, drawn))
    soundness = min(1.0, max(0.0, 1.0 - (1.0 - precision) / (1.0 - base)))
    right = np.array([*accepted, *drawn], bool)
    fewest = min(right.sum(), (~right).sum())
    if not fewest:
        return Audit(soundness, 0.0)
    area = auc(scores, right)
    error = math.sqrt(area * (1.0 - area) / fewest)
    return Audit(soundness, max(0.0, 2.0 * (area - DEVIATIONS * error) - 1.0))


def audit(
    codec: Codec, shape: Shape, policy: Weights, model: StepwiseModel, verifier: Any, seed: int, count: int
) -> Audit:
    """Label `count` accepted rollouts of a policy, as many as there are of them, and `count` drawn from all."""
    problems, device = codec.task.pool("rm", LAST)[FIRST:], device_of(policy)
    prompts = codec.prompts(problems)[None].to(device)
    noise = generators([5000 + seed], device)
    samples, right = right_of(codec, problems, write(shape, policy, prompts, EACH, codec.task.completion_length, noise))
    said = np.array([verdict.value or 0.0 for verdict in verifier.verify(samples)]) > 0.5  # noqa: PLR2004 - 0 or 1
    order, truth = np.random.default_rng(seed).permutation(len(samples)), right.ravel()
    accepted, drawn = order[said[order]][:count], order[:count]
    rows = [*accepted, *drawn]
    return judge(truth[accepted].tolist(), truth[drawn].tolist(), model.score([samples[i] for i in rows]).tolist())
