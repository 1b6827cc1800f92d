"""The filter of the calls that a solution makes to the kernel: a program of classic BPF, as `prctl` wants it.

The kernel runs it before each call of the solution and of everything that it starts, and nobody can take it off.
"""

import functools
import struct
from errno import ENOSYS, EPERM

from herokit_code.syscalls import Narrow, free, narrow

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""AUDIT_ARCH_* of the machines whose calls we know. 32-bit calls on the same machine carry another."""
YOUNG = 424
"""From this number on (2019), machines number alike; a refused call says that it does not exist, as on an older kernel."""

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _AND, _EQUAL, _AT_LEAST, _ABOVE, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x25, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16


@functools.cache
def filter_for(machine: str) -> bytes:
    """Return the filter for a machine of `ARCHITECTURES`.

    A call by another architecture's numbers (32-bit code) kills the process. A call that is not allowed fails: with
    `EPERM`, with `ENOSYS` where it is young or unheard of (x32's are), or as its `Narrow` says.

    Example:
        >>> len(filter_for("x86_64")) % 8, filter_for("x86_64") == filter_for("aarch64")
        (0, False)
    """
    code = _op(_LOAD, _ARCHITECTURE) + _op(_EQUAL, ARCHITECTURES[machine], 1, 0) + _op(_RETURN, _KILL)
    code += _op(_LOAD, _NUMBER)
    for number, rule in narrow(machine).items():
        body = _only(rule)
        code += _op(_EQUAL, number, 0, len(body) // 8) + body
    for first, last in _runs(sorted(free(machine).values())):
        code += _op(_AT_LEAST, first, 0, 2) + _op(_ABOVE, last, 1, 0) + _op(_RETURN, _ALLOW)
    return code + _op(_AT_LEAST, YOUNG, 0, 1) + _op(_RETURN, _ERRNO | ENOSYS) + _op(_RETURN, _ERRNO | EPERM)


def _op(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """Return one instruction; jumps are counted from the next one."""
    return struct.pack("=HBBI", code, then, otherwise, value)


def _only(rule: Narrow) -> bytes:
    """Return what decides about a call by its argument; both machines are little-endian."""
    code = _op(_LOAD, _ARGUMENTS + 8 * rule.argument) + _op(_AND, rule.mask)
    for left, value in zip(range(len(rule.values), 0, -1), rule.values, strict=True):
        code += _op(_EQUAL, value, left, 0)
    return code + _op(_RETURN, _ERRNO | rule.errno) + _op(_RETURN, _ALLOW)


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Return the first and last of each row of neighbours.

    Example:
        >>> _runs([0, 1, 2, 5, 7, 8])
        [(0, 2), (5, 5), (7, 8)]
    """
    starts = [n for n in numbers if n - 1 not in numbers]
    return list(zip(starts, [n for n in numbers if n + 1 not in numbers], strict=True))
