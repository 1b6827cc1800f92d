"""`herokit check` and `pytest --herokit-scheme`: what they print, how they end."""

import json
import re
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from herokit.cli.app import app
from herokit.combiners import Center
from herokit.errors import ConfigError
from herokit.testing.check_scheme import resolve_target

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


def test_the_papers_hero_in_trl_cancels_and_inflates():
    done = check("hero", "--trainer", "trl")
    assert done.exit_code == 1, done.output
    assert "WeightByStd cancels under trl" in done.output
    assert "uniform_groups_not_amplified: failed" in done.output
    assert "advantage without" in done.output
    assert done.output.count("In training:") == 2
    assert "measured in the score's own" in " ".join(done.output.split())  # broken by design, with its reason


@pytest.mark.parametrize("trainer", ["trl", "verl"])
def test_hero_advantage_is_clean(trainer):
    done = check("hero-advantage", "--trainer", trainer)
    assert done.exit_code == 0, done.output
    assert "take them as they are" in done.output


@pytest.mark.parametrize("name", ["nowhere/report.md", "."])
def test_a_report_that_could_not_be_written_is_refused_before_the_laws_are_tried(tmp_path, name):
    done = check("verifier-only", "--markdown", tmp_path / name)
    assert isinstance(done.exception, ConfigError)  # one line and exit code 2 from the command
    assert re.search(f"{re.escape(name.strip('.'))}: cannot be written: ", str(done.exception))
    assert done.output == ""


def test_a_planted_fault_in_a_users_file_is_diagnosed_in_time(tmp_path):
    path, report = tmp_path / "my_reward.py", tmp_path / "report.md"
    path.write_text(FAULTY)
    begun = time.monotonic()
    done = check(f"{path}:scheme", "--json", "--markdown", report, "--budget", "60s")
    assert time.monotonic() - begun < 60
    assert done.exit_code == 1
    (found,) = json.loads(done.stdout)
    broken = {r["law"]: r for r in found["results"] if r["outcome"] == "failed"}
    assert "group_independence" in broken
    columns = broken["group_independence"]["counterexample"]["columns"]
    assert 2 <= len(columns["group"]) <= 4  # 2 where the machine is not busy
    assert {"rm", "verifier", "reward", "alone"} <= set(columns)
    text = report.read_text()
    assert "| group_independence | failed |" in text
    assert "In training: an easy prompt would look worse beside a hard one" in text


def test_a_scheme_file_is_checked_with_its_sources(tmp_path):
    path = tmp_path / "blend.toml"
    path.write_text(
        '[sources.verifier]\nuse = "math"\n[sources.rm]\nuse = "onnx"\n[[steps]]\nuse = "naive-blend"\nweight = 0.2\n'
    )
    done = check(path, "--budget", "20s", "--json")
    assert done.exit_code == 1
    chain, verifier, model = json.loads(done.stdout)
    assert [r["law"] for r in chain["results"] if r["outcome"] == "failed"] == ["verifier_dominates"]
    assert verifier["passed"], verifier
    assert model["passed"], model


def test_a_law_may_be_expected_to_break():
    reason = "verifier_dominates=0.2 is what we want to study"
    done = check("rm-only", "--expect", "robust_to_score_noise=no")
    assert done.exit_code == 1
    done = check("qwen-shaping", "--expect", reason, "--expect", "affine_invariant_in_score=fixed slope")
    assert done.exit_code == 0, done.output
    assert "what we want to study" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hero", "--trainer", "trll"], "did you mean 'trl"),
        (["hero", "--budget", "soon"], "expected a time such as 60s"),
        (["hero", "--expect", "robust_to_score_noise"], "expected LAW=REASON"),
        (["hero", "--expect", "robustt=x"], "did you mean 'robust_to_score_noise'"),
        (["hero", "--answers", "poetry"], "no answer format 'poetry'"),
        (["heroo"], "did you mean 'hero'"),
        (["nowhere.py:scheme"], "no such file"),
        (["json:nothing"], "json has no 'nothing'"),
        (["math:pi"], "expected a scheme, a step, a verifier or a reward model"),
        (["my_reward.py"], "my_reward.py is a Python file: say which object of it is meant, as in my_reward.py:scheme"),
    ],
)
def test_what_is_wrong_is_said(words, said):
    done = check(*words)
    assert isinstance(done.exception, ConfigError)
    assert said in str(done.exception)


def test_an_object_may_be_a_class_or_a_function():
    assert resolve_target("herokit.schemes:hero").combiner == resolve_target("hero").combiner
    assert resolve_target("herokit.combiners:Center").combiner == Center()


def test_pytest_checks_a_scheme(tmp_path):
    (tmp_path / "my_reward.py").write_text(FAULTY)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", tmp_path, "-c", "/dev/null", tmp_path,
         "--herokit-scheme", "my_reward.py:scheme", "--herokit-budget", "5"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "::group_independence" in done.stdout
    assert "a group alone gets other rewards than beside others" in done.stdout
    assert "Traceback" not in done.stdout
    assert "passed" in done.stdout


def test_the_plugin_costs_a_pytest_run_no_import_of_hypothesis():
    code = "import sys, herokit.testing.pytest_plugin; print('hypothesis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_scoring_does_not_load_hypothesis():
    code = "import sys, herokit.cli.app; print('hypothesis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
