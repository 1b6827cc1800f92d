"""Servers that are down, slow or wrong: rows get a status, the call raises nothing, and other rows keep their scores."""

import math
import socket
import threading
import time

import pytest

from herokit.types import Sample, Status
from herokit_http import HttpRewardModel, RequestPolicy


def make_model(url, policy, **settings):
    return HttpRewardModel(url, "openrlhf", request=policy, **settings)


def lengths(_, body):
    return {"rewards": [float(len(q)) for q in body["query"]]}


def failure_of(scores):
    assert all(math.isnan(v) for v in scores.values)
    assert set(scores.statuses) == {Status.FAILED}
    assert all(scores.reasons)
    return scores.reasons[0]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_server_that_is_down(quick, rows):
    with make_model(f"http://127.0.0.1:{free_port()}", quick) as rm:
        assert failure_of(rm.score(rows)) == "ConnectError: All connection attempts failed"
        assert "6 rows, 6 failed" in rm.report()


@pytest.mark.parametrize("answer", [0.6, None])
def test_server_that_sends_nothing_or_closes_the_connection(serve, rows, answer):
    server = serve(lambda *_: answer)
    with make_model(server.url, RequestPolicy(max_attempts=2, backoff=0.01, timeout=0.2)) as rm:
        start = time.monotonic()
        assert failure_of(rm.score(rows)).startswith("no answer within 0.2 s" if answer else "RemoteProtocolError")
        assert time.monotonic() - start < 10.0  # not 60 s per attempt
        assert len(server.requests) == 2


def test_server_that_sends_byte_by_byte(rows):
    """Bytes keep coming, so no read times out; the attempt as a whole does."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip():
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not stop.wait(0.02):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        with make_model(
            f"http://127.0.0.1:{listener.getsockname()[1]}", RequestPolicy(max_attempts=1, timeout=0.3)
        ) as rm:
            assert failure_of(rm.score(rows)) == "no answer within 0.3 s"
    finally:
        stop.set()
        thread.join(2)
        listener.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"rewards": [1.0]}, "1 answers for 6 rows; a server that takes one row per request needs batch_size = 1"),
        ({"rewards": [1.0, 2.0, 3.0]}, "3 answers for 6 rows"),  # not assigned to half of them
        ({"rewards": []}, "0 answers for 6 rows"),
        ({"rewards": ["NaN"] * 6}, "gave 'NaN', not a number"),
        ({"reward": 1.0}, "does not have the form of openrlhf: KeyError"),
        ([1.0], "does not have the form of openrlhf: TypeError"),
        (b"<html>", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"rewards": [' + b"9" * 10_000 + b"]}", "not JSON"),
        ((302, {}, {"location": "http://127.0.0.1:1/"}), "status 302"),
        ((402, {"error": "credit"}, {}), "status 402"),
        ((200, b"\x1f\x8b\x08\x00", {"content-encoding": "gzip"}), "compressed, 'gzip'"),
        ((401, {"error": "token"}, {}), "status 401"),
        ((404, {"error": "path"}, {}), "status 404"),
        ((500, {"error": "oh"}, {}), "status 500"),
        ((503, b"", {}), "status 503"),
        ((400, {"error": "bad"}, {}), "status 400"),
    ],
)
def test_server_with_an_invalid_response_or_an_error(serve, quick, rows, answer, why):
    server = serve(lambda *_: answer)
    with make_model(server.url, quick) as rm:
        scores = rm.score(rows)
    assert why in failure_of(scores)


@pytest.mark.parametrize(
    ("number", "why"),
    [("NaN", "gave nan"), ("-Infinity", "gave -inf"), ("1e999", "gave inf"), ("null", "gave None, not a number"),
     ("true", "gave True, not a number"), ('"2"', "gave '2', not a number"), ("9" * 400, "too large for a float"), ("[]", "gave no score")],
)  # fmt: skip
def test_invalid_number_fails_only_its_row(serve, quick, rows, number, why):
    server = serve(lambda *_: f'{{"rewards": [1, 2.5, {number}, 4, 5, 6]}}'.encode())
    with make_model(server.url, quick) as rm:
        scores = rm.score(rows)
    assert why in scores.reasons[2]
    assert scores.statuses[2] is Status.FAILED
    assert [v for i, v in enumerate(scores.values) if i != 2] == [1, 2.5, 4, 5, 6]


def test_row_that_the_server_rejects_fails_alone(serve, quick):
    samples = [Sample("p", "poison" if i == 11 else str(i), "q") for i in range(32)]

    def answer(path, body):
        return (400, {"error": "too long"}, {}) if any("poison" in q for q in body["query"]) else lengths(path, body)

    server = serve(answer)
    with make_model(server.url, quick) as rm:
        scores = rm.score(samples)
    assert [i for i, s in enumerate(scores.statuses) if s is Status.FAILED] == [11]
    assert "too long" in scores.reasons[11]
    assert len(server.requests) == 1 + 2 * 5  # halved five times, never retried


def test_retry_after_is_respected(serve, rows):
    times = []

    def answer(path, body):
        times.append(time.monotonic())
        return (429, {}, {"retry-after": "0.3"}) if len(times) < 3 else lengths(path, body)

    with make_model(serve(answer).url, RequestPolicy(max_attempts=3, backoff=0.001)) as rm:
        assert rm.score(rows).statuses == (Status.JUDGED,) * 6
    assert times[1] - times[0] > 0.25
    assert times[2] - times[1] > 0.25


def test_second_address_answers_for_the_first(serve, quick, rows):
    server = serve(lengths)
    with make_model(f"http://127.0.0.1:{free_port()},{server.url}", quick) as rm:
        for _ in range(3):
            assert rm.score(rows).statuses == (Status.JUDGED,) * 6


def test_address_that_is_down_gets_no_more_requests(serve):
    server = serve(lengths)
    policy = RequestPolicy(max_attempts=2, backoff=0.01, timeout=2.0, failure_threshold=2, recovery_timeout=60.0)
    with make_model(f"http://127.0.0.1:{free_port()},{server.url}", policy, batch_size=1) as rm:
        for k in range(20):
            assert rm.score([Sample("p", "x" * (k + 1), "g")]).statuses == (Status.JUDGED,)
        assert "20 requests in 22 attempts" in rm.report()  # not every other one begins at the address that is down


def test_breaker_opens_after_failures_and_lets_a_probe_through(serve):
    state = {"healthy": False}
    server = serve(lambda path, body: lengths(path, body) if state["healthy"] else (503, {}, {}))
    samples = [Sample("p", str(i), "q") for i in range(40)]
    with make_model(
        server.url,
        RequestPolicy(max_attempts=1, failure_threshold=3, recovery_timeout=60.0, max_concurrency=1),
        batch_size=1,
    ) as rm:
        scores = rm.score(samples)
        assert len(server.requests) == 3
        assert "not sent after 3 consecutive failures, the last: status 503" in scores.reasons[-1]
        state["healthy"] = True
        failure_of(rm.score(samples))
        assert len(server.requests) == 3
        for breaker in rm._resource.value.client.address_breakers:
            breaker.opened_at -= 60.0  # a minute later
        assert rm.score(samples).statuses.count(Status.JUDGED) == 40


def test_breaker_opens_after_invalid_responses(serve):
    server = serve(lambda *_: {"rewards": [1.0, 2.0]})
    with make_model(
        server.url, RequestPolicy(max_attempts=1, failure_threshold=3, max_concurrency=1), batch_size=1
    ) as rm:
        scores = rm.score([Sample("p", str(i), "q") for i in range(40)])
    assert len(server.requests) == 3
    assert "the last: 2 answers for 1 rows" in scores.reasons[-1]


def test_breaker_stays_closed_for_rejected_rows(serve):
    server = serve(lambda path, body: (413, {}, {}) if "long" in body["query"][0] else lengths(path, body))
    samples = [Sample("p", f"long {i}", "q") for i in range(20)] + [Sample("p", "short", "q")]
    with make_model(
        server.url, RequestPolicy(max_attempts=1, failure_threshold=3, max_concurrency=1), batch_size=1
    ) as rm:
        assert rm.score(samples).statuses[-1] is Status.JUDGED


def test_deadline_of_a_call(serve):
    server = serve(lambda path, body: time.sleep(0.1) or lengths(path, body))
    with make_model(server.url, RequestPolicy(deadline=1.0, max_concurrency=1), batch_size=1) as rm:
        start = time.monotonic()
        scores = rm.score([Sample("p", str(i), "q") for i in range(80)])
        assert time.monotonic() - start < 5.0
    assert 1 <= scores.statuses.count(Status.JUDGED) < 40
    assert scores.reasons[-1] == "no answer within the deadline of 1 s"


def test_endless_response_is_cut_off(serve, rows):
    server = serve(lambda *_: b" " * 10_000_000)
    with make_model(server.url, RequestPolicy(max_attempts=1, max_response_bytes=1000)) as rm:
        assert failure_of(rm.score(rows[:1])) == "the response has more than 1000 bytes"


@pytest.mark.parametrize("status", [302, 402, 404, 415])
def test_row_independent_errors_are_not_retried(serve, quick, rows, status):
    server = serve(lambda *_: (status, {}, {"location": "http://127.0.0.1:1/"}))
    with make_model(server.url, quick) as rm:
        failure_of(rm.score(rows))
    assert len(server.requests) == 1


def test_breaker_closes_after_a_valid_response(serve):
    """The probe may be a batch that is halved, or fail for another reason: the next probe still goes through."""
    state = {}

    def answer(path, body):
        return state["respond"](path, body)

    server = serve(answer)
    with make_model(
        server.url,
        RequestPolicy(max_attempts=1, backoff=0.01, timeout=2.0, failure_threshold=2, recovery_timeout=0.2),
        batch_size=4,
    ) as rm:
        for way in (lambda *_: b"<html>", lambda *_: (503, {}, {}), lengths):
            state["respond"] = way
            time.sleep(0.3)
            scores = rm.score([Sample("p", "x" * (k + 1), k) for k in range(4)])
        assert scores.statuses == (Status.JUDGED,) * 4, scores.reasons


def test_cookies_are_not_stored(serve, quick, rows):
    server = serve(lambda _, body: (200, lengths(_, body), {"set-cookie": "a=\xff"}))
    with make_model(server.url, quick) as rm:
        rm.score(rows)
        assert rm.score(rows).statuses == (Status.JUDGED,) * 6
    assert not any("cookie" in {name.lower() for name in headers} for headers in server.headers)


@pytest.mark.parametrize("rerank", [(4, 3), (3, 4), (2, 4)])
def test_answers_of_a_wrong_number_are_not_assigned(serve, quick, rerank):
    """Each prompt has a request of its own; a wrong number of answers in one of them fails all its rows."""
    counts = iter(rerank * 8)
    server = serve(lambda *_: {"results": [{"relevance_score": 1.0}] * next(counts)})
    with HttpRewardModel(server.url, "infinity-rerank", request=quick) as rm:
        failure_of(rm.score([Sample(f"p{k // 3}", str(k), k) for k in range(6)]))
