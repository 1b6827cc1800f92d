"""`herokit serve` under load on loopback: processor time and latency of a request, batching, a full queue.

Each part is limited in count and time, and `--part` runs one. The load comes from one process on the same cores as the service, over keep-alive
connections written here, so that no client library is measured.

    python benchmarks/serve.py [--part large-bodies]
"""

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import psutil

from herokit import Rewarder, Verdict, hero_advantage
from herokit.config import Scheme, load_scheme
from herokit.types import Sample

ROOT = Path(__file__).resolve().parents[1]
GROUP = 8


class Exact:
    """1 if the completion equals the reference."""

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return one verdict per sample."""
        return [Verdict(float(s.completion == s.reference)) for s in samples]


@dataclass
class Short:
    """Shorter is better; a call takes `pause` seconds, like a call of a model."""

    pause: float = 0.0

    def score(self, samples: Sequence[Sample], /) -> list[float]:
        """Return one score per sample."""
        time.sleep(self.pause)
        return [-float(len(s.completion)) for s in samples]


class Service:
    """A service in a process of its own."""

    def __init__(self, *command: str) -> None:
        self.child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
        assert self.child.stderr is not None
        line = self.child.stderr.readline()
        self.port = int(line.split()[2].rstrip(",").rpartition(":")[2])
        self.process = psutil.Process(self.child.pid)

    def cpu(self) -> float:
        """Return the processor seconds of the service and its children."""
        times = [p.cpu_times() for p in (self.process, *self.process.children(recursive=True))]
        return sum(t.user + t.system for t in times)

    def stop(self) -> None:
        """Stop the service with SIGTERM."""
        self.child.terminate()
        self.child.communicate(timeout=60)


def start_stubs(pause: float, *limits: str) -> Service:
    """Start a service whose sources cost nothing but a pause per call."""
    return Service(sys.executable, __file__, "--child", str(pause), *limits)


def make_body(samples: list[Sample]) -> bytes:
    """Return the body of a request for rewards."""
    rows = [
        {"prompt": s.prompt, "completion": s.completion, "group": str(s.group), "reference": s.reference}
        for s in samples
    ]
    return json.dumps({"samples": rows}).encode()


async def run_client(port: int, bodies: "asyncio.Queue | Cycle", times: list[tuple[int, float]], limit: float) -> None:
    """Post bodies one after the other over one connection, until none is left or the time is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    end = time.perf_counter() + limit
    while not bodies.empty() and time.perf_counter() < end:
        content = bodies.get_nowait()
        start = time.perf_counter()
        head = f"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
        await reader.readexactly(length)
        times.append((int(lines[0].split()[1]), time.perf_counter() - start))
    writer.close()


def send_load(
    service: Service, bodies: list[bytes], clients: int, limit: float = 60.0
) -> tuple[list[tuple[int, float]], float, float]:
    """Post every body; return (status, seconds) of each, wall time, and the service's processor time."""

    async def main() -> tuple[list[tuple[int, float]], float]:
        queue: asyncio.Queue = asyncio.Queue()
        for content in bodies:
            queue.put_nowait(content)
        times: list[tuple[int, float]] = []
        start = time.perf_counter()
        await asyncio.wait_for(
            asyncio.gather(*(run_client(service.port, queue, times, limit) for _ in range(clients))), 2 * limit
        )
        return times, time.perf_counter() - start

    before = service.cpu()
    times, wall = asyncio.run(main())
    return times, wall, service.cpu() - before


def format_quantiles(times: list[tuple[int, float]], code: int = 200) -> str:
    """Format median and 99th percentile in milliseconds."""
    milliseconds = [seconds * 1000 for status, seconds in times if status == code]
    return f"p50 {np.quantile(milliseconds, 0.5):.1f} ms, p99 {np.quantile(milliseconds, 0.99):.1f} ms"


def make_groups(groups: int) -> list[list[Sample]]:
    """Return groups of rollouts of a few hundred characters."""
    rng = np.random.default_rng(0)
    text = ["word " * int(n) for n in rng.integers(10, 100, groups * GROUP)]
    return [[Sample("A question?", text[g * GROUP + i], f"g{g}", "word ") for i in range(GROUP)] for g in range(groups)]


def measure_overhead(groups: int) -> None:
    """Measure the service itself, with sources that cost nothing."""
    data = make_groups(groups)
    rewarder = Rewarder({"verifier": Exact(), "rm": Short()}, hero_advantage())
    start = time.process_time()
    for group in data:
        rewarder(group)
    local = (time.process_time() - start) / groups
    print(f"a call of a Rewarder in this process, {GROUP} rows: {local * 1e3:.2f} ms of processor time")
    bodies = [make_body(group) for group in data]
    for clients in (1, 8, 64):
        service = start_stubs(0.0)
        try:
            send_load(service, bodies[:50], clients)
            times, wall, cpu = send_load(service, bodies, clients)
        finally:
            service.stop()
        assert {code for code, _ in times} == {200}
        print(
            f"{clients:3} clients, one group per request: {len(times) / wall:6.0f} requests/s, {len(times) * GROUP / wall:7.0f} rows/s, "
            f"{format_quantiles(times)}, {cpu / len(times) * 1e3:.2f} ms of processor time per request"
        )


def measure_batching() -> None:
    """Measure what micro-batching gains when a call of a source takes 20 ms, whatever its size."""
    bodies = [make_body(group) for group in make_groups(256)]
    rates = {}
    for name, limits in (("single requests", ("max_batch_rows=1", "batch_wait_s=0.0")), ("batches", ())):
        service = start_stubs(0.02, *limits)
        try:
            times, wall, _ = send_load(service, bodies, 32)
        finally:
            service.stop()
        rates[name] = len(times) * GROUP / wall
        print(
            f"a source that takes 20 ms per call, 32 clients, {name}: {rates[name]:.0f} rows/s, {format_quantiles(times)}"
        )
    print(f"batches against single requests: {rates['batches'] / rates['single requests']:.1f} times the rows/s")


def measure_overload() -> None:
    """Send more than the queue holds."""
    service = start_stubs(0.05, "max_queue_rows=128", "max_batch_rows=64", "timeout_s=5.0")
    try:
        times, wall, _ = send_load(service, [make_body(group) for group in make_groups(2000)], 100, 20.0)
    finally:
        service.stop()
    codes = {code: sum(c == code for c, _ in times) for code in sorted({c for c, _ in times})}
    print(
        f"100 clients, room for 16 groups in the queue and 8 in a batch: {len(times)} requests in {wall:.1f} s, statuses {codes}"
    )
    print(f"answered: {format_quantiles(times)}; rejected: {format_quantiles(times, 429)}")
    assert set(codes) == {200, 429}


class Cycle:
    """A queue that never ends: the same bodies again and again."""

    def __init__(self, bodies: list[bytes]) -> None:
        self.bodies = itertools.cycle(bodies)

    def empty(self) -> bool:
        """Return False."""
        return False

    def get_nowait(self) -> bytes:
        """Return the next body."""
        return next(self.bodies)


def watch_health(port: int, limit: float) -> list[float]:
    """Ask `/healthz` ten times a second; return the seconds of each answer. For a process of its own."""
    seconds = []
    end = time.perf_counter() + limit
    while time.perf_counter() < end:
        start = time.perf_counter()
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60) as answer:
            answer.read()
        seconds.append(time.perf_counter() - start)
        time.sleep(0.1)
    return seconds


def measure_large_bodies(clients: int = 200, limit: float = 30.0) -> None:
    """Ask `/healthz` while clients send groups, and one client sends bodies of 60 MB."""
    service = start_stubs(0.0)
    bodies = [make_body(group) for group in make_groups(64)]
    large = make_body([Sample("A question?", "word " * 12_000_000, "large", "word ")])

    small_times: list[tuple[int, float]] = []
    large_times: list[tuple[int, float]] = []

    async def main() -> None:
        sending = [run_client(service.port, Cycle(bodies), small_times, limit) for _ in range(clients)]
        await asyncio.gather(run_client(service.port, Cycle([large]), large_times, limit), *sending)

    try:
        with ProcessPoolExecutor(1) as pool:
            watching = pool.submit(watch_health, service.port, limit)
            asyncio.run(main())
            health = watching.result()
    finally:
        service.stop()
    codes = sorted({code for code, _ in (*small_times, *large_times)})
    print(
        f"{clients} clients for {limit:.0f} s, {len(small_times)} requests, beside {len(large_times)} bodies of "
        f"{len(large) / 1e6:.0f} MB, statuses {codes}: /healthz asked {len(health)} times, "
        f"p50 {np.median(health) * 1e3:.0f} ms, at most {max(health) * 1e3:.0f} ms"
    )


def measure_request_ids(requests: int = 20_000) -> None:
    """Send requests with an id each, and print the memory of the service."""
    service = start_stubs(0.0)
    groups = make_groups(256)
    levels = []
    try:
        for first in range(0, requests, requests // 5):
            bodies = [
                json.dumps(json.loads(make_body(groups[number % len(groups)])) | {"id": f"request-{number}"}).encode()
                for number in range(first, first + requests // 5)
            ]
            times, _, _ = send_load(service, bodies, 16)
            assert {code for code, _ in times} == {200}
            levels.append(service.process.memory_info().rss >> 20)
    finally:
        service.stop()
    print(f"{requests} requests with ids, MB of the service after each fifth of them: {levels}")


def measure_real_sources(groups: int, rounds: int = 3) -> None:
    """Compare 16 clients of the service with batches of 16 groups here, for the math verifier and the embedded model."""
    lines = (ROOT / "examples" / "rollouts.jsonl").read_text().splitlines()
    members: dict[str, list[Sample]] = {}
    for r in map(json.loads, lines):
        members.setdefault(r["prompt_id"], []).append(
            Sample(r["prompt"], r["response"], r["prompt_id"], r["reference"])
        )
    data = list(members.values())[:groups]
    bodies = [make_body(group) for group in data]
    count = sum(map(len, data))
    ratios, rates = [], []
    service = Service(sys.executable, "-m", "herokit", "serve", "--port", "0")
    try:
        with load_scheme().rewarder() as rewarder:
            for number in range(rounds + 1):
                before, start = processor_seconds(without=service.child.pid), time.perf_counter()
                for first in range(0, len(data), 16):
                    rewarder([sample for group in data[first : first + 16] for sample in group])
                local = processor_seconds(without=service.child.pid) - before
                wall_local = time.perf_counter() - start
                times, wall, cpu = send_load(service, bodies, 16)
                assert {code for code, _ in times} == {200}
                if number:  # the first round opens models and processes
                    ratios.append(cpu / local)
                    rates.append((count / wall_local, count / wall, format_quantiles(times)))
    finally:
        service.stop()
    print(
        f"math verifier and embedded model, {count} rows, {rounds} alternating rounds; rows/s in process, served, and latency:"
    )
    for local, served, latency in rates:
        print(f"  {local:.0f}, {served:.0f}, {latency}")
    print(f"processor time served / in process: median {np.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")


def processor_seconds(without: int) -> float:
    """Return the processor seconds of this process and its children, without one child."""
    own = psutil.Process()
    processes = [
        own,
        *(p for child in own.children() if child.pid != without for p in (child, *child.children(recursive=True))),
    ]
    return sum(t.user + t.system for t in (p.cpu_times() for p in processes))


def serve_stubs(pause: float, limits: list[str]) -> None:
    """Run the service of `start_stubs`."""
    from herokit.service import Limits
    from herokit.service.server import Address, serve

    settings = {name: float(v) if "." in v else int(v) for name, v in (x.split("=") for x in limits)}
    serve(Scheme({"verifier": Exact(), "rm": Short(pause)}, hero_advantage()), Address(port=0), Limits(**settings))


def main() -> None:
    """Run every part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs="+", help="internal: run the service")
    parser.add_argument("--groups", type=int, default=2000)
    parser.add_argument(
        "--part", help="overhead, batching, overload, large-bodies, request-ids or real-sources; all by default"
    )
    options = parser.parse_args()
    if options.child:
        serve_stubs(float(options.child[0]), options.child[1:])
        return
    parts = {
        "overhead": lambda: measure_overhead(options.groups),
        "batching": measure_batching,
        "overload": measure_overload,
        "large-bodies": measure_large_bodies,
        "request-ids": measure_request_ids,
        "real-sources": lambda: measure_real_sources(min(100, options.groups)),
    }
    for name in parts if options.part is None else [options.part]:
        parts[name]()


if __name__ == "__main__":
    main()
