"""Faults of credit that were reported in public: each test shows the naive form and what herokit does instead."""

import numpy as np
import pytest

from herokit import Center, Groups, Parts, Rewarder, Sample, Select, Signals, Standardize, Verdict, chain
from herokit.combiners import ForParts, GroupBy, PerRollout, Progress, RewardToGo, SoftMin
from herokit.credit import Credit
from herokit.errors import ConfigError, DataError
from herokit.schemes import SCHEMES, gigpo, turn_grpo, turn_penalties


def credit_of(steps, counts, values, groups=None, **outcome):
    ids = np.zeros(len(counts), int) if groups is None else np.array(groups)
    outcomes = {name: np.array(x) for name, x in outcome.items()} or {"verifier": np.zeros(len(counts))}
    signals = Signals(outcomes, Groups(ids, int(ids.max()) + 1), Parts.from_counts(counts, {"step": values}))
    return steps.trace(None, signals, steps.init())[0][-1].credit


def test_credit_of_earlier_turns_is_not_masked_by_the_mask_of_the_last():
    # SkyRL 1492 and 1507: the mask of the last step was copied to all steps
    credit, mask, spans = Credit(np.array([1.0, 2.0]), [2]), [1, 1, 0, 1], [(0, 2), (3, 4)]
    last = np.array([0, 0, 0, 1])
    naive = sum(
        value * last * (np.arange(4) >= start) * (np.arange(4) < end)
        for value, (start, end) in zip([1.0, 2.0], spans, strict=True)
    )
    assert naive.tolist() == [0, 0, 0, 2]
    assert credit.tokens([mask], [spans])[0].tolist() == [1, 1, 0, 2]


@pytest.mark.parametrize("tool_tokens", [0, 5])
def test_discount_counts_turns_and_no_tool_tokens(tool_tokens):
    # verl 6376 and SkyRL: a return per token decays, or starts again, over the output of tools
    mask = [1] + [0] * tool_tokens + [1]
    naive = np.array([0.5 ** (len(mask) - 1), 1.0])
    assert (naive[0] == 0.5) == (tool_tokens == 0)
    credit = Credit(credit_of(chain(ForParts(chain(Select("step"), RewardToGo(0.5)))), [2], [0.0, 1.0]), [2])
    spans = [(0, 1), (len(mask) - 1, len(mask))]
    assert credit.tokens([mask], [spans])[0][[0, -1]].tolist() == [0.5, 1.0]


def test_a_long_rollout_counts_once_in_the_mean():
    # agent-lightning 445 and 462, verl v1: every turn of a session was a member of the group
    outcome, counts = np.array([1.0, 0.0, 0.0]), [8, 1, 1]
    naive = outcome - np.repeat(outcome, counts).mean()
    np.testing.assert_allclose(naive[0], 0.2)
    credit = credit_of(
        chain(Select("verifier"), Center(), ForParts(Select("step"))), counts, np.zeros(10), verifier=outcome
    )
    np.testing.assert_allclose(credit[[0, 8]], [2 / 3, -1 / 3])
    pooled, equal = (
        credit_of(chain(ForParts(chain(Select("step"), step))), [8, 1], [1.0] * 8 + [0.0])
        for step in (Center(), PerRollout(Center()))
    )
    np.testing.assert_allclose(pooled[[0, 8]], [1 / 9, -8 / 9])
    np.testing.assert_allclose(equal[[0, 8]], [0.5, -0.5])


def test_a_baseline_by_place_hides_what_going_on_earns_unless_rewards_are_summed_first():
    # verl 7244, Mem-alpha 14: at the place that few rollouts reach, the baseline is that of those few
    place = GroupBy("position", Center())
    naive = credit_of(chain(ForParts(chain(Select("step"), place, RewardToGo()))), [2, 1], [0.5, 0.5, 0.5])
    assert naive.tolist() == [0.0, 0.0, 0.0]
    summed = credit_of(chain(ForParts(chain(Select("step"), RewardToGo(), place))), [2, 1], [0.5, 0.5, 0.5])
    assert summed.tolist() == [0.25, 0.0, -0.25]


def test_a_long_turn_has_the_credit_of_a_short_one_in_each_token():
    # cua-lite 13: dividing by the number of tokens made responses short and turns many
    credit, masks, spans = Credit(np.array([1.0, 1.0]), [2]), [[1] * 10], [[(0, 1), (1, 10)]]
    naive = credit.tokens(masks, spans, share="even")[0]
    np.testing.assert_allclose(naive[[0, 9]], [1.0, 1 / 9])
    assert credit.tokens(masks, spans)[0].tolist() == [1.0] * 10


def test_a_step_end_that_is_off_by_one_raises():
    # LightRFT 53: every step ended one token early; rLLM: credit of a wrong length became zeros
    with pytest.raises(DataError, match="row 0: token 2 is trained and in 0 parts; expected one of 2"):
        Credit(np.array([1.0, 2.0]), [2]).tokens([[1, 1, 1, 1]], [[(0, 2), (3, 4)]])
    with pytest.raises(DataError, match="row 1: the rollout has 1 parts, but there are 2 spans"):
        Credit(np.array([1.0, 2.0]), [1, 1]).tokens([[1], [1, 0, 1]])


def test_two_turns_without_a_tool_between_them_are_not_guessed():
    credit = Credit(np.array([1.0, 2.0]), [2])
    with pytest.raises(DataError, match="2 parts, but there are 1 spans"):
        credit.tokens([[1, 1, 1]])
    assert credit.tokens([[1, 1, 1]], [[(0, 1), (1, 3)]])[0].tolist() == [1, 2, 2]


def test_credit_is_not_normalized_again():
    # axon-rl/gem 113: the second normalization took away the weight of turns
    with pytest.raises(ConfigError, match="Standardize cannot follow ForParts"):
        chain(Select("verifier"), ForParts(Select("step"), weight=0.1), Standardize())


def test_a_reward_for_every_turn_does_not_pay_for_more_turns():
    # ReMA 2: a format reward a turn invites the policy to repeat the format
    def first(step, number):
        return credit_of(chain(ForParts(chain(Select("step"), *step))), [number, 1], [1.0] * number + [1.0])[0]

    naive = [first([RewardToGo()], n) for n in (1, 10)]
    assert naive == [1.0, 10.0]
    for steps in ([GroupBy("position", Center()), RewardToGo()], [SoftMin(), RewardToGo()], [Progress(0.0)]):
        np.testing.assert_allclose(first(steps, 10), first(steps, 1))


def test_a_turn_with_a_reward_of_zero_is_a_turn():
    # RAGEN: turn ends were where the reward is not 0
    rewards = np.array([0.0, 1.0, 0.0])
    assert len(rewards.nonzero()[0]) == 1
    credit = credit_of(chain(ForParts(chain(Select("step"), RewardToGo(0.5)))), [3], rewards)
    assert credit.tolist() == [0.5, 1.0, 0.0]


def test_a_small_penalty_is_not_rounded_away():
    # FoldAgent: penalties of 0.2 were stored as int8
    penalties = np.array([-0.2, 0.2])
    assert not penalties.astype(np.int8).any()
    signals = Signals(
        {"verifier": np.zeros(1)}, Groups(np.zeros(1, int), 1), Parts.from_counts([2], {"penalty": penalties})
    )
    steps = turn_penalties()
    assert steps.trace(None, signals, steps.init())[0][-1].credit.tolist() == [-0.2, 0.2]


class Outcome:
    def verify(self, samples):
        return [Verdict(float("good" in s.final_text)) for s in samples]


class Turns:
    def verify(self, samples):
        return [Verdict(0.5, parts=tuple(Verdict(min(1.0, len(t.text) / 8)) for t in s.turns)) for s in samples]


def rollouts(change):
    texts = [(("a", "file one"), ("good", "")), (("bcd", "file one"), ("bad", "")), (("ef", "no file"), ("good", ""))]
    return [
        Sample("p", [m for turn, tool in rows for m in ({"role": "assistant", "content": turn}, *change(tool))], "q")
        for rows in texts
    ]


def whole(text):
    return [{"role": "tool", "content": text}] if text else []


CHANGES = {
    "cut": lambda text: [message for part in (text[:3], text[3:]) for message in whole(part)],
    "longer": lambda text: whole(text + " ..." * 50 if text else ""),
    "of the environment": lambda text: [{**message, "role": "environment"} for message in whole(text)],
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "scheme", [make for make in SCHEMES if make.__module__ == "herokit.schemes.credit"], ids=lambda m: m.__name__
)
def test_cutting_or_lengthening_what_tools_say_changes_no_credit(scheme, change):
    sources = {"verifier": Outcome(), **dict.fromkeys(("prm", "turn", "penalty"), Turns())}
    names = {
        "process_supervision": ["prm"],
        "discounted_turns": ["turn"],
        "turn_grpo": ["verifier", "turn"],
        "turn_penalties": ["verifier", "penalty"],
    }
    read = names.get(
        scheme.__name__, ["verifier"] if scheme == gigpo or "outcome" in scheme.__name__ else ["verifier", "prm"]
    )
    rewarder = Rewarder({name: sources[name] for name in read}, scheme())
    expected = rewarder(rollouts(whole), update_state=False).credit.ragged()
    assert rewarder(rollouts(CHANGES[change]), update_state=False).credit.ragged() == expected
    assert any(any(row) for row in expected)


def test_thinking_that_a_template_drops_leaves_credit_where_it_was():
    # verl 6854 and 5576, prime-rl 1334: earlier thinking is not in the history of the next turn
    def samples(think):
        texts = [("a", "good"), ("bcd", "bad")]
        return [
            Sample(
                "p",
                [
                    {"role": "assistant", "content": f"{think}{first}"},
                    {"role": "tool", "content": "ok"},
                    {"role": "assistant", "content": last},
                ],
                "q",
            )
            for first, last in texts
        ]

    rewarder = Rewarder({"verifier": Outcome(), "turn": Turns()}, turn_grpo())
    assert rewarder(samples("<think>hm</think>")).credit.ragged() == rewarder(samples("")).credit.ragged()
