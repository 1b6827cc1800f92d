"""OpenRLHF: an agent executor that combines the rollouts of a prompt, and a plain ``reward_func``.

OpenRLHF scores one rollout a call, but generates all rollouts of a prompt at once in one Ray actor: an executor can wait
for the siblings. What it returns is a reward; the driver centres it. ``dr_grpo`` subtracts the group's mean and nothing
more, so advantages given in place of rewards (their group mean is 0) pass unchanged.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from herokit.adapters.common.base import as_gold, filled
from herokit.adapters.common.gather import Cohorts
from herokit.adapters.common.info import Support
from herokit.adapters.common.microbatch import Scorer
from herokit.adapters.common.pointwise import check_pointwise
from herokit.adapters.common.rows import combine_rows
from herokit.errors import PluginError
from herokit.rewarder import Rewarder
from herokit.types import Sample

SUPPORT = Support(
    trainer="OpenRLHF",
    version="0.11.2",
    tried="real objects",
    sees="one rollout; the executor sees all of a prompt",
    settings="`--algo.advantage.estimator dr_grpo` (`rloo` stretches by n / (n - 1)); a wide enough `--reward.clip_range`",
    state="one running mean an engine; not in checkpoints",
    lost="no training run (needs a GPU, vLLM, deepspeed): the executor, with file, group and HTTP, was; "
    "evaluation moves the running mean; a row on which a source failed gets advantage 0, as OpenRLHF knows no None",
    page="how-to/openrlhf.md",
)

SPECIAL = re.compile(r"(?:<\|[^|<>\s]{1,40}\|>|</s>|<eos>|<pad>|<end_of_turn>)\Z")
MOST = 8
"""Special tokens that are taken off an end."""


def without_specials(text: str) -> str:
    r"""Take special tokens off the end: OpenRLHF decodes with them, the ending token included. Linear in the text.

    Example:
        >>> without_specials("so 4 <|im_end|>\n</s>"), without_specials("so 4 ")
        ('so 4 ', 'so 4 ')
    """
    for _ in range(MOST):
        bare = text.rstrip()
        found = SPECIAL.search(bare[-48:])
        if found is None:
            break
        text = bare[: len(bare) - len(found[0])]
    return text


class RewardFunction:
    """``reward_func(queries, prompts, labels)`` for ``--reward.remote_url file.py``: each rollout by itself.

    Args:
        rewarder: what scores; its chain must not compare rollouts.

    Raises:
        ConfigError: the chain compares rollouts of a group.
        PluginError: when called: a source could not say. OpenRLHF logs it and leaves the reward empty.

    Example:
        >>> from herokit import Select, Verdict
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.completion == s.reference)) for s in samples]
        >>> reward_func = RewardFunction(Rewarder({"verifier": Exact()}, Select("verifier")))
        >>> reward_func(["2 + 2?4<|im_end|>"], ["2 + 2?"], ["4"])
        {'rewards': 1.0, 'scores': 1.0, 'extra_logs': {'verifier': 1.0, 'verifier_failed': 0.0}}
    """

    def __init__(self, rewarder: Rewarder) -> None:
        check_pointwise(rewarder, owner="OpenRLHF's reward_func", fix="use herokit.adapters.openrlhf.executor")
        self.rewarder = rewarder
        self.scorer = Scorer(rewarder)

    def __call__(self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any]) -> dict[str, Any]:
        """Return reward, score and numbers to log of one rollout; lists of them for several."""
        samples = [
            Sample(prompt, completion_of(query, prompt), row, as_gold(label))
            for row, (query, prompt, label) in enumerate(zip(queries, prompts, labels, strict=True))
        ]
        rows = self.scorer.rows(samples)
        outcome = combine_rows(self.rewarder, rows, range(len(rows)), update_state=False)
        for row, why in outcome.problems().items():
            raise PluginError(f"OpenRLHF: no reward for rollout {row}: {why}")
        rewards, scores = outcome.reward.tolist(), [self.scorer.shown(row) for row in rows]
        logs = [self.scorer.numbers(row) for row in rows]
        if len(rows) == 1:
            return {"rewards": rewards[0], "scores": scores[0], "extra_logs": logs[0]}
        together = {name: [numbers[name] for numbers in logs] for name in logs[0]}
        return {"rewards": rewards, "scores": scores, "extra_logs": together}


def completion_of(query: str, prompt: str) -> str:
    """Return what the policy wrote of a query, which is prompt and completion decoded together.

    Example:
        >>> completion_of("<|im_start|>2 + 2?<|im_end|>4<|im_end|>", "<|im_start|>2 + 2?<|im_end|>")
        '4'
    """
    return without_specials(query.removeprefix(prompt))


class _Call:
    """The rollouts of one prompt that OpenRLHF started together."""

    def __init__(self, prompt: str, label: Any, number: int) -> None:
        self.prompt, self.label, self.number = prompt, label, number
        self.started = self.ended = 0


class Siblings:
    """Combines the rollouts of a prompt when the last one is written; what the executor does beside generating.

    OpenRLHF starts the n rollouts of a prompt together, with the same prompt object, so those that have started when
    one is written are its siblings: no number has to be set, and evaluation may use another. The same text drawn twice
    is two calls with two objects, hence two groups.

    Args:
        rewarder: what scores.
        limit: seconds from the first written rollout until its siblings are no longer waited for; all of them then
            get reward 0 and ``herokit_failed`` 1.
    """

    def __init__(self, rewarder: Rewarder, limit: float) -> None:
        self.rewarder, self.limit = rewarder, limit
        self.scorer = Scorer(rewarder)
        self._calls: dict[tuple[int, int], _Call] = {}
        self._cohorts: dict[int, Cohorts[dict[str, Any], dict[str, Any]]] = {}
        self._number = 0

    def enter(self, prompt: str, label: Any) -> _Call:
        """Count a rollout that starts; call it before anything is awaited."""
        key = id(prompt), id(label)  # the call holds both objects, so no other can have their ids
        if key not in self._calls:
            self._number += 1
            self._calls[key] = _Call(prompt, label, self._number)
        call = self._calls[key]
        call.started += 1
        return call

    def leave(self, call: _Call) -> None:
        """Count a rollout that is over, scored or not."""
        call.ended += 1
        if call.ended == call.started:
            del self._calls[id(call.prompt), id(call.label)]

    async def reward(self, call: _Call, completion: str) -> dict[str, Any]:
        """Return reward, score and numbers to log of one rollout, once all its siblings are written."""
        reference = as_gold(call.label)
        row = (await self.scorer.arows([Sample(call.prompt, completion, call.number, reference)]))[0]
        cohorts = self._cohorts.setdefault(
            call.started, Cohorts(call.started, self._combine, self._fail, limit=self.limit)
        )
        return await cohorts.acollect(call.number, row)

    def _combine(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        outcome = combine_rows(self.rewarder, rows, ["group"] * len(rows))
        return [
            self._reply(row, reward, failed=not usable)
            for row, reward, usable in zip(rows, filled(outcome), outcome.valid.tolist(), strict=True)
        ]

    def _fail(self, rows: Sequence[dict[str, Any]], why: str) -> list[dict[str, Any]]:  # noqa: ARG002 - OpenRLHF logs numbers only
        return [self._reply(row, 0.0, failed=True) for row in rows]

    def _reply(self, row: dict[str, Any], reward: float, *, failed: bool) -> dict[str, Any]:
        logs = self.scorer.numbers(row) | {"herokit_failed": float(failed)}
        return {"reward": reward, "scores": self.scorer.shown(row), "extra_logs": logs}


def executor(rewarder: Rewarder, *, limit: float = 1800.0, base: Any = None) -> Any:
    """Return an ``AgentExecutor`` class for ``--train.agent_func_path file.py``.

    It generates as OpenRLHF's own single-turn executor does, then gives every rollout the chain's output over its
    siblings: an advantage if the chain reaches advantages, else a reward.

    Args:
        rewarder: what scores; each engine has a copy and a running mean of its own.
        limit: seconds to wait for siblings after the first one is written.
        base: the executor to generate with; OpenRLHF's `SingleTurnAgentExecutor` unless given.
    """
    if base is None:
        from openrlhf.utils.agent import SingleTurnAgentExecutor

        base = SingleTurnAgentExecutor

    class AgentExecutor(base):  # type: ignore[misc] # OpenRLHF ships no types
        """OpenRLHF's executor with rewards that compare siblings."""

        def __init__(self) -> None:
            super().__init__()
            self.siblings = Siblings(rewarder, limit)

        async def execute(
            self,
            prompt: str,
            label: Any,
            sampling_params: Any,
            max_length: int,
            hf_tokenizer: Any,
            llm_engine: Any,
            images: Any = None,
        ) -> Any:
            call = self.siblings.enter(prompt, label)
            try:
                await asyncio.sleep(0)  # every sibling has started before the first is written
                output = await super().execute(
                    prompt, label, sampling_params, max_length, hf_tokenizer, llm_engine, images
                )
                tokens = [
                    token for begin, end in output["action_ranges"] for token in output["observation_tokens"][begin:end]
                ]
                text = hf_tokenizer.decode(tokens, skip_special_tokens=True)
                output.update(await self.siblings.reward(call, text))
                return output
            finally:
                self.siblings.leave(call)

    return AgentExecutor
