"""Compare `herokit.verifiers.IFEval` with a public implementation of IFEval on generated prompts and responses.

``python benchmarks/ifeval.py --peer PYTHON [--each 400]`` where PYTHON is an interpreter of an environment of its own
with ``if-verifiable`` (0.1.2, Google's checks as a package) and the data set ``punkt_tab`` of nltk. Each of the 25
instructions is asked, with arguments drawn near what holds, about generated responses; both give strict and loose
verdicts. It prints the agreement of each instruction and the shortest response on which they differ, each way.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections import defaultdict
from typing import Any

SEED = 7
SENTENCES = (
    "The committee will meet on Tuesday.", "Dr. Smith paid 3.5 dollars, e.g. for tea.", "Why not?", "He left! She stayed...",
    '"It is late," said Ada.', "Mr. J. Doe of the U.S. came at 5 p.m. yesterday.", "It costs $4.50; that is all.",
    "NASA and ESA SENT A-ONE PROBES.", "I DON'T KNOW.", "a small cat sat on the mat", "C++ and a.b are names",
    "Der Ausschuss trifft sich am Dienstag.", "La commission se réunit mardi prochain.", "Комитет соберётся во вторник.",
    "委员会将于星期二开会。", "La comisión se reunirá el martes.", "समिति मंगलवार को मिलेगी।", "categories of cats",
)  # fmt: skip
PIECES = (
    "* one\n* two", "- one\n- two\n- three", "1. one\n2. two", "---", "**bold** words", "*light* words", "** ** and * *",
    "+ plus", "[name] and [place]", "[open\nclosed]", "[[double]]", "<<a title>>", "<< >>", "<<open", '{"a": 1}', '{"a": NaN}',
    '```json\n{"a": [1]}\n```', "SECTION 1\ntext\nSECTION 2\ntext", "Section 1", "P.S. one more", "p. s. two", "P.P.S three",
    "PS: none", "***", "******", "My answer is yes.", "my answer is no", "Any questions?", 'Is there anything else?"', "", "'Then' it began",
)  # fmt: skip
WORDS = ("cat", "committee", "Tuesday", "a.b", "c++", "tea", "one", "mat")
RELATIONS = ("at least", "less than")
NO_ARGUMENTS = (
    "detectable_format:constrained_response", "detectable_format:json_format", "detectable_format:title",
    "combination:two_responses", "change_case:english_capital", "change_case:english_lowercase", "punctuation:no_comma",
    "startend:quotation",
)  # fmt: skip

PEER = """
import json, sys, langdetect
from if_verifiable.common import evaluate_instructions
from if_verifiable.ifeval.instructions_registry import INSTRUCTION_DICT
langdetect.DetectorFactory.seed = 0
for line in sys.stdin:
    name, given, text = json.loads(line)
    try:
        found, _ = evaluate_instructions(text, [name], [given], "prompt", INSTRUCTION_DICT)
        print(json.dumps([found[0].strict_pass, found[0].loose_pass] if found else [False, False]))
    except Exception as error:
        print(json.dumps([f"{type(error).__name__}: {error}"[:80]] * 2))
"""


def response(r: random.Random) -> str:
    """Make a response of a few pieces, stripped, as the peer strips it."""
    kinds = r.choices((SENTENCES, PIECES), (3, 2), k=r.randint(1, 6))
    text = "".join(r.choice(kind) + r.choice((" ", "\n", "\n\n", "\n***\n")) for kind in kinds).strip()
    change = r.choice(("upper", "lower", "quote", *[""] * 7))
    return {"upper": text.upper(), "lower": text.lower(), "quote": f'"{text}"'}.get(change, text)


def arguments(r: random.Random, name: str, text: str) -> dict[str, Any]:
    """Draw arguments that a response may or may not satisfy."""
    few, relation = r.randint(1, 4), r.choice(RELATIONS)
    words, paragraphs = text.split(), text.count("\n\n") + r.randint(0, 1) or 1
    return {
        "keywords:existence": lambda: {"keywords": r.sample(WORDS, 2)},
        "keywords:frequency": lambda: {"keyword": r.choice(WORDS), "frequency": few, "relation": relation},
        "keywords:forbidden_words": lambda: {"forbidden_words": r.sample(WORDS, 2)},
        "keywords:letter_frequency": lambda: {"letter": r.choice("aeq"), "let_frequency": few, "let_relation": relation},
        "language:response_language": lambda: {"language": r.choice(("en", "de", "fr", "ru", "es", "hi"))},
        "length_constraints:number_sentences": lambda: {"num_sentences": few, "relation": relation},
        "length_constraints:number_paragraphs": lambda: {"num_paragraphs": few},
        "length_constraints:number_words": lambda: {"num_words": max(1, len(words) + r.randint(-2, 3)), "relation": relation},
        "length_constraints:nth_paragraph_first_word": lambda: {
            "num_paragraphs": paragraphs, "nth_paragraph": r.randint(1, paragraphs),
            "first_word": r.choice((*words[:1], "then", "the")).lower(),
        },
        "detectable_content:number_placeholders": lambda: {"num_placeholders": few},
        "detectable_content:postscript": lambda: {"postscript_marker": r.choice(("P.S.", "P.P.S"))},
        "detectable_format:number_bullet_lists": lambda: {"num_bullets": few},
        "detectable_format:number_highlighted_sections": lambda: {"num_highlights": few},
        "detectable_format:multiple_sections": lambda: {"section_spliter": r.choice(("SECTION", "Section")), "num_sections": few},
        "combination:repeat_prompt": lambda: {"prompt_to_repeat": r.choice((text[: r.randint(1, 20)], "Write."))},
        "startend:end_checker": lambda: {"end_phrase": r.choice(("Any questions?", text[-5:].strip() or "x"))},
        "change_case:capital_word_frequency": lambda: {"capital_frequency": few, "capital_relation": relation},
    }.get(name, dict)()  # fmt: skip


def ours(asked: list[tuple[str, dict[str, Any], str]]) -> list[list[bool]]:
    """Ask herokit."""
    from herokit.types import Sample
    from herokit.verifiers import IFEval

    samples = [
        Sample("prompt", text, 0, None, {"instruction_id_list": [name], "kwargs": [given]})
        for name, given, text in asked
    ]
    strict, loose = (IFEval(strict=strict).verify(samples) for strict in (True, False))
    return [[one.value == 1.0, other.value == 1.0] for one, other in zip(strict, loose, strict=True)]


def theirs(peer: str, asked: list[tuple[str, dict[str, Any], str]]) -> list[list[Any]]:
    """Ask the public implementation in its own environment."""
    lines = "".join(json.dumps(one) + "\n" for one in asked)
    done = subprocess.run([peer, "-c", PEER], input=lines, capture_output=True, text=True, check=False)  # noqa: S603 - the reader's own interpreter
    if done.returncode:
        raise SystemExit(f"{peer}: {done.stderr[-500:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def main() -> None:
    """Compare, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, help="an interpreter with if-verifiable")
    parser.add_argument("--each", type=int, default=400, help="responses for each instruction")
    options = parser.parse_args()
    from herokit.verifiers.instructions.registry import CONSTRAINTS

    r = random.Random(SEED)  # noqa: S311 - a seeded one is wanted
    asked = []
    for name in sorted(CONSTRAINTS):
        for _ in range(options.each):
            text = response(r)
            asked.append((name, arguments(r, name, text), text))
    begun = time.process_time()
    mine = ours(asked)
    spent = time.process_time() - begun
    other = theirs(options.peer, asked)
    assert len(mine) == len(other) == len(asked)
    same: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    differing: dict[tuple[str, str], list[tuple[str, Any]]] = defaultdict(list)
    for (name, given, text), here, there in zip(asked, mine, other, strict=True):
        same[name][2] += here[0]
        for at in (0, 1):
            same[name][at] += here[at] is there[at]
        at = next((at for at in (0, 1) if here[at] is not there[at]), None)
        if at is not None:
            who = there[at] if isinstance(there[at], str) else "herokit accepts" if here[at] else "IFEval accepts"
            differing[name, f"{who} {('strictly', 'loosely only')[at]}"].append((text, given))
    print(f"{len(asked):,} prompts and responses; herokit took {1e6 * spent / len(asked) / 2:.0f} us a verdict")
    print(f"\n{'instruction':48} {'followed':>8} {'strict':>8} {'loose':>8}")
    for name, (strict, loose, followed) in sorted(same.items()):
        print(f"{name:48} {followed / options.each:8.1%} {strict / options.each:8.2%} {loose / options.each:8.2%}")
    total = [sum(row[at] for row in same.values()) / len(asked) for at in (0, 1)]
    print(f"{'all':48} {'':8} {total[0]:8.2%} {total[1]:8.2%}")
    for (name, kind), rows in sorted(differing.items()):
        text, given = min(rows, key=lambda row: len(row[0]))
        print(f"\n{name}: {kind}, {len(rows)} times, e.g. {given}\n  {text[:200]!r}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
