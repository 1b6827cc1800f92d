"""Running one program under limits, shut in by the kernel; the caller survives whatever it does."""

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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from herokit.errors import SetupError
from herokit_code.limits import Limits
from herokit_code.seccomp import filter_for

LAUNCHER = str(Path(__file__).parent)
LAUNCH = "import sys; sys.path.append(sys.argv[1]); import launcher; launcher.main()"
"""As a module it is compiled once; as a script it would be at every start."""
START = 5.0
"""Seconds that making the namespaces may take, on top of the program's own."""
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
READ = 65_536
ENDED = 2
"""Lines that the launcher has told when the program has ended: that it started, and how it ended."""
LAST_WORDS = 1.0
"""Seconds to read what an ended program printed; only one that left something behind, unisolated, needs them."""

End = Literal["exited", "timeout", "output", "killed", "lost"]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended.

    Attributes:
        end: it ``exited`` by itself; its wall ``timeout`` or its ``output`` limit stopped it; it was ``killed`` by a
            signal (its processor time, a crash); it was ``lost``, which says nothing about the program: no start in time,
            or somebody else ended the sandbox.
        code: the exit code, negative for a signal, None where it was stopped.
        stdout: what it printed, up to the limit.
        stderr: the same of its errors.
        seconds: wall time, the start of the sandbox included.
    """

    end: End
    code: int | None
    stdout: str
    stderr: str
    seconds: float


def run(program: str, stdin: str, limits: Limits, *, isolated: bool = True) -> Ran:
    r"""Run a Python program and return how it ended; nothing of it outlives the call.

    Args:
        program: its source text.
        stdin: what it can read.
        limits: what it may use.
        isolated: in namespaces of its own, behind the filter. Without them the limits hold but for processes, and the program acts as
            this user: it sees this user's files and the network.

    Raises:
        SetupError: the sandbox cannot be made on this machine; the message has the kernel's reason.

    Example:
        >>> run("print(input()[::-1])", "abc", Limits(seconds=10), isolated=False).stdout
        'cba\n'
    """
    if sys.platform != "linux":
        raise SetupError(
            f"the code sandbox cannot be made here: it needs Linux, with isolation or without, not {sys.platform!r}"
        )
    if isolated and platform.machine() not in PIVOT_ROOT:
        here, known = platform.machine(), " and ".join(PIVOT_ROOT)
        raise SetupError(
            f"the code sandbox cannot be made here: it knows the kernel's calls on {known}, not on {here!r}"
        )
    began = time.monotonic()
    folder = tempfile.mkdtemp(prefix="herokit-code-")
    try:
        return _run(_settings(program, limits, folder, isolated=isolated), stdin, limits, began)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def problem() -> str:
    """Return why no sandbox can be made on this machine, ``""`` where one can; tried once.

    Containers often forbid it: Docker needs ``--security-opt seccomp=unconfined`` or a profile that allows `unshare`.

    Example:
        >>> import sys
        >>> isinstance(problem(), str) or sys.platform != "linux"
        True
    """
    if sys.platform != "linux":
        return f"namespaces exist on Linux only, this is {sys.platform}"
    try:
        run("", "", Limits(seconds=10.0))
    except (SetupError, OSError) as error:
        return str(error)
    return ""


def _settings(program: str, limits: Limits, folder: str, *, isolated: bool) -> dict[str, Any]:
    python, visible = _interpreter()
    machine = platform.machine()
    environment: Mapping[str, str] = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/box" if isolated else folder,
        "TMPDIR": "/box" if isolated else folder,
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
    }
    return {
        **asdict(limits),
        "program": program.encode("utf-8", "replace").decode(),
        "root": folder,
        "folder": "/box" if isolated else folder,
        "isolated": isolated,
        "caller": os.getpid(),
        "visible": visible,
        "python": python,
        "environment": environment,
        **({"pivot_root": PIVOT_ROOT[machine], "filter": filter_for(machine)} if isolated else {}),
    }


@functools.cache
def _interpreter() -> tuple[str, list[str]]:
    """Return the interpreter and the paths of this machine that it needs; nothing else will be visible."""
    python = os.path.realpath(sys.executable)
    places = ["/usr", "/bin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache"]
    prefix = os.path.realpath(sys.base_prefix)
    return python, places + ([] if prefix.startswith("/usr") else [prefix])


def _run(settings: dict[str, Any], stdin: str, limits: Limits, began: float) -> Ran:
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(_memory(marshal.dumps(settings)))
        given = stack.enter_context(_memory(stdin.encode("utf-8", "replace")))
        told, tell = os.pipe()
        stack.callback(os.close, told)
        try:
            process = subprocess.Popen(  # noqa: S603 - our own launcher
                [sys.executable, "-I", "-S", "-c", LAUNCH, LAUNCHER, str(source.fileno()), str(tell)],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(source.fileno(), tell),
                env={},
                start_new_session=True,  # Ctrl-C is for the caller
            )
        finally:
            os.close(tell)
        stack.callback(_end, process, isolated=settings["isolated"])
        return _watch(process, told, limits, began, isolated=settings["isolated"])


def _memory(content: bytes) -> Any:
    """Return a file in memory that holds the content, at its start."""
    file = os.fdopen(os.memfd_create("herokit"), "w+b")
    file.write(content)
    file.seek(0)
    return file


def _end(process: subprocess.Popen[bytes], *, isolated: bool) -> None:
    """Kill what is left; with namespaces the kernel takes everything inside along."""
    if not isolated:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    process.wait()


def _watch(process: subprocess.Popen[bytes], told: int, limits: Limits, began: float, *, isolated: bool) -> Ran:
    """Read everything the run says until it has ended or went past a limit."""
    texts: dict[Any, bytearray] = {process.stdout: bytearray(), process.stderr: bytearray(), told: bytearray()}
    room, deadline, lines = limits.output_kb * 1024, began + START, 0
    end: End = "exited"
    with selectors.DefaultSelector() as watched:
        for stream in texts:
            watched.register(stream, selectors.EVENT_READ)
        while watched.get_map():
            ready = watched.select(max(deadline - time.monotonic(), 0.0))
            if not ready:
                end = "timeout" if lines < ENDED else "exited"
                break
            for key, _ in ready:
                piece = os.read(key.fd, READ)
                texts[key.fileobj] += piece
                if not piece:
                    watched.unregister(key.fileobj)
            if texts[told].count(b"\n") > lines:
                lines = texts[told].count(b"\n")
                deadline = time.monotonic() + (limits.seconds if lines < ENDED else LAST_WORDS)
            if max(len(texts[process.stdout]), len(texts[process.stderr])) > room:
                end = "output"
                break
    out, error = (texts[s][:room].decode("utf-8", "replace") for s in (process.stdout, process.stderr))
    known = _how(end, bytes(texts[told]), isolated=isolated)
    if isinstance(known, str):
        raise SetupError(f"the code sandbox cannot be made here: {known or error[-300:]}")
    return Ran(*known, out, error, time.monotonic() - began)


def _how(end: End, told: bytes, *, isolated: bool) -> tuple[End, int | None] | str:
    """Return how a run ended and its exit code, by what was seen and what the launcher told; or why there was none."""
    report = [ast.literal_eval(line.decode()) for line in told.splitlines() if line]
    failed = [line["setup"] for line in report if "setup" in line]
    if failed or (end == "exited" and not report):
        return str(failed[0]) if failed else ""
    code = report[-1].get("code") if report else None
    if not report or (end == "exited" and code is None and isolated):
        return "lost", None
    if end != "exited":
        return end, None
    return "exited" if code is not None and code >= 0 else "killed", code
