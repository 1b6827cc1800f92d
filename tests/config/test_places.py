"""Names of sources and steps, and FILE.py:OBJECT, wherever an object goes."""

import json
import subprocess
import sys

import pytest

from herokit import ArrayCombiner, Rewarder, Sample, combine, load_scheme
from herokit.adapters.common.base import to_rewarder
from herokit.combiners import Center, Select, chain
from herokit.config import build_scheme
from herokit.errors import ConfigError, NotInstalledError, SchemeError, UnknownNameError
from herokit.testing.targets import resolve_target

CODE = """
from dataclasses import dataclass
from herokit import Center, Rewarder, Select, Verdict, chain, hero_advantage
from herokit.combiners import Stateless
from herokit.config import Scheme
from herokit.verifiers import ExactMatch

steps = chain(Select("verifier"), Center())
class Length:
    def score(self, samples):
        return [float(len(s.final_text)) for s in samples]
def accuracy(completion, reference):
    return completion == reference
@dataclass(frozen=True)
class Half(Stateless):
    factor: float = 0.5
    def __call__(self, reward, signals):
        return reward * self.factor
def advantage(alpha: float = 0.1):
    return hero_advantage(alpha=alpha)
scheme = Scheme({"verifier": ExactMatch()}, steps)
rewarder = Rewarder({"verifier": ExactMatch()}, steps)
table = {"sources": {"verifier": {"use": "exact-match"}}, "steps": {"use": "my_scheme.py:steps"}}
def make_scheme():
    return scheme
def needs(x):
    return scheme
number = 3
"""
SAMPLES = [Sample("2+2?", text, "q", "4") for text in ("4", "5")]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    (tmp_path / "my_scheme.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_scheme", raising=False)


@pytest.mark.parametrize("verifier", [
    "exact-match", "my_scheme.py:accuracy", {"use": "exact-match"}, {"use": "number", "rel_tol": 0.01}, "my_scheme:accuracy",
])  # fmt: skip
@pytest.mark.parametrize(
    "combiner", ["hero-advantage", "hero_advantage", "my_scheme.py:advantage", "my_scheme:advantage"]
)
def test_rewarder_takes_names_and_places(verifier, combiner):
    output = Rewarder({"verifier": verifier, "rm": "my_scheme.py:Length"}, combiner)(SAMPLES)
    assert output.verdicts["verifier"][0].value == 1.0
    assert output.scores["rm"].values.tolist() == [1.0, 1.0]
    assert output.advantage[0] > 0.0 > output.advantage[1]


def test_rewarder_takes_a_step_by_name_and_by_place():
    assert Rewarder({"rm": "my_scheme.py:Length"}, "center").combiner == chain(Center())
    assert repr(Rewarder({"rm": "my_scheme.py:Length"}, "my_scheme.py:Half").combiner.steps[0]) == "Half(factor=0.5)"
    assert Rewarder({"verifier": "exact-match"}, "my_scheme.py:steps").combiner == chain(Select("verifier"), Center())


@pytest.mark.parametrize(
    ("sources", "combiner", "error", "message"),
    [
        ({"verifier": "exact-mach"}, "rm-only", UnknownNameError, "source 'verifier': nothing is registered as 'exact-mach'; did you mean 'exact-match'"),
        ({"verifier": "hero"}, "rm-only", ConfigError, "source 'verifier': 'hero' is a scheme; expected a verifier or a reward model"),
        ({"verifier": "hero", "rm": 3}, "rm-only", SchemeError, "Rewarder: 2 errors\n  source 'verifier': 'hero' is .*\n  source 'rm' must be a verifier"),
        ({"verifier": "my_scheme.py:acuracy"}, "rm-only", ConfigError, "my_scheme.py has no 'acuracy'; did you mean 'accuracy'"),
        ({"verifier": {"use": "number", "x": 1}}, "rm-only", ConfigError, "source 'verifier': 'number' has no parameter 'x'"),
        ({"rm": "my_scheme.py:Length"}, "rm-onyl", UnknownNameError, "nothing is registered as 'rm-onyl'; did you mean 'rm-only'"),
        ({"rm": "my_scheme.py:Length"}, "exact-match", ConfigError, "'exact-match' is a verifier; expected a combiner or a scheme"),
        ({"rm": "my_scheme.py:Length"}, "hero.toml", ConfigError, r"the scheme file 'hero.toml'; write herokit.load_scheme\('hero.toml'\).rewarder\(\)"),
        ({"rm": "my_scheme.py:Length"}, "my_scheme.py:number", ConfigError, "'my_scheme.py:number' is 3; expected a step"),
    ],
)  # fmt: skip
def test_rewarder_says_which_name_is_wrong(sources, combiner, error, message):
    with pytest.raises(error, match=message):
        Rewarder(sources, combiner)


def test_rewarder_names_the_command_that_installs_a_source(monkeypatch):
    from herokit import registry

    bare = registry.load_registry(plugins=False)
    monkeypatch.setattr("herokit.config.builder.get_registry", lambda: bare)
    with pytest.raises(NotInstalledError, match=r"'math' is not installed; run: pip install 'herokit\[math\]'"):
        Rewarder({"verifier": "math"}, "verifier-only")
    with pytest.raises(SchemeError, match=r"run: pip install 'herokit\[math,onnx\]'"):
        Rewarder({"verifier": "math", "rm": "onnx"}, "hero")


def test_arrays_take_a_place():
    output = combine({"verifier": [1, 0]}, ["q", "q"], "my_scheme.py:steps")
    assert output.advantage.tolist() == [0.5, -0.5]
    assert repr(ArrayCombiner("my_scheme.py:steps")) == "ArrayCombiner(Select(signal='verifier') -> Center())"


SCHEME_FUNCTION = """
from herokit import Rewarder, Select
calls = []
def make():  # loads a large model, say
    calls.append("scheme")
    return Rewarder({"verifier": "exact-match"}, Select("verifier"))
def make_table():
    calls.append("table")
    return {"sources": {"verifier": {"use": "exact-match"}}, "steps": {"use": "verifier-only"}}
def make_step():
    return Select("verifier")
"""


@pytest.mark.parametrize("name", ["scheme", "make_scheme", "rewarder", "table"])
def test_load_scheme_takes_the_place_of_a_whole_scheme(name):
    loaded = load_scheme(f"my_scheme.py:{name}")
    assert list(loaded.sources) == ["verifier"]
    assert loaded.combiner == chain(Select("verifier"), Center())
    assert to_rewarder(f"my_scheme.py:{name}")(SAMPLES).reward.tolist() == [1.0, 0.0]
    assert build_scheme({"use": "my_scheme.py:scheme"}) == load_scheme("my_scheme.py:scheme")


def test_load_scheme_calls_a_function_once(tmp_path, monkeypatch):
    (tmp_path / "scheme_function.py").write_text(SCHEME_FUNCTION)
    monkeypatch.chdir(tmp_path)
    assert list(load_scheme("scheme_function.py:make").sources) == ["verifier"]
    assert list(load_scheme("scheme_function.py:make_table").sources) == ["verifier"]
    assert list(load_scheme("scheme_function.py:make_step").sources) == ["verifier"]
    assert sys.modules["scheme_function"].calls == ["scheme", "table"]


def test_load_scheme_runs_steps_of_a_place_on_the_default_sources():
    loaded = load_scheme("my_scheme.py:advantage")
    assert list(loaded.sources) == ["verifier", "rm"]
    assert [type(s).__name__ for s in load_scheme("my_scheme.py:steps").sources.values()] == ["MathVerifier"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_scheme.py:number", "my_scheme.py:number is 3; expected a Scheme, a Rewarder, a table, a chain or a step"),
        ("my_scheme.py:needs", "my_scheme.py:needs: missing a required argument: 'x'; expected a scheme, or a function that returns one; a reward function is a source of one, use = \"my_scheme.py:needs\" in"),
        ("my_scheme.py", "my_scheme.py: a scheme file ends in .toml, .yaml or .yml; an object of a Python file is written FILE.py:OBJECT"),
        ("my_scheme.py:schem", "has no 'schem'; did you mean 'scheme'"),
        ("my_schem.py:scheme", "my_schem.py: no such file"),
    ],
)  # fmt: skip
def test_load_scheme_says_what_is_wrong_with_a_place(name, message):
    with pytest.raises(ConfigError, match=message):
        load_scheme(name)


def test_check_takes_places_and_names():
    for name in (
        "hero-advantage",
        "my_scheme.py:steps",
        "my_scheme.py:Half",
        "my_scheme.py:scheme",
        "my_scheme.py:make_scheme",
    ):
        assert resolve_target(name).combiner is not None


def herokit(*words):
    return subprocess.run([sys.executable, "-m", "herokit", *words], check=False, capture_output=True, text=True)


@pytest.mark.parametrize("scheme", ["my_scheme.py:scheme", "my_scheme.py:table", "my_scheme.py:steps"])
def test_commands_take_the_place_of_a_scheme(tmp_path, scheme):
    rows = [
        {"prompt": "2+2?", "completion": text, "reference": "4", "correct": text == "4"} for text in ("4", "5", "6")
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    scored = herokit("score", "rows.jsonl", "--scheme", scheme, "-o", "out.jsonl")
    assert scored.returncode == 0, scored.stderr
    assert [json.loads(line)["verifier"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [
        1.0,
        0.0,
        0.0,
    ]
    explained = herokit("explain", "rows.jsonl", "--scheme", scheme)
    assert "verifier: accepted" in explained.stdout
    again = herokit("score", "rows.jsonl", "--scheme", scheme, "-o", "out.jsonl", "--resume")
    assert again.returncode == 0, again.stderr
