"""Skip the tests marked `sandbox` where the kernel provides none; the modules of cheats import one another."""

import sys
from pathlib import Path

import pytest

from herokit_code import sandbox_problem

sys.path.insert(0, str(Path(__file__).parent))


def pytest_collection_modifyitems(items):
    marked = [i for i in items if i.get_closest_marker("sandbox")]
    if marked and sandbox_problem():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=f"no sandbox here: {sandbox_problem()}"))
