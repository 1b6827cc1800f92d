"""The verifier: extraction, cheap tiers in this process, sympy in worker processes, one verdict per sample."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Self, TypeAlias, get_args

from herokit.errors import ConfigError
from herokit.types import Sample, Status, Verdict
from herokit.workers.pool import Reply, TaskFailure, WorkerPool
from herokit.workers.process import WorkerProcess
from herokit_math.equivalence_policy import Policy
from herokit_math.limits import MAX_ANSWER
from herokit_math.tiers import Decision, reference
from herokit_math.verdicts import Judgement, Settle, judged, settling, undecided

Parser: TypeAlias = Literal["latex2sympy2_extended", "latex2sympy2"]
"""A LaTeX parser of the sympy tier."""


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
    parser: Parser = "latex2sympy2_extended"
    python: str | None = None
    _pool: WorkerPool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("timeout", "max_workers", "memory_mb", "max_tasks_per_child"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"MathVerifier: {name} must be positive, got {getattr(self, name)!r}")
        if self.parser not in get_args(Parser):
            raise ConfigError(f"MathVerifier: parser must be {' or '.join(get_args(Parser))}, got {self.parser!r}")
        start = partial(
            WorkerProcess, "herokit_math.symbolic:load_parser", self.parser.encode(), self.memory_mb, self.python
        )
        pool = WorkerPool(
            start,
            max_workers=self.max_workers,
            timeout=self.timeout,
            max_tasks_per_child=self.max_tasks_per_child,
        )
        object.__setattr__(self, "_pool", pool)

    def verify(self, samples: Sequence[Sample], /) -> list[Verdict]:
        """Return one verdict per sample, in order.

        A missing reference abstains (None, FAILED), as does a pair for sympy when no worker starts; a completion without a readable answer is 0, UNPARSED; one that
        runs past the limit is 0, TIMEOUT; one under which three workers die is 0, CRASHED; nothing a sample holds raises.
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
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _verdicts(self, rows: list[Judgement | None]) -> list[Verdict]:
        """Let the workers decide the open pairs, each distinct pair once, and return every verdict."""
        pairs = list(dict.fromkeys((r.gold, r.answer or "") for r in rows if r and r.verdict is None))
        tasks = [json.dumps(pair).encode() for pair in pairs]
        replies = dict(zip(pairs, self._pool.run(tasks), strict=True)) if tasks else {}
        return [
            _NO_REFERENCE if r is None else r.verdict or _read_reply(r, replies[r.gold, r.answer or ""]) for r in rows
        ]


_NO_REFERENCE = Verdict(None, Status.FAILED, "no reference")


def _judged(sample: Sample, settle: Settle) -> Judgement | None:
    if sample.reference is None or not sample.reference.strip():
        return None
    try:
        return judged(sample.reference, sample.completion, settle)
    except Exception as error:  # noqa: BLE001 - a mistake of ours costs one row its fast answer, never the batch
        lost = Decision(None, "internal", f"internal error: {type(error).__name__}: {error}")
        return Judgement(reference(sample.reference), sample.completion[-MAX_ANSWER:], "whole", lost, None)


def _read_reply(row: Judgement, reply: Reply) -> Verdict:
    """Return the verdict on a pair that a worker was given."""
    if isinstance(reply, TaskFailure):
        return Verdict(reply.value, reply.status, f"{row.how}; sympy: {reply.reason}", row.answer)
    reason = f"{row.how}; sympy: {reply['reason']}"
    if reply["equal"] is None:
        reason = f"{reason}; {row.decision.reason}"
        return undecided(row.decision, reason, row.answer, gold=reply["reference_readable"])
    return Verdict(float(reply["equal"]), Status.JUDGED, reason, row.answer)
