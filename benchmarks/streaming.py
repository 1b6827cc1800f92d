"""Score synthetic rollouts with HERO in bounded memory, kill and resume the run, and print the peak memory.

    python benchmarks/streaming.py [--rollouts 10000000] [--group-size 8] [--kills 1] [--every 2] [--shuffled] [--model] [--keep FOLDER]

Verdicts and scores come from columns; with --model the scores come from the embedded reward model. The same input is scored
once without interruption, and once killed with SIGKILL at random moments and resumed; both files must have the same bytes.
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

CHUNK_ROWS = 1 << 17
COLUMNS = '[sources.verifier]\nuse = "verdict-column"\ncolumn = "correct"\n[sources.rm]\nuse = "score-column"\ncolumn = "given"\n'
MODEL = '[sources.verifier]\nuse = "verdict-column"\ncolumn = "correct"\n[sources.rm]\nuse = "onnx"\nthreads = 1\n'
STEPS = '[[steps]]\nuse = "hero"\n'


def write_rollouts(path: Path, rollouts: int, group_size: int, *, shuffled: bool) -> None:
    """Write `group_size` rollouts per prompt, one prompt after the other or shuffled."""
    rng = np.random.default_rng(0)
    places = rng.permutation(rollouts) if shuffled else np.arange(rollouts)
    with pq.ParquetWriter(path, schema()) as file:
        for low in range(0, rollouts, CHUNK_ROWS):
            rows = places[low : low + CHUNK_ROWS]
            group, a = rows // group_size, rows % 97
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


def run(arguments: list[str], output: Path, kill_at: int | None = None) -> tuple[int, int, float]:
    """Run ``herokit score``; return its exit status, peak kilobytes and seconds.

    Args:
        arguments: all but the output.
        output: the output file.
        kill_at: kill it a moment after this many rollouts are checkpointed.
    """
    begin = time.perf_counter()
    command = [sys.executable, "-m", "herokit", "score", *arguments, "-o", str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603 - our own command
        if kill_at is not None:
            while rows_saved(output) < kill_at and not has_ended(child.pid):
                time.sleep(0.01)
            time.sleep(0.1 * random.random())  # noqa: S311 - not for security
            os.kill(child.pid, signal.SIGKILL)  # Popen.kill would reap it and lose its peak memory
        assert child.stdout
        lines = [line for line in child.stdout if line.startswith(("Throughput", "Results"))]
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    print(*lines, sep="", end="", flush=True)
    if not child.returncode:
        print(f"{used.ru_utime + used.ru_stime:.0f} s of processor time", flush=True)
    return child.returncode, used.ru_maxrss, time.perf_counter() - begin


def rows_saved(output: Path) -> int:
    """Return the number of rollouts that a run has checkpointed."""
    try:
        return int(
            json.loads((output.parent / f"{output.name}.part" / "manifest.json").read_text())["progress"]["rows"]
        )
    except FileNotFoundError:
        return 0


def has_ended(pid: int) -> bool:
    """Return whether a child has ended, without reaping it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def digest(path: Path) -> str:
    """Return a file's digest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """Write the input, score it twice, and compare the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=10_000_000)
    parser.add_argument("--group-size", type=int, default=8)
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--model", action="store_true")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", help="where sources run, such as ray; by default in the process itself")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="herokit-streaming-"))
    folder.mkdir(exist_ok=True)
    print(header("pyarrow"), flush=True)
    write_rollouts(folder / "in.parquet", options.rollouts, options.group_size, shuffled=options.shuffled)
    (folder / "scheme.toml").write_text((MODEL if options.model else COLUMNS) + STEPS)
    size = (folder / "in.parquet").stat().st_size
    print(
        f"{options.rollouts:,} rollouts, {options.group_size} per prompt, {size / 1e6:,.0f} MB of Parquet", flush=True
    )
    common = [
        str(folder / "in.parquet"),
        "--scheme",
        str(folder / "scheme.toml"),
        "--checkpoint-every",
        str(options.every),
        *(["--engine", options.engine] if options.engine else []),
    ]
    status, peak, seconds = run(common, folder / "whole.parquet")
    assert status == 0
    print(f"uninterrupted: {seconds:.0f} s, peak {peak / 1024:,.0f} MB", flush=True)
    rng = random.Random(options.seed)  # noqa: S311 - not for security
    moments = sorted(rng.randrange(options.rollouts) for _ in range(options.kills))
    killed = [run([*common, "--resume"], folder / "killed.parquet", at)[0] for at in moments].count(-signal.SIGKILL)
    print(
        f"killed {killed} times, the last time with {rows_saved(folder / 'killed.parquet'):,} rollouts saved",
        flush=True,
    )
    status, peak, _ = run([*common, "--resume"], folder / "killed.parquet")
    assert status == 0
    same = digest(folder / "whole.parquet") == digest(folder / "killed.parquet")
    print(f"resumed: {'the same bytes' if same else 'DIFFERENT BYTES'}; peak {peak / 1024:,.0f} MB")
    if not options.keep:
        shutil.rmtree(folder)
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
