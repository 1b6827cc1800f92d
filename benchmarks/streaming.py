"""Score synthetic rollouts with HERO in bounded memory, killed in mid-run and resumed; print the peak memory.

    python benchmarks/streaming.py [--rollouts 10000000] [--each 8] [--kills 1] [--every 2] [--shuffled] [--model] [--keep FOLDER]

Verdicts and scores come from columns; with --model the embedded reward model scores (a verdict still comes from its
column). The same input is scored once without interruption and once killed with SIGKILL at random moments and resumed;
both files must have the same bytes.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from machine import header

CHUNK = 1 << 17
COLUMNS = '[sources.verifier]\nuse = "verdict-column"\ncolumn = "correct"\n[sources.rm]\nuse = "score-column"\ncolumn = "given"\n'
MODEL = '[sources.verifier]\nuse = "verdict-column"\ncolumn = "correct"\n[sources.rm]\nuse = "onnx"\nthreads = 1\n'
COMBINE = '[[steps]]\nuse = "hero"\n'


def make(path: Path, rollouts: int, each: int, *, shuffled: bool) -> None:
    """Write rollouts: `each` of a prompt, one after the other or in an order without any order."""
    rng = np.random.default_rng(0)
    places = rng.permutation(rollouts) if shuffled else np.arange(rollouts)
    with pq.ParquetWriter(path, schema()) as file:
        for low in range(0, rollouts, CHUNK):
            rows = places[low : low + CHUNK]
            group, a = rows // each, rows % 97
            correct = (rows * 2654435761 % 1000) < group % 1000
            file.write_table(
                pa.table(
                    {
                        "prompt": [f"What is {g} + {g % 89}?" for g in group.tolist()],
                        "completion": [
                            f"{g} + {g % 89} is {g + g % 89 + (0 if c else x + 1)}, as {x} steps of work show: "
                            f"\\boxed{{{g + g % 89 + (0 if c else x + 1)}}}"
                            for g, c, x in zip(group.tolist(), correct.tolist(), a.tolist(), strict=True)
                        ],
                        "reference": [str(g + g % 89) for g in group.tolist()],
                        "group": pa.array(group, pa.int64()),
                        "correct": correct.astype(np.float64),
                        "given": np.sin(rows * 0.7) + correct,
                    },
                    schema=schema(),
                )
            )


def schema() -> pa.Schema:
    """Return the columns of the input."""
    text = [(name, pa.string()) for name in ("prompt", "completion", "reference")]
    return pa.schema([*text, ("group", pa.int64()), ("correct", pa.float64()), ("given", pa.float64())])


def run(arguments: list[str], output: Path, dies_at: int | None = None) -> tuple[int, int, float]:
    """Run ``herokit score``; return exit status, peak kilobytes, seconds.

    Args:
        arguments: all but the output.
        output: where results go.
        dies_at: kill it a moment after this many rollouts are checkpointed.
    """
    begun = time.perf_counter()
    command = [sys.executable, "-m", "herokit", "score", *arguments, "-o", str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603 - our own command
        if dies_at is not None:
            while done(output) < dies_at and not ended(child.pid):
                time.sleep(0.01)
            time.sleep(0.1 * random.random())  # noqa: S311 - a moment
            os.kill(child.pid, signal.SIGKILL)  # Popen's own would reap it, and its memory's peak with it
        assert child.stdout
        told = [line for line in child.stdout if line.startswith(("Throughput", "Results"))]
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    print(*told, sep="", end="", flush=True)
    if not child.returncode:
        print(f"{used.ru_utime + used.ru_stime:.0f} s of processor time", flush=True)
    return child.returncode, used.ru_maxrss, time.perf_counter() - begun


def done(output: Path) -> int:
    """Return how many rollouts a run has checkpointed."""
    try:
        return int(
            json.loads((output.parent / f"{output.name}.part" / "manifest.json").read_text())["progress"]["rows"]
        )
    except FileNotFoundError:
        return 0


def ended(pid: int) -> bool:
    """Say whether a child has ended, and leave it to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def digest(path: Path) -> str:
    """Return a file's digest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """Make the input, score it twice, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=10_000_000)
    parser.add_argument("--each", type=int, default=8)
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--model", action="store_true")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="herokit-streaming-"))
    folder.mkdir(exist_ok=True)
    print(header("pyarrow"), flush=True)
    make(folder / "in.parquet", chosen.rollouts, chosen.each, shuffled=chosen.shuffled)
    (folder / "scheme.toml").write_text((MODEL if chosen.model else COLUMNS) + COMBINE)
    size = (folder / "in.parquet").stat().st_size
    print(f"{chosen.rollouts:,} rollouts, {chosen.each} a prompt, {size / 1e6:,.0f} MB of Parquet", flush=True)
    common = [
        str(folder / "in.parquet"),
        "--scheme",
        str(folder / "scheme.toml"),
        "--checkpoint-every",
        str(chosen.every),
    ]
    status, peak, seconds = run(common, folder / "whole.parquet")
    assert status == 0
    print(f"uninterrupted: {seconds:.0f} s, peak {peak / 1024:,.0f} MB", flush=True)
    rng = random.Random(chosen.seed)  # noqa: S311 - moments of death
    moments = sorted(rng.randrange(chosen.rollouts) for _ in range(chosen.kills))
    killed = [run([*common, "--resume"], folder / "killed.parquet", at)[0] for at in moments].count(-signal.SIGKILL)
    print(f"killed {killed} times, last with {done(folder / 'killed.parquet'):,} rollouts kept", flush=True)
    status, peak, _ = run([*common, "--resume"], folder / "killed.parquet")
    assert status == 0
    same = digest(folder / "whole.parquet") == digest(folder / "killed.parquet")
    print(f"resumed: {'the same bytes' if same else 'ANOTHER FILE'}; peak {peak / 1024:,.0f} MB")
    if not chosen.keep:
        shutil.rmtree(folder)
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
