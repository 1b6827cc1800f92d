"""Running one Python program in the kernel's namespaces under limits; the caller survives whatever it does."""

import ast
import contextlib
import functools
import marshal
import os
import platform
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from herokit.errors import SetupError, check_positive
from herokit_code.seccomp import filter_for

__all__ = ["Limits", "RunResult", "RunStatus", "run_program", "sandbox_problem"]

_LAUNCHER_FOLDER = str(Path(__file__).parent)
_LAUNCH = "import sys; sys.path.append(sys.argv[1]); import launcher; launcher.main()"
"""Imported as a module, the launcher is compiled once; as a script it would be compiled at every start."""
_START_TIMEOUT = 5.0
"""Seconds that creating the namespaces may take, in addition to the program's own time."""
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
"""The number of the system call pivot_root on each supported machine."""
_READ_SIZE = 65_536
_LINES_AT_EXIT = 2
"""Lines that the launcher has reported when the program has exited: its start and its exit code."""
_ENDED_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM, 0)
"""Exit codes of a launcher that has reported nothing because something outside ended it, or process 1 (0)."""
_DRAIN_TIMEOUT = 1.0
"""Seconds to read what an exited program printed; only a program without isolation that left processes needs them."""

RunStatus = Literal["exited", "timeout", "output", "killed", "lost"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use; a run that exceeds a limit is stopped, and its test has failed.

    Attributes:
        timeout: wall seconds; the processor time is limited to as many whole seconds, rounded up, plus one.
        memory_mb: address space of each process, in MiB.
        max_processes: processes and threads that exist at once.
        disk_mb: files written, in MiB; they are in memory and are deleted after the run.
        max_files: files that may exist, and files open at once.
        output_kb: text printed, in KiB, on each of stdout and stderr; what a test expects is allowed four times in
            addition.

    Raises:
        ConfigError: a limit is not positive, or infinite.

    Example:
        >>> Limits(timeout=2.0).memory_mb
        512
    """

    timeout: float = 5.0
    memory_mb: int = 512
    max_processes: int = 16
    disk_mb: int = 16
    max_files: int = 64
    output_kb: int = 256

    def __post_init__(self) -> None:
        check_positive(self, *(field.name for field in fields(self)))


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended.

    Attributes:
        status: the program ``exited``; its ``timeout`` or its ``output`` limit stopped it; it was ``killed`` by a signal
            (its processor time, a crash); or it was ``lost``, which says nothing about the program: the sandbox did not
            start in time, or something outside ended it.
        exit_code: the exit code, negative for a signal, None if the run was stopped.
        stdout: what it printed, up to the limit.
        stderr: its errors, up to the limit.
        seconds: wall time, including the start of the sandbox.
    """

    status: RunStatus
    exit_code: int | None
    stdout: str
    stderr: str
    seconds: float


def run_program(
    program: str, stdin: str, limits: Limits, *, isolated: bool = True, named_stdin: bool = False
) -> RunResult:
    r"""Run a Python program and return how it ended; nothing of it outlives the call.

    Args:
        program: its source text.
        stdin: what it can read.
        limits: what it may use.
        isolated: run it in namespaces of its own, with a filter of its system calls. Without them every limit but the
            number of processes holds, and the program acts as this user, with this user's files and network.
        named_stdin: whether it can open its stdin as ``/dev/stdin``, too; without isolation it always can.

    Raises:
        SetupError: the sandbox cannot be created on this machine; the message has the kernel's reason.

    Example:
        >>> run_program("print(input()[::-1])", "abc", Limits(timeout=10), isolated=False).stdout
        'cba\n'
    """
    if sys.platform != "linux":
        raise SetupError(
            f"the code sandbox cannot be created here: it needs Linux, with isolation or without, not {sys.platform!r}"
        )
    if isolated and platform.machine() not in _PIVOT_ROOT:
        supported = " and ".join(_PIVOT_ROOT)
        raise SetupError(
            f"the code sandbox cannot be created here: it supports {supported} machines, not {platform.machine()!r}"
        )
    start = time.monotonic()
    folder = tempfile.mkdtemp(prefix="herokit-code-")
    try:
        settings = _launcher_settings(program, limits, folder, isolated=isolated) | {"named_stdin": named_stdin}
        return _run(settings, stdin, limits, start)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def sandbox_problem() -> str:
    """Return why no sandbox can be created on this machine, ``""`` if one can; tried once.

    Containers often forbid it: Docker needs ``--security-opt seccomp=unconfined`` or a profile that allows `unshare`.

    Example:
        >>> import sys
        >>> isinstance(sandbox_problem(), str) or sys.platform != "linux"
        True
    """
    if sys.platform != "linux":
        return f"namespaces exist on Linux only, this is {sys.platform}"
    try:
        run_program("", "", Limits(timeout=10.0))
    except (SetupError, OSError) as error:
        return str(error)
    return ""


def _launcher_settings(program: str, limits: Limits, folder: str, *, isolated: bool) -> dict[str, Any]:
    python, visible_paths = _interpreter()
    machine = platform.machine()
    environment: Mapping[str, str] = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/box" if isolated else folder,
        "TMPDIR": "/box" if isolated else folder,
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONINTMAXSTRDIGITS": "0",  # the limit of time bounds the conversion of long integers
        "OMP_NUM_THREADS": "1",
    }
    return {
        **asdict(limits),
        "program": program.encode("utf-8", "replace").decode(),
        "root": folder,
        "folder": "/box" if isolated else folder,
        "isolated": isolated,
        "caller": os.getpid(),
        "visible_paths": visible_paths,
        "python": python,
        "environment": environment,
        **({"pivot_root": _PIVOT_ROOT[machine], "filter": filter_for(machine)} if isolated else {}),
    }


@functools.cache
def _interpreter() -> tuple[str, list[str]]:
    """Return the interpreter and the paths of this machine that it needs; nothing else is visible inside."""
    python = os.path.realpath(sys.executable)
    paths = ["/usr", "/bin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache"]
    prefix = os.path.realpath(sys.base_prefix)
    return python, paths + ([] if prefix.startswith("/usr") else [prefix])


def _run(settings: dict[str, Any], stdin: str, limits: Limits, start: float) -> RunResult:
    with contextlib.ExitStack() as stack:
        settings_file = stack.enter_context(_memory_file(marshal.dumps(settings)))
        stdin_file = stack.enter_context(_memory_file(stdin.encode("utf-8", "replace")))
        report, launcher_report = os.pipe()
        stack.callback(os.close, report)
        try:
            process = subprocess.Popen(  # noqa: S603 - our own launcher
                [
                    sys.executable,
                    *("-I", "-S", "-c", _LAUNCH, _LAUNCHER_FOLDER),
                    *(str(settings_file.fileno()), str(launcher_report)),
                ],
                stdin=stdin_file,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(settings_file.fileno(), launcher_report),
                env={},
                start_new_session=True,  # Ctrl-C is for the caller
            )
        finally:
            os.close(launcher_report)
        stack.callback(_kill, process, isolated=settings["isolated"])
        return _wait(process, report, limits, start, isolated=settings["isolated"])


def _memory_file(content: bytes) -> Any:
    """Return a file in memory with this content, positioned at its start."""
    file = os.fdopen(os.memfd_create("herokit"), "w+b")
    file.write(content)
    file.seek(0)
    return file


def _kill(process: subprocess.Popen[bytes], *, isolated: bool) -> None:
    """Kill what is left of a run; with namespaces the kernel kills everything inside as well."""
    if not isolated:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    process.wait()


def _wait(process: subprocess.Popen[bytes], report: int, limits: Limits, start: float, *, isolated: bool) -> RunResult:
    """Read what the run prints and reports until it has exited or exceeded a limit."""
    data: dict[Any, bytearray] = {process.stdout: bytearray(), process.stderr: bytearray(), report: bytearray()}
    max_bytes, deadline, lines = limits.output_kb * 1024, start + _START_TIMEOUT, 0
    status: RunStatus = "exited"
    with selectors.DefaultSelector() as selector:
        for stream in data:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(deadline - time.monotonic(), 0.0))
            if not ready:
                status = "timeout" if lines < _LINES_AT_EXIT else "exited"
                break
            for key, _ in ready:
                piece = os.read(key.fd, _READ_SIZE)
                data[key.fileobj] += piece
                if not piece:
                    selector.unregister(key.fileobj)
            if data[report].count(b"\n") > lines:
                lines = data[report].count(b"\n")
                deadline = time.monotonic() + (limits.timeout if lines < _LINES_AT_EXIT else _DRAIN_TIMEOUT)
            if max(len(data[process.stdout]), len(data[process.stderr])) > max_bytes:
                status = "output"
                break
    out, error = (data[s][:max_bytes].decode("utf-8", "replace") for s in (process.stdout, process.stderr))
    end = _read_report(status, bytes(data[report]), isolated=isolated)
    if end == "" and process.wait() in _ENDED_FROM_OUTSIDE:
        end = "lost", None
    if isinstance(end, str):
        raise SetupError(f"the code sandbox cannot be created here: {end or error[-300:]}")
    return RunResult(*end, out, error, time.monotonic() - start)


def _read_report(status: RunStatus, report: bytes, *, isolated: bool) -> tuple[RunStatus, int | None] | str:
    """Return how a run ended and its exit code, from what was observed and reported; a text if it did not start."""
    lines = [ast.literal_eval(line.decode()) for line in report.splitlines() if line]
    errors = [line["setup"] for line in lines if "setup" in line]
    if errors or (status == "exited" and not lines):
        return str(errors[0]) if errors else ""
    code = lines[-1].get("code") if lines else None
    if "started" not in (lines or [""])[0] or (status == "exited" and code is None and isolated):
        return "lost", None
    if status != "exited":
        return status, None
    return "exited" if code is not None and code >= 0 else "killed", code
