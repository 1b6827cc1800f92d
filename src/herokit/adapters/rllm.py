"""rLLM: an evaluator whose signals are the components, and an advantage estimator over trajectory groups."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from herokit.adapters.common.base import REFERENCES, gold_of, text_of
from herokit.adapters.common.info import Support
from herokit.adapters.common.microbatch import Scorer
from herokit.adapters.common.rows import combine_rows
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.types import Sample

SUPPORT = Support(
    trainer="rLLM",
    version="9beb6e0",
    tried="contract only",
    sees="one episode; the estimator sees all groups of a role",
    settings='`AgentTrainer(traj_group_adv_estimator_map={role: "herokit"})`',
    state="the rewarder's own: `save_state`, `load_state`",
    lost="no hook at checkpoints; not run in the tests, as rLLM is not on PyPI (tried by hand on a checkout of that "
    "commit)",
    page="how-to/rllm.md",
)


class Evaluator:
    """rLLM's evaluator: what every source says of an episode's last trajectory, as signals; NaN where it could not say.

    Args:
        rewarder: whose sources are asked; nothing is combined.
        reference: the key of a task, or of its metadata, with the gold answer.

    Example:
        >>> from herokit import Select, Verdict
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.completion == s.reference)) for s in samples]
        >>> evaluator = Evaluator(Rewarder({"verifier": Exact()}, Select("verifier")))
        >>> evaluator.score({"question": "2 + 2?", "answer": "4"}, "4")
        {'reward': 1.0, 'is_correct': True, 'signals': {'verifier': 1.0}, 'metadata': {'verifier_reason': ''}}
    """

    def __init__(self, rewarder: Rewarder, reference: str | Sequence[str] = REFERENCES) -> None:
        self.scorer, self.reference = Scorer(rewarder), reference

    def score(self, task: Any, action: str) -> dict[str, Any]:
        """Score one answer; rLLM makes an `EvalOutput` of the dictionary."""
        fields = task if isinstance(task, dict) else {"question": getattr(task, "instruction", ""), **task.metadata}
        prompt = next((fields[name] for name in ("question", "prompt", "problem") if name in fields), "")
        sample = Sample(text_of(prompt, "prompt"), action, None, gold_of(fields, self.reference), fields)
        row = self.scorer.rows([sample])[0]
        sources = self.scorer.rewarder.sources
        shown = self.scorer.shown(row)
        return {
            "reward": shown,
            "is_correct": shown > 0.5,  # noqa: PLR2004 - as `herokit.combiners.CORRECT_THRESHOLD`
            "signals": {name: float("nan") if row[name] is None else float(row[name]) for name in sources},
            "metadata": {f"{name}_reason": row[f"{name}_reason"] for name in sources},
        }

    def __call__(self, task: Any, episode: Any) -> dict[str, Any]:
        """Score an episode by its last trajectory's output; wrap it with ``rllm.evaluator``."""
        output = episode.trajectories[-1].output if episode.trajectories else ""
        return self.score(task, "" if output is None else str(output))


class Estimator:
    """rLLM's advantage estimator: combines all groups of a role; register it with ``register_rllm_adv_estimator``.

    Components are the trajectories' signals. Where none of a batch has signals, the rewards stand for the one source.

    Args:
        rewarder: what combines; its state moves with every batch.

    Attributes:
        outcome: of the last batch.

    Raises:
        ConfigError: when called: a trajectory lacks a source's signal.

    Example:
        >>> from herokit import Center, Select, chain
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> estimator = Estimator(Rewarder({"rm": Length()}, chain(Select("rm"), Center())))
        >>> [group.tolist() for group in estimator([np.array([1.0, 3.0])], None)[0]]
        [[-1.0, 1.0]]
    """

    def __init__(self, rewarder: Rewarder) -> None:
        self.rewarder = rewarder
        self.outcome: RewardOutput | None = None

    def __call__(
        self, rewards: Sequence[Any], algorithm_config: Any, traj_groups: Sequence[Any] | None = None, **_passed: Any
    ) -> tuple[list[Any], list[Any]]:
        """Return advantages and returns, a list of arrays each, shaped as `rewards`."""
        del algorithm_config  # its normalization is not ours
        sizes = [len(group) for group in rewards]
        if not sizes:
            return [], []
        rows = self._rows(rewards, traj_groups)
        self.outcome = combine_rows(self.rewarder, rows, np.repeat(np.arange(len(sizes)), sizes).tolist())
        flat = np.nan_to_num(self.outcome.advantage)
        advantages = np.split(flat, np.cumsum(sizes)[:-1])
        return advantages, list(advantages)

    def _rows(self, rewards: Sequence[Any], traj_groups: Sequence[Any] | None) -> list[dict[str, Any]]:
        names = list(self.rewarder.sources)
        signals = [dict(t.signals) for group in traj_groups or () for t in group.trajectories]
        if not any(signals) and len(names) == 1:
            return [{names[0]: float(x)} for group in rewards for x in group]
        for row, signal in enumerate(signals):
            missing = [name for name in names if name not in signal]
            if missing:
                raise ConfigError(
                    f"rLLM: trajectory {row} has no signal {missing}; it has {sorted(signal)}. Use an "
                    "herokit.adapters.rllm.Evaluator"
                )
        if not signals:
            raise ConfigError(f"rLLM: no trajectories came with the rewards, and the sources are {names}")
        return signals


def register(rewarder: Rewarder, name: str = "herokit") -> Callable[..., Any]:
    """Register an `Estimator` under `name`, and return it."""
    from rllm.trainer.algorithms.advantage import register_rllm_adv_estimator

    found: Callable[..., Any] = register_rllm_adv_estimator(name)(Estimator(rewarder))
    return found
