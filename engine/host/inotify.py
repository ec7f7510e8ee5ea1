"""Changes in directories and files, as the kernel tells them (inotify(7))."""

import asyncio
import contextlib
import os
import struct
from pathlib import Path
from typing import Final, NamedTuple

from engine.host import libc

MODIFY: Final = 0x2
CLOSE_WRITE: Final = 0x8
MOVED_FROM: Final = 0x40
MOVED_TO: Final = 0x80
CREATE: Final = 0x100
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800
OVERFLOW: Final = 0x4000  # events were lost: look at everything again
IGNORED: Final = 0x8000

_HEADER = struct.Struct("iIII")  # struct inotify_event: wd, mask, cookie, len; then len bytes of name, NUL padded
_BUFFER_BYTES = 65536


class Change(NamedTuple):
    """``name`` is the entry in a watched directory, "" when the watched thing itself changed."""

    watch: int
    mask: int
    name: str


class Inotify:
    """One kernel queue with any number of watches; one task at a time may ``read``. Close it when done."""

    def __init__(self) -> None:
        self._fd = libc.inotify_init(os.O_CLOEXEC | os.O_NONBLOCK)

    def watch(self, path: Path, mask: int) -> int:
        """Number of the watch; the same inode watched twice gives the same number, with the later mask."""
        return libc.inotify_add_watch(self._fd, path, mask)

    def unwatch(self, watch: int) -> None:
        """Safe when the watched file is gone and the kernel has dropped the watch by itself."""
        with contextlib.suppress(OSError):
            libc.inotify_rm_watch(self._fd, watch)

    async def read(self) -> list[Change]:
        """The next changes, at least one, in order."""
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(BlockingIOError):
                return _parsed(os.read(self._fd, _BUFFER_BYTES))
            ready = loop.create_future()
            loop.add_reader(self._fd, _wake, ready)
            try:
                await ready
            finally:
                loop.remove_reader(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


def _parsed(data: bytes) -> list[Change]:
    changes = []
    offset = 0
    while offset < len(data):
        watch, mask, _, length = _HEADER.unpack_from(data, offset)
        offset += _HEADER.size
        changes.append(Change(watch, mask, os.fsdecode(data[offset : offset + length].rstrip(b"\0"))))
        offset += length
    return changes
