"""A job's output on its way into Redis: entries under ids of our own, and once more those that Redis has lost.

A Redis that dies loses what it had not yet written to disk, a second's worth or, where it keeps nothing, all. Whoever
reads by cursor would then be left with a gap; so what was written last is kept here, and written again where the stream
does not end with the entry before.
"""

from collections import deque
from dataclasses import dataclass

import structlog
from redis.exceptions import ResponseError

from console.jobs import streams

log = structlog.get_logger(__name__)

KEPT_BYTES = 4 << 20
# the entry, unless the stream ends with it or with another one than that before it (ARGV[1]; empty: never mind);
# gives back the id that the stream ends with
APPEND = """
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local last = newest[1] and newest[1][1] or ''
if last == ARGV[2] or (ARGV[1] ~= '' and last ~= ARGV[1]) then return last end
return redis.call('XADD', KEYS[1], ARGV[2], 'at', ARGV[3], 'lines', ARGV[4])
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """``at`` in milliseconds since 1970; ``lines`` as JSON."""

    number: int
    at: str
    lines: str


class Outgoing:
    """One attempt's entries. For one thread at a time."""

    def __init__(self, job: int, attempt: int) -> None:
        self._key = streams.output_key(job)
        self._attempt = attempt
        self._kept: deque[Entry] = deque()
        self._kept_bytes = 0
        self._written = 0

    def append(self, *, at: str, lines: str) -> None:
        """Raises RedisError; whether it was written is not known then, and giving the same again is right."""
        entry = Entry(self._written + 1, at, lines)
        if self._put(entry, after=self._written) < entry.number:
            self.confirm()
            self._put(entry)
        self._written = entry.number
        self._keep(entry)

    def confirm(self) -> None:
        """Write again what is not there any more. Raises RedisError."""
        if not self._kept:
            return
        # the newest is there already, or it is refused because those before it are missing, too
        there = self._put(self._kept[-1], after=self._written - 1)
        if there >= self._written:
            return
        log.warning("Redis has lost output, which is written again", key=self._key, after=there)
        for entry in [one for one in self._kept if one.number > there]:
            self._put(entry)

    def _put(self, entry: Entry, *, after: int = 0) -> int:
        """The number of the attempt's last entry that is there now. ``after`` 0: whatever the stream ends with."""
        expected = f"{self._attempt}-{after}" if after else ""
        append = streams.connection().register_script(APPEND)
        given = (expected, f"{self._attempt}-{entry.number}", entry.at, entry.lines)
        try:
            found: bytes = append(keys=[self._key], args=given)
        except ResponseError as error:
            if "equal or smaller" not in str(error):
                raise
            # a later attempt writes by now: nobody waits for this one's
            return entry.number
        attempt, _dash, number = found.decode().partition("-")
        return int(number) if attempt == str(self._attempt) else 0

    def _keep(self, entry: Entry) -> None:
        self._kept.append(entry)
        self._kept_bytes += len(entry.lines)
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= len(self._kept.popleft().lines)
