"""Steps of a chain that a trainer's normalization cancels."""

import pytest

from herokit import Rewarder, Select, WeightByStd, chain, earned_trust, hero, hero_advantage
from herokit.combiners import ConsistencyFilter, LinearSchedule, Standardize
from herokit.combiners.chain import Scheduled
from herokit.errors import ConfigError
from herokit.testing.batches import MetaRewardModel, MetaVerifier
from herokit.trainers import TRAINERS
from herokit.trainers.cancellation import StepCancelledWarning, cancelled_steps, check_normalization

TOLD = {"verifier": MetaVerifier("v"), "rm": MetaRewardModel("r")}


@pytest.mark.parametrize(
    ("scheme", "trainer", "expected"),
    [
        (hero(), "trl", ["WeightByStd()"]),
        (hero(), "trl-none", []),
        (hero(), "trl-batch", []),
        (hero_advantage(), "trl-gdpo", ["WeightByStd"]),
        (hero_advantage(), "trl-rloo-batch", []),
        (chain(Select("rm"), Standardize(), WeightByStd()), "verl", ["WeightByStd()"]),
        (chain(ConsistencyFilter(signal="rm", verifier="verifier"), Select("rm")), "trl", []),
        (earned_trust(), "trl", ["Affine(scale=0.25) in IfUniform"]),
        (earned_trust(), "trl-none", []),
    ],
)
def test_cancelled_steps_of_schemes(scheme, trainer, expected):
    found = cancelled_steps(Rewarder(TOLD, scheme), TRAINERS[trainer])
    assert [name.startswith(start.rstrip(")")) for name, start in zip(found, expected, strict=True)] == [True] * len(
        found
    )


def test_cancelled_steps_find_a_scheduled_weight():
    scheme = chain(Select("rm"), WeightByStd(steepness=LinearSchedule(1.0, 5.0, 10)))
    assert isinstance(scheme.steps[1], Scheduled)
    tried = Rewarder(TOLD, scheme)
    before = tried.state
    assert cancelled_steps(tried, TRAINERS["trl"])[0].startswith("WeightByStd")
    assert tried.state == before


def test_check_normalization_warns_or_raises():
    tried = Rewarder(TOLD, hero())
    with pytest.warns(StepCancelledWarning, match="cancels WeightByStd.*; set x"):
        assert len(check_normalization(tried, "trl", fix="set x")) == 1
    with pytest.raises(ConfigError, match="cancels WeightByStd.*; set x"):
        check_normalization(tried, "trl", fix="set x", on_cancelled_step="raise")
    assert check_normalization(tried, "trl-none", fix="set x", on_cancelled_step="raise") == []
