"""Becoming nobody: what reads strangers' packets needs no more than to listen on port 53."""

import ctypes
import os
import resource
import struct
from typing import Final

_NOBODY: Final = 65534
_NET_BIND_SERVICE: Final = 10  # linux/capability.h
_LAST_CAPABILITY: Final = 63
_CAPABILITY_VERSION_3: Final = 0x20080522
_PR_SET_KEEPCAPS, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 8, 24, 38  # linux/prctl.h
_FILES: Final = 2048
_ADDRESS_SPACE: Final = 512 << 20


def drop_privileges() -> None:
    """For good. Raises OSError; the process must not go on then. Call it with one thread."""
    libc = ctypes.CDLL(None, use_errno=True)

    def checked(result: int) -> None:
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    for capability in range(_LAST_CAPABILITY + 1):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # those the kernel does not have are refused
    checked(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    kept = 1 << _NET_BIND_SERVICE
    checked(libc.capset(header, struct.pack("=6I", kept, kept, 0, 0, 0, 0)))
    checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
