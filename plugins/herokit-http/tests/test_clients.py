"""What a client does beside asking: limits, memory, threads, pickling, tokens; verifiers and our own service."""

import asyncio
import math
import pickle
import threading
import time

import pytest

from herokit.errors import ConfigError
from herokit.types import Sample, Status
from herokit_http import HttpRewardModel, HttpVerifier, Reach, ServiceRewardModel


def model(url, reach, **settings):
    return HttpRewardModel(url, "openrlhf", reach=reach, **settings)


def lengths(_, body):
    return {"rewards": [float(len(q)) for q in body["query"]]}


def failed(scores):
    assert all(math.isnan(v) for v in scores.values)
    assert set(scores.statuses) == {Status.FAILED}
    assert all(scores.reasons)
    return scores.reasons[0]


def test_not_more_than_so_many_at_once(serve):
    now, most, lock = [0], [0], threading.Lock()

    def answer(path, body):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return lengths(path, body)

    with model(serve(answer).url, Reach(at_once=3), batch=1) as rm:
        rm.score([Sample("p", str(i), "q") for i in range(20)])
    assert 1 < most[0] <= 3


def test_equal_rows_are_asked_once_and_remembered_if_told(serve, quick):
    fake = serve(lengths)
    samples = [Sample("p", "a" * (1 + i % 3), f"g{i}") for i in range(9)]
    with model(fake.url, quick, cache=2, batch=1) as rm:
        first = rm.score(samples).values
        assert len(fake.asked) == 3
        assert (rm.score(samples).values == first).all()
        assert len(fake.asked) == 3 + 1  # it remembers two of the three
        rm.close()
        rm.score(samples)
        assert len(fake.asked) == 7


def test_failures_are_not_remembered(serve, quick, rows):
    state = {"well": False}
    fake = serve(lambda path, body: lengths(path, body) if state["well"] else (400, {}, {}))
    with model(fake.url, quick, cache=100) as rm:
        failed(rm.score(rows))
        state["well"] = True
        assert rm.score(rows).statuses == (Status.JUDGED,) * 6


def test_it_works_inside_an_event_loop_and_in_threads(serve, quick, rows):
    fake = serve(lengths)
    with model(fake.url, quick) as rm:

        async def main():
            return rm.score(rows), *await asyncio.gather(*(asyncio.to_thread(rm.score, rows) for _ in range(4)))

        assert all(s.statuses == (Status.JUDGED,) * 6 for s in asyncio.run(main()))


def test_pickling_drops_the_connection(serve, quick, rows):
    fake = serve(lengths)
    with model(fake.url, quick) as rm:
        rm.score(rows)
        twin = pickle.loads(pickle.dumps(rm))
        assert twin == rm
        with twin:
            assert (twin.score(rows).values == rm.score(rows).values).all()


def test_a_token_is_sent_and_its_absence_is_told(serve, rows, monkeypatch):
    fake = serve(lengths)
    with model(fake.url, Reach(token="HEROKIT_TEST_TOKEN")) as rm:  # noqa: S106 - a variable's name
        with pytest.raises(ConfigError, match="HEROKIT_TEST_TOKEN holds no token"):
            rm.score(rows)
        monkeypatch.setenv("HEROKIT_TEST_TOKEN", "secret")
        rm.score(rows)
    assert fake.headers[0]["authorization"] == "Bearer secret"
    assert "secret" not in repr(rm)


def test_halves_of_surrogate_pairs_do_not_stop_a_batch(serve, quick):
    with model(serve(lengths).url, quick) as rm:
        assert rm.score([Sample("p", "\ud800", "q"), Sample("p", "ok", "q")]).statuses == (Status.JUDGED,) * 2


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"value": 1.5, "status": "judged"}, "gave 1.5; a verdict lies in [0, 1]"),
        ({"value": float("nan"), "status": "judged"}, "gave nan"),
        ({"value": 1.0, "status": "glorious"}, "has not the shape of herokit: ValueError"),
        ({"value": 1.0}, "has not the shape of herokit: KeyError"),
        ({"value": None, "status": "failed", "reason": "no reference"}, "failed: no reference"),
    ],
)
def test_a_verifier_that_lies(serve, quick, rows, row, why):
    fake = serve(lambda _, body: {"rows": [{"reason": "", "answer": None} | row for _ in body["samples"]]})
    with HttpVerifier(fake.url, "verifier", reach=quick) as verifier:
        verdicts = verifier.verify(rows)
    assert all(v.value is None and v.status is Status.FAILED and why in v.reason for v in verdicts), verdicts[0]


def test_a_verdict_keeps_its_status_and_answer(serve, quick, rows):
    row = {"value": 0.0, "status": "timeout", "reason": "took 5 s", "answer": "9^9"}
    fake = serve(lambda _, body: {"rows": [row for _ in body["samples"]]})
    with HttpVerifier(fake.url, "verifier", reach=quick) as verifier:
        verdict = verifier.verify(rows)[0]
    assert (verdict.value, verdict.status, verdict.reason, verdict.answer) == (0.0, Status.TIMEOUT, "took 5 s", "9^9")


def test_an_openrlhf_reward_as_a_verifier(serve, quick, rows):
    fake = serve(lambda _, body: {"rewards": [1.0, 0.0, 0.5, 2.0, -1.0, 1.0]})
    with HttpVerifier(fake.url, dialect="openrlhf", reach=quick) as verifier:
        assert [v.value for v in verifier.verify(rows)] == [1.0, 0.0, 0.5, None, None, 1.0]


def service(_, body):
    return {"rows": [{"reward": float(len(s["completion"])), "problem": ""} for s in body["samples"]]}


def test_groups_that_are_sent_again_keep_their_name(serve, quick, rows):
    tries = []

    def answer(path, body):
        tries.append(body["id"])
        return None if len(tries) == 1 else service(path, body)

    fake = serve(answer)
    with ServiceRewardModel(fake.url, reach=quick) as rm:
        assert rm.score(rows).values.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        rm.score(rows)
    assert tries[0] == tries[1] != tries[2]
    groups = [s["group"] for s in fake.asked[0][1]["samples"]]
    assert groups == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    "rows_of", [lambda n: [], lambda n: [{"reward": 1.0}] * (n + 1), lambda n: [{}] * n, lambda n: [7] * n]
)
def test_a_service_that_lies_costs_the_groups_of_its_request(serve, quick, rows, rows_of):
    def answer(path, body):
        lies = any(s["group"] == 1 for s in body["samples"])
        return {"rows": rows_of(len(body["samples"]))} if lies else service(path, body)

    with ServiceRewardModel(serve(answer).url, reach=quick, batch=1) as rm:
        scores = rm.score(rows)
    assert [s is Status.FAILED for s in scores.statuses] == [False, False, True, True, False, False]


def test_rows_without_a_reward_come_through_with_their_problem(serve, quick, rows):
    fake = serve(
        lambda _, body: {"rows": [{"reward": None, "problem": "verifier: no reference"}] * len(body["samples"])}
    )
    with ServiceRewardModel(fake.url, reach=quick) as rm:
        assert failed(rm.score(rows)) == "the service: verifier: no reference"


@pytest.mark.parametrize("wait", [0.01, 1.0])
def test_closing_ends_what_another_thread_asks(serve, rows, wait):
    rm = model(serve(lambda *_: 1.0).url, Reach(tries=3, wait=wait, seconds=5.0))
    found = []
    asking = threading.Thread(target=lambda: found.append(rm.score(rows)), daemon=True)
    asking.start()
    time.sleep(0.3)
    rm.close()
    asking.join(10.0)
    assert failed(found[0]) == "closed while it was asked"


def test_a_secret_is_nowhere_to_be_read(serve, quick, rows, monkeypatch):
    monkeypatch.setenv("TOKEN", "s3cret\n")  # as files end
    fake = serve(lambda *_: (401, {"error": "no s3cret"}, {}))
    with model(fake.url, Reach(tries=1, token="TOKEN")) as rm:  # noqa: S106 - a variable's name
        assert failed(rm.score(rows)) == 'status 401: {"error": "no [token]"}'
    assert fake.headers[0]["authorization"] == "Bearer s3cret"
    with model("http://me:pass@127.0.0.1:9", quick) as rm:
        assert "pass" not in rm.report()
    for broken in (" ", "a\nb", "\u2603"):
        monkeypatch.setenv("TOKEN", broken)
        with pytest.raises(ConfigError, match="variable TOKEN holds no token"):
            model(fake.url, Reach(token="TOKEN")).score(rows)  # noqa: S106 - as above


@pytest.mark.parametrize(
    "url",
    ["http://", "http://[::1", "http://a:b", "http://a/?key=1", "ftp://a", "http://a\nb", "", "http://me:pass@a:b"],
)
def test_a_url_that_is_none_is_told_at_once(url):
    with pytest.raises(ConfigError, match="expected http://HOST:PORT") as told:
        HttpRewardModel(url)
    assert "pass" not in str(told.value)


@pytest.mark.parametrize(("answer", "requests"), [(b"not JSON", 1), ((413, {}, {}), 7)])
def test_a_service_that_may_have_counted_groups_is_not_sent_them_again(serve, quick, answer, requests):
    fake = serve(lambda *_: answer)
    with ServiceRewardModel(fake.url, reach=quick) as rm:
        failed(rm.score([Sample("p", str(k), k) for k in range(4)]))
    assert len(fake.asked) == requests
