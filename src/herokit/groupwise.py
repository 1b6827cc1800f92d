"""Arrays for people who write steps: reductions per group that run on numpy, torch and jax alike.

Elementwise work is that of the library itself, through `namespace`, which is its array API; what needs the groups is here.

Example:
    >>> import numpy as np
    >>> from herokit import Groups, groupwise
    >>> x, groups = np.array([1.0, 3.0, 5.0]), Groups.from_keys("aab")
    >>> (x - groupwise.expand(groupwise.mean(x, groups), groups)).tolist()
    [-1.0, 1.0, 0.0]
"""

from herokit._segment import (
    apply_groupwise,
    counts,
    expand,
    mean,
    namespace,
    quantiles,
    ranks,
    reduce,
    std,
)

__all__ = [
    "apply_groupwise",
    "counts",
    "expand",
    "mean",
    "namespace",
    "quantiles",
    "ranks",
    "reduce",
    "std",
]
