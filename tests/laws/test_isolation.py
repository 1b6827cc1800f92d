"""`herokit check` runs foreign code in a process that it kills: what hangs, forks, eats memory or exits costs one law."""

import time

import pytest

from herokit.errors import ConfigError, SetupError
from herokit.testing import isolation
from herokit.testing.isolation import check_isolated
from herokit.testing.scheme_checks import CheckOptions

REWARDS = """
import os, sys

def right(completion, reference):
    return isinstance(reference, str) and completion.strip() == reference.strip() != ""

def hangs(completion, reference):
    while "9**9" in completion: pass
    return right(completion, reference)

def forks(completion, reference):
    while "9**9" in completion: os.fork()
    return right(completion, reference)

def eats(completion, reference):
    kept = []
    while "9**9" in completion: kept.append(bytearray(20_000_000))
    return right(completion, reference)

def exits(completion, reference):
    if "9**9" in completion: os._exit(3)
    return right(completion, reference)

def ends(completion, reference):
    if "9**9" in completion: os._exit(0)
    return right(completion, reference)

def leaves(completion, reference):
    if "9**9" in completion: sys.exit(0)
    return right(completion, reference)
"""

LAWS = ("right_above_wrong", "timeout_respected", "hack_does_not_pay")


@pytest.fixture
def rewards(tmp_path):
    path = tmp_path / "isolated_rewards.py"
    path.write_text(REWARDS)
    return path


def options(budget=20.0, laws=LAWS, **more):
    return CheckOptions(budget=budget, answer_format="plain", domain="integers", laws=laws, examples=5, **more)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hangs", "a call did not return within"),
        ("forks", "it started more than 20 processes"),
        ("eats", "a process used more than 200 MB"),
        ("exits", "the process ended (exit code 3)"),
        ("ends", "the process ended (exit code 0)"),
        ("leaves", "it raised SystemExit"),
    ],
)
def test_check_isolated_names_the_law_and_goes_on(rewards, monkeypatch, name, message):
    monkeypatch.setattr(isolation, "MAX_PROCESSES", 20)
    monkeypatch.setattr(isolation, "MAX_MEGABYTES", 200)
    begin = time.monotonic()
    (report,) = check_isolated(f"{rewards}:{name}", options())
    assert time.monotonic() - begin < 21
    assert message in report["timeout_respected"].message
    assert [report[law].outcome for law in LAWS] == ["passed", "failed", "passed"]


def test_check_isolated_expects_a_failure_of_a_law_that_is_killed(rewards):
    (report,) = check_isolated(f"{rewards}:exits", options(xfail={"timeout_respected": "it is known"}))
    assert report["timeout_respected"].outcome == "xfailed"
    assert report.passed


def test_check_isolated_keeps_its_results_if_the_target_does_not_load_again(rewards):
    again = "import os\nif os.path.exists(__file__ + '.loaded'): os._exit(4)\nopen(__file__ + '.loaded', 'w').close()\n"
    rewards.write_text(again + REWARDS)
    (report,) = check_isolated(f"{rewards}:exits", options(laws=(*LAWS, "no_code_execution")))
    assert [report[law].outcome for law in LAWS] == ["passed", "failed", "passed"]  # the panel was tried first
    assert (
        report["no_code_execution"].message
        == "not tried: the process ended (exit code 4): a call may not end the process"
    )


def test_check_isolated_ends_at_its_budget(rewards):
    rewards.write_text("import time\ndef slow(completion, reference):\n    time.sleep(0.3)\n    return 0.0\n")
    begin = time.monotonic()
    (report,) = check_isolated(f"{rewards}:slow", options(4.0))
    assert time.monotonic() - begin < 6
    assert report["timeout_respected"].details.startswith("not tried")


def test_check_isolated_says_that_a_target_does_not_load(rewards):
    rewards.write_text("while True: pass\n")
    with pytest.raises(
        SetupError, match=r"cannot be loaded: it took more than 1\.[45] s, 75% of the budget.* larger --budget"
    ):
        list(check_isolated(f"{rewards}:accuracy", options(2.0)))
    with pytest.raises(ConfigError, match="no such file"):
        list(check_isolated("nowhere.py:accuracy", options()))


def test_check_isolated_tells_of_its_progress(rewards):
    seen = []
    list(check_isolated(f"{rewards}:right", options(), lambda *event: seen.append(event)))
    assert [(law, number, count) for _, law, number, count in seen] == [
        (name, i, 3)
        for i, name in enumerate((LAWS[2], *LAWS[:2]), start=1)  # the panel is tried first
    ]
