"""Time the code sandbox: one test in it, compared with the same program in a bare interpreter.

Reports the processor time of all processes, the median of `--rounds` alternating rounds.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable

from machine import header

from herokit_code import Limits, sandbox_problem
from herokit_code.sandbox import run_program

PROGRAM, STDIN = "print(2 * int(input()))", "21"


def processor_seconds(work: Callable[[], object]) -> float:
    """Return the processor seconds of `work` and of the processes that it starts and waits for."""
    kinds = (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)
    before = [resource.getrusage(kind) for kind in kinds]
    work()
    after = [resource.getrusage(kind) for kind in kinds]
    return sum(b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(before, after, strict=True))


def run_bare() -> None:
    """Run the program in the interpreter alone, outside a virtual environment."""
    done = subprocess.run(  # noqa: S603 - the program above
        [os.path.realpath(sys.executable), "-I", "-c", PROGRAM], input=STDIN, capture_output=True, text=True, check=True
    )
    assert done.stdout == "42\n"


def run_limited(*, isolated: bool) -> None:
    """Run the program in the sandbox, or under limits only."""
    result = run_program(PROGRAM, STDIN, Limits(), isolated=isolated)
    assert result.stdout == "42\n"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    print(header())
    if sandbox_problem():
        raise SystemExit(f"no sandbox here: {sandbox_problem()}")
    sides = {
        "bare": run_bare,
        "limits": lambda: run_limited(isolated=False),
        "sandbox": lambda: run_limited(isolated=True),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, work in sides.items():
            times[name].append(processor_seconds(work))
    base = statistics.median(times["bare"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:>8} {1e3 * median:7.1f} ms per test {median / base:6.2f} times a bare interpreter")


if __name__ == "__main__":
    main()
