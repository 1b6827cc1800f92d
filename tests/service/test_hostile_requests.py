"""Requests that try to stop or confuse the service: each has its status, and the others are answered meanwhile."""

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
from service_stubs import make_group, make_rewarder, make_service
from starlette.testclient import TestClient

from herokit.errors import ConfigError
from herokit.service.engine import Engine
from herokit.service.metrics import Metrics

_SPEC = importlib.util.spec_from_file_location("hostile_requests", Path(__file__).with_name("hostile_requests.py"))
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
JSON = {"content-type": "application/json"}


def test_hostile_requests_are_answered_as_expected():
    requests = list(_MODULE.hostile_requests())
    assert len(requests) >= 60
    with TestClient(make_service()[0], raise_server_exceptions=False) as client:
        state = client.get("/v1/state").json()
        answers = {
            each.name: client.request(
                each.method, each.path, content=each.body, headers={"content-type": each.content_type}
            )
            for each in requests
        }
        assert client.get("/healthz").status_code == 200
        assert client.put("/v1/state", json=state).status_code == 204
    got = {name: answer.status_code for name, answer in answers.items()}
    assert got == {each.name: each.status for each in requests}
    errors = [answer for answer in answers.values() if answer.status_code >= 400]
    assert all(answer.json()["error"] and len(answer.text) < 700 for answer in errors)


def test_duplicate_key_is_named():
    with TestClient(make_service()[0]) as client:
        body = b'{"samples": [{"prompt": "p", "completion": "4", "completion": "5", "group": 1}]}'
        answer = client.post("/v1/score", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "the body is not strict JSON: the key 'completion' occurs twice in one object",
    )


def test_id_that_comes_back_with_another_body_is_refused():
    with TestClient(make_service()[0]) as client:
        first = {"id": "drawn-at-random", "samples": make_group("a", "4", "5")}
        other = {"id": "drawn-at-random", "samples": make_group("a", "4", "55")}
        answers = [client.post("/v1/score", json=body) for body in (first, other, first)]
        assert [answer.status_code for answer in answers] == [200, 409, 200]
        assert answers[0].json() == answers[2].json()
        assert "the id 'drawn-at-random' belongs to a request with another body" in answers[1].json()["error"]
        assert client.get("/v1/state").json()["state"][-1]["count"] == 1


def test_stored_answers_are_bounded_in_bytes():
    app, dispatcher, model = make_service(max_answer_bytes=100_000)
    with TestClient(app) as client:
        for number in range(200):
            body = {"id": f"request-{number:04}", "samples": make_group("a", "4", "5" * number), "update_state": False}
            assert client.post("/v1/score", json=body).status_code == 200
        assert sum(answer.num_bytes for answer in dispatcher._answers.values()) <= 100_000
        assert 10 < len(dispatcher._answers) < 100
        calls = len(model.calls)
        client.post("/v1/score", json=body)  # the latest is there, the first is not
        assert len(model.calls) == calls
        first = {"id": "request-0000", "samples": make_group("a", "4", ""), "update_state": False}
        assert client.post("/v1/score", json=first).status_code == 200
        assert len(model.calls) == calls + 1


def test_failed_requests_with_ids_are_forgotten():
    app, dispatcher, _ = make_service(max_request_rows=1)
    with TestClient(app) as client:
        body = {"id": "request-0000", "samples": make_group("a", "4", "5")}
        assert [client.post("/v1/score", json=body).status_code for _ in range(2)] == [413, 413]
    assert not dispatcher._answers


@pytest.mark.parametrize(
    "text",
    [
        "[]", "3", '"x"', "null", "{}", '{"version": 1}', '{"version": 1, "state": null}', '{"version": 1, "state": {"a": 1}}',
        "[" * 100_000, '{"version": 1, "state": ' + "[" * 900 + "]" * 900 + "}", "\x00", "",
        '{"version": 1, "state": [null, null, null, {"count": 1, "count": 0, "value": 0.0}]}',
        '{"version": 1, "state": [null, null, null, {"count": ' + "9" * 5_000 + ', "value": 0.0}]}',
    ],
)  # fmt: skip
def test_state_file_of_another_shape_is_one_clear_line(tmp_path, text):
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"state\.json: ") as caught:
        Engine(make_rewarder(), Metrics(), path).load_state()
    assert len(str(caught.value)) < 700
    assert "\n" not in str(caught.value)


def test_leftover_state_files_are_removed(tmp_path):
    path = tmp_path / "state.json"
    engine = Engine(make_rewarder(), Metrics(), path)
    engine.rewarder.state = (*engine.rewarder.state[:-1], type(engine.rewarder.state[-1])(1, 0.5))
    assert engine.save_state()
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    leftovers = [f".state.json.{int(ended.stdout)}", f".state.json.{os.getpid()}", ".state.json.99999999999999999999"]
    kept = [f".state.json.{os.getppid()}", ".state.json.bak", ".other.json.1", "state.json.1"]
    for name in leftovers + kept:
        (tmp_path / name).write_text("{")
    assert engine.load_state()
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([*kept, "state.json"])


FULL = """
import sys
from pathlib import Path
import herokit.service.engine as engine
sys.argv = ["serve_stubs.py", {state!r}, "short"]
def refuse(path):
    raise OSError(28, "No space left on device")
engine.fsync_file = refuse
exec(compile(Path({script!r}).read_text(), {script!r}, "exec"))
"""


def test_sigterm_with_a_full_disk_says_so_and_keeps_the_old_state(tmp_path):
    state = tmp_path / "state.json"
    old = json.dumps(make_rewarder().state_dict())
    state.write_text(old)
    stubs = Path(__file__).with_name("serve_stubs.py")
    code = FULL.format(state=str(state), script=str(stubs)).replace("__file__", repr(str(stubs)))
    code = f"__file__ = {str(stubs)!r}\n{code}"
    service = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    url = service.stderr.readline().split()[2].rstrip(",")
    assert httpx2.post(f"{url}/v1/score", json={"samples": make_group("a", "4", "5")}).status_code == 200
    service.send_signal(signal.SIGTERM)
    _, errors = service.communicate(timeout=30)
    assert service.returncode == 1
    assert f"the last state could not be saved: [Errno 28] No space left on device; {state} has the state" in errors
    assert "Traceback" not in errors
    assert state.read_text() == old
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("kind", ["many keys", "one text", "escapes"])
def test_health_is_answered_while_a_huge_body_is_read(tmp_path, kind):
    service = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("serve_stubs.py"), tmp_path / "s.json", "short"],
        stderr=subprocess.PIPE,
        text=True,
    )
    url = service.stderr.readline().split()[2].rstrip(",")
    body = {
        "many keys": b'{"samples": [{"prompt": "", "completion": "", "group": 1, "meta": {'
        + b",".join(b'"%d": 1' % i for i in range(3_000_000))
        + b"}}]}",
        "one text": json.dumps({"samples": make_group("a", "x" * 40_000_000)}).encode(),
        "escapes": json.dumps({"samples": make_group("a", '\n"' * 10_000_000)}).encode(),
    }[kind]

    async def main():
        async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
            huge = asyncio.create_task(client.post("/v1/score", content=body, headers=JSON))
            waits = []
            while not huge.done():
                start = time.perf_counter()
                assert (await client.get("/healthz")).status_code == 200
                waits.append(time.perf_counter() - start)
                await asyncio.sleep(0.01)
            return (await huge).status_code, waits

    try:
        status, waits = asyncio.run(main())
    finally:
        service.kill()
        service.communicate()
    assert status == (413 if kind == "many keys" else 200)
    assert len(waits) > 3
    assert max(waits) < 1.5  # seconds; this process sends the body meanwhile
