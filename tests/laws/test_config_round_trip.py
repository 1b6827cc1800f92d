"""A step whose description loses a parameter: the scheme file would not be the scheme that ran."""

import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

from herokit.combiners import Stateless
from herokit.hookspecs import hookimpl
from herokit.registry import load_registry
from herokit.testing import Profile
from herokit.testing.check import check_laws
from herokit.testing.laws import get_law
from herokit.testing.subjects import CombinerSubject


def test_config_round_trip_finds_a_description_that_loses_a_parameter(monkeypatch, use_registry):
    @dataclass(frozen=True)
    class Shift(Stateless):
        offset: float = 1.0
        factor: float = field(default=2.0, init=False)

        def __call__(self, reward, signals):
            return signals["rm"] * self.factor + self.offset

    @hookimpl
    def herokit_register(register):
        register.combiner("shift", "faulty_shift:Shift")

    module = ModuleType("faulty_shift")
    module.Shift = Shift
    monkeypatch.setitem(sys.modules, "faulty_shift", module)
    plugins = load_registry(plugins=False, extra=[("test", SimpleNamespace(herokit_register=herokit_register))])
    use_registry(plugins)
    shift = Shift()
    object.__setattr__(shift, "factor", 3.0)
    law = get_law("config_round_trip")
    reports = [check_laws(CombinerSubject.from_combiner(step), [law], Profile(), "") for step in (Shift(), shift)]
    assert [report[law.name].outcome for report in reports] == ["passed", "failed"]
