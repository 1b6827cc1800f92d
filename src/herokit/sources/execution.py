"""Run verifiers and reward models, so that one bad row never loses the batch.

Plugin code runs inside a named boundary. If it raises for a batch, the batch is halved until the rows that raise are
alone; they get the status failed and the reason, every other row keeps its result. After `MAX_FAILURES` rows that raise
with no success between, the remaining rows fail without a call, so a dead server does not get N requests. A wrong number
of results is a broken contract and raises, and so does a source whose code fails on every row of its first batch.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.util import find_spec
from time import perf_counter
from typing import Any, TypeVar

from herokit.conversations import Turn
from herokit.errors import (
    CODE_ERRORS,
    NotInstalledError,
    PluginError,
    boundary,
    format_error,
    locate_error,
    warn_of_silence,
)
from herokit.samples import SampleLike, as_samples
from herokit.sources.coroutines import await_result
from herokit.sources.results import to_float_array, to_score, to_verdict
from herokit.types import RewardModel, Sample, ScoreRow, Scores, Status, StepScores, Verdict, Verifier, is_valid_score

__all__ = [
    "MAX_FAILURES",
    "SourceMonitor",
    "SourceOutputs",
    "check_installed",
    "close",
    "report",
    "run_sources",
    "score",
    "verify",
]

MAX_FAILURES = 16
"""Consecutive single rows that may raise before the source is not called any more."""

MIN_UNPARSED = 16
"""Samples in which a verifier finds no answer, and nothing else, before it is suspected of looking in the wrong place."""

MIN_ZEROS = 8
"""Samples without a reference that get 0, and nothing else, before a source is suspected of needing one."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class SourceOutputs:
    """The outputs of the sources for N samples, before anything is combined.

    Attributes:
        verdicts: verifier's name -> N verdicts.
        scores: reward model's name -> N scores.
        seconds: source name -> wall time it took.
        turns: the turns of every sample, or why they cannot be read, for combiners that give credit to parts; None for others.
    """

    verdicts: Mapping[str, Sequence[Verdict]]
    scores: Mapping[str, Scores]
    seconds: Mapping[str, float] = field(default_factory=dict)
    turns: Sequence[Sequence[Turn] | str] | None = None


@dataclass(slots=True)
class SourceMonitor:
    """What is known of the sources of a rewarder, also of those inside others: which have worked, which do not.

    Attributes:
        working: the paths of sources that gave a value, e.g. ``("verifier", "0")`` for the first of a vote.
        failures: path -> samples without a value since the last one with a value.
        warned: the paths of sources about which a warning was given.
        zeros: path -> samples without a reference that got 0, as long as there was nothing else; then None.
        unparsed: path -> samples in which no answer was found, as long as there was nothing else; then None.
    """

    working: set[tuple[str, ...]] = field(default_factory=set)
    failures: dict[tuple[str, ...], int] = field(default_factory=dict)
    warned: set[tuple[str, ...]] = field(default_factory=set)
    zeros: dict[tuple[str, ...], int | None] = field(default_factory=dict)
    unparsed: dict[tuple[str, ...], int | None] = field(default_factory=dict)

    def observe(self, path: tuple[str, ...], owner: str, reasons: Sequence[str | None]) -> None:
        """Take note of one batch; warn once if a source gives no value at all.

        Args:
            path: the source.
            owner: the same for people.
            reasons: for each sample why it has no value, None if it has one.
        """
        if None in reasons:
            self.working.add(path)
            self.failures.pop(path, None)
            return
        self.failures[path] = count = self.failures.get(path, 0) + len(reasons)
        if path in self.warned or not reasons or (len(reasons) == 1 and count < MAX_FAILURES):
            return
        self.warned.add(path)
        message = f"{owner} gave no value on any of {count} samples: {reasons[0]}; such rows get no reward"
        warn_of_silence(message)

    def observe_zeros(
        self, path: tuple[str, ...], owner: str, samples: Sequence[Sample], values: Sequence[float | None]
    ) -> None:
        """Take note of the values of one batch; warn once if they have all been 0, and no sample has had a reference.

        Args:
            path: the source.
            owner: the same for people.
            samples: N samples.
            values: N values; None where the source could not judge.
        """
        count = self.zeros.get(path, 0)
        if count is None:
            return
        if any(values) or any(sample.reference is not None for sample in samples):
            self.zeros[path] = None
            return
        self.zeros[path] = count = count + values.count(0.0)
        if count < MIN_ZEROS:
            return
        self.zeros[path] = None
        message = (
            f"{owner} gave 0 to all of {count} samples, and none of them has a reference; if it compares with one, name "
            "their column (--column reference=COLUMN, or reference= of an adapter)"
        )
        warn_of_silence(message)

    def observe_unparsed(self, path: tuple[str, ...], owner: str, verdicts: Sequence[Verdict]) -> None:
        """Take note of the verdicts of one batch; warn once if the verifier has never found an answer.

        Args:
            path: the source.
            owner: the same for people.
            verdicts: N verdicts.
        """
        count = self.unparsed.get(path, 0)
        if count is None or not verdicts:
            return
        if any(verdict.status is not Status.UNPARSED for verdict in verdicts):
            self.unparsed[path] = None
            return
        self.unparsed[path] = count = count + len(verdicts)
        if count < MIN_UNPARSED:
            return
        self.unparsed[path] = None
        message = (
            f"{owner} found no answer in any of {count} samples, which get 0: {verdicts[0].reason or 'unparsed'}. If they do hold "
            "answers, look at its settings (extract, view), and at stop strings that are cut off the completions"
        )
        warn_of_silence(message)


_MONITOR: ContextVar[tuple[SourceMonitor | None, tuple[str, ...]]] = ContextVar("_MONITOR", default=(None, ()))
"""The monitor of the rewarder whose sources run, and the path to the source that runs."""


def run_sources(
    sources: Mapping[str, Verifier | RewardModel], samples: Sequence[Sample], monitor: SourceMonitor | None = None
) -> SourceOutputs:
    """Run every source on every sample.

    Args:
        sources: name -> verifier or reward model.
        samples: N samples.
        monitor: remembers which sources work; without one, nothing is said of a source that never does.

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
    token = _MONITOR.set((monitor, ()))
    try:
        for name, source in sources.items():
            started = perf_counter()
            if isinstance(source, Verifier):
                verdicts[name] = verify(name, source, samples)
            else:
                scores[name] = score(name, source, samples)
            seconds[name] = perf_counter() - started
    finally:
        _MONITOR.reset(token)
    return SourceOutputs(verdicts, scores, seconds)


def verify(name: str, verifier: Verifier, samples: Sequence[SampleLike]) -> list[Verdict]:
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
        verdicts = list(await_result(verifier.verify(part)))
        try:
            return list(map(to_verdict, verdicts))
        except TypeError as error:
            for coroutine in filter(inspect.iscoroutine, verdicts):
                coroutine.close()
            raise _contract_error(f"{owner} must return a Verdict for each sample: {error}") from error

    with _observed(name) as observe:
        samples = as_samples(samples)
        verdicts = _bisect_failures(
            owner, judge, samples, lambda why: Verdict(None, Status.FAILED, why), lambda verdict: verdict.status
        )
        observe(owner, [(v.reason or v.status.value) if v.value is None else None for v in verdicts])
        judged = [v.value if v.status is Status.JUDGED else None for v in verdicts]
        _observe_values(owner, samples, judged, verdicts)
    return verdicts


def score(name: str, model: RewardModel, samples: Sequence[SampleLike]) -> Scores:
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
        scores = await_result(model.score(part))
        if not isinstance(scores, Scores):
            array = to_float_array(scores)
            if array.ndim == 1 and array.dtype == object:  # None, mappings, verdicts
                return list(map(to_score, array.tolist()))
            if array.ndim != 1 or array.dtype.kind not in "fiub":
                raise _contract_error(
                    f"{owner} must return scores of shape ({len(part)},), got {array.dtype} {array.shape}"
                )
            scores = Scores.from_values(array)
        steps = _steps(owner, scores.steps, len(scores))
        rows = zip(scores.values.tolist(), scores.statuses, scores.reasons, steps, strict=True)
        return [_normalize_score(*row) for row in rows]

    with _observed(name) as observe:
        samples = as_samples(samples)
        results = _bisect_failures(
            owner, judge, samples, lambda why: (float("nan"), Status.FAILED, why, None), lambda row: row[1]
        )
        observe(owner, [(why or status.value) if status is Status.FAILED else None for _, status, why, _ in results])
        _observe_values(owner, samples, [x if status is Status.JUDGED else None for x, status, _, _ in results])
    return Scores.from_rows(results)


@contextmanager
def _observed(name: str) -> Iterator[Callable[[str, Sequence[str | None]], None]]:
    """Enter a source; yield a function that takes note of why its samples have no value."""
    monitor, path = _MONITOR.get()
    path = (*path, name)
    token = _MONITOR.set((monitor, path))
    try:
        yield lambda owner, reasons: None if monitor is None else monitor.observe(path, owner, reasons)
    finally:
        _MONITOR.reset(token)


def _observe_values(
    owner: str, samples: Sequence[Sample], values: Sequence[float | None], verdicts: Sequence[Verdict] = ()
) -> None:
    """Take note of what a source gave, inside `_observed`."""
    monitor, path = _MONITOR.get()
    if monitor is not None:
        monitor.observe_zeros(path, owner, samples, values)
        monitor.observe_unparsed(path, owner, verdicts)


def _raise_code_error(owner: str, errors: Sequence[BaseException], count: int) -> None:
    """Raise if all samples of a source's first batch failed with errors of its code.

    Raises:
        PluginError: they did; the source's own error is its cause.
    """
    monitor, path = _MONITOR.get()
    if monitor is None or path in monitor.working or path in monitor.failures:
        return
    if all(isinstance(error, CODE_ERRORS) for error in errors):
        notes = "".join(f"; {note}" for note in getattr(errors[0], "__notes__", ()))
        raise _contract_error(
            f"{owner} raised {format_error(errors[0])}, on all {count} samples of its first batch{notes}; a source is "
            f"called with a list of samples, and an error of its code stops the run here{locate_error(errors[0])}"
        ) from errors[0]


def _steps(owner: str, steps: Any, count: int) -> list[Sequence[float] | None]:
    """Read the step scores of `count` samples: None where there are none."""
    if steps is None:
        return [None] * count
    try:
        read = [None if row is None else _numbers(row) for row in steps]
    except (TypeError, ValueError) as error:
        raise _contract_error(f"{owner}: the scores of a sample's steps must be numbers: {error}") from error
    if len(read) != count:
        raise _contract_error(f"{owner} returned {count} scores, and steps for {len(read)} samples")
    return read


def _numbers(row: Any) -> Sequence[float]:
    values = tuple(float(x) for x in row)
    return StepScores(values, row.spans) if isinstance(row, StepScores) else values


def _normalize_score(value: float, status: Status, reason: str, steps: Sequence[float] | None) -> ScoreRow:
    """Make value and status of one score agree: a failed row has no value, and an invalid value is failed."""
    if is_valid_score(value) and status is not Status.FAILED:
        return value, status, reason, steps
    why = Status.FAILED if status is Status.JUDGED else status
    return float("nan"), why, reason or f"gave {value}", steps


def _contract_error(message: str) -> PluginError:
    """Return an error that concerns the whole batch: halving it cannot help."""
    error = PluginError(message)
    error.whole_batch = True
    return error


def _bisect_failures(
    owner: str,
    run: Callable[[Sequence[Sample]], list[T]],
    samples: Sequence[Sample],
    failed: Callable[[str], T],
    status: Callable[[T], Status],
) -> list[T]:
    """Run all samples at once; if that raises, halve the batch until the rows that raise are alone.

    Only a row that is judged shows that the source works: code that fails may never have seen one without an answer.
    """
    results: list[T] = [failed("not run")] * len(samples)
    pending = [(0, len(samples))] if samples else []
    errors: list[BaseException] = []  # since the last judged row
    success = False
    reason = ""
    while pending:
        low, high = pending.pop()
        if len(errors) >= MAX_FAILURES:
            results[low:high] = [failed(f"{reason} (given up after {len(errors)} failures in a row)")] * (high - low)
            continue
        try:
            with boundary(owner):
                part = run(samples[low:high])
        except PluginError as error:
            if error.whole_batch or error.__cause__ is None:
                raise
            reason = f"raised {format_error(error.__cause__)}{locate_error(error.__cause__)}"
            if high - low == 1:
                errors.append(error.__cause__)
                results[low] = failed(reason)
            else:
                middle = (low + high) // 2
                pending += [(middle, high), (low, middle)]
            continue
        if len(part) != high - low:
            raise PluginError(f"{owner} returned {len(part)} results for {high - low} samples")
        if any(status(result) is Status.JUDGED for result in part):
            errors, success = [], True
        results[low:high] = part
    if errors and not success:
        _raise_code_error(owner, errors, len(samples))
    return results


def check_installed(owner: str, source: Any) -> None:
    """Check that the packages are installed that a source imports when it is first used.

    Args:
        owner: the source's name, for the message.
        source: its attribute `required_modules` has module -> what pip installs for it; without one it needs nothing.

    Raises:
        NotInstalledError: one is not; the message names all of them.

    Example:
        >>> class Parser:
        ...     required_modules = {"no_such_parser": "parser-package"}
        >>> check_installed("mine", Parser())
        Traceback (most recent call last):
        ...
        herokit.errors.NotInstalledError: mine needs no_such_parser, which is not installed; run: pip install parser-package
    """
    modules: Mapping[str, str] = getattr(source, "required_modules", {})
    missing = {module: package for module, package in modules.items() if not _is_installed(module)}
    if missing:
        are = "is" if len(missing) == 1 else "are"
        message = f"{owner} needs {' and '.join(missing)}, which {are} not installed"
        raise NotInstalledError(message, *missing.values())


def _is_installed(module: str) -> bool:
    """Return whether a module can be found; a folder without code, as an uninstalled package leaves behind, is none."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None


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
