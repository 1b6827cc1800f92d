import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from herokit import Groups, Signals, hero_advantage
from herokit.combiners import initial_reward

RANK = Path(__file__).with_name("rank.py")


def test_two_ranks_equal_one_process_that_sees_both_batches(tmp_path):
    command = [sys.executable, RANK]
    ranks = [
        subprocess.Popen([*command, str(rank), tmp_path / "store"], stdout=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    result = [json.loads(process.communicate(timeout=120)[0]) for process in ranks]
    assert result[0]["count"] == result[1]["count"] == 3 * 8 - 3
    assert result[0]["value"] == result[1]["value"]

    scheme = hero_advantage()
    state = scheme.init()
    for step in range(3):
        parts = []
        for rank, groups in enumerate((3, 5)):
            rng = np.random.default_rng([step, rank])
            rm, right = rng.normal(size=groups * 4), (rng.random(groups * 4) < 0.5) * 1.0
            if (step, rank) != (1, 0):
                parts.append((np.repeat(np.arange(groups), 4) + 3 * rank, rm, right))
        index, rm, right = (np.concatenate(x) for x in zip(*parts, strict=True))
        signals = Signals({"rm": rm, "verifier": right}, Groups(index, 8))
        reward, state = scheme.combine(initial_reward(signals), signals, state)
        np.testing.assert_allclose(result[0]["rewards"][step] + result[1]["rewards"][step], reward, rtol=0, atol=1e-12)
    assert result[0]["value"] == pytest.approx(state[-1].value, rel=1e-12)
