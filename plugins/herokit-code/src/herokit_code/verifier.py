"""The verifier: extract the program, run every test in a sandbox of its own, share of tests passed."""

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Literal

from herokit.errors import ConfigError, DataError
from herokit.types import Sample, Status, Verdict
from herokit_code.cases import Case, Finishes, cases
from herokit_code.cases_runner import passed, room, says_nothing, script
from herokit_code.extract import program
from herokit_code.limits import Limits
from herokit_code.sandbox import Ran, run
from herokit_code.two_process import possible

TURN = 0.5
"""Seconds between two looks whether an interrupt has come."""


class _LostError(Exception):
    """A run that says nothing about the program."""

    def __str__(self) -> str:
        return "the sandbox did not start in time, or something outside it ended it"


@dataclass(frozen=True)
class CodeVerifier:
    r"""Judges completions that hold a Python program, by tests in the reference; a `herokit.types.Verifier`.

    Every test runs in a process of its own, shut in by the kernel's user, mount, network, process and IPC namespaces and a
    filter of its calls, under the limits of `Limits`; `herokit_code.cases` lists the forms of a reference. What a test
    expects is compared outside the sandbox, or, for a test that is code, in another process than the solution's. The answer
    that a verdict reports is the program. Works from any thread; nothing of a run outlives it.

    Args:
        limits: what one run may use.
        partial_credit: ``"share"`` gives the share of tests passed, ``"all"`` 1 only if all pass, and stops at the first failure.
        tolerance: how far printed decimals and JSON floats may be off, relative and absolute.
        max_workers: runs at once.
        tests: ``"apart"`` runs a test that is code in another process than the solution where it can be; ``"beside"`` runs all
            such tests in the solution's process, where an object that equals everything passes them.
        isolation: ``"require"`` refuses to run where the kernel gives no namespaces or filter; ``"none"`` runs without:
            limits hold but for the number of processes, and programs **act as this user, with files and network**.

    Source: tests as APPS (arXiv 2105.09938), MBPP (2108.07732), HumanEval (2107.03374) and LiveCodeBench (2403.07974) write them.

    Raises:
        ConfigError: a setting outside its range.
        SetupError: on first use, if the sandbox cannot be made on this machine.

    Example:
        >>> verifier = CodeVerifier(Limits(seconds=10), isolation="none")  # this example trusts its program
        >>> text = "```python\ndef double(x):\n    return 2 * x\n```"
        >>> verifier.verify([Sample("Double x.", text, group=0, reference="assert double(2) == 4")])[0].value
        1.0
    """

    limits: Limits = field(default_factory=Limits)
    partial_credit: Literal["share", "all"] = "share"
    tolerance: float = 1e-6
    max_workers: int = 2
    isolation: Literal["require", "none"] = "require"
    tests: Literal["apart", "beside"] = "apart"

    def __post_init__(self) -> None:
        if self.partial_credit not in ("share", "all"):
            raise ConfigError(f"CodeVerifier: credit is 'share' or 'all', got {self.partial_credit!r}")
        if self.isolation not in ("require", "none"):
            raise ConfigError(f"CodeVerifier: isolation is 'require' or 'none', got {self.isolation!r}")
        if self.tests not in ("apart", "beside"):
            raise ConfigError(f"CodeVerifier: tests are 'apart' or 'beside', got {self.tests!r}")
        if not self.tolerance >= 0:
            raise ConfigError(f"CodeVerifier: tolerance must be at least 0, got {self.tolerance!r}")
        if not self.max_workers > 0:
            raise ConfigError(f"CodeVerifier: max_workers must be positive, got {self.max_workers!r}")

    def verify(self, samples: Sequence[Sample], /) -> list[Verdict]:
        """Return one verdict per sample, in order.

        No reference, or one that holds no readable test, abstains (None, FAILED); so does a sandbox that starts too late
        or that something else than the program ends, and tests that ask nothing of the solution. No program is 0,
        UNPARSED. A program that passes nothing and ran out of time is 0, TIMEOUT. The same program for the same tests runs once a call.
        """
        keys = [(sample.reference, program(sample.completion)) for sample in samples]
        todo = dict.fromkeys((tests, text) for tests, text in keys if tests is not None and text is not None)
        stop = Event()
        with ThreadPoolExecutor(self.max_workers, thread_name_prefix="herokit-code") as pool:
            try:
                asked = {key: pool.submit(self._judge, *key, stop=stop) for key in todo}
                waiting = set(asked.values())
                while waiting:  # in turns, for a signal that another thread takes wakes nobody
                    finished, waiting = wait(waiting, TURN, FIRST_EXCEPTION)
                    for future in finished:
                        future.result()
                done = {key: future.result() for key, future in asked.items()}
            except BaseException:
                stop.set()  # the pool waits for what it runs: no further test of it is begun
                raise
        return [done[key] if key in done else _without(*key) for key in keys]

    def _judge(self, reference: str, text: str, *, stop: Event) -> Verdict:
        try:
            tests = cases(reference)
        except DataError as error:
            return Verdict(None, Status.FAILED, str(error))
        good, count, late, why = 0, 0, False, ""
        for number, case in enumerate(tests, 1):
            if stop.is_set():
                return Verdict(None, Status.FAILED, "stopped")
            try:
                complaint, timeout = self._try(text, case)
            except _LostError as error:
                return Verdict(None, Status.FAILED, f"test {number}: {error}")
            if complaint is None:
                continue
            good, count, late = good + (not complaint), count + 1, late or timeout
            why = why or (complaint and f"test {number}: {complaint}")
            if complaint and self.partial_credit == "all":
                break
        if not count:
            return Verdict(None, Status.FAILED, "the tests ask nothing of the solution: any program would pass")
        value = good / count if self.partial_credit == "share" else float(not why)
        status = Status.TIMEOUT if late and not good else Status.JUDGED
        reason = f"{good} of {count} tests" + self._beside(tests) + (f"; {why}" if why else "")
        return Verdict(0.0 if status is Status.TIMEOUT else value, status, reason, text)

    def _apart(self, case: Case) -> bool:
        return self.tests == "apart" and isinstance(case, Finishes) and possible(case.code)

    def _beside(self, tests: Sequence[Case]) -> str:
        """Say how many tests are code that runs in the solution's process, where it can cheat them."""
        count = sum(isinstance(case, Finishes) and not case.beside and not self._apart(case) for case in tests)
        return f", {count} beside the solution" if count else ""

    def _try(self, text: str, case: Case) -> tuple[str | None, bool]:
        """Run one test; return what is wrong, ``""`` for nothing, None for a test of nothing, and whether time ran out."""
        apart = self._apart(case)
        if isinstance(case, Finishes) and case.beside and not apart:
            case = case.beside
        source, stdin, token = script(text, case, apart=apart)
        limits = replace(
            self.limits,
            output_kb=self.limits.output_kb + -(-room(case) // 1024),
            processes=self.limits.processes + apart,
        )
        ran = run(source, stdin, limits, isolated=self.isolation == "require")
        if ran.end == "lost":
            raise _LostError
        if ran.end == "exited" and ran.code == 0:
            if says_nothing(ran.stdout, token):
                return None, False
            return ("" if passed(case, ran.stdout, token, self.tolerance) else "another result"), False
        return _complaint(ran, self.limits), ran.end == "timeout" or ran.code == -24  # noqa: PLR2004 - SIGXCPU


def _complaint(ran: Ran, limits: Limits) -> str:
    if ran.end == "timeout":
        return f"past {limits.seconds:g} s"
    if ran.end == "output":
        return f"printed more than {limits.output_kb} KiB"
    if ran.end == "killed":
        return f"ended by signal {-ran.code}" if ran.code else "killed"
    last = ran.stderr.strip().splitlines()[-1:] or [f"exit code {ran.code}"]
    return last[0][:200]


def _without(reference: str | None, text: str | None) -> Verdict:
    if reference is None:
        return Verdict(None, Status.FAILED, "no reference: the tests are missing")
    return Verdict(0.0, Status.UNPARSED, "no program: no code block, and the text is no Python", text)
