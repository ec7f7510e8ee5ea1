"""Searching logs where they are, within bounds: how many hits, how much is read, how long it takes.

Patterns are RE2's, which take time in proportion to the text, whatever the pattern is. Nothing is kept.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import re2
from django.utils.translation import gettext as _

from console.hosts.gateway import connect
from console.hosts.log_reading import find_log, read_log
from console.hosts.logs import LogLine
from console.operations.errors import ConsoleError, Invalid

MOST_HITS = 500
MOST_BYTES = 64 * 1024 * 1024
MOST_S = 20.0
AT_ONCE = 3
LONGEST_QUERY = 500
PATTERN_BYTES = 8 * 1024 * 1024
LONGEST_SHOWN = 2000
MOST_MARKS = 20
# lines are not quite in the order of their times
LAG_NS = 10**9
CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
Spans = list[tuple[int, int]]


class Bound(StrEnum):
    """Why a search ended before the end of a log."""

    HITS = "hits"
    BYTES = "bytes"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Wanted:
    """``since`` and ``until`` are inclusive; None: from the beginning, to now."""

    query: str
    is_pattern: bool = False
    minds_case: bool = False
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    text: str
    is_hit: bool = False

    @property
    def shown(self) -> str:
        """Without what a terminal would act on."""
        return CONTROLS.sub("", self.text)


@dataclass(frozen=True, slots=True)
class Hit:
    at_ms: int
    stream: int
    parts: tuple[Part, ...]

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.at_ms / 1000, UTC)


@dataclass(slots=True)
class Found:
    """What one log had. ``bound`` is empty when all of it was searched, ``error`` unless its engine did not answer."""

    hits: list[Hit] = field(default_factory=list)
    scanned_bytes: int = 0
    bound: str = ""
    error: str = ""


def matcher(wanted: Wanted) -> Callable[[str], Spans]:
    """Where a line has it. Raises Invalid (query)."""
    if not wanted.query or len(wanted.query) > LONGEST_QUERY:
        raise Invalid(_("Write what to look for, at most 500 characters."), field="query")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_BYTES
    options.case_sensitive = wanted.minds_case
    options.literal = not wanted.is_pattern
    try:
        pattern = re2.compile(wanted.query, options)
    except re2.error as error:
        raise Invalid(_("This is no pattern: %(why)s.") % {"why": _why(error)}, field="query") from error

    def spans(text: str) -> Spans:
        found = (match.span() for match in pattern.finditer(text))
        return [(start, end) for start, end in found if end > start][:MOST_MARKS]

    return spans


async def search(places: Sequence[tuple[str, str]], wanted: Wanted) -> list[Found]:
    """One result for each of ``places``: an engine's address and a container's id. Raises Invalid (query)."""
    spans = matcher(wanted)
    room = asyncio.Semaphore(AT_ONCE)

    async def one(address: str, engine_id: str) -> Found:
        async with room:
            return await _search_one(address, engine_id, wanted, spans)

    return list(await asyncio.gather(*(one(address, engine_id) for address, engine_id in places)))


async def _search_one(address: str, engine_id: str, wanted: Wanted, spans: Callable[[str], Spans]) -> Found:
    found = Found()
    try:
        async with asyncio.timeout(MOST_S), connect(address) as engine:
            source = await find_log(engine, engine_id)
            async with aclosing(read_log(engine, source, cursor=_cursor(wanted.since))) as batches:
                async for batch in batches:
                    # a thread: other pages wait for the loop
                    if await asyncio.to_thread(_take, found, batch.lines, wanted, spans):
                        break
    except TimeoutError:
        found.bound = Bound.TIME
    except ConsoleError as error:
        found.error = str(error)
    return found


def _take(found: Found, lines: Sequence[LogLine], wanted: Wanted, spans: Callable[[str], Spans]) -> bool:
    """Whether to stop."""
    until_ns = None if wanted.until is None else int(wanted.until.timestamp() * 1e9)
    for line in lines:
        if until_ns is not None and line.at_ns > until_ns:
            if line.at_ns > until_ns + LAG_NS:
                return True
            continue
        found.scanned_bytes += len(line.text) + 1
        if marks := spans(line.text):
            found.hits.append(Hit(line.at_ns // 1_000_000, line.stream, tuple(_parts(line.text, marks))))
        if len(found.hits) >= MOST_HITS or found.scanned_bytes >= MOST_BYTES:
            found.bound = Bound.HITS if len(found.hits) >= MOST_HITS else Bound.BYTES
            return True
    return False


def _parts(text: str, marks: Spans) -> Iterator[Part]:
    """The line around its first hit, in parts."""
    start = max(0, marks[0][0] - LONGEST_SHOWN // 2) if len(text) > LONGEST_SHOWN else 0
    end, at = start + LONGEST_SHOWN, start
    for first, last in marks:
        if first >= end:
            break
        if first > at:
            yield Part(text[at:first])
        yield Part(text[first : min(last, end)], is_hit=True)
        at = min(last, end)
    if at < min(end, len(text)):
        yield Part(text[at:end])


def _cursor(since: datetime | None) -> str | None:
    return None if since is None else f"{max(0, int(since.timestamp() * 1e9))}.0.0"


def _why(error: Exception) -> str:
    why = error.args[0] if error.args else ""
    return (why.decode(errors="replace") if isinstance(why, bytes) else str(why))[:200]
