"""Build wheels and sdists of herokit and its plugins, and try them.

python release/wheels.py build     twice, into dist/ and aside; the hashes must agree
python release/wheels.py try       install from dist/ into clean environments of every Python at hand, and use it there
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
PROJECTS = [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
TRIED = "herokit[cli,testing,math,onnx,structured,language,code]"
"""What is installed to be tried: everything but what needs torch, ray or a server."""

FIRST = "315532800"
"""1980: the first date a wheel can hold, for a copy without its history."""

USE = """
import herokit, sys
from importlib.metadata import version
from herokit.registry import get_registry
from herokit.testing import check_combiner
assert "site-packages" in herokit.__file__, herokit.__file__
assert not get_registry().load_errors, get_registry().load_errors
assert check_combiner(herokit.hero_advantage(), backends=("numpy",)).passed
print("Python", sys.version.split()[0], "herokit", version("herokit"), len(list(get_registry())), "names")
"""


def run(*command: object, cwd: Path = ROOT, **environment: str) -> str:
    """Run a command; show what it printed if it fails.

    Raises:
        SystemExit: it failed.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout.strip()


def build(into: Path) -> dict[str, str]:
    """Build everything; return file name -> hash."""
    shutil.rmtree(into, ignore_errors=True)
    git = ("git", "log", "-1", "--format=%ct")
    dated = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or dated.stdout.strip() or FIRST
    for project in PROJECTS:
        run(sys.executable, "-m", "hatchling", "build", "-d", into, cwd=project, SOURCE_DATE_EPOCH=epoch)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(into.iterdir())}


def build_twice() -> None:
    """Build into dist/ and aside.

    Raises:
        SystemExit: the two differ, or a wheel lacks its marker of types.
    """
    found = build(DIST)
    with TemporaryDirectory() as aside:
        again = build(Path(aside))
    if differ := [name for name in found if again.get(name) != found[name]] or set(again) ^ set(found):
        raise SystemExit(f"two builds differ: {', '.join(differ)}")
    for wheel in DIST.glob("*.whl"):
        if not any(name.endswith("/py.typed") for name in zipfile.ZipFile(wheel).namelist()):
            raise SystemExit(f"{wheel.name}: no py.typed")
    for name, digest in found.items():
        print(digest[:16], name)
    print(f"{len(found)} files, the same twice")


def interpreters() -> dict[str, str]:
    """Return the Pythons at hand, version -> path."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = {}
    for version in PYTHONS:
        places = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"versions/{version}.*/bin/python"))]
        for place in filter(None, places):
            if subprocess.run([place, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
                found[version] = str(place)
                break
    return found


def try_all() -> None:
    """Install into a clean environment of each Python, and use it there."""
    at_hand = interpreters()
    for version in PYTHONS:
        if version not in at_hand:
            print(f"Python {version} is not at hand: not tried")
            continue
        with TemporaryDirectory() as name:
            folder = Path(name)
            run(at_hand[version], "-m", "venv", folder / "v")
            python = folder / "v" / "bin" / "python"
            run(python, "-m", "pip", "install", "-q", "--find-links", DIST, TRIED)
            print(run(python, "-c", USE, cwd=folder))
            herokit = folder / "v" / "bin" / "herokit"
            rollouts = folder / "r.jsonl"
            rollouts.write_text("".join((ROOT / "examples/rollouts.jsonl").open(encoding="utf-8").readlines()[:80]))
            print(run(herokit, "score", rollouts, "-o", folder / "o.parquet", "--json", cwd=folder)[:160])


if __name__ == "__main__":
    {"build": build_twice, "try": try_all}[sys.argv[1]]()
