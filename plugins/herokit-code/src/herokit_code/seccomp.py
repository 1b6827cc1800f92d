"""The seccomp filter: which system calls a solution may make, as a program of classic BPF.

The kernel runs the filter before every system call of the solution and of everything that it starts, and nothing can
remove it. A call that is not in the tables below fails; docs/adr/0047 says how they were made. The numbers are those of
the kernel's ``arch/x86/entry/syscalls/syscall_64.tbl`` and ``include/uapi/asm-generic/unistd.h``.
"""

import functools
import struct
from dataclasses import dataclass
from errno import EAFNOSUPPORT, EINVAL, ENOPROTOOPT, ENOSYS, ENOTTY, EOPNOTSUPP, EPERM

__all__ = ["ARCHITECTURES", "FIRST_COMMON_NUMBER", "Condition", "allowed_calls", "conditional_calls", "filter_for"]

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""AUDIT_ARCH_* of the supported machines, in the order of the tables' columns; 32-bit calls have another one."""
FIRST_COMMON_NUMBER = 424
"""From this number on (2019) machines number alike; a call that is refused fails as on an older kernel, with ENOSYS."""

_ALLOWED = {
    "files": """
        read:0:63 write:1:64 readv:19:65 writev:20:66 pread64:17:67 pwrite64:18:68 preadv:295:69 pwritev:296:70
        preadv2:327:286 pwritev2:328:287 lseek:8:62 sendfile:40:71 copy_file_range:326:285 open:2:- openat:257:56
        creat:85:- close:3:57 close_range:436:436 dup:32:23 dup2:33:- dup3:292:24 fcntl:72:25 flock:73:32 pipe:22:-
        pipe2:293:59 stat:4:- fstat:5:80 lstat:6:- newfstatat:262:79 statx:332:291 statfs:137:43 fstatfs:138:44
        access:21:- faccessat:269:48 faccessat2:439:439 getdents:78:- getdents64:217:61 getcwd:79:17 chdir:80:49
        fchdir:81:50 truncate:76:45 ftruncate:77:46 fallocate:285:47 fadvise64:221:223 fsync:74:82 fdatasync:75:83
        mkdir:83:- mkdirat:258:34 rmdir:84:- mknod:133:- mknodat:259:33 link:86:- linkat:265:37 symlink:88:-
        symlinkat:266:36 readlink:89:- readlinkat:267:78 unlink:87:- unlinkat:263:35 rename:82:- renameat:264:38
        renameat2:316:276 chmod:90:- fchmod:91:52 fchmodat:268:53 fchmodat2:452:452 chown:92:- fchown:93:55 lchown:94:-
        fchownat:260:54 umask:95:166 utime:132:- utimes:235:- utimensat:280:88 futimesat:261:- getxattr:191:8
        lgetxattr:192:9 fgetxattr:193:10 listxattr:194:11 llistxattr:195:12 flistxattr:196:13
    """,
    "waiting": """
        select:23:- pselect6:270:72 poll:7:- ppoll:271:73 epoll_create:213:- epoll_create1:291:20 epoll_ctl:233:21
        epoll_wait:232:- epoll_pwait:281:22 eventfd:284:- eventfd2:290:19 timerfd_create:283:85 timerfd_settime:286:86
        timerfd_gettime:287:87 signalfd:282:- signalfd4:289:74
    """,
    "memory": """
        brk:12:214 mmap:9:222 munmap:11:215 mremap:25:216 mprotect:10:226 madvise:28:233 msync:26:227
    """,
    "processes": """
        fork:57:- vfork:58:- execve:59:221 exit:60:93 exit_group:231:94 wait4:61:260 waitid:247:95 getpid:39:172
        getppid:110:173 gettid:186:178 getuid:102:174 geteuid:107:175 getgid:104:176 getegid:108:177 getresuid:118:148
        getresgid:120:150 getgroups:115:158 getpgrp:111:- getpgid:121:155 setpgid:109:154 getsid:124:156 setsid:112:157
        getpriority:140:141 setpriority:141:140 getrlimit:97:163 setrlimit:160:164 getrusage:98:165 times:100:153
        pidfd_open:434:434 pidfd_send_signal:424:424 set_tid_address:218:96 set_robust_list:273:99 rseq:334:293
        membarrier:324:283 arch_prctl:158:- sched_yield:24:124 sched_getaffinity:204:123 sched_setaffinity:203:122
        sched_getparam:143:121 sched_getscheduler:145:120 sched_get_priority_max:146:125 sched_get_priority_min:147:126
        sched_rr_get_interval:148:127
    """,
    "signals": """
        kill:62:129 tkill:200:130 tgkill:234:131 rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigreturn:15:139
        rt_sigpending:127:136 rt_sigsuspend:130:133 rt_sigtimedwait:128:137 sigaltstack:131:132 restart_syscall:219:128
        pause:34:- alarm:37:- getitimer:36:102 setitimer:38:103
    """,
    "time": """
        time:201:- gettimeofday:96:169 clock_gettime:228:113 clock_getres:229:114 nanosleep:35:101
        clock_nanosleep:230:115
    """,
    "machine": """
        uname:63:160 sysinfo:99:179 getcpu:309:168 getrandom:318:278
    """,
    "sockets": """
        connect:42:203 accept:43:202 accept4:288:242 bind:49:200 listen:50:201 shutdown:48:210 getsockname:51:204
        getpeername:52:205 getsockopt:55:209
    """,
}


"""Calls that are always allowed, with their number on each machine; ``-`` if a machine has no such call."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A call that is allowed if an argument, masked, has one of some values; else it fails with `errno`.

    The kernel reads each of these arguments as 32 bits, so their upper halves do not matter.
    """

    numbers: str
    argument: int
    values: tuple[int, ...]
    errno: int = EPERM
    mask: int = 0xFFFFFFFF


_NEW_NAMESPACE = 0x7E020000  # CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID and NET
_OUT_OF_BAND = 1

_CONDITIONAL = {
    # wait, wake, requeue, wake-op and the bitset forms, private or not; none of the priority-inheriting ones
    "futex": Condition("202:98", 1, (0, 1, 3, 4, 5, 9, 10), ENOSYS, mask=0x7F),
    "clone": Condition("56:220", 0, (0,), mask=_NEW_NAMESPACE),
    "socket": Condition("41:198", 0, (1,), EAFNOSUPPORT),  # AF_UNIX
    "socketpair": Condition("53:199", 0, (1,), EAFNOSUPPORT),
    "sendto": Condition("44:206", 3, (0,), EOPNOTSUPP, mask=_OUT_OF_BAND),
    "sendmsg": Condition("46:211", 2, (0,), EOPNOTSUPP, mask=_OUT_OF_BAND),
    "recvfrom": Condition("45:207", 3, (0,), EOPNOTSUPP, mask=_OUT_OF_BAND),
    "recvmsg": Condition("47:212", 2, (0,), EOPNOTSUPP, mask=_OUT_OF_BAND),
    # SO_REUSEADDR, BROADCAST, SNDBUF, RCVBUF, KEEPALIVE, LINGER, REUSEPORT, PASSCRED, RCVTIMEO, SNDTIMEO
    "setsockopt": Condition("54:208", 2, (2, 6, 7, 8, 9, 13, 15, 16, 20, 21), ENOPROTOOPT),
    "ioctl": Condition("16:29", 1, (0x541B, 0x5421, 0x5450, 0x5451), ENOTTY),  # FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
    # PDEATHSIG, DUMPABLE, NAME and NO_NEW_PRIVS, set and get, and the allocator's names for its memory
    "prctl": Condition("157:167", 0, (1, 2, 3, 4, 15, 16, 38, 39, 0x53564D41), EINVAL),
    "personality": Condition("135:92", 0, (0, 0xFFFFFFFF)),
    "prlimit64": Condition("302:261", 0, (0,)),  # of the caller itself
}


def _number(numbers: str, machine: str) -> int | None:
    number = numbers.split(":")[list(ARCHITECTURES).index(machine)]
    return None if number == "-" else int(number)


def allowed_calls(machine: str) -> dict[str, int]:
    """Return the calls that are allowed whatever their arguments are, and their numbers."""
    entries = (entry.partition(":") for group in _ALLOWED.values() for entry in group.split())
    numbers = ((name, _number(numbers, machine)) for name, _, numbers in entries)
    return {name: number for name, number in numbers if number is not None}


def conditional_calls(machine: str) -> dict[int, Condition]:
    """Return the calls that are allowed with some arguments, by number."""
    numbers = ((_number(condition.numbers, machine), condition) for condition in _CONDITIONAL.values())
    return {number: condition for number, condition in numbers if number is not None}


_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _AND, _EQUAL, _AT_LEAST, _ABOVE, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x25, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16


@functools.cache
def filter_for(machine: str) -> bytes:
    """Return the filter for a machine of `ARCHITECTURES`.

    A call by another architecture's numbers (32-bit code) kills the process. A call that is not allowed fails: with
    `EPERM`, with `ENOSYS` if its number is recent or unknown (as those of x32 are), or as its `Condition` says.

    Example:
        >>> len(filter_for("x86_64")) % 8, filter_for("x86_64") == filter_for("aarch64")
        (0, False)
    """
    code = _op(_LOAD, _ARCHITECTURE) + _op(_EQUAL, ARCHITECTURES[machine], 1, 0) + _op(_RETURN, _KILL)
    code += _op(_LOAD, _NUMBER)
    for number, condition in conditional_calls(machine).items():
        body = _check_condition(condition)
        code += _op(_EQUAL, number, 0, len(body) // 8) + body
    for first, last in _ranges(sorted(allowed_calls(machine).values())):
        code += _op(_AT_LEAST, first, 0, 2) + _op(_ABOVE, last, 1, 0) + _op(_RETURN, _ALLOW)
    return (
        code + _op(_AT_LEAST, FIRST_COMMON_NUMBER, 0, 1) + _op(_RETURN, _ERRNO | ENOSYS) + _op(_RETURN, _ERRNO | EPERM)
    )


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Return one instruction; jumps are counted from the next one."""
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _check_condition(condition: Condition) -> bytes:
    """Return the instructions that decide by a call's argument; both machines are little-endian."""
    code = _op(_LOAD, _ARGUMENTS + 8 * condition.argument) + _op(_AND, condition.mask)
    for left, value in zip(range(len(condition.values), 0, -1), condition.values, strict=True):
        code += _op(_EQUAL, value, left, 0)
    return code + _op(_RETURN, _ERRNO | condition.errno) + _op(_RETURN, _ALLOW)


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of consecutive numbers.

    Example:
        >>> _ranges([0, 1, 2, 5, 7, 8])
        [(0, 2), (5, 5), (7, 8)]
    """
    starts = [n for n in numbers if n - 1 not in numbers]
    return list(zip(starts, [n for n in numbers if n + 1 not in numbers], strict=True))
