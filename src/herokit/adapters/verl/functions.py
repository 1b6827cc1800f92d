"""verl: a `compute_score` that returns components, and an advantage estimator that combines them by uid in the driver.

verl scores one rollout a call, in a random worker: a group is whole only in the driver. Workers therefore return what
every source said (`ComputeScore`), and the driver combines, in one of two places:

- `Estimator`, by name in ``algorithm.adv_estimator``: estimators are given one number a rollout and the uids, so a
  verdict and a score travel packed in that number (`Packing`).
- `herokit.adapters.verl.trainer.GroupRewards`, a mixin for verl's trainers: reads every component, statuses included.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from herokit.adapters.common.base import as_gold
from herokit.adapters.common.info import Support
from herokit.adapters.common.microbatch import Scorer
from herokit.adapters.common.rows import combine_rows
from herokit.errors import ConfigError, SetupError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.types import Sample, Verifier

SUPPORT = Support(
    trainer="verl, v1 trainers",
    version="0.9.1",
    tried="real objects",
    sees="one rollout; the driver sees the batch and its uids",
    settings="`algorithm.adv_estimator=herokit`, or the trainer mixin, whose advantages replace any estimator's",
    state="`trainer.checkpoint_callback_class=herokit.adapters.verl.state.SaveState`",
    lost="no training run (needs a GPU): reward manager, estimator, `compute_advantage`, the trainers' "
    "`_compute_advantage` on a real TransferQueue and the checkpoint callback were; "
    "packed scores show in `critic/score` and DAPO's filter; the deprecated trainer (`use_v1=False`) was not tried",
    page="how-to/verl.md",
)

NAME = "herokit"
"""What the estimator is called in ``algorithm.adv_estimator``."""

PROMPTS = ("prompt", "question", "problem")
"""Keys of ``extra_info`` that hold the prompt's text; the first one present is taken."""


@dataclass(frozen=True)
class Packing:
    """A verdict and a score in one float32: ``gap * round(levels * verdict) + score``, and ``-gap`` where one is missing.

    Scores are clipped to ±limit and keep about six digits below ``gap * levels``; verdicts are rounded to ``1 / levels``.

    Attributes:
        verifier: the verifier's name in the rewarder.
        model: the reward model's name.
        limit: the largest score that survives, in the model's units.
        levels: steps between verdicts 0 and 1.

    Raises:
        ConfigError: `limit` not above 0, or `levels` below 1.

    Example:
        >>> packing = Packing()
        >>> packing.pack({"verifier": 1.0, "rm": -2.5}), packing.pack({"verifier": None, "rm": 1.0})
        (253.5, -256.0)
        >>> packing.rows(np.array([253.5, 2.0, -256.0]))
        [{'verifier': 1.0, 'rm': -2.5}, {'verifier': 0.0, 'rm': 2.0}, None]
    """

    verifier: str = "verifier"
    model: str = "rm"
    limit: float = 64.0
    levels: int = 1

    def __post_init__(self) -> None:
        if not self.limit > 0 or self.levels < 1:
            raise ConfigError(f"Packing: expected limit above 0 and levels of at least 1, got {self}")

    @property
    def gap(self) -> float:
        """What lies between two verdicts."""
        return 4.0 * self.limit

    def pack(self, row: Mapping[str, Any]) -> float:
        """Return one number for one row of components."""
        verdict, score = row[self.verifier], row[self.model]
        if verdict is None or score is None:
            return -self.gap
        return float(self.gap * round(self.levels * verdict) + min(max(score, -self.limit), self.limit))

    def rows(self, numbers: Any) -> list[dict[str, float] | None]:
        """Read numbers back, None where something was missing."""
        levels = np.round(np.asarray(numbers, np.float64) / self.gap)
        return [
            None if level < 0 else {self.verifier: level / self.levels, self.model: float(x - level * self.gap)}
            for x, level in zip(numbers, levels.tolist(), strict=True)
        ]


@dataclass(eq=False)
class ComputeScore:
    """A rewarder as verl's ``compute_score``: asks the sources about one rollout, in batches; combines nothing.

    Every row has the same keys: ``score``, ``acc`` and for each source its value (None where it could not say),
    ``NAME_status``, ``NAME_reason``. They become ``reward_extra_info``.

    Attributes:
        rewarder: whose sources are asked.
        packing: makes ``score`` carry verdict and score for `Estimator`; None shows the verdict alone.
        prompt: the key of ``extra_info`` that holds the prompt, or several of which the first present is taken.

    Raises:
        ConfigError: a source is called ``score`` or ``acc``.
        SetupError: when called: a reward model is asked, and no prompt is there.

    Example:
        >>> from herokit import Select, Verdict
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.completion == s.reference)) for s in samples]
        >>> compute_score = ComputeScore(Rewarder({"verifier": Exact()}, Select("verifier")))
        >>> compute_score("math", "4", "4", {})["score"]
        1.0
    """

    rewarder: Rewarder
    packing: Packing | None = None
    prompt: str | Sequence[str] = PROMPTS

    def __post_init__(self) -> None:
        for taken in ("score", "acc"):
            if taken in self.rewarder.sources:
                raise ConfigError(f"verl: a source cannot be called {taken!r}; verl's own column has that name")
        self._scorer = Scorer(self.rewarder)

    def __call__(
        self,
        data_source: str,
        solution_str: str,
        ground_truth: Any,
        extra_info: Mapping[str, Any] | None = None,
        **passed: Any,
    ) -> dict[str, Any]:
        """Return one row of components; verl calls this in a thread of a reward worker."""
        info = dict(extra_info or {})
        names = (self.prompt,) if isinstance(self.prompt, str) else self.prompt
        prompt = next((str(info[name]) for name in names if name in info), None)
        if prompt is None and not all(isinstance(s, Verifier) for s in self.rewarder.sources.values()):
            raise SetupError(
                f"verl: a reward model needs the prompt, and extra_info has none of {names}; "
                f"it holds {sorted(info)}. Put the prompt's text there when preparing the data"
            )
        reference = as_gold(ground_truth)
        meta = info | {"data_source": data_source} | passed
        row = self._scorer.rows([Sample(prompt or "", solution_str, None, reference, meta)])[0]
        shown = self._scorer.shown(row)
        return {"score": shown if self.packing is None else self.packing.pack(row), "acc": shown, **row}


@dataclass(eq=False)
class Estimator:
    """An advantage estimator: combines the batch by uid, and gives every token of a rollout its advantage.

    Attributes:
        rewarder: what combines; its state moves with every batch, so keep it in the driver.
        packing: how `ComputeScore` packed; None where the rewarder has one source, whose value is the score itself.
        outcome: of the last batch.

    Raises:
        ConfigError: several sources and no packing, or a packing of other sources.

    Example:
        >>> from herokit import Center, Select, chain
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> estimator = Estimator(Rewarder({"rm": Length()}, chain(Select("rm"), Center())))
        >>> estimator.advantages([1.0, 3.0], ["q", "q"]).tolist()
        [-1.0, 1.0]
    """

    rewarder: Rewarder
    packing: Packing | None = None
    outcome: RewardOutput | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        names = set(self.rewarder.sources)
        packed = None if self.packing is None else {self.packing.verifier, self.packing.model}
        if (packed is None and len(names) > 1) or (packed is not None and packed != names):
            raise ConfigError(
                f"verl: an estimator sees one number a rollout, and the sources are {sorted(names)}: packed are "
                f"{sorted(packed or [])}. Use Packing(verifier, model) for those two, or "
                "herokit.adapters.verl.trainer for any others"
            )

    def advantages(self, numbers: Sequence[float], uids: Sequence[Any]) -> Any:
        """Combine (N,) numbers by uid into (N,) advantages, 0 where a source could not say."""
        name = next(iter(self.rewarder.sources))
        rows: Sequence[dict[str, float] | None] = (
            [{name: x} for x in numbers] if self.packing is None else self.packing.rows(numbers)
        )
        self.outcome = combine_rows(self.rewarder, rows, uids)
        return np.nan_to_num(self.outcome.advantage)

    def __call__(
        self, token_level_rewards: Any, response_mask: Any, index: Any = None, **_passed: Any
    ) -> tuple[Any, Any]:
        """Return advantages and returns, both (N, T); rows with no token to train, such as padding, are left out.

        Args:
            token_level_rewards: (N, T) a rollout's number is the sum over its tokens.
            response_mask: (N, T) 1 where a token is trained.
            index: (N,) uids.
        """
        mask = response_mask.to(token_level_rewards.dtype)
        here = (response_mask.sum(-1) > 0).nonzero().flatten().tolist()
        numbers = token_level_rewards.sum(-1).tolist()
        full = np.zeros(len(numbers))
        full[here] = self.advantages([numbers[i] for i in here], [index[i] for i in here])
        advantages = mask * mask.new_tensor(full).unsqueeze(-1)
        return advantages, advantages.clone()


def keep(rewarder: Rewarder) -> Rewarder:
    """Make this the rewarder of this process and return it; what is there first stays, so a file may be loaded twice."""
    return HERE.setdefault(NAME, rewarder)


HERE: dict[str, Rewarder] = {}
"""The rewarder of this process, under `NAME`."""


def register(rewarder: Rewarder, packing: Packing | None = None) -> Estimator:
    """Register the estimator under the name ``herokit``; what is registered first stays.

    Call it from a module named in ``VERL_USE_EXTERNAL_MODULES``: verl imports that in the driver, wherever it runs.
    """
    from verl.trainer.ppo import core_algos

    found = core_algos.ADV_ESTIMATOR_REGISTRY.get(NAME)
    if not isinstance(found, Estimator):
        found = Estimator(keep(rewarder), packing)
        core_algos.register_adv_est(NAME)(found)
    return found
