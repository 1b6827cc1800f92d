import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from stub_sources import actor_processes

from herokit.cli.app import app
from herokit.errors import ConfigError
from herokit_ray.engine import RayEngine
from herokit_ray.sources import RayRewardModel, RayVerifier

pytestmark = pytest.mark.xdist_group("ray")  # every test process would start a Ray of its own

SCHEME = """
[sources.verifier]
use = "exact-match"

[sources.rm]
use = "score-column"
column = "given"

[sources.other]
use = "token-f1"

[[steps]]
use = "hero"
"""


@pytest.fixture
def task(tmp_path):
    rows = [
        {"prompt": f"What is {g}?", "group": g, "completion": str(g + i % 2), "reference": str(g), "given": 0.1 * i * g}
        for g in range(120)
        for i in range(4)
    ]
    (tmp_path / "rollouts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "scheme.toml").write_text(SCHEME)
    return tmp_path


def score(folder, name, *more):
    words = ["score", str(folder / "rollouts.jsonl"), "--scheme", str(folder / "scheme.toml")]
    done = CliRunner().invoke(app, [*words, "-o", str(folder / name), "--batch-groups", "8", *more])
    assert done.exit_code == 0, done.output
    return (folder / name).read_bytes()


def test_ray_engine_writes_the_same_file_when_actors_are_killed(task):
    here = score(task, "here.parquet")
    killed, stop = [], threading.Event()

    def kill():
        while len(killed) < 2 and not stop.wait(0.2):
            busy = actor_processes()
            if busy:
                time.sleep(0.2)
                killed.append(busy[0].pid)
                os.kill(busy[0].pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        there = score(
            task,
            "there.parquet",
            "--engine",
            "ray",
            "--engine-arg",
            "num_actors=1",
            "--engine-arg",
            "prefetch_batches=3",
        )
    finally:
        stop.set()
        thread.join()
    assert killed
    assert there == here


def test_ray_engine_places_sources_by_kind():
    from herokit.verifiers import ExactMatch, TokenF1

    class Model:
        def score(self, samples):
            return [0.0] * len(samples)

    mine = RayVerifier(TokenF1(), num_actors=7)
    placed = RayEngine(num_gpus=0.5).place({"a": ExactMatch(), "b": Model(), "c": mine})
    assert placed["c"] is mine
    assert isinstance(placed["b"], RayRewardModel)
    assert (placed["b"].num_gpus, placed["b"].num_cpus) == (0.5, 1.0)
    assert (placed["a"].num_actors, placed["a"].num_cpus) == (3, 1.0)  # the model leaves three of four cores
    crowded = RayEngine().place({str(n): ExactMatch() for n in range(8)})
    assert {(s.num_actors, s.num_cpus) for s in crowded.values()} == {(1, 0.5)}
    with pytest.raises(ConfigError, match="RayEngine: prefetch_batches must be at least 1, got 0"):
        RayEngine(prefetch_batches=0)
