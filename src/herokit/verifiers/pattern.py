"""Regular expressions, in a process that is killed when one runs away."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from herokit.errors import ConfigError, check_choice
from herokit.sources.process_pool import Pooled, ProcessPool
from herokit.types import Sample, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict, unparsed
from herokit.verifiers.extraction import MAX_ANSWER_CHARS, ExtractMode, find_answer

Mode = Literal["full", "search"]


@dataclass(frozen=True, slots=True)
class _Search(PerSampleVerifier):
    """The work itself; Python's `re` may take time exponential in the text."""

    pattern: str | None
    mode: Mode
    find: ExtractMode

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        pattern = self.pattern if self.pattern is not None else sample.reference
        if pattern is None:
            return abstain("no pattern: neither a setting nor a reference")
        try:
            made = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            return abstain(f"reference: no regular expression: {error}")
        answer = find_answer(sample.completion, self.find)
        if answer is None:
            return unparsed("no answer")
        text = answer[-MAX_ANSWER_CHARS:]
        found = made.fullmatch(text) if self.mode == "full" else made.search(text)
        return binary_verdict(correct=found is not None, answer=found[0][:MAX_ANSWER_CHARS] if found else answer)


@dataclass(frozen=True)
class Regex(Pooled):
    r"""Right where the answer matches a regular expression, that of the setting or that of the reference.

    Python's `re` backtracks: ``(a+)+$`` takes time exponential in the text, holds the interpreter's lock and cannot be
    interrupted. So patterns run in a worker process that is killed after `timeout` (verdict 0, TIMEOUT); only a
    pattern without any special character is looked for in this process. See `herokit.sources.ProcessPool` for processes.

    Args:
        pattern: the expression, flags inside as ``(?i)``; None to take the reference.
        mode: ``"full"``: the whole answer matches; ``"search"``: some of it does.
        extract: where the answer stands; of a long one the last 20,000 characters count.
        timeout: wall seconds for one sample.
        max_workers: processes at most.

    Raises:
        ConfigError: the pattern is none, or a setting is not positive.

    Source: Cox, "Regular Expression Matching Can Be Simple And Fast" (2007), and OWASP's page on ReDoS, for why it needs
    a limit.

    Example:
        >>> with Regex(r"(?i)dr\.? who") as regex:
        ...     [v.value for v in regex.verify([Sample("?", text, 0) for text in ("Dr Who", "Dr. Whom")])]
        [1.0, 0.0]
    """

    pattern: str | None = None
    mode: Mode = "full"
    extract: ExtractMode = "answer"
    timeout: float = 1.0
    max_workers: int = 1
    _pool: ProcessPool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, Mode)
        check_choice("extract", self.extract, ExtractMode)
        try:
            re.compile(self.pattern or "")
        except (re.error, RecursionError, OverflowError) as error:
            raise ConfigError(f"{self.pattern!r:.80} is no regular expression: {error}") from None
        search = _Search(self.pattern, self.mode, self.extract)
        object.__setattr__(self, "_pool", ProcessPool(search, max_workers=self.max_workers, timeout=self.timeout))

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        hard = [row for row, s in enumerate(samples) if not _plain(self.pattern, s.reference)]
        verdicts = dict(zip(hard, self._pool.verify([samples[row] for row in hard]), strict=True))
        easy = self._pool.verifier
        return [verdicts[row] if row in verdicts else easy.verify([s])[0] for row, s in enumerate(samples)]

    def report(self) -> str:
        """Say how many samples went to a process and how many were killed."""
        return self._pool.report().replace("pool", "regex", 1)


def _plain(pattern: str | None, reference: str | None) -> bool:
    text = pattern if pattern is not None else reference
    return text is None or re.escape(text) == text or text.replace("-", "").replace(" ", "").isalnum()
