"""A cache of verdicts: what it keeps, what it tells apart, and what it survives."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from helpers.scripted import RecordingVerifier, ScriptedVerifier, samples, values
from herokit import Sample, Status, Verdict
from herokit.errors import ConfigError, SetupError
from herokit.sources import AllOf, Cache, Cascade
from herokit.sources import cache as cache_module
from herokit.sources.cache import LRUCache, _VerdictFile
from herokit.verifiers import ExactMatch, Number


def test_cache_keeps_verdicts_but_not_failures_and_timeouts():
    recorded = []
    cache = Cache(RecordingVerifier((recorded,)), version="1")
    part = samples("1 a", "1 a", "? b", "t c", "u d")
    first, second = cache.verify(part), cache.verify(part)
    assert values(first) == values(second) == [1.0, 1.0, None, 0.0, 0.0]
    assert recorded == ["1 a", "? b", "t c", "u d", "? b", "t c"]
    assert cache.report() == "cache: 10 samples, 3 found in memory, 0 in the file, 6 judged"


def test_cache_key_depends_on_the_content_and_not_on_the_group():
    one = Sample("p", "1", 0, "r")
    for other, again in (
        (Sample("p", "1", 9, "r"), 0),
        (Sample("q", "1", 0, "r"), 1),
        (Sample("p", "1", 0, "s"), 1),
        (Sample("p", "1", 0, None), 1),
        (Sample("p", "1", 0, "r", {"task": "a"}), 1),
        (Sample("p", "1", 0, ["r"]), 1),
        (Sample("p", "1", 0, "r", thinking_opened=True), 1),
        (Sample("p", "1", 0, "r", truncated=True), 1),
        (Sample("p", "1", 0, "r", num_tokens=3), 1),
        (Sample([{"role": "user", "content": "p"}], "1", 0, "r"), 1),
        (Sample("p", [{"role": "assistant", "content": "1"}], 0, "r"), 1),
    ):
        recorded = []
        cache = Cache(RecordingVerifier((recorded,)), version="1")
        cache.verify([one])
        cache.verify([other])
        assert len(recorded) == 1 + again, other


def test_cache_key_depends_on_images_and_native_references():
    recorded = []
    cache = Cache(RecordingVerifier((recorded,)), version="1")
    for pixel, reference in ((1, {"target": [1]}), (1, {"target": [1]}), (2, {"target": [1]}), (2, {"target": [2]})):
        parts = [{"type": "image", "image": np.full((64, 64), pixel)}]
        cache.verify([Sample([{"role": "user", "content": parts}], "1", 0, reference)])
    assert len(recorded) == 3


def test_cache_file_serves_only_the_same_verifier(tmp_path):
    path = str(tmp_path / "verdicts.db")
    part = samples("3", "4", "5")
    expected = Verdict(1.0, Status.JUDGED, "", "3", "whole text")
    assert Cache(Number(), path).verify(part)[0] == expected
    again = Cache(Number(), path)
    assert again.verify(part)[0] == expected
    assert again.report() == "cache: 3 samples, 0 found in memory, 3 in the file, 0 judged"
    for other in (Cache(Number(rel_tol=0.1), path), Cache(Number(), path, version="2"), Cache(ExactMatch(), path)):
        other.verify(part)
        assert "3 judged" in other.report()


@dataclass(frozen=True)
class HiddenWord:
    """Accepts one word, which its repr does not show."""

    word: str = field(repr=False)

    def verify(self, samples):
        return [Verdict(float(s.completion == self.word)) for s in samples]


def test_cache_key_depends_on_fields_left_out_of_the_repr(tmp_path):
    path = str(tmp_path / "verdicts")
    assert values(Cache(HiddenWord("a"), path).verify(samples("a", "b"))) == [1.0, 0.0]
    assert values(Cache(HiddenWord("b"), path).verify(samples("a", "b"))) == [0.0, 1.0]
    again = Cache(AllOf((HiddenWord("b"),)), path)
    assert values(again.verify(samples("a", "b"))) == values(
        Cache(AllOf((HiddenWord("b"),)), path).verify(samples("a", "b"))
    )
    assert values(Cache(AllOf((HiddenWord("a"),)), path).verify(samples("a", "b"))) == [1.0, 0.0]


@dataclass(frozen=True)
class HiddenArray:
    """Accepts every word of an array; its repr shows nothing."""

    words: np.ndarray
    rule: Callable[[str], bool] = bool

    def __repr__(self):
        return "HiddenArray()"

    def verify(self, samples):
        return [Verdict(float(s.completion in self.words and self.rule(s.completion))) for s in samples]


def test_cache_key_depends_on_settings_whatever_the_repr_shows(tmp_path):
    path = str(tmp_path / "verdicts")
    many = np.array([str(number) for number in range(2_000)])
    more = np.where(many == "1000", "a", many)
    for words, right in ((many, 0.0), (more, 1.0)):
        assert values(Cache(HiddenArray(words), path).verify(samples("a"))) == [right]
        assert values(Cache(AllOf((HiddenArray(words),)), path).verify(samples("a"))) == [right]
    other = type(
        "HiddenWord", (HiddenWord,), {"__module__": "elsewhere", "verify": lambda _, part: [Verdict(0.5)] * len(part)}
    )
    assert values(Cache(AllOf((HiddenWord("a"),)), path).verify(samples("a"))) == [1.0]
    assert values(Cache(AllOf((other("a"),)), path).verify(samples("a"))) == [0.5]
    unpicklable = Cache(HiddenArray(more, rule=lambda word: word == "a"))
    for _ in range(2):
        unpicklable.verify(samples("a"))
    assert unpicklable.report() == "cache: 2 samples, 1 found in memory, 0 in the file, 1 judged"


def test_cache_key_depends_on_meta_of_any_type():
    ring = {}
    ring["ring"] = ring
    metas = [
        Number,
        ExactMatch,
        1,
        1.0,
        True,
        "1",
        None,
        float("nan"),
        [1],
        (1,),
        {1: 2},
        {"1": 2},
        {1: 2, "b": 3},
        {(1, 2): 3},
        {2, 1},
        ring,
    ]
    recorded = []
    cache = Cache(RecordingVerifier((recorded,)), version="1")
    for _ in range(2):
        assert values(cache.verify([Sample("p", "1", 0, "r", {"of": of}) for of in metas])) == [1.0] * len(metas)
    assert len(recorded) == len(metas) + 1  # what holds itself is never found again


def test_cache_keeps_in_memory_an_answer_that_json_cannot_hold(tmp_path):
    cache = Cache(ScriptedVerifier(), str(tmp_path / "v.db"), version="1")
    assert values([*cache.verify(samples("f")), *cache.verify(samples("f"))]) == [1.0, 1.0]
    assert "1 found in memory" in cache.report()
    assert "the file could not be used 1 times" in cache.report()


def test_cache_file_locked_by_another_process_costs_no_row(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "_BUSY_TIMEOUT", 0.05)
    path = str(tmp_path / "v.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        cache = Cache(Number(), path)
        assert values(cache.verify(samples("3"))) == [1.0]
        assert "the file could not be used 2 times" in cache.report()
    assert values(cache.verify(samples("3", "4"))) == [1.0, 0.0]
    assert "2 times" in cache.report()


def test_cache_file_and_memory_respect_max_entries(tmp_path):
    disk = _VerdictFile(str(tmp_path / "v.db"), 10)
    for number in range(30):
        disk.put_many({bytes([number]): Verdict(1.0)})
    assert sorted(disk.get_many([bytes([n]) for n in range(30)])) == [bytes([n]) for n in range(20, 30)]
    memory = LRUCache(2)
    memory.put_many({b"a": Verdict(1.0), b"b": Verdict(1.0)})
    memory.get(b"a")
    memory.put(b"c", Verdict(1.0))
    assert sorted(memory.get_many([b"a", b"b", b"c"])) == [b"a", b"c"]


def test_cache_file_is_shared(tmp_path):
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
    assert late.report() == "cache: 200 samples, 0 found in memory, 200 in the file, 0 judged"


def test_cache_raises_on_a_broken_file_and_ignores_a_damaged_row(tmp_path):
    path = tmp_path / "v.db"
    path.write_text("no database, but long enough to be read as one " * 100)
    with pytest.raises(SetupError, match="cannot use the cache file .*v.db: file is not a database"):
        Cache(Number(), str(path)).verify(samples("3"))
    path.unlink()
    Cache(Number(), str(path)).verify(samples("3"))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE verdicts SET verdict = '[}'")
    db.close()
    cache = Cache(Number(), str(path))
    assert values(cache.verify(samples("3"))) == [1.0]
    assert "the file could not be used 1 times" in cache.report()


class NotADataclass:
    def verify(self, part):
        return [Verdict(1.0) for _ in part]


def test_cache_needs_a_version_for_a_verifier_with_unknown_settings():
    with pytest.raises(ConfigError, match="NotADataclass is not a dataclass"):
        Cache(AllOf((Number(), NotADataclass())))
    assert values(Cache(NotADataclass(), version="7").verify(samples("1"))) == [1.0]


def test_cache_around_a_cascade_keeps_verdicts_given_without_its_second(tmp_path):
    """A cascade judges without its second; only a cache inside asks that one again."""
    for inside, wanted in ((True, 1.0), (False, 0.0)):
        path = str(tmp_path / f"{inside}.db")
        for second, value in (("?", 0.0), ("1", wanted)):
            silent = Constant(second)
            made = (
                Cascade(ScriptedVerifier(), Cache(silent, path))
                if inside
                else Cache(Cascade(ScriptedVerifier(), silent), path)
            )
            assert values(made.verify(samples("0 x"))) == [value]


@dataclass(frozen=True)
class Constant:
    """Gives the same verdict on every sample."""

    mark: str = field(repr=False, compare=False)

    def verify(self, part):
        return ScriptedVerifier().verify(samples(*[f"{self.mark} y"] * len(part)))


def test_cache_tells_conversations_apart(tmp_path):
    user = {"role": "user", "content": "1 + 1?"}
    answers = [
        [{"role": "assistant", "content": "2"}],
        [{"role": "assistant", "content": "2", "reasoning_content": "1 + 1 = 2"}],
        [{"role": "assistant", "content": [{"type": "text", "text": "2"}, {"type": "image", "image": np.zeros(2)}]}],
        [{"role": "assistant", "content": [{"type": "text", "text": "2"}, {"type": "image", "image": np.ones(2)}]}],
        "2",
    ]
    part = [Sample([user], answer, 0, reference=[2, "two"]) for answer in answers]
    part += [replace(part[0], prompt="1 + 1?"), replace(part[0], reference=2), replace(part[0], truncated=True)]
    part += [replace(sample, group=1) for sample in part]
    judged = []

    @dataclass(frozen=True)
    class Count:
        def verify(self, samples):
            judged.extend(samples)
            return [Verdict(1.0, answer=sample.final_text, origin="message") for sample in samples]

    for _ in range(2):
        verdicts = Cache(Count(), str(tmp_path / "verdicts.db")).verify(part)
        assert {verdict.origin for verdict in verdicts} == {"message"}
    assert len(judged) == 8
