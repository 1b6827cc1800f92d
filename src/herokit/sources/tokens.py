"""Numbers of tokens as a signal, for steps that shape rewards by length."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from herokit.errors import SetupError
from herokit.reward_models.lazy import LazyResource, ResourceOwner
from herokit.samples import SampleLike, as_samples
from herokit.types import Sample, ScoreRow, Scores, Status

__all__ = ["NumTokens"]


@dataclass(frozen=True, slots=True)
class NumTokens(ResourceOwner):
    """Return the number of tokens of each completion, as a score: the signal that `herokit.combiners.lengths` reads.

    A row's number is `Sample.num_tokens`, which adapters fill in from what the trainer passes and files from a column; else
    it is counted by `tokenizer`; else the row fails. Other lengths, such as those of the input or numbers of turns, are read
    from a column by `ScoreColumn`.

    Args:
        tokenizer: a folder or file ``tokenizer.json``, or the name of a checkpoint on a hub: the policy's own, because
            others count other tokens. It counts everything that the policy wrote. Needs the package ``tokenizers``.

    Raises:
        SetupError: when a row must be counted: the package is missing, or the tokenizer cannot be read.

    Example:
        >>> samples = [Sample("1 + 1?", "It is 2.", "q", num_tokens=4), Sample("1 + 1?", "2", "q")]
        >>> scores = NumTokens().score(samples)
        >>> scores.values.tolist(), scores.reasons[1]
        ([4.0, nan], 'the number of tokens is unknown: no num_tokens in the sample, and no tokenizer')
    """

    tokenizer: str = ""
    _resource: LazyResource[Any] = field(default_factory=LazyResource, init=False, repr=False, compare=False)

    @property
    def required_modules(self) -> dict[str, str]:
        """What counting imports."""
        return {"tokenizers": "tokenizers"} if self.tokenizer else {}

    def score(self, samples: Sequence[SampleLike], /) -> Scores:
        """Return N scores for N samples; a row whose number is unknown is NaN, and failed.

        Raises:
            SetupError: the tokenizer cannot be loaded.
        """
        return Scores.from_rows(map(self._score, as_samples(samples)))

    def _score(self, sample: Sample) -> ScoreRow:
        if sample.num_tokens is not None:
            return float(sample.num_tokens), Status.JUDGED, "", None
        if not self.tokenizer:
            why = "the number of tokens is unknown: no num_tokens in the sample, and no tokenizer"
            return None, Status.FAILED, why, None
        encoding = self._resource.get(self._load).encode(sample.completion_text, add_special_tokens=False)
        return float(len(encoding.ids)), Status.JUDGED, "counted by the tokenizer", None

    def _load(self) -> Any:
        """Load the tokenizer.

        Raises:
            SetupError: the package is missing, or the tokenizer cannot be read.
        """
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise SetupError("counting tokens needs the package tokenizers: pip install tokenizers") from error
        path = Path(self.tokenizer)
        path = path / "tokenizer.json" if path.is_dir() else path
        try:
            tokenizer = Tokenizer.from_file(str(path)) if path.exists() else Tokenizer.from_pretrained(self.tokenizer)
        except Exception as error:  # the package raises bare exceptions
            raise SetupError(
                f"num-tokens: no tokenizer in {self.tokenizer!r}: {error}; expected a folder with tokenizer.json, or a "
                "checkpoint's name"
            ) from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer
