"""What trainers do to rewards before the loss, and which steps of a chain their normalization cancels.

The cancellation checks are in `herokit.trainers.cancellation`; importing this package loads the table only.
"""

from herokit.trainers.table import TRAINERS, Normalization, find_trainer

__all__ = ["TRAINERS", "Normalization", "find_trainer"]
