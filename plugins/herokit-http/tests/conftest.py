import importlib.util
import sys
from pathlib import Path

import pytest

from herokit.types import Sample
from herokit_http import RequestPolicy

_spec = importlib.util.spec_from_file_location("herokit_http_stub_server", Path(__file__).with_name("stub_server.py"))
_module = importlib.util.module_from_spec(_spec)
sys.modules["herokit_http_stub_server"] = _module
_spec.loader.exec_module(_module)


@pytest.fixture
def serve():
    """Start stub servers, and stop them at the end."""
    started = []

    def start(respond):
        started.append(_module.StubServer(respond))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def quick():
    return RequestPolicy(max_attempts=2, backoff=0.01, timeout=2.0, deadline=5.0)


@pytest.fixture
def rows():
    return [Sample(f"p{i // 2}", "x" * (i + 1), f"g{i // 2}", reference=str(i)) for i in range(6)]
