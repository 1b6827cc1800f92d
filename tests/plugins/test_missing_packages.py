"""A plugin is installed, and what it imports is not: each scheme says all of it at once, before a row is scored."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys

ABSENT = {"torch", "transformers", "onnxruntime", "sympy", "httpx2", "tokenizers", "pint", "ray", "py3langid", "mpmath"}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())

from herokit import Rewarder
from herokit.config.builder import build
from herokit.config.scheme import build_scheme
from herokit.registry import get_registry

tables = {
    "three": {
        "sources": {"verifier": {"use": "math"}, "rm": {"use": "torch", "model": "m"}, "judge": {"use": "http", "url": "http://127.0.0.1:9"}},
        "steps": [{"use": "hero"}],
    },
    "nested": {
        "sources": {
            "verifier": {"use": "vote", "verifiers": [{"use": "math"}, {"use": "quantity"}]},
            "rm": {"use": "ensemble-reward-model", "reward_models": [{"use": "onnx"}, {"use": "torch", "model": "m"}]},
        },
        "steps": [{"use": "hero"}],
    },
    "one": {"sources": {"rm": {"use": "num-tokens", "tokenizer": "policy"}}, "steps": [{"use": "rm-only"}]},
    "none": {"sources": {"verifier": {"use": "number"}, "rm": {"use": "num-tokens"}}, "steps": [{"use": "hero"}]},
}
said = {}
def attempt(name, call):
    try:
        call()
    except Exception as error:
        said[name] = [type(error).__name__, *str(error).splitlines()]
    else:
        said[name] = []
for name, table in tables.items():
    attempt(name, lambda: build_scheme(table))
attempt("names", lambda: Rewarder({"verifier": "quantity", "rm": "onnx"}, "hero"))
from herokit.verifiers import Language
attempt("objects", lambda: Rewarder({"verifier": Language("de"), "rm": build({"use": "num-tokens"})}, "hero"))
attempt("scripts", lambda: Rewarder({"verifier": Language("ja")}, "verifier-only"))
attempt("ray", lambda: build({"use": "ray-verifier", "verifier": {"use": "number"}}))
remote = {"use": "ensemble-reward-model", "reward_models": [{"use": "onnx"}, {"use": "torch", "model": "m"}]}
attempt("ray models", lambda: build({"use": "ray-reward-model", "reward_model": remote}))
attempt("after ray", lambda: build({"use": "torch", "model": "m"}))
attempt("device map", lambda: build({"use": "torch", "model": "m", "device_map": "auto"}))
said["names without packages"] = sorted(e.name for e in get_registry() if e.owner == "herokit-torch")
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said():
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("scheme", "lines"),
    [
        ("three", [
            "SchemeError",
            "scheme: 3 errors",
            "  sources.verifier: 'math' cannot be loaded: it needs mpmath, which is not installed",
            "  sources.rm: 'torch' needs torch and transformers, which are not installed",
            "  sources.judge: 'http' cannot be loaded: it needs httpx2, which is not installed",
            "  To install what is missing, run: pip install 'herokit[http,math,torch]'",
        ]),
        ("nested", [
            "SchemeError",
            "scheme: 4 errors",
            "  sources.verifier: 'vote': verifiers[0]: 'math' cannot be loaded: it needs mpmath, which is not installed",
            "  sources.verifier: 'vote': verifiers[1]: 'quantity' needs pint, which is not installed",
            "  sources.rm: 'ensemble-reward-model': reward_models[0]: 'onnx' needs onnxruntime and tokenizers, which are not installed",
            "  sources.rm: 'ensemble-reward-model': reward_models[1]: 'torch' needs torch and transformers, which are not installed",
            "  To install what is missing, run: pip install 'herokit[math,onnx,structured,torch]'",
        ]),
        ("one", ["NotInstalledError", "scheme: sources.rm: 'num-tokens' needs tokenizers, which is not installed; run: pip install tokenizers"]),
        ("none", []),
        ("names", [
            "SchemeError",
            "Rewarder: 2 errors",
            "  source 'verifier': 'quantity' needs pint, which is not installed",
            "  source 'rm': 'onnx' needs onnxruntime and tokenizers, which are not installed",
            "  To install what is missing, run: pip install 'herokit[onnx,structured]'",
        ]),
        ("objects", ["NotInstalledError", "source 'verifier' needs py3langid, which is not installed; run: pip install 'herokit[language]'"]),
        ("scripts", []),
        ("ray", ["NotInstalledError", "'ray-verifier' needs ray, which is not installed; run: pip install 'herokit[ray]'"]),
    ],
)  # fmt: skip
def test_scheme_names_every_missing_package_with_one_command(said, scheme, lines):
    assert said[scheme] == lines


def test_packages_that_only_ray_actors_use_are_not_demanded_here(said):
    assert said["ray models"] == [
        "NotInstalledError",
        "'ray-reward-model' needs ray, which is not installed; run: pip install 'herokit[ray]'",
    ]
    (name, message) = said["after ray"]
    assert name == "NotInstalledError"
    assert message.startswith("'torch' needs torch and transformers")


def test_device_map_needs_accelerate_too(said):
    (_, message) = said["device map"]
    assert message.startswith("'torch' needs torch and transformers")
    assert message.endswith(("'herokit[torch]'", "'herokit[torch]' accelerate"))


def test_plugins_are_listed_without_the_packages_that_they_use(said):
    assert said["names without packages"] == ["torch", "torch-judge", "torch-likelihood", "torch-pairwise-judge"]
