"""What the C library does with memory that is free: give it back to the host instead of keeping it for later.

glibc gives each thread an arena of its own and returns freed pages late (mallopt(3)). For a daemon whose threads each
work for a moment that is all loss: twice the memory after a few hundred requests.
"""

import contextlib
import ctypes
import gc
import threading
from collections.abc import Iterator
from typing import Final

# malloc.h
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
_RETURN_FROM_BYTES: Final = 64 << 10
_KEPT_BYTES: Final = 16 << 20
_moving = threading.Lock()
_movers = 0


def return_memory_early() -> None:
    """Once, before the process has threads. A C library that cannot do it (musl) needs it less."""
    _set((_ARENA_MAX, 1))  # Python's own lock serialises nearly all allocation anyway
    _set((_TRIM_THRESHOLD, _RETURN_FROM_BYTES), (_MMAP_THRESHOLD, _RETURN_FROM_BYTES))


@contextlib.contextmanager
def kept_for_reuse() -> Iterator[None]:
    """While bulk data passes through: what one piece of it leaves is kept for the next, and given back at the end.

    Fetching every page anew from the kernel costs more than all else that is done with an image of that size here.
    """
    global _movers
    with _moving:
        _movers += 1
        if _movers == 1:
            _set((_TRIM_THRESHOLD, _KEPT_BYTES), (_MMAP_THRESHOLD, _KEPT_BYTES))
    try:
        yield
    finally:
        with _moving:
            _movers -= 1
            if _movers == 0:
                _set((_TRIM_THRESHOLD, _RETURN_FROM_BYTES), (_MMAP_THRESHOLD, _RETURN_FROM_BYTES))
                _trim()


def settle() -> None:
    """After start-up: what is here now stays, so collections need not look at it again, and the rest is given back."""
    gc.collect()
    gc.freeze()
    _trim()


def _set(*options: tuple[int, int]) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in options:
            mallopt(option, value)


def _trim() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
