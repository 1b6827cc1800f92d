"""The program that shuts a solution in and starts it. Run with ``python -I -S``; little of the standard library, for it starts often.

It gets two open descriptors: its settings, marshalled, and a pipe for a line on each thing that happens. Three processes follow each
other: this one makes the namespaces and waits; its child is process 1 of the new world, owns nothing, and waits; its
grandchild becomes the solution. When process 1 ends, the kernel kills whatever the solution left behind; when this
process is killed, process 1 dies with it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import stat
import sys
from marshal import load  # json, typing and signal bring re and enum: half of a start

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
IGNORED, USUAL = ctypes.c_void_p(1), ctypes.c_void_p(0)

Config = dict[str, "Any"]


class Filter(ctypes.Structure):
    """A program of classic BPF, ``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def sure(name: str, result: int) -> None:
    """Raise `OSError` that names the call, if it failed."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def call(name: str, *args: Any) -> None:
    """Call libc, and be sure."""
    sure(name, getattr(LIBC, name)(*args))


def mount(source: str | None, target: str, kind: str | None = None, flags: int = 0, data: str | None = None) -> None:
    """Mount a file system."""
    words = [None if w is None else os.fsencode(w) for w in (source, target, kind)]
    call("mount", *words, ctypes.c_ulong(flags), None if data is None else data.encode())


def show(path: str, root: str) -> None:
    """Make a file or folder of this machine visible under the new root, read only."""
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
    done = LIBC.syscall(MOUNT_SETATTR, AT_FDCWD, os.fsencode(root + path), AT_RECURSIVE, attributes, 32)
    if done < 0:  # before Linux 5.12
        locked = os.statvfs(root + path).f_flag & (NODEV | 8 | 1024 | 2048)
        mount(None, root + path, flags=BIND | REMOUNT | RDONLY | NOSUID | locked)


def build(config: Config) -> None:
    """Build the new root from read-only pieces of the old one and one small writable folder, and move into it."""
    mount(None, "/", flags=REC | PRIVATE)
    root = config["root"]
    mount("tmpfs", root, "tmpfs", NOSUID | NODEV, "size=1m,mode=755")
    for path in config["visible"]:
        show(path, root)
    for name in ("null", "zero", "random", "urandom"):
        show(f"/dev/{name}", root)
    os.symlink("/box", root + "/dev/shm")  # noqa: S108 - where multiprocessing keeps its locks
    os.mkdir(root + "/box")
    owner = f",uid={NOBODY},gid={NOBODY}" if os.getuid() == 0 and not config["unprivileged"] else ""
    size = f"size={config['disk_mb']}m,nr_inodes={config['files'] + 8},mode=700{owner}"
    mount("tmpfs", root + "/box", "tmpfs", NOSUID | NODEV, size)
    os.mkdir(root + "/old")
    os.chdir(root)
    sure("pivot_root", LIBC.syscall(config["pivot_root"], b".", b"old"))
    os.chdir("/")
    call("umount2", b"/old", DETACH)
    os.rmdir("/old")
    mount(None, "/", flags=BIND | REMOUNT | RDONLY | NOSUID | NODEV)


def own_user(proc: int, uid: int, gid: int) -> None:
    """Write the maps of the new user namespace, and let nobody make another one inside it."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {uid} 1"),
        ("gid_map", f"{NOBODY} {gid} 1"),
    ):
        with open(os.open(f"self/{name}", os.O_WRONLY, dir_fd=proc), "w") as file:
            file.write(text)
    with open(os.open("sys/user/max_user_namespaces", os.O_WRONLY, dir_fd=proc), "w") as file:
        file.write("0")


def leave_with(caller: int) -> None:
    """Be killed when the caller dies; leave now if it is dead already."""
    call("prctl", SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if os.getppid() != caller:
        os._exit(1)


def shut_in(config: Config) -> None:
    """Leave this machine's users, files, processes and network behind."""
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    rest = NEWUSER | NEWPID | NEWNET | NEWIPC | NEWUTS
    config["unprivileged"] = os.getuid() != 0
    if config["unprivileged"]:
        uid, gid = os.getuid(), os.getgid()
        call("unshare", rest | NEWNS)
        own_user(proc, uid, gid)
        build(config)
    else:  # root sees more folders than nobody: build first, then become nobody
        call("unshare", NEWNS)
        build(config)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        call("prctl", SET_DUMPABLE, 1, 0, 0, 0)
        call("unshare", rest)
        own_user(proc, NOBODY, NOBODY)
    os.close(proc)


def limit(config: Config) -> None:
    """Set the limits of this process and all it starts."""
    whole = int(-(-config["seconds"] // 1)) + 1
    disk = config["disk_mb"] << 20
    for kind, value in (
        (resource.RLIMIT_AS, config["memory_mb"] << 20),
        (resource.RLIMIT_CPU, whole),
        (resource.RLIMIT_FSIZE, disk),
        (resource.RLIMIT_NOFILE, config["files"]),
        (resource.RLIMIT_CORE, 0),
        *([(resource.RLIMIT_NPROC, config["processes"] + 2)] if config["isolated"] else []),
    ):
        resource.setrlimit(kind, (value, value))


def forbid(code: bytes) -> None:
    """Put a filter before every call to the kernel of this process and of all it starts, for good."""
    sure("seccomp", LIBC.prctl(SET_SECCOMP, FILTER, ctypes.byref(Filter(len(code) // 8, code)), 0, 0))


def become(config: Config, report: int) -> None:
    """Turn into the solution, which inherits nothing but its three streams."""
    os.chdir(config["folder"])
    with open(os.path.join(config["folder"], "main.py"), "w", encoding="utf-8") as file:
        file.write(config["program"])
    limit(config)
    call("prctl", SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.closerange(3, report)
    os.closerange(report + 1, 1024)
    os.set_inheritable(report, False)  # noqa: FBT003 - closed by the last step, and open until then to tell its failure
    if config["isolated"]:
        forbid(config["filter"])
    os.execve(config["python"], [config["python"], "-s", "-P", "-B", "main.py"], config["environment"])  # noqa: S606


def tell(report: int, **what: object) -> None:
    """Write one line to the caller."""
    os.write(report, ascii(what).encode() + b"\n")


def first(config: Config, report: int, parent: int) -> None:
    """Be process 1: start the solution, wait for it, say how it ended; what is left dies with this process."""
    call("prctl", SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if os.read(parent, 1) != b"+":  # the parent is gone already
        os._exit(1)
    call("prctl", SET_DUMPABLE, 0, 0, 0, 0)  # the solution may not look into this process
    if config["isolated"]:
        os.setsid()  # a signal to the solution's process group reaches nobody outside
    LIBC.signal(SIGINT, IGNORED)  # Python handles it, so the kernel would deliver it to process 1
    child = os.fork()
    if child == 0:
        LIBC.signal(SIGINT, USUAL)
        try:
            become(config, report)
        except BaseException as error:  # noqa: BLE001 - told to the caller, who owns it
            tell(report, setup=f"{type(error).__name__}: {error}")
        os._exit(127)
    tell(report, started=True)
    for fd in (0, 1, 2):
        os.close(fd)
    while True:
        pid, status = os.wait()
        if pid == child:
            break
    tell(report, code=os.waitstatus_to_exitcode(status))
    os._exit(0)


def main() -> None:
    """Shut in, start, wait."""
    os.umask(0o022)
    source, report = map(int, sys.argv[-2:])
    with open(source, "rb") as file:
        config = load(file)  # noqa: S302 - from our own caller
    leave_with(config["caller"])
    try:
        if config["isolated"]:
            shut_in(config)
        leave_with(config["caller"])  # again: becoming another user forgets it
        ready, go = os.pipe()
        if os.fork() == 0:
            os.close(go)
            first(config, report, ready)
        os.write(go, b"+")
    except OSError as error:
        tell(report, setup=str(error))
        os._exit(1)
    os.wait()
    os._exit(0)
