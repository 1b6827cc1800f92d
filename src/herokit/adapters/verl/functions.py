"""A reward function for verl's workers, and an advantage estimator that combines by uid in the driver.

verl scores one rollout per call, in any worker: only the driver has complete groups. Workers therefore return the results
of every source (`RewardFunction`), and the driver combines them, in one of two places:

- `AdvantageEstimator`, by name in ``algorithm.adv_estimator``. verl gives an estimator one number per rollout and the uids,
  so a verdict and a score travel packed in that number (`Packing`).
- `GroupRewardMixin`, a mixin for verl's trainers. It reads the results of every source, with their statuses.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from herokit.adapters.common.base import RewarderLike, to_rewarder
from herokit.adapters.common.microbatch import MicroBatcher
from herokit.adapters.common.rows import Row, combine_rows, display_value
from herokit.adapters.common.samples import make_sample
from herokit.adapters.common.templates import ChatTemplate
from herokit.adapters.verl.state import ESTIMATOR_NAME, set_default_rewarder
from herokit.combiners.chain import check_no_credit, gives_credit
from herokit.errors import ConfigError, SetupError
from herokit.outcome import RewardOutput
from herokit.types import Verifier

__all__ = ["AdvantageEstimator", "Packing", "RewardFunction", "register"]

PROMPT_KEYS = ("prompt", "question", "problem")
"""Keys of ``extra_info`` that hold the prompt, text or messages; the first one present is used."""


@dataclass(frozen=True)
class Packing:
    """A verdict and a score in one float32: ``gap * round(levels * verdict) + score``, and ``-gap`` if one is missing.

    Scores are clipped to ±max_abs_score and keep about six digits below ``gap * levels``; verdicts are rounded to
    ``1 / levels``.

    Attributes:
        verifier: the name of the verifier in the rewarder.
        reward_model: the name of the reward model.
        max_abs_score: the largest score that is kept, in the unit of the model.
        levels: steps between verdicts 0 and 1.

    Raises:
        ConfigError: `max_abs_score` is not above 0, or `levels` is below 1.

    Example:
        >>> packing = Packing()
        >>> packing.pack({"verifier": 1.0, "rm": -2.5}), packing.pack({"verifier": None, "rm": 1.0})
        (253.5, -256.0)
        >>> packing.unpack(np.array([253.5, 2.0, -256.0]))
        [{'verifier': 1.0, 'rm': -2.5}, {'verifier': 0.0, 'rm': 2.0}, None]
    """

    verifier: str = "verifier"
    reward_model: str = "rm"
    max_abs_score: float = 64.0
    levels: int = 1

    def __post_init__(self) -> None:
        if not self.max_abs_score > 0 or self.levels < 1:
            raise ConfigError(f"Packing: max_abs_score must be above 0 and levels at least 1, got {self}")

    @property
    def gap(self) -> float:
        """The distance between two verdicts."""
        return 4.0 * self.max_abs_score

    def pack(self, row: Mapping[str, Any]) -> float:
        """Return one number for one row of source results."""
        verdict, score = row[self.verifier], row[self.reward_model]
        if verdict is None or score is None:
            return -self.gap
        return float(self.gap * round(self.levels * verdict) + min(max(score, -self.max_abs_score), self.max_abs_score))

    def unpack(self, numbers: Any) -> list[dict[str, float] | None]:
        """Return N rows for N numbers, None where a value was missing."""
        levels = np.round(np.asarray(numbers, np.float64) / self.gap)
        return [
            None if level < 0 else {self.verifier: level / self.levels, self.reward_model: float(x - level * self.gap)}
            for x, level in zip(numbers, levels.tolist(), strict=True)
        ]


class RewardFunction:
    """A rewarder as verl's ``compute_score``: runs the sources on one rollout, in batches, and combines nothing.

    Every row has the same keys: ``score``, ``acc`` and for each source its value (None without one), ``NAME_status`` and
    ``NAME_reason``. They become ``reward_extra_info``. If a step of the chain reads the parts of rollouts, ``NAME_steps`` has the values
    of the parts as JSON text, because verl takes the mean of everything in a validation that is no text.

    Args:
        rewarder: the one whose sources run.
        packing: packs verdict and score into ``score`` for `AdvantageEstimator`; with None, ``score`` is the verdict.
        prompt: the key of ``extra_info`` with the prompt, or several of which the first present is used.
        template: the policy's chat template, which says whether it opens the thinking; verl passes neither the rendered prompt
            nor a tokenizer. It is read only for prompts that are messages.

    Raises:
        ConfigError: a source is named ``score`` or ``acc``, or the chain ends with credit of parts, which cannot be packed.
        SetupError: when called: there is a reward model and no prompt.

    Example:
        >>> from herokit import Rewarder, Select, Verdict
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.final_text == s.reference)) for s in samples]
        >>> compute_score = RewardFunction(Rewarder({"verifier": Exact()}, Select("verifier")))
        >>> compute_score("math", "4", "4", {})["score"]
        1.0
    """

    def __init__(
        self,
        rewarder: RewarderLike,
        packing: Packing | None = None,
        prompt: str | Sequence[str] = PROMPT_KEYS,
        *,
        template: ChatTemplate | None = None,
    ) -> None:
        self.rewarder, self.packing, self.prompt = to_rewarder(rewarder, takes_credit=True), packing, prompt
        self.template = template
        if packing is not None:
            check_no_credit(self.rewarder.combiner, "Packing")
        for reserved in ("score", "acc"):
            if reserved in self.rewarder.sources:
                raise ConfigError(f"verl: a source cannot be named {reserved!r}; verl has a column of that name")
        self._batcher = MicroBatcher(self.rewarder)

    def __call__(
        self,
        data_source: str,
        solution_str: str,
        ground_truth: Any,
        extra_info: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Row:
        """Return the source results of one rollout; verl calls this in a thread of a reward worker."""
        info = dict(extra_info or {})
        names = (self.prompt,) if isinstance(self.prompt, str) else self.prompt
        prompt = next((info[name] for name in names if info.get(name) is not None), None)
        if prompt is None and not all(isinstance(s, Verifier) for s in self.rewarder.sources.values()):
            raise SetupError(
                f"verl: a reward model needs the prompt, but extra_info has none of {names}, only {sorted(info)}; "
                "add the text of the prompt when preparing the data"
            )
        meta = info | {"data_source": data_source} | kwargs
        prompt = "" if prompt is None else prompt
        opened = None if self.template is None else self.template.opens_thinking(prompt)
        sample = make_sample(
            prompt, solution_str, None, ground_truth, meta, location=f"verl: {data_source}", thinking_opened=opened
        )
        row = self._batcher.run([sample])[0]
        if gives_credit(self.rewarder.combiner):
            row |= {f"{name}_steps": json.dumps(row.get(f"{name}_steps")) for name in self.rewarder.sources}
        value = display_value(self.rewarder, row)
        return {"score": value if self.packing is None else self.packing.pack(row), "acc": value, **row}


class AdvantageEstimator:
    """An advantage estimator of verl: combines the batch by uid, and gives every token of a rollout its advantage.

    Args:
        rewarder: the one that combines; every batch updates its state, so keep it in the driver.
        packing: the one of `RewardFunction`; None if the rewarder has one source, whose value is the score itself.

    Attributes:
        output: of the last batch.

    Raises:
        ConfigError: several sources without packing, or a packing of other sources.

    Example:
        >>> from herokit import Center, Rewarder, Select, chain
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> estimator = AdvantageEstimator(Rewarder({"rm": Length()}, chain(Select("rm"), Center())))
        >>> estimator.advantages([1.0, 3.0], ["q", "q"]).tolist()
        [-1.0, 1.0]
    """

    def __init__(self, rewarder: RewarderLike, packing: Packing | None = None) -> None:
        self.rewarder, self.packing = to_rewarder(rewarder), packing
        self.output: RewardOutput | None = None
        sources = set(self.rewarder.sources)
        packed = None if packing is None else {packing.verifier, packing.reward_model}
        if (packed is None and len(sources) > 1) or (packed is not None and packed != sources):
            raise ConfigError(
                f"verl: an estimator gets one number per rollout, but the sources are {sorted(sources)} and the packed "
                f"ones {sorted(packed or [])}; use Packing(verifier, reward_model) for two sources, or "
                "herokit.adapters.verl.install for any number"
            )

    def advantages(self, numbers: Sequence[float], uids: Sequence[Any]) -> Any:
        """Combine (N,) numbers by uid into (N,) advantages, 0 where a source failed."""
        name = next(iter(self.rewarder.sources))
        rows: Sequence[dict[str, float] | None] = (
            [{name: x} for x in numbers] if self.packing is None else self.packing.unpack(numbers)
        )
        self.output = combine_rows(self.rewarder, rows, uids)
        return np.nan_to_num(self.output.advantage)

    def __call__(
        self, token_level_rewards: Any, response_mask: Any, index: Any = None, **_kwargs: Any
    ) -> tuple[Any, Any]:
        """Return advantages and returns, both (N, T); rows without a token to train, such as padding, are left out.

        Args:
            token_level_rewards: (N, T); the number of a rollout is the sum over its tokens.
            response_mask: (N, T), 1 where a token is trained.
            index: (N,) uids.
        """
        mask = response_mask.to(token_level_rewards.dtype)
        rows = (response_mask.sum(-1) > 0).nonzero().flatten().tolist()
        numbers = token_level_rewards.sum(-1).tolist()
        per_rollout = np.zeros(len(numbers))
        per_rollout[rows] = self.advantages([numbers[i] for i in rows], [index[i] for i in rows])
        advantages = mask * mask.new_tensor(per_rollout).unsqueeze(-1)
        return advantages, advantages.clone()


def register(rewarder: RewarderLike, packing: Packing | None = None) -> AdvantageEstimator:
    """Register the estimator under the name ``herokit``; a second call returns the first estimator.

    Call it in a module that ``VERL_USE_EXTERNAL_MODULES`` names: verl imports that in the driver.
    """
    from verl.trainer.ppo import core_algos

    registered = core_algos.ADV_ESTIMATOR_REGISTRY.get(ESTIMATOR_NAME)
    if not isinstance(registered, AdvantageEstimator):
        registered = AdvantageEstimator(set_default_rewarder(to_rewarder(rewarder)), packing)
        core_algos.register_adv_est(ESTIMATOR_NAME)(registered)
    return registered
