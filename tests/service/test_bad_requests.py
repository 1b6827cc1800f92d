"""Requests that the service rejects, and its answers."""

import json

import httpx2
import pytest
from service_stubs import make_group, make_service
from starlette.testclient import TestClient

JSON = {"content-type": "application/json"}
TOKEN = "sixteen characters at least".replace(" ", "-")


@pytest.fixture
def client():
    with TestClient(make_service(max_body_bytes=100_000, max_request_rows=8)[0]) as client:
        yield client


def sample(**changes):
    return {"samples": [{"prompt": "p", "completion": "c", "group": "g"} | changes]}


def raw(text):
    return '{"samples":[{"prompt":"p","completion":"c","group":"g","meta":{"x":' + text + "}}]}"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 422),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (raw("NaN"), 400),
        (raw("Infinity"), 400),
        (raw("1e999"), 422),
        (raw("9" * 10_000), 400),
        (raw("[" * 5_000 + "]" * 5_000), 400),
        (raw('"\\ud800"'), 400),
        (raw("1" + "0" * 400), 422),
        (json.dumps(sample(group=None)), 422),
        (json.dumps(sample(group=1.5)), 422),
        (json.dumps(sample(group=True)), 422),
        (json.dumps(sample(group=2**63)), 422),
        (json.dumps(sample(completion=None)), 422),
        (json.dumps(sample(num_tokens=-1)), 422),
        (json.dumps(sample(refrence="4")), 422),
        (json.dumps({"samples": []}), 422),
        (json.dumps({"samples": [], "rememeber": True}), 422),
        (json.dumps({"samples": sample()["samples"] * 9}), 413),
        (json.dumps(sample(prompt="x" * 200_000)), 413),
        (json.dumps(sample(completion=[{"content": "no role"}])), 422),
        (json.dumps(sample(completion=[{"role": "assistant", "content": [{"type": "clip"}]}])), 422),
        (json.dumps(sample(prompt=[{"role": "user", "content": 4}])), 422),
        (json.dumps(sample(prompt={"role": "user", "content": "4"})), 422),
        (json.dumps(sample(prompt=[{"role": ""}] * 10_001)), 413),
    ],
    ids=range(26),
)
def test_invalid_bodies_are_rejected_without_repeating_them(client, body, code):
    answer = client.post("/v1/score", content=body, headers=JSON)
    assert answer.status_code == code, answer.text
    assert answer.json()["error"]
    assert len(answer.text) < 700


def test_numbers_of_a_million_digits_are_rejected():
    with TestClient(make_service()[0]) as client:
        for number in ("9" * 10**6, "-" + "9" * 10**6, "1." + "9" * 10**6 + "e5000"):
            answer = client.post("/v1/score", content=raw(number), headers=JSON)
            assert answer.status_code in (400, 422)
            answer = client.put("/v1/state", content=f'{{"version":1,"state":[{number}]}}', headers=JSON)
            assert answer.status_code in (400, 422)


def test_other_content_types_are_rejected(client):
    """A web page can send text/plain to loopback without a preflight request; it must not move the running mean."""
    text = json.dumps({"samples": make_group("a", "4", "5")})
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert client.post("/v1/score", content=text, headers={"content-type": kind}).status_code == 415
    assert client.get("/v1/state").json()["state"][-1]["count"] == 0


def test_body_without_a_length_is_limited_while_it_is_read(client):
    sent = []

    def endless():
        for _ in range(1000):
            sent.append(1)
            yield b" " * 1000

    assert client.post("/v1/score", content=endless(), headers=JSON).status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 5000, "abc", "\u0661"])
def test_invalid_content_length_is_rejected(client, length):
    headers = JSON | {"content-length": length.encode()}
    assert client.post("/v1/score", content=b"{}", headers=headers).status_code in (400, 413)


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"]
)
def test_without_the_token_only_health_answers(header):
    with TestClient(make_service(token=TOKEN)[0]) as client:
        headers = {} if header is None else {"authorization": header}
        for method, path in (("POST", "/v1/score"), ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/v1/state"), ("PUT", "/v1/state"), ("GET", "/x")):  # fmt: skip
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/healthz", headers=headers).status_code == 200
        assert client.get("/metrics", headers={"authorization": f"bearer {TOKEN}"}).status_code == 200


def test_foreign_host_names_are_rejected():
    """DNS rebinding: a web page whose host name resolves to this machine. Without a token the host name is checked."""
    app, _, _ = make_service(hosts=frozenset({"localhost", "127.0.0.1", "::1"}))
    with TestClient(app) as client:
        for host, code in (("localhost:8000", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("evil.example:8000", 421), ("[", 421)):  # fmt: skip
            assert client.get("/v1/state", headers={"host": host}).status_code == code


def test_unknown_methods_and_paths(client):
    assert client.get("/v1/score").status_code == 405
    assert client.get("/").status_code == 404
    assert client.get("/docs").status_code == 404


def test_test_client_uses_httpx2():
    assert issubclass(TestClient, httpx2.Client)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (json.dumps(sample(completion=4)), "body.samples.0.completion: expected text or messages"),
        (json.dumps(sample(completion=[{"content": "4"}])), "body.samples.0.completion.messages: messages: message 0 has no role; it has content"),
        (json.dumps(sample(group=None)), "body.samples.0.group: expected text or number"),
        (json.dumps(sample(group=1.5)), "body.samples.0.group.number: Input should be a valid integer"),
        (raw("1e999"), "body.samples.0.meta.x: a number is not finite, or an integer has more than 64 bits"),
        ("{", "the body is not strict JSON: EOF while parsing an object at line 1 column 1"),
    ],
    ids=range(6),
)  # fmt: skip
def test_an_error_is_of_the_form_that_was_meant(client, body, message):
    """The errors of every branch of a union were said, with pydantic's names of its validators."""
    assert client.post("/v1/score", content=body, headers=JSON).json()["error"] == message


@pytest.mark.parametrize(("method", "path", "code"), [("GET", "/v1/score", 405), ("POST", "/v1/scores", 404)])
def test_a_path_or_method_that_is_not_there_is_told_where_the_others_are(client, method, path, code):
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["error"]) == (
        code,
        f"no endpoint {method} {path}; GET /openapi.json lists them",
    )
