import pickle
import time

import pytest

from herokit import (
    Center,
    MinMax,
    Select,
    Standardize,
    Stratify,
    WeightByStd,
    chain,
    hero,
    naive_blend,
    rm_only,
)
from herokit.combiners import Interpolate
from herokit.config import build_scheme, load_scheme
from herokit.config.builder import build, describe
from herokit.errors import ConfigError
from herokit.hookspecs import hookimpl
from herokit.registry import load_registry

LENGTH = """
from dataclasses import dataclass
@dataclass(frozen=True)
class Length:
    scale: float = 1.0
    def score(self, samples):
        return [self.scale * len(s.completion) for s in samples]
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "length_plugin.py").write_text(LENGTH)
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(folder)

    class Plugin:
        @hookimpl
        def herokit_register(self, register):
            register.reward_model("length", "length_plugin:Length")

    yield load_registry(plugins=False, extra=[("length-plugin", Plugin())])
    patch.undo()


STEPS = [
    Interpolate("rm", weight=0.25), Center(), MinMax(eps=1e-3), Standardize(eps=1e-3, ddof=0), Select("rm"),
    Stratify(verifier="v", alpha=0.3, beta=0.2, ties="midpoint"), WeightByStd(signal="m", min_weight=0.4, max_weight=3.0, steepness=6.0, ddof=1),
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda s: type(s).__name__)
def test_describe_of_a_step_builds_an_equal_step(step):
    assert build(describe(step)) == step
    assert build(describe(type(step)("rm") if isinstance(step, Interpolate | Select) else type(step)())) is not None


@pytest.mark.parametrize("scheme", [hero(alpha=0.2), naive_blend(weight=0.1), rm_only("m")])
def test_describe_of_a_chain_builds_an_equal_chain(scheme):
    assert chain(*(build(table) for table in describe(scheme))) == scheme


@pytest.mark.parametrize("ending", ["toml", "yaml"])
def test_load_scheme_equals_its_description_and_its_pickle(tmp_path, registry, ending):
    path = tmp_path / f"s.{ending}"
    path.write_text(
        '[sources.rm]\nuse = "length"\nscale = 2\n[[steps]]\nuse = "select"\nsignal = "rm"\n[[steps]]\nuse = "center"\n'
        if ending == "toml"
        else "sources:\n  rm: {use: length, scale: 2}\nsteps:\n- {use: select, signal: rm}\n- {use: center}\n"
    )
    scheme = load_scheme(path, registry=registry)
    assert scheme.combiner == chain(Select("rm"), Center())
    assert build_scheme(scheme.describe(registry=registry), registry=registry) == scheme
    assert pickle.loads(pickle.dumps(scheme)) == scheme


SOURCES = {"rm": {"use": "length"}}
BAD = [
    ({"sources": SOURCES, "step": []}, "unknown key 'step'; did you mean 'steps'"),
    (
        {"sources": {"reward": {"use": "length"}}, "steps": [{"use": "rm-only"}]},
        "sources: source 'reward' has the name of a result column",
    ),
    ({"steps": [{"use": "hero"}]}, r"expected a table \[sources.NAME\]"),
    ({"sources": {"rm": 3}, "steps": []}, r"expected at least one table \[\[steps\]\]"),
    ({"sources": {"rm": 3}, "steps": [{"use": "hero"}]}, "sources.rm: expected a table with use"),
    ({"sources": SOURCES, "steps": "hero"}, r"expected at least one table \[\[steps\]\], got 'hero'"),
    ({"sources": SOURCES, "steps": [{"use": "select", "signl": "rm"}]}, r"steps\[0\]: 'select' has no parameter 'signl'; did you mean 'signal'"),
    ({"sources": SOURCES, "steps": [{"use": "select"}]}, r"steps\[0\]: 'select' needs the parameter 'signal'"),
    ({"sources": SOURCES, "steps": [{"signal": "rm"}]}, r"steps\[0\]: expected a table with use"),
    ({"sources": {"rm": {"use": "select"}}, "steps": [{"use": "rm-only"}]}, "sources.rm: 'select' is a combiner; expected a verifier or a reward model"),
    ({"sources": {"rm": {"use": "length", "scale": "2"}}, "steps": [{"use": "rm-only"}]}, "sources.rm: 'length': scale: input should be a valid number, got '2'"),
    ({"sources": SOURCES, "steps": [{"use": "hero", "alpha": 0.9}]}, "the bands overlap: alpha \\+ beta must be below 1"),
    ({"sources": SOURCES, "steps": [{"use": "hero"}]}, r"steps\[0\]: a step reads the signal 'verifier', but no source has that name; known: rm"),
    ({"sources": SOURCES, "steps": [{"use": "stratify", "alpha": True}]}, "alpha is a number in \\(0, 1\\], got True"),
    ({"sources": SOURCES, "steps": [{"use": "stratify", "ties": "roof"}]}, "ties: input should be 'floor' or 'midpoint', got 'roof'"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "message"), BAD, ids=[m[:40] for _, m in BAD])
def test_build_scheme_says_where_and_what_is_wrong(registry, table, message):
    with pytest.raises(ConfigError, match=message):
        build_scheme(table, registry=registry)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("s.toml", "a = ", "s.toml: not TOML: .*at end of document"),
        ("s.yaml", "a: [", "s.yaml: not YAML: .*line 1"),
        ("s.yaml", "- a", "s.yaml: expected tables 'sources' and 'steps', got list"),
        ("s.yaml", "sources: 1\nsources: 2", "key 'sources' is given twice"),
        ("s.json", "{}", "ends in .toml, .yaml or .yml"),
        ("s.toml", b"\xff\xfe", "cannot be read"),
    ],
)
def test_load_scheme_rejects_an_unreadable_file(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=message):
        load_scheme(path)


def test_describe_rejects_an_unregistered_class():
    class Mine:
        pass

    with pytest.raises(ConfigError, match="it must be a dataclass that a plugin registers"):
        describe(Mine())


def test_build_makes_nested_dataclasses_without_use(tmp_path, monkeypatch):
    (tmp_path / "grouped_plugin.py").write_text(
        "from dataclasses import dataclass, field\n"
        "@dataclass(frozen=True)\nclass Policy:\n    digits: int = 3\n    units: bool = True\n"
        "@dataclass(frozen=True)\nclass Judge:\n    policy: Policy = field(default_factory=Policy)\n"
        "    def verify(self, samples):\n        return []\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    class Plugin:
        @hookimpl
        def herokit_register(self, register):
            register.verifier("judge", "grouped_plugin:Judge")

    registry = load_registry(plugins=False, extra=[("grouped", Plugin())])
    built = build({"use": "judge", "policy": {"digits": 5}}, registry=registry)
    assert (built.policy.digits, built.policy.units) == (5, True)
    assert describe(built, registry=registry) == {"use": "judge", "policy": {"digits": 5}}
    with pytest.raises(ConfigError, match="'judge': policy has no parameter 'digit'; did you mean 'digits'"):
        build({"use": "judge", "policy": {"digit": 5}}, registry=registry)
    with pytest.raises(ConfigError, match="'judge': policy: units: input should be a valid boolean, got 'no'"):
        build({"use": "judge", "policy": {"units": "no"}}, registry=registry)


TOML = '[sources.verifier]\nuse = "exact-match"\n[[steps]]\nuse = "verifier-only"\n'


@pytest.mark.parametrize("ending", ["toml", "yaml"])
def test_load_scheme_accepts_a_byte_order_mark(tmp_path, ending):
    yaml = "sources: {verifier: {use: exact-match}}\nsteps: {use: verifier-only}\n"
    path = tmp_path / f"s.{ending}"
    path.write_text(TOML if ending == "toml" else yaml, encoding="utf-8-sig")
    assert list(load_scheme(path).sources) == ["verifier"]


def test_load_scheme_runs_a_named_scheme_on_the_default_sources():
    assert load_scheme("hero") == load_scheme()
    assert list(load_scheme("verifier-only").sources) == ["verifier"]  # no reward model runs for nothing


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "heroo",
            r"^heroo: expected a scheme file \(.toml, .yaml, .yml\) or the name of a scheme; did you mean 'hero'",
        ),
        ("math", "^math: expected a scheme file .* or the name of a scheme; known: .*verifier-only"),
        ("hero.toml", "^hero.toml: no such scheme file$"),
        (
            "swe-rm",
            "'swe-rm' reads the signals unfinished, but the default sources are verifier, rm, tokens; write a scheme file",
        ),
    ],
)
def test_load_scheme_rejects_what_is_neither_a_file_nor_a_name(name, message):
    with pytest.raises(ConfigError, match=message):
        load_scheme(name)


_SOURCES = "sources: {verifier: {use: exact-match}}\n"
HOSTILE = {
    "contains itself.yaml": "sources: &a {verifier: *a}\nsteps: *a\n",
    "a list in itself.yaml": f"{_SOURCES}steps: &s [*s]\n",
    "a value in itself.yaml": "sources: {verifier: {use: number, decimals: &p {x: *p}}}\nsteps: {use: hero}\n",
    "deep.yaml": "a: " + "[" * 20_000 + "]" * 20_000,
    "900 levels.yaml": f"sources: {{verifier: {{use: number, decimals: {'[' * 900 + ']' * 900}}}}}\n",
    "blocks.yaml": "".join(f"{' ' * level}a:\n" for level in range(1_300)),
    "repeats.yaml": "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)),
    "keys.yaml": _SOURCES + "".join(f"k{i}: 1\n" for i in range(20_000)),
    "keys of a source.yaml": f"sources: {{verifier: {{use: number, {', '.join(f'k{i}: 1' for i in range(20_000))}}}}}\n",
    "keys.toml": "".join(f"k{i} = 1\n" for i in range(20_000)),
    "4,000 keys.yaml": _SOURCES + "".join(f"k{i}: 1\n" for i in range(4_000)),
    "steps.toml": "[sources.verifier]\nuse = 'exact-match'\n" + "[[steps]]\nuse = 'center'\n" * 20_000,
    "deep.toml": "a = " + "[" * 20_000 + "]" * 20_000,
    "900 levels.toml": "a = " + "[" * 900 + "]" * 900,
    "deep names.toml": "a" + ".a" * 3_000 + " = 1",
    "a long text.yaml": "a: " + "x" * 2_000_000,
    "digits.yaml": f"a: {'9' * 5_000}\n",
    "digits.toml": f"a = {'9' * 5_000}\n",
    "a date.yaml": "a: 2020-99-99\n",
    "no key.yaml": "sources: {null: {use: exact-match}}\nsteps: {use: hero}\n",
    "a truth.yaml": "sources: {verifier: {use: exact-match, yes: 1}}\nsteps: {use: hero}\n",
    "a key twice.yaml": "sources: {}\nsources: {}\n",
    "an object.yaml": "a: !!python/object/apply:os.system [x]\n",
    "null bytes.yaml": "\x00", "null bytes.toml": "\x00",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_scheme_file_ends_in_a_short_message_within_seconds(tmp_path, name):
    path = tmp_path / name
    path.write_text(HOSTILE[name])
    start = time.process_time()
    with pytest.raises(ConfigError) as caught:
        load_scheme(path)
    assert time.process_time() - start < 3.0  # one second on a machine that is not busy
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) <= 10
    assert len(str(caught.value)) < 700 + len(str(path))
