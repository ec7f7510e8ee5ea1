"""Bytes of any length on their way between a host and the console, in pieces, a few of them at a time.

A piece lies in Redis under a key of its own, and a fact tells of it in the order of all that the host tells; who has
taken it deletes the key, which makes room for another. So what waits in Redis is bounded (WINDOW pieces), whatever the
whole is, and a reader that stands still makes the writer stand still. A piece is one attempt's: those of an attempt
that was given up are taken by nobody, and expire.

host → console: ``send``; the fact is ``{job, attempt, number, offset, sha256}``, and the console calls ``take``.
console → host: ``fetch``; the fact is ``{job, attempt, number}``, and the console answers it by ``give``.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import cast

from console.jobs import streams
from console.jobs.agent.run import JobRun
from console.operations.errors import Invalid, Unavailable

PIECE_BYTES = 512 * 1024
WINDOW = 8
KEPT_S = 900
STUCK_S = 180.0
LOOK_S = 0.02
# called with how many bytes have passed
Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Sent:
    size_bytes: int
    sha256: str


async def send(run: JobRun, kind: str, chunks: AsyncIterator[bytes], *, most_bytes: int, tell: Tell) -> Sent:
    """All of ``chunks``, told of by facts of ``kind``. Returns once the console has taken every piece.

    Invalid when there are more than ``most_bytes``; Unavailable when nobody takes them.
    """
    digest, size, number = hashlib.sha256(), 0, 0
    async for piece in _pieces(chunks):
        if size + len(piece) > most_bytes:
            raise Invalid(f"there is more than the {most_bytes} bytes that may be kept")
        await _until_gone(run, number - WINDOW)
        await asyncio.to_thread(_put, _key(run, number), piece)
        about = {"number": number, "offset": size, "sha256": hashlib.sha256(piece).hexdigest()}
        await run.tell(kind, job=run.job, attempt=run.attempt, **about)
        digest.update(piece)
        size, number = size + len(piece), number + 1
        tell(size)
    for late in range(max(number - WINDOW, 0), number):
        await _until_gone(run, late)
    return Sent(size, digest.hexdigest())


async def fetch(run: JobRun, kind: str, *, size_bytes: int, sha256: str, tell: Tell) -> AsyncIterator[bytes]:
    """The bytes that the console gives for facts of ``kind``. Invalid at their end when they are not what was kept."""
    digest, passed = hashlib.sha256(), 0
    async for piece in fetch_part(run, kind, offset=0, size_bytes=size_bytes):
        digest.update(piece)
        passed += len(piece)
        tell(passed)
        yield piece
    if digest.hexdigest() != sha256 or passed != size_bytes:
        raise Invalid("what came from the console is not what was kept: its digest differs")


async def fetch_part(run: JobRun, kind: str, *, offset: int, size_bytes: int) -> AsyncIterator[bytes]:
    """So many bytes from ``offset`` on, of a file of which the console gives pieces by their numbers. Not checked."""
    begin, end = offset // PIECE_BYTES, -(-(offset + size_bytes) // PIECE_BYTES)
    asked, left = begin, size_bytes
    for number in range(begin, end):
        while asked < min(number + WINDOW, end):
            await run.tell(kind, job=run.job, attempt=run.attempt, number=asked)
            asked += 1
        piece = await _arrived(run, number)
        start = max(offset - number * PIECE_BYTES, 0)
        given = piece[start : start + left]
        left -= len(given)
        yield given


def take(job_id: int, attempt: int, number: int, *, sha256: str) -> bytes | None:
    """The piece, for the console. None when it was taken before, or is not what was sent. ``taken`` makes room."""
    piece = cast("bytes | None", streams.connection().get(streams.freight_key(job_id, attempt, number)))
    return piece if piece is not None and hashlib.sha256(piece).hexdigest() == sha256 else None


def taken(job_id: int, attempt: int, number: int) -> None:
    streams.connection().delete(streams.freight_key(job_id, attempt, number))


def give(job_id: int, attempt: int, number: int, piece: bytes) -> None:
    _put(streams.freight_key(job_id, attempt, number), piece)


def _put(key: str, piece: bytes) -> None:
    streams.connection().set(key, piece, ex=KEPT_S)


def _key(run: JobRun, number: int) -> str:
    return streams.freight_key(run.job, run.attempt, number)


async def _pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of one size, the last one shorter."""
    rest = bytearray()
    async for chunk in chunks:
        rest += chunk
        while len(rest) >= PIECE_BYTES:
            yield bytes(rest[:PIECE_BYTES])
            del rest[:PIECE_BYTES]
    if rest:
        yield bytes(rest)


async def _until_gone(run: JobRun, number: int) -> None:
    if number < 0:
        return
    deadline = time.monotonic() + STUCK_S
    while await asyncio.to_thread(streams.connection().exists, _key(run, number)):
        if time.monotonic() > deadline:
            raise Unavailable("the console does not take what is sent to it")
        await asyncio.sleep(LOOK_S)


async def _arrived(run: JobRun, number: int) -> bytes:
    deadline = time.monotonic() + STUCK_S
    while True:
        piece = cast("bytes | None", await asyncio.to_thread(streams.connection().getdel, _key(run, number)))
        if piece is not None:
            return piece
        if time.monotonic() > deadline:
            raise Unavailable("the console does not send what it was asked for")
        await asyncio.sleep(LOOK_S)
