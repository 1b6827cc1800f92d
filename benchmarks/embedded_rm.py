"""Measure the numbers of the embedded reward model's card: AUCs, the baseline rule, throughput on one core.

Run ``python benchmarks/embedded_rm.py``; sets whose files are absent are skipped.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plugins" / "herokit-onnx" / "training"))

import evaluate
import numpy as np

from herokit.reward_models.batching import MicroBatch
from herokit.types import Sample
from herokit_onnx import OnnxRewardModel


def naive(model: OnnxRewardModel, samples: list[Sample]) -> np.ndarray:
    """Score in padded batches of 32 in the order of arrival: the baseline of the planner."""
    runner = model._runner()  # noqa: SLF001 - the same session on both sides
    rows = runner.encode(samples)
    indices = range(len(samples))
    batches = [MicroBatch(tuple(indices[start : start + 32]), 0) for start in indices[::32]]
    return np.concatenate([logits[0] for batch in batches for logits in runner.run(rows, batch)])


def cpu_time(work, *arguments: object) -> tuple[float, np.ndarray]:  # noqa: ANN001 - any function of these arguments
    """Return the shortest processor time of three runs, and the scores."""
    times, out = [], None
    for _ in range(3):
        began = time.process_time()
        out = work(*arguments)
        times.append(time.process_time() - began)
    return min(times), np.asarray(out)


def main() -> None:
    """Print the card's numbers."""
    model = OnnxRewardModel(threads=1)
    for name, row in evaluate.report(model, with_real=True).items():
        print(name, row)
    sets = evaluate.sets(with_real=True)
    name, (samples, _) = list(sets.items())[-1]
    planned, a = cpu_time(lambda rows: model.score(rows).values, samples)
    arrival, b = cpu_time(naive, model, samples)
    np.testing.assert_allclose(a, b, atol=1e-4)
    print(
        f"{name}: {len(samples) / planned:.0f} rollouts/s of one core's time, {arrival / planned:.2f}x arrival order in 32s"
    )


if __name__ == "__main__":
    main()
