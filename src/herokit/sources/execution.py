"""Run verifiers and reward models, so that one bad row never loses the batch.

Plugin code runs inside a named boundary. If it raises for a batch, the batch is halved until the rows that raise are
alone; they get the status failed and the reason, every other row keeps its result. After `MAX_FAILURES` rows that raise
with no success between, the remaining rows fail without a call, so a dead server does not get N requests. A wrong number
of results is a broken contract and raises.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

from herokit.errors import PluginError, boundary, format_error
from herokit.sources.coroutines import run_coroutine
from herokit.sources.results import to_float_array, to_score, to_verdict
from herokit.types import RewardModel, Sample, ScoreRow, Scores, Status, Verdict, Verifier, is_valid_score

__all__ = ["MAX_FAILURES", "SourceOutputs", "close", "report", "run_sources", "score", "verify"]

MAX_FAILURES = 16
"""Consecutive single rows that may raise before the source is not called any more."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class SourceOutputs:
    """The outputs of the sources for N samples, before anything is combined.

    Attributes:
        verdicts: verifier's name -> N verdicts.
        scores: reward model's name -> N scores.
        seconds: source name -> wall time it took.
    """

    verdicts: Mapping[str, Sequence[Verdict]]
    scores: Mapping[str, Scores]
    seconds: Mapping[str, float] = field(default_factory=dict)


def run_sources(sources: Mapping[str, Verifier | RewardModel], samples: Sequence[Sample]) -> SourceOutputs:
    """Run every source on every sample.

    Args:
        sources: name -> verifier or reward model.
        samples: N samples.

    Raises:
        PluginError: a source broke its contract.
        SetupError: a source cannot work at all.

    Example:
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> run_sources({"length": Length()}, [Sample("1+1", "two", "q")]).scores["length"].values.tolist()
        [3.0]
    """
    verdicts: dict[str, Sequence[Verdict]] = {}
    scores: dict[str, Scores] = {}
    seconds: dict[str, float] = {}
    for name, source in sources.items():
        started = perf_counter()
        if isinstance(source, Verifier):
            verdicts[name] = verify(name, source, samples)
        else:
            scores[name] = score(name, source, samples)
        seconds[name] = perf_counter() - started
    return SourceOutputs(verdicts, scores, seconds)


def verify(name: str, verifier: Verifier, samples: Sequence[Sample]) -> list[Verdict]:
    """Run a verifier; return N verdicts for N samples, a failed one for each row on which it raises.

    Args:
        name: the source's name in the scheme, for messages.
        verifier: the plugin.
        samples: what to judge.

    Raises:
        PluginError: it returned a wrong number of results, or something that is no verdict; see `results.to_verdict`.
        HerokitError: its own, on purpose, e.g. `SetupError`: no row can be judged.

    Example:
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.final_text == s.reference)) for s in samples]
        >>> verify("exact", Exact(), [Sample("1+1", "2", "q", "2")])[0].value
        1.0
    """
    owner = f"verifier {name!r}"

    def judge(part: Sequence[Sample]) -> list[Verdict]:
        verdicts = list(_await(verifier.verify(part)))
        try:
            return list(map(to_verdict, verdicts))
        except TypeError as error:
            raise _ContractError(f"{owner} must return a Verdict for each sample: {error}") from error

    return _bisect_failures(owner, judge, samples, lambda why: Verdict(None, Status.FAILED, why))


def score(name: str, model: RewardModel, samples: Sequence[Sample]) -> Scores:
    """Run a reward model; return N scores for N samples, NaN with status failed for each row on which it raises.

    Step scores are kept where it gives them; a row without any has None.

    Args:
        name: the source's name in the scheme, for messages.
        model: the plugin.
        samples: what to score.

    Raises:
        PluginError: it returned something that is not N numbers, or steps that are not N sequences of numbers.
        HerokitError: its own, on purpose, e.g. `SetupError`: no row can be scored.

    Example:
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> score("length", Length(), [Sample("1+1", "two", "q")]).values.tolist()
        [3.0]
    """
    owner = f"reward model {name!r}"

    def judge(part: Sequence[Sample]) -> list[ScoreRow]:
        scores = _await(model.score(part))
        if not isinstance(scores, Scores):
            array = to_float_array(scores)
            if array.ndim == 1 and array.dtype == object:  # None, mappings, verdicts
                return list(map(to_score, array.tolist()))
            if array.ndim != 1 or array.dtype.kind not in "fiub":
                raise _ContractError(
                    f"{owner} must return scores of shape ({len(part)},), got {array.dtype} {array.shape}"
                )
            scores = Scores.from_values(array)
        steps = _steps(owner, scores.steps, len(scores))
        rows = zip(scores.values.tolist(), scores.statuses, scores.reasons, steps, strict=True)
        return [_normalize_score(*row) for row in rows]

    results = _bisect_failures(owner, judge, samples, lambda why: (float("nan"), Status.FAILED, why, None))
    return Scores.from_rows(results)


def _await(returned: Any) -> Any:
    """Return what a source returned; the result of a coroutine."""
    return run_coroutine(returned) if inspect.isawaitable(returned) else returned


def _steps(owner: str, steps: Any, count: int) -> list[tuple[float, ...] | None]:
    """Read the step scores of `count` samples: None where there are none."""
    if steps is None:
        return [None] * count
    try:
        read = [None if row is None else tuple(float(x) for x in row) for row in steps]
    except (TypeError, ValueError) as error:
        raise _ContractError(f"{owner}: the scores of a sample's steps must be numbers: {error}") from error
    if len(read) != count:
        raise _ContractError(f"{owner} returned {count} scores, and steps for {len(read)} samples")
    return read


def _normalize_score(value: float, status: Status, reason: str, steps: tuple[float, ...] | None) -> ScoreRow:
    """Make value and status of one score agree: a failed row has no value, and an invalid value is failed."""
    if is_valid_score(value) and status is not Status.FAILED:
        return value, status, reason, steps
    why = Status.FAILED if status is Status.JUDGED else status
    return float("nan"), why, reason or f"gave {value}", steps


class _ContractError(PluginError):
    """A broken contract: halving the batch cannot help."""


def _bisect_failures(
    owner: str, run: Callable[[Sequence[Sample]], list[T]], samples: Sequence[Sample], failed: Callable[[str], T]
) -> list[T]:
    """Run all samples at once; if that raises, halve the batch until the rows that raise are alone."""
    results: list[T] = [failed("not run")] * len(samples)
    pending = [(0, len(samples))] if samples else []
    failures = 0
    reason = ""
    while pending:
        low, high = pending.pop()
        if failures >= MAX_FAILURES:
            results[low:high] = [failed(f"{reason} (given up after {failures} failures in a row)")] * (high - low)
            continue
        try:
            with boundary(owner):
                part = run(samples[low:high])
        except PluginError as error:
            if isinstance(error, _ContractError) or error.__cause__ is None:
                raise
            reason = f"raised {format_error(error.__cause__)}"
            if high - low == 1:
                failures += 1
                results[low] = failed(reason)
            else:
                middle = (low + high) // 2
                pending += [(middle, high), (low, middle)]
            continue
        if len(part) != high - low:
            raise PluginError(f"{owner} returned {len(part)} results for {high - low} samples")
        failures = 0
        results[low:high] = part
    return results


def report(source: Any) -> str:
    """Return what a source reports about its work; empty for one that has no `report`.

    Raises:
        PluginError: its `report` raised.
    """
    method = getattr(source, "report", None)
    if not callable(method):
        return ""
    with boundary(f"the report of {type(source).__name__}"):
        return str(method())


def close(source: Any) -> None:
    """Close a source that holds processes, sessions or connections; one that holds nothing needs no `close`.

    Raises:
        HerokitError: closing raised.
    """
    method = getattr(source, "close", None)
    if callable(method):
        with boundary(f"closing {type(source).__name__}"):
            method()
