"""The service in a process of its own, on loopback: load, SIGTERM, slow clients, the command."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import httpx2
import pytest
from service_stubs import Short, make_group

from herokit import rm_only
from herokit.config import Scheme
from herokit.errors import ConfigError, SetupError
from herokit.service import Limits
from herokit.service.server import Address, find_token, serve
from herokit_onnx import OnnxRewardModel

HERE = Path(__file__).parent
GAUGES = ("herokit_open_requests", "herokit_requests_total")
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - called on loopback


class Process:
    def __init__(self, *command):
        self.child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.lines = []
        while not self.lines or "http://" not in self.lines[-1]:
            self.lines.append(self.child.stderr.readline())
            if not self.lines[-1]:
                self.child.communicate()
                raise AssertionError("".join(self.lines))
        self.url = self.lines[-1].split()[2].rstrip(",")

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        rest = self.child.communicate(timeout=20)[1]
        return self.child.returncode, rest


@pytest.fixture
def start(tmp_path):
    """Start the stubs with these limits; the state is in state.json."""
    started = []

    def make(*limits):
        started.append(Process(sys.executable, HERE / "serve_stubs.py", tmp_path / "state.json", "slow", *limits))
        return started[-1]

    yield make
    for process in started:
        process.child.kill()
        process.child.communicate()


async def post(client, number, path="/v1/score"):
    start_time = time.perf_counter()
    answer = await client.post(path, json={"samples": make_group(f"g{number}", "4", "5" * (1 + number % 7))})
    return answer, time.perf_counter() - start_time


def counted(text, name):
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if name in line and line.startswith(GAUGES))


def test_sigterm_loses_no_accepted_request(start, tmp_path):
    process = start("max_batch_rows=4", "batch_wait_s=0.0")

    async def main():
        async with httpx2.AsyncClient(base_url=process.url, timeout=20) as client:
            tasks = [asyncio.create_task(post(client, n)) for n in range(16)]
            for _ in range(1000):
                text = (await client.get("/metrics")).text
                here, done = counted(text, "herokit_open_requests "), counted(text, '{code="200",path="/v1/score"} ')
                if here + done == 16 + 1:  # all of them, and the one that asks
                    break
            assert here > 1
            stopping = asyncio.create_task(asyncio.to_thread(process.stop))
            await asyncio.sleep(0.1)
            with pytest.raises(httpx2.TransportError):
                async with httpx2.AsyncClient(base_url=process.url) as late:
                    await late.get("/healthz")
            answers = await asyncio.gather(*tasks)
            return [a for a, _ in answers], await stopping

    answers, (code, _) = asyncio.run(main())
    assert [a.status_code for a in answers] == [200] * 16
    assert all(row["reward"] is not None for a in answers for row in a.json()["rows"])
    assert code == 0
    saved = json.loads((tmp_path / "state.json").read_text())
    assert saved["state"][-1]["count"] == 16  # every accepted group moved the mean once


def test_full_queue_answers_429_at_once(start):
    process = start("max_queue_rows=8", "max_batch_rows=4", "batch_wait_s=0.0")

    async def main():
        async with httpx2.AsyncClient(base_url=process.url, timeout=20) as client:
            return await asyncio.gather(*(post(client, n) for n in range(40)))

    answers = asyncio.run(main())
    codes = [a.status_code for a, _ in answers]
    assert set(codes) == {200, 429}
    rejected = [(a, seconds) for a, seconds in answers if a.status_code == 429]
    assert all(a.headers["retry-after"].isdigit() for a, _ in rejected)
    assert median(s for _, s in rejected) < max(s for a, s in answers if a.status_code == 200)
    assert process.stop()[0] == 0


def test_named_request_survives_its_connection(start):
    process = start()

    async def main():
        body = {"samples": make_group("g", "4", "55"), "id": "drawn-at-random"}
        async with httpx2.AsyncClient(base_url=process.url, timeout=20) as client:
            with pytest.raises(httpx2.ReadTimeout):
                await client.post("/v1/score", json=body, timeout=httpx2.Timeout(20, read=0.05))  # a batch takes 0.2 s
            again = await client.post("/v1/score", json=body)
            return again, (await client.get("/v1/state")).json()

    again, state = asyncio.run(main())
    assert again.status_code == 200
    assert state["state"][-1]["count"] == 1


def test_request_that_is_sent_too_slowly_is_rejected(start):
    process = start("timeout_s=0.3")
    host, port = process.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as slow:
        slow.sendall(
            b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_state_is_saved_while_running_and_restored(start, tmp_path):
    process = start()

    async def main(url):
        async with httpx2.AsyncClient(base_url=url, timeout=20) as client:
            await post(client, 1)
            return (await client.get("/v1/state")).json()

    state = asyncio.run(main(process.url))
    deadline = time.monotonic() + 10
    while not (tmp_path / "state.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.child.kill()  # a crash: the last save is there
    again = start()
    assert "state restored from" in again.lines[-1]
    assert httpx2.get(f"{again.url}/v1/state").json() == state


def test_openrlhf_rollouts_sent_one_by_one_become_a_group(start):
    process = start("group_size=4", "timeout_s=5.0")
    texts = ["4", "44", "5", "4 "]

    async def one(client, text):
        body = {"query": [f"2 + 2?{text}<|im_end|>"], "prompts": ["2 + 2?"], "labels": ["4"]}
        return (await client.post("/get_reward", json=body)).json()

    async def main():
        async with httpx2.AsyncClient(base_url=process.url, timeout=20) as client:
            together = await asyncio.gather(*(one(client, text) for text in texts))
            whole = await client.post("/v1/score", json={"samples": make_group("g", *texts), "update_state": False})
            left = asyncio.create_task(client.post("/get_reward", json={"query": "7", "prompts": "", "labels": "7"}))
            await asyncio.sleep(0.2)
            stopping = asyncio.create_task(asyncio.to_thread(process.stop))
            return together, whole.json()["rows"], await left, (await stopping)[0]

    together, whole, left, code = asyncio.run(main())
    assert [answer["scores"] for answer in together] == [1.0, 0.0, 0.0, 1.0]
    assert [answer["rewards"] for answer in together] == [row["reward"] for row in whole]
    assert len({answer["rewards"] for answer in together}) > 2
    assert (left.status_code, left.json()["error"]) == (503, "the service is shutting down")
    assert code == 0


def test_token_is_required_beyond_loopback(tmp_path):
    scheme = tmp_path / "scheme.toml"
    scheme.write_text('[sources.verifier]\nuse = "math"\n[[steps]]\nuse = "verifier-only"\n')
    process = Process(sys.executable, "-m", "herokit", "serve", scheme, "--port", "0", "--host", ANY_ADDRESS)
    try:
        token = process.lines[0].removeprefix("token: ").strip()
        url = process.url.replace(ANY_ADDRESS, "127.0.0.1")
        assert len(token) == 43
        assert httpx2.get(f"{url}/metrics").status_code == 401
        assert httpx2.get(f"{url}/metrics", headers={"authorization": f"Bearer {token}"}).status_code == 200
    finally:
        process.child.kill()
        process.child.communicate()


def test_command_serves_a_scheme_file(tmp_path):
    scheme = tmp_path / "scheme.toml"
    scheme.write_text('[sources.verifier]\nuse = "math"\n[[steps]]\nuse = "verifier-only"\n')
    command = [sys.executable, "-m", "herokit", "serve", scheme, "--port", "0"]
    process = Process(*command)
    try:
        answer = httpx2.post(f"{process.url}/v1/score", json={"samples": make_group("a", "It is 4", "5")}, timeout=20)
        assert [row["reward"] for row in answer.json()["rows"]] == [1.0, 0.0]
        assert process.stop() == (0, "")
    finally:
        process.child.kill()
    failed = subprocess.run([*command, "--state", tmp_path], capture_output=True, text=True, check=False, timeout=60)
    assert failed.returncode == 2
    assert failed.stderr.startswith(f"error: {tmp_path}: not a readable state")
    assert len(failed.stderr.strip().splitlines()) == 1


def test_setup_errors_are_raised_before_listening(tmp_path):
    scheme = Scheme({"rm": OnnxRewardModel("no.onnx")}, rm_only())
    with pytest.raises(SetupError, match=r"no\.onnx"):
        serve(scheme, Address(port=0), Limits())
    with pytest.raises(SetupError, match="no folder"):
        serve(scheme, Address(port=0), Limits(), state_path=tmp_path / "no" / "s.json")
    with pytest.raises(ConfigError, match="not a readable state: .*File name too long"):
        serve(Scheme({"rm": Short()}, rm_only()), Address(port=0), Limits(), state_path=tmp_path / ("x" * 300))
    short = tmp_path / "token"
    short.write_text("short")
    with pytest.raises(ConfigError, match="at least 16 ASCII"):
        find_token(Address(), short)


@pytest.mark.parametrize(("limits", "told"), [([], True), (["group_size=4"], False)])
def test_a_service_without_a_group_size_says_what_it_does_with_single_rollouts(start, limits, told):
    process = start(*limits)
    assert len(process.lines) == 1  # scripts read the address from the first line
    process.child.send_signal(signal.SIGTERM)  # at once: no signal is lost before the server runs
    note = process.child.stderr.read()
    assert process.child.wait(20) == 0
    assert ("each rollout that /verify (NeMo-Gym) or /get_reward" in note) is told
    assert ("--group-size N" in note) is told
