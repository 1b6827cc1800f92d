"""The reward model: settings outside, a session inside that opens on first use and never travels."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Self, get_args

from herokit.errors import ConfigError
from herokit.reward_models.batching import (
    OUT_OF_MEMORY,
    InferenceStats,
    MicroBatch,
    plan_batches,
    plan_micro_batches,
    run_with_oom_retry,
)
from herokit.reward_models.monitor import ScoreMonitor
from herokit.reward_models.process import Aggregate, Floats, aggregate_steps, step_probabilities
from herokit.reward_models.progress import ProgressCallback, report_progress
from herokit.types import Sample, Scores
from herokit_onnx.config import ModelConfig
from herokit_onnx.parity_probes import check as check_probes
from herokit_onnx.session import CPU, CUDA, check_inputs, check_output, device_of, open_session
from herokit_onnx.session_state import Cell, Opened
from herokit_onnx.text import Encoder, open_tokenizer

LOG = logging.getLogger(__name__)
EMBEDDED = Path(__file__).parent / "embedded"
BUDGET = {"cpu": 512, "gpu": 16384}
"""Padded tokens a batch; the CPU's was measured (docs/reference/reward-models.md), the GPU's was not."""


@dataclass(frozen=True)
class OnnxRewardModel:
    r"""Score completions with an ONNX model: raw logits as float64, one a sample, in order.

    The model takes ``input_ids`` [, ``attention_mask``], int64 (B, S), right padded, and gives (B,), (B, 1) or (B, S)
    scores. ``<model>.json`` beside it says how to write its input (`herokit_onnx.config.ModelConfig`). A process reward
    model, whose settings name a step token, gives one probability a step, joined by `aggregate`. Identical inputs run
    once; batches are sorted by length; neither order nor batch nor padding changes a score by more than the arithmetic
    of the model's own precision does.

    Attributes:
        model: ``"embedded"`` (a small demonstration model, see its card) or the path of a .onnx file.
        tokenizer: path of a `tokenizers` JSON; None takes ``tokenizer.json`` beside the model.
        providers: ONNX Runtime providers in order; None takes what is available. The first must be the one that runs.
        token_budget: padded tokens a batch; None takes 512 on a CPU, 16384 elsewhere. Halved whenever memory runs out.
        max_tokens: overrides the config's; longer inputs lose tokens on the left, flagged in the row's reason.
        template: overrides the config's.
        threads: threads inside one operator; 0 lets ONNX Runtime decide.
        io_binding: put inputs and output on the provider's device by hand; None does so with CUDA only.
        step_separator: what lies between the steps of a completion, for a process reward model.
        aggregate: how its step scores become one score: ``min``, ``prod``, ``last`` or ``mean``.
        progress: called with (distinct rows done, distinct rows to do) after every batch; see also `herokit.reward_models.progress.track_progress`.

    Raises:
        ConfigError: a setting outside its range.
        SetupError: at the first score, when files, runtime or provider do not fit; the message names file and fix.

    Example:
        >>> from herokit.types import Sample
        >>> prompt = "Tom has 3 bags with 4 pens each. How many pens does he have?"
        >>> with OnnxRewardModel() as rm:
        ...     right, wrong = rm.score([Sample(prompt, f"3 * 4 = {n}", group="q") for n in (12, 15)]).values
        >>> bool(right > wrong)
        True
    """

    model: str = "embedded"
    tokenizer: str | None = None
    providers: tuple[str, ...] | None = None
    token_budget: int | None = None
    max_tokens: int | None = None
    template: str | None = None
    threads: int = 0
    io_binding: bool | None = None
    step_separator: str = "\n\n"
    aggregate: Aggregate = "min"
    progress: ProgressCallback | None = field(default=None, repr=False, compare=False)
    _cell: Cell = field(default_factory=Cell, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        least = {"token_budget": 1, "threads": 0, "max_tokens": 1}
        for name, low in least.items():
            value = getattr(self, name)
            if value is not None and value < low:
                raise ConfigError(f"OnnxRewardModel: {name} = {value}; expected at least {low}")
        if self.aggregate not in get_args(Aggregate):
            raise ConfigError(f"OnnxRewardModel: aggregate = {self.aggregate!r}; expected one of {get_args(Aggregate)}")
        if not self.step_separator:
            raise ConfigError("OnnxRewardModel: step_separator is empty; expected the text between two steps")
        if self.providers is not None:  # a scheme file gives a list
            object.__setattr__(self, "providers", tuple(self.providers))

    def score(self, samples: Sequence[Sample], /) -> Scores:
        """Return N scores for N samples, in order; a non-finite score is a row with status failed.

        A process reward model's scores carry the probabilities of their steps, None for a row that has none.

        Example:
            >>> len(OnnxRewardModel().score([]))
            0
        """
        opened = self._open()
        begun = perf_counter()
        rows, cuts = opened.encoder.encode(samples)
        plan = plan_batches(rows, max_batch_tokens=10**9)  # equal inputs run once
        distinct = [rows[i] for i in plan.unique]
        done, tokens = 0, 0

        def ran(job: MicroBatch) -> None:
            nonlocal done, tokens
            done += len(job.rows)
            tokens += job.tokens
            report_progress(done, len(distinct), callback=self.progress)

        found, self._cell.budget = run_with_oom_retry(
            len(distinct),
            lambda todo, budget: plan_micro_batches(distinct, todo, budget),
            lambda job: opened.run([distinct[i] for i in job.rows]),
            self._cell.budget or self.token_budget or BUDGET["cpu" if opened.provider == CPU else "gpu"],
            ran,
        )
        stepwise = opened.config.step_token is not None
        judged = [self._judged(found[i], stepwise=stepwise) for i in plan.inverse]
        scores = Scores.from_values([score for score, _, _ in judged])
        spent = InferenceStats(
            rows=len(rows),
            unique=len(distinct),
            real_tokens=plan.real_tokens,
            run_tokens=tokens,
            truncated=sum(map(bool, cuts)),
            seconds=perf_counter() - begun,
        )
        with self._cell.lock:
            self._cell.stats += spent
            for doubt in self._cell.monitor.update(scores.values):
                LOG.warning("%s: %s", opened.path, doubt)
        said = (why or gave for (_, why, _), gave in zip(judged, scores.reasons, strict=True))
        reasons = tuple("; ".join(filter(None, both)) for both in zip(said, cuts, strict=True))
        return replace(scores, reasons=reasons, steps=tuple(steps for _, _, steps in judged) if stepwise else None)

    def encode(self, samples: Sequence[Sample], /) -> list[list[int]]:
        """Return the token ids of N samples, as the model sees them."""
        return self._open().encoder.encode(samples)[0]

    @property
    def stats(self) -> InferenceStats:
        """What has run so far; `close` does not reset it."""
        return self._cell.stats

    @property
    def monitor(self) -> ScoreMonitor:
        """Where the scores lay so far, and whether they drift; `close` does not reset it."""
        return self._cell.monitor

    @property
    def provider(self) -> str:
        """The provider that really runs the model, e.g. ``CPUExecutionProvider``; opens the session.

        Example:
            >>> OnnxRewardModel(providers=("CPUExecutionProvider",)).provider
            'CPUExecutionProvider'
        """
        return self._open().provider

    def report(self) -> str:
        """Say in a line what scored, on what, how much, and where the scores lie; `herokit score` prints it.

        Example:
            >>> OnnxRewardModel().report()
            'onnx: embedded on CPUExecutionProvider'
        """
        ran = (f"{self.stats}", f"{self.monitor}") if self.stats.rows else ()
        return "; ".join(filter(None, (f"onnx: {self.model} on {self.provider}", *ran)))

    def close(self) -> None:
        """Drop the session; the next score opens it again."""
        with self._cell.lock:
            self._cell.opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _judged(self, logits: Floats | None, *, stepwise: bool) -> tuple[float, str, tuple[float, ...] | None]:
        """Turn what one row gave into its score, why there is none, and its steps."""
        if logits is None:
            return float("nan"), OUT_OF_MEMORY, None
        if not stepwise:
            return float(logits[0]), "", None
        steps = step_probabilities(logits[:, None])
        return (
            aggregate_steps(steps, self.aggregate),
            "" if len(steps) else "no step is left",
            tuple(steps.tolist()) or None,
        )

    def _open(self) -> Opened:
        with self._cell.lock:
            if self._cell.opened is None:
                self._cell.opened = self._load()
            return self._cell.opened

    def _load(self) -> Opened:
        path = EMBEDDED / "model.onnx" if self.model == "embedded" else Path(self.model)
        session = open_session(path, self.providers, self.threads)
        config = ModelConfig.beside(path)
        if self.template is not None:
            settings = {**asdict(config), "template": self.template, "annotation": "none"}
            config = ModelConfig.of(settings, "OnnxRewardModel")
        if self.max_tokens is not None:
            config = replace(config, max_tokens=self.max_tokens)
        masked = check_inputs(session, path)
        output = check_output(session, path, config.output)
        tokenizer = open_tokenizer(Path(self.tokenizer) if self.tokenizer else path.parent / "tokenizer.json")
        provider = session.get_providers()[0]
        bind = provider == CUDA if self.io_binding is None else self.io_binding
        encoder = Encoder(tokenizer, config, self.step_separator)
        opened = Opened(session, encoder, config, output, masked, path, provider, device_of(session) if bind else None)
        if self.template is None and self.max_tokens is None and self.tokenizer is None:
            asked = Encoder(tokenizer, config)  # with the separator that the probes were written with
            check_probes(path, lambda samples: asked.encode(samples)[0], opened.run)
        self._cell.monitor.logits = config.step_token is None
        return opened
