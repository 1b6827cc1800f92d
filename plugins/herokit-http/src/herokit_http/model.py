"""Reward models behind a server."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from herokit.errors import ConfigError, did_you_mean
from herokit.reward_models.families import find_profile
from herokit.types import Sample, Scores, Status
from herokit_http.client import Link, UnansweredError, addresses, public
from herokit_http.connection import Cell, Reaching
from herokit_http.dialects import DIALECTS, Row, row_of
from herokit_http.request_policy import Reach
from herokit_http.rows import Call, Lost, whole

LOG = logging.getLogger(__name__)

TEMPLATES = {
    "plain": "{prompt}\n{completion}",
    "chatml": "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{prompt}<|im_end|>\n"
    "<|im_start|>assistant\n{completion}<|im_end|>\n",
    "llama3": "<|start_header_id|>user<|end_header_id|>\n\n{prompt}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n{completion}<|eot_id|>",
}
"""Texts by name, without a BOS: servers add their own."""

AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "last": lambda steps: steps[-1],
    "min": min,
    "mean": lambda steps: math.fsum(steps) / len(steps),
    "prod": math.prod,
}


@dataclass(frozen=True)
class HttpRewardModel(Reaching):
    """Score completions with a reward model behind a server: one raw score a sample, in order.

    A row that the server does not answer is NaN with status failed and the reason; nothing is raised for it. A request
    that the server refuses for its content is halved until the refused row stands alone.

    Attributes:
        url: where the server is, e.g. ``http://10.0.0.1:8000``; several that do the same are separated by commas.
        dialect: what it speaks: ``vllm-classify``, ``vllm-pooling``, ``vllm-token-pooling``, ``vllm-score``,
            ``sglang-classify``, ``sglang-embeddings``, ``openrlhf``, ``tei``, ``infinity-rerank``, ``herokit``.
        model: the model's name as the server knows it; for ``herokit`` the source's name.
        template: how prompt and completion become one text: ``plain``, ``chatml``, ``llama3`` or a text with
            ``{prompt}``, ``{completion}`` and ``{system}``. None sends vLLM the messages, so that it applies the
            model's own chat template; the SGLang and TEI dialects must be told.
        system: the system prompt; None takes what a known model was trained on.
        aggregate: how scores of steps become one: ``last``, ``min``, ``mean``, ``prod``.
        batch: rows a request; messages go one by one.
        cache: scores to remember.
        reach: how hard to try, and when to stop.

    Raises:
        ConfigError: an unknown dialect, a dialect that must be told its template, a URL that is none.

    Example:
        >>> rm = HttpRewardModel("http://127.0.0.1:9", reach=Reach(tries=1))
        >>> scores = rm.score([Sample("1 + 1?", "2", group="q")])
        >>> scores.statuses, scores.reasons
        ((<Status.FAILED: 'failed'>,), ('ConnectError: All connection attempts failed',))
        >>> rm.close()
    """

    url: str
    dialect: str = "vllm-classify"
    model: str = ""
    template: str | None = None
    system: str | None = None
    aggregate: Literal["last", "min", "mean", "prod"] = "last"
    batch: int = 32
    cache: int = 0
    reach: Reach = field(default_factory=Reach)
    _cell: Cell = field(default_factory=Cell, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        addresses(self.url)
        if self.dialect not in DIALECTS:
            raise ConfigError(
                f"HttpRewardModel: dialect = {self.dialect!r}; {did_you_mean(self.dialect, list(DIALECTS))}"
            )
        if self.batch < 1 or self.cache < 0:
            raise ConfigError(f"HttpRewardModel: batch = {self.batch}, cache = {self.cache}; expected from 1, from 0")
        if self.dialect == "herokit" and not self.model:
            raise ConfigError("HttpRewardModel: dialect 'herokit' needs model = the name of a source of its scheme")
        spoken = DIALECTS[self.dialect]
        if self.template is None and spoken.template == "" and not spoken.pair:
            raise ConfigError(
                f"HttpRewardModel: dialect {self.dialect!r} needs a template, for its server applies none: "
                f"{', '.join(TEMPLATES)}, or a text with {{prompt}} and {{completion}}"
            )
        text = self._text
        if text is not None and not spoken.pair and not ("{prompt}" in text and "{completion}" in text):
            raise ConfigError(
                f"HttpRewardModel: template = {text!r}; expected a text with {{prompt}} and {{completion}}"
            )

    @property
    def _text(self) -> str | None:
        if self.template is None:
            return DIALECTS[self.dialect].template
        return TEMPLATES.get(self.template, self.template)

    def score(self, samples: Sequence[Sample], /) -> Scores:
        """Return N scores for N samples, in order; NaN with status failed and the reason where there is none."""
        text = self._text
        system = find_profile(self.model).system_prompt if self.system is None else self.system
        rows = [row_of(sample, text, system, meta=self.dialect == "herokit") for sample in samples]
        found = self._cell.ask(
            rows, self._call, url=self.url, reach=self.reach, batch=1 if text is None else self.batch, cache=self.cache
        )
        scores = scores_of(found)
        with self._cell.lock:
            for warning in self._cell.monitor.update(scores.values):
                LOG.warning("%s: %s", public(self.url), warning)
        return scores

    def report(self) -> str:
        """Say in a line what was asked, how often, and where the scores lie."""
        return f"http: {self.dialect} at {public(self.url)}; {self._cell.said()}"

    def _call(self, link: Link) -> Call[Any]:
        spoken = DIALECTS[self.dialect]
        path = spoken.path.replace("{model}", self.model)

        async def some(rows: Sequence[Row]) -> list[Any]:
            if spoken.one_prompt and any(row.prompt != rows[0].prompt for row in rows):
                prompts = dict.fromkeys(row.prompt for row in rows)
                parts = {prompt: [row for row in rows if row.prompt == prompt] for prompt in prompts}
                found: dict[Row, Any] = {}
                for part in parts.values():
                    found |= dict(zip(part, whole(await some(part), len(part)), strict=True))
                return [found[row] for row in rows]
            answer = await link.post(path, spoken.body(self.model, rows))
            scores = read(lambda: list(spoken.read(answer, len(rows))), self.dialect)
            return [one_score(value, AGGREGATES[self.aggregate]) for value in scores]

        return some


def read(how: Callable[[], list[Any]], what: str) -> list[Any]:
    """Read an answer that may have any shape.

    Raises:
        UnansweredError: it is not what the dialect says.
    """
    try:
        return how()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        why = f"the answer has not the shape of {what}: {type(error).__name__}: {error}"
        raise UnansweredError(why[:200], content=True, false=True) from None


def one_score(value: Any, aggregate: Callable[[Sequence[float]], float]) -> Any:
    """Return a score and the scores of its steps, if it has any, or `Lost`.

    Example:
        >>> one_score(2, min), one_score([[0.9, 0.1], [0.3, 0.7]], min)
        ((2.0, None), (0.1, (0.1, 0.7)))
        >>> one_score("2", min), one_score([], min)
        (Lost(why="gave '2', no number"), Lost(why='gave no score'))
    """
    if isinstance(value, Lost):
        return value
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], list):
        value = value[0]
    if not isinstance(value, list):
        number = finite(value)
        return number if isinstance(number, Lost) else (number, None)
    if not value:
        return Lost("gave no score")
    steps = [finite(step[-1] if isinstance(step, list) and step else step) for step in value]
    lost = next((step for step in steps if isinstance(step, Lost)), None)
    return lost or (aggregate(steps), tuple(steps) if len(steps) > 1 else None)


def finite(value: Any) -> Any:
    """Return a finite float, or `Lost`.

    Example:
        >>> finite(float("nan")), finite(True)
        (Lost(why='gave nan'), Lost(why='gave True, no number'))
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Lost(
            f"gave {str(value)[:60]!r}, no number" if isinstance(value, str) else f"gave {str(value)[:60]}, no number"
        )
    try:
        number = float(value)
    except OverflowError:
        return Lost("gave a number too large for a float")
    return number if math.isfinite(number) else Lost(f"gave {number}")


def scores_of(found: Sequence[Any]) -> Scores:
    """Write answers, (score, steps) or `Lost`, as `Scores`."""
    steps = [None if isinstance(x, Lost) else x[1] for x in found]
    return Scores(
        np.array([np.nan if isinstance(x, Lost) else x[0] for x in found], dtype=np.float64),
        tuple(Status.FAILED if isinstance(x, Lost) else Status.JUDGED for x in found),
        tuple(x.why if isinstance(x, Lost) else "" for x in found),
        steps if any(row is not None for row in steps) else None,
    )
