r"""A causal language model that says which of two responses is better; the comparisons of a group become scores."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias, get_args

import numpy as np

from herokit.errors import ConfigError
from herokit.reward_models.encoding import fill_fields
from herokit.reward_models.inputs import InputView, UnscorableError
from herokit.reward_models.pairs import choose_pairs
from herokit.samples import SampleLike, as_samples
from herokit.types import Sample, Scores, Status
from herokit_torch.language import QuestionEncoder, TorchJudge, reference_text

__all__ = ["TorchPairwiseJudge"]

COMPARISON = (
    "{prompt}\n\nResponse A:\n\n{first}\n\nResponse B:\n\n{second}\n\n"
    "Which response is better? Answer with one letter, A or B."
)
"""The question that `TorchPairwiseJudge` asks by default."""

Rating: TypeAlias = Literal["log-odds", "wins"]
Opponents: TypeAlias = Literal["group", "reference"]


@dataclass(frozen=True, slots=True)
class _Comparison(Sample):
    """A prompt and two responses, as the judge is shown them."""

    second: str = ""


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two responses to compare, in both orders.

    Attributes:
        rows: of the responses; the reference has none.
        group: of both.
        texts: prompt, first response, second response.
    """

    rows: tuple[int, ...]
    group: Hashable
    texts: tuple[str, str, str]

    def comparisons(self) -> list[_Comparison]:
        """Return both orders."""
        prompt, first, second = self.texts
        return [_Comparison(prompt, a, self.group, second=b) for a, b in ((first, second), (second, first))]


_Result: TypeAlias = tuple[float, str]
"""How much better a response is, NaN if a comparison failed; and what is to say about the comparisons."""


@dataclass(frozen=True, slots=True)
class _ComparisonEncoder(QuestionEncoder):
    """Writes a prompt and two responses as a turn of the user, up to where the model answers."""

    def question(self, sample: Sample) -> str:
        """Return the question."""
        second = sample.second if isinstance(sample, _Comparison) else ""
        texts = {"{prompt}": sample.prompt, "{first}": sample.completion, "{second}": second}
        return fill_fields(self.template or COMPARISON, {name: str(text) for name, text in texts.items()})


@dataclass(frozen=True)
class TorchPairwiseJudge(TorchJudge):
    r"""Score the rollouts of each group by asking a causal language model which of two is better.

    A comparison of i with j is two forwards, one with each of them first, which cancels a preference for a position: with
    ``f(i, j) = log P(first answer) - log P(second answer)``, i is better by ``d = (f(i, j) - f(j, i)) / 2``. A score is the
    mean over the opponents. A group of n costs n (n - 1) forwards, or about ``n min_opponents``; the text up to the first
    response runs once. A score depends on the other rollouts: pass whole groups, and expect the law
    `scores_batch_independent` to fail. A rollout without a readable comparison, such as the only one of a group, is NaN.

    Attributes:
        model: a name on the hub, a folder, or the path of a GGUF file.
        answers: two different answers of one token each, that for the first response first.
        template: the question, a text with ``{prompt}``, ``{first}`` and ``{second}``.
        opponents: ``group``, the other rollouts; or ``reference``, the reference as the other response, which costs two
            forwards for each rollout and makes scores independent of the batch.
        rating: ``log-odds``, the mean of d; or ``wins``, the mean of the probability that it is better, over both orders.
        min_opponents: rollouts with which each is compared at least; None compares all.
        revision, dtype, device, system_prompt: as in `TorchJudge`.
        min_sharing_gain, max_batch_tokens, max_length, thinking, ignore_images, control_tokens: as in `TorchRewardModel`.

    Raises:
        ConfigError: a setting outside its range.
        SetupError: at the first score, if checkpoint, tokenizer or answers do not fit.

    Example:
        >>> TorchPairwiseJudge("Qwen/Qwen3-4B", opponents="reference").report()
        'torch: pairwise judge Qwen/Qwen3-4B'
    """

    answers: tuple[str, str] = field(default=("A", "B"), kw_only=True)
    opponents: Opponents = field(default="group", kw_only=True)
    rating: Rating = field(default="log-odds", kw_only=True)
    min_opponents: int | None = field(default=None, kw_only=True)
    _encoder: ClassVar[type[QuestionEncoder]] = _ComparisonEncoder
    _template_fields: ClassVar[tuple[str, ...]] = ("{prompt}", "{first}", "{second}")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_at_least("min_opponents", 1)
        for name, kind in (("opponents", Opponents), ("rating", Rating)):
            if getattr(self, name) not in get_args(kind):
                raise ConfigError(
                    f"TorchPairwiseJudge: {name} = {getattr(self, name)!r}; expected one of {get_args(kind)}"
                )

    def _describe(self) -> str:
        return f"torch: pairwise judge {self.model}"

    def score(self, samples: Sequence[SampleLike], /) -> Scores:
        """Return N scores for N samples, in order; pass whole groups."""
        samples = as_samples(samples)
        view = self._runner().view
        shown = [self._show(view, sample) for sample in samples]
        pairs = list(self._pair_up(samples, shown))
        judged = super().score([comparison for pair in pairs for comparison in pair.comparisons()])
        results: list[list[_Result]] = [[] for _ in samples]
        for k, pair in enumerate(pairs):
            both = slice(2 * k, 2 * k + 2)
            reason = next(filter(None, judged.reasons[both]), "")
            for row, value in zip(pair.rows, self._rate(*judged.values[both].tolist()), strict=False):
                results[row].append((value, reason))
        rows = zip(shown, results, strict=True)
        return Scores.from_rows(
            (None, texts.status, texts.reason, None) if isinstance(texts, UnscorableError) else _mean_row(own)
            for texts, own in rows
        )

    def _show(self, view: InputView, sample: Sample) -> tuple[str, str, str] | UnscorableError:
        """Return what the judge is shown of a sample: prompt, response and, where it is the opponent, the reference."""
        try:
            reference = view.escape(reference_text(sample)) if self.opponents == "reference" else ""
            return (*view.texts(sample), reference)
        except UnscorableError as error:
            return error

    def _pair_up(
        self, samples: Sequence[Sample], shown: Sequence[tuple[str, str, str] | UnscorableError]
    ) -> Iterator[_Pair]:
        """Give the pairs to compare, of rows that can be shown."""
        members: dict[Hashable, list[tuple[int, tuple[str, str, str]]]] = defaultdict(list)
        for row, texts in enumerate(shown):
            if not isinstance(texts, UnscorableError):
                members[samples[row].group].append((row, texts))
        for group, rows in members.items():
            if self.opponents == "reference":
                for row, texts in rows:
                    yield _Pair((row,), group, texts)
                continue
            for i, j in choose_pairs(len(rows), self.min_opponents or len(rows)):
                (first, (prompt, response, _)), (second, (_, other, _)) = rows[i], rows[j]
                yield _Pair((first, second), group, (prompt, response, other))

    def _rate(self, forward: float, backward: float) -> tuple[float, float]:
        """Return the results of both responses, given the log-odds of the one that is first in each order."""
        if self.rating == "wins":
            wins = float(np.exp(-np.logaddexp(0.0, [-forward, backward])).mean())
            return wins, 1.0 - wins
        return (forward - backward) / 2, (backward - forward) / 2


def _mean_row(results: Sequence[_Result]) -> tuple[float | None, Status, str, None]:
    """Return the row of a rollout with these results."""
    reasons = [reason for _, reason in results if reason]
    values = [value for value, _ in results if np.isfinite(value)]
    if not values:
        return None, Status.FAILED, reasons[0] if reasons else "no other rollout in the group", None
    return float(np.mean(values)), Status.JUDGED, reasons[0] if reasons else "", None
