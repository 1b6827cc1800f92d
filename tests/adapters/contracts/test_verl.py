"""verl in brief: packing, settings and keys; its own objects are in ../real/verl."""

import numpy as np
import pytest

from herokit import Rewarder, Select
from herokit.adapters.verl import AdvantageEstimator, GroupRewardMixin, Packing, RewardFunction
from herokit.adapters.verl.trainer import _last_outputs, _source_results
from herokit.errors import ConfigError, DataError, SetupError


def test_packing_round_trip_in_float32():
    packing, rng = Packing(levels=4), np.random.default_rng(0)
    rows = [
        {"verifier": v / 4, "rm": float(s)} for v, s in zip(rng.integers(0, 5, 500), rng.normal(0, 8, 500), strict=True)
    ]
    numbers = np.array([packing.pack(row) for row in rows], dtype=np.float32)
    back = packing.unpack(numbers.tolist())
    assert [row["verifier"] for row in back] == [row["verifier"] for row in rows]
    np.testing.assert_allclose([r["rm"] for r in back], [r["rm"] for r in rows], atol=1e-4)
    assert packing.unpack([packing.pack({"verifier": 1.0, "rm": 1e9})]) == [{"verifier": 1.0, "rm": 64.0}]
    assert packing.unpack([packing.pack({"verifier": 1.0, "rm": None})]) == [None]
    with pytest.raises(ConfigError, match="levels at least 1"):
        Packing(levels=0)


def test_verl_settings_are_checked(stubs):
    with pytest.raises(SetupError, match=r"extra_info has none of .*'prompt'.*only \['index'\]"):
        RewardFunction(stubs.make_rewarder())("math", "4", "4", {"index": 0})
    with pytest.raises(ConfigError, match="cannot be named 'score'"):
        RewardFunction(Rewarder({"score": stubs.Exact()}, Select("score")))
    with pytest.raises(ConfigError, match=r"herokit\.adapters\.verl\.install for any number"):
        AdvantageEstimator(stubs.make_rewarder())


def test_verl_mixin_names_unreadable_rows():
    with pytest.raises(DataError, match="row 0 has key 'plain'"):
        _last_outputs(["plain"], [{}])
    with pytest.raises(DataError, match="row 3 has no reward_extra_info"):
        _source_results({}, 3)


class Filtering:
    """verl's trainer as far as its group filter goes: the metric of `algorithm.filter_groups`, None if it is off."""

    metric = None

    def _resolve_filter_groups_metric(self):
        return self.metric


@pytest.mark.parametrize("metric", ["reward", "score", "acc"])
def test_verl_mixin_refuses_a_filter_by_the_verdict(stubs, metric):
    trainer = type("T", (GroupRewardMixin, Filtering), {"herokit": stubs.make_rewarder(), "metric": metric})()
    with pytest.raises(ConfigError, match=rf"metric={metric} is the verdict.*filter_groups.metric=rm or"):
        trainer._resolve_filter_groups_metric()


def test_verl_mixin_accepts_other_filters(stubs):
    for metric, rewarder in (
        (None, stubs.make_rewarder()),
        ("rm", stubs.make_rewarder()),
        ("reward", Rewarder({"verifier": stubs.Exact()}, Select("verifier"))),
    ):
        trainer = type("T", (GroupRewardMixin, Filtering), {"herokit": rewarder, "metric": metric})()
        assert trainer._resolve_filter_groups_metric() == metric
