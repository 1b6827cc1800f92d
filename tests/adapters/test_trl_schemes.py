"""Schemes in TRL runs: what the loss gets equals the formula, written out again for one group at a time."""

import math

import numpy as np
import pytest

from herokit.adapters.trl import RewardFunction
from herokit.combiners import CosineLength, ExcessLength, GroupLengthPenalty, SoftOverlong
from herokit.schemes import dapo, grpo_length, hero_length
from herokit.sources import NumTokens

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(gradient|activation)_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def standardize(r):
    return (r - r.mean()) / (r.std(ddof=1) + 1e-4)


def overlong(n, limit, buffer):
    return np.array([0 if k <= limit - buffer else (limit - buffer - k) / buffer if k <= limit else -1 for k in n])


def cosine(c, n, limit):
    h = np.array([(1 - math.cos(math.pi * min(k / limit, 1))) / 2 for k in n])
    return np.where(c == 1, 1 - 0.5 * h, -1 + 0.5 * h)


def kimi(c, n):
    if n.max() == n.min():
        return np.zeros(len(n))
    bonus = 0.5 - (n - n.min()) / (n.max() - n.min())
    return np.where(c == 1, bonus, np.minimum(0, bonus))


def excess(c, n):
    right = n[c == 1]
    if len(right) < 2:
        return c
    reference = np.quantile(right, 0.25)
    penalty = np.minimum(0.3, 0.2 * np.maximum(0, n - 1.25 * reference) / reference)
    return np.where(c == 1, np.maximum(1 - penalty, 0.5), c)


def bands(c, m):
    r = np.zeros(len(c))
    for verdict in (0, 1):
        rows = c == verdict
        if rows.any():
            x = m[rows]
            r[rows] = verdict - 0.1 + 0.2 * (x - x.min()) / (np.ptp(x) + 1e-6)
    return r


FORMULAS = {
    "dapo": (dapo(max_tokens=5, buffer=3), lambda c, m, n: standardize(2 * c - 1 + overlong(n, 5, 3))),
    "cosine": (
        grpo_length(shaping=CosineLength(5), incorrect=-1.0),
        lambda c, m, n: standardize(cosine(c, n, 5)),
    ),
    "kimi": (grpo_length(), lambda c, m, n: standardize(c + kimi(c, n))),
    "group": (
        grpo_length(shaping=GroupLengthPenalty()),
        lambda c, m, n: standardize(c - c.mean() * 0.25 * n / n.max()),
    ),
    "excess": (grpo_length(shaping=ExcessLength()), lambda c, m, n: standardize(excess(c, n))),
    "hero_kimi": (hero_length(), lambda c, m, n: center(bands(c, m) + 0.2 * kimi(c, n))),
    "hero_overlong": (
        hero_length(shaping=SoftOverlong(5, 3, weight=0.5)),
        lambda c, m, n: center(bands(c, m) + 0.5 * overlong(n, 5, 3)),
    ),
}
"""name -> (scheme, advantages of one group from verdicts, scores and lengths); HERO's weight is 1 in the first step."""


def center(r):
    return r - r.mean()


class Spy:
    def __init__(self, source):
        self.source, self.samples = source, []

    def verify(self, samples):
        self.samples += samples
        return self.source.verify(samples)


@pytest.mark.parametrize("name", FORMULAS)
def test_trl_step_of_a_scheme_equals_its_formula(runs, tmp_path, name):
    scheme, formula = FORMULAS[name]
    spy = Spy(runs.Half())
    function = RewardFunction(
        runs.rewarder({"verifier": spy, "rm": runs.Taste(), "tokens": NumTokens()}, scheme), on_cancelled_step="raise"
    )
    trainer = runs.make("GRPO", tmp_path, [function], max_steps=1, per_device_train_batch_size=16)
    trainer.train()
    samples = spy.samples
    assert len(samples) == 16
    c = np.array([v.value for v in runs.Half().verify(samples)])
    m = np.array(runs.Taste().score(samples))
    n = np.array([len(sample.final_text) + 1.0 for sample in samples])  # a token a digit, and the end
    assert [sample.num_tokens for sample in samples] == n.tolist()
    assert len(set(n.tolist())) > 2
    expected = np.concatenate([formula(c[i : i + 4], m[i : i + 4], n[i : i + 4]) for i in range(0, 16, 4)])
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(runs.advantages(runs.RunResult.from_trainer(trainer, function)), expected, atol=1e-5)
