"""From a plan to results: cold start, two reward models and what they are worth, GRPO, measures; each piece kept by itself."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from benchmarks.language_model.policy import Policy, write
from benchmarks.language_model.scores import EACH, LABELLED, Head, Likelihood, best_of, samples_of, teach
from benchmarks.language_model.tasks import Arithmetic
from benchmarks.language_model.training import Sizes, imitate, reinforce
from benchmarks.replication.measure import auc
from benchmarks.replication.protocol import schemes
from benchmarks.replication.verifiers import HiddenForm

from herokit import Rewarder

__all__ = ["Run", "Start", "load", "make_run", "make_start"]


@dataclass(frozen=True, slots=True)
class Start:
    """A cold-started policy and its two reward models.

    Attributes:
        kind: of the task.
        seed: of the whole pipeline.
        sizes: how much is drawn in training.
        problems: to train on, at most.
        measured: problems of the evaluation.
        each: samples of each at the end.
        many: rollouts of each of `favoured` problems, from which the reward model takes its favourite.
        favoured: problems of the best-of-n curve.
    """

    kind: str = "sums"
    seed: int = 0
    sizes: Sizes = field(default_factory=Sizes)
    problems: int = 600
    measured: int = 200
    each: int = 4
    many: int = 64
    favoured: int = 48

    @property
    def key(self) -> str:
        """Name it in the cache."""
        return _hash(self)


@dataclass(frozen=True, slots=True)
class Run:
    """One training by GRPO.

    Attributes:
        start: what it starts from.
        scheme: its name among the schemes of the replication.
        scores: ``likelihood`` or ``head``.
        recall: of the verifier.
        rate: learning rate.
        split: ``dev`` chooses rates, ``test`` is for claims.
    """

    start: Start
    scheme: str
    scores: str
    recall: float
    rate: float = 1e-5
    split: str = "test"

    @property
    def key(self) -> str:
        """Name it in the cache; a changed chain is another run."""
        return _hash(self, repr(schemes(self.recall)[self.scheme].chain()))


def _hash(plan: Any, *more: str) -> str:
    text = json.dumps([type(plan).__name__, asdict(plan), *more], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:20]


def _right(task: Arithmetic, samples: Sequence[Any]) -> Any:
    return np.array([s.meta["finished"] and task.oracle(s.meta["problem"], s.completion) for s in samples])


def _examine(policy: Policy, task: Arithmetic, problems: Sequence[Any], each: int, seed: int | None) -> float:
    """Return pass@1 of `each` samples a problem, or of the likeliest text without a seed."""
    dice = None if seed is None else torch.Generator(policy.device).manual_seed(seed)
    rollouts = write(policy, [task.text(p) for p in problems], each, dice)
    return float(_right(task, samples_of(policy, task, problems, rollouts)).mean())


def _worth(
    models: Mapping[str, Any], policy: Policy, task: Arithmetic, problems: Sequence[Any], start: Start
) -> dict[str, Any]:
    """Return each reward model's AUC, over all rollouts and inside groups, and its best-of-n curve, on the same rollouts."""
    dice, right = torch.Generator(policy.device).manual_seed(50 + start.seed), list[Any]()
    scores: dict[str, list[Any]] = {name: [] for name in models}
    for problem in problems:
        samples = samples_of(policy, task, [problem], write(policy, [task.text(problem)], start.many, dice))
        right.append(_right(task, samples))
        for name, model in models.items():
            scores[name].append(model.score(samples))
    found = {}
    for name, by_problem in scores.items():
        inside = [auc(s, r) for s, r in zip(by_problem, right, strict=True) if 0 < r.sum() < len(r)]
        found[name] = {
            "auc": auc(np.concatenate(by_problem), np.concatenate(right)),
            "auc_inside": float(np.mean(inside)) if inside else float("nan"),
            "best_of": best_of(by_problem, right),
        }
    return found


def make_start(root: Path, start: Start, policy: Policy) -> dict[str, Any]:
    """Fine-tune a policy in place, teach the head, measure all; write weights, head and measures.

    The weights that are kept, and that every run starts from, are rounded to bf16.
    """
    task, begun = Arithmetic(start.kind), process_time()
    pool = task.pool("teacher", start.sizes.examples)
    imitate(policy, task, pool, start.seed, start.sizes)
    for weight in policy.model.parameters():
        weight.data = weight.data.bfloat16().float()
    labelled = task.pool("rm", LABELLED + start.favoured)
    dice = torch.Generator(policy.device).manual_seed(7000 + start.seed)
    chosen = labelled[:LABELLED]
    samples = samples_of(policy, task, chosen, write(policy, [task.text(p) for p in chosen], EACH, dice))
    head = teach(policy, samples, _right(task, samples))
    evaluated = task.pool("test-eval", start.measured)
    found = {
        "sampled": _examine(policy, task, evaluated, start.each, 7),
        "greedy": _examine(policy, task, evaluated, 1, None),
        **_worth({"likelihood": Likelihood(policy), "head": head}, policy, task, labelled[LABELLED:], start),
        "processor_seconds": process_time() - begun,
    }
    kept = {name: weight.bfloat16().cpu() for name, weight in policy.model.state_dict().items()}
    extra = {"head.weights": torch.tensor(head.weights), "head.bias": torch.tensor(head.bias)}
    root.mkdir(parents=True, exist_ok=True)
    torch.save(kept | extra, root / f"{start.key}.part")
    (root / f"{start.key}.part").replace(root / f"{start.key}.pt")
    _write(root / f"{start.key}.json", {"plan": asdict(start), "result": found})
    return found


def make_run(root: Path, run: Run, opened: Callable[[], Policy]) -> dict[str, Any]:
    """Train from a kept start; write and return the curve and the final measures.

    Raises:
        FileNotFoundError: the start was not made.
    """
    kept = torch.load(root / f"{run.start.key}.pt", weights_only=True)
    weights, bias = kept.pop("head.weights"), kept.pop("head.bias")
    policy, frozen, task = opened(), opened(), Arithmetic(run.start.kind)
    for model in (policy.model, frozen.model):
        model.load_state_dict(kept)
    frozen.model.requires_grad_(requires_grad=False)
    scores = Likelihood(frozen) if run.scores == "likelihood" else Head(frozen, weights.numpy(), float(bias))
    evaluated = task.pool(f"{run.split}-eval", run.start.measured)
    curve, begun = list[dict[str, float]](), (perf_counter(), process_time())

    def look(step: int) -> None:
        if step % 10 == 0 or step == run.start.sizes.steps:
            curve.append(
                {"step": step, "sampled": _examine(policy, task, evaluated[: len(evaluated) // 2], 1, 99 + step)}
            )

    sources: Any = {"verifier": HiddenForm(task, run.recall), "rm": scores}
    with Rewarder(sources, schemes(run.recall)[run.scheme].chain()) as rewarder:
        pool = task.pool(run.split, run.start.problems)
        reinforce(policy, task, pool, rewarder, run.rate, run.start.seed, run.start.sizes, look)
    final = {
        "curve": float(np.mean([row["sampled"] for row in curve])),
        "sampled": _examine(policy, task, evaluated, run.start.each, 7),
        "greedy": _examine(policy, task, evaluated, 1, None),
    }
    spent = {"seconds": perf_counter() - begun[0], "processor_seconds": process_time() - begun[1]}
    result = {"curve": curve, "final": final, **spent}
    _write(root / f"{run.key}.json", {"plan": asdict(run), "result": result})
    return result


def _write(path: Path, value: Any) -> None:
    """Write whole or not at all, so that a killed process leaves nothing half-written."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.replace(path)


def load(root: Path, plan: Start | Run) -> dict[str, Any] | None:
    """Return what was made of a plan, None if it was not."""
    path = root / f"{plan.key}.json"
    result: dict[str, Any] | None = json.loads(path.read_text())["result"] if path.exists() else None
    return result
