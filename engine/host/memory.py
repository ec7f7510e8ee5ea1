"""What the C library does with memory that is free: give it back to the host instead of keeping it for later.

glibc gives each thread an arena of its own and returns freed pages late (mallopt(3)). For a daemon whose threads each
work for a moment that is all loss: twice the memory after a few hundred requests.
"""

import ctypes
import gc
from typing import Final

# malloc.h
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
_RETURN_FROM_BYTES: Final = 64 << 10


def return_memory_early() -> None:
    """Once, before the process has threads. A C library that cannot do it (musl) needs it less."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in (
            (_ARENA_MAX, 1),  # Python's own lock serialises nearly all allocation anyway
            (_TRIM_THRESHOLD, _RETURN_FROM_BYTES),
            (_MMAP_THRESHOLD, _RETURN_FROM_BYTES),
        ):
            mallopt(option, value)


def settle() -> None:
    """After start-up: what is here now stays, so collections need not look at it again, and the rest is given back."""
    gc.collect()
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
