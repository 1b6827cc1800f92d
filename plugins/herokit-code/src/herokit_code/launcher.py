"""The program that isolates a solution and starts it; run with ``python -I -S``, importing little, as it starts often.

It gets two open descriptors: its settings, marshalled, and a pipe to which it writes a line for each event. Three
processes follow each other: this one creates the namespaces and waits; its child is process 1 of the new PID namespace
and waits; its grandchild becomes the solution. When process 1 exits, the kernel kills whatever the solution left behind;
when this process is killed, process 1 dies with it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import stat
import sys
from marshal import load  # json, typing and signal would import re and enum: half of the time to start

__all__ = ["main"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
DETACH = 2
SET_PDEATHSIG, SET_DUMPABLE, SET_SECCOMP, SET_NO_NEW_PRIVS, FILTER = 1, 4, 22, 38, 2
MOUNT_SETATTR, AT_RECURSIVE, AT_FDCWD = 442, 0x8000, -100
NOBODY = 65534
SIGINT, SIGKILL = 2, 9
SIG_IGN, SIG_DFL = ctypes.c_void_p(1), ctypes.c_void_p(0)

Settings = dict[str, "Any"]


class FilterProgram(ctypes.Structure):
    """A program of classic BPF, ``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def check_result(name: str, result: int) -> None:
    """Raise an `OSError` that names the call, if it failed."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def call_libc(name: str, *args: Any) -> None:
    """Call a function of libc and check its result."""
    check_result(name, getattr(LIBC, name)(*args))


def mount(source: str | None, target: str, kind: str | None = None, flags: int = 0, data: str | None = None) -> None:
    """Mount a file system."""
    names = [None if name is None else os.fsencode(name) for name in (source, target, kind)]
    call_libc("mount", *names, ctypes.c_ulong(flags), None if data is None else data.encode())


def mount_read_only(path: str, root: str) -> None:
    """Make a file or folder of this machine visible under the new root, read-only."""
    if os.path.islink(path):
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        os.symlink(os.readlink(path), root + path)
        return
    if not os.path.exists(path):
        return
    if stat.S_ISDIR(os.stat(path).st_mode):
        os.makedirs(root + path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        os.close(os.open(root + path, os.O_CREAT | os.O_WRONLY, 0o644))
    mount(path, root + path, flags=BIND | REC)
    attributes = (ctypes.c_uint64 * 4)(RDONLY | NOSUID, 0, 0, 0)
    result = LIBC.syscall(MOUNT_SETATTR, AT_FDCWD, os.fsencode(root + path), AT_RECURSIVE, attributes, 32)
    if result < 0:  # before Linux 5.12
        locked = os.statvfs(root + path).f_flag & (NODEV | 8 | 1024 | 2048)
        mount(None, root + path, flags=BIND | REMOUNT | RDONLY | NOSUID | locked)


def copy_stdin(path: str) -> None:
    """Copy stdin, a file in memory, to a path: there is no /proc through which ``/dev/stdin`` could lead to it."""
    copy = os.open(path, os.O_CREAT | os.O_WRONLY, 0o444)
    offset = 0
    while data := os.pread(0, 1 << 20, offset):
        offset += os.write(copy, data)
    os.close(copy)


def create_root(settings: Settings) -> None:
    """Build the new root from read-only parts of the old one and one small writable folder, and change into it."""
    mount(None, "/", flags=REC | PRIVATE)
    root = settings["root"]
    input_mb = (os.fstat(0).st_size >> 20) + 1 if settings["named_stdin"] else 0
    mount("tmpfs", root, "tmpfs", NOSUID | NODEV, f"size={1 + input_mb}m,mode=755")
    for path in settings["visible_paths"]:
        mount_read_only(path, root)
    for name in ("null", "zero", "random", "urandom"):
        mount_read_only(f"/dev/{name}", root)
    if settings["named_stdin"]:
        copy_stdin(root + "/dev/stdin")
    os.symlink("/box", root + "/dev/shm")  # noqa: S108 - where multiprocessing keeps its locks
    os.mkdir(root + "/box")
    owner = f",uid={NOBODY},gid={NOBODY}" if os.getuid() == 0 and not settings["unprivileged"] else ""
    program_kb = -(-len(settings["program"].encode()) // 1024) + 8  # comes in addition to what it may write
    size = f"size={settings['disk_mb'] * 1024 + program_kb}k,nr_inodes={settings['max_files'] + 8},mode=700{owner}"
    mount("tmpfs", root + "/box", "tmpfs", NOSUID | NODEV, size)
    os.mkdir(root + "/old")
    os.chdir(root)
    check_result("pivot_root", LIBC.syscall(settings["pivot_root"], b".", b"old"))
    os.chdir("/")
    call_libc("umount2", b"/old", DETACH)
    os.rmdir("/old")
    mount(None, "/", flags=BIND | REMOUNT | RDONLY | NOSUID | NODEV)


def map_user(proc: int, uid: int, gid: int) -> None:
    """Write the id maps of the new user namespace, and forbid further ones inside it."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {uid} 1"),
        ("gid_map", f"{NOBODY} {gid} 1"),
    ):
        with open(os.open(f"self/{name}", os.O_WRONLY, dir_fd=proc), "w") as file:
            file.write(text)
    with open(os.open("sys/user/max_user_namespaces", os.O_WRONLY, dir_fd=proc), "w") as file:
        file.write("0")


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; exit if it is dead already."""
    call_libc("prctl", SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def enter_namespaces(settings: Settings) -> None:
    """Leave this machine's users, files, processes and network."""
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    others = NEWUSER | NEWPID | NEWNET | NEWIPC | NEWUTS
    settings["unprivileged"] = os.getuid() != 0
    if settings["unprivileged"]:
        uid, gid = os.getuid(), os.getgid()
        call_libc("unshare", others | NEWNS)
        map_user(proc, uid, gid)
        create_root(settings)
    else:  # root can read more folders than nobody: create the root first, then become nobody
        call_libc("unshare", NEWNS)
        create_root(settings)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        call_libc("prctl", SET_DUMPABLE, 1, 0, 0, 0)
        call_libc("unshare", others)
        map_user(proc, NOBODY, NOBODY)
    os.close(proc)


def set_limits(settings: Settings) -> None:
    """Set the resource limits of this process and all that it starts."""
    cpu_seconds = int(-(-settings["timeout"] // 1)) + 1
    disk = settings["disk_mb"] << 20
    for kind, value in (
        (resource.RLIMIT_AS, settings["memory_mb"] << 20),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, disk),
        (resource.RLIMIT_NOFILE, settings["max_files"]),
        (resource.RLIMIT_CORE, 0),
        *([(resource.RLIMIT_NPROC, settings["max_processes"] + 2)] if settings["isolated"] else []),
    ):
        resource.setrlimit(kind, (value, value))


def install_filter(code: bytes) -> None:
    """Filter every system call of this process and all that it starts; this cannot be undone."""
    program = FilterProgram(len(code) // 8, code)
    check_result("seccomp", LIBC.prctl(SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0))


def exec_solution(settings: Settings, report: int) -> None:
    """Replace this process by the solution, which inherits only its three streams."""
    os.chdir(settings["folder"])
    with open(os.path.join(settings["folder"], "main.py"), "w", encoding="utf-8") as file:
        file.write(settings["program"])
    set_limits(settings)
    call_libc("prctl", SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.closerange(3, report)
    os.closerange(report + 1, 1024)
    os.set_inheritable(report, False)  # noqa: FBT003 - closed by execve, and open until then to report its failure
    if settings["isolated"]:
        install_filter(settings["filter"])
    write_report(report, started=True)
    os.execve(settings["python"], [settings["python"], "-s", "-P", "-B", "main.py"], settings["environment"])  # noqa: S606


def write_report(report: int, **event: object) -> None:
    """Write one line to the caller."""
    os.write(report, ascii(event).encode() + b"\n")


def run_init(settings: Settings, report: int, parent: int) -> None:
    """Be process 1: start the solution, wait for it, and report how it ended; all that is left dies with this process."""
    call_libc("prctl", SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if os.read(parent, 1) != b"+":  # the parent is dead already
        os._exit(1)
    call_libc("prctl", SET_DUMPABLE, 0, 0, 0, 0)  # the solution may not look into this process
    if settings["isolated"]:
        os.setsid()  # a signal to the solution's process group reaches nobody outside
    LIBC.signal(SIGINT, SIG_IGN)  # Python handles it, so the kernel would deliver it to process 1
    child = os.fork()
    if child == 0:
        LIBC.signal(SIGINT, SIG_DFL)
        try:
            exec_solution(settings, report)
        except BaseException as error:  # noqa: BLE001 - reported to the caller, who handles it
            write_report(report, setup=f"{type(error).__name__}: {error}")
        os._exit(127)
    for fd in (0, 1, 2):
        os.close(fd)
    while True:
        pid, status = os.wait()
        if pid == child:
            break
    write_report(report, code=os.waitstatus_to_exitcode(status))
    os._exit(0)


def main() -> None:
    """Isolate, start the solution, and wait."""
    os.umask(0o022)
    settings_file, report = map(int, sys.argv[-2:])
    with open(settings_file, "rb") as file:
        settings = load(file)  # noqa: S302 - from our own caller
    die_with_parent(settings["caller"])
    try:
        if settings["isolated"]:
            enter_namespaces(settings)
        die_with_parent(settings["caller"])  # again: changing the user resets it
        ready, go = os.pipe()
        if os.fork() == 0:
            os.close(go)
            run_init(settings, report, ready)
        os.write(go, b"+")
    except OSError as error:
        write_report(report, setup=str(error))
        os._exit(1)
    os.wait()
    os._exit(0)
