"""What trainers do to rewards before the loss: one table, read from their released sources.

A group-constant weight survives only where nothing divides by the group's deviation; see `Normalization.scale`.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from herokit.errors import ConfigError, did_you_mean
from herokit.types import Array

ROUNDING = 1e-7
"""A deviation within this of 0 is one of equal rewards."""


@dataclass(frozen=True, slots=True)
class Normalization:
    """How one trainer turns rewards into advantages: ``A = (r - baseline) / (scale + eps)``, perhaps standardized again.

    Attributes:
        name: what `herokit check --trainer` calls it.
        source: package, version and function it was read from, with the setting that selects it.
        baseline: the group's mean, or the mean of the group's other rows (leave one out).
        scale: deviation of the group or of the whole batch; None divides by nothing. With the baseline of the others,
            the group's deviation is the others' too, and one of 0 divides by nothing.
        eps: added to the scale, in the reward's units.
        ddof: 1 for the sample's deviation, as torch has it, 0 for the population's, as numpy has it.
        lonely: what a group of one row gets: 0, or its reward as it is.
        again: whether the whole batch is then standardized once more: ``(A - mean(A)) / (std(A) + eps)``, ddof 1.

    Example:
        >>> import numpy as np
        >>> TRAINERS["dr-grpo"](np.array([0.0, 1.0, 5.0]), np.array([0, 0, 1])).tolist()
        [-0.5, 0.5, 0.0]
        >>> TRAINERS["trl"](np.array([0.0, 1.0]), np.array([0, 0])).round(3).tolist()
        [-0.707, 0.707]
    """

    name: str
    source: str
    baseline: Literal["mean", "others"] = "mean"
    scale: Literal["group", "batch"] | None = None
    eps: float = 0.0
    lonely: Literal["zero", "reward"] = "zero"
    again: bool = False
    ddof: int = 1

    def __call__(self, reward: Array, index: Array) -> Any:
        """Return the advantages, (N,) float64.

        Args:
            reward: (N,) finite rewards.
            index: (N,) the group of each row; every row of a group must be there.
        """
        r = np.asarray(reward, np.float64)
        _, ids, size = np.unique(np.asarray(index), return_inverse=True, return_counts=True)
        count = size[ids]
        others = np.maximum(count - 1, 1)
        away = r - (np.bincount(ids, r) / size)[ids]
        if self.scale == "group" and self.baseline == "others":
            squares = (np.bincount(ids, away * away)[ids] - away * away) / others - (away / others) ** 2
            spread = np.sqrt(np.maximum(squares, 0.0) * others / np.maximum(others - 1, 1)) * (others > 1)
            out = away * (count / others) / np.where(spread > ROUNDING, spread + self.eps, 1.0)
        elif self.scale == "group":
            freedom = np.maximum(count - self.ddof, 1)
            out = away / (np.sqrt(np.bincount(ids, away * away)[ids] / freedom) + self.eps)
        elif self.scale == "batch":
            out = away / (np.std(r, ddof=min(1, len(r) - 1)) + self.eps) if len(r) else away
        else:
            out = away * (count / others) if self.baseline == "others" else away
        if self.lonely == "reward":
            out = np.where(count == 1, r / (1.0 + self.eps) if self.scale else r, out)
        if self.again and len(r):
            out = (out - out.mean()) / (np.std(out, ddof=min(1, len(r) - 1)) + self.eps)
        return out


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
            again=True,
        ),
        Normalization("trl-rloo", "trl 1.16.0, RLOOTrainer, normalize_advantages=False (default)", baseline="others"),
        Normalization(
            "trl-rloo-batch",
            "trl 1.16.0, RLOOTrainer, normalize_advantages=True",
            baseline="others",
            eps=1e-4,
            again=True,
        ),
        Normalization("trl-async", "trl 1.16.0, experimental AsyncGRPO, _score_group", scale="group", eps=1e-8, ddof=0),
        Normalization(
            "verl",
            "verl 0.9.1, compute_grpo_outcome_advantage, norm_adv_by_std_in_grpo=True (default)",
            scale="group",
            eps=1e-6,
            lonely="reward",
        ),
        Normalization(
            "verl-none",
            "verl 0.9.1, compute_grpo_outcome_advantage, norm_adv_by_std_in_grpo=False",
            lonely="reward",
        ),
        Normalization("verl-rloo", "verl 0.9.1, compute_rloo_outcome_advantage", baseline="others", lonely="reward"),
        Normalization("openrlhf", "openrlhf 0.11.2, estimator group_norm", scale="group", eps=1e-9),
        Normalization("openrlhf-dr-grpo", "openrlhf 0.11.2, estimator dr_grpo"),
        Normalization("openrlhf-rloo", "openrlhf 0.11.2, estimator rloo", baseline="others"),
        Normalization("ms-swift", 'ms-swift 4.6.0, compute_advantages, scale_rewards="group"', scale="group", eps=1e-4),
        Normalization(
            "ms-swift-batch", 'ms-swift 4.6.0, compute_advantages, scale_rewards="batch"', scale="batch", eps=1e-4
        ),
        Normalization("ms-swift-none", 'ms-swift 4.6.0, compute_advantages, scale_rewards="none"'),
        Normalization(
            "ms-swift-rloo",
            'ms-swift 4.6.0, compute_advantages, advantage_estimator="rloo", scale_rewards="none"',
            baseline="others",
        ),
        Normalization("slime", "slime 624b824, _post_process_rewards, GRPO (default)", scale="group", eps=1e-6),
        Normalization("slime-none", "slime 624b824, _post_process_rewards, --disable-grpo-std-normalization"),
        Normalization(
            "skyrl",
            "skyrl 0.4.0, compute_grpo_outcome_advantage, grpo_norm_by_std=true (default)",
            scale="group",
            eps=1e-6,
            lonely="reward",
        ),
        Normalization(
            "skyrl-none", "skyrl 0.4.0, compute_grpo_outcome_advantage, grpo_norm_by_std=false", lonely="reward"
        ),
        Normalization("skyrl-rloo", "skyrl 0.4.0, compute_rloo_outcome_advantage", baseline="others"),
        Normalization(
            "nemo-rl",
            "NeMo-RL 7ea279a, GRPOAdvantageEstimator, normalize_rewards and use_leave_one_out_baseline (default)",
            baseline="others",
            scale="group",
            eps=1e-6,
        ),
        Normalization(
            "nemo-rl-none", "NeMo-RL 7ea279a, GRPOAdvantageEstimator, normalize_rewards=False", baseline="others"
        ),
        Normalization(
            "rllm",
            "rLLM 9beb6e0, calculate_grpo_advantages, norm_adv_by_std_in_grpo=True (default)",
            scale="group",
            eps=1e-6,
            ddof=0,
            lonely="reward",
        ),
        Normalization(
            "rllm-none", "rLLM 9beb6e0, calculate_grpo_advantages, norm_adv_by_std_in_grpo=False", lonely="reward"
        ),
        Normalization("rllm-rloo", "rLLM 9beb6e0, calculate_rloo_advantages", baseline="others", lonely="reward"),
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
        Normalization("dr-grpo", "arXiv 2503.20783: centred, never divided"),
    )
}
"""Name -> what that trainer does. Left out: per-token whitening, reward clipping and KL terms that follow."""


def find_trainer(name: str) -> Normalization:
    """Return one entry of `TRAINERS`.

    Raises:
        ConfigError: no trainer of that name; the message offers the nearest.

    Example:
        >>> find_trainer("verl").scale
        'group'
    """
    if name not in TRAINERS:
        raise ConfigError(f"no trainer {name!r} in the table; {did_you_mean(name, list(TRAINERS))}")
    return TRAINERS[name]
