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
    with pytest.raises(UnknownNameError, match="it comes with the package herokit-math"):
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
