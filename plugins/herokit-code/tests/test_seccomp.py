"""The filter of system calls: its decisions, interpreted and tried in the sandbox, and what must keep working."""

import errno
import json
import platform
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from herokit.errors import SetupError
from herokit_code import Limits, sandbox
from herokit_code.sandbox import run_program
from herokit_code.seccomp import ARCHITECTURES, FIRST_COMMON_NUMBER, allowed_calls, conditional_calls, filter_for

ALLOWED, KILLED = "allowed", "killed"
HERE = platform.machine()
MACHINES = tuple(ARCHITECTURES)

REFUSED = """
    mincore:27:232 shmget:29:194 shmat:30:196 shmctl:31:195 semget:64:190 semop:65:193 semctl:66:191 shmdt:67:197
    msgget:68:186 msgsnd:69:189 msgrcv:70:188 msgctl:71:187 ptrace:101:117 syslog:103:116 setuid:105:146
    setgid:106:144 setreuid:113:145 setregid:114:143 setgroups:116:159 setresuid:117:147 setresgid:119:149
    setfsuid:122:151 setfsgid:123:152 capget:125:90 capset:126:91 rt_sigqueueinfo:129:138 ustat:136:- sysfs:139:-
    sched_setparam:142:118 sched_setscheduler:144:119 mlock:149:228 munlock:150:229 mlockall:151:230
    munlockall:152:231 vhangup:153:58 modify_ldt:154:- pivot_root:155:41 adjtimex:159:171 chroot:161:51 sync:162:81
    acct:163:89 settimeofday:164:170 mount:165:40 umount2:166:39 swapon:167:224 swapoff:168:225 reboot:169:142
    sethostname:170:161 setdomainname:171:162 iopl:172:- ioperm:173:- init_module:175:105 delete_module:176:106
    quotactl:179:60 readahead:187:213 setxattr:188:5 lsetxattr:189:6 fsetxattr:190:7 removexattr:197:14
    lremovexattr:198:15 fremovexattr:199:16 set_thread_area:205:- io_setup:206:0 io_destroy:207:1 io_getevents:208:4
    io_submit:209:2 io_cancel:210:3 get_thread_area:211:- lookup_dcookie:212:18 remap_file_pages:216:234
    semtimedop:220:192 timer_create:222:107 timer_settime:223:110 timer_gettime:224:108 timer_getoverrun:225:109
    timer_delete:226:111 clock_settime:227:112 mbind:237:235 set_mempolicy:238:237 get_mempolicy:239:236
    mq_open:240:180 mq_unlink:241:181 mq_timedsend:242:182 mq_timedreceive:243:183 mq_notify:244:184
    mq_getsetattr:245:185 kexec_load:246:104 add_key:248:217 request_key:249:218 keyctl:250:219 ioprio_set:251:30
    ioprio_get:252:31 inotify_init:253:- inotify_add_watch:254:27 inotify_rm_watch:255:28 migrate_pages:256:238
    unshare:272:97 get_robust_list:274:100 splice:275:76 tee:276:77 sync_file_range:277:84 vmsplice:278:75
    move_pages:279:239 inotify_init1:294:26 rt_tgsigqueueinfo:297:240 perf_event_open:298:241 recvmmsg:299:243
    fanotify_init:300:262 fanotify_mark:301:263 name_to_handle_at:303:264 open_by_handle_at:304:265
    clock_adjtime:305:266 syncfs:306:267 sendmmsg:307:269 setns:308:268 process_vm_readv:310:270
    process_vm_writev:311:271 kcmp:312:272 finit_module:313:273 sched_setattr:314:274 sched_getattr:315:275
    seccomp:317:277 memfd_create:319:279 kexec_file_load:320:294 bpf:321:280 execveat:322:281 userfaultfd:323:282
    mlock2:325:284 pkey_mprotect:329:288 pkey_alloc:330:289 pkey_free:331:290 io_pgetevents:333:292
    io_uring_setup:425:425 io_uring_enter:426:426 io_uring_register:427:427 open_tree:428:428 move_mount:429:429
    fsopen:430:430 fsconfig:431:431 fsmount:432:432 fspick:433:433 clone3:435:435 openat2:437:437 pidfd_getfd:438:438
    process_madvise:440:440 epoll_pwait2:441:441 mount_setattr:442:442 quotactl_fd:443:443
    landlock_create_ruleset:444:444 landlock_add_rule:445:445 landlock_restrict_self:446:446 memfd_secret:447:447
    process_mrelease:448:448 futex_waitv:449:449 set_mempolicy_home_node:450:450
"""  # name, number on x86_64, number on aarch64; from the kernel's headers, and none of them in the filter's tables


def numbers(table, machine):
    rows = [entry.split(":") for entry in table.split()]
    column = 1 + MACHINES.index(machine)
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


def interpret(code, number, *args, architecture):
    """Return a filter's decision about one call, interpreted as the kernel does."""
    words = [word for arg in (*args, *[0] * (6 - len(args))) for word in (arg & 0xFFFFFFFF, arg >> 32 & 0xFFFFFFFF)]
    data = [number & 0xFFFFFFFF, architecture, 0, 0, *words]
    steps = list(struct.iter_unpack("=HBBI", code))
    position = accumulator = 0
    while True:
        operation, if_true, if_false, value = steps[position]
        position += 1
        if operation == 0x06:
            names = {0x7FFF0000: ALLOWED, 0x80000000: KILLED}
            return names.get(value) or errno.errorcode[value & 0xFFFF]
        if operation == 0x20:
            accumulator = data[value // 4]
        elif operation == 0x54:
            accumulator &= value
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x25: accumulator > value}[operation]
            position += if_true if holds else if_false


def decide(machine, number, *args):
    return interpret(filter_for(machine), number, *args, architecture=ARCHITECTURES[machine])


@pytest.mark.parametrize("machine", MACHINES)
def test_filter_allows_only_listed_calls(machine):
    for number in (*range(1200), *range(1 << 30, (1 << 30) + 600), 1 << 31, 0xFFFFFFFF):  # from 1 << 30: x32
        if number in allowed_calls(machine).values():
            assert decide(machine, number) == ALLOWED, number
        elif number not in conditional_calls(machine):
            assert decide(machine, number) == ("ENOSYS" if number >= FIRST_COMMON_NUMBER else "EPERM"), number
    assert not set(numbers(REFUSED, machine)) & set(allowed_calls(machine))
    assert not set(numbers(REFUSED, machine).values()) & (
        {*allowed_calls(machine).values()} | {*conditional_calls(machine)}
    )


@pytest.mark.parametrize("machine", MACHINES)
def test_filter_kills_calls_of_another_architecture(machine):
    foreign = {0x40000003, 0x40000028, 0xC00000F3, *ARCHITECTURES.values()} - {ARCHITECTURES[machine]}  # i386, ARM, ...
    code = filter_for(machine)
    assert {interpret(code, n, architecture=a) for a in foreign for n in range(600)} == {KILLED}


ARGUMENTS = """
clone:56:220 futex:202:98 socket:41:198 socketpair:53:199 sendto:44:206 sendmsg:46:211 recvfrom:45:207 recvmsg:47:212
setsockopt:54:208 ioctl:16:29 prctl:157:167 personality:135:92 prlimit64:302:261
"""
NEW = {"ns": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000, "pid": 0x20000000}
DECISIONS = [
    ("clone", (0x1200011,), ALLOWED),  # as fork
    ("clone", (0x3D0F00,), ALLOWED),  # as a thread
    *[("clone", (flag | 17,), "EPERM") for flag in (*NEW.values(), 0x40000000)],
    *[("futex", (0, operation), ALLOWED) for operation in (0, 1, 128, 129, 9 | 128 | 256)],
    *[("futex", (0, operation), "ENOSYS") for operation in (6, 7, 11, 12, 13, 6 | 128)],
    ("socket", (1, 1), ALLOWED),
    ("socketpair", (1, 1), ALLOWED),
    *[("socket", (family, 1), "EAFNOSUPPORT") for family in (0, 2, 10, 15, 16, 17, 21, 29, 38, 40, 44)],
    ("socketpair", (30, 1), "EAFNOSUPPORT"),
    *[(name, args, ALLOWED) for name, args in (("sendto", (3, 0, 9, 0x4000)), ("recvmsg", (3, 0, 0x40)))],
    ("sendto", (3, 0, 9, 0x4001), "ENOTSUP"),
    ("recvfrom", (3, 0, 9, 1), "ENOTSUP"),
    ("sendmsg", (3, 0, 1), "ENOTSUP"),
    ("recvmsg", (3, 0, 1), "ENOTSUP"),
    ("setsockopt", (3, 1, 2), ALLOWED),
    *[("setsockopt", (3, 1, option), "ENOPROTOOPT") for option in (26, 50, 51, 52)],  # filters on a socket
    ("ioctl", (3, 0x5421), ALLOWED),
    *[
        ("ioctl", (0, request), "ENOTTY") for request in (0x5412, 0x541C, 0x40086602)
    ],  # TIOCSTI, TIOCLINUX, a file system's
    ("prctl", (15, 0), ALLOWED),
    *[("prctl", (option, 2), "EINVAL") for option in (22, 35, 0x59616D61)],  # SECCOMP, MM, PTRACER
    ("personality", (0,), ALLOWED),
    ("personality", (0xFFFFFFFF,), ALLOWED),
    ("personality", (0x0040000,), "EPERM"),  # addresses at random no more
    ("prlimit64", (0, 7), ALLOWED),
    ("prlimit64", (1, 7), "EPERM"),
]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("name", "args", "decision"), DECISIONS)
def test_filter_decides_by_arguments(machine, name, args, decision):
    assert decide(machine, numbers(ARGUMENTS, machine)[name], *args) == decision
    assert numbers(ARGUMENTS, machine)[name] in conditional_calls(machine)


@pytest.mark.parametrize(
    ("machine", "header"), [("x86_64", "x86_64-linux-gnu/asm/unistd_64.h"), ("aarch64", "asm-generic/unistd.h")]
)
def test_call_numbers_are_the_kernels(machine, header):
    path = Path("/usr/include") / header
    if not path.exists():
        pytest.skip("no kernel headers")
    defined = re.findall(r"#define\s+__NR(?:3264)?_(\w+)\s+(\d+)", path.read_text())
    theirs = {name: int(number) for name, number in defined}
    theirs.setdefault("newfstatat", theirs.get("fstatat"))  # its name where it is defined for all machines
    ours = allowed_calls(machine) | numbers(REFUSED, machine) | numbers(ARGUMENTS, machine)
    newest = max(number for number in theirs.values() if number)
    assert {n: (v, theirs.get(n)) for n, v in ours.items() if v <= newest and theirs.get(n) != v} == {}


def test_filter_and_sandbox_support_the_same_machines():
    assert set(ARCHITECTURES) == set(sandbox._PIVOT_ROOT)


INSTALL_FILTER = """
import os, sys
from herokit_code import launcher, seccomp
launcher.call_libc("prctl", launcher.SET_NO_NEW_PRIVS, 1, 0, 0, 0)
launcher.install_filter(seccomp.filter_for(sys.argv[1]))
"""
NUMPY = """
import numpy
a = numpy.random.default_rng(0).normal(size=(300, 300))
assert numpy.allclose(numpy.linalg.inv(a) @ a, numpy.eye(300))
assert numpy.allclose(numpy.fft.ifft2(numpy.fft.fft2(a)), a)
print("fine")
"""


@pytest.mark.sandbox
def test_numpy_works_with_the_filter():
    done = subprocess.run(
        [sys.executable, "-c", INSTALL_FILTER + NUMPY, HERE], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("fine\n", 0), done.stderr


@pytest.mark.sandbox
def test_kernel_accepts_every_filter():
    for machine in set(MACHINES) - {HERE}:
        done = subprocess.run(
            [sys.executable, "-c", INSTALL_FILTER + "print('alive')", machine],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.returncode) == ("", -31), (
            done.stderr
        )  # to that filter, every call is of another architecture


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("filter_for", bytes(8), "seccomp: Invalid argument"),
        ("_interpreter", ("/none", []), "No such file or directory: '/none'"),
    ],
)
def test_run_program_raises_if_the_start_fails_late(monkeypatch, name, value, reason):
    monkeypatch.setattr(sandbox, name, lambda *_: value)
    with pytest.raises(SetupError, match=f"the code sandbox cannot be created here: .*{reason}"):
        run_program("print('ran')", "", Limits(timeout=10.0))


TRY = """
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
results = {}
for name, number in json.loads(input()).items():
    ctypes.set_errno(0)
    results[name] = (libc.syscall(number, -1, -1, -1, -1, -1, -1), ctypes.get_errno())
print(json.dumps(results))
"""
X32 = {"x32 getpid": 0x40000027, "x32 ptrace": 0x40000209} if HERE == "x86_64" else {}


@pytest.fixture(scope="module")
def call_results():
    result = run_program(TRY, json.dumps(numbers(REFUSED, HERE) | X32), Limits(timeout=10.0))
    assert (result.status, result.exit_code) == ("exited", 0), result
    return json.loads(result.stdout)


@pytest.mark.sandbox
@pytest.mark.parametrize("name", [*numbers(REFUSED, HERE if HERE in MACHINES else "x86_64"), *X32])
def test_refused_call_fails_and_the_program_continues(name, call_results):
    number = (numbers(REFUSED, HERE) | X32)[name]
    assert call_results[name] == [-1, errno.ENOSYS if number >= FIRST_COMMON_NUMBER else errno.EPERM]


FOREIGN = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(b"\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3")  # mov eax, 20; int 0x80; ret: getpid by the numbers of i386
print(ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))())
"""


@pytest.mark.sandbox
@pytest.mark.skipif(HERE != "x86_64", reason="the bytes are x86_64's")
def test_32_bit_call_kills_the_program():
    result = run_program(FOREIGN, "", Limits(timeout=10.0))
    assert (result.status, result.stdout) == ("killed", "")
    assert result.exit_code in (-31, -11)  # -11: the kernel was built without 32-bit calls
