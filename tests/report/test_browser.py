"""The page in a real browser, driven by keys and mouse."""

import pytest

from helpers.browser import Browser, find_browser
from helpers.scored_rows import ATTACKS, make_attacked_rows, make_rows, write_rows
from herokit.report import write_report

pytestmark = pytest.mark.xdist_group("browser")  # every test process would start a browser of its own

THINKING = "<think>Six sevens\nare 42.</think>The answer is 42."
LINKS = "[...document.querySelectorAll('#panel-{} tbody tr')].map((row) => row.querySelector('a').textContent)"
GROUPS, ROLLOUTS = LINKS.format("groups"), LINKS.format("rollouts")
ARTICLES = "document.querySelectorAll('#group article.rollout').length"
FOCUS = "document.activeElement"
INFO = "document.querySelector('#panel-{} .dt-info').textContent"
MEANING = "document.getElementById('meaning').textContent"


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    program = find_browser()
    if program is None:
        pytest.skip("no chromium or chrome on this machine")
    browser = Browser(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    rows = make_rows(30)
    rows[5] |= {"verifier": 0.0, "verifier_status": "unparsed", "verifier_reason": "no number", "verifier_answer": None}
    rows[6]["response"] = THINKING
    rows[4]["response"] = ""
    rows[7]["reward"] = 1.2345678  # the largest, which is rounded up in the table
    for row in rows[8:12]:
        row["advantage"] = 0.0
    # the reward model has the name of another value of the page
    rows = [{name.replace("rm", "length"): value for name, value in row.items()} for row in rows]
    folder = tmp_path_factory.mktemp("page")
    return write_report(write_rows(folder, rows), folder / "report.html").as_uri()


@pytest.fixture
def browser(process):
    """The browser; whatever a test does, the console stays empty and the page asks for nothing."""
    process.show()
    yield process
    messages, requests = process.messages[:], {address.split("#")[0] for address in process.requests}
    process.messages.clear()
    process.requests.clear()
    assert messages == []
    assert len(requests - {"about:blank"}) <= 1


def open_page(browser, address, ready="document.querySelector('#table-groups tbody a')"):
    browser.open(address)
    browser.wait(ready)


def choose(browser, element, value):
    browser.run(f"(({element}).value = {value!r}, ({element}).dispatchEvent(new Event('change')))")


def test_browser_hears_the_console_and_requests(process):
    process.open("about:blank")
    process.run("console.warn('heard', 1)")
    process.run("setTimeout(() => missing()) && fetch('file:///nothing').catch(() => 0)")
    process.run("new Promise((done) => setTimeout(done, 50))")
    heard = " ".join(process.messages)
    assert "heard 1" in heard
    assert "missing is not defined" in heard
    assert "file:///nothing" in process.requests
    process.messages.clear()
    process.requests.clear()


def test_tables_filter_by_choice_search_and_column(browser, address):
    open_page(browser, address)
    choose(browser, "document.getElementById('preset')", "unparsed")
    browser.wait(f"{MEANING}.startsWith('1 rollout of 1 group: a verifier reads no answer')")
    assert browser.run(ROLLOUTS) == ["6"]
    choose(browser, "document.getElementById('preset')", "")
    browser.click("document.getElementById('search')")
    browser.type("sevens 42")
    browser.wait(f"{MEANING} === '1 rollout of 1 group'")
    assert browser.run(ROLLOUTS) == ["7"]
    browser.run("document.getElementById('search').select()")
    browser.type(" ")
    browser.wait(f"{INFO.format('rollouts')}.includes('of 120 entries')")
    browser.click("document.querySelector('#panel-rollouts .dtsb-add')")
    for part, value in (("data", "status"), ("condition", "="), ("value", "unparsed")):
        select = f"document.querySelector('#panel-rollouts select.dtsb-{part}')"
        browser.wait(select)
        option = f"[...{select}.options].find((option) => [option.value, option.text].includes({value!r}))"
        browser.run(f"(({option}).selected = true, {select}.dispatchEvent(new Event('change', {{ bubbles: true }})))")
    browser.wait(f"{INFO.format('rollouts')}.includes('of 1 entry')")
    assert browser.run(ROLLOUTS) == ["6"]


def test_choices_show_the_table_and_the_order_that_answer(browser, address):
    open_page(browser, address)
    scores = "[...document.querySelectorAll('#panel-rollouts tbody tr')].map((row) => Number(row.cells[5].textContent))"
    choose(browser, "document.getElementById('preset')", "suspect")
    browser.wait(f"{ROLLOUTS}.length")
    assert browser.run(scores) == sorted(browser.run(scores), reverse=True)
    browser.click("document.querySelector('#panel-rollouts thead th')")
    browser.wait(f"{ROLLOUTS}[0] < {ROLLOUTS}[1]")
    browser.click("document.getElementById('search')")
    browser.type("what")
    browser.wait(f"{MEANING}.includes('a possible hack')")
    browser.run("new Promise((done) => setTimeout(done, 200))")
    rows = [int(row) for row in browser.run(ROLLOUTS)]
    assert rows == sorted(rows)  # a search leaves the reader's order
    choose(browser, "document.getElementById('preset')", "silent")
    browser.wait("!document.getElementById('panel-groups').hidden")
    assert browser.run(GROUPS) == ["2"]


def test_tables_sort_by_a_head(browser, address):
    open_page(browser, address)
    head = (
        "[...document.querySelectorAll('#table-groups thead th')].find((th) => th.textContent.includes('|advantage|'))"
    )
    browser.click(head)
    browser.wait(f"{GROUPS}[0] === '2'")  # the silent one
    browser.click(head)
    browser.wait(f"{GROUPS}[0] !== '2'")
    browser.click("document.getElementById('tab-rollouts')")
    for first in ("1", "120"):
        browser.click("document.querySelector('#table-rollouts thead th')")
        browser.wait(f"{ROLLOUTS}[0] === '{first}'")
    assert browser.run(ROLLOUTS)[:3] == ["120", "119", "118"]


def test_group_opens_by_click_and_link_and_closes_by_back(browser, address):
    open_page(browser, address)
    browser.click("document.querySelectorAll('#table-groups tbody a')[1]")
    browser.wait(f"{ARTICLES} === 4")
    assert browser.run("location.hash") == "#group=1"
    text = browser.run("document.getElementById('group').innerText")
    assert "unparsed: it gives no answer; no number" in text
    assert "an empty text" in text
    assert "Six sevens" not in text  # folded
    browser.click("document.querySelector('#group details.thinking summary')")
    assert "Six sevens" in browser.run("document.getElementById('group').innerText")
    browser.run("history.back()")
    browser.wait("!document.getElementById('overview').hidden")
    assert browser.run(ARTICLES) == 0
    open_page(browser, f"{address}#group=none", f"{MEANING} === 'There is no group none on this page.'")
    open_page(browser, f"{address}#group=2&row=11", f"{ARTICLES} === 4")
    browser.wait(f"{FOCUS}.textContent.includes('#3 of 4')")
    assert "no signal: every advantage is 0" in browser.run("document.getElementById('group').innerText")


def test_difference_of_two_rollouts(browser, address):
    open_page(browser, f"{address}#group=0", f"{ARTICLES} === 4")
    browser.click("[...document.querySelectorAll('#rollout-0 button')].at(-1)")
    browser.wait("document.querySelector('#difference ins')")
    changes = "['del', 'ins'].map((tag) => document.querySelector(`#difference .text ${tag}`).textContent)"
    assert browser.run(changes) == ["0", "1"]
    choose(browser, "document.querySelectorAll('#difference select')[1]", "3")
    assert browser.run(changes) == ["0", "3"]
    browser.click("document.querySelector('#difference button')")
    assert browser.run("document.getElementById('difference').childElementCount") == 0


def test_page_is_used_with_the_keyboard_alone(browser, address):
    open_page(browser, address)
    browser.press("/")
    assert browser.run(f"{FOCUS}.id") == "search"
    browser.type("sevens")
    browser.wait(f"{MEANING} === '1 rollout of 1 group'")
    open_page(browser, f"{address}#group=0", f"{ARTICLES} === 4")
    browser.press("j")
    browser.wait("location.hash === '#group=1'")
    browser.wait("document.getElementById('group').textContent.includes('Group 1')")
    browser.press("n", "n")
    assert "#2 of 4" in browser.run(f"{FOCUS}.textContent")
    browser.press("p")
    assert "#1 of 4" in browser.run(f"{FOCUS}.textContent")
    browser.press("d")
    browser.wait("document.querySelector('#difference ins')")
    browser.press("k")
    browser.wait("location.hash === '#group=0'")
    browser.press("Escape")
    browser.wait("!document.getElementById('overview').hidden")


CHARTS_READY = "document.querySelectorAll('#charts svg').length === 8"
SELECT_EACH = """[...document.querySelectorAll('#charts .chart')].map((chart, place) => [...chart.querySelectorAll('[tabindex]')].filter((_, i) => place < 5 || i % 6 === 0).map((mark) => {
  mark.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
  return [mark.__data__.datum, document.getElementById('meaning').textContent.match(/^(\\d+) rollouts? of (\\d+) groups?/).slice(1).map(Number)];
}))"""


def test_every_mark_of_a_chart_selects_what_it_counts(browser, address):
    open_page(browser, address, CHARTS_READY)
    charts = browser.run(SELECT_EACH)
    for chart in charts[:2]:  # scores, rewards
        assert [count for _, (count, _) in chart] == [datum["rollouts"] for datum, _ in chart]
        assert sum(count for _, (count, _) in chart) == 120
    for chart in charts[2:4]:  # group composition, size of advantages
        assert [count for _, (_, count) in chart] == [datum["groups"] for datum, _ in chart]
        assert sum(count for _, (_, count) in chart) == 30
    assert [count for _, (count, _) in charts[4]] == [datum["rollouts"] for datum, _ in charts[4]]  # length
    assert sum(count for _, (count, _) in charts[4]) == 120
    assert {count for _, (_, count) in charts[5]} == {1}  # of the points, some
    for datum, (count, _) in charts[6] + charts[7]:
        assert count == datum["end"] - datum["start"] + 1


def test_charts_select_by_click_drag_and_keys(browser, address):
    open_page(browser, address, CHARTS_READY)
    bar = "document.querySelector('#chart-2 [aria-roledescription=bar]')"
    count = browser.run(f"{bar}.__data__.datum.groups")
    browser.click(bar)
    browser.wait(f"{MEANING}.includes(' of {count} groups: correct rollouts')")
    browser.click("document.getElementById('clear-selection')")
    assert browser.run(MEANING) == ""
    for chart, text in (
        ("5", "30 groups: standard deviation of scores from "),
        ("6", "120 rollouts of 30 groups: row of the input from 1 to 120"),
    ):
        browser.run(f"document.getElementById('chart-{chart}').scrollIntoView({{block: 'center'}})")
        x, y, width, height = browser.run(
            f"Object.values(document.querySelector('#chart-{chart} svg').getBoundingClientRect().toJSON()).slice(0, 4)"
        )
        browser.drag((x + 2, y + 2), (x + width - 2, y + height - 2))
        browser.wait(f"{MEANING}.includes('{text}')")
    browser.run("document.querySelector('#chart-2 [tabindex=\"0\"]').focus()")
    browser.press("ArrowRight", "Enter")
    browser.wait(f"{MEANING}.includes('correct rollouts 1')")
    browser.run("document.querySelector('#chart-2 [tabindex=\"0\"]').focus()")
    for _ in range(2):
        browser.press("ArrowRight", shift=True)
    browser.press("Enter")
    browser.wait(f"{MEANING}.includes('correct rollouts from 1 to 3')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_a_narrow_window_and_takes_the_reader_colors(browser, address, scheme):
    browser.show(width=400, height=800, scheme=scheme)
    for place, ready in (
        ("", CHARTS_READY),
        ("#group=1", f"{ARTICLES} === 4"),
    ):
        open_page(browser, address + place, ready)
        assert browser.run("document.documentElement.scrollWidth - innerWidth") <= 0
        ink, back = browser.run(
            "['color', 'backgroundColor'].map((name) => getComputedStyle(document.body)[name].match(/\\d+/g).map(Number))"
        )
        assert (sum(ink) > sum(back)) == (scheme == "dark")


def test_texts_that_attack_the_page_do_not_run(browser, tmp_path):
    rows = make_attacked_rows()
    address = write_report(write_rows(tmp_path, rows), tmp_path / "report.html").as_uri()
    open_page(browser, address)
    elements = "'img, svg, script, iframe, object, style, [onerror], [onload], [onfocus], [href^=javascript]'"
    assert browser.run(f"document.getElementById('tables').querySelectorAll({elements}).length") == 0
    for number, attack in enumerate(ATTACKS):
        browser.run(f"location.hash = document.querySelectorAll('#table-groups tbody a')[{number}].hash")
        browser.wait(f"document.querySelector('#group h2')?.title.endsWith('{number}')")
        assert browser.run(f"document.getElementById('group').querySelectorAll({elements}).length") == 0
        assert browser.run("document.documentElement.scrollWidth - innerWidth") <= 0
        assert (
            browser.run("document.querySelector('#group h2').textContent.length") < 200
        )  # a key may be a whole prompt
        shown = browser.run("document.querySelector('#group article .text').textContent")
        assert len(shown) >= min(len(attack), 40_000) / 2
        browser.press("d")
        browser.wait("document.querySelector('#difference .text')")
        assert browser.run(f"document.getElementById('difference').querySelectorAll({elements}).length") == 0
