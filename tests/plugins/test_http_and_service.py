"""herokit-http against `herokit serve`: the results equal those of a rewarder in this process."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from herokit import Rewarder, Select, hero_advantage, rm_only
from herokit.config.builder import build
from herokit.types import Sample, Status
from herokit_http import HttpRewardModel, HttpVerifier, RequestPolicy, ServiceRewardModel

SERVICE = Path(__file__).resolve().parents[1] / "service"
SAMPLES = [Sample("2 + 2?", "4" * (1 + i % 3), f"g{i // 4}", reference="4") for i in range(12)]
QUICK = RequestPolicy(max_attempts=2, backoff=0.01, timeout=10.0)


class Exact:
    def verify(self, samples):
        from herokit import Verdict

        return [Verdict(float(s.completion.strip() == s.reference), answer=s.completion.strip()) for s in samples]


class Short:
    def score(self, samples):
        return [-float(len(s.completion)) for s in samples]


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    started = []

    def make(port=0):
        state = tmp_path_factory.mktemp("state") / "s.json"
        command = [sys.executable, SERVICE / "serve_stubs.py", state, "short", f"port={port}"]
        child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        started.append(child)
        return child, child.stderr.readline().split()[2].rstrip(",")

    yield make
    for child in started:
        child.kill()
        child.communicate()


def test_http_sources_equal_a_local_rewarder(start):
    _, url = start()
    sources = {
        "verifier": HttpVerifier(url, "verifier", request=QUICK),
        "rm": HttpRewardModel(url, "herokit", "rm", request=QUICK),
    }
    with Rewarder(sources, hero_advantage()) as remote:
        here = Rewarder({"verifier": Exact(), "rm": Short()}, hero_advantage())
        for _ in range(2):
            output, expected = remote(SAMPLES), here(SAMPLES)
            np.testing.assert_array_equal(output.reward, expected.reward)
            np.testing.assert_array_equal(output.advantage, expected.advantage)
        assert remote.state_dict() == here.state_dict()
        assert [v.answer for v in output.verdicts["verifier"]] == [s.completion for s in SAMPLES]


def test_service_reward_models_share_one_running_mean(start):
    _, url = start()
    here = Rewarder({"verifier": Exact(), "rm": Short()}, hero_advantage())
    ranks = [Rewarder({"rm": ServiceRewardModel(url, "advantage", request=QUICK)}, Select("rm")) for _ in range(2)]
    for rank in (*ranks, *ranks):
        np.testing.assert_array_equal(rank(SAMPLES).reward, here(SAMPLES).advantage)
    evaluation = Rewarder({"rm": ServiceRewardModel(url, update_state=False, request=QUICK)}, rm_only())
    assert np.isfinite(evaluation(SAMPLES).reward).all()
    np.testing.assert_array_equal(ranks[0](SAMPLES).reward, here(SAMPLES).advantage)
    for rewarder in (*ranks, evaluation):
        rewarder.close()


def test_http_reward_model_recovers_with_the_service(start):
    child, url = start()
    with HttpRewardModel(url, "herokit", "rm", request=QUICK) as rm:
        assert set(rm.score(SAMPLES).statuses) == {Status.JUDGED}
        child.kill()
        child.wait()
        scores = rm.score(SAMPLES)
        assert set(scores.statuses) == {Status.FAILED}
        assert "ConnectError" in scores.reasons[0]
        start(int(url.rpartition(":")[2]))
        assert set(rm.score(SAMPLES).statuses) == {Status.JUDGED}


def test_misspelt_source_of_the_service(start):
    _, url = start()
    with HttpRewardModel(url, "herokit", "mr", request=QUICK) as rm:
        assert "no source 'mr'; did you mean 'rm'?" in rm.score(SAMPLES).reasons[0]


def test_tables_of_the_reference_page_build():
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "http.md"
    tables = [tomllib.loads(text.split("```")[0]) for text in page.read_text().split("```toml\n")[1:]]
    built = [build(source) for table in tables for source in table["sources"].values()]
    assert [type(source).__name__ for source in built] == ["HttpRewardModel", "HttpRewardModel", "Cascade"]
    assert built[0].request.token_env == "RM_TOKEN"  # noqa: S105 - a variable's name
    assert built[2].second.judge.model == "general-verifier"
