"""Soak test of a whole scheme under faults: maths, code, a judge and a reward model, compared with a quiet run.

    python benchmarks/soak_faults.py [--minutes 30] [--every 2.0] [--groups 40] [--seed 0]

A quiet run gives the expected verdicts. Then rounds follow until the time is over: one in this process with sources that live
through all rounds, and one as ``herokit score`` into a small file system in memory. Meanwhile workers and sandboxes are killed,
workers are stopped, the scoring process is killed, the disk is filled, and the judge's server becomes slow, answers 503 or closes
connections. It prints the faults, wrong and missing verdicts, the memory after each round, and the processes and files left.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
from machine import header

from herokit import Rewarder, Sample
from herokit.config import load_scheme

SCHEME = """
[sources.verifier]
use = "route"
[sources.verifier.verifiers.math]
use = "math"
timeout = 30.0
[sources.verifier.verifiers.code]
use = "code"
limits = {{ timeout = 30.0 }}
[sources.verifier.verifiers.judge]
use = "generative-verifier"
url = "{url}/v1"
cache_size = 1
request = {{ timeout = 20.0, max_attempts = 10, backoff = 0.1, failure_threshold = 1000 }}
[sources.rm]
use = "onnx"
[[steps]]
use = "hero"
"""
DISK_MB = 8
Verdict = tuple[Any, str]


def rows(groups: int) -> Iterator[dict[str, Any]]:
    """Yield rollouts of three tasks, four in a group, about half of them correct."""
    rng = random.Random(7)  # noqa: S311 - seeded
    for group in range(groups):
        task = ("math", "code", "judge")[group % 3]
        for _ in range(4):
            correct = rng.random() < 0.5  # noqa: PLR2004
            k = rng.randrange(2, 90)
            wrong = 0 if correct else 1
            if task == "math":  # half of them only sympy can decide
                answer = rf"\int_0^{{{k}}} 2x\,dx + {wrong}" if k % 2 else str(k * k + wrong)
                completion, reference = rf"So \boxed{{{answer}}}.", str(k * k)
            elif task == "code":
                completion = f"```python\ndef f(x):\n    return {k} * x + {wrong}\n```"
                reference = json.dumps([f"assert f(2) == {2 * k}", f"assert abs(f(3) - {3 * k}) < 1e-6"])
            else:
                completion, reference = f"It is {k if correct else k + 1}.", str(k)
            yield {"prompt": f"q{group}", "completion": completion, "reference": reference, "group": group, "task": task}  # fmt: skip


class Judge:
    """A server that compares the numbers in an answer and a reference; `mood` makes it slow or faulty."""

    def __init__(self) -> None:
        self.mood = ""
        judge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                mood = judge.mood
                if mood == "slow":
                    time.sleep(1.0)
                if mood == "closes connections":
                    self.close_connection = True
                    return
                content = b"{}" if mood == "answers 503" else judge.answer(body)
                self.send_response(503 if mood == "answers 503" else 200)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @staticmethod
    def answer(body: Any) -> bytes:
        """Return what a chat server answers."""
        text = body["messages"][-1]["content"]
        mark = re.findall(r"Verdict (\w+): CORRECT", text)[-1]
        reference, response = (
            re.search(rf"--- {name} {mark} ---\n(.*?)\n--- ", text, re.DOTALL)
            for name in ("reference answer", "response")
        )
        assert reference is not None
        assert response is not None
        same = re.findall(r"\d+", reference[1]) == re.findall(r"\d+", response[1])
        choice = {"message": {"role": "assistant", "content": f"Verdict {mark}: {'CORRECT' if same else 'WRONG'}"}}
        return json.dumps({"choices": [choice]}).encode()


class Saboteur(threading.Thread):
    """Makes one fault after the other, and remembers every process that it has seen."""

    def __init__(self, judge: Judge, disk: Path, every: float, seed: int) -> None:
        super().__init__(daemon=True)
        self.judge, self.disk, self.every = judge, disk, every
        self.faults: Counter[str] = Counter()
        self.seen: dict[tuple[int, float], psutil.Process] = {}
        self.scoring: subprocess.Popen[bytes] | None = None
        self.done = threading.Event()
        self._rng = random.Random(seed)  # noqa: S311 - seeded

    def run(self) -> None:
        """Choose a fault every few moments until the end."""
        while not self.done.wait(self.every * self._rng.uniform(0.5, 1.5)):
            children = psutil.Process().children(recursive=True)
            self.seen |= {(child.pid, child.create_time()): child for child in children}
            kinds = [self._kill_worker] * 4 + [self._stop_worker] * 2 + [self._kill_sandbox] * 2
            kinds += [self._kill_scoring, self._fill_disk, self._upset_judge, self._upset_judge]
            self._rng.choice(kinds)(children)

    def _pick(self, children: list[psutil.Process], word: str) -> psutil.Process | None:
        matches = []
        for child in children:
            try:
                if word in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    matches.append(child)
            except psutil.Error:  # it has ended
                continue
        return self._rng.choice(matches) if matches else None

    def _send(self, child: psutil.Process | None, number: int, fault: str) -> None:
        if child is not None:
            try:
                child.send_signal(number)
                self.faults[fault] += 1
            except psutil.Error:  # it has ended
                return

    def _kill_worker(self, children: list[psutil.Process]) -> None:
        self._send(self._pick(children, "herokit.workers.main"), signal.SIGKILL, "workers killed")

    def _stop_worker(self, children: list[psutil.Process]) -> None:
        self._send(self._pick(children, "herokit.workers.main"), signal.SIGSTOP, "workers stopped")

    def continue_all(self) -> None:
        """Let stopped processes go on; those whose parent is gone then end by themselves."""
        for child in self.seen.values():
            try:
                if child.is_running() and child.status() == psutil.STATUS_STOPPED:
                    child.send_signal(signal.SIGCONT)
            except psutil.Error:  # it has ended
                continue

    def _kill_sandbox(self, children: list[psutil.Process]) -> None:
        self._send(self._pick(children, "launcher.main"), signal.SIGKILL, "sandboxes killed")

    def _kill_scoring(self, _: list[psutil.Process]) -> None:
        if self.scoring is not None and self.scoring.poll() is None:
            self.scoring.kill()
            self.faults["scoring processes killed"] += 1

    def _fill_disk(self, _: list[psutil.Process]) -> None:
        filler = self.disk / "filler"
        try:
            with filler.open("wb") as file:
                while True:
                    file.write(b"x" * 65_536)
        except OSError:
            self.faults["disks filled"] += 1
        self.done.wait(1.0)
        filler.unlink(missing_ok=True)

    def _upset_judge(self, _: list[psutil.Process]) -> None:
        self.judge.mood = self._rng.choice(["slow", "answers 503", "closes connections"])
        self.faults[f"judge {self.judge.mood}"] += 1
        self.done.wait(1.0)
        self.judge.mood = ""


def verdicts_of(rewarder: Rewarder, samples: list[Sample]) -> list[Verdict]:
    """Return value and status of every rollout's verdict."""
    return [(verdict.value, verdict.status.value) for verdict in rewarder.run_sources(samples).verdicts["verifier"]]


def score(command: list[str], output: Path, saboteur: Saboteur | None, environment: dict[str, str]) -> list[Verdict]:
    """Score the file until it succeeds, resuming after every failure; return the verdicts."""
    for _ in range(1000):
        child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603 - our own command
        if saboteur:
            saboteur.scoring = child
        _, errors = child.communicate()
        if child.returncode == 0:
            lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
            return [(line["verifier"], line["verifier_status"]) for line in lines]
        if b"Traceback" in errors or child.returncode not in (2, -signal.SIGKILL):
            raise SystemExit(f"herokit score ended with {child.returncode}:\n{errors.decode()}")
    raise SystemExit("herokit score never succeeded")


def compare(expected: list[Verdict], found: list[Verdict], totals: Counter[str]) -> None:
    """Count verdicts that are wrong, and those that are missing."""
    totals["rounds"] += 1
    totals["verdicts"] += len(found)
    for wanted, got in zip(expected, found, strict=True):
        if got != wanted:
            totals["missing" if got[0] is None else "wrong"] += 1
            print(f"expected {wanted}, found {got}", flush=True)


def memory_mb() -> int:
    """Return the resident megabytes of this process and its children."""
    total = 0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        try:
            total += process.memory_info().rss
        except psutil.Error:  # it has ended
            continue
    return total >> 20


def mount_disk(folder: Path) -> bool:
    """Mount a small file system in memory; return whether this user may."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    if shutil.which("mount") is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - no text of others


def processes_left(saboteur: Saboteur, limit: float = 30.0) -> list[str]:
    """Return the commands of the processes that still run after a wait of `limit` seconds."""
    saboteur.continue_all()
    end = time.monotonic() + limit
    while time.monotonic() < end:
        left = []
        for process in saboteur.seen.values():
            try:
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    left.append(f"{process.pid} {process.status()} {' '.join(process.cmdline())[:200]}")
            except psutil.Error:  # it has ended
                continue
        if not left:
            break
        time.sleep(0.5)
    return left


def soak(folder: Path, options: argparse.Namespace) -> bool:
    """Run all rounds; return whether nothing was wrong, missing or left."""
    disk, temporary = folder / "disk", folder / "temporary"
    disk.mkdir()
    temporary.mkdir()
    mounted = mount_disk(disk)
    judge = Judge()
    (folder / "scheme.toml").write_text(SCHEME.format(url=judge.url))
    data = list(rows(options.groups))
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))
    samples = [Sample(r["prompt"], r["completion"], r["group"], r["reference"], {"task": r["task"]}) for r in data]
    output = disk / "out.jsonl"
    command = [sys.executable, "-m", "herokit", "score", str(folder / "in.jsonl"), "--scheme", str(folder / "scheme.toml"), "-o", str(output), "--resume", "--checkpoint-every", "1"]  # fmt: skip
    environment = os.environ | {"TMPDIR": str(temporary)}
    tempfile.tempdir = str(temporary)
    rewarder = load_scheme(folder / "scheme.toml").rewarder()
    expected = verdicts_of(rewarder, samples)
    assert expected == score(command, output, None, environment)
    assert {status for _, status in expected} == {"judged"}
    print(f"{len(data)} rollouts, quiet: {sum(v == 1 for v, _ in expected)} correct; disk of {DISK_MB} MB: {mounted}", flush=True)  # fmt: skip
    saboteur = Saboteur(judge, disk, options.every, options.seed)
    if not mounted:
        saboteur._fill_disk = lambda _: None  # type: ignore[method-assign]  # noqa: SLF001 - the machine's own disk must not be filled
    saboteur.start()
    totals: Counter[str] = Counter()
    end, memory = time.monotonic() + options.minutes * 60, []
    while time.monotonic() < end:
        compare(expected, verdicts_of(rewarder, samples), totals)
        memory.append(memory_mb())
        output.unlink(missing_ok=True)
        compare(expected, score(command, output, saboteur, environment), totals)
        print(f"{totals['rounds']} rounds, {sum(saboteur.faults.values())} faults, {totals['wrong']} wrong, {totals['missing']} missing, {memory[-1]} MB, load {os.getloadavg()[0]:.0f}", flush=True)  # fmt: skip
    saboteur.done.set()
    saboteur.join()
    rewarder.close()
    left = processes_left(saboteur)
    files = [
        path
        for path in [*temporary.rglob("*"), *disk.iterdir()]
        if path.is_file() and path.name not in (output.name, ".ses")
    ]  # the latter is ONNX Runtime's
    print(", ".join(f"{count} {fault}" for fault, count in sorted(saboteur.faults.items())))
    print(f"{totals['verdicts']:,} verdicts in {totals['rounds']} rounds: {totals['wrong']} wrong, {totals['missing']} missing")  # fmt: skip
    print(f"memory after the first round {memory[0]} MB, at most {max(memory)} MB, after the last {memory[-1]} MB")
    print(
        f"{len(left)} processes left {left[:5]}, {len(files)} files left {[str(path.relative_to(folder)) for path in files[:5]]}"
    )
    return not (totals["wrong"] or totals["missing"] or left or files)


def main() -> None:
    """Run the soak test in a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two faults, on average")
    parser.add_argument("--groups", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(header("herokit-math", "herokit-code"), flush=True)
    with tempfile.TemporaryDirectory(prefix="herokit-soak-") as name:
        try:
            succeeded = soak(Path(name), options)
        finally:
            if os.path.ismount(f"{name}/disk"):
                subprocess.run(["umount", "--lazy", f"{name}/disk"], check=True)  # noqa: S603, S607 - what `soak` mounted
    sys.exit(0 if succeeded else 1)


if __name__ == "__main__":
    main()
