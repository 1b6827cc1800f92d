"""Write docs/explanation/weights.svg, which weight survives which trainer: ``python docs/make_weights.py``."""

from pathlib import Path
from typing import Any

import numpy as np

from herokit import Groups, Signals, hero, hero_advantage
from herokit.combiners import Chain, Mean, Weight, initial_reward
from herokit.schemes import stratified
from herokit.trainers import TRAINERS

FIGURE = Path(__file__).with_name("explanation") / "weights.svg"
NUM_GROUPS, GROUP_SIZE = 512, 8
RUNNING_MEAN = 1.5


def batch(seed: int = 0) -> Signals:
    """Return groups with different standard deviations of scores, four in ten rollouts correct."""
    rng = np.random.default_rng(seed)
    group_ids = np.repeat(np.arange(NUM_GROUPS), GROUP_SIZE)
    rm = rng.normal(size=NUM_GROUPS * GROUP_SIZE) * rng.uniform(0.2, 3.0, NUM_GROUPS)[group_ids]
    correct = (rng.random(NUM_GROUPS * GROUP_SIZE) < 0.4).astype(float)  # noqa: PLR2004 - a typical share
    return Signals({"rm": rm, "verifier": correct}, Groups(group_ids, NUM_GROUPS))


def run(scheme: Chain, signals: Signals) -> tuple[Any, Any]:
    """Return a scheme's output and its weight, with a running mean in place."""
    state = tuple(Mean(100, RUNNING_MEAN) if isinstance(s, Mean) else s for s in scheme.init())
    trace, _ = scheme.trace(initial_reward(signals), signals, state)
    weight = next(
        (t.weight for t in trace if isinstance(t.step, Weight)), np.ones_like(trace[-1].after)
    )
    return trace[-1].after, weight


def survival(name: str) -> float:
    """Return how much of a weight on the reward is left in a trainer's advantages: 0 none, 1 all of it.

    The slope of ``log(|A with| / |A without|)`` against ``log w`` over rows whose advantage is not zero.
    """
    signals = batch()
    (weighted, weight), (plain, _) = run(hero(), signals), run(stratified(), signals)
    group_ids = signals.groups.ids
    with_w, without = (np.abs(TRAINERS[name](r, group_ids)) for r in (weighted, plain))
    used = without > 1e-6  # noqa: PLR2004 - leaves out rows at their group's mean
    x, y = np.log(weight[used]), np.log(with_w[used] / without[used])
    return float(np.polyfit(x, y, 1)[0])


def advantage_survival() -> float:
    """Return the same for `hero_advantage`, whose advantages a trainer uses unchanged."""
    signals = batch()
    advantage, weight = run(hero_advantage(), signals)
    reward, _ = run(stratified(), signals)
    plain = TRAINERS["dr-grpo"](reward, signals.groups.ids)
    used = np.abs(plain) > 1e-6  # noqa: PLR2004 - as above
    return float(np.polyfit(np.log(weight[used]), np.log(advantage[used] / plain[used]), 1)[0])


def main() -> None:
    """Draw the figure and print its values."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "herokit"
    from matplotlib import pyplot as plt

    names = [*TRAINERS, "hero_advantage, advantages used unchanged"]
    left = [*(survival(name) for name in TRAINERS), advantage_survival()]
    figure, axes = plt.subplots(figsize=(8, 0.32 * len(names) + 1.2))
    colors = ["#b2502f" if x < 0.5 else "#2f6fb2" for x in left]  # noqa: PLR2004 - half-way
    axes.barh(names, left, color=colors)
    for place, x in enumerate(left):
        axes.text(max(x, 0.0) + 0.01, place, f"{x:.3f}", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.15), xlabel="share of the weight that is left in the advantage")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(FIGURE, metadata={"Date": None})
    for name, x in zip(names, left, strict=True):
        print(f"{name:>45} {x:7.3f}")


if __name__ == "__main__":
    main()
