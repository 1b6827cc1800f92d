"""`herokit check` and `pytest --herokit-scheme`: output and exit codes."""

import json
import re
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from herokit.cli.app import app
from herokit.errors import ConfigError

FAULTY = """
from dataclasses import dataclass
from herokit.combiners import Stateless, Select, chain

@dataclass(frozen=True)
class BatchMean(Stateless):
    def __call__(self, reward, signals):
        return signals["verifier"] + 0.1 * (reward - reward.mean())

scheme = chain(Select("rm"), BatchMean())
"""


def check(*words):
    short = [] if "--budget" in words else ["--budget", "15s"]
    return CliRunner().invoke(app, ["check", *map(str, words), *short], env={"COLUMNS": "100"})


def test_check_finds_cancelled_weight_and_amplified_groups_of_hero_in_trl():
    done = check("hero", "--trainer", "trl")
    assert done.exit_code == 1, done.output
    assert "WeightByStd cancels under trl" in done.output
    assert "uniform_groups_not_amplified: FAIL" in done.output
    assert "advantage without" in done.output
    assert done.output.count("In training:") == 2
    assert re.search(r"affine_invariant_in_score +XFAIL +\d+ +as published", done.output)


@pytest.mark.parametrize("trainer", ["trl", "verl"])
def test_check_passes_hero_advantage(trainer):
    done = check("hero-advantage", "--trainer", trainer)
    assert done.exit_code == 0, done.output
    assert "must use them unchanged" in done.output


@pytest.mark.parametrize("name", ["nowhere/report.md", "."])
def test_check_raises_for_an_unwritable_report_before_trying_laws(tmp_path, name):
    done = check("verifier-only", "--markdown", tmp_path / name)
    assert isinstance(done.exception, ConfigError)  # the command prints one line; its exit code is 2
    assert re.search(f"{re.escape(name.strip('.'))}: cannot be written: ", str(done.exception))
    assert done.output == ""


def test_check_finds_a_seeded_fault_in_a_python_file_within_budget(tmp_path):
    path, report = tmp_path / "my_reward.py", tmp_path / "report.md"
    path.write_text(FAULTY)
    begin = time.monotonic()
    done = check(f"{path}:scheme", "--json", "--markdown", report, "--budget", "60s")
    assert time.monotonic() - begin < 60
    assert done.exit_code == 1
    (loaded,) = json.loads(done.stdout)
    failed = {r["law"]: r for r in loaded["results"] if r["outcome"] == "failed"}
    assert "group_independence" in failed
    columns = failed["group_independence"]["counterexample"]["columns"]
    assert 2 <= len(columns["group"]) <= 4  # 2 on an idle machine
    assert {"rm", "verifier", "reward", "alone"} <= set(columns)
    text = report.read_text()
    assert "| group_independence | FAIL |" in text
    assert "In training: an easy prompt would get lower rewards next to a hard one" in text


def test_check_reports_the_chain_and_the_sources_of_a_scheme_file(tmp_path):
    path = tmp_path / "blend.toml"
    path.write_text(
        '[sources.verifier]\nuse = "math"\n[sources.rm]\nuse = "onnx"\n[[steps]]\nuse = "naive-blend"\nweight = 0.2\n'
    )
    done = check(path, "--budget", "60s", "--json")
    assert done.exit_code == 1
    chain, verifier, model = json.loads(done.stdout)
    assert [r["law"] for r in chain["results"] if r["outcome"] == "failed"] == ["verifier_dominates"]
    assert verifier["passed"], verifier
    assert model["passed"], model


def test_check_accepts_expected_failures():
    reason = "verifier_dominates=0.2 is what we want to study"
    done = check("rm-only", "--xfail", "robust_to_score_noise=no")
    assert done.exit_code == 1
    done = check("qwen-shaping", "--xfail", reason, "--xfail", "affine_invariant_in_score=fixed slope")
    assert done.exit_code == 0, done.output
    assert "what we want to study" in done.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hero", "--trainer", "trll"], "did you mean 'trl"),
        (["hero", "--budget", "soon"], "expected a time such as 60s"),
        (["hero", "--xfail", "robust_to_score_noise"], "expected LAW=REASON"),
        (["hero", "--xfail", "robustt=x"], "did you mean 'robust_to_score_noise'"),
        (["hero", "--answer-format", "poetry"], "unknown answer format 'poetry'"),
        (["heroo"], "did you mean 'hero'"),
        (["nowhere.py:scheme"], "no such file"),
        (["json:nothing"], "json has no 'nothing'"),
        (["math:pi"], "a verifier, a reward model or a reward function, got float"),
        (["my_reward.py"], "my_reward.py names no object; write for example my_reward.py:accuracy"),
    ],
)
def test_check_says_what_is_wrong(words, message):
    done = check(*words)
    assert isinstance(done.exception, ConfigError)
    assert message in str(done.exception)


def test_pytest_plugin_checks_a_scheme(tmp_path):
    (tmp_path / "my_reward.py").write_text(FAULTY)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", tmp_path, "-c", "/dev/null", tmp_path,
         "--herokit-scheme", "my_reward.py:scheme", "--herokit-budget", "40"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "::group_independence" in done.stdout
    assert "the rewards of a group depend on the other groups in the batch" in done.stdout
    assert "Traceback" not in done.stdout
    assert "passed" in done.stdout


def test_pytest_plugin_does_not_import_hypothesis():
    code = "import sys, herokit.testing.pytest_plugin; print('hypothesis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_command_line_does_not_import_hypothesis():
    code = "import sys, herokit.cli.app; print('hypothesis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_check_says_in_one_line_why_all_other_laws_were_skipped(tmp_path):
    path = tmp_path / "lacks_a_package.py"
    path.write_text("def accuracy(completions, solution):\n    raise ImportError('install math_verify')\n")
    done = check(f"{path}:accuracy")
    assert done.exit_code == 1, done.output
    assert done.output.count("SKIP") == 1
    said = " ".join(done.output.split())
    assert re.search(r"SKIP 1\d, not tried: it raised ImportError: install math_verify: right_above_wrong, ", said), (
        said
    )
    assert check(f"{path}:accuracy", "--all").output.count("SKIP") > 5


def test_check_says_which_options_change_nothing(tmp_path):
    path = tmp_path / "test_none.py"
    done = check("hero", "--law", "steps_not_cancelled", "--domain", "json", "--write-test", path)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert f"note: {path}: no law failed, so it has no tests" in said
    assert "note: --cases and --domain make inputs for sources, and hero is a chain alone" in said
    assert "note" not in check("exact-match", "--law", "finite_scores", "--domain", "integers").output


def test_check_refuses_cases_that_do_not_exist(tmp_path):
    done = check("hero", "--cases", tmp_path / "nowhere.jsonl")
    assert done.exit_code == 2
    assert "not exist" in " ".join(done.output.replace("\u2502", " ").split())  # the line may break between
