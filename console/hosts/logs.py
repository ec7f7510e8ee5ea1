"""Reading a container's log by cursor, on any engine that speaks Docker's API. Pure.

A cursor is ``<timestamp_ns>.<k>``: of the records that carry exactly this time, the reader has had ``k``. The log is
asked for again from that time on, inclusive, and those k are skipped (docs/adr/0003).

On the wire (Docker API, "Attach to a container", stream format): ``[stream, 0, 0, 0, size (4 bytes, big endian)]`` and
``size`` bytes, one log record each; with ``timestamps=1`` a record begins with an RFC 3339 time and a space. A record
without a newline at its end is part of a line that the next record of its stream goes on with (16 KiB pieces). With a
terminal there are no frames: just the records, each ending in a newline.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from django.utils.translation import gettext as _

from console.operations.errors import Invalid

CURSOR = re.compile(r"(\d{1,20})\.(\d{1,9})")
TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")
HEADER_BYTES = 8
# a line longer than this is shown in pieces, so that memory stays bounded
LINE_LIMIT_BYTES = 1024 * 1024
STDOUT = 1


@dataclass(frozen=True, slots=True)
class LogCursor:
    at_ns: int = 0
    count: int = 0

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Nothing means from the start. Invalid when malformed."""
        if not text:
            return cls()
        match = CURSOR.fullmatch(text)
        if match is None:
            raise Invalid(_("“%(text)s” is no cursor of a log.") % {"text": text[:40]}, field="since")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.at_ns}.{self.count}"


@dataclass(frozen=True, slots=True)
class LogLine:
    """``stream`` 1 is standard output, 2 standard error. ``text`` without its newline, undecodable bytes replaced."""

    at_ns: int
    stream: int
    text: str


@dataclass(frozen=True, slots=True)
class LogBatch:
    """Whole lines in the log's order; ``cursor`` is where to go on after them."""

    cursor: str
    lines: list[LogLine]


@dataclass(slots=True)
class _Partial:
    at_ns: int
    pieces: list[bytes] = field(default_factory=list)
    size_bytes: int = 0


class LogReader:
    """Bytes of a log in, whole lines after the cursor out."""

    def __init__(self, cursor: LogCursor, *, has_tty: bool) -> None:
        self._has_tty = has_tty
        self._buffer = b""
        # the newest time met, how many records carry it, and how many of those the reader had before
        self._at_ns = cursor.at_ns
        self._count = 0
        self._skip = cursor.count
        self._cursor = cursor
        self._partial: dict[int, _Partial] = {}

    def feed(self, chunk: bytes) -> LogBatch:
        self._buffer += chunk
        lines = [line for stream, record in self._records() for line in self._take(stream, record)]
        return LogBatch(str(self._cursor), lines)

    def close(self) -> LogBatch:
        """The log has ended: what is still half a line is all there will be of it."""
        lines: list[LogLine] = []
        if self._has_tty and self._buffer:
            lines += self._take(STDOUT, self._buffer)
            self._buffer = b""
        for stream in sorted(self._partial):
            lines.append(self._join(stream))
        if lines:
            self._cursor = LogCursor(self._at_ns, self._count)
        return LogBatch(str(self._cursor), lines)

    def _records(self) -> Iterator[tuple[int, bytes]]:
        if self._has_tty:
            *whole, self._buffer = self._buffer.split(b"\n")
            yield from ((STDOUT, record + b"\n") for record in whole)
            return
        start = 0
        while len(self._buffer) - start >= HEADER_BYTES:
            size = int.from_bytes(self._buffer[start + 4 : start + HEADER_BYTES], "big")
            end = start + HEADER_BYTES + size
            if len(self._buffer) < end:
                break
            stream = self._buffer[start]
            for record in self._buffer[start + HEADER_BYTES : end].splitlines(keepends=True) if size else ():
                yield stream, record
            start = end
        self._buffer = self._buffer[start:]

    def _take(self, stream: int, record: bytes) -> Iterator[LogLine]:
        match = TIME.match(record)
        if match is None:
            # the rest of a record that had a newline inside: it counts with the record it belongs to
            if self._skip < self._count or self._at_ns == 0:
                yield from self._add(stream, self._at_ns, record)
            return
        at_ns, text = _nanoseconds(match), record[match.end() :]
        # never backwards: two copiers of one engine may write times out of order by a hair
        if at_ns > self._at_ns:
            self._at_ns, self._count, self._skip = at_ns, 0, 0
        if at_ns == self._at_ns:
            self._count += 1
            if self._count <= self._skip:
                return
        yield from self._add(stream, at_ns, text)

    def _add(self, stream: int, at_ns: int, text: bytes) -> Iterator[LogLine]:
        partial = self._partial.setdefault(stream, _Partial(at_ns))
        partial.pieces.append(text)
        partial.size_bytes += len(text)
        if text.endswith(b"\n") or partial.size_bytes > LINE_LIMIT_BYTES:
            line = self._join(stream)
            if not self._partial:
                # only here is every record up to the cursor part of a line that was given out
                self._cursor = LogCursor(self._at_ns, self._count)
            yield line

    def _join(self, stream: int) -> LogLine:
        partial = self._partial.pop(stream)
        text = b"".join(partial.pieces)
        text = text[:-2] if text.endswith(b"\r\n") else text.removesuffix(b"\n")
        return LogLine(partial.at_ns, stream, text.decode("utf-8", errors="replace"))


def _nanoseconds(match: re.Match[bytes]) -> int:
    zone = match[3].decode().replace("Z", "+00:00")
    whole = datetime.fromisoformat(match[1].decode() + zone).astimezone(UTC)
    fraction = (match[2] or b"").ljust(9, b"0")
    return int(whole.timestamp()) * 10**9 + int(fraction)
