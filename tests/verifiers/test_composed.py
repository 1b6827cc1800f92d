"""Verifiers made of verifiers: what they ask, what they keep, what they report, and how they end."""

import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import says
from says import Says

from herokit import Rewarder, Sample, Status, Verdict, verifier_only
from herokit.builder import build, describe
from herokit.errors import ConfigError, SetupError
from herokit.registry import load_registry
from herokit.sources import AllOf, AnyOf, Audit, Cache, Cascade, Noisy, Pool, Route, TimeLimit, Vote
from herokit.sources.store import Disk, Memory
from herokit.sources.tally import Tally
from herokit.verifiers import ExactMatch, Number, Regex

KNOWN = load_registry(extra=[("says", says)])


def samples(*completions, reference="3", **meta):
    return [Sample("p", text, number, reference, meta) for number, text in enumerate(completions)]


@dataclass(frozen=True)
class Spy:
    """Says, and writes down what it was asked."""

    heard: tuple[list, ...] = field(default=(), repr=False, compare=False)
    at: int = 0

    def verify(self, part):
        self.heard[0].extend(s.completion for s in part)
        return Says(self.at).verify(part)


def values(verdicts):
    return [verdict.value for verdict in verdicts]


def test_logic_asks_only_what_is_open():
    first, second = [], []
    assert values(AllOf((Spy((first,)), Spy((second,), 1))).verify(samples("11", "10", "01", "?1"))) == [1, 0, 0, None]
    assert (first, second) == (["11", "10", "01", "?1"], ["11", "10", "?1"])
    first, second = [], []
    assert values(AnyOf((Spy((first,)), Spy((second,), 1))).verify(samples("11", "10", "01", "00"))) == [1, 1, 1, 0]
    assert second == ["01", "00"]


def test_a_route_asks_each_verifier_once_a_batch():
    heard = {"a": [], "b": []}
    route = Route({name: Spy((heard[name],)) for name in heard})
    part = [
        Sample("p", text, 0, "r", {"task": task}) for text, task in (("1x", "a"), ("0y", "b"), ("1z", "a"), ("1", "c"))
    ]
    verdicts = route.verify(part)
    assert values(verdicts) == [1.0, 0.0, 1.0, None]
    assert verdicts[3].detail == "no route for 'c'; known: a, b"
    assert heard == {"a": ["1x", "1z"], "b": ["0y"]}
    assert route.report() == "route: a 2, b 1, nowhere 1"


def test_reports_of_nested_verifiers_are_joined():
    inner = Cascade(Says(), Says(1))
    outer = AllOf((Vote((inner,)), Audit(Says(), by=Says(1), share=1.0)))
    outer.verify(samples("01 x", "11 x"))
    lines = outer.report().splitlines()
    assert lines[0] == "cascade: second verifier asked 1 of 2 times, accepted 1, could not say 0"
    assert lines[1] == "audit: 2 of 2 re-checked, second could not say 0 times"
    assert lines[2].startswith("accepts a wrong one: 0 of 0")
    assert lines[3].startswith("refuses a right one: 1 of 2 = 0.500 (0.095 to 0.905)")


def test_an_audit_checks_its_share_and_always_the_same():
    part = samples(*(f"11 {number}" for number in range(4000)))
    counts = []
    for seed in (0, 0, 1):
        heard = []
        Audit(Says(), by=Spy((heard,), 1), share=0.05, seed=seed).verify(part)
        counts.append(heard)
    assert counts[0] == counts[1] != counts[2]
    assert 140 <= len(counts[0]) <= 260  # 200, give or take four deviations


def test_estimated_rates_are_near_the_true_ones():
    part = samples(*[f"11 {n}" for n in range(900)], *[f"10 {n}" for n in range(100)],
                   *[f"00 {n}" for n in range(800)], *[f"01 {n}" for n in range(200)])  # fmt: skip
    audit = Audit(Says(), by=Says(1), share=0.5)
    audit.verify(part)
    wrong, right = audit.report().splitlines()[1:]
    for line, true in ((wrong, 100 / 900), (right, 200 / 1100)):
        low, high = (float(text) for text in line.split("(")[1].rstrip(")").split(" to "))
        assert low < true < high


def test_a_cache_asks_once_and_not_about_what_failed():
    heard = []
    cache = Cache(Spy((heard,)), version="1")
    part = samples("1 a", "1 a", "? b", "t c", "u d")
    first, second = cache.verify(part), cache.verify(part)
    assert values(first) == values(second) == [1.0, 1.0, None, 0.0, 0.0]
    assert heard == ["1 a", "? b", "t c", "u d", "? b", "t c"]
    assert cache.report() == "cache: 10 asked, 3 found in memory, 0 in the file, 6 judged"


def test_a_cache_tells_contents_apart():
    one = Sample("p", "1", 0, "r")
    for other, again in (
        (Sample("p", "1", 9, "r"), 0),
        (Sample("q", "1", 0, "r"), 1),
        (Sample("p", "1", 0, "s"), 1),
        (Sample("p", "1", 0, None), 1),
        (Sample("p", "1", 0, "r", {"task": "a"}), 1),
    ):
        heard = []
        cache = Cache(Spy((heard,)), version="1")
        cache.verify([one])
        cache.verify([other])
        assert len(heard) == 1 + again, other


def test_a_cache_on_disk_is_found_again_by_the_same_verifier_only(tmp_path):
    path = str(tmp_path / "verdicts.db")
    part = samples("3", "4", "5")
    told = Verdict(1.0, Status.JUDGED, "", "3")
    assert Cache(Number(), path).verify(part)[0] == told
    again = Cache(Number(), path)
    assert again.verify(part)[0] == told
    assert again.report() == "cache: 3 asked, 0 found in memory, 3 in the file, 0 judged"
    for other in (Cache(Number(relative=0.1), path), Cache(Number(), path, version="2"), Cache(ExactMatch(), path)):
        other.verify(part)
        assert "3 judged" in other.report()


@dataclass(frozen=True)
class Quiet:
    """Accepts one word, which its repr does not show."""

    word: str = field(repr=False)

    def verify(self, samples):
        return [Verdict(float(s.completion == self.word)) for s in samples]


def test_a_cache_tells_settings_apart_that_a_repr_leaves_out(tmp_path):
    path = str(tmp_path / "verdicts")
    assert values(Cache(Quiet("a"), path).verify(samples("a", "b"))) == [1.0, 0.0]
    assert values(Cache(Quiet("b"), path).verify(samples("a", "b"))) == [0.0, 1.0]
    again = Cache(AllOf((Quiet("b"),)), path)
    assert values(again.verify(samples("a", "b"))) == values(
        Cache(AllOf((Quiet("b"),)), path).verify(samples("a", "b"))
    )
    assert values(Cache(AllOf((Quiet("a"),)), path).verify(samples("a", "b"))) == [1.0, 0.0]


def test_a_cache_on_disk_keeps_to_its_size(tmp_path):
    disk = Disk(str(tmp_path / "v.db"), 10)
    for number in range(30):
        disk.put({bytes([number]): Verdict(1.0)})
    assert sorted(disk.get(bytes([n]) for n in range(30))) == [bytes([n]) for n in range(20, 30)]
    memory = Memory(2)
    memory.put({b"a": Verdict(1.0), b"b": Verdict(1.0)})
    memory.get([b"a"])
    memory.put({b"c": Verdict(1.0)})
    assert sorted(memory.get([b"a", b"b", b"c"])) == [b"a", b"c"]


def test_processes_share_a_cache(tmp_path):
    path = str(tmp_path / "v.db")
    caches = [Cache(Number(), path) for _ in range(4)]
    part = samples(*(str(number) for number in range(200)))
    threads = [threading.Thread(target=cache.verify, args=(part,)) for cache in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    late = Cache(Number(), path)
    late.verify(part)
    assert late.report() == "cache: 200 asked, 0 found in memory, 200 in the file, 0 judged"


def test_a_broken_cache_file_says_so_and_a_spoilt_row_costs_nothing(tmp_path):
    path = tmp_path / "v.db"
    path.write_text("no database, but long enough to be read as one " * 100)
    with pytest.raises(SetupError, match="v.db cannot be used: file is not a database"):
        Cache(Number(), str(path)).verify(samples("3"))
    path.unlink()
    Cache(Number(), str(path)).verify(samples("3"))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE verdicts SET verdict = '[}'")
    db.close()
    cache = Cache(Number(), str(path))
    assert values(cache.verify(samples("3"))) == [1.0]
    assert "the file could not be used 1 times" in cache.report()


class Nameless:
    def verify(self, part):
        return [Verdict(1.0) for _ in part]


def test_a_cache_needs_a_version_for_what_does_not_show_its_settings():
    with pytest.raises(ConfigError, match="Nameless is no dataclass"):
        Cache(AllOf((Number(), Nameless())))
    assert values(Cache(Nameless(), version="7").verify(samples("1"))) == [1.0]


def test_a_pool_keeps_order_over_chunks_and_replaces_what_hangs():
    part = samples(*("s" if number in (3, 70) else "10"[number % 2] for number in range(150)))
    with Pool(Says(), workers=2, timeout=0.8) as pool:
        verdicts = pool.verify(part)
        assert [row for row, v in enumerate(verdicts) if v.status is Status.TIMEOUT] == [3, 70]
        assert all(v.value == 1.0 - row % 2 for row, v in enumerate(verdicts) if row not in (3, 70))
        assert verdicts[3].detail == "killed after 0.8 s"
        assert pool.report() == "pool: 150 asked, 2 killed, 0 died"


def test_a_pool_works_from_threads_and_in_forks_and_leaves_no_process():
    pool = Pool(Number(), workers=1)
    found = []
    threads = [threading.Thread(target=lambda: found.append(values(pool.verify(samples("3", "4"))))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[1.0, 0.0]] * 4
    (crew,) = pool._crews.values()
    pids = [worker.pid for worker in crew.idle]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on: the test runner has threads
        child = os.fork()
    if child == 0:
        os._exit(0 if values(pool.verify(samples("3"))) == [1.0] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert values(pool.verify(samples("3"))) == [1.0]  # the parent's worker is still its own
    assert [worker.pid for worker in crew.idle] == pids
    pool.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert values(pool.verify(samples("3"))) == [1.0]
    pool.close()


def test_a_pool_that_nobody_holds_ends_its_processes():
    pool = Pool(Number(), workers=1)
    pool.verify(samples("3"))
    (pid,) = [worker.pid for crew in pool._crews.values() for worker in crew.idle]
    del pool
    deadline = time.monotonic() + 5.0
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()


def test_a_worker_ends_with_its_caller_even_while_it_hangs():
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import os, signal, threading, time\n"
        "from says import Says\n"
        "from herokit import Sample\n"
        "from herokit.sources import Pool\n"
        "pool = Pool(Says(), workers=1, timeout=0.5)\n"
        "pool.verify([Sample('p', '1', 0)])\n"
        "(crew,) = pool._crews.values()\n"
        "print(crew.idle[0].pid, flush=True)\n"
        "threading.Thread(target=pool.verify, args=([Sample('p', 's', 0)],)).start()\n"
        "time.sleep(0.2)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    pid, deadline = int(done.stdout), time.monotonic() + 8.0
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid):
    """Whether a process is there and no zombie that nobody reaps."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_budget_ends_a_call_and_says_which_rows_were_not_begun():
    with Pool(Says(), workers=1, timeout=0.4, budget=0.7) as pool:
        pool.verify(samples("1"))  # a process is there
        verdicts = pool.verify(samples("1", "s", "s", "s", "1"))
    assert verdicts[0].value == 1.0
    assert verdicts[1].status is Status.TIMEOUT
    assert (verdicts[4].value, verdicts[4].detail) == (None, "not begun: the time of the whole call was over")


def test_a_pool_recycles_its_processes():
    with Pool(Number(), workers=1, recycle=3) as pool:
        pids = set()
        for _ in range(4):
            pool.verify(samples("3", "4"))
            pids |= {worker.pid for crew in pool._crews.values() for worker in crew.idle}
        assert len(pids) == 2  # each is dropped after its fourth sample, and not kept as idle


def test_what_cannot_work_in_a_process_says_so(monkeypatch):
    class Local:
        def verify(self, part):
            return []

    with pytest.raises(SetupError, match="Local cannot be sent to a worker process"):
        Pool(Local()).verify(samples("1"))
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(Path(__file__).parent)])
    with pytest.raises(SetupError, match="a worker process cannot load Says: ModuleNotFoundError"):
        Pool(Says()).verify(samples("1"))


def test_pickled_sources_start_anew():
    pool = Pool(Number(), workers=1)
    pool.verify(samples("3"))
    copied = pickle.loads(pickle.dumps(pool))
    assert copied == pool
    assert not copied._crews
    pool.close()
    cascade = Cascade(Number(), ExactMatch())
    cascade.verify(samples("x"))
    assert "asked 0 of 0" in pickle.loads(pickle.dumps(cascade)).report()
    tally = Tally()
    tally.add(a=1)
    assert pickle.loads(pickle.dumps(tally))["a"] == 0
    limit = TimeLimit(Number())
    assert pickle.loads(pickle.dumps(limit)) == limit
    assert "could not" in pickle.loads(pickle.dumps(Audit(Number(), by=Number()))).report()


NESTED = [
    {"use": "route", "to": {"a": {"use": "number"}, "b/*": {"use": "choice"}}, "default": {"use": "exact-match"}},
    {"use": "all-of", "of": [{"use": "tags"}, {"use": "any-of", "of": [{"use": "number"}, {"use": "exact-match"}]}]},
    {"use": "cache", "of": {"use": "pool", "of": {"use": "number", "relative": 0.5}, "timeout": 2.5}, "size": 7},
    {"use": "time-limit", "of": {"use": "sql", "setup": "CREATE TABLE t (a)"}, "seconds": 2.0},
    {"use": "audit", "of": {"use": "number"}, "by": {"use": "exact-match"}, "share": 0.5},
    {"use": "noisy", "of": [{"use": "number"}], "false_positives": [0.1], "false_negatives": [0.2]},
    {"use": "ifeval", "constraints": {"startend:quotation": {}, "startend:end_checker": {"end_phrase": "Bye."}}},
    {"use": "regex", "pattern": "a+", "mode": "search"},
    {"use": "choice", "options": ["Rome", "Paris"]},
]  # fmt: skip


@pytest.mark.parametrize("table", NESTED, ids=lambda table: table["use"])
def test_a_table_builds_and_is_described(table):
    built = build(table, known=KNOWN)
    assert describe(built, known=KNOWN) == table
    assert pickle.loads(pickle.dumps(built)) == built


def test_a_table_that_is_wrong_deep_inside_says_where():
    with pytest.raises(ConfigError, match=r"'route': to.a: 'number' has no setting 'relativ'; did you mean 'relative'"):
        build({"use": "route", "to": {"a": {"use": "number", "relativ": 1}}}, known=KNOWN)


@pytest.mark.parametrize("make", [
    lambda: AllOf(()),
    lambda: AnyOf(()),
    lambda: Route({}),
    lambda: Audit(Says(), by=Says(), share=0.0),
    lambda: Noisy((Says(),), (0.1,), ()),
    lambda: Noisy((Says(),), (0.0,), (0.1,)),
    lambda: Noisy((Says(),), (0.6,), (0.5,)),
    lambda: Noisy((Says(),), (0.1,), (0.1,), prior=1.0),
    lambda: Cache(Says(), size=0),
    lambda: Pool(Says(), workers=0),
    lambda: Pool(Says(), budget=0.0),
    lambda: TimeLimit(Says(), seconds=-1.0),
    lambda: Regex("(a"),
    lambda: Regex("a", timeout=0.0),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(ConfigError):
        make()


def test_a_rewarder_closes_what_is_inside():
    inner = Pool(Number(), workers=1)
    with Rewarder({"verifier": Route({"a": Cache(AllOf((inner,)))})}, verifier_only()) as rewarder:
        rewarder(samples("3", "4", task="a"))
        assert inner._crews
    assert not inner._crews
