"""The verifier: answer extraction and cheap tiers in the caller's process, sympy in worker processes."""

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeAlias, get_args

from herokit.errors import ConfigError, check_choice, check_positive
from herokit.samples import SampleLike, as_samples
from herokit.types import Closeable, Sample, Status, Verdict
from herokit.verifiers.extraction import ExtractMode, View, view_text
from herokit.verifiers.references import plain_reference
from herokit.workers.pool import Reply, TaskFailure, WorkerPool
from herokit.workers.process import WorkerProcess
from herokit_math.extract import find_plain_answer
from herokit_math.limits import MAX_ANSWER_CHARS
from herokit_math.quantity_comparison import Policy
from herokit_math.references import InvalidReferenceError, to_reference_text
from herokit_math.tiers import Decision, extract_reference
from herokit_math.verdicts import OpenPair, PairComparer, judge_completion, make_comparer, undecided_verdict

__all__ = ["MathVerifier", "Parser"]

Parser: TypeAlias = Literal["latex2sympy2_extended", "latex2sympy2"]
"""A LaTeX parser of the sympy tier."""


@dataclass(frozen=True)
class MathVerifier(Closeable):
    r"""1 if the final answer is mathematically equal to the reference, else 0; a `herokit.types.Verifier`.

    Tiers in the caller's process, of limited run time, decide most pairs. Sympy decides the rest in worker processes,
    which start on first use and are killed after a time limit. Usable from threads, asyncio, forked processes and scripts
    without a main guard; a pickle has no workers; `close`, a ``with`` block or the interpreter's end kills them.

    Args:
        timeout: wall seconds for one pair in sympy; after that its worker is killed and the verdict is 0, TIMEOUT.
        call_timeout: wall seconds for one call in sympy; pairs without a result by then are None, FAILED. None: no such
            limit.
        max_workers: number of worker processes.
        memory_mb: address space of each worker.
        max_tasks_per_child: pairs after which a worker is replaced.
        policy: options of the comparison.
        extract: where the answer is; ``"boxed"`` accepts nothing but a box.
        view: what of the sample is read: the policy's last message without its thinking, or everything it wrote.
        parser: LaTeX parser of the workers.
        python: Python interpreter of the workers, for a parser in another environment; None for the current one.

    Raises:
        ConfigError: a setting is not positive, or the parser is unknown.

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
    extract: ExtractMode = "answer"
    view: View = "final"
    parser: Parser = "latex2sympy2_extended"
    python: str | None = None
    call_timeout: float | None = 300.0
    _pool: WorkerPool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_positive(self, "timeout", "max_workers", "memory_mb", "max_tasks_per_child")
        if self.call_timeout is not None:
            check_positive(self, "call_timeout")
        check_choice("extract", self.extract, ExtractMode)
        check_choice("view", self.view, View)
        if self.parser not in get_args(Parser):
            raise ConfigError(f"MathVerifier: parser must be {' or '.join(get_args(Parser))}, got {self.parser!r}")
        payload = json.dumps([self.parser, self.timeout]).encode()
        loader = "herokit_math.forking:load_forking_parser"
        start = partial(WorkerProcess, loader, payload, self.memory_mb, self.python)
        pool = WorkerPool(
            start,
            max_workers=self.max_workers,
            timeout=self.timeout + _GRACE,
            max_tasks_per_child=self.max_tasks_per_child,
        )
        object.__setattr__(self, "_pool", pool)

    @property
    def required_modules(self) -> dict[str, str]:
        """What the workers import, unless they run in another environment."""
        return {} if self.python else dict.fromkeys(("sympy", self.parser), "herokit[math]")

    def verify(self, samples: Sequence[SampleLike], /) -> list[Verdict]:
        """Return one verdict per sample, in order.

        A verdict is None, FAILED if the reference is missing, is unreadable or has no value (``1/0``), or if sympy must
        decide and no worker starts; 0, UNPARSED if the completion has no readable answer; 0, TIMEOUT if sympy exceeds the time limit; 0, CRASHED if
        three workers die on the pair. The contents of a sample never raise an exception.
        """
        compare = make_comparer(self.policy)
        return self._decide_open_pairs(
            [_judge_sample(sample, self.view, compare, self.extract) for sample in as_samples(samples)]
        )

    async def averify(self, samples: Sequence[SampleLike], /) -> list[Verdict]:
        """Return what `verify` returns, without blocking the event loop."""
        return await asyncio.to_thread(self.verify, samples)

    def compare(self, pairs: Iterable[tuple[str, str]]) -> list[Verdict]:
        r"""Return one verdict per (reference, answer) pair, for answers that are already extracted.

        Example:
            >>> [v.value for v in MathVerifier().compare([("0.5", r"\frac12"), ("0.5", "2")])]
            [1.0, 0.0]
        """
        compare = make_comparer(self.policy)
        return self._decide_open_pairs([_compare_given(reference, answer, compare) for reference, answer in pairs])

    def close(self) -> None:
        """Kill the workers; the next use starts new ones."""
        self._pool.close()

    def _decide_open_pairs(self, results: Sequence[OpenPair | Verdict]) -> list[Verdict]:
        """Return all verdicts; the workers decide the pairs that have none, each distinct pair once."""
        verdicts = [result for result in results if type(result) is Verdict]
        if len(verdicts) == len(results):  # nearly always
            return verdicts
        pairs = list(dict.fromkeys(result[:2] for result in results if isinstance(result, OpenPair)))
        tasks = [json.dumps(pair).encode() for pair in pairs]
        deadline = None if self.call_timeout is None else time.monotonic() + self.call_timeout
        replies: dict[tuple[str, str], Reply] = dict(zip(pairs, self._pool.run(tasks, deadline=deadline), strict=True))
        return [
            _make_verdict(result, replies[result[:2]]) if isinstance(result, OpenPair) else result for result in results
        ]


_GRACE = 0.25
"""Seconds past the limit after which the pool kills a worker that has not replaced its child."""


def _judge_sample(sample: Sample, view: View, compare: PairComparer, extract: ExtractMode) -> OpenPair | Verdict:
    reference: Any = sample.reference
    if not isinstance(reference, str) or not reference or reference.isspace():
        try:
            reference = to_reference_text(plain_reference(sample))
        except InvalidReferenceError as error:
            reason = "no reference" if plain_reference(sample) in (None, "") else str(error)
            return Verdict(None, Status.FAILED, reason)
    text, place, answer = sample.plain_text, "completion", ""
    has_no_tag = text is not None
    if text is None:
        text, place, problem = view_text(sample, view)
        if problem:
            return Verdict(0.0, Status.UNPARSED, problem, None, place)
        has_no_tag = "<" not in text
    if has_no_tag and extract == "answer":
        answer, mark = find_plain_answer(text)
    try:
        result = compare(reference, answer, mark) if answer else judge_completion(reference, text, compare, extract)
    except Exception as error:  # noqa: BLE001 - a bug in the tiers must not fail the batch; sympy decides the row
        result = _leave_to_sympy(reference, text, "whole text", error)
    return result if place == "completion" else _with_place(result, place)


def _compare_given(reference: str, answer: str, compare: PairComparer) -> OpenPair | Verdict:
    try:
        return compare(reference, answer, "given answer")
    except Exception as error:  # noqa: BLE001 - as above
        return _leave_to_sympy(reference, answer, "given answer", error)


def _leave_to_sympy(reference: str, text: str, origin: str, error: Exception) -> OpenPair:
    """Return a pair on which the tiers raised."""
    decision = Decision(None, "internal", f"internal error: {type(error).__name__}: {error}")
    return OpenPair(extract_reference(reference), text[-MAX_ANSWER_CHARS:], origin, decision)


def _with_place(result: OpenPair | Verdict, place: str) -> OpenPair | Verdict:
    """Return a result that says in which part of the completion its answer was found."""
    origin = f"{result.origin}, {place}"
    if isinstance(result, OpenPair):
        return result._replace(origin=origin)
    if result.value is None:
        return result
    # three times as fast as replace()
    return Verdict(result.value, result.status, result.reason, result.answer, origin)


def _make_verdict(pair: OpenPair, reply: Reply) -> Verdict:
    """Return the verdict on a pair from a worker's reply."""
    _, answer, origin, decision = pair
    if isinstance(reply, TaskFailure):
        return Verdict(reply.value, reply.status, f"sympy: {reply.reason}", answer, origin)
    if "timeout" in reply:
        return Verdict(0.0, Status.TIMEOUT, f"sympy: {reply['timeout']}", answer, origin)
    reason = f"sympy: {reply['reason']}"
    if reply["equal"] is None:
        reason = f"{reason}; {decision.reason}"
        return undecided_verdict(decision, reason, answer, origin, sympy_reads_reference=reply["reference_readable"])
    return Verdict(float(reply["equal"]), Status.JUDGED, reason, answer, origin)
