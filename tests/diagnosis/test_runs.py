"""Made-up runs of known illness and healthy ones are named right, from their rollouts alone."""

import numpy as np
import pytest

from helpers.made_up_runs import HEALTHY, ILL
from herokit.diagnosis import Thresholds, diagnose


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ILL)
def test_diagnose_names_the_illness(name, seed):
    make, word = ILL[name]
    diagnosis = diagnose(make(np.random.default_rng(seed)))
    assert diagnosis.word == word, f"{diagnosis}\n{diagnosis.numbers}"
    assert word in str(diagnosis)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", HEALTHY)
def test_diagnose_calls_a_healthy_run_healthy(name, seed):
    diagnosis = diagnose(HEALTHY[name](np.random.default_rng(seed)))
    assert diagnosis.word == "healthy", f"{diagnosis}\n{diagnosis.numbers}"


def test_diagnose_lists_further_findings_after_the_word():
    columns = ILL["reward model hacked"][0](np.random.default_rng(0))
    columns["prompt"][0] = "another prompt"
    diagnosis = diagnose(columns, thresholds=Thresholds(misgrouped=0.0))
    assert list(diagnosis.findings)[:2] == ["misgrouped", "hacked"]
    assert diagnosis.word == "misgrouped"


def test_diagnose_tells_rows_without_a_reward_from_unsolved_ones():
    columns = {
        "group": ["a", "a", "b", "b", "c", "c"],
        "reward": [None, None, 1.0, 0.0, 0.0, 0.0],
        "accuracy": [None, None, 1, 0, 0, 0],
    }
    diagnosis = diagnose(columns)
    assert diagnosis.word == "failed"
    assert diagnosis.findings["failed"] == "33% of the rows have no reward: accuracy has no value in 2 of 2"
    assert diagnosis.groups == {"a": "failed", "b": "healthy", "c": "starved"}
    assert "starved" not in diagnosis.findings


def test_diagnose_obeys_its_thresholds():
    columns = ILL["a verifier that rejects"][0](np.random.default_rng(0))
    assert diagnose(columns, thresholds=Thresholds(no_signal=1.0)).word == "healthy"
