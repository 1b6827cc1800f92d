"""How alike two ways to run one reward model rank: over all rows, and within prompts, where group advantages are made."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from herokit.errors import DataError
from herokit.signals import Groups

__all__ = ["RankAgreement", "compare_ranks", "spearman"]


@dataclass(frozen=True, slots=True)
class RankAgreement:
    """What `compare_ranks` measures.

    Attributes:
        overall: Spearman's correlation over all rows.
        within: the mean over prompts of Spearman's correlation among their rows; NaN where no prompt has rows to rank.
        signs_kept: the share of rows of those prompts whose advantage, score minus the prompt's mean, keeps its sign.
        rows: rows with a score from both.
        prompts: prompts with two or more rows whose first scores differ.
        failures: rows with a score from the first alone.
    """

    overall: float
    within: float
    signs_kept: float
    rows: int
    prompts: int
    failures: int = 0

    def __str__(self) -> str:
        failures = f"; {self.failures} rows have a score from the first alone" if self.failures else ""
        if not self.prompts:
            return (
                f"rank correlation {self.overall:.4f} over {self.rows} rows; within prompts nothing to rank, because no "
                f"prompt has two rows with different scores{failures}"
            )
        return (
            f"rank correlation {self.overall:.4f} over {self.rows} rows, {self.within:.4f} within {self.prompts} prompts, "
            f"where {self.signs_kept:.1%} of advantages keep their sign{failures}"
        )


def compare_ranks(exact: Any, other: Any, groups: Sequence[Hashable]) -> RankAgreement:
    """Compare the scores of two ways to run one model, such as fp32 and a reduced precision.

    Rounding moves all scores of a prompt far less than prompts differ from one another, so a correlation over all rows can be
    high where the order that a group advantage reads is lost. Rows that are not finite in both are left out, and counted as
    `failures` if only `other` is not.

    Args:
        exact: (N,) scores.
        other: (N,) scores of the same rows.
        groups: the prompt of each row.

    Raises:
        DataError: the three differ in length.

    Example:
        >>> exact, other = [1.0, 1.1, 5.0, 5.1], [1.1, 1.0, 5.0, 5.1]
        >>> print(compare_ranks(exact, other, ["a", "a", "b", "b"]))
        rank correlation 0.8000 over 4 rows, 0.0000 within 2 prompts, where 50.0% of advantages keep their sign
    """
    x, y = (np.asarray(scores, np.float64).reshape(-1) for scores in (exact, other))
    if not len(x) == len(y) == len(groups):
        raise DataError(f"compare_ranks: {len(x)} and {len(y)} scores of {len(groups)} rows; expected one for each row")
    finite = np.isfinite(x) & np.isfinite(y)
    ids = Groups.from_keys(groups).ids
    correlations, kept = [], []
    for group in np.unique(ids[finite]):
        rows = finite & (ids == group)
        a, b = x[rows], y[rows]
        if np.ptp(a) > 0:
            correlations.append(spearman(a, b) if np.ptp(b) > 0 else 0.0)
            kept.append(np.sign(a - a.mean()) == np.sign(b - b.mean()))
    count = len(correlations)
    within, signs = (np.mean(correlations), np.concatenate(kept).mean()) if count else (np.nan, np.nan)
    failures = int((np.isfinite(x) & ~np.isfinite(y)).sum())
    return RankAgreement(
        spearman(x[finite], y[finite]), float(within), float(signs), int(finite.sum()), count, failures
    )


def spearman(a: Any, b: Any) -> float:
    """Return the rank correlation of two score arrays, (N,) each; ties get their mean rank; NaN when one is constant or both are empty.

    Example:
        >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
        0.5
    """
    if not len(a):
        return float("nan")
    ranks = []
    for x in (a, b):
        _, inverse, count = np.unique(x, return_inverse=True, return_counts=True)
        last = np.cumsum(count)
        ranks.append((last - (count - 1) / 2)[inverse])
    x, y = (r - r.mean() for r in ranks)
    norm = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / norm) if norm else float("nan")
