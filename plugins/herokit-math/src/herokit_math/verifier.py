"""The verifier: extraction, cheap tiers in this process, sympy in worker processes, one verdict per sample."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from herokit.errors import ConfigError
from herokit.types import Sample, Status, Verdict
from herokit_math.judge import judge
from herokit_math.policy import Policy
from herokit_math.pool import End, Pool, Reply

_OPENING = threading.Lock()


@dataclass(frozen=True)
class MathVerifier:
    r"""Judges completions whose reference is a mathematical answer; a `herokit.types.Verifier`.

    Args:
        timeout: wall seconds one pair may spend in sympy; its worker is then killed and the verdict is 0, TIMEOUT.
        workers: worker processes for the sympy tier; they start when a pair first needs one.
        memory_mb: address space of each worker.
        recycle: pairs after which a worker is replaced.

        policy: what counts as the same answer.

    Raises:
        ConfigError: a setting is not positive.

    Example:
        >>> with MathVerifier() as math:
        ...     math.verify([Sample("1/4 + 1/4?", r"It is \boxed{\frac12}.", group=0, reference="0.5")])[0].value
        1.0
    """

    timeout: float = 3.0
    workers: int = 2
    memory_mb: int = 1024
    recycle: int = 500
    policy: Policy = field(default_factory=Policy)
    _cell: list[Pool] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("timeout", "workers", "memory_mb", "recycle"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"MathVerifier: {name} must be positive, got {getattr(self, name)!r}")

    def verify(self, samples: Sequence[Sample], /) -> list[Verdict]:
        """Return one verdict per sample, in order.

        A missing reference abstains (None, FAILED); a completion without a readable answer is 0, UNPARSED; one that
        runs past the limit is 0, TIMEOUT; nothing a sample holds raises.
        """
        rows = [_first(sample, self.policy) for sample in samples]
        asked = {row.pair: self._pool().submit(*row.pair) for row in rows if isinstance(row, _Asked)}
        return [_judged(row, asked[row.pair].result()) if isinstance(row, _Asked) else row for row in rows]

    def close(self) -> None:
        """Kill the workers; the next `verify` opens new ones."""
        with _OPENING:
            while self._cell:
                self._cell.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cell": []}

    def _pool(self) -> Pool:
        with _OPENING:
            if not self._cell or not self._cell[0].mine:
                self._cell[:] = [
                    Pool(workers=self.workers, timeout=self.timeout, memory_mb=self.memory_mb, recycle=self.recycle)
                ]
            return self._cell[0]


@dataclass(frozen=True, slots=True)
class _Asked:
    pair: tuple[str, str]
    reason: str
    readable: bool


def _first(sample: Sample, policy: Policy) -> Verdict | _Asked:
    """Judge one sample with the tiers that cannot run long, or say what to ask a worker."""
    if sample.reference is None or not sample.reference.strip():
        return Verdict(None, Status.FAILED, "no reference")
    found = judge(sample.reference, sample.completion, policy)
    decision = found.decision
    if found.answer is None:
        return Verdict(0.0, Status.UNPARSED, decision.reason)
    if decision.equal is None:
        return _Asked((found.gold, found.answer), decision.reason, decision.readable)
    return Verdict(float(decision.equal), Status.JUDGED, f"{found.how}; {decision.tier}: {decision.reason}", found.answer)


def _judged(row: _Asked, reply: Reply) -> Verdict:
    answer = row.pair[1]
    if reply.end is End.TIMEOUT:
        return Verdict(0.0, Status.TIMEOUT, f"sympy: {reply.reason}", answer)
    if reply.end is End.BROKEN:
        return Verdict(None, Status.FAILED, reply.reason, answer)
    if reply.end is End.DIED:
        return Verdict(0.0, Status.FAILED, f"sympy: {reply.reason}", answer)
    if reply.equal is None:
        status = Status.JUDGED if row.readable else Status.UNPARSED
        return Verdict(0.0, status, f"{row.reason}; {reply.reason}", answer)
    return Verdict(float(reply.equal), Status.JUDGED, reply.reason, answer)
