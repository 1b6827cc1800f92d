"""A planted fault in a step's description: the scheme file would not be the scheme that ran."""

import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

from herokit.combiners import Stateless
from herokit.config import build
from herokit.hookspecs import hookimpl
from herokit.registry import load_registry
from herokit.testing import Profile, get_law
from herokit.testing.check import check
from herokit.testing.subjects import subject_of


def test_a_description_that_loses_a_setting_is_caught(monkeypatch):
    @dataclass(frozen=True)
    class Shift(Stateless):
        by: float = 1.0
        times: float = field(default=2.0, init=False)

        def __call__(self, reward, signals):
            return signals["rm"] * self.times + self.by

    @hookimpl
    def herokit_register(register):
        register.combiner("shift", "faulty_shift:Shift")

    module = ModuleType("faulty_shift")
    module.Shift = Shift
    monkeypatch.setitem(sys.modules, "faulty_shift", module)
    known = load_registry(plugins=False, extra=[("test", SimpleNamespace(herokit_register=herokit_register))])
    monkeypatch.setattr(sys.modules[build.__module__], "registry", lambda: known)
    shift = Shift()
    object.__setattr__(shift, "times", 3.0)
    law = get_law("config_round_trip")
    outcomes = [check(subject_of(step), [law], {}, Profile(), "").results[0].outcome for step in (Shift(), shift)]
    assert outcomes == ["passed", "failed"]
