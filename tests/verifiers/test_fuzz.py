"""Verifiers on generated text: each gives a verdict in time, raises nothing and does not abstain."""

import random
from time import monotonic, process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.tables import all_tables
from herokit import Sample
from herokit.config.builder import build
from herokit.verifiers.length import count_sentences

SLOW = ("regex", "sql-result")
"""Verifiers that run each sample in a process."""
MAX_SECONDS = 20.0
"""Wall seconds for one sample on a busy machine; `code` may take 5 s for each of two tests."""

TABLES = [
    t for t in all_tables()
    if t.name not in SLOW and not any(c.reply is not None or "scripted" in str(c.settings) for c in t.cases)
]  # fmt: skip
FRAGMENTS = (
    "\\boxed{", "}", "<answer>", "</answer>", "####", "answer:", "is", "```", "```json", "\n", "\n\n", "{", "[", "]", "(", ")", ",",
    ";", ":", "=", "<", ">", "&", "'", '"', "\\", "$", "%", "*", "**", "-", "+", ".", "/", "0", "1", "9", "e", "10^", "true",
    "NaN", "SELECT", "f(a=", "<tool_call>", "</tool_call>", "A", "(A)", "or", "and", "March", "5", "2024", "km", "m/s^2", "#!",
    "\x00", "\u202e", "\ud800", "\udfff", "é", "中", "🙂",
)  # fmt: skip


def texts_near(table):
    """Return a strategy of texts made from a table's completions: cut, joined, mixed with fragments."""
    completions = [case.completion for case in table.cases if len(case.completion) < 2_000]

    def mix(seed):
        r = random.Random(seed)  # noqa: S311 - reproducible, not secret
        parts = [r.choice(completions) if r.random() < 0.5 else r.choice(FRAGMENTS) for _ in range(r.randint(1, 6))]
        text = r.choice(("", " ", "\n")).join(parts)
        cut = r.randint(0, len(text))
        return r.choice((text, text[:cut], text[cut:], text[:cut] + r.choice(FRAGMENTS) * r.randint(1, 9) + text[cut:]))

    return st.integers(0, 2**40).map(mix) | st.text(max_size=80)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_verifier_gives_a_verdict_on_any_text(table):
    usable = [case for case in table.cases if case.expected != "failed" and case.kind in ("correct", "incorrect")]
    verifiers = {}

    @settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(texts_near(table), st.sampled_from(usable))
    def check(text, case):
        key = repr(case.settings)
        verifier = verifiers.setdefault(key, build({"use": table.name, **case.settings}))
        start = monotonic()
        (verdict,) = verifier.verify([Sample("prompt", text, 0, case.reference, case.meta)])
        assert verdict.value is not None, verdict
        assert monotonic() - start < MAX_SECONDS

    check()


def test_count_sentences_takes_linear_time_on_one_long_line():
    times = []
    for count in (20_000, 400_000):
        start = process_time()
        assert count_sentences("so. " * count) == count
        times.append(process_time() - start)
    assert times[1] < 45 * times[0]  # the text is 20 times as long
