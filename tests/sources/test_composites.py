"""Verifiers made of verifiers: what they ask, what they keep, what they report, and how they end."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from helpers import scripted
from helpers.scripted import RecordingVerifier, ScriptedVerifier, samples, values
from herokit import Rewarder, Sample, Verdict, verifier_only
from herokit.config.builder import build, describe
from herokit.errors import ConfigError
from herokit.registry import load_registry
from herokit.sources import AllOf, AnyOf, Cache, Cascade, NoisyVerifiers, ProcessPool, Route, SpotCheck, Vote
from herokit.verifiers import ExactMatch, Number, Regex
from herokit.workers.counters import Counters

KNOWN = load_registry(extra=[("scripted", scripted)])


def test_all_of_and_any_of_run_verifiers_only_on_undecided_rows():
    first, second = [], []
    assert values(
        AllOf((RecordingVerifier((first,)), RecordingVerifier((second,), 1))).verify(samples("11", "10", "01", "?1"))
    ) == [1, 0, 0, None]
    assert (first, second) == (["11", "10", "01", "?1"], ["11", "10", "?1"])
    first, second = [], []
    assert values(
        AnyOf((RecordingVerifier((first,)), RecordingVerifier((second,), 1))).verify(samples("11", "10", "01", "00"))
    ) == [1, 1, 1, 0]
    assert second == ["01", "00"]


def test_route_runs_each_verifier_once_per_batch():
    recorded = {"a": [], "b": []}
    route = Route({name: RecordingVerifier((recorded[name],)) for name in recorded})
    part = [
        Sample("p", text, 0, "r", {"task": task}) for text, task in (("1x", "a"), ("0y", "b"), ("1z", "a"), ("1", "c"))
    ]
    verdicts = route.verify(part)
    assert values(verdicts) == [1.0, 0.0, 1.0, None]
    assert verdicts[3].reason == "no route for 'c'; known: a, b"
    assert recorded == {"a": ["1x", "1z"], "b": ["0y"]}
    assert route.report() == "route: a 2, b 1, no route 1"


def test_composite_reports_include_those_of_nested_verifiers():
    inner = Cascade(ScriptedVerifier(), ScriptedVerifier(1))
    outer = AllOf((Vote((inner,)), SpotCheck(ScriptedVerifier(), reference_verifier=ScriptedVerifier(1), fraction=1.0)))
    outer.verify(samples("01 x", "11 x"))
    lines = outer.report().splitlines()
    assert lines[0] == "cascade: second verifier judged 1 of 2 samples, accepted 1, abstained on 0"
    assert lines[1] == "spot-check: 2 of 2 samples re-checked, the reference verifier abstained on 0"
    assert lines[2].startswith("false positives: 0 of 0")
    assert lines[3].startswith("false negatives: 1 of 2 = 0.500 (0.095 to 0.905)")


def test_vote_and_noisy_verifiers_are_judged_if_one_verifier_is():
    part = samples("u1", "1u", "t0", "tu", "?u")
    for joined in (
        Vote((ScriptedVerifier(), ScriptedVerifier(1))),
        NoisyVerifiers((ScriptedVerifier(), ScriptedVerifier(1)), (0.1, 0.1), (0.1, 0.1)),
    ):
        statuses = [v.status.value for v in joined.verify(part)]
        assert statuses == ["judged", "judged", "judged", "timeout", "unparsed"]


def test_spot_check_draws_its_fraction_reproducibly():
    part = samples(*(f"11 {number}" for number in range(4000)))
    counts = []
    for seed in (0, 0, 1):
        recorded = []
        SpotCheck(
            ScriptedVerifier(), reference_verifier=RecordingVerifier((recorded,), 1), fraction=0.05, seed=seed
        ).verify(part)
        counts.append(recorded)
    assert counts[0] == counts[1] != counts[2]
    assert 140 <= len(counts[0]) <= 260  # 200, give or take four deviations


def test_spot_check_draws_copies_one_by_one():
    check = SpotCheck(ScriptedVerifier(), reference_verifier=ScriptedVerifier(1), fraction=0.1)
    check.verify(samples(*["11 x"] * 4000))
    checked = int(check.report().split()[1])
    assert 325 < checked < 475  # four deviations of a binomial; all or none would make the intervals worthless


def test_spot_check_draws_conversations_with_native_references():
    check = SpotCheck(Count(), reference_verifier=Count(), fraction=0.5)
    user = {"role": "user", "content": "1 + 1?"}
    part = [Sample([user], [{"role": "assistant", "content": str(k)}], k, np.arange(3)) for k in range(200)]
    reports = [(check.verify(part), check.report())[1] for _ in range(2)]
    assert 70 < int(reports[0].split()[1]) < 130
    assert int(reports[1].split()[1]) == 2 * int(reports[0].split()[1])  # the same ones again


@dataclass(frozen=True)
class Count:
    def verify(self, samples):
        return [Verdict(1.0) for _ in samples]


def test_spot_check_intervals_contain_the_true_rates():
    part = samples(*[f"11 {n}" for n in range(900)], *[f"10 {n}" for n in range(100)],
                   *[f"00 {n}" for n in range(800)], *[f"01 {n}" for n in range(200)])  # fmt: skip
    check = SpotCheck(ScriptedVerifier(), reference_verifier=ScriptedVerifier(1), fraction=0.5)
    check.verify(part)
    false_positives, false_negatives = check.report().splitlines()[1:]
    for line, true in ((false_positives, 100 / 900), (false_negatives, 200 / 1100)):
        low, high = (float(text) for text in line.split("(")[1].rstrip(")").split(" to "))
        assert low < true < high


def test_pickled_sources_have_no_processes_and_no_counts():
    pool = ProcessPool(Number(), max_workers=1)
    pool.verify(samples("3"))
    copied = pickle.loads(pickle.dumps(pool))
    assert copied == pool
    assert not copied._pool.pids
    pool.close()
    cascade = Cascade(Number(), ExactMatch())
    cascade.verify(samples("x"))
    assert "judged 0 of 0" in pickle.loads(pickle.dumps(cascade)).report()
    counters = Counters()
    counters.add(a=1)
    assert pickle.loads(pickle.dumps(counters))["a"] == 0
    limit = ProcessPool(Number(), max_workers=1)
    assert pickle.loads(pickle.dumps(limit)) == limit
    assert "abstained" in pickle.loads(pickle.dumps(SpotCheck(Number(), reference_verifier=Number()))).report()


NESTED = [
    {"use": "route", "verifiers": {"a": {"use": "number"}, "b/*": {"use": "choice"}}, "default": {"use": "exact-match"}},
    {"use": "all-of", "verifiers": [{"use": "tags"}, {"use": "any-of", "verifiers": [{"use": "number"}, {"use": "exact-match"}]}]},
    {"use": "cache", "verifier": {"use": "process-pool", "verifier": {"use": "number", "rel_tol": 0.5}, "timeout": 2.5}, "max_entries": 7},
    {"use": "process-pool", "verifier": {"use": "sql-result", "setup": "CREATE TABLE t (a)"}, "timeout": 2.0},
    {"use": "spot-check", "verifier": {"use": "number"}, "reference_verifier": {"use": "exact-match"}, "fraction": 0.5},
    {"use": "noisy-verifiers", "verifiers": [{"use": "number"}], "false_positives": [0.1], "false_negatives": [0.2]},
    {"use": "ifeval", "constraints": {"startend:quotation": {}, "startend:end_checker": {"end_phrase": "Bye."}}},
    {"use": "regex", "pattern": "a+", "mode": "search"},
    {"use": "choice", "options": ["Rome", "Paris"]},
]  # fmt: skip


@pytest.mark.parametrize("table", NESTED, ids=lambda table: table["use"])
def test_nested_table_builds_and_is_described(table):
    built = build(table, registry=KNOWN)
    assert describe(built, registry=KNOWN) == table
    assert pickle.loads(pickle.dumps(built)) == built


def test_build_names_the_place_of_a_nested_error():
    with pytest.raises(
        ConfigError, match=r"'route': verifiers.a: 'number' has no parameter 'rel_to'; did you mean 'rel_tol'"
    ):
        build({"use": "route", "verifiers": {"a": {"use": "number", "rel_to": 1}}}, registry=KNOWN)


@pytest.mark.parametrize("make", [
    lambda: AllOf(()),
    lambda: AnyOf(()),
    lambda: Route({}),
    lambda: SpotCheck(ScriptedVerifier(), reference_verifier=ScriptedVerifier(), fraction=0.0),
    lambda: NoisyVerifiers((ScriptedVerifier(),), (0.1,), ()),
    lambda: NoisyVerifiers((ScriptedVerifier(),), (0.0,), (0.1,)),
    lambda: NoisyVerifiers((ScriptedVerifier(),), (0.6,), (0.5,)),
    lambda: NoisyVerifiers((ScriptedVerifier(),), (0.1,), (0.1,), prior=1.0),
    lambda: Vote((ScriptedVerifier(), ScriptedVerifier()), weights=(float("nan"), 1.0)),
    lambda: Vote((ScriptedVerifier(), ScriptedVerifier()), weights=(1e308, 1e308)),
    lambda: Cache(ScriptedVerifier(), max_entries=0),
    lambda: ProcessPool(ScriptedVerifier(), max_workers=0),
    lambda: ProcessPool(ScriptedVerifier(), call_timeout=0.0),
    lambda: Number(rel_tol=float("inf")),
    lambda: Regex("(a"),
    lambda: Regex("a", timeout=0.0),
])  # fmt: skip
def test_invalid_settings_raise_config_error(make):
    with pytest.raises(ConfigError):
        make()


def test_rewarder_closes_nested_sources():
    inner = ProcessPool(Number(), max_workers=1)
    with Rewarder({"verifier": Route({"a": Cache(AllOf((inner,)))})}, verifier_only()) as rewarder:
        rewarder(samples("3", "4", task="a"))
        assert inner._pool.pids
    assert not inner._pool.pids
