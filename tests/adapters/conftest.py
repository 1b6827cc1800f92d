import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def load(name):
    """Import a file of this folder under a name of its own, so that what it defines pickles."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def runs():
    return load("trl_run")


class Elsewhere:
    """Runs of `trl_run.py` in processes of their own, begun at once and waited for when a test asks.

    Test workers share one: the first to come starts it.
    """

    def __init__(self, folder, settings, *, ranks=1):
        self.folder, self.output, self.code = folder, folder / "output", folder / "code"
        self.process = None
        try:
            folder.mkdir()
        except FileExistsError:
            return
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks)]
        command = [sys.executable, *(launch if ranks > 1 else []), HERE / "trl_run.py", json.dumps(settings)]
        tell = ["sh", "-c", '"$@"; echo $? > "$CODE.part"; mv "$CODE.part" "$CODE"', "sh"]
        environment = os.environ | {
            "STORY": str(folder / "story"),
            "CODE": str(self.code),
            "OMP_NUM_THREADS": "1",
        }
        with self.output.open("w") as output:
            self.process = subprocess.Popen([*tell, *command], env=environment, stdout=output, stderr=subprocess.STDOUT)

    def wait(self):
        """Return the exit code."""
        until = time.monotonic() + 240
        while not self.code.exists():
            assert time.monotonic() < until, self.output.read_text()[-3000:]
            time.sleep(0.1)
        if self.process is not None:
            self.process.wait()
        return int(self.code.read_text())

    def stories(self, rank=""):
        assert self.wait() == 0, self.output.read_text()[-3000:]
        return json.loads((self.folder / f"story{rank}").read_text())


@pytest.fixture(scope="session")
def shared(tmp_path_factory, request):
    """A folder that all test workers see."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if hasattr(request.config, "workerinput") else base


@pytest.fixture(scope="session")
def two_ranks(shared):
    """Runs on two gloo ranks: groups of 4 straddle them in the first four."""
    out, evaluation = str(shared / "out"), {"evaluation": True, "eval_strategy": "steps", "eval_steps": 1}
    runs = [
        {"kind": "GRPO", "out": out, "per_device_train_batch_size": 2},
        {"kind": "GroupGRPO", "out": out, "per_device_train_batch_size": 6},
        {"kind": "GroupRLOO", "out": out, "per_device_train_batch_size": 2},
        {"kind": "GroupGRPO", "out": out, "per_device_train_batch_size": 2, "absent": "1"},
        {"kind": "GRPO", "out": out, "per_device_train_batch_size": 4, "all_reduce": True},
        {"kind": "GRPO", "out": out, "per_device_train_batch_size": 4, "per_device_eval_batch_size": 2, **evaluation},
        {
            "kind": "GroupGRPO",
            "out": out,
            "per_device_train_batch_size": 2,
            "per_device_eval_batch_size": 2,
            **evaluation,
        },
        {"kind": "GRPO", "out": out, "per_device_train_batch_size": 4, "all_reduce": True, "absent": "1"},
    ]
    elsewhere = Elsewhere(shared / "ranks", runs, ranks=2)
    yield elsewhere
    elsewhere.wait()


@pytest.fixture(scope="session")
def killed(shared):
    """A run of six steps that is killed hard after the third; it saved a checkpoint at 2 and none later."""
    settings = {"save_strategy": "steps", "save_steps": 2, "max_steps": 6, "die_after": 3}
    elsewhere = Elsewhere(shared / "killed", [{"kind": "GRPO", "out": str(shared / "killed" / "out"), **settings}])
    yield elsewhere
    elsewhere.wait()
