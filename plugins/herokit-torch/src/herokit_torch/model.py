"""The reward model: settings outside, a model inside that opens on first use and never travels."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, get_args

import numpy as np

from herokit.errors import ConfigError, SetupError
from herokit.reward_models.batching import OUT_OF_MEMORY, InferenceStats
from herokit.reward_models.families import find_profile
from herokit.reward_models.monitor import ScoreMonitor
from herokit.reward_models.process import Aggregate, Floats, aggregate_steps, step_probabilities
from herokit.reward_models.progress import ProgressCallback
from herokit.types import Sample, Scores
from herokit_torch.load import Source, explained, open_model, open_tokenizer
from herokit_torch.model_state import Cell, Opened, tokens_that_fit
from herokit_torch.text import Encoder

LOG = logging.getLogger(__name__)
BUDGET = {"cpu": 2048, "cuda": 32768}


@dataclass(frozen=True)
class TorchRewardModel:
    r"""Score completions with a transformers reward model: raw fp32 logits as float64, one a sample, in order.

    ``score = head(h)``, h the body's hidden state at the last real token; the head runs in fp32 whatever the body's
    dtype. A process reward model gives one probability a step at its step tokens, joined by `aggregate`. Causal decoders
    run packed, without padding, and the rollouts of one prompt run its tokens once; other models run in padded batches
    of similar length. Equal inputs run once. In fp32 neither order nor batch changes a score by more than rounding.

    Attributes:
        model: a name on the hub or a folder.
        revision: a branch, tag or commit of the hub's repository.
        dtype: of the body: ``"auto"`` (the checkpoint's), ``"float32"``, ``"bfloat16"``, ``"float16"``.
        device: e.g. ``"cuda:1"``; None takes a GPU if there is one.
        device_map: how transformers spreads the model over devices, e.g. ``"auto"``; wants accelerate; then no `device`.
        attention: transformers' attention implementation, for models that are not packed.
        remote_code: run the code that the checkpoint's repository brings. Only for repositories you have read.
        token_budget: tokens a batch; None takes 2048 on a CPU, 32768 on a GPU. Halved whenever memory runs out.
        max_tokens: longer inputs lose tokens on the left, flagged in the row's reason; None takes the model's positions.
        system_prompt: None takes what is known of the model (`herokit.reward_models.families`), ``""`` means none.
        template: a text with ``{prompt}`` and ``{completion}`` in place of the tokenizer's chat template.
        step_token: makes it a process reward model; None takes what is known, ``""`` means an outcome reward model.
        step_separator: what lies between the steps of a completion.
        aggregate: how step scores become one score: ``min``, ``prod``, ``last`` or ``mean``.
        least_gain: prefixes are shared where tokens without sharing / tokens with it reach this; 0 always, inf never.
        compile: compile the layers with `torch.compile`; it takes half a minute or more when the model opens, and gained 4 % on a CPU.
        progress: called with (distinct rows done, distinct rows to do) after every batch; see also `herokit.reward_models.progress.track_progress`.

    Raises:
        ConfigError: a setting outside its range.
        SetupError: at the first score, when checkpoint, tokenizer or settings do not fit; the message names the model.

    Example:
        >>> rm = TorchRewardModel("nvidia/AceMath-7B-RM", dtype="bfloat16")  # nothing is opened yet
        >>> rm.aggregate
        'min'
    """

    model: str
    revision: str | None = None
    dtype: str = "auto"
    device: str | None = None
    device_map: str | None = None
    attention: str = "sdpa"
    remote_code: bool = False
    token_budget: int | None = None
    max_tokens: int | None = None
    system_prompt: str | None = None
    template: str | None = None
    step_token: str | None = None
    step_separator: str = "\n\n"
    aggregate: Aggregate = "min"
    least_gain: float = 1.25
    compile: bool = False
    progress: ProgressCallback | None = field(default=None, repr=False, compare=False)
    _cell: Cell = field(default_factory=Cell, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, least in {"token_budget": 1, "max_tokens": 2, "least_gain": 0}.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ConfigError(f"TorchRewardModel: {name} = {value}; expected at least {least}")
        if self.aggregate not in get_args(Aggregate):
            raise ConfigError(
                f"TorchRewardModel: aggregate = {self.aggregate!r}; expected one of {get_args(Aggregate)}"
            )
        if self.device is not None and self.device_map is not None:
            raise ConfigError(
                f"TorchRewardModel: device = {self.device!r} and device_map = {self.device_map!r}; give one"
            )
        if not self.step_separator:
            raise ConfigError("TorchRewardModel: step_separator is empty; expected the text between two steps")
        if self.template is not None and not ("{prompt}" in self.template and "{completion}" in self.template):
            raise ConfigError(f"TorchRewardModel: template = {self.template!r}; expected {{prompt}} and {{completion}}")

    def score(self, samples: Sequence[Sample], /) -> Scores:
        """Return N scores for N samples, in order; a row that cannot be scored is NaN with status failed.

        A process reward model's scores carry the probabilities of their steps, None for a row that has none.
        """
        rows = [self._judged(logits, cut) for logits, cut in self._logits(samples)]
        values, reasons, steps = zip(*rows, strict=True) if rows else ((), (), ())
        scores = Scores.from_values(values)
        with self._cell.lock:
            for doubt in self._cell.monitor.update(scores.values):
                LOG.warning("%s: %s", self.model, doubt)
        said = (ours or given for ours, given in zip(reasons, scores.reasons, strict=True))
        return replace(scores, reasons=tuple(said), steps=steps if self._steps() else None)

    def step_scores(self, samples: Sequence[Sample], /) -> list[Floats]:
        """Return for each of N samples the probabilities that its steps are right, (S,); S differs, and may be 0.

        Raises:
            ConfigError: this is an outcome reward model.
        """
        if not self._steps():
            raise ConfigError(f"{self.model}: has no step_token, so it gives one score a sample and none a step")
        empty = np.empty(0)
        return [empty if logits is None else step_probabilities(logits) for logits, _ in self._logits(samples)]

    @property
    def stats(self) -> InferenceStats:
        """What has run so far; `close` does not reset it."""
        return self._cell.stats

    @property
    def monitor(self) -> ScoreMonitor:
        """Where the scores lay so far, and whether they drift; `close` does not reset it."""
        return self._cell.monitor

    def report(self) -> str:
        """Say in a line what scored, how much, and where the scores lie; `herokit score` prints it.

        Example:
            >>> TorchRewardModel("my/rm").report()
            'torch: my/rm'
        """
        ran = (f"{self.stats}", f"{self.monitor}") if self.stats.rows else ()
        how = f" ({self._cell.opened.engine.how})" if self._cell.opened else ""
        return "; ".join(filter(None, (f"torch: {self.model}{how}", *ran)))

    def close(self) -> None:
        """Drop the model; the next score opens it again."""
        with self._cell.lock:
            self._cell.opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _steps(self) -> str:
        """Return the step token, ``""`` for an outcome reward model."""
        return (find_profile(self.model).step_token or "") if self.step_token is None else self.step_token

    def _judged(self, logits: Any, cut: str) -> tuple[float, str, tuple[float, ...] | None]:
        """Turn one row's (P, L) logits into its score, what there is to say about it, and its steps."""
        if logits is None:
            return float("nan"), "; ".join(filter(None, (OUT_OF_MEMORY, cut))), None
        if self._steps():
            steps = step_probabilities(logits)
            said = cut if len(steps) else "; ".join(filter(None, ("no step is left", cut)))
            return aggregate_steps(steps, self.aggregate), said, tuple(steps.tolist()) or None
        if logits.size != 1:
            raise SetupError(
                f"{self.model}: gives {logits.size} numbers a sample, expected one; for a process reward model set step_token"
            )
        return float(logits.reshape(())), cut, None

    def _logits(self, samples: Sequence[Sample]) -> list[tuple[Any, str]]:
        """Return each row's logits and what was cut from it."""
        with self._cell.lock:
            opened = self._open()
            encoded = opened.encoder.encode(samples)
            logits, ran = opened.logits(encoded, self.progress)
            self._cell.stats += ran
            return list(zip(logits, encoded.reasons, strict=True))

    def _open(self) -> Opened:
        with self._cell.lock:
            if self._cell.opened is None:
                self._cell.opened = self._load()
            return self._cell.opened

    def _load(self) -> Opened:
        from herokit_torch.engines import choose  # loads torch

        known = find_profile(self.model)
        source = Source(
            self.model, self.revision, self.dtype, self.device, self.device_map, self.attention, self.remote_code
        )
        tokenizer = open_tokenizer(source)
        model = open_model(source, known)
        append = getattr(model.config, known.end_token_attribute) if known.end_token_attribute else None
        encoder = Encoder(
            tokenizer,
            known.system_prompt if self.system_prompt is None else self.system_prompt,
            self.template,
            tokens_that_fit(self.max_tokens, model.config, self.model),
            (self._steps(), self.step_separator) if self._steps() else None,
            append,
        )
        with explained(self.model):
            own = known.pooling == "forward"
            engine = choose(model, known.head, own=own, output=known.output, least_gain=self.least_gain)
        if self.compile:
            from herokit_torch.compiling import compile_layers

            compile_layers(engine, self.model)
        self._cell.monitor.logits = not self._steps()
        return Opened(encoder, engine, self.token_budget or BUDGET.get(model.device.type, BUDGET["cuda"]))
