"""Compare math verifiers: accuracy on labelled pairs, speed on the same pairs, latency, scaling with workers.

    python benchmarks/verifiers.py [--data FOLDER] [--only accuracy|speed|workers]

FOLDER contains ``verifier_pairs/*.jsonl`` (gold, answer, kind, label) and ``gsm8k_rollouts.jsonl`` (response, reference).
math-verify is included if it is installed (``pip install math-verify``). Only the ratios are comparable between machines:
both verifiers run in this process, one after the other, on the same pairs.
"""

import argparse
import gc
import importlib.util
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from herokit.types import Sample
from herokit_math import MathVerifier, evaluate, normalize, parser, tiers, verdicts

Pair = tuple[str, str, bool]  # reference, text, label
Verify = Callable[[str, str], bool]
PARTS = 8  # parts of a set, which both verifiers judge in turn; the last part is a warm-up
WARM_UP = 20  # pairs of HardVerify-Math, of its last part, which both judge before anything is measured


def read_rows(path: Path) -> list[dict[str, object]]:
    """Read JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def load_math_verify() -> Verify | None:
    """Return a function that calls math-verify as its documentation does; None if it is not installed."""
    if importlib.util.find_spec("math_verify") is None:
        return None
    from math_verify import parse, verify

    def judge(reference: str, text: str) -> bool:
        boxed = reference if "boxed" in reference or "$" in reference else rf"\boxed{{{reference}}}"
        return bool(verify(parse(boxed), parse(text)))

    return judge


def print_accuracy(data: Path) -> None:
    """Print precision, recall and F1 on every set, and every disagreement of herokit-math with a label."""
    peer = load_math_verify()
    print("| set | pairs | herokit-math P / R / F1 | math-verify P / R / F1 |\n|---|---|---|---|")
    pooled: list[Pair] = []
    peer_pooled = [0, 0, 0]
    disagreements = []
    with MathVerifier(max_workers=1) as math:
        for path in sorted((data / "verifier_pairs").glob("*.jsonl")):
            rows = read_rows(path)
            pairs = [(str(r["gold"]), str(r["answer"]), bool(r["label"])) for r in rows]
            report = evaluate(pairs, responses=True, verifier=math)
            disagreements += [(path.stem, d) for d in report.disagreements]
            pooled += pairs
            counts = [0, 0, 0]
            for row, (reference, text, label) in zip(rows, pairs, strict=True):
                if peer:
                    equal = peer(reference, text if row["kind"] == "response" else rf"\boxed{{{text}}}")
                    counts = [
                        counts[0] + (equal and label),
                        counts[1] + (equal and not label),
                        counts[2] + (label and not equal),
                    ]
            peer_pooled = [a + b for a, b in zip(peer_pooled, counts, strict=True)]
            print(
                f"| {path.stem} | {len(pairs)} | {format_rates(report.precision, report.recall, report.f1)} | {format_peer_rates(counts)} |"
            )
        report = evaluate(pooled, responses=True, verifier=math)
        print(
            f"| pooled | {len(pooled)} | {format_rates(report.precision, report.recall, report.f1)} | {format_peer_rates(peer_pooled)} |"
        )
    for name, d in disagreements:
        print(f"{name}: label {int(d.label)}, {d.reference[-90:]!r} ~ {d.answer[-90:]!r}: {d.verdict.reason}")


def format_rates(precision: float, recall: float, f1: float) -> str:
    """Format three rates."""
    return f"{precision:.4f} / {recall:.4f} / {f1:.4f}"


def format_peer_rates(counts: list[int]) -> str:
    """Format the rates of (true positives, false positives, false negatives)."""
    tp, fp, fn = counts
    if not any(counts):
        return "not installed"
    return format_rates(tp / max(1, tp + fp), tp / max(1, tp + fn), 2 * tp / max(1, 2 * tp + fp + fn))


def clear_caches() -> None:
    """Empty the caches of herokit-math, so that each run starts cold."""
    tiers.extract_reference.cache_clear()
    tiers._parse_formatted_number.cache_clear()  # noqa: SLF001
    parser.parse_answer.cache_clear()
    verdicts.make_comparer.cache_clear()
    verdicts._try_parse.cache_clear()  # noqa: SLF001
    normalize.normalize_text.cache_clear()


def groups_of_eight(data: Path) -> list[Pair]:
    """Return real rollouts in groups of eight that share a reference."""
    by_reference = defaultdict(list)
    for row in read_rows(data / "gsm8k_rollouts.jsonl"):
        by_reference[row["reference"]].append((str(row["reference"]), str(row["response"]), bool(row["label"])))
    return [pair for pairs in by_reference.values() for pair in pairs[: len(pairs) // 8 * 8]]


def groups_of_eight_boxed(data: Path) -> list[Pair]:
    """Return the same with each last line ``A: x``, which nearly all of them have, written as a sentence with a box."""
    return [
        (reference, re.sub(r"(?m)^A: ?(.+)\Z", r"The final answer is \\boxed{\1}.", text), label)
        for reference, text, label in groups_of_eight(data)
    ]


def groups_of_eight_thinking(data: Path) -> list[Pair]:
    """Return these with all but the last line as thinking."""
    return [
        (reference, re.sub(r"(?s)\A(.*)\n(.+)\Z", r"<think>\n\1\n</think>\n\n\2", text), label)
        for reference, text, label in groups_of_eight_boxed(data)
    ]


def all_different(data: Path) -> list[Pair]:
    """Return real answers and rollouts, each pair of reference and answer once."""
    pairs: dict[tuple[str, str], Pair] = {}
    for name in ("ze_gsm", "ze_math", "tora_resp"):
        for row in read_rows(data / "verifier_pairs" / f"{name}.jsonl"):
            pairs[str(row["gold"]), str(row["answer"])] = (str(row["gold"]), str(row["answer"]), bool(row["label"]))
    for row in read_rows(data / "gsm8k_rollouts.jsonl"):
        key = str(row["reference"]), str(row["response"]).rpartition("\n")[2]
        pairs[key] = (str(row["reference"]), str(row["response"]), bool(row["label"]))
    return list(pairs.values())


def hardverify_math(data: Path) -> list[Pair]:
    """Return HardVerify-Math."""
    rows = read_rows(data / "verifier_pairs" / "hardverify_math.jsonl")
    return [(str(r["gold"]), str(r["answer"]), bool(r["label"])) for r in rows]


def judge_pairs(verify: Verify, pairs: list[Pair]) -> list[bool]:
    """Judge pairs one by one."""
    return [verify(reference, text) for reference, text, _ in pairs]


def measure(run: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Return the seconds of one run, by default processor time, for work in this process."""
    start = clock()
    run()
    return clock() - start


def print_speed(data: Path) -> None:
    """Print pairs per second of both verifiers on the same pairs, their ratio, and the latencies of herokit-math.

    Time is processor time of this process (no pair needs a worker of herokit-math). The verifiers judge each part in
    turn, each pair once, so that other load affects both. Both have judged other pairs of the set before, and some of
    HardVerify-Math, which makes both compile their regular expressions; the caches of herokit-math are cleared, those of
    sympy are not.
    """
    peer = load_math_verify()
    first = hardverify_math(data)[-WARM_UP:]
    print(
        "| pairs | herokit-math pairs/s | math-verify pairs/s | ratio | latency median / p99 / max, us |\n|---|---|---|---|---|"
    )
    for name, pairs in (
        (f.__name__, f(data))
        for f in (groups_of_eight, groups_of_eight_boxed, groups_of_eight_thinking, all_different, hardverify_math)
    ):
        samples = [Sample("", text, reference, reference) for reference, text, _ in pairs]
        seconds = peer_seconds = 0.0
        size = -(-len(pairs) // PARTS // 8) * 8  # whole groups
        *parts, warm_up = (slice(k, k + size) for k in range(0, len(pairs), size))
        with MathVerifier(max_workers=1) as math:
            math.verify([Sample("", text, reference, reference) for reference, text, _ in first] + samples[warm_up])
            if peer:
                judge_pairs(peer, first + pairs[warm_up])
            clear_caches()
            for part in parts:
                seconds += measure(lambda: math.verify(samples[part]))  # noqa: B023 - called at once
                if peer:
                    peer_seconds += measure(lambda: judge_pairs(peer, pairs[part]))  # noqa: B023
            clear_caches()
            gc.collect()  # collect math-verify's garbage before latencies are measured
            latency = sorted(measure_latencies(math, samples))
        rate, peer_rate = warm_up.start / seconds, warm_up.start / (peer_seconds or float("inf"))
        ratio = rate / peer_rate if peer_rate else 0
        quantiles = " / ".join(f"{1e6 * latency[int(q * (len(latency) - 1))]:.0f}" for q in (0.5, 0.99, 1.0))
        print(f"| {name}, {len(pairs)} | {rate:,.0f} | {peer_rate:,.0f} | {ratio:.0f}x | {quantiles} |", flush=True)


def measure_latencies(math: MathVerifier, samples: list[Sample]) -> Iterator[float]:
    """Yield the seconds of a call with each sample alone."""
    for sample in samples:
        start = time.process_time()
        math.verify([sample])
        yield time.process_time() - start


def print_scaling() -> None:
    """Print the speedup of two workers on pairs that only sympy can decide."""
    pairs = [(str(k**3), rf"\int_0^{{{k}}} 3x^2 + \sin(x) - \sin(x)\,dx") for k in range(1, 61)]
    seconds = {}
    for workers in (1, 2):
        with MathVerifier(max_workers=workers, timeout=30.0) as math:
            math.compare([(r"\int_0^1 1\,dx", str(k)) for k in range(2, 12)])  # start every worker
            seconds[workers] = measure(lambda: math.compare(pairs), time.perf_counter)
    print(f"two workers are {seconds[1] / seconds[2]:.2f} times as fast as one on {len(pairs)} pairs for sympy")


def main() -> None:
    """Print the chosen tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[1] / ".." / "shared" / "data")
    parser.add_argument("--only", choices=("accuracy", "speed", "workers"))
    args = parser.parse_args()
    if args.only in (None, "accuracy"):
        print_accuracy(args.data)
    if args.only in (None, "speed"):
        print_speed(args.data)
    if args.only in (None, "workers"):
        print_scaling()


if __name__ == "__main__":
    main()
