"""One rank of a two-rank job: combine two batches with a synced running mean and print the result as JSON."""

import json
import sys

import numpy as np
from torch import distributed

from herokit import Groups, Signals, hero_advantage
from herokit.combiners import initial_reward
from herokit_torch import AllReduce


def main():
    rank, store = int(sys.argv[1]), sys.argv[2]
    distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    scheme = hero_advantage()
    state, rewards = scheme.init(), []
    for step in range(3):
        rng = np.random.default_rng([step, rank])
        groups = [3, 5][rank]
        n = groups * 4 if (step, rank) != (1, 0) else 0  # at one step this rank has no usable row
        index = np.repeat(np.arange(groups), 4)[:n]
        values = {"rm": rng.normal(size=groups * 4)[:n], "verifier": (rng.random(groups * 4) < 0.5)[:n] * 1.0}
        signals = Signals(values, Groups(index, groups))
        reward, state = scheme.combine(initial_reward(signals), signals, state, sync=AllReduce())
        rewards.append(reward.tolist())
    distributed.destroy_process_group()
    json.dump({"rewards": rewards, "count": state[-1].count, "value": state[-1].value}, sys.stdout)


if __name__ == "__main__":
    main()
