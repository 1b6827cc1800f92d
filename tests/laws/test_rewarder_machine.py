"""The rewarder in any order of events; and the machine notices when it forgets."""

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from herokit import Rewarder, hero, hero_advantage
from herokit.combiners import WeightByStd
from herokit.testing import rewarder_state_machine

SHORT = settings(max_examples=10, stateful_step_count=12, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("combiner", [hero(), hero_advantage(), hero().steps[1], WeightByStd(momentum=0.5)], ids=repr)
def test_any_order_of_events(combiner):
    run_state_machine_as_test(rewarder_state_machine(combiner), settings=SHORT)


@pytest.mark.parametrize("fault", ["evaluation writes", "restore forgets", "failures count"])
def test_the_machine_notices(fault, monkeypatch):
    call = Rewarder.__call__
    if fault == "evaluation writes":
        monkeypatch.setattr(Rewarder, "__call__", lambda self, samples, **_: call(self, samples))
    elif fault == "restore forgets":
        monkeypatch.setattr(Rewarder, "load_state_dict", lambda self, data: None)
    else:

        def forgetful(self, samples, *, update_state=True):
            before = self.state
            outcome = call(self, samples, update_state=update_state)
            if not outcome.valid.all():
                self.state = before
            return outcome

        monkeypatch.setattr(Rewarder, "__call__", forgetful)
    with pytest.raises(AssertionError, match="the combiner alone"):
        run_state_machine_as_test(
            rewarder_state_machine(hero()),
            settings=settings(SHORT, max_examples=1_000, phases=[Phase.generate]),  # it stops at the first
        )
