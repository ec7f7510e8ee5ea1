"""Being asked before a file is opened (fanotify(7), FAN_OPEN_PERM): whoever opens one waits for the answer.

The kernel lets all of them go on when the group is closed, and so when its process is killed.
"""

import os
import select
import struct
from pathlib import Path
from typing import Final, NamedTuple

from engine.host import libc

# linux/fanotify.h
_CLOEXEC: Final = 0x1
_CLASS_CONTENT: Final = 0x4
_UNLIMITED_QUEUE: Final = 0x10
_UNLIMITED_MARKS: Final = 0x20
_MARK_ADD: Final = 0x1
_MARK_REMOVE: Final = 0x2
_MARK_ONLYDIR: Final = 0x8
_OPEN_PERM: Final = 0x10000
_EVENT_ON_CHILD: Final = 0x08000000
_ALLOW: Final = 0x1
_NO_FD: Final = -1

_EVENT = struct.Struct("=IBBHQii")  # struct fanotify_event_metadata: length, version, -, -, mask, fd, pid
_RESPONSE = struct.Struct("=iI")  # struct fanotify_response: fd, answer
_BUFFER_BYTES: Final = 4096


class OpenRequest(NamedTuple):
    """Somebody waits to open ``path``. Answer it with ``OpenGate.allow``, once."""

    fd: int
    path: Path


class OpenGate:
    """Directories whose files are opened only after ``allow``. One thread may ``wait``; the rest is for any thread.

    Opens of this very process wait as well: answer from a thread that opens nothing. Raises OSError where the kernel
    does not offer this or the process may not use it (CAP_SYS_ADMIN outside any user namespace).
    """

    def __init__(self) -> None:
        flags = _CLOEXEC | _CLASS_CONTENT | _UNLIMITED_QUEUE | _UNLIMITED_MARKS
        self._fd = libc.fanotify_init(flags, os.O_RDONLY | os.O_CLOEXEC | os.O_LARGEFILE)
        self._closing = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.poll()  # select(2) takes no descriptor above 1023
        for fd in (self._fd, self._closing):
            self._poll.register(fd, select.POLLIN)

    def watch(self, directory: Path) -> None:
        """Ask about its files from now on, not about those in its subdirectories."""
        libc.fanotify_mark(self._fd, _MARK_ADD | _MARK_ONLYDIR, _OPEN_PERM | _EVENT_ON_CHILD, directory)

    def unwatch(self, directory: Path) -> None:
        """Raises FileNotFoundError when it is not watched, or gone."""
        libc.fanotify_mark(self._fd, _MARK_REMOVE | _MARK_ONLYDIR, _OPEN_PERM | _EVENT_ON_CHILD, directory)

    def wait(self) -> list[OpenRequest]:
        """Blocks until somebody wants to open something; empty once ``end`` was called.

        Raises OSError when the process has no descriptor left for one; the kernel has then refused that one's open.
        """
        requests: list[OpenRequest] = []
        while not requests:
            if any(fd == self._closing for fd, _ in self._poll.poll()):
                return []
            requests = _parsed(os.read(self._fd, _BUFFER_BYTES))
        return requests

    def allow(self, request: OpenRequest) -> None:
        os.write(self._fd, _RESPONSE.pack(request.fd, _ALLOW))
        os.close(request.fd)

    def end(self) -> None:
        """Wake the thread that waits, for good."""
        os.eventfd_write(self._closing, 1)

    def close(self) -> None:
        """After the thread has ended. Whoever still waits for an answer goes on."""
        os.close(self._fd)
        os.close(self._closing)


def _parsed(data: bytes) -> list[OpenRequest]:
    requests = []
    offset = 0
    while offset < len(data):
        length, _, _, _, _, fd, _ = _EVENT.unpack_from(data, offset)
        if fd != _NO_FD:
            requests.append(OpenRequest(fd, Path(f"/proc/self/fd/{fd}").readlink()))
        offset += length
    return requests
