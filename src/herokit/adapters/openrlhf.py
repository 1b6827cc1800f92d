"""Adapter for OpenRLHF: an agent executor that combines the rollouts of a prompt, and a plain ``reward_func``.

OpenRLHF scores one rollout per call, but generates all rollouts of a prompt at once in one Ray actor, where an executor can
wait for them. It returns a reward, which the driver centers. ``dr_grpo`` subtracts the group's mean and nothing more, so
advantages in place of rewards (their group mean is 0) pass unchanged.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from typing_extensions import Unpack

from herokit.adapters.common.base import RewarderLike, to_rewarder, trainer_values_filled
from herokit.adapters.common.gather import GroupGatherer, IncompleteGroupError
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.microbatch import MicroBatcher
from herokit.adapters.common.pointwise import check_group_independent
from herokit.adapters.common.rows import Row, combine_rows, display_value, log_values
from herokit.adapters.common.samples import Generation, make_sample
from herokit.distributed import abort_peers_on_error
from herokit.errors import PluginError
from herokit.rewarder import Rewarder

__all__ = [
    "RewardFunction",
    "executor",
]

INFO = AdapterInfo(
    trainer="OpenRLHF",
    version="0.11.2",
    tested="integration",
    scope="one rollout; the executor sees all rollouts of a prompt",
    settings="`--algo.advantage.estimator dr_grpo` (`rloo` multiplies by n / (n - 1)); a wide `--reward.clip_range`",
    state="one running mean per engine; not in checkpoints",
    limitations="no training run (needs a GPU, vLLM, deepspeed); the executor was tested with a file, a group and HTTP; "
    "evaluation updates the running mean; a row on which a source failed gets advantage 0, as OpenRLHF accepts no None",
    page="how-to/openrlhf.md",
)

_SPECIAL_TOKEN = re.compile(r"(?:<\|[^|<>\s]{1,40}\|>|</s>|<eos>|<pad>|<end_of_turn>)\Z")
_MAX_SPECIAL_TOKENS = 8
"""Special tokens that are removed at the end of a text."""


def _strip_special_tokens(text: str) -> str:
    r"""Remove special tokens at the end: OpenRLHF decodes with them. The time is linear in the text.

    Example:
        >>> _strip_special_tokens("so 4 <|im_end|>\n</s>"), _strip_special_tokens("so 4 ")
        ('so 4 ', 'so 4 ')
    """
    for _ in range(_MAX_SPECIAL_TOKENS):
        stripped = text.rstrip()
        token = _SPECIAL_TOKEN.search(stripped[-48:])
        if token is None:
            break
        text = stripped[: len(stripped) - len(token[0])]
    return text


def extract_completion(query: str, prompt: str) -> str:
    """Return the completion from a query, which is prompt and completion decoded together.

    Example:
        >>> extract_completion("<|im_start|>2 + 2?<|im_end|>4<|im_end|>", "<|im_start|>2 + 2?<|im_end|>")
        '4'
    """
    return _strip_special_tokens(query.removeprefix(prompt))


class _Reply(TypedDict):
    """The reward of one rollout, as OpenRLHF reads it from the output of an executor."""

    reward: float
    scores: float
    extra_logs: dict[str, float]


class RewardFunction:
    """``reward_func(queries, prompts, labels)`` for ``--reward.remote_url file.py``: each rollout by itself.

    Args:
        rewarder: the sources and the chain, which must not compare rollouts.

    Raises:
        ConfigError: the chain compares rollouts of a group.
        PluginError: when called: a source failed. OpenRLHF logs it and leaves the reward empty.

    Example:
        >>> from herokit import Select, Verdict
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.final_text == s.reference)) for s in samples]
        >>> reward_func = RewardFunction(Rewarder({"verifier": Exact()}, Select("verifier")))
        >>> reward_func(["2 + 2?4<|im_end|>"], ["2 + 2?"], ["4"])
        {'rewards': 1.0, 'scores': 1.0, 'extra_logs': {'verifier': 1.0, 'verifier_failed': 0.0}}
    """

    def __init__(self, rewarder: RewarderLike) -> None:
        self.rewarder = to_rewarder(rewarder)
        fix = "use herokit.adapters.openrlhf.executor"
        check_group_independent(self.rewarder, owner="OpenRLHF's reward_func", fix=fix)
        self._batcher = MicroBatcher(self.rewarder)

    def __call__(self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any]) -> dict[str, Any]:
        """Return reward, score and metrics of one rollout; lists of them for several."""
        samples = [
            make_sample(prompt, extract_completion(query, prompt), row, label, location=f"OpenRLHF: rollout {row}")
            for row, (query, prompt, label) in enumerate(zip(queries, prompts, labels, strict=True))
        ]
        rows = self._batcher.run(samples)
        output = combine_rows(self.rewarder, rows, range(len(rows)), update_state=False)
        for row, problem in output.problems().items():
            raise PluginError(f"OpenRLHF: no reward for rollout {row}: {problem}")
        rewards, scores = output.reward.tolist(), [display_value(self.rewarder, row) for row in rows]
        logs = [log_values(self.rewarder, row) for row in rows]
        if len(rows) == 1:
            return {"rewards": rewards[0], "scores": scores[0], "extra_logs": logs[0]}
        columns = {name: [values[name] for values in logs] for name in logs[0]}
        return {"rewards": rewards, "scores": scores, "extra_logs": columns}


class _Group:
    """The rollouts of one prompt that OpenRLHF started together."""

    def __init__(self, prompt: str, label: Any, number: int) -> None:
        self.prompt, self.label, self.number = prompt, label, number
        self.started = self.ended = 0


class _GroupScorer:
    """Counts the rollouts of every prompt, and combines them when the last one is generated.

    OpenRLHF starts the n rollouts of a prompt together and with the same prompt object, so the rollouts that have started when
    one is generated are its group: n need not be set, and evaluation may use another one. The same text drawn twice is two
    prompt objects, hence two groups.

    Args:
        rewarder: the sources and the chain.
        timeout: seconds from the first generated rollout until the group is no longer waited for; its rollouts then get
            reward 0 and ``herokit_failed`` 1.
    """

    def __init__(self, rewarder: Rewarder, timeout: float) -> None:
        self.rewarder = rewarder
        self._batcher = MicroBatcher(rewarder)
        self._groups: dict[tuple[int, int], _Group] = {}
        self._gatherer = GroupGatherer[Row | Exception, _Reply](self._combine, timeout)
        self._number = 0

    def enter(self, prompt: str, label: Any) -> _Group:
        """Count a rollout that starts; call it before the first await."""
        key = id(prompt), id(label)  # the group holds both objects, so no other object can have their ids
        if key not in self._groups:
            self._number += 1
            self._groups[key] = _Group(prompt, label, self._number)
        group = self._groups[key]
        group.started += 1
        return group

    def leave(self, group: _Group) -> None:
        """Count a rollout that has ended, scored or not."""
        group.ended += 1
        if group.ended == group.started:
            del self._groups[id(group.prompt), id(group.label)]

    async def reward(self, group: _Group, completion: str, **generation: Unpack[Generation]) -> _Reply:
        """Return reward, score and metrics of one rollout, once all rollouts of its group are generated."""
        sample = make_sample(
            group.prompt,
            completion,
            group.number,
            group.label,
            location="OpenRLHF",
            **generation,
        )
        result: Row | Exception
        try:
            result = (await self._batcher.arun([sample]))[0]
        except Exception as error:  # noqa: BLE001 - raised for the whole group, so that no rollout waits for this one
            result = error
        try:
            return await self._gatherer.acollect(group.number, result, group.started)
        except IncompleteGroupError:
            row: Row = dict.fromkeys(self.rewarder.sources) if isinstance(result, Exception) else result
            return self._reply(row, 0.0, failed=True)

    async def reward_output(self, group: _Group, output: Mapping[str, Any], tokenizer: Any) -> _Reply:
        """Do the same for what an executor returned: the completion is what its action ranges cover."""
        tokens = [token for begin, end in output["action_ranges"] for token in output["observation_tokens"][begin:end]]
        completion = tokenizer.decode(tokens, skip_special_tokens=True)
        return await self.reward(group, completion, num_tokens=len(tokens), truncated=output.get("truncated"))

    def _combine(self, results: Sequence[Row | Exception]) -> list[_Reply]:
        rows = [result for result in results if not isinstance(result, Exception)]
        with abort_peers_on_error(self.rewarder):
            for error in results:
                if isinstance(error, Exception):
                    raise error
        output = combine_rows(self.rewarder, rows, ["group"] * len(rows))
        return [
            self._reply(row, reward, failed=not valid)
            for row, reward, valid in zip(rows, trainer_values_filled(output), output.valid.tolist(), strict=True)
        ]

    def _reply(self, row: Row, reward: float, *, failed: bool) -> _Reply:
        logs = log_values(self.rewarder, row) | {"herokit_failed": float(failed)}
        return {"reward": reward, "scores": display_value(self.rewarder, row), "extra_logs": logs}


def executor(rewarder: RewarderLike, *, timeout: float = 1800.0, base: Any = None) -> Any:
    """Return an ``AgentExecutor`` class for ``--train.agent_func_path file.py``.

    It generates as OpenRLHF's own single-turn executor does, then gives every rollout the output of the chain over its group:
    an advantage if the chain produces advantages, else a reward.

    Args:
        rewarder: the sources and the chain; each engine has a copy with its own running mean.
        timeout: seconds to wait for the group after its first rollout is generated.
        base: the executor to extend, by default OpenRLHF's `SingleTurnAgentExecutor`.
    """
    if base is None:
        from openrlhf.utils.agent import SingleTurnAgentExecutor

        base = SingleTurnAgentExecutor
    shared_rewarder = to_rewarder(rewarder)

    class AgentExecutor(base):  # type: ignore[misc] # OpenRLHF ships no types
        """OpenRLHF's executor with rewards that compare the rollouts of a prompt."""

        def __init__(self) -> None:
            super().__init__()
            self.group_scorer = _GroupScorer(shared_rewarder, timeout)

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
            group = self.group_scorer.enter(prompt, label)
            try:
                await asyncio.sleep(0)  # all rollouts of the prompt start before the first one is generated
                output = await super().execute(
                    prompt, label, sampling_params, max_length, hf_tokenizer, llm_engine, images
                )
                output.update(await self.group_scorer.reward_output(group, output, hf_tokenizer))
                return output
            finally:
                self.group_scorer.leave(group)

    return AgentExecutor
