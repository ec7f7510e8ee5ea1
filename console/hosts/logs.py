"""Reading a container's log by cursor, on any engine that speaks Docker's API. Pure.

A cursor is ``<timestamp_ns>.<n>.<m>``: of the records from this time on, the reader has had the first n of standard
output and the first m of standard error. The log is asked for again from that time on, inclusive, and those are
skipped (docs/adr/0003). Records are not quite in the order of their times: an engine's copiers of the two streams
overtake each other (4 ms seen on Docker 20.10). So the time in a cursor stays LAG_NS behind the newest one met.

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

CURSOR = re.compile(r"([0-9]{1,20})\.([0-9]{1,12})\.([0-9]{1,12})")
TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")
RECORD = re.compile(rb"[^\n]*\n|[^\n]+")
HEADER_BYTES = 8
LAG_NS = 10**9
# a line longer than this is shown in pieces, so that memory stays bounded
LINE_LIMIT_BYTES = 1024 * 1024
STDOUT, STDERR = 1, 2


@dataclass(frozen=True, slots=True)
class LogCursor:
    at_ns: int = 0
    stdout: int = 0
    stderr: int = 0

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Nothing means from the start. Invalid when malformed."""
        if not text:
            return cls()
        match = CURSOR.fullmatch(text)
        if match is None:
            raise Invalid(_("“%(text)s” is no cursor of a log.") % {"text": text[:40]}, field="since")
        return cls(*(int(number) for number in match.groups()))

    def __str__(self) -> str:
        return f"{self.at_ns}.{self.stdout}.{self.stderr}"


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
    """A line that has not ended: the times of its records and their texts. ``earliest_ns`` is that of any of them."""

    at_ns: int
    earliest_ns: int
    times: list[int] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    size_bytes: int = 0


class _Mark:
    """A time, and how many records of each stream from then on were given out, to this reader or before."""

    def __init__(self, cursor: LogCursor) -> None:
        self.at_ns = cursor.at_ns
        self._given = {STDOUT: cursor.stdout, STDERR: cursor.stderr}

    def count(self, stream: int, at_ns: int) -> None:
        if at_ns >= self.at_ns:
            self._given[stream] += 1

    @property
    def cursor(self) -> LogCursor:
        return LogCursor(self.at_ns, self._given[STDOUT], self._given[STDERR])


class LogReader:
    """Bytes of a log in, whole lines after the cursor out."""

    def __init__(self, cursor: LogCursor, *, has_tty: bool) -> None:
        self._has_tty = has_tty
        self._buffer = b""
        self._skip = {STDOUT: cursor.stdout, STDERR: cursor.stderr}
        self._partial: dict[int, _Partial] = {}
        # whether the stream's last record was given out, for what comes of it after a newline inside
        self._is_kept = {STDOUT: False, STDERR: False}
        # where a cursor counts from; where it will once that is old enough; the newest time met
        self._mark = _Mark(cursor)
        self._next: _Mark | None = None
        self._tip = _Mark(LogCursor(cursor.at_ns))

    def feed(self, chunk: bytes) -> LogBatch:
        self._buffer += chunk
        lines = [line for stream, record in self._records() for line in self._take(stream, record)]
        return LogBatch(str(self._mark.cursor), lines)

    def close(self, *, is_final: bool = True, now_ns: int = 0) -> LogBatch:
        """All there is was fed, at ``now_ns``. ``is_final``: nothing will follow, so half a line is a line."""
        lines: list[LogLine] = []
        if is_final:
            if self._has_tty and self._buffer:
                lines += self._take(STDOUT, self._buffer)
                self._buffer = b""
            lines += [self._give(stream) for stream in sorted(self._partial)]
        # read to the end, and nobody writes behind a time this old: the shortest way to resume
        is_settled = not self._partial and not any(self._skip.values()) and now_ns - self._tip.at_ns > LAG_NS
        return LogBatch(str((self._tip if is_settled else self._mark).cursor), lines)

    def _records(self) -> Iterator[tuple[int, bytes]]:
        if self._has_tty:
            *whole, self._buffer = self._buffer.split(b"\n")
            yield from ((STDOUT, record + b"\n") for record in whole)
            while len(self._buffer) > LINE_LIMIT_BYTES:
                piece, self._buffer = self._buffer[: LINE_LIMIT_BYTES + 1], self._buffer[LINE_LIMIT_BYTES + 1 :]
                yield STDOUT, piece
            return
        start = 0
        while len(self._buffer) - start >= HEADER_BYTES:
            size = int.from_bytes(self._buffer[start + 4 : start + HEADER_BYTES], "big")
            end = start + HEADER_BYTES + size
            if len(self._buffer) < end:
                break
            stream = STDERR if self._buffer[start] == STDERR else STDOUT
            # split at "\n" alone: a carriage return ends no line
            for record in RECORD.findall(self._buffer, start + HEADER_BYTES, end):
                yield stream, record
            start = end
        self._buffer = self._buffer[start:]

    def _take(self, stream: int, record: bytes) -> Iterator[LogLine]:
        match = TIME.match(record)
        if match is None:
            # the rest of a record that had a newline inside: it goes the way of that record, and is not counted
            if self._is_kept[stream]:
                yield from self._add(stream, None, record)
            return
        at_ns = _nanoseconds(match)
        self._is_kept[stream] = at_ns >= self._mark.at_ns and self._skip[stream] == 0
        if at_ns < self._mark.at_ns:
            return
        if at_ns > self._tip.at_ns:
            self._tip = _Mark(LogCursor(at_ns))
        if self._is_kept[stream]:
            yield from self._add(stream, at_ns, record[match.end() :])
        else:
            # the cursor has counted it from the beginning
            self._skip[stream] -= 1
            self._count(stream, at_ns, self._next, self._tip)
        self._move_on()

    def _add(self, stream: int, at_ns: int | None, text: bytes) -> Iterator[LogLine]:
        begun_ns = self._tip.at_ns if at_ns is None else at_ns
        partial = self._partial.setdefault(stream, _Partial(begun_ns, begun_ns))
        if at_ns is not None:
            partial.times.append(at_ns)
            partial.earliest_ns = min(partial.earliest_ns, at_ns)
        partial.pieces.append(text)
        partial.size_bytes += len(text)
        if text.endswith(b"\n") or partial.size_bytes > LINE_LIMIT_BYTES:
            yield self._give(stream)

    def _give(self, stream: int) -> LogLine:
        partial = self._partial.pop(stream)
        for at_ns in partial.times:
            self._count(stream, at_ns, self._mark, self._next, self._tip)
        text = b"".join(partial.pieces)
        text = text[:-2] if text.endswith(b"\r\n") else text.removesuffix(b"\n")
        return LogLine(partial.at_ns, stream, text.decode("utf-8", errors="replace"))

    def _count(self, stream: int, at_ns: int, *marks: "_Mark | None") -> None:
        for mark in marks:
            if mark is not None:
                mark.count(stream, at_ns)

    def _move_on(self) -> None:
        """Count from a later time once it is old enough that no record can still come from before it."""
        if self._next is None:
            self._next = _Mark(LogCursor(self._tip.at_ns + 1))
            return
        is_old = self._tip.at_ns - self._next.at_ns >= LAG_NS
        if is_old and self._is_whole_from(self._next.at_ns) and not any(self._skip.values()):
            self._mark, self._next = self._next, _Mark(LogCursor(self._tip.at_ns + 1))

    def _is_whole_from(self, at_ns: int) -> bool:
        """A half line of which something is earlier must be read again from there."""
        return all(partial.earliest_ns >= at_ns for partial in self._partial.values() if partial.times)


def _nanoseconds(match: re.Match[bytes]) -> int:
    zone = match[3].decode().replace("Z", "+00:00")
    whole = datetime.fromisoformat(match[1].decode() + zone).astimezone(UTC)
    fraction = (match[2] or b"").ljust(9, b"0")
    return int(whole.timestamp()) * 10**9 + int(fraction)
