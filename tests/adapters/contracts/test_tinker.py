"""tinker-cookbook in brief: the call of a group builder; its own objects are in ../real/tinker-cookbook."""

import asyncio

import numpy as np

from herokit import Sample
from herokit.adapters.tinker import GroupRewardMixin

TEXTS = ["4", "four", "broken", "4"]


def expected(stubs):
    return np.nan_to_num(stubs.make_rewarder()(stubs.make_samples(TEXTS, "aaaa")).advantage)


def test_tinker_mixin_returns_group_rewards(stubs):
    class Builder(GroupRewardMixin):
        herokit = stubs.make_rewarder()

        @staticmethod
        def herokit_make_sample(trajectory, env):
            return Sample("2 + 2?", trajectory, None, env)

    actual = asyncio.run(Builder().compute_group_rewards(TEXTS, ["4"] * 4))
    np.testing.assert_allclose([value for value, _ in actual], expected(stubs), atol=1e-12)
    assert actual[2][1] == {"rm": -1.5, "herokit_failed": 1.0}
