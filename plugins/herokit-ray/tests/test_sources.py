import os
import pickle
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from herokit import Rewarder, Sample, Status, hero
from herokit.config.builder import build
from herokit.errors import ConfigError, PluginError, SetupError
from herokit.verifiers import ExactMatch
from herokit_ray import RayRewardModel, RayVerifier

sys.path.insert(0, str(Path(__file__).parent))
os.environ["PYTHONPATH"] = str(Path(__file__).parent)
from stub_sources import (  # the actors import it by the same name
    Exact,
    FailsToStart,
    Length,
    OneTooFew,
    actor_processes,
)

pytestmark = pytest.mark.xdist_group("ray")  # every test process would start a Ray of its own


def samples(*completions):
    return [Sample("?", text, number // 4, "yes") for number, text in enumerate(completions)]


def test_verdicts_are_in_order_and_from_other_processes():
    texts = ["yes", "no", "maybe"] * 40
    with RayVerifier(Exact(seconds=0.001), batch_size=7, num_actors=2) as verifier:
        result = verifier.verify(samples(*texts))
    assert [v.value for v in result] == [float(t == "yes") for t in texts]
    assert os.getpid() not in {int(v.reason) for v in result}


def test_scores_and_steps_are_in_order():
    texts = ["a" * n for n in range(50)]
    for bare in (True, False):
        with RayRewardModel(Length(bare), batch_size=8) as model:
            result = model.score(samples(*texts))
        np.testing.assert_array_equal(result.values, np.arange(50.0))
        assert result.steps is None if bare else result.steps[3] == [1.0, 3.0]
        assert model.score([]).values.shape == (0,)
        model.close()


def test_actors_are_sent_conversations():
    user = {"role": "user", "content": [{"type": "text", "text": "1 + 1?"}, {"type": "image", "image": b"cat"}]}
    texts = ["<think>3</think>2", "3", "<think>2"]
    part = [Sample([user], [{"role": "assistant", "content": x}], 0, ["2"], num_tokens=3) for x in texts]
    with RayVerifier(ExactMatch(), batch_size=2) as verifier:
        result = verifier.verify(part)
    assert result == ExactMatch().verify(part)
    assert [(v.value, v.status.value) for v in result] == [(1.0, "judged"), (0.0, "judged"), (0.0, "unparsed")]


def test_sample_that_kills_actors_fails_alone():
    with RayVerifier(Exact(), batch_size=8, max_retries=1) as verifier:
        result = verifier.verify(samples(*["yes"] * 5, "die", *["no"] * 5))
    assert [v.value for v in result] == [1.0] * 5 + [None] + [0.0] * 5
    assert result[5].status is Status.FAILED
    assert result[5].reason.startswith("2 actors died while running it: ")
    with RayRewardModel(Length(), batch_size=4, max_retries=0) as model:
        scores = model.score(samples("a", "die", "abc"))
    assert scores.statuses == (Status.JUDGED, Status.FAILED, Status.JUDGED)
    np.testing.assert_array_equal(scores.values, [1.0, np.nan, 3.0])


def test_sample_that_hangs_times_out_alone():
    with RayVerifier(Exact(), batch_size=4, timeout=1.5) as verifier:
        verifier.verify(samples("yes"))  # started
        began = time.monotonic()
        result = verifier.verify(samples("yes", "hang", "no"))
    assert [(v.value, v.status) for v in result] == [
        (1.0, Status.JUDGED),
        (0.0, Status.TIMEOUT),
        (0.0, Status.JUDGED),
    ]
    assert time.monotonic() - began < 30.0


def test_killed_actors_lose_no_sample():
    verifier = RayVerifier(Exact(seconds=0.005), batch_size=4, num_actors=2, max_retries=4)
    killed = []
    stop = threading.Event()

    def kill():
        while len(killed) < 3 and not stop.wait(0.7):
            for process in actor_processes()[:1]:
                killed.append(process.pid)
                os.kill(process.pid, signal.SIGKILL)

    texts = ["yes", "no"] * 150
    with verifier:
        verifier.verify(samples("yes"))
        thread = threading.Thread(target=kill)
        thread.start()
        result = verifier.verify(samples(*texts))
        stop.set()
        thread.join()
    assert killed
    assert [v.value for v in result] == [float(t == "yes") for t in texts]


def test_threads_share_the_actors():
    with RayVerifier(Exact(), batch_size=3) as verifier:
        results = {}

        def ask(n):
            results[n] = [v.value for v in verifier.verify(samples(*["yes" if n % 2 else "no"] * 10))]

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == {n: [float(n % 2)] * 10 for n in range(6)}


def test_source_that_raises_in_a_rewarder_fails_only_its_row():
    rewarder = Rewarder({"verifier": RayVerifier(Exact(), batch_size=4), "rm": RayRewardModel(Length())}, hero())
    with rewarder:
        outcome = rewarder(samples("yes", "raise", "no", "nope"))
    assert np.isfinite(outcome.reward).tolist() == [True, False, True, True]
    assert "cannot" in outcome.verdicts["verifier"][1].reason


def test_wrong_number_of_outputs_raises():
    with (
        RayVerifier(OneTooFew()) as verifier,
        pytest.raises(PluginError, match="OneTooFew gave 1 verdicts for 2 samples"),
    ):
        verifier.verify(samples("a", "b"))
    with (
        RayRewardModel(OneTooFew()) as model,
        pytest.raises(PluginError, match="OneTooFew gave 1 scores for 2 samples"),
    ):
        model.score(samples("a", "b"))


def test_actors_that_fail_to_start_raise():
    with (
        RayVerifier(FailsToStart(), max_retries=1) as verifier,
        pytest.raises(SetupError, match="no Ray actor for 'verify': 2 actors died"),
    ):
        verifier.verify(samples("a"))


def test_settings_are_checked():
    made = build({"use": "ray-verifier", "num_actors": 3, "verifier": {"use": "exact-match"}})
    assert made.num_actors == 3
    assert pickle.loads(pickle.dumps(made)) == made
    for wrong in ({"verifier": None}, {"verifier": Exact(), "batch_size": 0}, {"verifier": Exact(), "num_gpus": -1.0}):
        with pytest.raises(ConfigError, match="RayVerifier: "):
            RayVerifier(**wrong)


def test_close_during_a_call_leaves_no_actor():
    verifier = RayVerifier(Exact(), num_actors=1, batch_size=1)
    verifier.verify(samples("yes"))
    pool = verifier._resource.value
    raised = []

    def ask():
        try:
            verifier.verify(samples("hang"))
        except SetupError as error:
            raised.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(1.0)
    verifier.close()
    asking.join(60.0)
    assert raised == ["no Ray actor for 'verify': it is closed"]
    assert pool._alive == []
