"""What trainers do to rewards before the loss, and which steps of a chain their normalization cancels.

`check_normalization` loads on first use: it needs the Rewarder, the table of trainers does not.
"""

from typing import TYPE_CHECKING, Any

from herokit.trainers.table import TRAINERS, find_trainer

if TYPE_CHECKING:
    from herokit.trainers.cancellation import check_normalization

__all__ = ["TRAINERS", "check_normalization", "find_trainer"]


def __getattr__(name: str) -> Any:
    if name == "check_normalization":
        from herokit.trainers.cancellation import check_normalization

        return check_normalization
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
