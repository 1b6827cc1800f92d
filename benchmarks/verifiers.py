"""Math verifiers side by side: accuracy on labelled pairs, paired speed, latency, scaling over workers.

    python benchmarks/verifiers.py [--data FOLDER] [--only accuracy|speed|workers]

FOLDER holds ``verifier_pairs/*.jsonl`` (gold, answer, kind, label) and ``gsm8k_rollouts.jsonl`` (response, reference).
math-verify joins in where it is installed (``pip install math-verify``); nothing else of it is needed. Quote ratios:
both sides run in one process each, one after the other, on the same pairs.
"""

import argparse
import gc
import importlib.util
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from herokit.types import Sample
from herokit_math import MathVerifier, evaluate, reading, tiers
from herokit_math import verdicts as judge

Pair = tuple[str, str, bool]  # reference, text, label
Verify = Callable[[str, str], bool]
PARTS = 8  # of a set: each side judges a part in turn; the last one warms both up and is not measured


def rows(path: Path) -> list[dict[str, object]]:
    """Read JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def math_verify() -> Verify | None:
    """Return math-verify as its documentation calls it, or None where it is not installed."""
    if importlib.util.find_spec("math_verify") is None:
        return None
    from math_verify import parse, verify

    def judged(gold: str, text: str) -> bool:
        wrapped = gold if "boxed" in gold or "$" in gold else rf"\boxed{{{gold}}}"
        return bool(verify(parse(wrapped), parse(text)))

    return judged


def accuracy(data: Path) -> None:
    """Print precision, recall and F1 on every set, and every disagreement of herokit-math."""
    peer = math_verify()
    print("| set | pairs | herokit-math P / R / F1 | math-verify P / R / F1 |\n|---|---|---|---|")
    pooled: list[Pair] = []
    peer_pooled = [0, 0, 0]
    wrong = []
    with MathVerifier(max_workers=1) as math:
        for path in sorted((data / "verifier_pairs").glob("*.jsonl")):
            found = rows(path)
            pairs = [(str(r["gold"]), str(r["answer"]), bool(r["label"])) for r in found]
            report = evaluate(pairs, responses=True, verifier=math)
            wrong += [(path.stem, d) for d in report.disagreements]
            pooled += pairs
            counts = [0, 0, 0]
            for row, (gold, text, label) in zip(found, pairs, strict=True):
                if peer:
                    given = text if row["kind"] == "response" else rf"\boxed{{{text}}}"
                    said = peer(gold, given)
                    counts = [
                        counts[0] + (said and label),
                        counts[1] + (said and not label),
                        counts[2] + (label and not said),
                    ]
            peer_pooled = [a + b for a, b in zip(peer_pooled, counts, strict=True)]
            print(
                f"| {path.stem} | {len(pairs)} | {rates(report.precision, report.recall, report.f1)} | {peer_rates(counts)} |"
            )
        report = evaluate(pooled, responses=True, verifier=math)
        print(
            f"| pooled | {len(pooled)} | {rates(report.precision, report.recall, report.f1)} | {peer_rates(peer_pooled)} |"
        )
    for name, d in wrong:
        print(f"{name}: label {int(d.label)}, {d.gold[-90:]!r} ~ {d.text[-90:]!r}: {d.verdict.reason}")


def rates(precision: float, recall: float, f1: float) -> str:
    """Format three rates."""
    return f"{precision:.4f} / {recall:.4f} / {f1:.4f}"


def peer_rates(counts: list[int]) -> str:
    """Format the rates of (true positives, false positives, false negatives)."""
    true, false, missed = counts
    if not any(counts):
        return "not installed"
    return rates(
        true / max(1, true + false), true / max(1, true + missed), 2 * true / max(1, 2 * true + false + missed)
    )


def forget() -> None:
    """Empty every cache, so that each run starts cold."""
    for cached in (tiers.reference, tiers.written, reading.read, judge.settling, judge._read):  # noqa: SLF001
        cached.cache_clear()


def groups_of_eight(data: Path) -> list[Pair]:
    """Return real rollouts in groups of eight that share a reference."""
    by_gold = defaultdict(list)
    for row in rows(data / "gsm8k_rollouts.jsonl"):
        by_gold[row["reference"]].append((str(row["reference"]), str(row["response"]), bool(row["label"])))
    return [pair for found in by_gold.values() for pair in found[: len(found) // 8 * 8]]


def all_different(data: Path) -> list[Pair]:
    """Return real answers and rollouts, each pair of reference and answer once."""
    found: dict[tuple[str, str], Pair] = {}
    for name in ("ze_gsm", "ze_math", "tora_resp"):
        for row in rows(data / "verifier_pairs" / f"{name}.jsonl"):
            found[str(row["gold"]), str(row["answer"])] = (str(row["gold"]), str(row["answer"]), bool(row["label"]))
    for row in rows(data / "gsm8k_rollouts.jsonl"):
        key = str(row["reference"]), str(row["response"]).rpartition("\n")[2]
        found[key] = (str(row["reference"]), str(row["response"]), bool(row["label"]))
    return list(found.values())


def hardest(data: Path) -> list[Pair]:
    """Return HardVerify-Math."""
    found = rows(data / "verifier_pairs" / "hardverify_math.jsonl")
    return [(str(r["gold"]), str(r["answer"]), bool(r["label"])) for r in found]


def judged(verify: Verify, pairs: list[Pair]) -> list[bool]:
    """Judge pairs one by one."""
    return [verify(gold, text) for gold, text, _ in pairs]


def timed(run: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Return the seconds of one run; of processor time, where all of the work is done in this process."""
    start = clock()
    run()
    return clock() - start


def speed(data: Path) -> None:
    """Print pairs a second of both sides on the same pairs, their ratio, and our latencies.

    Processor seconds of one process each (none of these pairs needs a worker of ours). The sides take turns, part by
    part, each pair judged once by each, so that a busy machine does not decide. Both have judged other pairs of the
    set before; our caches of pairs are emptied, the peer's of sympy are not.
    """
    peer = math_verify()
    print(
        "| pairs | herokit-math pairs/s | math-verify pairs/s | ratio | latency median / p99 / max, us |\n|---|---|---|---|---|"
    )
    for name, pairs in ((f.__name__, f(data)) for f in (groups_of_eight, all_different, hardest)):
        samples = [Sample("", text, gold, gold) for gold, text, _ in pairs]
        ours = theirs = 0.0
        size = -(-len(pairs) // PARTS // 8) * 8  # whole groups
        *parts, warm = (slice(k, k + size) for k in range(0, len(pairs), size))
        with MathVerifier(max_workers=1) as math:
            math.verify(samples[warm])
            if peer:
                judged(peer, pairs[warm])
            forget()
            for part in parts:
                ours += timed(lambda: math.verify(samples[part]))  # noqa: B023 - called at once
                if peer:
                    theirs += timed(lambda: judged(peer, pairs[part]))  # noqa: B023
            forget()
            gc.collect()  # so that no latency holds a collection of what the peer left
            latency = sorted(taken(math, samples))
        some = warm.start
        ours, theirs = some / ours, some / (theirs or float("inf"))
        spread = " / ".join(f"{1e6 * latency[int(q * (len(latency) - 1))]:.0f}" for q in (0.5, 0.99, 1.0))
        print(
            f"| {name}, {len(pairs)} | {ours:,.0f} | {theirs:,.0f} | {ours / theirs if theirs else 0:.0f}x | {spread} |",
            flush=True,
        )


def taken(math: MathVerifier, samples: list[Sample]) -> Iterator[float]:
    """Return the seconds each sample takes alone."""
    for sample in samples:
        start = time.process_time()
        math.verify([sample])
        yield time.process_time() - start


def scaling() -> None:
    """Print how much faster two workers decide pairs that only sympy can."""
    pairs = [(str(k**3), rf"\int_0^{{{k}}} 3x^2 + \sin(x) - \sin(x)\,dx") for k in range(1, 61)]
    seconds = {}
    for workers in (1, 2):
        with MathVerifier(max_workers=workers, timeout=30.0) as math:
            math.compare([(r"\int_0^1 1\,dx", str(k)) for k in range(2, 12)])  # every worker is up
            seconds[workers] = timed(lambda: math.compare(pairs), time.perf_counter)
    print(f"two workers are {seconds[1] / seconds[2]:.2f} times as fast as one on {len(pairs)} pairs for sympy")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[1] / ".." / "shared" / "data")
    parser.add_argument("--only", choices=("accuracy", "speed", "workers"))
    chosen = parser.parse_args()
    if chosen.only in (None, "accuracy"):
        accuracy(chosen.data)
    if chosen.only in (None, "speed"):
        speed(chosen.data)
    if chosen.only in (None, "workers"):
        scaling()


if __name__ == "__main__":
    main()
