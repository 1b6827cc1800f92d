"""Every rollout of a run as a scored file, as a trainer's reward log holds them: what `herokit check --rollouts` reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.replication import pipeline
from benchmarks.replication.grpo import Learner, train
from benchmarks.replication.plan import Run
from benchmarks.replication.stepwise import StepwiseModel
from benchmarks.replication.store import Store
from benchmarks.replication.text import Codec
from benchmarks.replication.verifiers import verifier_of

from herokit import Rewarder, RewardOutput, Sample

__all__ = ["LoggedRewarder", "write_rollouts"]


class LoggedRewarder(Rewarder):
    """A rewarder that keeps a table of each batch, with its prompts, completions and training step."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.tables: list[Any] = []

    def __call__(self, samples: Sequence[Sample], /, *, update_state: bool = True) -> RewardOutput:
        """Score a batch."""
        import pyarrow as pa

        out = super().__call__(samples, update_state=update_state)
        table = out.to_arrow()
        columns = {
            "group": [f"{key[0]}-{key[1]}" for key in out.group_keys],  # type: ignore[index] # (step, problem)
            "prompt": [sample.prompt for sample in samples],
            "completion": [sample.completion for sample in samples],
            "step": [len(self.tables)] * len(samples),
        }
        rest = table.drop_columns(["group"])
        self.tables.append(pa.table({**columns, **{name: rest[name] for name in rest.column_names}}))
        return out


def write_rollouts(cache: Path, run: Run, path: Path) -> None:
    """Train one run, from the cached policy and reward model, and write its rollouts as Parquet.

    Args:
        cache: where policies and reward models are kept; what is missing is made.
        run: the plan.
        path: the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    store, codec = Store(cache), Codec(pipeline.TASKS[run.base.task])
    torch.set_num_threads(1)
    if store.policy(run.base) is None:
        store.keep_policy(run.base, pipeline.fine_tune([run.base])[0])
    if store.model(run.base) is None:
        made, measures = pipeline.reward_model(run.base, store.policy(run.base) or {})
        store.keep_model(run.base, made.weights, measures)
    policy, model = store.policy(run.base), store.model(run.base)
    if policy is None or model is None:
        raise RuntimeError(f"the cache lost the base of {run}")
    shape = codec.shape(run.base.width, run.base.layers)
    sources: Any = {
        "verifier": verifier_of(codec.task, run.recall, run.false_positives),
        "rm": StepwiseModel(codec, shape, model[0]),
    }
    rewarder = LoggedRewarder(sources, run.scheme.chain())
    learner = Learner(policy, rewarder, run.rate, run.scheme.trainer, run.base.seed)
    problems = codec.task.pool(run.split, pipeline.PROBLEMS)
    train(codec, shape, [learner], problems, run.batch, lambda *_: None)
    rewarder.close()
    pq.write_table(pa.concat_tables(rewarder.tables), path)
