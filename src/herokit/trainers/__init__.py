"""What trainers do to rewards before the loss, and which steps of a chain that cancels."""

from herokit.trainers.table import TRAINERS, Normalization, find_trainer

__all__ = ["TRAINERS", "Normalization", "find_trainer"]
