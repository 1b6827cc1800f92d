"""Regular expressions, matched in a process that is killed when a match takes too long."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from herokit.errors import ConfigError, check_choice
from herokit.samples import SampleLike, as_samples
from herokit.sources.process_pool import ProcessPool, ProcessPoolMixin
from herokit.types import Sample, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict
from herokit.verifiers.extraction import MAX_ANSWER_CHARS, ExtractMode, View, read_answer, unanswered

__all__ = ["MatchMode", "Regex"]

MatchMode = Literal["full", "search"]

_COMPILE_ERRORS = (re.error, RecursionError, OverflowError)


@dataclass(frozen=True, slots=True)
class _Matcher(PerSampleVerifier):
    """Matches in the current process; Python's `re` may take time exponential in the text."""

    pattern: str | None
    mode: MatchMode
    extract: ExtractMode
    view: View

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        pattern = self.pattern if self.pattern is not None else sample.reference
        if not isinstance(pattern, str):
            return abstain("no pattern: set pattern, or give a reference that is text")
        try:
            compiled = re.compile(pattern)
        except _COMPILE_ERRORS as error:
            return abstain(f"reference: invalid regular expression: {error}")
        answer, extraction = read_answer(sample, str, extract=self.extract, view=self.view)
        if answer is None:
            return unanswered(extraction, "no answer")
        text = answer[-MAX_ANSWER_CHARS:]
        match = compiled.fullmatch(text) if self.mode == "full" else compiled.search(text)
        answer = match[0][:MAX_ANSWER_CHARS] if match else answer
        return binary_verdict(correct=match is not None, answer=answer, origin=extraction.origin)


@dataclass(frozen=True)
class Regex(ProcessPoolMixin):
    r"""1 if the answer matches a regular expression, given by `pattern` or by the reference, else 0.

    Python's `re` backtracks: ``(a+)+$`` takes time exponential in the text, holds the interpreter's lock and cannot be
    interrupted. Patterns therefore run in a worker process that is killed after `timeout` (value 0, TIMEOUT); only a
    pattern without special characters is matched in this process. See `herokit.sources.ProcessPool` for the processes.

    Args:
        pattern: the expression, with flags inside such as ``(?i)``; None to use the reference.
        mode: ``"full"``: the whole answer must match; ``"search"``: any part of it.
        extract: where the answer is; of a longer answer only the last 20,000 characters are matched.
        view: what of the sample is read: the policy's last message without its thinking, or everything it wrote.
        timeout: wall seconds for one sample.
        max_workers: maximum number of processes.

    Raises:
        ConfigError: the pattern is invalid, or a number is not positive.

    Source: Cox, "Regular Expression Matching Can Be Simple And Fast" (2007), and OWASP's page on ReDoS, for why matching
    needs a time limit.

    Example:
        >>> with Regex(r"(?i)dr\.? who") as regex:
        ...     [v.value for v in regex.verify([Sample("?", text, 0) for text in ("Dr Who", "Dr. Whom")])]
        [1.0, 0.0]
    """

    pattern: str | None = None
    mode: MatchMode = "full"
    extract: ExtractMode = "answer"
    view: View = "final"
    timeout: float = 1.0
    max_workers: int = 1
    _pool: ProcessPool = field(init=False, repr=False, compare=False)
    _registered_name: ClassVar[str] = "regex"

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, MatchMode)
        check_choice("extract", self.extract, ExtractMode)
        check_choice("view", self.view, View)
        try:
            re.compile(self.pattern or "")
        except _COMPILE_ERRORS as error:
            raise ConfigError(f"pattern: {self.pattern!r:.80} is not a valid regular expression: {error}") from None
        matcher = _Matcher(self.pattern, self.mode, self.extract, self.view)
        object.__setattr__(self, "_pool", ProcessPool(matcher, max_workers=self.max_workers, timeout=self.timeout))

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        samples = as_samples(samples)
        rows = [row for row, s in enumerate(samples) if not _is_literal(self.pattern, s.reference)]
        verdicts = dict(zip(rows, self._pool.verify([samples[row] for row in rows]), strict=True))
        here = self._pool.verifier
        return [verdicts[row] if row in verdicts else here.verify([s])[0] for row, s in enumerate(samples)]


def _is_literal(pattern: str | None, reference: Any) -> bool:
    """Return whether a pattern has no special characters."""
    text = pattern if pattern is not None else reference
    return not isinstance(text, str) or re.escape(text) == text or text.replace("-", "").replace(" ", "").isalnum()
