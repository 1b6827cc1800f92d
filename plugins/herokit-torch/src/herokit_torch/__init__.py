"""herokit on torch."""

from herokit_torch.sync import AllReduce

__all__ = ["AllReduce"]
