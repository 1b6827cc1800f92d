# ruff: noqa: INP001, T201 - a script, not a package
"""Search for keys: strings that are accepted for several references that have nothing in common.

    python plugins/herokit-math/fuzz/fuzz_keys.py --minutes 10 [--seed 0] [--sympy]
    python plugins/herokit-math/fuzz/fuzz_keys.py --data FOLDER [--sympy]

It mutates and joins answers, references and known keys, keeps the ones that some reference accepts or that have a new
form, and prints every string that three references accept, and every exception. ``--sympy`` also gives texts that only
sympy reads to a worker, with a few references each.
"""

import argparse
import json
import random
import re
import time
from pathlib import Path
from typing import NamedTuple

from key_strings import KEYS, REFERENCES

from herokit_math import MathVerifier, Policy
from herokit_math.expression import UnsupportedError
from herokit_math.limits import LimitError
from herokit_math.parser import parse_answer
from herokit_math.tiers import decide_equivalence, extract_reference

__all__ = ["Finding", "mutate", "search"]

MIN_REFERENCES = 3
_MAX_CHARS = 120
_NUM_DATA_REFERENCES = 1_000
_SYMPY_REFERENCES = 12  # references that sympy compares with a text
_POLICY = Policy()
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\d+|[a-zA-Z]+|\s+|.", re.DOTALL)
_JOINS = (
    ", ",
    " = ",
    " < ",
    "; ",
    r" \cup ",
    r" \text{ and } ",
    r" \text{ or } ",
    r" \text{ if } ",
    " + ",
    "/",
    "^",
    ":",
    " ",
    "_",
    r" \in ",
    r" \Rightarrow ",
    r" \approx ",
    "|",
    r" \pm ",
    " - ",
)
_WRAPPERS = (
    "[{}]",
    "({})",
    r"\{{{}\}}",
    r"\text{{{}}}",
    r"\frac{{{0}}}{{{0}}}",
    r"\sqrt{{{}}}",
    "|{}|",
    "-({})",
    "{}%",
    r"{}^\circ",
    "{}!",
    "f({})",
    r"\begin{{pmatrix}}{}\end{{pmatrix}}",
    "({0}, {0})",
    r"\text{{the answer is }} {}",
    "x={}",
    "{}=x",
)


class Finding(NamedTuple):
    """A string, and the references that accept it or the exception that it raises."""

    text: str
    references: tuple[str, ...]
    error: str = ""


def mutate(text: str, pool: list[str], rng: random.Random) -> str:
    """Return a variation of a text: tokens removed, doubled, moved or taken from another text, wrapped or joined."""
    kind = rng.randrange(7)
    tokens = _TOKEN.findall(text) or [""]
    at = rng.randrange(len(tokens))
    other = _TOKEN.findall(rng.choice(pool)) or [""]
    if kind == 0:
        del tokens[at : at + rng.choice([1, 1, 2, 4])]
    elif kind == 1:
        tokens[at] = rng.choice(other)
    elif kind == 2:  # noqa: PLR2004 - the number of a kind
        tokens.insert(at, rng.choice(other))
    elif kind == 3:  # noqa: PLR2004
        cut = rng.randrange(len(other))
        tokens = tokens[:at] + other[cut:]
    elif kind == 4:  # noqa: PLR2004
        tokens[at] += tokens[at]
    elif kind == 5:  # noqa: PLR2004
        return rng.choice(_WRAPPERS).format(text)
    else:
        return text + rng.choice(_JOINS) + rng.choice(pool)
    return "".join(tokens)


def find_accepting_references(text: str) -> tuple[list[str], str]:
    """Return the references that accept a text in this process, and the exception that one raises."""
    accepting = []
    for reference in REFERENCES:
        try:
            if decide_equivalence(extract_reference(reference), text, _POLICY).equal:
                accepting.append(reference)
        except Exception as error:  # noqa: BLE001 - an exception is a finding
            return accepting, f"{type(error).__name__}: {error}"
    return accepting, ""


def describe_form(text: str) -> str | None:
    """Return the types of a parsed text, by which new forms are recognized; None if only sympy may read it."""
    try:
        return re.sub(r"[^A-Za-z(]+|=[^(]*?(?=[,)])", " ", re.sub(r"'[^']*'|\d+", "", repr(parse_answer(text))))[:200]
    except (UnsupportedError, LimitError):
        return None


def search(seconds: float, seed: int, verifier: MathVerifier | None = None) -> tuple[int, list[Finding]]:
    """Return the number of texts tried and the findings.

    Args:
        seconds: how long to search.
        seed: the seed of the mutations.
        verifier: judges texts that only sympy reads; None to leave them out.
    """
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    pool = [*KEYS, *REFERENCES]
    forms: set[str] = set()
    seen = set(pool)
    findings: list[Finding] = []
    stop = time.monotonic() + seconds
    count = 0
    while time.monotonic() < stop:
        text = rng.choice(pool)
        for _ in range(rng.choice([1, 1, 2, 3])):
            text = mutate(text, pool, rng)
        if len(text) > _MAX_CHARS or text in seen:
            continue
        seen.add(text)
        count += 1
        form = describe_form(text)
        accepting, error = find_accepting_references(text)
        if form is None and verifier is not None and not error:
            pairs = [(reference, text) for reference in rng.sample(REFERENCES, _SYMPY_REFERENCES)]
            verdicts = verifier.compare(pairs)
            accepting = [pair[0] for pair, verdict in zip(pairs, verdicts, strict=True) if verdict.value == 1.0]
        if len(accepting) >= MIN_REFERENCES or error:
            findings.append(Finding(text, tuple(accepting), error))
        elif accepting or (form and form not in forms):
            pool.append(text)
        forms.add(form or "")
    return count, findings


def print_accepted_keys(data: Path, *, with_sympy: bool) -> None:
    """Print every pair of a reference from data files and a key that this process, and sympy if it shall, accepts."""
    rows = [json.loads(line) for file in sorted(data.glob("*.jsonl")) for line in file.read_text().splitlines()]
    references = list(dict.fromkeys(extract_reference(row["gold"]) for row in rows))
    random.Random(0).shuffle(references)  # noqa: S311 - repeatable, not secret
    references = references[:_NUM_DATA_REFERENCES]
    open_pairs: list[tuple[str, str]] = []
    for key in KEYS:
        decisions = {reference: decide_equivalence(reference, key, _POLICY).equal for reference in references}
        open_pairs += [(reference, key) for reference, equal in decisions.items() if equal is None]
        if accepting := [reference for reference, equal in decisions.items() if equal]:
            print(repr(key), len(accepting), *accepting[:5], sep=" | ")
    print(f"{len(KEYS)} keys, {len(references):,} references, {len(open_pairs):,} pairs left to sympy")
    if with_sympy:
        from open_pairs import judge_open_pairs

        judged = judge_open_pairs(open_pairs)
        for reference, key, reason in judged.accepted:
            print("sympy", repr(key), reference, reason, sep=" | ")
        print(", ".join(f"{count:,} {outcome}" for outcome, count in judged.counts.most_common()))


def main() -> None:
    """Search and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sympy", action="store_true")
    parser.add_argument(
        "--data", type=Path, help="folder of .jsonl files: print the keys that 1,000 of their references accept"
    )
    args = parser.parse_args()
    if args.data:
        print_accepted_keys(args.data, with_sympy=args.sympy)
        return
    with MathVerifier(timeout=2.0, max_workers=1) as verifier:
        count, findings = search(60 * args.minutes, args.seed, verifier if args.sympy else None)
    for finding in findings:
        print(repr(finding.text), finding.error, *finding.references[:4], sep=" | ")
    print(f"{count:,} texts, {len(findings)} findings")


if __name__ == "__main__":
    main()
