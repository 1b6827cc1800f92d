"""open-instruct: its reward function for all rollouts of a prompt, and verifiers of herokit under its own names.

open-instruct calls one reward function for the k rollouts of a prompt. It builds that function itself, from
``RewardConfig``: `install` replaces ``RewardConfig.build``, a patch of that method and of nothing else. A verifier alone
needs no patch: open-instruct finds every subclass of its `VerifierFunction`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from herokit.adapters.common.base import as_gold, filled
from herokit.adapters.common.info import Support
from herokit.adapters.common.metrics import metrics
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.sources.execution import verify
from herokit.types import Sample, Verifier

SUPPORT = Support(
    trainer="open-instruct, GRPO",
    version="e6c3044",
    tried="contract only",
    sees="all rollouts of a prompt",
    settings="`--advantage_normalization_type centered` (default)",
    state="one running mean a vLLM actor; not in checkpoints",
    lost="no hook for the group's reward (`install` patches `RewardConfig.build`); evaluation calls the same function and "
    "moves the running mean; a verifier alone knows no None: it raises, and the actor with it",
    page="how-to/open-instruct.md",
)


class RewardFunction:
    """open-instruct's ``reward_fn``: the chain's output over the k rollouts of a prompt, and numbers to log.

    Args:
        rewarder: what scores.

    Attributes:
        outcome: of the last prompt.

    Raises:
        ConfigError: when called: the rollouts have several gold answers each, which open-instruct allows for lists of
            verifiers.

    Example:
        >>> from herokit import Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> reward_fn = RewardFunction(Rewarder({"rm": Length()}, Select("rm")))
        >>> asyncio.run(reward_fn([[1], [2]], ["a", "bcd"], ["4", "4"], ["math", "math"], ["stop"] * 2, None))[0]
        [1.0, 3.0]
    """

    def __init__(self, rewarder: Rewarder) -> None:
        self.rewarder = rewarder
        self.outcome: RewardOutput | None = None

    async def __call__(
        self,
        responses: Sequence[Any],
        decoded_responses: Sequence[str],
        ground_truths: Sequence[Any],
        datasets: Sequence[Any],
        finish_reasons: Sequence[str],
        infos: Any,
        queries: Sequence[str] | None = None,
    ) -> tuple[list[float], dict[str, Any]]:
        """Return one number a rollout, and metrics of this prompt."""
        del responses, infos
        asked = queries if queries is not None else [""] * len(decoded_responses)
        samples = [
            Sample(query or "", text, "group", _gold(truth, row), {"dataset": dataset, "finish_reason": reason})
            for row, (query, text, truth, dataset, reason) in enumerate(
                zip(asked, decoded_responses, ground_truths, datasets, finish_reasons, strict=True)
            )
        ]
        answers = await asyncio.to_thread(self.rewarder.run_sources, samples)
        self.outcome = self.rewarder.combine(answers, ["group"] * len(samples))
        return filled(self.outcome), metrics(self.outcome)


def _gold(truth: Any, row: int) -> str | None:
    if isinstance(truth, list | tuple):
        if len(truth) != 1:
            raise ConfigError(
                f"open-instruct: rollout {row} has {len(truth)} ground truths; herokit takes one a prompt"
            )
        truth = truth[0]
    return as_gold(truth)


def install(rewarder: Rewarder) -> Callable[..., Awaitable[tuple[list[float], dict[str, Any]]]]:
    """Make open-instruct use the rewarder for every prompt, and return the reward function.

    Call it in a module that every vLLM actor imports, before ``RewardConfig.build`` runs.
    """
    from open_instruct.ground_truth_utils import RewardConfig

    function = RewardFunction(rewarder)
    RewardConfig.build = lambda _config: function
    return function


def verifier_function(
    verifier: Verifier, name: str, *, weight: float = 1.0, base: Any = None, result: Any = None
) -> Any:
    """Return a ``VerifierFunction`` subclass that asks one verifier, for data sets whose source is `name`.

    Args:
        verifier: a verifier of herokit.
        name: what the data's column of data sets says.
        weight: open-instruct's own weight of it.
        base: open-instruct's `VerifierFunction` unless given.
        result: open-instruct's `VerificationResult` unless given.
    """
    if base is None or result is None:
        from open_instruct.ground_truth_utils import VerificationResult, VerifierFunction

        base, result = base or VerifierFunction, result or VerificationResult

    class Herokit(base):  # type: ignore[misc] # open-instruct's own
        """Found by open-instruct through its base class."""

        def __init__(self, verifier_config: Any = None) -> None:
            super().__init__(name, weight=weight, verifier_config=verifier_config)

        def __call__(
            self,
            tokenized_prediction: Sequence[int],
            prediction: str,
            label: Any,
            query: str | None = None,
            rollout_state: Any = None,
        ) -> Any:
            del tokenized_prediction, rollout_state
            verdict = verify(name, verifier, [Sample(query or "", prediction, None, _gold(label, 0))])[0]
            if verdict.value is None:
                raise RuntimeError(f"{name}: {verdict.reason or verdict.status.value}")
            return result(score=verdict.value, reasoning=verdict.reason or None)

    return Herokit
