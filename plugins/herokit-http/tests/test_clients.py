"""What sources share: concurrency, cache, threads, pickling, tokens, URLs; verifiers and `herokit serve`."""

import asyncio
import contextlib
import math
import pickle
import threading
import time
from concurrent.futures import CancelledError

import pytest

from herokit.errors import ConfigError
from herokit.types import Sample, Status
from herokit_http import HttpRewardModel, HttpVerifier, RequestPolicy, ServiceRewardModel
from herokit_http.connection import EventLoopThread


def make_model(url, policy, **settings):
    return HttpRewardModel(url, "openrlhf", request=policy, **settings)


def lengths(_, body):
    return {"rewards": [float(len(q)) for q in body["query"]]}


def failure_of(scores):
    assert all(math.isnan(v) for v in scores.values)
    assert set(scores.statuses) == {Status.FAILED}
    assert all(scores.reasons)
    return scores.reasons[0]


def test_client_limits_concurrent_requests(serve):
    current, highest, lock = [0], [0], threading.Lock()

    def answer(path, body):
        with lock:
            current[0] += 1
            highest[0] = max(highest[0], current[0])
        time.sleep(0.02)
        with lock:
            current[0] -= 1
        return lengths(path, body)

    with make_model(serve(answer).url, RequestPolicy(max_concurrency=3), batch_size=1) as rm:
        rm.score([Sample("p", str(i), "q") for i in range(20)])
    assert 1 < highest[0] <= 3


def test_equal_rows_are_sent_once_and_cached(serve, quick):
    server = serve(lengths)
    samples = [Sample("p", "a" * (1 + i % 3), f"g{i}") for i in range(9)]
    with make_model(server.url, quick, cache_size=2, batch_size=1) as rm:
        first = rm.score(samples).values
        assert len(server.requests) == 3
        assert (rm.score(samples).values == first).all()
        assert len(server.requests) == 3 + 1  # two of the three are cached
        rm.close()
        rm.score(samples)
        assert len(server.requests) == 7


def test_failures_are_not_cached(serve, quick, rows):
    state = {"healthy": False}
    server = serve(lambda path, body: lengths(path, body) if state["healthy"] else (400, {}, {}))
    with make_model(server.url, quick, cache_size=100) as rm:
        failure_of(rm.score(rows))
        state["healthy"] = True
        assert rm.score(rows).statuses == (Status.JUDGED,) * 6


def test_source_works_inside_an_event_loop_and_in_threads(serve, quick, rows):
    server = serve(lengths)
    with make_model(server.url, quick) as rm:

        async def main():
            return rm.score(rows), *await asyncio.gather(*(asyncio.to_thread(rm.score, rows) for _ in range(4)))

        assert all(s.statuses == (Status.JUDGED,) * 6 for s in asyncio.run(main()))


def test_pickling_drops_the_connection(serve, quick, rows):
    server = serve(lengths)
    with make_model(server.url, quick) as rm:
        rm.score(rows)
        twin = pickle.loads(pickle.dumps(rm))
        assert twin == rm
        with twin:
            assert (twin.score(rows).values == rm.score(rows).values).all()


def test_token_is_sent_and_required(serve, rows, monkeypatch):
    server = serve(lengths)
    with make_model(server.url, RequestPolicy(token_env="HEROKIT_TEST_TOKEN")) as rm:  # noqa: S106 - a variable's name
        with pytest.raises(ConfigError, match="HEROKIT_TEST_TOKEN has no token"):
            rm.score(rows)
        monkeypatch.setenv("HEROKIT_TEST_TOKEN", "secret")
        rm.score(rows)
    assert server.headers[0]["authorization"] == "Bearer secret"
    assert "secret" not in repr(rm)


def test_lone_surrogates_do_not_fail_a_batch(serve, quick):
    with make_model(serve(lengths).url, quick) as rm:
        assert rm.score([Sample("p", "\ud800", "q"), Sample("p", "ok", "q")]).statuses == (Status.JUDGED,) * 2


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"v": 1.5, "v_status": "judged"}, "gave 1.5; expected a verdict in [0, 1]"),
        ({"v": float("nan"), "v_status": "judged"}, "gave nan"),
        ({"v": 1.0, "v_status": "glorious"}, "does not have the form of herokit: ValueError"),
        ({"v": 1.0}, "does not have the form of herokit: KeyError"),
        ({"v": None, "v_status": "failed", "v_reason": "no reference"}, "failed: no reference"),
    ],
)
def test_verifier_rejects_invalid_rows(serve, quick, rows, row, why):
    server = serve(lambda _, body: {"rows": [{"v_reason": "", "v_answer": None} | row for _ in body["samples"]]})
    with HttpVerifier(server.url, "v", request=quick) as verifier:
        verdicts = verifier.verify(rows)
    assert all(v.value is None and v.status is Status.FAILED and why in v.reason for v in verdicts), verdicts[0]


def test_verifier_passes_on_status_and_answer(serve, quick, rows):
    row = {"v": 0.0, "v_status": "timeout", "v_reason": "took 5 s", "v_answer": "9^9"}
    server = serve(lambda _, body: {"rows": [row for _ in body["samples"]]})
    with HttpVerifier(server.url, "v", request=quick) as verifier:
        verdict = verifier.verify(rows)[0]
    assert (verdict.value, verdict.status, verdict.reason, verdict.answer) == (0.0, Status.TIMEOUT, "took 5 s", "9^9")


def test_verifier_reads_an_openrlhf_reward(serve, quick, rows):
    server = serve(lambda _, body: {"rewards": [1.0, 0.0, 0.5, 2.0, -1.0, 1.0]})
    with HttpVerifier(server.url, dialect="openrlhf", request=quick) as verifier:
        assert [v.value for v in verifier.verify(rows)] == [1.0, 0.0, 0.5, None, None, 1.0]


def answer_score(_, body):
    return {
        "rows": [
            {"reward": float(len(s["completion"])), "rm": 1.0, "rm_status": "judged", "rm_reason": ""}
            for s in body["samples"]
        ]
    }


def test_service_groups_keep_their_name_when_they_are_sent_again(serve, quick, rows):
    ids = []

    def answer(path, body):
        ids.append(body["id"])
        return None if len(ids) == 1 else answer_score(path, body)

    server = serve(answer)
    with ServiceRewardModel(server.url, request=quick) as rm:
        assert rm.score(rows).values.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        rm.score(rows)
    assert ids[0] == ids[1] != ids[2]
    groups = [s["group"] for s in server.requests[0][1]["samples"]]
    assert groups == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    "rows_of", [lambda n: [], lambda n: [{"reward": 1.0}] * (n + 1), lambda n: [{}] * n, lambda n: [7] * n]
)
def test_service_with_an_invalid_response_fails_the_groups_of_its_request(serve, quick, rows, rows_of):
    def answer(path, body):
        is_invalid = any(s["group"] == 1 for s in body["samples"])
        return {"rows": rows_of(len(body["samples"]))} if is_invalid else answer_score(path, body)

    with ServiceRewardModel(serve(answer).url, request=quick, batch_size=1) as rm:
        scores = rm.score(rows)
    assert [s is Status.FAILED for s in scores.statuses] == [False, False, True, True, False, False]


@pytest.mark.parametrize(("value", "why"), [(None, "verifier: no reference"), (1.0, "a filter dropped the row")])
def test_service_rows_without_a_reward_have_the_reasons_of_their_sources(serve, quick, rows, value, why):
    row = {"reward": None, "verifier": value, "verifier_status": "failed", "verifier_reason": "no reference"}
    server = serve(lambda _, body: {"rows": [row] * len(body["samples"])})
    with ServiceRewardModel(server.url, request=quick) as rm:
        assert failure_of(rm.score(rows)) == f"the service: {why}"


@pytest.mark.parametrize("backoff", [0.01, 1.0])
def test_close_ends_the_call_of_another_thread(serve, rows, backoff):
    rm = make_model(serve(lambda *_: 1.0).url, RequestPolicy(max_attempts=3, backoff=backoff, timeout=5.0))
    results = []
    calling = threading.Thread(target=lambda: results.append(rm.score(rows)), daemon=True)
    calling.start()
    time.sleep(0.3)
    rm.close()
    calling.join(10.0)
    assert failure_of(results[0]) == "closed during the call"


def test_token_and_password_are_redacted(serve, quick, rows, monkeypatch):
    monkeypatch.setenv("TOKEN", "s3cret\n")  # as in a file
    server = serve(lambda *_: (401, {"error": "no s3cret"}, {}))
    with make_model(server.url, RequestPolicy(max_attempts=1, token_env="TOKEN")) as rm:  # noqa: S106 - a variable's name
        assert failure_of(rm.score(rows)) == 'status 401: {"error": "no [token]"}'
    assert server.headers[0]["authorization"] == "Bearer s3cret"
    with make_model("http://me:pass@127.0.0.1:9", quick) as rm:
        assert "pass" not in rm.report()
    for broken in (" ", "a\nb", "\u2603"):
        monkeypatch.setenv("TOKEN", broken)
        with pytest.raises(ConfigError, match="variable TOKEN has no token"):
            make_model(server.url, RequestPolicy(token_env="TOKEN")).score(rows)  # noqa: S106 - as above


@pytest.mark.parametrize(
    "url",
    ["http://", "http://[::1", "http://a:b", "http://a/?key=1", "ftp://a", "http://a\nb", "", "http://me:pass@a:b"],
)
def test_invalid_url_is_rejected_at_once(url):
    with pytest.raises(ConfigError, match="expected http://HOST:PORT") as error:
        HttpRewardModel(url)
    assert "pass" not in str(error.value)


@pytest.mark.parametrize(("answer", "requests"), [(b"not JSON", 1), ((413, {}, {}), 7)])
def test_groups_that_the_service_may_have_counted_are_not_sent_again(serve, quick, answer, requests):
    server = serve(lambda *_: answer)
    with ServiceRewardModel(server.url, request=quick) as rm:
        failure_of(rm.score([Sample("p", str(k), k) for k in range(4)]))
    assert len(server.requests) == requests


def test_event_loop_thread_loses_no_call_while_it_closes():
    """A call that is submitted at any moment of closing returns or raises; none waits forever."""

    async def answer():
        return 1

    for _ in range(20):
        thread, ended = EventLoopThread(), []

        def call(thread=thread, ended=ended):
            with contextlib.suppress(CancelledError):
                while thread.run(answer()):
                    pass
            ended.append(True)

        callers = [threading.Thread(target=call, daemon=True) for _ in range(3)]
        for caller in callers:
            caller.start()
        time.sleep(0.002)
        thread.close(answer)
        for caller in callers:
            caller.join(5.0)
        assert len(ended) == 3
