"""Generators of requests that the service must answer with a certain status, whatever their intent."""

import json
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["HostileRequest", "hostile_requests"]


class HostileRequest(NamedTuple):
    """A request and the status of its answer."""

    name: str
    method: str
    path: str
    body: bytes
    status: int
    content_type: str = "application/json"


def hostile_requests() -> Iterator[HostileRequest]:
    """Yield all of them; every body is an own object, so a name tells which is answered otherwise."""
    for path, valid in _VALID.items():
        method = "PUT" if path == "/v1/state" else "POST"
        for name, body, status in _broken_texts(valid):
            yield HostileRequest(f"{path}: {name}", method, path, body, status)
        yield HostileRequest(f"{path}: text", method, path, valid, 415, "text/plain")
    yield from _scores()
    yield from _states()
    yield HostileRequest("no such source", "POST", "/v1/sources/nobody", _VALID["/v1/sources/rm"], 404)
    yield HostileRequest("no such path", "POST", "/v1/nothing", b"{}", 404)
    yield HostileRequest("another method", "DELETE", "/v1/score", b"{}", 405)


_SAMPLE = '{"prompt": "2 + 2?", "completion": "4", "group": "a", "reference": "4"}'
_VALID = {
    "/v1/score": f'{{"samples": [{_SAMPLE}]}}'.encode(),
    "/v1/sources/rm": f'{{"samples": [{_SAMPLE}]}}'.encode(),
    "/v1/state": b'{"version": 1, "state": [null, null, null, {"count": 0, "value": 0.0}]}',
    "/get_reward": b'{"query": ["2 + 2?4"], "prompts": ["2 + 2?"], "labels": ["4"]}',
    "/classify": b'{"input": ["4"]}',
    "/verify": b'{"responses_create_params": {"input": "2 + 2?"}, "response": {"output": []}, "label": "4"}',
    "/aggregate_metrics": b'{"verify_responses": [{"reward": 1.0, "_ng_task_index": 2}]}',
}


def _broken_texts(valid: bytes) -> Iterator[tuple[str, bytes, int]]:
    """Yield texts that are no JSON of the endpoint."""
    first_key = valid[1 : valid.index(b":")]
    yield "half", valid[: len(valid) // 2], 400
    yield "twice", valid * 2, 400
    yield "not UTF-8", valid.replace(b"2", b"\xff").replace(b"4", b"\xff", 1).replace(b"1", b"\xff", 1), 400
    yield "UTF-16", valid.decode().encode("utf-16"), 400
    yield "a list", b"[" + valid + b"]", 422
    yield "a text", json.dumps(valid.decode()).encode(), 422
    yield "null", b"null", 422
    yield "a duplicate key", b"{" + first_key + b": 1, " + valid[1:], 400
    yield "deep nesting", b'{"x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400
    yield "many values", b'{"x": [' + b"1," * 300_000 + b"1]}", 413
    yield "many keys", json.dumps({f"k{i}": i for i in range(210_000)}).encode(), 413
    yield "many objects", b"[" + b"{}," * 210_000 + b"{}]", 413
    yield "NaN", b'{"x": NaN}', 400


def _scores() -> Iterator[HostileRequest]:
    """Yield requests for scores whose values are not what they should be."""

    def sample(**changes: object) -> bytes:
        return json.dumps({"samples": [json.loads(_SAMPLE) | changes]}).encode()

    for name, body, status in (
        ("an empty list", b'{"samples": []}', 422),
        ("an unknown key", sample(colour="red"), 422),
        ("a group that is a list", sample(group=[1]), 422),
        ("a group of 70 bits", sample(group=2**70), 422),
        ("a completion that is a number", sample(completion=4), 422),
        ("a lone surrogate", sample(completion="\ud800"), 400),
        ("a null byte", sample(completion="\x00"), 200),
        ("a text that controls terminals", sample(completion="\x1b[2J"), 200),
        ("a text of a million characters", sample(completion="\n" * 1_000_000), 200),
        ("quotes and backslashes", sample(completion='\\"' * 300_000), 200),
        ("meta that is a list", sample(meta=[1]), 422),
        ("meta with a huge integer", sample(meta={"x": 10**400}), 422),
        ("meta with a nested duplicate", b'{"samples": [{"prompt": "", "completion": "", "group": 1, "meta": {"a": {"b": 1, "b": 2}}}]}', 400),
        ("an id that is short", b'{"id": "a", "samples": [' + _SAMPLE.encode() + b"]}", 422),
        ("an id that is long", b'{"id": "' + b"a" * 81 + b'", "samples": [' + _SAMPLE.encode() + b"]}", 422),
        ("a wrong group size", b'{"group_size": 2, "samples": [' + _SAMPLE.encode() + b"]}", 422),
        ("update_state as text", b'{"update_state": "no", "samples": [' + _SAMPLE.encode() + b"]}", 422),
        ("too many rows", json.dumps({"samples": [json.loads(_SAMPLE)] * 9_000}).encode(), 413),
    ):  # fmt: skip
        yield HostileRequest(f"score: {name}", "POST", "/v1/score", body, status)


def _states() -> Iterator[HostileRequest]:
    """Yield states of other shapes."""
    for name, state in (
        ("null", "null"),
        ("a number", "3"),
        ("a text", '"x"'),
        ("too short", "[null]"),
        ("an object", '{"a": 1}'),
        ("a count that is a text", '[null, null, null, {"count": "0", "value": 0.0}]'),
        ("a negative count", '[null, null, null, {"count": -1, "value": 0.0}]'),
        ("a huge count", '[null, null, null, {"count": 9007199254740993, "value": 0.0}]'),
        ("a huge value", '[null, null, null, {"count": 1, "value": 1e300}]'),
        ("another field", '[null, null, null, {"count": 1, "value": 0.0, "more": 1}]'),
    ):
        body = f'{{"version": 1, "state": {state}}}'.encode()
        yield HostileRequest(f"state: {name}", "PUT", "/v1/state", body, 422)
    yield HostileRequest("state: another version", "PUT", "/v1/state", b'{"version": 2, "state": []}', 422)
