"""How fast the report's page opens, filters, sorts and searches with 20,000 rollouts, in a real browser.

Needs chromium or chrome; it says so and stops where there is none. Some rollouts attack the page: its console stays empty. Times are
of this machine, and include drawing. What the page does is tested in tests/report/test_browser.py.

    python benchmarks/report_page.py [--screenshots FOLDER] [--limits]

With --limits it fails if the page takes 3 s to open, or 200 ms to filter.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.browser import Browser, find_browser
from helpers.scored_rows import ATTACKS
from herokit.report import write_report

GROUPS, EACH = 2_500, 8
MAX_OPEN_S, MAX_FILTER_MS = 3.0, 200.0
PRESETS = ("preferred", "unparsed", "silent", "suspect", "largest |advantage|", "longest", "")


def make_row(group: int, i: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return a scored rollout."""
    correct = float(rng.integers(2))
    attack = ATTACKS[(group + i) % len(ATTACKS)] if group < len(ATTACKS) else ""
    words = " ".join(rng.choice(["apples", "cost", "so", "then", "twelve", "each", "$\\frac{1}{2}$"], 80))
    return {
        "prompt": f"How many? {group}", "response": f"{attack} {words} #### {i}", "reference": "1",
        "prompt_id": f"g{group}{ATTACKS[group][:40] if group < len(ATTACKS) else ''}", "label": int(correct),
        "verifier": correct, "verifier_status": "unparsed" if i == 0 else "judged", "verifier_reason": attack or "equal",
        "verifier_answer": attack or str(i), "verifier_origin": "last line",
        "rm": correct + rng.normal(), "rm_status": "judged", "rm_reason": "",
        "reward": correct, "advantage": (correct - 0.5) * (group % 5 > 0), "weight": 1.0, "kept": True,
    }  # fmt: skip


CHOOSE = """(() => { const start = performance.now(), select = document.getElementById("preset"); select.value = %s;
select.dispatchEvent(new Event("change")); document.body.offsetHeight; return performance.now() - start; })()"""
SORT = """new Promise((done) => { const start = performance.now(), head = document.querySelectorAll("#table-rollouts thead th")[5];
new MutationObserver(() => { document.body.offsetHeight; done(performance.now() - start); }).observe(head, { attributes: true });
head.click(); })"""
TYPE = "(document.getElementById('search').value = %s, document.getElementById('search').dispatchEvent(new Event('input')))"
PICK = """(() => { const mark = document.querySelector("#chart-%d [tabindex]"), start = performance.now();
mark.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true })); document.body.offsetHeight;
return performance.now() - start; })()"""
INFO = "document.querySelector('#panel-rollouts .dt-info').textContent"


def measure_filters(browser: Browser) -> float:
    """Filter, sort and search; return the milliseconds of the slowest filter, each the best of three."""
    browser.run("location.hash = '#rollouts'")
    browser.wait("!document.getElementById('panel-rollouts').hidden")
    slowest = 0.0
    for preset in PRESETS:
        times = [browser.run(CHOOSE % json.dumps(preset)) for _ in range(3)]
        print(f"  show {preset or 'all':22} {min(times):5.0f} ms (first {times[0]:.0f})  {browser.run(INFO)}")
        slowest = max(slowest, min(times))
    browser.wait("document.querySelectorAll('#charts svg').length === 8")
    for number in range(8):
        times = [browser.run(PICK % number) for _ in range(3)]
        found = browser.run("document.getElementById('meaning').textContent")
        print(f"  a mark of chart {number}           {min(times):5.0f} ms (first {times[0]:.0f})  {found}")
        slowest = max(slowest, min(times))
    browser.run("document.getElementById('clear-selection').click()")
    times = [browser.run(SORT) for _ in range(3)]
    print(f"  sort by the score           {min(times):5.0f} ms (first {times[0]:.0f})")
    for text in ("apples twelve", "\u202etxt"):
        start = time.monotonic()
        browser.run(TYPE % json.dumps(text))
        browser.wait("document.getElementById('meaning').textContent.includes(' of ')")
        found = browser.run("document.getElementById('meaning').textContent")
        print(f"  search {text!a}: {found} ({1000 * (time.monotonic() - start):.0f} ms, 120 of them a wait for typing)")
        browser.run(TYPE % "''")
        browser.wait("document.getElementById('meaning').textContent === ''")
    return slowest


def measure(browser: Browser, page: Path, screenshots: Path | None) -> tuple[float, float]:
    """Return how long the page takes to open, and to filter."""
    browser.show()
    browser.call("Performance.enable", timeDomain="threadTicks")
    start = time.monotonic()
    browser.open(page.as_uri())
    browser.wait("document.querySelector('#table-groups tbody a')")
    opened = time.monotonic() - start
    metrics = {metric["name"]: metric["value"] for metric in browser.call("Performance.getMetrics")["metrics"]}
    print(f"  open {opened:.2f} s, of which {metrics['TaskDuration']:.2f} s are processor time of the page's thread")
    filtered = measure_filters(browser)
    start = time.monotonic()
    browser.run("document.querySelector('#table-rollouts tbody a').click()")
    browser.wait("document.querySelectorAll('#group article.rollout').length === 8")
    print(f"  open a group {1000 * (time.monotonic() - start):.0f} ms")
    if screenshots:
        browser.take(screenshots / "group.png")
    return opened, filtered


def main() -> int:
    """Write a page of 20,000 rollouts and use it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument("--limits", action="store_true")
    options = parser.parse_args()
    program = find_browser()
    if program is None:
        print("no chromium or chrome; nothing was measured")
        return 1
    rng = np.random.default_rng(0)
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        path, page = Path(name) / "scored.jsonl", Path(name) / "report.html"
        with path.open("w") as file:
            for group in range(GROUPS):
                file.writelines(json.dumps(make_row(group, i, rng)) + "\n" for i in range(EACH))
        start = time.monotonic()
        write_report(str(path), page)
        size = f"{page.stat().st_size / 1e6:.1f} MB"
        print(f"{GROUPS * EACH:,} rollouts: written in {time.monotonic() - start:.1f} s, {size}")
        browser = Browser(program, Path(name) / "profile")
        try:
            opened, filtered = measure(browser, page, options.screenshots)
        finally:
            browser.close()
    print(f"  console: {browser.messages or 'empty'}")
    too_slow = options.limits and (opened > MAX_OPEN_S or filtered > MAX_FILTER_MS)
    return 1 if browser.messages or too_slow else 0


if __name__ == "__main__":
    sys.exit(main())
