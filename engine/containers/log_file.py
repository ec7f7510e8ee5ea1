"""A log file as conmon writes it, read by offset. Every function that takes a file blocks; none keeps state.

One line per write of the container, at most 8192 bytes of its output each (conmon, ctr_logging.c, "k8s-file"):

    2026-11-23T23:46:00.123456789+00:00 stdout F payload\\n
    ^0                                  ^36    ^43 ^45

``F``: the container wrote a newline after the payload. ``P``: it did not (yet). conmon runs with TZ=UTC, which makes
the prefix 45 bytes always. Times hardly ever go backwards in one file, so that a time can be found by bisection.
"""

import itertools
import operator
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

PREFIX_BYTES: Final = 45
BLOCK_BYTES: Final = 256 << 10
STDOUT: Final = 1
STDERR: Final = 2

_STREAM_AT, _TAG_AT, _TIME_BYTES = 39, 43, 29
_TAG_FULL = ord("F")
_STREAMS = {ord("o"): STDOUT, ord("e"): STDERR}
_KIND = slice(36, PREFIX_BYTES)
_FULL_KINDS = {b"stdout F ": STDOUT, b"stderr F ": STDERR}


class LogRecord(NamedTuple):
    """``at_text`` is RFC3339Nano in UTC. ``payload`` ends in a newline if the container's line does; ``starts_line``
    tells whether it begins one (only there Docker prints a time)."""

    stream: int
    at_text: bytes
    payload: bytes
    starts_line: bool


def time_text(at_ns: int) -> bytes:
    """Nanoseconds since the epoch as the file writes them, without zone; compares as time does."""
    seconds, nanoseconds = divmod(at_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}".encode()


def read_lines(fd: int, offset: int, *, at_most: int = BLOCK_BYTES) -> bytes:
    """Whole lines from ``offset``, which begins one; empty at the end of what is written."""
    data = os.pread(fd, at_most, offset)
    return data[: data.rfind(b"\n") + 1]


def parse_lines(data: bytes, *, within_line: set[int]) -> list[LogRecord]:
    """Records of whole lines. ``within_line`` holds the streams whose last line is not ended; it is kept up to date."""
    records = []
    for line in data.split(b"\n"):
        if len(line) < PREFIX_BYTES or (stream := _STREAMS.get(line[_STREAM_AT])) is None:
            continue
        starts_line = stream not in within_line
        if line[_TAG_AT] == _TAG_FULL:
            within_line.discard(stream)
            payload = line[PREFIX_BYTES:] + b"\n"
        else:
            within_line.add(stream)
            payload = line[PREFIX_BYTES:]
        records.append(LogRecord(stream, line[:_TIME_BYTES] + b"Z", payload, starts_line))
    return records


def raw_output(data: bytes) -> list[tuple[int, bytes]]:
    """What the container wrote in these whole lines, byte for byte: runs of one stream each."""
    return _runs(_lines(data))


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    lines.pop()
    return lines


def _runs(lines: list[bytes]) -> list[tuple[int, bytes]]:
    # The fast path of `docker logs` without times: millions of lines a second. Nearly always all are of one kind, and
    # then no line needs a decision of its own.
    kinds = {line[_KIND] for line in lines}
    if len(kinds) == 1 and (stream := _FULL_KINDS.get(kinds.pop())):
        return [(stream, _joined(lines))]
    whole = (line for line in lines if len(line) >= PREFIX_BYTES)
    runs = []
    for letter, group in itertools.groupby(whole, key=operator.itemgetter(_STREAM_AT)):
        run = list(group)
        is_full = all(line[_TAG_AT] == _TAG_FULL for line in run)
        output = _joined(run) if is_full else b"".join([_payload(line) for line in run])
        runs.append((_STREAMS.get(letter, STDOUT), output))
    return runs


def _joined(lines: list[bytes]) -> bytes:
    payloads = [line[PREFIX_BYTES:] for line in lines]
    payloads.append(b"")
    return b"\n".join(payloads)


def _payload(line: bytes) -> bytes:
    return line[PREFIX_BYTES:] + b"\n" if line[_TAG_AT] == _TAG_FULL else line[PREFIX_BYTES:]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records somebody wants. Times as ``time_text`` gives them, both inclusive; "" and "~" are no limits."""

    streams: frozenset[int] = frozenset((STDOUT, STDERR))
    since: bytes = b""
    until: bytes = b"~"

    def output(self, data: bytes) -> list[tuple[int, bytes]]:
        """``raw_output`` of the records wanted."""
        lines = _lines(data)
        if self.since or self.until != b"~":
            lines = [line for line in lines if self.since <= line[:_TIME_BYTES] <= self.until]
        return [(stream, output) for stream, output in _runs(lines) if stream in self.streams and output]

    def records(self, data: bytes, *, within_line: set[int]) -> list[LogRecord]:
        """``parse_lines`` of the records wanted."""
        until = self.until + b"Z"
        return [
            record
            for record in parse_lines(data, within_line=within_line)
            if record.stream in self.streams and self.since <= record.at_text <= until
        ]

    def ends_in(self, data: bytes) -> bool:
        """Whether the last of these lines is younger than what is wanted: nothing after it is."""
        last = data.rfind(b"\n", 0, -1) + 1
        return data[last : last + _TIME_BYTES] > self.until


def first_time(fd: int) -> bytes:
    """Of the file's first line, as ``time_text``; empty when there is none yet."""
    return os.pread(fd, _TIME_BYTES, 0)


def place_of_last(fds: Sequence[int], lines: int) -> tuple[int, int]:
    """Where the last ``lines`` lines of the container's output begin: index of the file, and offset in it.

    ``fds`` are one log in several files, the oldest first. Reads from the end, no more than it must.
    """
    newest = len(fds) - 1
    if lines <= 0:
        return newest, os.fstat(fds[newest]).st_size
    counted = 0
    is_last = True
    for index in range(newest, -1, -1):
        for end, tag in _tags_backwards(fds[index], os.fstat(fds[index]).st_size):
            if tag == _TAG_FULL or is_last:
                if counted == lines:
                    return index, end
                counted += 1
            is_last = False
    return 0, 0


def _tags_backwards(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """End offset and tag of each whole line, last first."""
    position, rest = size, b""
    while position > 0:
        start = max(0, position - BLOCK_BYTES)
        data = os.pread(fd, position - start, start) + rest
        first = 0 if start == 0 else data.find(b"\n") + 1
        end = start + len(data)
        for line in reversed(data[first:].split(b"\n")[:-1] if data.endswith(b"\n") else data[first:].split(b"\n")):
            if len(line) >= PREFIX_BYTES:
                yield end, line[_TAG_AT]
            end -= len(line) + 1
        position, rest = start, data[:first]


def offset_of_time(fd: int, since: bytes) -> int:
    """Begin of a line such that every line before it is older than ``since`` (see ``time_text``)."""
    low, high = 0, os.fstat(fd).st_size
    while high - low > BLOCK_BYTES:
        middle = (low + high) // 2
        data = os.pread(fd, 4 * PREFIX_BYTES + 8192, middle)
        newline = data.find(b"\n") + 1
        at = data[newline : newline + _TIME_BYTES]
        if newline == 0 or len(at) < _TIME_BYTES or at >= since:
            high = middle
        else:
            low = middle + newline
    return low
