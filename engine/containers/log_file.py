"""The log file of a container, as conmon writes it, read by offset. Every function blocks and keeps no state.

One line per write of the container, at most 8192 bytes of its output each (conmon, ctr_logging.c, "k8s-file"):

    2026-11-23T23:46:00.123456789+00:00 stdout F payload\\n
    ^0                                  ^36    ^43 ^45

``F``: the container wrote a newline after the payload. ``P``: it did not (yet). conmon runs with TZ=UTC, which makes
the prefix 45 bytes always. Times hardly ever go backwards in one file, so that a time can be found by bisection.
"""

import itertools
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

PREFIX_BYTES: Final = 45
BLOCK_BYTES: Final = 256 << 10
STDOUT: Final = 1
STDERR: Final = 2

_STREAM_AT, _TAG_AT, _TIME_BYTES = 39, 43, 29
_TAG_FULL = ord("F")
_STREAMS = {ord("o"): STDOUT, ord("e"): STDERR}
_LINE = re.compile(rb"[^\n]{43}(?:F ([^\n]*\n)|P ([^\n]*)\n)")


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
    if b" stderr " not in data:  # then all is stdout: one pass without a Python loop
        return [(STDOUT, _LINE.sub(rb"\1\2", data))] if data else []
    lines = (line for line in data.split(b"\n") if len(line) >= PREFIX_BYTES)
    return [
        (_STREAMS.get(letter, STDOUT), b"".join(_payload(line) for line in run))
        for letter, run in itertools.groupby(lines, key=lambda line: line[_STREAM_AT])
    ]


def _payload(line: bytes) -> bytes:
    return line[PREFIX_BYTES:] + b"\n" if line[_TAG_AT] == _TAG_FULL else line[PREFIX_BYTES:]


def offset_of_last(fd: int, lines: int) -> int:
    """Where the last ``lines`` lines of the container's output begin. Reads from the end, no more than it must."""
    size = os.fstat(fd).st_size
    if lines <= 0:
        return size
    counted = 0
    is_last = True
    for end, tag in _tags_backwards(fd, size):
        if tag == _TAG_FULL or is_last:
            if counted == lines:
                return end
            counted += 1
        is_last = False
    return 0


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
