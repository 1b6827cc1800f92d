"""From a plan to results: fine-tune, teach the reward model, train, measure."""

from collections.abc import Mapping, Sequence
from functools import cache
from time import perf_counter, process_time
from typing import Any

from benchmarks.replication import stepwise
from benchmarks.replication.audit import audit
from benchmarks.replication.equations import Equations
from benchmarks.replication.grpo import Learner, train
from benchmarks.replication.learn import imitate
from benchmarks.replication.measure import examine, look
from benchmarks.replication.plan import Base, Run, Scheme
from benchmarks.replication.policy import Weights
from benchmarks.replication.remainders import Remainders
from benchmarks.replication.stepwise import RandomModel, StepwiseModel, teach
from benchmarks.replication.tasks import Task
from benchmarks.replication.text import Codec
from benchmarks.replication.verifiers import verifier_of

from herokit import Rewarder

TASKS: dict[str, Task] = {task.name: task for task in (Remainders(), Equations())}
"""Tasks in the world that all seeds share."""

PROBLEMS, ALONG, END = 2400, 250, 500
"""Problems to train on, to look at along the way, and to measure on at the end."""


@cache
def task_of(name: str, world: int) -> Task:
    """Return a task in a world of its own: other tables of mistakes, problems and accepted forms; 0 is the common one."""
    return type(TASKS[name])(world) if world else TASKS[name]


def fine_tune(bases: Sequence[Base], device: str = "cpu") -> list[Weights]:
    """Return the policies of bases that differ in their seeds alone, (1, ...) each."""
    first = bases[0]
    codec = Codec(task_of(first.task, first.world))
    shape = codec.shape(first.width, first.layers)
    weights = imitate(codec, shape, [base.seed for base in bases], first.epochs, device)
    return [{name: w[i : i + 1].clone() for name, w in weights.items()} for i in range(len(bases))]


def reward_model(base: Base, policy: Weights) -> tuple[StepwiseModel, dict[str, float]]:
    """Return the reward model of a base, and measures of both on problems nobody trained on."""
    codec = Codec(task_of(base.task, base.world))
    shape = codec.shape(base.width, base.layers)
    model = teach(codec, shape, policy, base.seed, base.labels)
    return model, examine(codec, shape, policy, model, codec.task.pool("rm", stepwise.POOL)[stepwise.POOL * 3 // 4 :])


def _told(run: Run, policy: Weights, sources: Mapping[str, Any]) -> Scheme:
    """Return a run's scheme, told what an audit of the first policy says if it has one."""
    if not run.audited:
        return run.scheme
    model = sources["rm"]
    said = audit(model.codec, model.shape, policy, model, sources["verifier"], run.base.seed, run.audited)
    return run.scheme.but(soundness=said.soundness, agreement=said.agreement)


def run_stack(
    runs: Sequence[Run], policies: Sequence[Weights], models: Sequence[StepwiseModel]
) -> list[dict[str, Any]]:
    """Train runs of one task and equal sizes together; return the curve and the final measures of each.

    Args:
        runs: the plans.
        policies: what each starts from, (1, ...).
        models: its reward model.
    """
    first = runs[0]
    codec, shape = models[0].codec, models[0].shape
    models = [
        RandomModel(m.codec, m.shape, m.weights) if run.random_scores else m
        for run, m in zip(runs, models, strict=True)
    ]
    evaluated = codec.task.pool(f"{first.split}-eval", END)
    curves: list[list[dict[str, float]]] = [[] for _ in runs]
    begun, spent, looking = perf_counter(), process_time(), 0.0

    def watch(step: int, weights: Weights) -> None:
        nonlocal looking
        if step % first.every == 0 or step == first.batch.steps:
            at = perf_counter()
            for i, (curve, model) in enumerate(zip(curves, models, strict=True)):
                one = {name: w[i : i + 1] for name, w in weights.items()}
                curve.append({"step": step, **look(codec, shape, one, model, evaluated[:ALONG], 99 + step)})
            looking += perf_counter() - at

    sources = [
        {"verifier": verifier_of(codec.task, r.recall, r.false_positives, learnable=r.learnable), "rm": m}
        for r, m in zip(runs, models, strict=True)
    ]
    told = [_told(run, policy, source) for run, policy, source in zip(runs, policies, sources, strict=True)]
    learners = [
        Learner(policy, Rewarder(source, scheme.chain()), run.rate, scheme.trainer, run.base.seed)
        for run, scheme, policy, source in zip(runs, told, policies, sources, strict=True)
    ]
    weights, history = train(codec, shape, learners, codec.task.pool(first.split, PROBLEMS), first.batch, watch)
    for learner in learners:
        learner.rewarder.close()
    seconds = perf_counter() - begun - looking
    results = []
    for i, (run, curve) in enumerate(zip(runs, curves, strict=True)):
        one = {name: w[i : i + 1].detach() for name, w in weights.items()}
        for previous, row in zip([None, *curve[:-1]], curve, strict=True):
            part = history[i][int(previous["step"]) if previous else 0 : int(row["step"])]
            row |= {
                name: float(sum(h[name] for h in part) / len(part)) if part else float("nan") for name in history[i][0]
            }
        final = examine(codec, shape, one, models[i], evaluated)
        final |= {name: float(sum(h[name] for h in history[i]) / len(history[i])) for name in history[i][0]}
        final |= {f"{name}_change": curve[-1][name] - curve[0][name] for name in ("auc", "score")}
        final["curve"] = sum(row["pass1"] for row in curve) / len(curve)
        count = len(runs) * run.batch.steps * run.batch.groups * run.batch.group_size
        results.append({"curve": curve, "final": final, "rollouts_per_second": count / seconds})
    for result in results:
        result["processor_seconds"] = (process_time() - spent) / len(runs)
    return results
