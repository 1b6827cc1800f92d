"""Scores that somebody squashed: a raw logit has lost its tails when it comes out as a probability."""

from typing import Any

import numpy as np

FEWEST = 16


def squashed(scores: Any) -> str:
    """Say why finite scores do not look like raw logits; ``""`` when they do, or when there are fewer than 16.

    Example:
        >>> squashed(np.linspace(0.01, 0.99, 20))
        'all 20 scores lie in (0, 1), as after a sigmoid'
        >>> squashed(np.ones(20))
        'all 20 scores are 1, as after a softmax over one label'
        >>> squashed(np.linspace(-3, 3, 20))
        ''
    """
    found = np.asarray(scores, dtype=np.float64)
    found = found[np.isfinite(found)]
    if len(found) < FEWEST:
        return ""
    if (found == 1).all():
        return f"all {len(found)} scores are 1, as after a softmax over one label"
    if ((found > 0) & (found < 1)).all():
        return f"all {len(found)} scores lie in (0, 1), as after a sigmoid"
    return ""
