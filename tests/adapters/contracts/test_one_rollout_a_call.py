"""What the hooks share that see one rollout: batches of what waits, packed numbers, chains that compare nothing."""

import asyncio
import pickle
import threading

import numpy as np
import pytest

from herokit import Rewarder, Sample, Select, hero, hero_advantage
from herokit.adapters.common.base import trainer_values_filled
from herokit.adapters.common.microbatch import Scorer
from herokit.adapters.common.pointwise import is_group_dependent
from herokit.adapters.verl import AdvantageEstimator, Packing, RewardFunction
from herokit.adapters.verl.trainer import _last_outputs, _source_results
from herokit.errors import ConfigError, DataError, SetupError


class Slow:
    """Takes its time for a batch, whatever its size, and must not be asked twice at once."""

    def __init__(self):
        self.batches, self.inside = [], 0
        self.asked, self.first = threading.Event(), threading.Event()

    def score(self, samples):
        self.inside += 1
        assert self.inside == 1
        self.batches.append(len(samples))
        self.asked.set()
        if len(self.batches) == 1:
            assert self.first.wait(10)
        self.inside -= 1
        return [float(len(s.completion)) for s in samples]


def test_what_arrives_while_the_sources_work_is_the_next_batch():
    slow = Slow()
    scorer = Scorer(Rewarder({"rm": slow}, Select("rm")))

    async def many():
        calls = [asyncio.ensure_future(scorer.arows([Sample("p", "x" * at, "q")])) for at in range(20)]
        await asyncio.to_thread(slow.asked.wait, 10)
        slow.first.set()
        return await asyncio.gather(*calls)

    found = asyncio.run(many())
    assert [rows[0]["rm"] for rows in found] == [float(at) for at in range(20)]
    assert sum(slow.batches) == 20
    assert len(slow.batches) <= 3
    scorer.close()


def test_an_error_of_the_sources_reaches_every_caller_and_the_next_call_works():
    class Broken:
        def __init__(self):
            self.broken = True

        def score(self, samples):
            if self.broken:
                raise SetupError("no model file")
            return [0.0] * len(samples)

    broken = Broken()
    scorer = Scorer(Rewarder({"rm": broken}, Select("rm")))
    with pytest.raises(SetupError, match="no model file"):
        scorer.rows([Sample("p", "a", "q")])
    broken.broken = False
    assert scorer.rows([Sample("p", "a", "q"), Sample("p", "b", "q")])[1]["rm"] == 0.0
    scorer.close()
    assert scorer.rows([Sample("p", "a", "q")])[0]["rm"] == 0.0
    scorer.close()


def test_a_scorer_pickles_without_its_thread(parts):
    scorer = Scorer(parts.make())
    scorer.rows(parts.samples())
    again = pickle.loads(pickle.dumps(scorer))
    assert again.rows(parts.samples()) == scorer.rows(parts.samples())
    scorer.close()
    again.close()


def test_packed_numbers_come_back_in_float32():
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


def test_verl_needs_a_prompt_for_a_reward_model_and_says_where(parts):
    with pytest.raises(SetupError, match=r"extra_info has none of .*'prompt'.*only \['index'\]"):
        RewardFunction(parts.make())("math", "4", "4", {"index": 0})
    with pytest.raises(ConfigError, match="cannot be named 'score'"):
        RewardFunction(Rewarder({"score": parts.Exact()}, Select("score")))
    with pytest.raises(ConfigError, match=r"herokit\.adapters\.verl\.install for any number"):
        AdvantageEstimator(parts.make())


def test_verls_keys_and_rows_without_components_are_named():
    with pytest.raises(DataError, match="row 0 has key 'plain'"):
        _last_outputs(["plain"], [{}])
    with pytest.raises(DataError, match="row 3 has no reward_extra_info"):
        _source_results({}, 3)


@pytest.mark.parametrize(("combiner", "expected"), [(Select("rm"), False), (hero(), True), (hero_advantage(), True)])
def test_chains_that_compare_are_told_from_those_that_do_not(parts, combiner, expected):
    assert is_group_dependent(parts.make(combiner)) is expected


def test_a_neutral_number_moves_no_sibling(parts):
    for combiner in (hero(), hero_advantage(), Select("rm")):
        outcome = parts.make(combiner)(parts.samples())
        given = np.array(trainer_values_filled(outcome))
        for rows in (slice(0, 4), slice(4, 8)):
            usable = outcome.valid[rows]
            centred = given[rows] - given[rows].mean()
            alone = given[rows][usable] - given[rows][usable].mean()
            np.testing.assert_allclose(centred[usable], alone, atol=1e-12)
            np.testing.assert_allclose(centred[~usable], 0.0, atol=1e-12)
    assert trainer_values_filled(parts.make(Select("rm"))([Sample("p", "broken", "q", "4")])) == [0.0]
