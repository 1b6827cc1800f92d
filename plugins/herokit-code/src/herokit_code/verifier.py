"""The verifier: extracts the program, runs each test in a sandbox of its own, and counts the tests that pass."""

import sys
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from threading import Event
from typing import Literal

from herokit.conversations.columns import to_list
from herokit.errors import ConfigError, DataError, SetupError, check_choice
from herokit.samples import SampleLike, as_samples
from herokit.tags import CheckTags
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import abstain, unparsed
from herokit_code.cases import Case, ExpressionCase, ScriptCase, StdoutCase, read_cases
from herokit_code.cases_runner import case_program, expected_output_size, is_passed, is_solution_unused
from herokit_code.extract import extract_program
from herokit_code.imports import SandboxPackages
from herokit_code.long_integers import dump_json
from herokit_code.sandbox import Limits, RunResult, run_program
from herokit_code.two_process import can_run_separately

__all__ = ["CodeVerifier", "SandboxMode", "TestProcess"]

SandboxMode = Literal["required", "none"]
TestProcess = Literal["separate", "shared"]

_POLL_INTERVAL = 0.5
"""Seconds between two checks for an interrupt."""
_MAX_RUNS = 3
"""Runs of a test whose runs are lost: something outside ended them."""
_IMPORT_TIMEOUT = 20.0
"""Seconds at least to find out whether a package can be imported."""
_SIGXCPU = 24


class _LostRunError(Exception):
    """A run that says nothing about the program."""

    def __str__(self) -> str:
        return "the sandbox did not start in time, or something outside ended it"


@dataclass(frozen=True, slots=True)
class _CaseResult:
    """The result of one test.

    Attributes:
        problem: why it failed; "" if it passed.
        timed_out: whether the program ran out of time.
        counted: whether the test uses the solution; else any program would pass it.
    """

    problem: str = ""
    timed_out: bool = False
    counted: bool = True


@dataclass(frozen=True)
class CodeVerifier:
    r"""Share of the reference's tests that the Python program in a completion passes, in [0, 1].

    Each test runs in a process of its own, isolated by the kernel's user, mount, network, process and IPC namespaces and
    by a filter of its system calls, under `limits`; `herokit_code.cases` lists the forms of a reference. Expected values
    are compared outside the sandbox or, for a test that is code, in another process than the solution's. The verdict's
    answer is the program. A verifier can be used from any thread; nothing of a run outlives it.

    Args:
        limits: what one run may use.
        partial_credit: give the share of tests passed; else 1 if all pass, and stop at the first failure.
        tolerance: how much printed decimals and JSON floats may differ, relative and absolute.
        max_workers: maximum number of runs at once.
        sandbox: ``"required"``: run nothing if the kernel provides no namespaces or filter; ``"none"``: run without them.
            Every limit but the number of processes then holds, and programs **act as this user, with files and network**.
        test_process: ``"separate"``: run a test that is code in another process than the solution if it can be;
            ``"shared"``: run all such tests in the solution's process, where an object that equals everything passes
            them.
        reference_key: the entry of a sample's `meta` that holds its tests; None for the reference.

    Source: tests as APPS (arXiv 2105.09938), MBPP (2108.07732), HumanEval (2107.03374) and LiveCodeBench (2403.07974) write them.

    Raises:
        ConfigError: a setting is outside its range.
        SetupError: on use, if the sandbox cannot be created on this machine, or the limits allow no program at all.

    Example:
        >>> verifier = CodeVerifier(Limits(timeout=10), sandbox="none")  # this example trusts its program
        >>> text = "```python\ndef double(x):\n    return 2 * x\n```"
        >>> verifier.verify([Sample("Double x.", text, group=0, reference="assert double(2) == 4")])[0].value
        1.0
    """

    limits: Limits = field(default_factory=Limits)
    partial_credit: bool = True
    tolerance: float = 1e-6
    max_workers: int = 2
    sandbox: SandboxMode = "required"
    test_process: TestProcess = "separate"
    reference_key: str | None = None

    def __post_init__(self) -> None:
        check_choice("sandbox", self.sandbox, SandboxMode)
        check_choice("test_process", self.test_process, TestProcess)
        if not self.tolerance >= 0:
            raise ConfigError(f"tolerance must be at least 0, got {self.tolerance!r}")
        if not self.max_workers > 0:
            raise ConfigError(f"max_workers must be positive, got {self.max_workers!r}")

    def check_tags(self) -> CheckTags:
        """Return what `herokit check` tries it on: programs."""
        return CheckTags(domain="code")

    def verify(self, samples: Sequence[SampleLike], /) -> list[Verdict]:
        """Return N verdicts for N samples, in order.

        The verdict abstains (None, FAILED) if there is no reference, if it holds no readable test or none that uses the
        solution, if a test imports a package that the sandbox does not have, and if the sandbox starts too late or something outside ends it. Without a program it is 0, UNPARSED; if
        the program passes nothing and runs out of time it is 0, TIMEOUT. The same program with the same tests runs once
        per call.
        """
        samples = as_samples(samples)
        keys = [(_tests_text(sample, self.reference_key), extract_program(sample.final_text)) for sample in samples]
        jobs = dict.fromkeys((tests, program) for tests, program in keys if tests is not None and program is not None)
        stop = Event()
        with ThreadPoolExecutor(self.max_workers, thread_name_prefix="herokit-code") as pool:
            try:
                futures = {job: pool.submit(self._judge, *job, stop=stop) for job in jobs}
                pending = set(futures.values())
                while pending:  # with a timeout: a signal that another thread receives wakes no waiting thread
                    finished, pending = wait(pending, _POLL_INTERVAL, FIRST_EXCEPTION)
                    for future in finished:
                        future.result()
                verdicts = {job: future.result() for job, future in futures.items()}
            except BaseException:
                stop.set()  # the pool waits for its running jobs: they start no further test
                raise
        return [verdicts[key] if key in verdicts else _verdict_without_run(*key) for key in keys]

    def _judge(self, reference: str, program: str, *, stop: Event) -> Verdict:
        try:
            cases = read_cases(reference)
            self._check_packages(cases)
        except (DataError, _LostRunError) as error:
            return abstain(str(error))
        results: list[_CaseResult] = []
        reason = ""
        for number, case in enumerate(cases, 1):
            if stop.is_set():
                return abstain("stopped")
            try:
                result = self._run_repeatedly(program, case)
            except _LostRunError as error:
                return abstain(f"test {number}: {error}")
            if not result.counted:
                continue
            results.append(result)
            reason = reason or (result.problem and f"test {number}: {result.problem}")
            if result.problem and not self.partial_credit:
                break
        if not results:
            return abstain("no test uses the solution: any program would pass")
        passed = sum(not result.problem for result in results)
        if not passed:
            _check_start(self.limits, self.sandbox)
        if any(result.timed_out for result in results) and not passed:
            status, value = Status.TIMEOUT, 0.0
        else:
            status, value = Status.JUDGED, passed / len(results) if self.partial_credit else float(not reason)
        summary = f"{passed} of {len(results)} tests" + self._count_shared(cases) + (f"; {reason}" if reason else "")
        return Verdict(value, status, summary, program)

    def _runs_separately(self, case: Case) -> bool:
        return self.test_process == "separate" and isinstance(case, ScriptCase) and can_run_separately(case.code)

    def _count_shared(self, cases: Sequence[Case]) -> str:
        """Return how many tests are code that runs in the solution's process, where the solution can cheat them."""
        count = sum(isinstance(case, ScriptCase) and not self._runs_separately(case) for case in cases)
        return f", {count} in the solution's process" if count else ""

    def _check_packages(self, cases: Sequence[Case]) -> None:
        """Raise `DataError` if a test cannot run, whatever the program, because the sandbox lacks what it imports."""
        packages = _sandbox_packages(self.limits, self.sandbox)
        for number, case in enumerate(cases, 1):
            code = {ScriptCase: "code", ExpressionCase: "setup"}.get(type(case), "")
            name = packages.find_missing(getattr(case, code)) if code else None
            if name is not None:
                raise DataError(
                    f"test {number} cannot run: it imports {name!r}, which the sandbox does not have; install it where "
                    f"the base interpreter of this environment finds it ({sys.base_prefix})"
                )

    def _run_repeatedly(self, program: str, case: Case) -> _CaseResult:
        """Run a test until a run says something about the program, three times at most."""
        for _ in range(_MAX_RUNS - 1):
            with suppress(_LostRunError):
                return self._run_case(program, case)
        return self._run_case(program, case)

    def _run_case(self, program: str, case: Case) -> _CaseResult:
        separate = self._runs_separately(case)
        if isinstance(case, ScriptCase) and case.shared_process and not separate:
            case = case.shared_process
        source, stdin, token = case_program(program, case, separate=separate)
        limits = replace(
            self.limits,
            output_kb=self.limits.output_kb + -(-expected_output_size(case) // 1024),
            max_processes=self.limits.max_processes + separate,
        )
        run = run_program(
            source,
            stdin,
            limits,
            isolated=self.sandbox == "required",
            named_stdin=isinstance(case, StdoutCase) and "/dev/" in program,
        )
        if run.status == "lost":
            raise _LostRunError
        if run.status != "exited" or run.exit_code != 0:
            timed_out = run.status == "timeout" or run.exit_code == -_SIGXCPU
            return _CaseResult(_describe_failure(run, self.limits), timed_out=timed_out)
        if is_solution_unused(run.stdout, token):
            return _CaseResult(counted=False)
        return _CaseResult("" if is_passed(case, run.stdout, token, self.tolerance) else "another result")


@lru_cache(maxsize=16)
def _sandbox_packages(limits: Limits, sandbox: SandboxMode) -> SandboxPackages:
    limits = replace(limits, timeout=max(limits.timeout, _IMPORT_TIMEOUT))

    def can_import(name: str) -> bool:
        run = run_program(f"import {name}", "", limits, isolated=sandbox == "required")
        if run.status == "lost":
            raise _LostRunError
        return run.exit_code == 0

    return SandboxPackages(can_import)


@lru_cache(maxsize=16)
def _check_start(limits: Limits, sandbox: SandboxMode) -> None:
    """Raise `SetupError` if the limits allow no program at all, so that every program would fail for that reason."""
    run = run_program("", "", limits, isolated=sandbox == "required")
    if run.status != "lost" and run.exit_code != 0:
        problem = _describe_failure(run, limits)
        raise SetupError(f"no program can start within {limits}, not even an empty one: {problem}; allow more")


def _describe_failure(run: RunResult, limits: Limits) -> str:
    if run.status == "timeout":
        return f"ran longer than {limits.timeout:g} s"
    if run.status == "output":
        return f"printed more than {limits.output_kb} KiB"
    if run.status == "killed":
        return f"killed by signal {-run.exit_code}" if run.exit_code else "killed"
    last_line = run.stderr.strip().splitlines()[-1:] or [f"exit code {run.exit_code}"]
    return last_line[0][:200]


def _tests_text(sample: Sample, key: str | None) -> str | None:
    """Return the tests of a sample as text: as they are, or as JSON."""
    reference = to_list(sample.reference if key is None else sample.meta.get(key))
    return reference if isinstance(reference, str | None) else dump_json(reference)


def _verdict_without_run(reference: str | None, program: str | None) -> Verdict:
    if reference is None:
        return abstain("no reference: the tests are missing")
    return unparsed("no program: there is no code block, and the text does not begin like Python", program)
