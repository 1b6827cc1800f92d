"""Servers that are dead, slow or lie: rows get statuses, the caller no exception, and no other row is lost."""

import math
import socket
import threading
import time

import pytest

from herokit.types import Sample, Status
from herokit_http import HttpRewardModel, Reach


def model(url, reach, **settings):
    return HttpRewardModel(url, "openrlhf", reach=reach, **settings)


def lengths(_, body):
    return {"rewards": [float(len(q)) for q in body["query"]]}


def failed(scores):
    assert all(math.isnan(v) for v in scores.values)
    assert set(scores.statuses) == {Status.FAILED}
    assert all(scores.reasons)
    return scores.reasons[0]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_a_dead_server(quick, rows):
    with model(f"http://127.0.0.1:{free_port()}", quick) as rm:
        assert failed(rm.score(rows)) == "ConnectError: All connection attempts failed"
        assert "6 rows, 6 without an answer" in rm.report()


@pytest.mark.parametrize("answer", [0.6, None])
def test_a_server_that_says_nothing_or_hangs_up(serve, rows, answer):
    fake = serve(lambda *_: answer)
    with model(fake.url, Reach(tries=2, wait=0.01, seconds=0.2)) as rm:
        begun = time.monotonic()
        assert failed(rm.score(rows)).startswith("no answer within 0.2 s" if answer else "RemoteProtocolError")
        assert time.monotonic() - begun < 10.0  # and not 60 s a try
        assert len(fake.asked) == 2  # it was tried again, once


def test_a_server_that_drips(rows):
    """Bytes keep coming, so no read ever times out; the try as a whole does."""
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
        with model(f"http://127.0.0.1:{listener.getsockname()[1]}", Reach(tries=1, seconds=0.3)) as rm:
            assert failed(rm.score(rows)) == "no answer within 0.3 s"
    finally:
        stop.set()
        thread.join(2)
        listener.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"rewards": [1.0]}, "1 answers to 6 rows; a server that takes one row at a time needs batch = 1"),
        ({"rewards": [1.0, 2.0, 3.0]}, "3 answers to 6 rows"),  # never fitted to half of them
        ({"rewards": []}, "0 answers to 6 rows"),
        ({"rewards": ["NaN"] * 6}, "gave 'NaN', no number"),
        ({"reward": 1.0}, "has not the shape of openrlhf: KeyError"),
        ([1.0], "has not the shape of openrlhf: TypeError"),
        (b"<html>", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"rewards": [' + b"9" * 10_000 + b"]}", "not JSON"),
        ((302, {}, {"location": "http://127.0.0.1:1/"}), "status 302"),
        ((402, {"error": "credit"}, {}), "status 402"),
        ((200, b"\x1f\x8b\x08\x00", {"content-encoding": "gzip"}), "packed, 'gzip'"),
        ((401, {"error": "token"}, {}), "status 401"),
        ((404, {"error": "path"}, {}), "status 404"),
        ((500, {"error": "oh"}, {}), "status 500"),
        ((503, b"", {}), "status 503"),
        ((400, {"error": "bad"}, {}), "status 400"),
    ],
)
def test_a_server_that_lies_or_refuses(serve, quick, rows, answer, why):
    fake = serve(lambda *_: answer)
    with model(fake.url, quick) as rm:
        scores = rm.score(rows)
    assert why in failed(scores)


@pytest.mark.parametrize(
    ("number", "why"),
    [("NaN", "gave nan"), ("-Infinity", "gave -inf"), ("1e999", "gave inf"), ("null", "gave None, no number"),
     ("true", "gave True, no number"), ('"2"', "gave '2', no number"), ("9" * 400, "too large for a float"), ("[]", "gave no score")],
)  # fmt: skip
def test_one_number_that_is_none_costs_its_row_alone(serve, quick, rows, number, why):
    fake = serve(lambda *_: f'{{"rewards": [1, 2.5, {number}, 4, 5, 6]}}'.encode())
    with model(fake.url, quick) as rm:
        scores = rm.score(rows)
    assert why in scores.reasons[2]
    assert scores.statuses[2] is Status.FAILED
    assert [v for i, v in enumerate(scores.values) if i != 2] == [1, 2.5, 4, 5, 6]


def test_one_row_that_the_server_refuses_costs_itself_alone(serve, quick):
    samples = [Sample("p", "poison" if i == 11 else str(i), "q") for i in range(32)]

    def answer(path, body):
        return (400, {"error": "too long"}, {}) if any("poison" in q for q in body["query"]) else lengths(path, body)

    fake = serve(answer)
    with model(fake.url, quick) as rm:
        scores = rm.score(samples)
    assert [i for i, s in enumerate(scores.statuses) if s is Status.FAILED] == [11]
    assert "too long" in scores.reasons[11]
    assert len(fake.asked) == 1 + 2 * 5  # halved five times, never tried again


def test_busy_servers_are_asked_again_after_the_time_they_say(serve, rows):
    times = []

    def answer(path, body):
        times.append(time.monotonic())
        return (429, {}, {"retry-after": "0.3"}) if len(times) < 3 else lengths(path, body)

    with model(serve(answer).url, Reach(tries=3, wait=0.001)) as rm:
        assert rm.score(rows).statuses == (Status.JUDGED,) * 6
    assert times[1] - times[0] > 0.25
    assert times[2] - times[1] > 0.25


def test_a_second_address_answers_for_the_first(serve, quick, rows):
    fake = serve(lengths)
    with model(f"http://127.0.0.1:{free_port()},{fake.url}", quick) as rm:
        for _ in range(3):
            assert rm.score(rows).statuses == (Status.JUDGED,) * 6


def test_a_dead_address_among_several_is_left_alone(serve):
    fake = serve(lengths)
    reach = Reach(tries=2, wait=0.01, seconds=2.0, patience=2, rest=60.0)
    with model(f"http://127.0.0.1:{free_port()},{fake.url}", reach, batch=1) as rm:
        for k in range(20):
            assert rm.score([Sample("p", "x" * (k + 1), "g")]).statuses == (Status.JUDGED,)
        assert "20 requests in 22 tries" in rm.report()  # not every other one begins at the dead one


def test_a_server_that_keeps_failing_is_left_alone_and_tried_again(serve):
    state = {"well": False}
    fake = serve(lambda path, body: lengths(path, body) if state["well"] else (503, {}, {}))
    samples = [Sample("p", str(i), "q") for i in range(40)]
    with model(fake.url, Reach(tries=1, patience=3, rest=60.0, at_once=1), batch=1) as rm:
        scores = rm.score(samples)
        assert len(fake.asked) == 3
        assert "not asked after 3 failures in a row, the last: status 503" in scores.reasons[-1]
        state["well"] = True
        failed(rm.score(samples))
        assert len(fake.asked) == 3
        for breaker in rm._cell._open[1]._breakers:
            breaker.since -= 60.0  # a minute later
        assert rm.score(samples).statuses.count(Status.JUDGED) == 40


def test_a_server_that_keeps_lying_is_left_alone(serve):
    fake = serve(lambda *_: {"rewards": [1.0, 2.0]})
    with model(fake.url, Reach(tries=1, patience=3, at_once=1), batch=1) as rm:
        scores = rm.score([Sample("p", str(i), "q") for i in range(40)])
    assert len(fake.asked) == 3
    assert "the last: 2 answers to 1 rows" in scores.reasons[-1]


def test_a_group_of_refused_rows_does_not_make_the_server_dead(serve):
    fake = serve(lambda path, body: (413, {}, {}) if "long" in body["query"][0] else lengths(path, body))
    samples = [Sample("p", f"long {i}", "q") for i in range(20)] + [Sample("p", "short", "q")]
    with model(fake.url, Reach(tries=1, patience=3, at_once=1), batch=1) as rm:
        assert rm.score(samples).statuses[-1] is Status.JUDGED


def test_the_deadline_of_a_call(serve):
    fake = serve(lambda path, body: time.sleep(0.1) or lengths(path, body))
    with model(fake.url, Reach(deadline=1.0, at_once=1), batch=1) as rm:
        begun = time.monotonic()
        scores = rm.score([Sample("p", str(i), "q") for i in range(80)])
        assert time.monotonic() - begun < 5.0
    assert 1 <= scores.statuses.count(Status.JUDGED) < 40
    assert scores.reasons[-1] == "no answer within the deadline of 1 s"


def test_an_answer_that_does_not_end_is_cut(serve, rows):
    fake = serve(lambda *_: b" " * 10_000_000)
    with model(fake.url, Reach(tries=1, largest=1000)) as rm:
        assert failed(rm.score(rows[:1])) == "an answer of more than 1000 bytes"


@pytest.mark.parametrize("status", [302, 402, 404, 415])
def test_what_no_other_row_would_change_is_asked_once(serve, quick, rows, status):
    fake = serve(lambda *_: (status, {}, {"location": "http://127.0.0.1:1/"}))
    with model(fake.url, quick) as rm:
        failed(rm.score(rows))
    assert len(fake.asked) == 1


def test_a_server_that_stops_lying_is_believed_again(serve):
    """The try after the rest may be a batch that is halved, or fail for another reason: neither is the last word."""
    state = {}

    def answer(path, body):
        return state["says"](path, body)

    fake = serve(answer)
    with model(fake.url, Reach(tries=1, wait=0.01, seconds=2.0, patience=2, rest=0.2), batch=4) as rm:
        for way in (lambda *_: b"<html>", lambda *_: (503, {}, {}), lengths):
            state["says"] = way
            time.sleep(0.3)
            scores = rm.score([Sample("p", "x" * (k + 1), k) for k in range(4)])
        assert scores.statuses == (Status.JUDGED,) * 4, scores.reasons


def test_a_cookie_is_not_kept(serve, quick, rows):
    fake = serve(lambda _, body: (200, lengths(_, body), {"set-cookie": "a=\xff"}))
    with model(fake.url, quick) as rm:
        rm.score(rows)
        assert rm.score(rows).statuses == (Status.JUDGED,) * 6
    assert not any("cookie" in {name.lower() for name in headers} for headers in fake.headers)


@pytest.mark.parametrize("rerank", [(4, 3), (3, 4), (2, 4)])
def test_answers_that_fit_by_accident_are_nobodys(serve, quick, rerank):
    """Each prompt has a request of its own; one answer too many in one of them belongs to nobody."""
    counts = iter(rerank * 8)
    fake = serve(lambda *_: {"results": [{"relevance_score": 1.0}] * next(counts)})
    with HttpRewardModel(fake.url, "infinity-rerank", reach=quick) as rm:
        failed(rm.score([Sample(f"p{k // 3}", str(k), k) for k in range(6)]))
