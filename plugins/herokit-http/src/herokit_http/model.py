"""Reward models behind a server."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from herokit.errors import ConfigError, did_you_mean
from herokit.reward_models.control_tokens import KNOWN_TOKENS, ControlTokens, check_control_tokens, writes_tokens
from herokit.reward_models.families import find_profile
from herokit.reward_models.inputs import InputView, Thinking, UnscorableError
from herokit.reward_models.labels import Label, LabelError, check_label, select_label
from herokit.reward_models.process import Aggregate, aggregate_steps
from herokit.samples import SampleLike, as_samples
from herokit.types import Sample, Scores, Status
from herokit_http.batches import Failure, SendBatch, check_count
from herokit_http.client import Client
from herokit_http.connection import HttpSource
from herokit_http.dialects import DIALECTS, TEMPLATES, Dialect, Row, make_row, parse_response

__all__ = ["HttpRewardModel", "make_scores", "parse_number", "parse_score", "parse_steps"]

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class HttpRewardModel(HttpSource):
    """Score completions with a reward model behind a server: one raw score per sample, in order.

    A row that the server does not answer is NaN with status failed and the reason; it raises nothing. A request that the
    server rejects for its content is halved until the rejected row is alone.

    Attributes:
        url: of the server, e.g. ``http://10.0.0.1:8000``; several that do the same are separated by commas.
        dialect: of the server: ``vllm-classify``, ``vllm-pooling``, ``vllm-token-pooling``, ``vllm-score``,
            ``vllm-rerank``, ``vllm-question``, ``sglang-classify``, ``sglang-embeddings``, ``sglang-question``, ``openrlhf``,
            ``tei``, ``tei-rerank``, ``infinity-classify``, ``infinity-rerank``, ``herokit``.
        model: the model's name on the server; for ``herokit`` the source's name.
        template: how prompt and completion become one text: ``plain``, ``chatml``, ``llama3`` or a text with
            ``{prompt}``, ``{completion}`` and ``{system}``. None sends vLLM the messages, so that it applies the model's own
            chat template; the SGLang and TEI dialects require one.
        system_prompt: of conversations without a system message; None takes that of the model's family.
        label: the output that is the score where the model has several: its name, its number from 0, or weights by name. Without
            it several outputs are an error, except two of a step, of which the second is that of a correct one.
        label_token_ids: for ``vllm-question`` and ``sglang-question``: the ids of the tokens that say yes and no; the score is
            their log-odds after the template.
        max_length: the server truncates longer inputs on the left (vLLM; TEI always does); None leaves that to the server.
        aggregate: how step scores become one score: ``min``, ``prod``, ``last`` or ``mean``.
        batch_size: rows per request; messages go one by one.
        cache_size: scores to store.
        thinking: what the model is shown of the policy's thinking: ``drop`` (nothing) or ``keep``; None takes that of the
            model's family. ``herokit`` is sent the whole sample.
        ignore_images: leave images out; otherwise messages are sent with them, and a row fails where text is sent.
        control_tokens: control tokens of known families in the texts of a sample, such as ``<|im_end|>``: ``escape`` breaks
            them up, so that no text opens a turn; ``keep`` leaves them to the server. ``herokit`` is sent them as they are.
        request: how hard to try, and when to give up.

    Raises:
        ConfigError: an unknown dialect, a missing template, an invalid URL.

    Example:
        >>> from herokit_http import RequestPolicy
        >>> rm = HttpRewardModel("http://127.0.0.1:9", request=RequestPolicy(max_attempts=1))
        >>> scores = rm.score([Sample("1 + 1?", "2", group="q")])
        >>> scores.statuses, scores.reasons
        ((<Status.FAILED: 'failed'>,), ('ConnectError: All connection attempts failed',))
        >>> rm.close()
    """

    dialect: str = "vllm-classify"
    model: str = ""
    template: str | None = None
    system_prompt: str | None = None
    label: Label = None
    label_token_ids: tuple[int, ...] = ()
    max_length: int | None = None
    aggregate: Aggregate = "last"
    batch_size: int = 32
    cache_size: int = 0
    thinking: Thinking | None = None
    ignore_images: bool = False
    control_tokens: ControlTokens = "escape"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_at_least("batch_size", 1)
        if self.thinking not in (None, *get_args(Thinking)):
            raise ConfigError(f"HttpRewardModel: thinking = {self.thinking!r}; expected one of {get_args(Thinking)}")
        check_control_tokens(self.control_tokens, "HttpRewardModel")
        self._check_at_least("cache_size", 0)
        if self.aggregate not in get_args(Aggregate):
            raise ConfigError(f"HttpRewardModel: aggregate = {self.aggregate!r}; expected one of {get_args(Aggregate)}")
        if self.dialect not in DIALECTS:
            raise ConfigError(
                f"HttpRewardModel: dialect = {self.dialect!r}; {did_you_mean(self.dialect, list(DIALECTS))}"
            )
        check_label(self.label, "HttpRewardModel")
        self._check_dialect_settings()
        if self.dialect == "herokit" and not self.model:
            raise ConfigError("HttpRewardModel: dialect 'herokit' needs model = the name of a source of its scheme")
        text = self._template
        if self._dialect.pairs or self._dialect.samples or text is None:
            return
        if not text:
            raise ConfigError(
                f"HttpRewardModel: dialect {self.dialect!r} needs a template, because its server applies none: "
                f"{', '.join(TEMPLATES)}, or a text with {{prompt}} and {{completion}}"
            )
        if not ("{prompt}" in text and "{completion}" in text):
            raise ConfigError(
                f"HttpRewardModel: template = {text!r}; expected a text with {{prompt}} and {{completion}}"
            )

    def _check_dialect_settings(self) -> None:
        """Check the settings that only some dialects have."""
        object.__setattr__(self, "label_token_ids", tuple(self.label_token_ids))  # a scheme file gives a list
        if self._dialect.question != bool(self.label_token_ids) or len(self.label_token_ids) not in (0, 2):
            expected = "two token ids, of yes and of no" if self._dialect.question else "none for this dialect"
            raise ConfigError(
                f"HttpRewardModel: dialect {self.dialect!r}, label_token_ids = {self.label_token_ids}; expected {expected}"
            )
        if self.max_length is None:
            return
        self._check_at_least("max_length", 1)
        if self._dialect.truncation is None:
            raise ConfigError(f"HttpRewardModel: the server of dialect {self.dialect!r} takes no max_length")

    @property
    def _dialect(self) -> Dialect:
        return DIALECTS[self.dialect]

    @property
    def _template(self) -> str | None:
        return self._dialect.template if self.template is None else TEMPLATES.get(self.template, self.template)

    def _describe(self) -> str:
        return f"http: {self.dialect} at {self._public_url}"

    def score(self, samples: Sequence[SampleLike], /) -> Scores:
        """Return N scores for N samples, in order; NaN with status failed and the reason where there is none."""
        samples = as_samples(samples)
        template = self._template
        profile = find_profile(self.model)
        view = InputView(
            thinking=self.thinking or profile.thinking,
            ignore_images=self.ignore_images,
            takes_images=template is None and not self._dialect.pairs,
            system_prompt=profile.system_prompt if self.system_prompt is None else self.system_prompt,
            control=KNOWN_TOKENS if self.control_tokens == "escape" else None,
            keep_templated=not self._dialect.pairs and template is not None and not writes_tokens(template),
        )
        rows = [self._make_row(sample, view) for sample in samples]
        batch_size = 1 if template is None else self.batch_size
        scores = make_scores(self._send(rows, self._sender, batch_size=batch_size, cache_size=self.cache_size))
        with self._resource.lock:
            for warning in self._record.monitor.update(scores.values):
                LOG.warning("%s: %s", self._public_url, warning)
        return scores

    def _make_row(self, sample: Sample, view: InputView) -> Row | Failure:
        try:
            return make_row(sample, self._dialect, self._template, view)
        except UnscorableError as error:
            return Failure(error.reason, error.status)

    def _sender(self, client: Client) -> SendBatch[Any]:
        dialect = self._dialect

        async def send(rows: Sequence[Row]) -> list[Any]:
            if dialect.single_prompt and any(row.prompt != rows[0].prompt for row in rows):
                scores: dict[Row, Any] = {}
                for prompt in dict.fromkeys(row.prompt for row in rows):
                    part = [row for row in rows if row.prompt == prompt]
                    scores |= dict(zip(part, check_count(await send(part), len(part)), strict=True))
                return [scores[row] for row in rows]
            path = dialect.path.replace("{model}", self.model)
            body = dialect.body(self.model, rows)
            if dialect.question:
                body |= {"label_token_ids": list(self.label_token_ids)}
            if dialect.truncation and self.max_length:
                body |= dialect.truncation(self.max_length)
            response = await client.post(path, body)
            values = parse_response(self.dialect, lambda: list(dialect.parse(response, len(rows), self.model)))
            if dialect.stepwise:
                return [parse_steps(value, self.aggregate, self.label) for value in values]
            return [parse_score(value, self.label) for value in values]

        return send


def parse_score(value: Any, label: Label = None) -> Any:
    """Return (score, None), or `Failure`: a number, one number per label, or a mapping of label to number.

    Example:
        >>> parse_score(2), parse_score([0.5]), parse_score({"bad": 3.0, "good": 1.0}, "good")
        ((2.0, None), (0.5, None), (1.0, None))
        >>> parse_score([0.1, 0.9])
        Failure(reason='gives 2 numbers per sample, expected one (LABEL_0, LABEL_1); set label to one of them, or to weights')
        >>> parse_score("2"), parse_score([])
        (Failure(reason="gave '2', not a number"), Failure(reason='gave no score'))
    """
    if isinstance(value, Failure):
        return value
    names = [str(name) for name in value] if isinstance(value, dict) else None
    if names is not None and isinstance(
        label, int
    ):  # in order of scores, so that a number is part of a name or means nothing
        label = f"LABEL_{label}"
    numbers = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]
    if not numbers:
        return Failure("gave no score")
    parsed = [parse_number(number) for number in numbers]
    if failure := next((number for number in parsed if isinstance(number, Failure)), None):
        return failure
    try:
        return select_label(parsed, names, label), None
    except LabelError as error:
        return Failure(str(error))


def parse_steps(value: Any, aggregate: Aggregate, label: Label = None) -> Any:
    """Return (score, step scores or None), or `Failure`: for each token or step a number, or one number per label.

    Example:
        >>> parse_steps([[0.9, 0.1], [0.3, 0.7]], "min"), parse_steps([[0.2]], "last")
        ((0.1, (0.1, 0.7)), (0.2, None))
        >>> parse_steps([], "min"), parse_steps(0.5, "min")
        (Failure(reason='gave no score'), Failure(reason='gave 0.5, not a list of steps'))
    """
    if isinstance(value, Failure):
        return value
    if not isinstance(value, list):
        return Failure(f"gave {str(value)[:60]}, not a list of steps")
    if not value:
        return Failure("gave no score")
    correct = 1 if label is None and all(isinstance(step, list) and len(step) == 2 for step in value) else label  # noqa: PLR2004
    parsed = [parse_score(step, correct) for step in value]
    if failure := next((step for step in parsed if isinstance(step, Failure)), None):
        return failure
    steps = [score for score, _ in parsed]
    return aggregate_steps(np.array(steps), aggregate), tuple(steps) if len(steps) > 1 else None


def parse_number(value: Any) -> Any:
    """Return a finite float, or `Failure`.

    Example:
        >>> parse_number(float("nan")), parse_number(True)
        (Failure(reason='gave nan'), Failure(reason='gave True, not a number'))
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        shown = repr(value[:60]) if isinstance(value, str) else str(value)[:60]
        return Failure(f"gave {shown}, not a number")
    try:
        number = float(value)
    except OverflowError:
        return Failure("gave a number too large for a float")
    return number if math.isfinite(number) else Failure(f"gave {number}")


def make_scores(answers: Sequence[Any]) -> Scores:
    """Return answers, each (score, step scores or None) or `Failure`, as `Scores`."""
    return Scores.from_rows(
        (None, x.status, x.reason, None) if isinstance(x, Failure) else (x[0], Status.JUDGED, "", x[1]) for x in answers
    )
