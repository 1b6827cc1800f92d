"""What trainers do to rewards before the loss: one table, read from their released sources.

A weight that is constant in a group survives only if nothing divides by the group's standard deviation; see
`Normalization.scale`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from herokit.errors import ConfigError, did_you_mean

__all__ = ["TRAINERS", "Normalization", "find_trainer"]

ROUNDING = 1e-7
"""A standard deviation below this is 0: the rewards are equal."""


@dataclass(frozen=True, slots=True)
class Normalization:
    """How a trainer turns rewards into advantages: ``A = (r - baseline) / (scale + eps)``.

    Attributes:
        name: the name for `herokit check --trainer`.
        source: package, version and function that it was read from, with the setting that selects it.
        baseline: the mean of the group, or the mean of the other rows of the group.
        scale: the standard deviation of the group or of the batch; None divides by nothing. With the leave-one-out
            baseline, the group's deviation is that of the other rows, and a deviation of 0 divides by nothing.
        eps: is added to the scale, in the reward's unit.
        singleton: what a group of one row gets: 0, or its reward.
        whiten: whether the batch is then standardized: ``(A - mean(A)) / (std(A) + eps)``, ddof 1.
        ddof: 1 for the sample deviation (torch), 0 for the population deviation (numpy).

    Example:
        >>> import numpy as np
        >>> TRAINERS["dr-grpo"](np.array([0.0, 1.0, 5.0]), np.array([0, 0, 1])).tolist()
        [-0.5, 0.5, 0.0]
        >>> TRAINERS["trl"](np.array([0.0, 1.0]), np.array([0, 0])).round(3).tolist()
        [-0.707, 0.707]
    """

    name: str
    source: str
    baseline: Literal["mean", "leave_one_out"] = "mean"
    scale: Literal["group", "batch"] | None = None
    eps: float = 0.0
    singleton: Literal["zero", "reward"] = "zero"
    whiten: bool = False
    ddof: int = 1

    def __call__(self, reward: npt.ArrayLike, group_ids: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the advantages, (N,).

        Args:
            reward: (N,) finite rewards.
            group_ids: (N,) the group of each row; all rows of a group must be present.
        """
        r = np.asarray(reward, np.float64)
        _, ids, sizes = np.unique(np.asarray(group_ids), return_inverse=True, return_counts=True)
        size = sizes[ids]
        out = self._normalize(r, ids, sizes)
        if self.singleton == "reward":
            out = np.where(size == 1, r / (1.0 + self.eps) if self.scale else r, out)
        if self.whiten and len(r):
            out = (out - out.mean()) / (_batch_std(out) + self.eps)
        return out

    def _normalize(
        self, r: npt.NDArray[np.float64], ids: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Subtract the baseline and divide by the scale."""
        size = sizes[ids]
        num_others = np.maximum(size - 1, 1)
        deviation = r - (np.bincount(ids, r) / sizes)[ids]
        squares = deviation * deviation
        leave_one_out = self.baseline == "leave_one_out"
        centered = deviation * (size / num_others) if leave_one_out else deviation
        if self.scale == "group" and leave_one_out:
            variance = (np.bincount(ids, squares)[ids] - squares) / num_others - (deviation / num_others) ** 2
            std = np.sqrt(np.maximum(variance, 0.0) * num_others / np.maximum(num_others - 1, 1)) * (num_others > 1)
            return centered / np.where(std > ROUNDING, std + self.eps, 1.0)
        if self.scale == "group":
            return deviation / (np.sqrt(np.bincount(ids, squares)[ids] / np.maximum(size - self.ddof, 1)) + self.eps)
        if self.scale == "batch":
            return deviation / (_batch_std(r) + self.eps) if len(r) else deviation
        return centered


def _batch_std(x: npt.NDArray[np.float64]) -> float:
    return float(np.std(x, ddof=min(1, len(x) - 1)))


TRAINERS: dict[str, Normalization] = {
    entry.name: entry
    for entry in (
        Normalization("trl", 'trl 1.16.0, GRPOTrainer, scale_rewards="group" (default)', scale="group", eps=1e-4),
        Normalization("trl-batch", 'trl 1.16.0, GRPOTrainer, scale_rewards="batch"', scale="batch", eps=1e-4),
        Normalization("trl-none", 'trl 1.16.0, GRPOTrainer, scale_rewards="none"'),
        Normalization(
            "trl-gdpo",
            'trl 1.16.0, GRPOTrainer, multi_objective_aggregation="normalize_then_sum", one reward function',
            scale="group",
            eps=1e-4,
            whiten=True,
        ),
        Normalization(
            "trl-rloo", "trl 1.16.0, RLOOTrainer, normalize_advantages=False (default)", baseline="leave_one_out"
        ),
        Normalization(
            "trl-rloo-batch",
            "trl 1.16.0, RLOOTrainer, normalize_advantages=True",
            baseline="leave_one_out",
            eps=1e-4,
            whiten=True,
        ),
        Normalization("trl-async", "trl 1.16.0, experimental AsyncGRPO, _score_group", scale="group", eps=1e-8, ddof=0),
        Normalization(
            "verl",
            "verl 0.9.1, compute_grpo_outcome_advantage, norm_adv_by_std_in_grpo=True (default)",
            scale="group",
            eps=1e-6,
            singleton="reward",
        ),
        Normalization(
            "verl-none",
            "verl 0.9.1, compute_grpo_outcome_advantage, norm_adv_by_std_in_grpo=False",
            singleton="reward",
        ),
        Normalization(
            "verl-rloo", "verl 0.9.1, compute_rloo_outcome_advantage", baseline="leave_one_out", singleton="reward"
        ),
        Normalization("openrlhf", "openrlhf 0.11.2, estimator group_norm", scale="group", eps=1e-9),
        Normalization("openrlhf-dr-grpo", "openrlhf 0.11.2, estimator dr_grpo"),
        Normalization("openrlhf-rloo", "openrlhf 0.11.2, estimator rloo", baseline="leave_one_out"),
        Normalization("ms-swift", 'ms-swift 4.6.0, compute_advantages, scale_rewards="group"', scale="group", eps=1e-4),
        Normalization(
            "ms-swift-batch", 'ms-swift 4.6.0, compute_advantages, scale_rewards="batch"', scale="batch", eps=1e-4
        ),
        Normalization("ms-swift-none", 'ms-swift 4.6.0, compute_advantages, scale_rewards="none"'),
        Normalization(
            "ms-swift-rloo",
            'ms-swift 4.6.0, compute_advantages, advantage_estimator="rloo", scale_rewards="none"',
            baseline="leave_one_out",
        ),
        Normalization("slime", "slime 624b824, _post_process_rewards, GRPO (default)", scale="group", eps=1e-6),
        Normalization("slime-none", "slime 624b824, _post_process_rewards, --disable-grpo-std-normalization"),
        Normalization(
            "skyrl",
            "skyrl 0.4.0, compute_grpo_outcome_advantage, grpo_norm_by_std=true (default)",
            scale="group",
            eps=1e-6,
            singleton="reward",
        ),
        Normalization(
            "skyrl-none", "skyrl 0.4.0, compute_grpo_outcome_advantage, grpo_norm_by_std=false", singleton="reward"
        ),
        Normalization("skyrl-rloo", "skyrl 0.4.0, compute_rloo_outcome_advantage", baseline="leave_one_out"),
        Normalization(
            "nemo-rl",
            "NeMo-RL 7ea279a, GRPOAdvantageEstimator, normalize_rewards and use_leave_one_out_baseline (default)",
            baseline="leave_one_out",
            scale="group",
            eps=1e-6,
        ),
        Normalization(
            "nemo-rl-none", "NeMo-RL 7ea279a, GRPOAdvantageEstimator, normalize_rewards=False", baseline="leave_one_out"
        ),
        Normalization(
            "rllm",
            "rLLM 9beb6e0, calculate_grpo_advantages, norm_adv_by_std_in_grpo=True (default)",
            scale="group",
            eps=1e-6,
            ddof=0,
            singleton="reward",
        ),
        Normalization(
            "rllm-none", "rLLM 9beb6e0, calculate_grpo_advantages, norm_adv_by_std_in_grpo=False", singleton="reward"
        ),
        Normalization(
            "rllm-rloo", "rLLM 9beb6e0, calculate_rloo_advantages", baseline="leave_one_out", singleton="reward"
        ),
        Normalization(
            "areal", "areal 1.0.4, reward_norm with mean_level=group, std_level=group", scale="group", eps=1e-5
        ),
        Normalization("areal-none", "areal 1.0.4, reward_norm with mean_level=group, std_level=None"),
        Normalization("open-instruct", "open-instruct e6c3044, advantage_normalization_type=centered (default)"),
        Normalization(
            "open-instruct-standard",
            "open-instruct e6c3044, advantage_normalization_type=standard",
            scale="group",
            eps=1e-8,
            ddof=0,
        ),
        Normalization("prime-rl", "prime-rl 559b447, GRPOAlgorithm, length_penalty=None (default)"),
        Normalization("tinker", "tinker-cookbook 0.6.1, compute_advantages"),
        Normalization("verifiers", "verifiers 0.1.14, Rubric.score_group"),
        Normalization("dr-grpo", "arXiv 2503.20783: centered, never divided"),
    )
}
"""Name -> what that trainer does. Not included: per-token whitening, reward clipping and KL terms that come later."""


def find_trainer(name: str) -> Normalization:
    """Return one entry of `TRAINERS`.

    Raises:
        ConfigError: no trainer of that name; the message suggests the nearest one.

    Example:
        >>> find_trainer("verl").scale
        'group'
    """
    if name not in TRAINERS:
        raise ConfigError(f"unknown trainer {name!r}; {did_you_mean(name, list(TRAINERS))}")
    return TRAINERS[name]
