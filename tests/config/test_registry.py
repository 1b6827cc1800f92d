import re
from types import SimpleNamespace

import pytest

from herokit.errors import ConfigError, NameClashError, PluginError, UnknownNameError
from herokit.hookspecs import hookimpl
from herokit.registry import load_registry


def plugin(*names, target="herokit:Select"):
    @hookimpl
    def herokit_register(register):
        for name in names:
            register.combiner(name, target)

    return SimpleNamespace(herokit_register=herokit_register)


def load(*extra):
    return load_registry(plugins=False, extra=extra)


def test_load_registry_registers_built_ins():
    assert {entry.owner for entry in load()} == {"herokit"}
    for entry in load():
        assert callable(entry.load()), entry


def test_load_registry_records_the_owner_of_a_name():
    registry = load(("mine", plugin("wiggle")))
    assert registry.find("wiggle").owner == "mine"
    assert "wiggle" not in {entry.name for entry in load()}  # registries share no state


def test_load_registry_rejects_a_name_of_two_plugins():
    with pytest.raises(NameClashError, match="'wiggle' is registered twice: by 'one' as 'a:B' and by 'two' as 'c:D'"):
        load(("one", plugin("wiggle", target="a:B")), ("two", plugin("wiggle", target="c:D")))


def test_find_suggests_the_nearest_name_of_the_right_kind():
    with pytest.raises(UnknownNameError, match="nothing is registered as 'stratfy'; did you mean 'stratify'"):
        load().find("stratfy")
    with pytest.raises(UnknownNameError, match=r"^'math' is not installed; run: pip install 'herokit\[math\]'$"):
        load().find("math", ("verifier",))
    with pytest.raises(ConfigError, match="'hero' is a scheme; expected a verifier or a reward model"):
        load().find("hero", ("verifier", "reward model"))


def test_load_registry_names_the_plugin_of_a_faulty_hook():
    @hookimpl
    def herokit_register(register):
        raise OSError("no licence")

    with pytest.raises(PluginError, match="plugin 'mine' raised OSError: no licence"):
        load(("mine", SimpleNamespace(herokit_register=herokit_register)))

    @hookimpl
    def herokit_registre(register):
        pass

    with pytest.raises(PluginError, match="herokit_registre"):
        load(("mine", SimpleNamespace(herokit_registre=herokit_registre)))


def test_load_of_a_missing_target_names_the_plugin():
    entry = load(("mine", plugin("wiggle", target="herokit:Nothing"))).find("wiggle")
    with pytest.raises(PluginError, match="plugin 'mine', loading 'wiggle' from 'herokit:Nothing'"):
        entry.load()


def test_load_registry_survives_a_plugin_that_cannot_be_imported(monkeypatch):
    def broken():
        raise ImportError("libcuda.so")

    point = SimpleNamespace(name="x", dist=SimpleNamespace(name="herokit-x"), load=broken)
    monkeypatch.setattr("herokit.registry.entry_points", lambda group: [point])
    registry = load_registry()
    assert registry.load_errors == {"herokit-x": "ImportError: libcuda.so"}
    with pytest.raises(UnknownNameError, match="plugin 'herokit-x' could not be loaded: ImportError: libcuda.so"):
        registry.find("x-model")


@pytest.fixture
def installed(monkeypatch):
    """Return a function that loads a registry with these installed plugins: name -> what loading it does."""

    def install(**plugins):
        points = [
            SimpleNamespace(name=name, dist=SimpleNamespace(name=name), load=load) for name, load in plugins.items()
        ]
        monkeypatch.setattr("herokit.registry.entry_points", lambda group: points)
        return load_registry()

    return install


def raises(error):
    def load_plugin(*_):
        raise error

    return load_plugin


@pytest.mark.parametrize(
    "error", [SystemExit(3), GeneratorExit(), ImportError("no"), RecursionError(), MemoryError(), BaseException("x"), StopIteration()]
)  # fmt: skip
@pytest.mark.parametrize("place", ["import", "hook"])
def test_plugin_that_raises_anything_disables_itself_alone(installed, error, place):
    faulty = SimpleNamespace(herokit_register=hookimpl(lambda register: raises(error)()))
    registry = installed(bad=raises(error) if place == "import" else lambda: faulty, good=lambda: plugin("wiggle"))
    assert registry.find("wiggle").owner == "good"
    assert registry.find("hero").owner == "herokit"
    assert list(registry.load_errors) == ["bad"]
    assert type(error).__name__ in registry.load_errors["bad"]


@pytest.mark.parametrize(
    ("names", "target", "message"),
    [
        ((3,), "a:B", "registers the name 3; expected a text"),
        ((None,), "a:B", "registers the name None"),
        (([],), "a:B", r"registers the name \[\]"),
        (("",), "a:B", "registers the name ''"),
        (("a\n",), "a:B", "registers the name 'a"),
        (("ok", "hero"), "a:B", "'hero' is registered twice: by 'herokit'"),
        (("wiggle",), 3, 'registers .wiggle. with the target 3; expected "package.module:Attribute"'),
        (("wiggle",), "nothing", "registers .wiggle. with the target .nothing."),
    ],
)
def test_names_that_are_faulty_disable_their_plugin_alone(installed, names, target, message):
    registry = installed(good=lambda: plugin("good-name"), bad=lambda: plugin(*names, target=target))
    assert list(registry.load_errors) == ["bad"]
    assert re.search(message, registry.load_errors["bad"])
    assert "good-name" in registry
    assert "ok" not in registry  # all names of a plugin or none
    assert registry.find("hero").owner == "herokit"


def test_plugin_with_a_wrong_hook_disables_itself_alone(installed):
    wrong_name = SimpleNamespace(herokit_registre=hookimpl(lambda register: None))
    wrong_parameter = SimpleNamespace(herokit_register=hookimpl(lambda registry: None))
    registry = installed(a=lambda: wrong_name, b=lambda: wrong_parameter, good=lambda: plugin("good-name"))
    assert list(registry.load_errors) == ["a", "b"]
    assert "good-name" in registry


def test_target_that_exits_at_import_is_an_error_of_its_plugin(tmp_path, monkeypatch):
    (tmp_path / "exits_at_import.py").write_text("raise SystemExit(0)")
    monkeypatch.syspath_prepend(tmp_path)
    entry = load(("mine", plugin("wiggle", target="exits_at_import:A"))).find("wiggle")
    with pytest.raises(PluginError, match="plugin 'mine', loading 'wiggle' .* raised SystemExit"):
        entry.load()
