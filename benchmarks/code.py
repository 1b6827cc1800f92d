"""Time the code sandbox: a test in it, against the same program in a bare interpreter, the one that runs inside.

Processor time of everything started, the median of `--rounds` pairs taken in turn.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable

from machine import header

from herokit_code import Limits, problem, run

PROGRAM, GIVEN = "print(2 * int(input()))", "21"


def spent(work: Callable[[], object]) -> float:
    """Return the processor seconds of the processes that `work` starts and waits for, and its own."""
    kinds = (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)
    before = [resource.getrusage(kind) for kind in kinds]
    work()
    after = [resource.getrusage(kind) for kind in kinds]
    return sum(b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(before, after, strict=True))


def bare() -> None:
    """Run the program as anybody would, outside a virtual environment."""
    done = subprocess.run(  # noqa: S603 - the program above
        [os.path.realpath(sys.executable), "-I", "-c", PROGRAM], input=GIVEN, capture_output=True, text=True, check=True
    )
    assert done.stdout == "42\n"


def shut_in(*, isolated: bool) -> None:
    """Run it in the sandbox, or under limits alone."""
    ran = run(PROGRAM, GIVEN, Limits(), isolated=isolated)
    assert ran.stdout == "42\n"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    print(header())
    if problem():
        raise SystemExit(f"no sandbox here: {problem()}")
    sides = {"bare": bare, "limits": lambda: shut_in(isolated=False), "sandbox": lambda: shut_in(isolated=True)}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, work in sides.items():
            times[name].append(spent(work))
    base = statistics.median(times["bare"])
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"{name:>8} {1e3 * middle:7.1f} ms a test {middle / base:6.2f} times a bare interpreter")


if __name__ == "__main__":
    main()
