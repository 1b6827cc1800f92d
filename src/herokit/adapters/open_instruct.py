"""Adapter for open-instruct: a reward function for all rollouts of a prompt, and herokit's verifiers under its own names.

open-instruct calls one reward function for the rollouts of a prompt, and builds it from ``RewardConfig``: `install` replaces
``RewardConfig.build`` and patches nothing else. A verifier alone needs no patch: open-instruct finds every subclass of its
`VerifierFunction`.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from herokit.adapters.common.base import RewarderLike, score_group, to_rewarder, trainer_values_filled
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.metrics import compute_metrics
from herokit.adapters.common.samples import make_sample, native_value
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.sources.execution import verify
from herokit.types import Verifier

__all__ = ["RewardFunction", "install", "verifier_function"]

INFO = AdapterInfo(
    trainer="open-instruct, GRPO",
    version="e6c3044",
    tested="contract",
    scope="all rollouts of a prompt",
    settings="`--advantage_normalization_type centered` (default)",
    state="one running mean per vLLM actor; not in checkpoints",
    limitations="no hook for the reward of a group (`install` patches `RewardConfig.build`); evaluation calls the same "
    "function and updates the running mean; a verifier alone raises where it has no value, which ends the actor",
    page="how-to/open-instruct.md",
)


class RewardFunction:
    """open-instruct's ``reward_fn``: the output of the chain for the rollouts of a prompt, and metrics.

    Args:
        rewarder: the sources and the chain.

    Attributes:
        output: of the last prompt.

    Raises:
        ConfigError: when called: a rollout has several reference answers, which open-instruct allows for lists of
            verifiers.

    Example:
        >>> from herokit import Rewarder, Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> reward_fn = RewardFunction(Rewarder({"rm": Length()}, Select("rm")))
        >>> import asyncio
        >>> asyncio.run(reward_fn([[1], [2]], ["a", "bcd"], ["4", "4"], ["math", "math"], ["stop"] * 2, None))[0]
        [1.0, 3.0]
    """

    def __init__(self, rewarder: RewarderLike) -> None:
        self.rewarder = to_rewarder(rewarder)
        self.output: RewardOutput | None = None

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
        """Return one number per rollout, and the metrics of this prompt."""
        del infos
        prompts = queries if queries is not None else [""] * len(decoded_responses)
        samples = (
            make_sample(
                prompt or "",
                text,
                "group",
                _reference(truth, row),
                {"dataset": name, "finish_reason": reason},
                location=f"open-instruct: rollout {row}",
                num_tokens=len(tokens),
                truncated=reason == "length",
            )
            for row, (prompt, text, truth, name, reason, tokens) in enumerate(
                zip(prompts, decoded_responses, ground_truths, datasets, finish_reasons, responses, strict=True)
            )
        )
        self.output = await score_group(self.rewarder, samples)
        return trainer_values_filled(self.output), compute_metrics(self.output)


def _reference(truth: Any, row: int) -> Any:
    truth = native_value(truth)
    if isinstance(truth, list):
        if len(truth) != 1:
            raise ConfigError(f"open-instruct: rollout {row} has {len(truth)} ground truths; herokit accepts one")
        truth = truth[0]
    return truth


def install(rewarder: RewarderLike) -> Callable[..., Awaitable[tuple[list[float], dict[str, Any]]]]:
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
    """Return a ``VerifierFunction`` subclass with one verifier of herokit.

    Args:
        verifier: a verifier of herokit.
        name: the name in the data's ``dataset`` column.
        weight: its weight in open-instruct.
        base: the class to extend, by default open-instruct's `VerifierFunction`.
        result: the class of results, by default open-instruct's `VerificationResult`.
    """
    if base is None or result is None:
        from open_instruct.ground_truth_utils import VerificationResult, VerifierFunction

        base, result = base or VerifierFunction, result or VerificationResult

    class Herokit(base):  # type: ignore[misc] # open-instruct's own
        """open-instruct finds it among the subclasses of its base class."""

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
            del rollout_state
            sample = make_sample(
                query or "",
                prediction,
                None,
                _reference(label, 0),
                location="open-instruct",
                num_tokens=len(tokenized_prediction),
            )
            verdict = verify(name, verifier, [sample])[0]
            if verdict.value is None:
                raise RuntimeError(f"{name}: {verdict.reason or verdict.status.value}")
            return result(score=verdict.value, reasoning=verdict.reason or None)

    return Herokit
