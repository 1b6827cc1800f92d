"""Soak test: a million different pairs through one math verifier while its workers are killed at random.

    python benchmarks/soak.py [--pairs 1000000] [--kill-every 10] [--sympy-only]

`--sympy-only` sends every pair to the workers; without it only one in 5,000 reaches them.

Prints the memory of the process tree during the run, the number of incorrect and missing verdicts (both should be 0),
and the number of processes left at the end (should be 0).
"""

import argparse
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from itertools import islice

import psutil

from herokit.types import Sample, Status
from herokit_math import MathVerifier

BATCH = 1_000


def pairs(seed: int, *, sympy_only: bool = False) -> Iterator[tuple[str, str, float]]:
    """Yield pairs without end: reference, completion, and the expected value of the verdict."""
    rng = random.Random(seed)  # noqa: S311 - seeded
    k = 0
    while True:
        k += 1
        a, b, correct = rng.randrange(10**6), rng.randrange(2, 999), rng.random() < 0.5  # noqa: PLR2004
        c = a if correct else a + 1
        if sympy_only or k % 5_000 == 0:  # only sympy can decide it
            yield (
                str(a % 50),
                rf"so \boxed{{\int_0^{{{a % 50 if correct else a % 50 + 1}}} 1\,dx + {k} - {k}}}",
                float(correct),
            )
        elif k % 10 == 0:
            yield f"(x+{a})(x-{b})", rf"\boxed{{x^2+{c - b}x-{c * b}}}", float(correct)
        elif k % 10 == 1:
            yield f"[{a}, {a + b})", f"The answer is {c} \\le x < {c + b}", float(correct)
        elif k % 10 == 2:  # noqa: PLR2004
            yield rf"{a}\sqrt{{{b}}}", f"work\n#### {c}*sqrt({b})", float(correct)
        elif k % 10 < 5:  # noqa: PLR2004
            yield f"{a}/{10**6 + 3}", rf"It is \boxed{{\frac{{{2 * c}}}{{{2 * (10**6 + 3)}}}}}.", float(correct)
        else:
            yield f"{a}", f"{a} + 1 - 1 = {c}\nA: {c:,}.00", float(correct)


def memory() -> int:
    """Return the resident megabytes of this process and its children."""
    me = psutil.Process()
    total = 0
    for process in [me, *me.children(recursive=True)]:
        try:
            total += process.memory_info().rss
        except psutil.Error:  # the process has ended
            continue
    return total >> 20


def kill_at_random(every: float, done: threading.Event, killed: list[int]) -> None:
    """Kill a random child process every `every` seconds."""
    rng = random.Random(1)  # noqa: S311
    while not done.wait(every):
        children = psutil.Process().children()
        if children:
            victim = rng.choice(children).pid
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)


def main() -> None:
    """Run the soak test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--kill-every", type=float, default=10.0)
    parser.add_argument("--sympy-only", action="store_true")
    args = parser.parse_args()
    source, done, killed = pairs(0, sympy_only=args.sympy_only), threading.Event(), []
    killer = threading.Thread(target=kill_at_random, args=(args.kill_every, done, killed))
    killer.start()
    judged = incorrect = failed = 0
    start = time.perf_counter()
    with MathVerifier(max_workers=2, timeout=30.0) as math:
        while judged < args.pairs:
            batch = list(islice(source, BATCH))
            verdicts = math.verify([Sample("", text, row, reference) for row, (reference, text, _) in enumerate(batch)])
            incorrect += sum(v.value != expected for v, (_, _, expected) in zip(verdicts, batch, strict=True))
            failed += sum(v.status is not Status.JUDGED for v in verdicts)
            judged += len(verdicts)
            if judged % (args.pairs // 10) < BATCH:
                print(f"{judged:>9} pairs, {memory()} MB, {len(killed)} workers killed", flush=True)
        done.set()
        killer.join()
    rate = judged / (time.perf_counter() - start)
    print(f"{incorrect} incorrect, {failed} without a judgment, {rate:,.0f} pairs/s")
    print(f"{len(psutil.Process().children(recursive=True))} processes left")


if __name__ == "__main__":
    main()
