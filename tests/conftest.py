import os
import re
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("herokit", deadline=None, derandomize=True, database=None, max_examples=100)
settings.load_profile("herokit")
os.environ.setdefault("OMP_NUM_THREADS", "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background: tests and their children interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Refuse a test id with an address: every process has another, and parallel runs of the suite stop."""
    if unstable := [item.nodeid for item in items if re.search(r"\b0x[0-9a-f]{8}", item.nodeid)]:
        raise pytest.UsageError(f"name these parameters with ids=: {unstable[:3]}")


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real labelled inputs beside the checkout; tests that want it are skipped where it is not."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared/data beside the checkout")
    return folder


@pytest.fixture
def herokit(monkeypatch):
    """Run a command in this process, on a wide terminal, and return its exit code."""
    from herokit.cli import app, console

    for stream in (console.out, console.err):
        monkeypatch.setattr(stream, "_width", 200)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["herokit", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            app.run()
        return stopped.value.code or 0

    return run


@pytest.fixture
def use_registry(monkeypatch):
    """Replace the registry of this process."""
    import herokit.cli.app  # noqa: F401 - so that every module that looks up names is imported

    def use(registry):
        for name, module in list(sys.modules.items()):
            if name.startswith("herokit.") and "get_registry" in vars(module):
                monkeypatch.setattr(module, "get_registry", lambda: registry)

    return use
