"""The rewarder state machine passes for the rewarder and fails for faulty ones."""

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from herokit import Rewarder, hero, hero_advantage
from herokit.combiners import WeightByStd
from herokit.testing import rewarder_state_machine

SHORT = settings(max_examples=10, stateful_step_count=12, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("combiner", [hero(), hero_advantage(), hero().steps[1], WeightByStd(momentum=0.5)], ids=repr)
def test_rewarder_state_machine_passes(combiner):
    run_state_machine_as_test(rewarder_state_machine(combiner), settings=SHORT)


@pytest.mark.parametrize("fault", ["evaluation writes", "restore forgets", "failures count"])
def test_rewarder_state_machine_finds_a_faulty_rewarder(fault, monkeypatch):
    call = Rewarder.__call__
    if fault == "evaluation writes":
        monkeypatch.setattr(Rewarder, "__call__", lambda self, samples, **_: call(self, samples))
    elif fault == "restore forgets":
        monkeypatch.setattr(Rewarder, "load_state_dict", lambda self, data: None)
    else:

        def keep_old_state(self, samples, *, update_state=True):
            before = self.state
            out = call(self, samples, update_state=update_state)
            if not out.valid.all():
                self.state = before
            return out

        monkeypatch.setattr(Rewarder, "__call__", keep_old_state)
    with pytest.raises(AssertionError, match="the bare combiner"):
        run_state_machine_as_test(
            rewarder_state_machine(hero()),
            settings=settings(SHORT, max_examples=1_000, phases=[Phase.generate]),  # it stops at the first
        )
