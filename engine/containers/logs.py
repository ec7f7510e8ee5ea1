"""Reading a container's log while it is written: ``docker logs`` and the output side of ``docker attach``."""

import asyncio
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from engine.containers.changes import Changes
from engine.containers.log_file import (
    STDERR,
    STDOUT,
    LogRecord,
    offset_of_last,
    offset_of_time,
    parse_lines,
    read_lines,
    time_text,
)
from engine.containers.waiting import Waiter
from engine.host.inotify import MODIFY

__all__ = ["LogRecord", "LogRequest", "OpenLog", "read_records"]


@dataclass(frozen=True, slots=True)
class LogRequest:
    """``tail`` None means all lines. Times are nanoseconds since the epoch, both inclusive."""

    since_ns: int | None = None
    until_ns: int | None = None
    tail: int | None = None
    stdout: bool = True
    stderr: bool = True


class OpenLog:
    """A log file held open: it can be read to its end even after the container is removed. Close it."""

    def __init__(self, path: Path, changes: Changes) -> None:
        self._changes = changes
        # a container that never started has the file too: `create` makes it
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_CREAT, 0o600)

    @property
    def size_bytes(self) -> int:
        return os.fstat(self._fd).st_size

    async def blocks(self, offset: int, *, until_over: Waiter | None) -> AsyncGenerator[bytes, None]:
        """Blocks of whole lines from ``offset``: all there are, and with ``until_over`` those still to come."""
        grown = asyncio.Event()
        if until_over is None:
            while data := await asyncio.to_thread(read_lines, self._fd, offset):
                offset += len(data)
                yield data
            return
        until_over.on_end(grown)
        # by the open file, not by its path: that may be gone already
        with self._changes.watching(Path(f"/proc/self/fd/{self._fd}"), MODIFY, lambda _: grown.set()):
            while True:
                grown.clear()
                is_over = until_over.is_over  # looked at before reading, so that nothing written before it is missed
                if data := await asyncio.to_thread(read_lines, self._fd, offset):
                    offset += len(data)
                    yield data
                elif is_over:
                    return
                else:
                    await grown.wait()

    async def start_offset(self, request: LogRequest) -> int:
        offset = 0
        if request.since_ns is not None:
            offset = await asyncio.to_thread(offset_of_time, self._fd, time_text(request.since_ns))
        if request.tail is not None:
            offset = max(offset, await asyncio.to_thread(offset_of_last, self._fd, request.tail))
        return offset

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


async def read_records(
    log: OpenLog, request: LogRequest, *, until_over: Waiter | None
) -> AsyncGenerator[list[LogRecord], None]:
    """Batches of records as asked for. Closes ``log`` and cancels ``until_over`` at the end."""
    streams = {stream for stream, wanted in ((STDOUT, request.stdout), (STDERR, request.stderr)) if wanted}
    since = b"" if request.since_ns is None else time_text(request.since_ns)
    until = b"~" if request.until_ns is None else time_text(request.until_ns) + b"Z"
    within_line: set[int] = set()
    try:
        async for data in log.blocks(await log.start_offset(request), until_over=until_over):
            records = parse_lines(data, within_line=within_line)
            wanted = [record for record in records if record.stream in streams and since <= record.at_text <= until]
            if wanted:
                yield wanted
            if records and records[-1].at_text > until:
                return
    finally:
        log.close()
        if until_over is not None:
            until_over.cancel()
