"""The report's page in a real browser: what it does, how fast it opens and filters, and that no hostile text runs.

Needs chromium with its driver, and selenium (pip install selenium); it says so and stops where there are none. The page has
20,000 rollouts, some of which attack it. Times are of this machine, and include drawing.

    python benchmarks/report_page.py [--screenshots FOLDER]
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from herokit.report import write_report

GROUPS, EACH = 2_500, 8
THRESHOLD = 1.5
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1300,1000"
)
RUN = "document.title='attacked'"
ATTACKS = [
    f"</script><script>{RUN}</script>",
    f"<img src=x onerror={RUN}><svg onload={RUN}>",
    f"<!-- <script>{RUN}",
    f"<math><mtext><mglyph><style><img src=x onerror={RUN}></style></mglyph></mtext></math>",
    f'" autofocus onfocus={RUN} x="',
    f"<a href=javascript:{RUN}>x</a> $\\href{{javascript:{RUN}}}{{x}}$",
    "\u202eright to left\u202c \u0000 \x1b[2J \u2028",
    "x" * 200_000,
]


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


class Browser:
    """Chromium without a window."""

    def __init__(self, screenshots: Path | None, flags: str = FLAGS) -> None:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        for flag in flags.split():
            options.add_argument(flag)
        options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_script_timeout(60)
        self._screenshots = screenshots

    def run(self, script: str) -> Any:
        """Return what a script returns."""
        return self.driver.execute_script(script)

    def wait(self, condition: str, seconds: float = 30) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({condition})"):
            if time.monotonic() > end:
                raise AssertionError(f"not true after {seconds:g} s: {condition}")
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """Press a key."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(key).perform()

    def take(self, name: str) -> None:
        """Take a screenshot, if they are wanted."""
        if self._screenshots:
            self.driver.save_screenshot(str(self._screenshots / f"{name}.png"))

    def messages(self) -> list[str]:
        """Return what the console says."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


CHOOSE = """
const start = performance.now(); const select = document.getElementById("preset"); select.value = %s;
select.dispatchEvent(new Event("change")); document.body.offsetHeight; return performance.now() - start"""
SORT = """
const start = performance.now(), done = arguments[0], head = document.querySelectorAll("#table-rollouts thead th")[5];
new MutationObserver(() => { document.body.offsetHeight; done(performance.now() - start); }).observe(head, { attributes: true });
head.click()"""
TYPE = "const s = document.getElementById('search'); s.value = %s; s.dispatchEvent(new Event('input'))"
SHOWN = "document.querySelector('#panel-%s .dt-info').textContent"


def check_tables(browser: Browser) -> None:
    """Filter, sort and search."""
    browser.run("location.hash = '#rollouts'")
    browser.wait("!document.getElementById('panel-rollouts').hidden")
    for preset in ("preferred", "unparsed", "silent", "suspect", "largest |advantage|", "longest", ""):
        times = [browser.run(CHOOSE % json.dumps(preset)) for _ in range(3)]
        count = browser.run(f"return {SHOWN % 'rollouts'}")
        print(f"  show {preset or 'all'!s:22} {min(times):5.0f} ms (first {times[0]:.0f})  {count}")
    times = [browser.driver.execute_async_script(SORT) for _ in range(3)]
    print(f"  sort by the score           {min(times):5.0f} ms (first {times[0]:.0f})")
    for text in ("apples twelve", "right to left"):
        start = time.monotonic()
        browser.run(TYPE % json.dumps(text))
        browser.wait("document.getElementById('meaning').textContent.includes('rollouts of')")
        time.sleep(0.5)
        count = browser.run("return document.getElementById('meaning').textContent")
        print(f"  search {text!r}: {count} ({1000 * (time.monotonic() - start - 0.5):.0f} ms with the wait for typing)")
    browser.take("search")
    browser.run(TYPE % "''")
    browser.wait("document.getElementById('meaning').textContent === ''")


def check_column_filter(browser: Browser, path: Path) -> None:
    """Filter a column by a condition, and compare the count with that of the file."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    find = browser.driver.find_element
    find(By.CSS_SELECTOR, "#panel-rollouts .dtsb-add").click()
    browser.wait("document.querySelector('#panel-rollouts .dtsb-data')")
    Select(find(By.CSS_SELECTOR, "#panel-rollouts .dtsb-data")).select_by_visible_text("rm")
    browser.wait("document.querySelector('#panel-rollouts .dtsb-condition option[value=\">\"]')")
    Select(find(By.CSS_SELECTOR, "#panel-rollouts .dtsb-condition")).select_by_value(">")
    browser.wait("document.querySelector('#panel-rollouts .dtsb-value')")
    find(By.CSS_SELECTOR, "#panel-rollouts .dtsb-value").send_keys("1.5")
    count = sum(json.loads(line)["rm"] > THRESHOLD for line in path.read_text().splitlines())
    browser.wait(f"{SHOWN % 'rollouts'}.includes('of {count:,} entries')")
    browser.take("filter")
    find(By.CSS_SELECTOR, "#panel-rollouts .dtsb-delete").click()
    print(f"  filter rm > {THRESHOLD}: {count:,} rollouts, as in the file")


def check_group(browser: Browser) -> None:
    """Open a group, walk with the keyboard, compare two rollouts, go back."""
    start = time.monotonic()
    browser.run("document.querySelector('#table-rollouts tbody a').click()")
    browser.wait("document.querySelectorAll('article.rollout').length === 8")
    print(f"  open a group {1000 * (time.monotonic() - start):.0f} ms")
    first = browser.run("return location.hash")
    browser.press("j")
    browser.wait(f"location.hash !== {json.dumps(first)} && document.querySelectorAll('article.rollout').length === 8")
    browser.press("n")
    browser.press("n")
    browser.wait(
        "document.activeElement.matches('article.rollout') && document.activeElement.textContent.includes('#2 of')"
    )
    browser.press("d")
    browser.wait("document.querySelector('#difference ins')")
    browser.take("difference")
    browser.driver.back()
    browser.wait(f"location.hash === {json.dumps(first)}")
    from selenium.webdriver.common.keys import Keys

    browser.press(Keys.ESCAPE)
    browser.wait("!document.getElementById('overview').hidden")
    browser.press("/")
    browser.wait("document.activeElement.id === 'search'")


def check_attacks(browser: Browser, address: str) -> None:
    """Open every group that attacks by its link; nothing runs, and the texts are there as texts."""
    keys = browser.run("return JSON.parse(document.getElementById('tables-data').textContent).groups.key")
    for number in range(len(ATTACKS)):
        browser.driver.get("about:blank")
        browser.driver.get(
            f"{address}#{browser.run(f'return new URLSearchParams({{group: {json.dumps(keys[number])}}}).toString()')}"
        )
        browser.wait("document.querySelectorAll('article.rollout').length === 8")
        shown = browser.run("return document.getElementById('group').textContent")
        for attack in ATTACKS[:6]:
            if "$" not in attack and attack not in shown:
                raise AssertionError(f"not shown as text: {attack}")
        elements = "img, svg, script, iframe, object, style, [onerror], [onload], [onfocus], a[href^=javascript]"
        count = browser.run(
            f"return document.querySelectorAll('#group').length && document.getElementById('group').querySelectorAll('{elements}').length"
        )
        wide = browser.run("return document.documentElement.scrollWidth - innerWidth")
        if count or wide > 1 or browser.run("return document.title") == "attacked":
            raise AssertionError(f"group {number}: {count} elements of a model, {wide} pixels too wide")
    browser.take("attack")
    print(f"  {len(ATTACKS)} groups of attacks: nothing ran, all shown as text")


def check_sizes(make: Callable[[str], Browser], address: str) -> None:
    """Look at the page when it is narrow, and dark."""
    for name, flags in (("narrow", FLAGS.replace("1300,1000", "500,900")), ("dark", f"{FLAGS} --force-dark-mode")):
        browser = make(flags)
        try:
            browser.driver.execute_cdp_cmd(
                "Emulation.setEmulatedMedia",
                {"features": [{"name": "prefers-color-scheme", "value": "dark" if name == "dark" else "light"}]},
            )
            browser.driver.get(f"{address}#rollouts")
            browser.wait("document.querySelector('#table-rollouts tbody a')")
            browser.take(name)
            browser.run("document.querySelector('#table-rollouts tbody a').click()")
            browser.wait("document.querySelectorAll('article.rollout').length === 8")
            wide = browser.run("return document.documentElement.scrollWidth - innerWidth")
            browser.take(f"{name}-group")
            print(f"  {name}: {max(0, wide)} pixels too wide; console {browser.messages() or 'empty'}")
        finally:
            browser.driver.quit()


def main() -> int:
    """Write a page of 20,000 rollouts and use it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screenshots", type=Path)
    folder = parser.parse_args().screenshots
    try:
        import selenium  # noqa: F401
    except ModuleNotFoundError:
        print("no selenium: pip install selenium; nothing was checked")
        return 1
    if not (shutil.which("chromium") or shutil.which("google-chrome")) or not shutil.which("chromedriver"):
        print("no chromium or no chromedriver; nothing was checked")
        return 1
    rng = np.random.default_rng(0)
    with TemporaryDirectory() as name:
        path, page = Path(name) / "scored.jsonl", Path(name) / "report.html"
        with path.open("w") as file:
            for group in range(GROUPS):
                file.writelines(json.dumps(make_row(group, i, rng)) + "\n" for i in range(EACH))
        start = time.monotonic()
        write_report(str(path), page)
        print(
            f"{GROUPS * EACH:,} rollouts: written in {time.monotonic() - start:.1f} s, {page.stat().st_size / 1e6:.1f} MB"
        )
        browser = Browser(folder)
        try:
            start = time.monotonic()
            browser.driver.get(page.as_uri())
            browser.wait("document.querySelector('#table-groups tbody a')")
            events = browser.run("return performance.getEntriesByType('navigation')[0].loadEventEnd")
            print(f"  open {time.monotonic() - start:.2f} s ({events / 1000:.2f} s by the browser's own clock)")
            browser.take("open")
            check_tables(browser)
            check_column_filter(browser, path)
            check_group(browser)
            check_attacks(browser, page.as_uri())
            messages = browser.messages()
            print(f"  console: {messages or 'empty'}")
        finally:
            browser.driver.quit()
        check_sizes(lambda flags: Browser(folder, flags), page.as_uri())
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
