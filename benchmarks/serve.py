"""`herokit serve` under load on loopback: what a request costs, how long it takes, what happens when the queue is full.

Each part is bounded in count and time and stops by itself. The load comes from one process beside the service on the
same cores, over keep-alive connections written here, so that no client library is measured.

    python benchmarks/serve.py
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from herokit import Rewarder, Verdict, hero_advantage
from herokit.config import Scheme, load_scheme
from herokit.types import Sample

ROOT = Path(__file__).resolve().parents[1]
GROUP = 8


class Exact:
    """Right where the completion is the reference."""

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Judge."""
        return [Verdict(float(s.completion == s.reference)) for s in samples]


@dataclass
class Brief:
    """Shorter is better; a call costs `pause` seconds, as a call of a model does."""

    pause: float = 0.0

    def score(self, samples: Sequence[Sample], /) -> list[float]:
        """Score."""
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
        """Return the processor seconds that it and its children have used."""
        used = [p.cpu_times() for p in (self.process, *self.process.children(recursive=True))]
        return sum(t.user + t.system for t in used)

    def stop(self) -> None:
        """End it with SIGTERM."""
        self.child.terminate()
        self.child.communicate(timeout=60)


def light(pause: float, *limits: str) -> Service:
    """Serve sources that cost nothing, but for a pause a call."""
    return Service(sys.executable, __file__, "--child", str(pause), *limits)


def body(samples: list[Sample]) -> bytes:
    """Write a request for rewards."""
    rows = [
        {"prompt": s.prompt, "completion": s.completion, "group": str(s.group), "reference": s.reference}
        for s in samples
    ]
    return json.dumps({"samples": rows}).encode()


async def client(port: int, bodies: asyncio.Queue, times: list[tuple[int, float]], limit: float) -> None:
    """Post bodies one after the other over one connection, until there are none or time is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    end = time.perf_counter() + limit
    while not bodies.empty() and time.perf_counter() < end:
        content = bodies.get_nowait()
        begun = time.perf_counter()
        head = f"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
        await reader.readexactly(length)
        times.append((int(lines[0].split()[1]), time.perf_counter() - begun))
    writer.close()


def load(
    service: Service, bodies: list[bytes], clients: int, limit: float = 60.0
) -> tuple[list[tuple[int, float]], float, float]:
    """Post every body, so many at once; returns statuses and seconds, wall time, the service's processor time."""

    async def main() -> tuple[list[tuple[int, float]], float]:
        queue: asyncio.Queue = asyncio.Queue()
        for content in bodies:
            queue.put_nowait(content)
        times: list[tuple[int, float]] = []
        begun = time.perf_counter()
        await asyncio.wait_for(
            asyncio.gather(*(client(service.port, queue, times, limit) for _ in range(clients))), 2 * limit
        )
        return times, time.perf_counter() - begun

    before = service.cpu()
    times, wall = asyncio.run(main())
    return times, wall, service.cpu() - before


def quantiles(times: list[tuple[int, float]], code: int = 200) -> str:
    """Say median and 99th percentile in milliseconds."""
    found = [seconds * 1000 for status, seconds in times if status == code]
    return f"p50 {np.quantile(found, 0.5):.1f} ms, p99 {np.quantile(found, 0.99):.1f} ms"


def rollouts(groups: int) -> list[list[Sample]]:
    """Make groups of rollouts of some hundred characters."""
    rng = np.random.default_rng(0)
    text = ["word " * int(n) for n in rng.integers(10, 100, groups * GROUP)]
    return [[Sample("A question?", text[g * GROUP + i], f"g{g}", "word ") for i in range(GROUP)] for g in range(groups)]


def overhead(groups: int) -> None:
    """What the service itself costs: sources that cost nothing."""
    data = rollouts(groups)
    rewarder = Rewarder({"verifier": Exact(), "rm": Brief()}, hero_advantage())
    begun = time.process_time()
    for group in data:
        rewarder(group)
    here = (time.process_time() - begun) / groups
    print(f"a call of a Rewarder in this process, {GROUP} rows: {here * 1e3:.2f} ms of processor time")
    bodies = [body(group) for group in data]
    for clients in (1, 8, 64):
        service = light(0.0)
        try:
            load(service, bodies[:50], clients)
            times, wall, cpu = load(service, bodies, clients)
        finally:
            service.stop()
        assert {code for code, _ in times} == {200}
        print(
            f"{clients:3} clients, one group a request: {len(times) / wall:6.0f} requests/s, {len(times) * GROUP / wall:7.0f} rows/s, "
            f"{quantiles(times)}, {cpu / len(times) * 1e3:.2f} ms of processor time a request"
        )


def batching() -> None:
    """What micro-batching gains where a call of a source costs 20 ms, whatever its size."""
    bodies = [body(group) for group in rollouts(256)]
    rates = {}
    for name, limits in (("each request alone", ("batch=1", "linger=0.0")), ("together", ())):
        service = light(0.02, *limits)
        try:
            times, wall, _ = load(service, bodies, 32)
        finally:
            service.stop()
        rates[name] = len(times) * GROUP / wall
        print(f"a source that takes 20 ms a call, 32 clients, {name}: {rates[name]:.0f} rows/s, {quantiles(times)}")
    print(f"together over alone: {rates['together'] / rates['each request alone']:.1f} times")


def overload() -> None:
    """What happens beyond the queue's bound."""
    service = light(0.05, "queue=128", "batch=64", "seconds=5.0")
    try:
        times, wall, _ = load(service, [body(group) for group in rollouts(2000)], 100, 20.0)
    finally:
        service.stop()
    codes = {code: sum(c == code for c, _ in times) for code in sorted({c for c, _ in times})}
    print(
        f"100 clients, room for 16 groups in the queue and 8 in a batch: {len(times)} requests in {wall:.1f} s, statuses {codes}"
    )
    print(f"answered: {quantiles(times)}; refused: {quantiles(times, 429)}")
    assert set(codes) == {200, 429}


def real(groups: int, rounds: int = 3) -> None:
    """The math verifier and the embedded reward model: batches of 16 groups in this process, and 16 clients of the service."""
    lines = (ROOT / "examples" / "rollouts.jsonl").read_text().splitlines()
    members: dict[str, list[Sample]] = {}
    for r in map(json.loads, lines):
        members.setdefault(r["prompt_id"], []).append(
            Sample(r["prompt"], r["response"], r["prompt_id"], r["reference"])
        )
    data = list(members.values())[:groups]
    bodies = [body(group) for group in data]
    count = sum(map(len, data))
    ratios, rates = [], []
    service = Service(sys.executable, "-m", "herokit", "serve", "--port", "0")
    try:
        with load_scheme().rewarder() as rewarder:
            for number in range(rounds + 1):
                before, begun = processor(without=service.child.pid), time.perf_counter()
                for first in range(0, len(data), 16):
                    rewarder([sample for group in data[first : first + 16] for sample in group])
                here, wall_here = processor(without=service.child.pid) - before, time.perf_counter() - begun
                times, wall, cpu = load(service, bodies, 16)
                assert {code for code, _ in times} == {200}
                if number:  # the first round opens models and processes
                    ratios.append(cpu / here)
                    rates.append((count / wall_here, count / wall, quantiles(times)))
    finally:
        service.stop()
    print(
        f"math verifier and embedded model, {count} rows, {rounds} rounds in turns; rows/s in process, served, and latency:"
    )
    for here, served, said in rates:
        print(f"  {here:.0f}, {served:.0f}, {said}")
    print(
        f"processor time served over in process: median {np.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}"
    )


def processor(without: int) -> float:
    """Return the processor seconds of this process and its children, but for one child."""
    me = psutil.Process()
    family = [
        me,
        *(p for child in me.children() if child.pid != without for p in (child, *child.children(recursive=True))),
    ]
    return sum(t.user + t.system for t in (p.cpu_times() for p in family))


def serve_light(pause: float, limits: list[str]) -> None:
    """Be the service of `light`."""
    from herokit.service import Limits
    from herokit.service.server import Address, serve

    given = {name: float(v) if "." in v else int(v) for name, v in (x.split("=") for x in limits)}
    serve(Scheme({"verifier": Exact(), "rm": Brief(pause)}, hero_advantage()), Address(port=0), Limits(**given))


def main() -> None:
    """Run every part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs="+", help="for its own use")
    parser.add_argument("--groups", type=int, default=2000)
    options = parser.parse_args()
    if options.child:
        serve_light(float(options.child[0]), options.child[1:])
        return
    overhead(options.groups)
    batching()
    overload()
    real(min(100, options.groups))


if __name__ == "__main__":
    main()
