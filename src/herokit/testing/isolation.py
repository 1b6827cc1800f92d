"""Check a target in a child process that is killed when a call hangs, eats memory, forks without end or ends the process."""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic
from typing import Any

from herokit.errors import SetupError, format_error
from herokit.testing.law import Law, LawViolation, Report, Result
from herokit.testing.laws import get_law
from herokit.testing.scheme_checks import CheckOptions, check_target, laws_of, parts_of
from herokit.testing.search import Watch
from herokit.testing.subjects import foreign_calls
from herokit.testing.targets import resolve_target

__all__ = ["check_isolated", "list_parts"]

POLL_SECONDS = 0.1
"""How often the parent looks at the child."""

LOADING_SHARE = 0.75
"""The share of the budget after which a target that is not loaded is given up."""

MAX_MEGABYTES = 4096
"""Memory that a process may use in addition to what it has after loading."""

MAX_PROCESSES = 100
"""Processes that the child may have."""

Progress = Callable[[str, str, int, int], None]
"""Is told the part, the law, its number and how many there are."""


def check_isolated(target: str, options: CheckOptions, progress: Progress | None = None) -> Iterator[Report]:
    """Check a target by name in a child process, within the budget; yields one report for each part.

    If the child hangs in a call, uses too much memory, has too many processes or ends, it is killed, the law that was
    being tried has failed, and a new child tries the others.

    Args:
        target: what to check; see `resolve_target`.
        options: how; ``budget`` is kept.
        progress: is told which law is tried.

    Raises:
        ConfigError: no such target or trainer.
        SetupError: the target cannot be loaded in time, or ends the process.
    """
    followed = _Followed(progress)
    end = monotonic() + options.budget
    limit = min(options.budget / 3, max(6.0, options.budget / 6))
    while (left := end - monotonic()) > 0 and not followed.ended:
        _follow(target, replace(options, budget=left), followed, limit=limit, end=end)
    for part in followed.parts:
        yield part.report(": ".join(filter(None, ("not tried", followed.problem))))


def list_parts(target: str, budget: float) -> list[tuple[str, list[str]]]:
    """Return the parts of a target, each with the names of its laws; the target is loaded in a child process.

    Raises:
        ConfigError: no such target.
        SetupError: it cannot be loaded in time, or ends the process.
    """
    followed, end = _Followed(None), monotonic() + budget
    _follow(target, CheckOptions(budget=budget), followed, limit=budget, end=end, run=_run_listing)
    return [(part.name, part.laws) for part in followed.parts]


@dataclass(slots=True)
class _Part:
    """What is known of one part: its laws, and their results so far."""

    empty: Report
    laws: list[str]
    results: dict[str, Result] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.empty.name

    def report(self, skip_reason: str) -> Report:
        """Return the results; a law that was not tried is skipped."""
        for name in self.laws:
            law = get_law(name)
            untried = Result(name, law.statement, law.universal, law.consequence, timed_out=True)
            untried.skip_reason = skip_reason
            self.results.setdefault(name, untried)
        return replace(self.empty, results=tuple(self.results[name] for name in self.laws))


@dataclass(slots=True)
class _Followed:
    """What the children have said so far."""

    progress: Progress | None
    parts: list[_Part] = field(default_factory=list)
    current: _Part | None = None
    tried: Result | None = None
    """Of the law that is being tried, without what comes out."""
    ended: bool = False
    problem: str = ""
    """Why the laws without a result were not tried, if it was not for the budget."""
    error: BaseException | None = None

    @property
    def skipped(self) -> dict[str, set[str]]:
        return {part.name: set(part.results) for part in self.parts}

    def take(self, event: tuple[Any, ...]) -> None:
        """Take what a child says."""
        kind, *values = event
        if kind == "part":
            empty, laws = values
            self.current = next((part for part in self.parts if part.name == empty.name), None)
            if self.current is None:
                self.current = _Part(empty, laws)
                self.parts.append(self.current)
            self.current.empty = empty if empty.note else self.current.empty
        elif kind == "begin":
            self.tried = values[0]
            part = self.current
            if self.progress is not None and part is not None:
                self.progress(part.name, values[0].law, len(part.results) + 1, len(part.laws))
        elif kind == "result" and self.current is not None:
            self.current.results[values[0].law] = values[0]
            self.tried = None
        elif kind == "end":
            self.ended = True
        elif kind == "error":
            self.error = values[0]

    def fail(self, message: str) -> None:
        """Record that the law that is being tried has failed; if there is none, the others are not tried.

        Raises:
            SetupError: no law has been tried: the target was being loaded.
        """
        if self.tried is not None and self.current is not None:
            self.tried.checked, self.tried.violation = 1, LawViolation(message)
            self.current.results[self.tried.law] = self.tried
            self.tried = None
        elif any(part.results for part in self.parts):
            self.ended, self.problem = True, message
        else:
            raise SetupError(f"the target cannot be loaded: {message}")


def _follow(
    target: str, options: CheckOptions, followed: _Followed, *, limit: float, end: float, run: Any = None
) -> None:
    """Start a child, take what it says, and kill it at the latest at the end of the budget."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=run or _run_check, args=(target, options, followed.skipped, sender))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads: the child starts none of them
        child.start()
    sender.close()
    assert child.pid is not None  # noqa: S101 - it has been started
    try:
        problem = _take_events(receiver, child, child.pid, followed, limit=limit, end=end)
    finally:
        _kill_session(child.pid)
        child.join()
        receiver.close()
    if followed.error is not None:
        raise followed.error
    if problem:
        followed.fail(problem)


def _take_events(
    receiver: Connection, child: BaseProcess, pid: int, followed: _Followed, *, limit: float, end: float
) -> str:
    """Take events until the child is done; return what is wrong with it, empty if nothing or the budget is spent."""
    loading = (end - monotonic()) * LOADING_SHARE
    last_event, allowed, baseline, last_look, is_loading = monotonic(), loading, 0, 0.0, True
    while not followed.ended and followed.error is None:
        now = monotonic()
        if now > end:
            followed.ended = True
            return ""
        if receiver.poll(POLL_SECONDS):
            try:
                event = receiver.recv()
            except (EOFError, OSError):
                return f"the process ended ({_exit_code(child)}): a call may not end the process"
            last_event, is_loading = monotonic(), event[0] == "part"
            allowed = loading if is_loading else limit
            if event[0] == "call":
                allowed = max(limit, event[1])
                baseline = baseline or _session_usage(pid)[1]
            else:
                followed.take(event)
        elif now - last_event > allowed:
            if is_loading:
                took = f"it took more than {allowed:.1f} s, {LOADING_SHARE:.0%} of the budget; the process was killed"
                return f"{took}; if its imports take that long, give a larger --budget"
            return f"a call did not return within {allowed:.1f} s; the process was killed"
        if monotonic() - last_look > POLL_SECONDS:
            last_look = monotonic()
            if problem := _usage_problem(pid, baseline):
                return problem
    return ""


def _usage_problem(pid: int, baseline: int) -> str:
    num_processes, used = _session_usage(pid)
    if num_processes > MAX_PROCESSES:
        return f"it started more than {MAX_PROCESSES} processes; they were killed"
    if baseline and used > baseline + (MAX_MEGABYTES << 20):
        return f"a process used more than {MAX_MEGABYTES} MB of memory; the process was killed"
    return ""


def _exit_code(child: BaseProcess) -> str:
    child.join(1.0)
    code = child.exitcode
    if code is None:
        return "its exit code is unknown"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _session(session: int) -> list[tuple[int, int]]:
    """Return process id and bytes of memory of all processes of a session; nothing where there is no /proc."""
    processes = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            if int(fields[3]) == session:
                processes.append((int(folder.name), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")))
    return processes


def _session_usage(session: int) -> tuple[int, int]:
    """Return the number of processes of a session, and the bytes of memory of the largest."""
    processes = _session(session)
    return len(processes), max((size for _, size in processes), default=0)


def _kill_session(session: int) -> None:
    """Kill every process of a session, also those that are being forked meanwhile."""
    for _ in range(20):
        with suppress(OSError):
            os.killpg(session, signal.SIGKILL)
        processes = [pid for pid, _ in _session(session) if pid != session]
        for pid in processes:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not processes:
            return


class _Sender(Watch):
    """Tells the parent of the progress."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.lock, self.last_call = connection, threading.Lock(), 0.0

    def send(self, *event: Any) -> None:
        with self.lock:
            self.connection.send(event)

    def plan(self, report: Report, laws: Sequence[Law]) -> None:
        self.send("part", report, [law.name for law in laws])

    def begin(self, result: Result) -> None:
        self.send("begin", result)

    def end(self, result: Result) -> None:
        self.send("result", result)

    def call(self, seconds: float) -> None:
        """Tell of a call, at most ten times in a second."""
        if seconds or monotonic() - self.last_call > POLL_SECONDS:
            self.last_call = monotonic()
            self.send("call", seconds)


def _run_check(target: str, options: CheckOptions, skipped: dict[str, set[str]], connection: Connection) -> None:
    """Check, and tell the parent what comes out."""

    def work(sender: _Sender) -> None:
        with foreign_calls(sender.call):
            for _ in check_target(target, options, skipped=skipped, watch=sender):
                pass

    _run_child(connection, work)


def _run_listing(target: str, options: CheckOptions, skipped: dict[str, set[str]], connection: Connection) -> None:
    """Tell the parent the parts of the target and their laws."""
    del options, skipped

    def work(sender: _Sender) -> None:
        for part in parts_of(resolve_target(target)):
            sender.plan(Report(part.name, ()), laws_of(part))

    _run_child(connection, work)


def _run_child(connection: Connection, work: Callable[[_Sender], None]) -> None:
    """Work in a session of its own, with standard output on standard error; never return."""
    os.setsid()
    os.dup2(2, 1)
    sys.stdout = sys.stderr  # where the standard output of this process is no longer descriptor 1
    warnings.simplefilter("ignore")  # of the examples, which are meant to be odd
    sender = _Sender(connection)
    try:
        work(sender)
        sender.send("end")
    except BaseException as error:  # noqa: BLE001 - the parent raises it
        try:
            sender.send("error", error)
        except Exception:  # noqa: BLE001 - it cannot be pickled
            sender.send("error", SetupError(format_error(error)))
    finally:
        os._exit(0)
