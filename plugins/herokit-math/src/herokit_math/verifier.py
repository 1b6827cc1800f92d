"""The verifier: extraction, cheap tiers in this process, sympy in worker processes, one verdict per sample."""

import asyncio
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from herokit.errors import ConfigError
from herokit.types import Sample, Status, Verdict
from herokit_math.equivalence_policy import Policy
from herokit_math.limits import MAX_ANSWER
from herokit_math.pool import End, Pool, Reply
from herokit_math.tiers import Decision, reference
from herokit_math.verdicts import Judgement, Settle, judged, settling, undecided

_opening = threading.Lock()


@dataclass(frozen=True)
class MathVerifier:
    r"""Judges completions whose reference is a mathematical answer; a `herokit.types.Verifier`.

    Most pairs are decided in this process by tiers that cannot run long. The rest goes to sympy in worker processes,
    which start when a pair first needs one and are killed when it takes too long. Usable from threads, asyncio, forked
    processes and unguarded scripts; pickling drops the workers; `close`, a ``with`` block or the interpreter's end
    kills them.

    Args:
        timeout: wall seconds one pair may spend in sympy; its worker is then killed and the verdict is 0, TIMEOUT.
        max_workers: worker processes for the sympy tier.
        memory_mb: address space of each worker.
        max_tasks_per_child: pairs after which a worker is replaced.
        policy: what counts as the same answer.
        parser: which LaTeX parser the workers use.
        python: the interpreter of the workers, None for this one; lets another parser live in its own environment.

    Raises:
        ConfigError: a setting is not positive, or no such parser.

    Example:
        >>> with MathVerifier() as math:
        ...     math.verify([Sample("1/4 + 1/4?", r"It is \boxed{\frac12}.", group=0, reference="0.5")])[0].value
        1.0
    """

    timeout: float = 5.0
    max_workers: int = 2
    memory_mb: int = 1024
    max_tasks_per_child: int = 500
    policy: Policy = field(default_factory=Policy)
    parser: Literal["latex2sympy2_extended", "latex2sympy2"] = "latex2sympy2_extended"
    python: str | None = None
    _cell: list[Pool] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("timeout", "max_workers", "memory_mb", "max_tasks_per_child"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"MathVerifier: {name} must be positive, got {getattr(self, name)!r}")
        if self.parser not in ("latex2sympy2_extended", "latex2sympy2"):
            raise ConfigError(f"MathVerifier: parser is latex2sympy2_extended or latex2sympy2, got {self.parser!r}")

    def verify(self, samples: Sequence[Sample], /) -> list[Verdict]:
        """Return one verdict per sample, in order.

        A missing reference abstains (None, FAILED); a completion without a readable answer is 0, UNPARSED; one that
        runs past the limit is 0, TIMEOUT; one under which every worker dies is 0, FAILED; nothing a sample holds raises.
        """
        settle = settling(self.policy)
        return self._verdicts([_judged(sample, settle) for sample in samples])

    async def averify(self, samples: Sequence[Sample], /) -> list[Verdict]:
        """Return what `verify` returns, without blocking the event loop."""
        return await asyncio.to_thread(self.verify, samples)

    def compare(self, pairs: Iterable[tuple[str, str]]) -> list[Verdict]:
        r"""Return one verdict per (reference, answer) pair; the answers are taken as they are, nothing is extracted.

        Example:
            >>> [v.value for v in MathVerifier().compare([("0.5", r"\frac12"), ("0.5", "2")])]
            [1.0, 0.0]
        """
        settle = settling(self.policy)
        return self._verdicts([settle(gold, answer, "given") for gold, answer in pairs])

    def close(self) -> None:
        """Kill the workers; the next use opens new ones."""
        with _opening:
            while self._cell:
                self._cell.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cell": []}

    def _verdicts(self, rows: list[Judgement | None]) -> list[Verdict]:
        """Ask the workers about what is open, each distinct pair once, and word the verdicts."""
        open_pairs = dict.fromkeys((r.gold, r.answer or "") for r in rows if r and r.verdict is None)
        asked = {pair: self._pool().submit(*pair) for pair in open_pairs}
        return [
            _NO_REFERENCE if r is None else r.verdict or _replied(r, asked[r.gold, r.answer or ""].result())
            for r in rows
        ]

    def _pool(self) -> Pool:
        with _opening:
            if not self._cell or not self._cell[0].mine:
                self._cell[:] = [
                    Pool(
                        workers=self.max_workers, timeout=self.timeout, memory_mb=self.memory_mb, recycle=self.max_tasks_per_child,
                        parser=self.parser, python=self.python,
                    )
                ]  # fmt: skip
            return self._cell[0]


_NO_REFERENCE = Verdict(None, Status.FAILED, "no reference")


def _judged(sample: Sample, settle: Settle) -> Judgement | None:
    if sample.reference is None or not sample.reference.strip():
        return None
    try:
        return judged(sample.reference, sample.completion, settle)
    except Exception as error:  # noqa: BLE001 - a mistake of ours costs one row its fast answer, never the batch
        lost = Decision(None, "internal", f"internal error: {type(error).__name__}: {error}")
        return Judgement(reference(sample.reference), sample.completion[-MAX_ANSWER:], "whole", lost, None)


def _replied(row: Judgement, reply: Reply) -> Verdict:
    """Return the verdict on a pair that a worker was asked about."""
    said = f"{row.how}; sympy: {reply.reason}"
    if reply.end is End.BROKEN:
        return Verdict(None, Status.FAILED, said, row.answer)
    if reply.end is End.TIMEOUT:
        return Verdict(0.0, Status.TIMEOUT, said, row.answer)
    if reply.end is End.DIED:
        return Verdict(0.0, Status.FAILED, said, row.answer)
    if reply.equal is None:
        return undecided(row.decision, f"{said}; {row.decision.reason}", row.answer, gold=reply.gold)
    return Verdict(float(reply.equal), Status.JUDGED, said, row.answer)


def _after_fork() -> None:
    global _opening  # noqa: PLW0603 - a lock that another thread held at the fork would stay locked in the child
    _opening = threading.Lock()


def _register() -> None:
    import os

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


_register()
