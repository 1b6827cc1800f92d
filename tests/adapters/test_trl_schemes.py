"""Schemes in TRL runs: what the loss gets equals the formula, written out again for one group at a time."""

import math

import numpy as np
import pytest

from herokit import Verdict, chain, hero_advantage
from herokit.adapters.trl import RewardFunction
from herokit.combiners import (
    BestMinusSecond,
    Center,
    CosineLength,
    ExcessLength,
    GroupLengthPenalty,
    Select,
    SoftOverlong,
    TopPStdFilter,
)
from herokit.schemes import dapo, dvao, grpo_length, hero_length, max_rl, ngrpo, pass_at_k
from herokit.sources import NumTokens
from herokit.trainers.cancellation import StepCancelledWarning

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(gradient|activation)_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def standardize(r):
    return (r - r.mean()) / (r.std(ddof=1) + 1e-4)


def standardize_with(r, virtual):
    joined = np.array([*r, virtual])
    return (r - joined.mean()) / (joined.std(ddof=1) + 1e-6)


def lead(r):
    *_, second, best = sorted(r)
    return np.where(r == best, (best - second) / (r.std(ddof=1) + 1e-6), 0.0)


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
    "dvao": (
        dvao({"verifier": 1.0, "rm": 0.5}),
        lambda c, m, n: center(c + 0.5 * m) / (c.std(ddof=1) + 0.5 * m.std(ddof=1) + 1e-4),
    ),
    "max_rl": (max_rl(), lambda c, m, n: center(c) / c.mean() if c.any() else 0 * c),
    "ngrpo": (ngrpo(), lambda c, m, n: standardize_with(c, 1.0)),
    "pass_at_k": (pass_at_k(), lambda c, m, n: lead(c)),
    "pass_at_k of HERO": (
        chain(*hero_advantage().steps[:2], BestMinusSecond()),
        lambda c, m, n: lead(bands(c, m)),
    ),
    "hero_kimi": (hero_length(), lambda c, m, n: center(bands(c, m) + 0.2 * kimi(c, n))),
    "hero_overlong": (
        hero_length(shaping=SoftOverlong(5, 3, weight=0.5)),
        lambda c, m, n: center(bands(c, m) + 0.5 * overlong(n, 5, 3)),
    ),
}
"""name -> (scheme, advantages of one group from verdicts, scores and lengths); HERO's weight is 1 in the first step."""


UNCENTERED = {"ngrpo": "StandardizeWithVirtual", "pass_at_k": "BestMinusSecond", "pass_at_k of HERO": "BestMinusSecond"}
"""Schemes whose advantages TRL changes, and the step that says so: they need `GroupRewardMixin`."""


def center(r):
    return r - r.mean()


class Spy:
    def __init__(self, source):
        self.source, self.samples = source, []

    def verify(self, samples):
        self.samples += samples
        return self.source.verify(samples)


class Third:
    """A verifier that judges a third of all completions correct, so that some groups have one correct rollout."""

    def __init__(self, digest):
        self.digest = digest

    def verify(self, samples):
        return [Verdict(float(self.digest("third" + s.final_text) % 3 == 0)) for s in samples]


def train(runs, tmp_path, scheme, kind):
    """Train one step; return verdicts, scores, lengths and the advantages that the loss got, in groups of 4."""
    spy = Spy(Third(runs.digest))
    sources = {"verifier": spy, "rm": runs.Taste(), "tokens": NumTokens()}
    function = RewardFunction(runs.rewarder(sources, scheme), on_cancelled_step="raise")
    trainer = runs.make(kind, tmp_path, [function], max_steps=1, per_device_train_batch_size=16)
    trainer.train()
    samples = spy.samples
    n = np.array([len(sample.final_text) + 1.0 for sample in samples])  # a token a digit, and the end
    assert [sample.num_tokens for sample in samples] == n.tolist()
    assert len(set(n.tolist())) > 2
    c = np.array([v.value for v in Third(runs.digest).verify(samples)])
    columns = (
        c,
        np.array(runs.Taste().score(samples)),
        n,
        runs.advantages(runs.RunResult.from_trainer(trainer, function)),
    )
    return [column.reshape(4, 4) for column in columns]


@pytest.mark.filterwarnings("ignore:no step reads")
@pytest.mark.parametrize("name", FORMULAS)
def test_trl_step_of_a_scheme_equals_its_formula(runs, tmp_path, name):
    scheme, formula = FORMULAS[name]
    c, m, n, advantages = train(runs, tmp_path, scheme, "GroupGRPO" if name in UNCENTERED else "GRPO")
    expected = [formula(*group) for group in zip(c, m, n, strict=True)]
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(advantages, expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:no step reads")
def test_trl_step_leaves_out_the_groups_that_the_filter_excludes(runs, tmp_path):
    scheme = chain(TopPStdFilter("rm", top_p=0.6), Select("verifier"), Center())
    c, m, _, advantages = train(runs, tmp_path, scheme, "GRPO")
    deviations = m.std(axis=1)
    kept, total = set(), 0.0
    for group in np.argsort(-deviations):
        if total < 0.6 * deviations.sum():
            kept.add(group)
        total += deviations[group]
    assert 0 < len(kept) < 4
    expected = [center(c[group]) if group in kept else np.zeros(4) for group in range(4)]
    np.testing.assert_allclose(advantages, expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:no step reads")
@pytest.mark.parametrize("name", UNCENTERED)
def test_reward_function_names_a_step_whose_advantages_trl_would_center(runs, tmp_path, name):
    function = RewardFunction(runs.rewarder(scheme=FORMULAS[name][0]))
    with pytest.warns(StepCancelledWarning, match=rf"subtracts the group's mean.*{UNCENTERED[name]}.*GroupRewardMixin"):
        runs.make("GRPO", tmp_path, [function], max_steps=1).train()
