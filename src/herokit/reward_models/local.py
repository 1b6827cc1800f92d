"""Base of reward models that run in this process: opening, batching, step scores, statistics, report."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, get_args

import numpy as np

from herokit.errors import ConfigError, SetupError
from herokit.reward_models.batching import (
    OUT_OF_MEMORY,
    InferenceStats,
    MicroBatch,
    run_with_oom_retry,
    unique_rows,
)
from herokit.reward_models.control_tokens import ControlTokens, check_control_tokens
from herokit.reward_models.encoding import FIELDS, EncodedRows, is_template
from herokit.reward_models.inputs import InputView, Thinking, UnscorableError
from herokit.reward_models.labels import Label, LabelError, check_label, label_weights, select_label
from herokit.reward_models.lazy import LazyResource, ResourceOwner
from herokit.reward_models.monitor import ScoreMonitor
from herokit.reward_models.process import Aggregate, Floats, Span, aggregate_steps, step_probabilities
from herokit.reward_models.progress import ProgressCallback, report_progress
from herokit.samples import SampleLike, as_samples
from herokit.types import Sample, Scores, StepScores

__all__ = ["LocalRewardModel", "ModelRunner"]

LOG = logging.getLogger(__name__)


class ModelRunner(Protocol):
    """An open model."""

    @property
    def stepwise(self) -> bool:
        """Whether it is a process reward model, whose logits are those of steps."""
        ...

    @property
    def view(self) -> InputView:
        """What the model is shown of a sample."""
        ...

    @property
    def label_names(self) -> Sequence[str] | None:
        """The names of the model's outputs, in order; None if it names none."""
        ...

    @property
    def max_batch_tokens(self) -> int:
        """The default limit of tokens per batch on its device."""
        ...

    def encode(self, samples: Sequence[Sample]) -> EncodedRows:
        """Return the token ids of N samples."""
        ...

    def plan(self, rows: EncodedRows, pending: Sequence[int], max_batch_tokens: int) -> Sequence[MicroBatch]:
        """Cut unique rows into micro-batches."""
        ...

    def run(self, rows: EncodedRows, batch: Any) -> list[Floats]:
        """Run one micro-batch of its own plan; return (P, L) logits per row, for P positions and L labels."""
        ...

    def release(self) -> None:
        """Free the memory that a failed micro-batch left behind."""
        ...


R = TypeVar("R", bound=ModelRunner)


class _Record:
    """What a model remembers of its work; a pickled or copied one starts anew."""

    def __init__(self) -> None:
        self.stats = InferenceStats()
        self.monitor = ScoreMonitor()
        self.max_batch_tokens = 0  # what memory had room for; 0 before the first score

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()


@dataclass(frozen=True, kw_only=True)
class LocalRewardModel(ResourceOwner, ABC, Generic[R]):
    """A reward model that opens in this process on first use.

    A subclass is a frozen dataclass that implements `_open` and `_describe`. Equal inputs run once, in batches of similar
    length; the limit of tokens per batch is halved whenever memory runs out. Pickling drops the model and its statistics.

    Attributes:
        max_batch_tokens: tokens per batch; None takes the default of the device.
        max_length: longer inputs are truncated on the left, which the row's reason says; None takes the model's own.
        template: a text with ``{prompt}`` and ``{completion}`` that replaces the model's own.
        thinking: what the model is shown of the policy's thinking: ``drop`` (nothing) or ``keep``; None takes the model's own.
        ignore_images: score samples with images by their text alone; otherwise their rows fail.
        control_tokens: control tokens in the texts of a sample, such as ``<|im_end|>``: ``escape`` breaks them up, so that no
            text opens a turn; ``keep`` leaves them to the tokenizer.
        label: the output that is the score where the model has several: its name, its number from 0, or weights by name, whose
            sum is the score. Of the two outputs of a step the second is that of a correct one.
        step_separator: the text between two steps of a completion.
        aggregate: how step scores become one score: ``min``, ``prod``, ``last`` or ``mean``.
        progress_callback: called with (unique rows done, unique rows in all) after every batch.
    """

    max_batch_tokens: int | None = None
    max_length: int | None = None
    template: str | None = None
    thinking: Thinking | None = None
    ignore_images: bool = False
    control_tokens: ControlTokens = "escape"
    label: Label = None
    step_separator: str = "\n\n"
    aggregate: Aggregate = "min"
    progress_callback: ProgressCallback | None = field(default=None, repr=False, compare=False)
    _template_fields: ClassVar[tuple[str, ...]] = FIELDS
    _resource: LazyResource[R] = field(default_factory=LazyResource, init=False, repr=False, compare=False)
    _record: _Record = field(default_factory=_Record, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_at_least("max_batch_tokens", 1)
        self._check_at_least("max_length", 1)
        owner = type(self).__name__
        if self.aggregate not in get_args(Aggregate):
            raise ConfigError(f"{owner}: aggregate = {self.aggregate!r}; expected one of {get_args(Aggregate)}")
        if self.thinking not in (None, *get_args(Thinking)):
            raise ConfigError(f"{owner}: thinking = {self.thinking!r}; expected one of {get_args(Thinking)}")
        check_control_tokens(self.control_tokens, owner)
        check_label(self.label, owner)
        if not self.step_separator:
            raise ConfigError(f"{owner}: step_separator is empty; expected the text between two steps")
        if self.template is not None and not is_template(self.template, self._template_fields):
            raise ConfigError(f"{owner}: template = {self.template!r}; expected {' and '.join(self._template_fields)}")

    def _check_at_least(self, name: str, minimum: float) -> None:
        value = getattr(self, name)
        if value is not None and not value >= minimum:
            raise ConfigError(f"{type(self).__name__}: {name} = {value}; expected at least {minimum}")

    @abstractmethod
    def _open(self) -> R:
        """Open the model."""

    @abstractmethod
    def _describe(self) -> str:
        """Name the model and where it runs, for the report."""

    def score(self, samples: Sequence[SampleLike], /) -> Scores:
        """Return N scores for N samples, in order; a row that cannot be scored is NaN with status failed.

        A row of which nothing is left without its thinking is NaN with status unparsed.
        The scores of a process reward model carry the probabilities of their steps, as `StepScores` with their places in
        `completion_text`, NaN for a step that truncation cut away, and None for a row without any step.
        """
        samples = as_samples(samples)
        runner = self._runner()
        logits, encoded = self._logits(runner, samples)
        rows = [
            self._score_row(runner, row, dropped) for row, dropped in zip(logits, encoded.dropped_steps, strict=True)
        ]
        scores = Scores.from_values([value for value, _, _ in rows])
        with self._resource.lock:
            for warning in self._record.monitor.update(scores.values):
                LOG.warning("%s: %s", self._describe(), warning)
        reasons = (
            "; ".join(filter(None, (reason or other or runner.view.describe(sample), truncation)))
            for (_, reason, _), other, sample, truncation in zip(
                rows, scores.reasons, samples, encoded.reasons, strict=True
            )
        )
        statuses = (
            row.status if isinstance(row, UnscorableError) else status
            for row, status in zip(logits, scores.statuses, strict=True)
        )
        steps = None
        if runner.stepwise:
            steps = tuple(_with_places(values, runner, s) for (*_, values), s in zip(rows, samples, strict=True))
        return replace(scores, statuses=tuple(statuses), reasons=tuple(reasons), steps=steps)

    def step_scores(self, samples: Sequence[SampleLike], /) -> list[Floats]:
        """Return for each of N samples the probabilities that its steps are correct, (S,); S differs and may be 0.

        A step that truncation cut away is NaN.

        Raises:
            ConfigError: this is an outcome reward model.
        """
        samples = as_samples(samples)
        runner = self._stepwise_runner()
        logits, _ = self._logits(runner, samples)
        return [self._step_values(runner, row) if isinstance(row, np.ndarray) else np.empty(0) for row in logits]

    def step_spans(self, samples: Sequence[SampleLike], /) -> list[list[Span] | None]:
        """Return for each of N samples where its steps are in `completion_text`, in characters, half open.

        There are as many as `step_scores`; None where the steps cannot be scored or found in the text.

        Raises:
            ConfigError: this is an outcome reward model.
        """
        samples = as_samples(samples)
        view = self._stepwise_runner().view
        spans: list[list[Span] | None] = []
        for sample in samples:
            try:
                view.messages(sample)
                spans.append(view.step_spans(sample))
            except UnscorableError:
                spans.append(None)
        return spans

    def _stepwise_runner(self) -> R:
        runner = self._runner()
        if not runner.stepwise:
            raise ConfigError(f"{self._describe()}: has no step_token: it scores samples, not steps")
        return runner

    def encode(self, samples: Sequence[SampleLike], /) -> list[list[int]]:
        """Return the token ids of N samples, as the model sees them; none for a sample that it cannot score."""
        samples = as_samples(samples)
        return self._runner().encode(samples).ids

    @property
    def stats(self) -> InferenceStats:
        """What has run so far; `close` does not reset it."""
        return self._record.stats

    @property
    def monitor(self) -> ScoreMonitor:
        """The scale of the scores so far and its drift; `close` does not reset it."""
        return self._record.monitor

    def report(self) -> str:
        """Describe in one line the model, how much it scored, and the scale of its scores; `herokit score` prints it."""
        work = (str(self.stats), str(self.monitor)) if self.stats.rows else ()
        return "; ".join(filter(None, (self._describe(), *work)))

    def _runner(self) -> R:
        return self._resource.get(self._open_monitored)

    def _open_monitored(self) -> R:
        runner = self._open()
        self._record.monitor.logits = not runner.stepwise
        return runner

    def _logits(
        self, runner: R, samples: Sequence[Sample]
    ) -> tuple[list[Floats | UnscorableError | None], EncodedRows]:
        """Return for each row its (P, L) logits, NaN for steps that were cut away, why it has none, or None if it does not fit.

        The second result says what was cut.
        """
        started = perf_counter()
        encoded = runner.encode(samples)
        scorable = [row for row in range(len(samples)) if row not in encoded.problems]
        first, inverse = unique_rows([encoded.ids[row] for row in scorable])
        unique = encoded.select(scorable[k] for k in first.tolist())
        done = tokens = 0

        def on_done(batch: MicroBatch) -> None:
            nonlocal done, tokens
            done += len(batch.rows)
            tokens += batch.tokens
            report_progress(done, len(unique.ids), callback=self.progress_callback)

        results, limit = run_with_oom_retry(
            len(unique.ids),
            lambda pending, max_batch_tokens: runner.plan(unique, pending, max_batch_tokens),
            lambda batch: runner.run(unique, batch),
            self._record.max_batch_tokens or self.max_batch_tokens or runner.max_batch_tokens,
            on_done,
            runner.release,
        )
        stats = InferenceStats(
            rows=len(encoded.ids),
            unique=len(unique.ids),
            real_tokens=sum(map(len, unique.ids)),
            run_tokens=tokens,
            truncated=sum(map(bool, encoded.reasons)),
            seconds=perf_counter() - started,
        )
        with self._resource.lock:
            self._record.max_batch_tokens = limit
            self._record.stats += stats
        logits: list[Floats | UnscorableError | None] = [encoded.problems.get(row) for row in range(len(samples))]
        for row, position in zip(scorable, inverse.tolist(), strict=True):
            logits[row] = _with_dropped_steps(results[position], encoded.dropped_steps[row])
        return logits, encoded

    def _score_row(
        self, runner: R, logits: Floats | UnscorableError | None, dropped: int
    ) -> tuple[float, str, tuple[float, ...] | None]:
        """Return the score of one row, why it has none, and the scores of its steps."""
        if isinstance(logits, UnscorableError):
            return float("nan"), logits.reason, None
        if logits is None:
            return float("nan"), OUT_OF_MEMORY, None
        if runner.stepwise:
            steps = self._step_values(runner, logits)
            if len(steps) == dropped:
                return float("nan"), "no step is left", None
            reason = f"the first {dropped} of {len(steps)} steps were cut away" if dropped else ""
            return aggregate_steps(steps[dropped:], self.aggregate), reason, tuple(steps.tolist())
        try:
            return select_label(logits.reshape(-1).tolist(), runner.label_names, self.label), "", None
        except LabelError as error:
            raise SetupError(f"{self._describe()}: {error}, or step_token for a process reward model") from None

    def _step_values(self, runner: R, logits: Floats) -> Floats:
        """Return the probability that each step is correct, or of the label where one is set."""
        if self.label is None:
            return step_probabilities(logits)
        names = runner.label_names or [f"LABEL_{k}" for k in range(logits.shape[1])]
        try:
            weights = label_weights(names, self.label)
        except LabelError as error:
            raise SetupError(f"{self._describe()}: {error}") from None
        if logits.shape[1] == 1:
            probabilities = step_probabilities(logits)[:, None]
        else:
            logits = logits - logits.max(axis=1, keepdims=True)
            probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return np.asarray(sum(weight * probabilities[:, k] for k, weight in weights.items()), np.float64)


def _with_places(
    values: tuple[float, ...] | None, runner: Any, sample: Sample
) -> StepScores | tuple[float, ...] | None:
    """Return the scores of steps with their places, if the text shows as many steps."""
    if values is None:
        return None
    spans = runner.view.step_spans(sample)
    return values if spans is None or len(spans) != len(values) else StepScores(values, tuple(spans))


def _with_dropped_steps(logits: Floats | None, dropped: int) -> Floats | None:
    """Put NaN in front of the logits of a row, one for each step that truncation cut away."""
    if logits is None or not dropped:
        return logits
    return np.concatenate([np.full((dropped, logits.shape[1]), np.nan), logits])
