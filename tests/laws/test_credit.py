"""The laws of credit: which scheme keeps which, and that each law catches a chain that breaks it."""

import numpy as np
import pytest

from herokit import Center, Select, Stateless, chain, hero, schemes
from herokit.combiners import ForParts, GroupBy, LeaveOneOut, PerRollout, Progress, RewardToGo, SoftMin
from herokit.errors import ConfigError
from herokit.testing.credit import CREDIT_LAWS, check_credit, draw_part_batch
from herokit.testing.credit import _pull_to_go_on as pull_to_go_on

KEPT_BY_ALL = {"one_part_is_a_rollout", "credit_ignores_order"}

KEPT = {
    "process_supervision": {"outcome_is_broadcast", "average_parts_earn_nothing"},
    "turn_grpo": {
        "outcome_is_broadcast",
        "repetition_is_bounded",
        "average_parts_earn_nothing",
        "rollout_alone_gets_nothing",
        "later_parts_change_no_earlier",
    },
    "gigpo": {"repetition_is_bounded", "stopping_is_unbiased"},
    "discounted_turns": {"stopping_is_unbiased", "credit_sums_to_zero"},
    "discounted_outcome": {"verdict_dominates_credit", "incorrect_parts_earn_nothing", "rollout_alone_gets_nothing"},
    "min_form": {"outcome_is_broadcast", "rollout_alone_gets_nothing"},
    "progress_advantage": {
        "outcome_is_broadcast",
        "repeated_part_changes_no_other",
        "repetition_is_bounded",
        "average_parts_earn_nothing",
        "later_parts_change_no_earlier",
    },
    "turn_penalties": {
        "verdict_dominates_credit",
        "outcome_is_broadcast",
        "repeated_part_changes_no_other",
        "repetition_is_bounded",
        "average_parts_earn_nothing",
        "later_parts_change_no_earlier",
    },
    "redistribution": {
        "outcome_is_broadcast",
        "repetition_is_bounded",
        "average_parts_earn_nothing",
        "mean_credit_sums_to_zero",
        "verdict_dominates_credit",
        "incorrect_parts_earn_nothing",
        "rollout_alone_gets_nothing",
    },
    "hero_steps": {
        "outcome_is_broadcast",
        "repetition_is_bounded",
        "average_parts_earn_nothing",
        "mean_credit_sums_to_zero",
        "verdict_dominates_credit",
        "incorrect_parts_earn_nothing",
    },
}
"""The laws that each scheme keeps, beside those of all; docs/reference/schemes.md shows the table."""

PARAMETERS = {"gigpo": {"step_reward": "step"}}


@pytest.mark.parametrize("name", KEPT)
def test_scheme_keeps_exactly_these_laws_of_credit(name):
    report = check_credit(getattr(schemes, name)(**PARAMETERS.get(name, {})))
    assert {result.law for result in report if result.outcome == "passed"} == KEPT[name] | KEPT_BY_ALL


def test_all_schemes_with_credit_are_checked():
    assert set(KEPT) == {make.__name__ for make in schemes.SCHEMES if make.__module__ == "herokit.schemes.credit"}


class DependsOnLevel(Stateless):
    """Notice that the rows are parts."""

    def __call__(self, reward, signals):
        return reward + (signals.level.max_parts == 1 and bool(signals.level.values))


class DependsOnOrder(Stateless):
    """Pay the first row of the batch more."""

    def __call__(self, reward, signals):
        return reward + (np.arange(len(reward)) == 0)


class Total(Stateless):
    """Pay every part for all parts of its rollout, the number of parts included."""

    def __call__(self, reward, signals):
        return reward + np.bincount(signals.level.rollouts.ids)[signals.level.rollouts.ids]


FAULTS = [
    ("one_part_is_a_rollout", DependsOnLevel()),
    ("credit_ignores_order", DependsOnOrder()),
    *((law.__name__, Total()) for law in CREDIT_LAWS[2:6]),
    ("stopping_is_unbiased", Center()),
    ("mean_credit_sums_to_zero", Center()),
    *((law.__name__, Total()) for law in CREDIT_LAWS[8:12]),
    ("later_parts_change_no_earlier", RewardToGo()),
]


@pytest.mark.parametrize(("law", "fault"), FAULTS)
def test_law_of_credit_catches_a_faulty_chain(law, fault):
    steps = chain(Select("verifier"), ForParts(chain(Select("prm"), fault)))
    result = check_credit(steps)[law]
    assert result.outcome == "failed"
    assert result.message


def test_faults_cover_every_law():
    assert [law for law, _ in FAULTS] == [law.__name__ for law in CREDIT_LAWS]


def test_check_credit_refuses_a_chain_without_credit():
    with pytest.raises(ConfigError, match="no step ForParts"):
        check_credit(hero())


def gradient(*steps):
    """Return the expected gradient of the logit to go on, of three rollouts that go on with chance 0.3, for 0.5 a part."""
    batch = draw_part_batch(np.random.default_rng(0), [], ["step"])
    return pull_to_go_on(chain(ForParts(chain(Select("step"), *steps), mode="replace")), batch)


def test_centering_first_takes_the_gradient_away_and_summing_first_keeps_it():
    unbiased = 3 * 0.3 * 0.7 * 0.5  # n p (1 - p) c
    others = GroupBy("position", LeaveOneOut())
    np.testing.assert_allclose(gradient(RewardToGo(), others), unbiased)
    np.testing.assert_allclose(gradient(RewardToGo(), GroupBy("position", Center())), unbiased * 2 / 3)  # (n - 1) / n
    np.testing.assert_allclose(gradient(others, RewardToGo()), 0.0, atol=1e-12)
    np.testing.assert_allclose(gradient(Center(), RewardToGo()), 0.0, atol=1e-12)
    np.testing.assert_allclose(gradient(Progress()), 0.0, atol=1e-12)
    np.testing.assert_allclose(
        gradient(SoftMin(), RewardToGo(), others), 0.0, atol=1e-12
    )  # one part or two, the worst is worth the same
    assert (
        gradient(SoftMin(), PerRollout(LeaveOneOut("rollout")), RewardToGo()) < -0.01
    )  # the baseline a step makes it stop


def test_progress_sums_to_the_last_value_minus_the_first():
    rng = np.random.default_rng(1)
    for _ in range(20):
        batch = draw_part_batch(rng, [], ["prm"])
        steps = chain(ForParts(chain(Select("prm"), Progress(0.25)), mode="replace"))
        signals = batch.signals()
        trace, _ = steps.trace(None, signals, steps.init())
        total = np.bincount(batch.rollouts, trace[-1].credit)
        last = batch.parts["prm"][np.cumsum(batch.counts) - 1]
        np.testing.assert_allclose(total, last - 0.25, atol=1e-12)
