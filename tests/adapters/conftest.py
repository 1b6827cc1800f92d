"""Fixtures of the tests of adapters: stub sources and trainers, and TRL runs in processes of their own."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


def load(name, folder=HERE):
    """Import a file under a name of its own, so that what it defines pickles."""
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def runs():
    return load("trl_run")


@pytest.fixture(scope="session")
def stubs():
    """Stub sources, which the tests in trainers' own environments use too."""
    return load("stubs", HERE / "real" / "shared")


@pytest.fixture
def install_module(monkeypatch):
    """Put made-up modules where an adapter imports its trainer: ``install_module("a.b", name=value)``."""

    def install(path, **content):
        names = path.split(".")
        for depth in range(1, len(names) + 1):
            name = ".".join(names[:depth])
            if name not in sys.modules:
                module = ModuleType(name)
                module.__path__ = []
                monkeypatch.setitem(sys.modules, name, module)
                if depth > 1:
                    parent = sys.modules[".".join(names[: depth - 1])]
                    monkeypatch.setattr(parent, names[depth - 1], module, raising=False)
        for name, value in content.items():
            monkeypatch.setattr(sys.modules[path], name, value, raising=False)
        return sys.modules[path]

    return install


class BackgroundRuns:
    """Runs of `trl_run.py` in their own processes, started at once; a test waits for them when it needs the results.

    Test workers share one: the first one starts it.
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
        script = ["sh", "-c", '"$@"; echo $? > "$CODE.part"; mv "$CODE.part" "$CODE"', "sh"]
        environment = os.environ | {
            "REPORT": str(folder / "report"),
            "CODE": str(self.code),
            "OMP_NUM_THREADS": "1",
        }
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [*script, *command], env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    def wait(self):
        """Return the exit code."""
        until = time.monotonic() + 240
        while not self.code.exists():
            assert time.monotonic() < until, self.output.read_text()[-3000:]
            time.sleep(0.1)
        if self.process is not None:
            self.process.wait()
        return int(self.code.read_text())

    def reports(self, rank=""):
        assert self.wait() == 0, self.output.read_text()[-3000:]
        return json.loads((self.folder / f"report{rank}").read_text())


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory, request):
    """A folder that all test workers share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if hasattr(request.config, "workerinput") else base


@pytest.fixture(scope="session")
def two_ranks(shared_folder):
    """Runs on two gloo ranks; in the first four, groups of 4 lie on both ranks."""
    out, evaluation = str(shared_folder / "out"), {"evaluation": True, "eval_strategy": "steps", "eval_steps": 1}
    runs = [
        {"kind": "GRPO", "out": out, "per_device_train_batch_size": 2},
        {"kind": "GroupGRPO", "out": out, "per_device_train_batch_size": 6},
        {
            "kind": "GroupRLOO",
            "out": out,
            "per_device_train_batch_size": 2,
            "report": str(shared_folder / "mixin.html"),
        },
        {"kind": "GroupGRPO", "out": out, "per_device_train_batch_size": 2, "absent": "1"},
        {
            "kind": "GRPO",
            "out": out,
            "per_device_train_batch_size": 4,
            "all_reduce": True,
            "report": str(shared_folder / "function.html"),
        },
        {"kind": "GRPO", "out": out, "per_device_train_batch_size": 4, "per_device_eval_batch_size": 2, **evaluation},
        {
            "kind": "GroupGRPO",
            "out": out,
            "per_device_train_batch_size": 2,
            "per_device_eval_batch_size": 2,
            **evaluation,
        },
        {"kind": "GRPO", "out": out, "per_device_train_batch_size": 4, "all_reduce": True, "absent": "1"},
        {
            "kind": "GroupGRPO",
            "out": out,
            "per_device_train_batch_size": 2,
            "credit": True,
            "report": str(shared_folder / "credit.html"),
        },
    ]
    background = BackgroundRuns(shared_folder / "ranks", runs, ranks=2)
    yield background
    background.wait()


FUNCTION = {"kind": "GRPO", "per_device_train_batch_size": 4, "all_reduce": True}
MIXIN = {"kind": "GroupGRPO", "per_device_train_batch_size": 2}


@pytest.fixture(scope="session")
def faults_on_two_ranks(shared_folder):
    """Runs on two ranks with sources that teach nothing: first with the function alone, then with the mixin."""
    faults = [{"verifier": name} for name in ("OneSample", "NotAwaited", "OneRank", "Awaits", "Down")]
    faults.append({"extra": True})
    runs = [{**door, **fault, "out": str(shared_folder / "out")} for door in (FUNCTION, MIXIN) for fault in faults]
    background = BackgroundRuns(shared_folder / "faults", runs, ranks=2)
    yield background
    background.wait()


@pytest.fixture(scope="session")
def killed(shared_folder):
    """A run of six steps that is killed after the third; its only checkpoint is that of step 2."""
    settings = {"save_strategy": "steps", "save_steps": 2, "max_steps": 6, "die_after": 3}
    background = BackgroundRuns(
        shared_folder / "killed", [{"kind": "GRPO", "out": str(shared_folder / "killed" / "out"), **settings}]
    )
    yield background
    background.wait()
