"""Whatever a policy writes, a verifier gives a verdict: it neither raises nor abstains, nor takes its time."""

import random
import sys
from pathlib import Path
from time import monotonic, process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from tables import all_tables

from herokit import Sample
from herokit.config.builder import build
from herokit.verifiers.length import count_sentences

PROCESSES = ("regex", "sql")
TABLES = [
    t for t in all_tables()
    if t.name not in PROCESSES and not any(c.reply is not None or "says" in str(c.settings) for c in t.cases)
]  # fmt: skip
SCRAPS = (
    "\\boxed{", "}", "<answer>", "</answer>", "####", "answer:", "is", "```", "```json", "\n", "\n\n", "{", "[", "]", "(", ")", ",",
    ";", ":", "=", "<", ">", "&", "'", '"', "\\", "$", "%", "*", "**", "-", "+", ".", "/", "0", "1", "9", "e", "10^", "true",
    "NaN", "SELECT", "f(a=", "<tool_call>", "</tool_call>", "A", "(A)", "or", "and", "March", "5", "2024", "km", "m/s^2", "#!",
    "\x00", "\u202e", "\ud800", "\udfff", "é", "中", "🙂",
)  # fmt: skip


def made(table):
    """Completions near those of the table: cut, joined, scattered."""
    texts = [case.completion for case in table.cases if len(case.completion) < 2_000]

    def mix(seed):
        r = random.Random(seed)  # noqa: S311 - a seeded one is wanted
        parts = [r.choice(texts) if r.random() < 0.5 else r.choice(SCRAPS) for _ in range(r.randint(1, 6))]
        text = r.choice(("", " ", "\n")).join(parts)
        at = r.randint(0, len(text))
        return r.choice((text, text[:at], text[at:], text[:at] + r.choice(SCRAPS) * r.randint(1, 9) + text[at:]))

    return st.integers(0, 2**40).map(mix) | st.text(max_size=80)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_any_text_gets_a_verdict(table):
    usable = [case for case in table.cases if case.expected != "failed" and case.kind in ("correct", "incorrect")]
    verifiers = {}

    @settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(made(table), st.sampled_from(usable))
    def check(text, case):
        key = repr(case.settings)
        verifier = verifiers.setdefault(key, build({"use": table.name, **case.settings}))
        begun = monotonic()
        (verdict,) = verifier.verify([Sample("prompt", text, 0, case.reference, case.meta)])
        assert verdict.value is not None, verdict
        assert monotonic() - begun < 10.0

    check()


def test_sentences_of_one_long_line_are_counted_in_linear_time():
    times = []
    for count in (20_000, 400_000):
        begun = process_time()
        assert count_sentences("so. " * count) == count
        times.append(process_time() - begun)
    assert times[1] < 45 * times[0]  # twenty times the text
