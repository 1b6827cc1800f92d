"""Running means that are equal on every rank. A file of its own, because it is independent of reward models."""

from dataclasses import dataclass
from typing import Any

from herokit.combiners import Mean
from herokit.errors import SetupError

__all__ = ["AllReduce"]


@dataclass(frozen=True, slots=True)
class AllReduce:
    """Merge a batch's mean over all ranks of a process group: ``(sum_r n_r, sum_r n_r mean_r / sum_r n_r)``.

    A `herokit.combiners.Sync`. It is a collective: every rank of the group must call it, once a step. The numbers
    travel as two float64 values on the device that the backend needs (CUDA for nccl, the CPU otherwise).

    Args:
        group: the process group; the default one if None.

    Raises:
        SetupError: when called, if `torch.distributed` is not initialized.

    Example:
        >>> AllReduce()(Mean(1, 2.0))
        Traceback (most recent call last):
        ...
        herokit.errors.SetupError: torch.distributed is not initialized; call init_process_group first, or leave sync out
    """

    group: Any = None

    def __call__(self, local: Mean, /) -> Mean:
        """Return the mean over all ranks."""
        import torch
        from torch import distributed

        if not distributed.is_available() or not distributed.is_initialized():
            raise SetupError("torch.distributed is not initialized; call init_process_group first, or leave sync out")
        device = torch.device("cuda") if distributed.get_backend(self.group) == "nccl" else torch.device("cpu")
        sums = torch.tensor([local.count, local.count * local.value], dtype=torch.float64, device=device)
        distributed.all_reduce(sums, group=self.group)
        count, total = sums.tolist()
        return Mean(round(count), total / count if count else 0.0)
