"""Classic BPF as the kernel runs it for seccomp (linux/filter.h, linux/seccomp.h), as far as libseccomp writes it."""

import struct
from typing import Final

X86_64: Final = 0xC000003E  # AUDIT_ARCH_X86_64, linux/audit.h
I386: Final = 0x40000003

_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_LOAD, _AND, _JUMP, _RETURN = 0x20, 0x54, 0x05, 0x06
_JUMPS: Final = {
    0x15: lambda a, k: a == k,
    0x25: lambda a, k: a > k,
    0x35: lambda a, k: a >= k,
    0x45: lambda a, k: bool(a & k),
}


def verdict(program: bytes, number: int, *arguments: int, architecture: int = X86_64) -> int | None:
    """The errno that the call gets; None when it is allowed."""
    padded = (*(value & 0xFFFFFFFFFFFFFFFF for value in arguments), *[0] * (6 - len(arguments)))
    data = struct.pack("<iIQ6Q", number, architecture, 0, *padded)
    result = _run(list(struct.iter_unpack("<HBBI", program)), data)
    if result == _ALLOW:
        return None
    assert result & 0xFFFF0000 == _ERRNO, hex(result)
    return result & 0xFFFF


def _run(instructions: list[tuple[int, ...]], data: bytes) -> int:
    at = accumulator = 0
    while True:
        code, if_true, if_false, value = instructions[at]
        at += 1
        if code == _RETURN:
            return value
        if code == _LOAD:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == _AND:
            accumulator &= value
        elif code == _JUMP:
            at += value
        else:
            at += if_true if _JUMPS[code](accumulator, value) else if_false
