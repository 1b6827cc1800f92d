"""Every folder of real tests can be built by `make test-trainers`, and `.ci/run` says which it leaves out."""

import re
from pathlib import Path

from herokit.adapters.common import info

ROOT = Path(__file__).parents[3]
REAL = ROOT / "tests" / "adapters" / "real"
FOLDERS = {path.name for path in REAL.iterdir() if list(path.glob("test_*.py"))}


def test_make_knows_every_folder_and_ci_runs_or_skips_each():
    makefile, ci = (ROOT / "Makefile").read_text(), (ROOT / ".ci" / "run").read_text()
    assert set(re.search(r"^TRAINERS := (.*)$", makefile, re.MULTILINE)[1].split()) == FOLDERS
    run = set(re.findall(r"^make test-trainer-(\S+)$", ci, re.MULTILINE))
    skipped = set(re.search(r"^for trainer in (.*); do$", ci, re.MULTILINE)[1].split())
    assert run | skipped == FOLDERS
    assert not run & skipped


def test_the_version_that_is_installed_is_the_one_the_table_names():
    named = " ".join(adapter.version for _, adapter in info.list_adapters())
    for folder in FOLDERS:
        package = REAL / folder / "package.txt"
        lines = (package if package.exists() else REAL / folder / "requirements.txt").read_text().splitlines()
        version = next(line.split("==")[1] for line in lines if "==" in line)
        assert version in named, f"{folder}: {version}"
