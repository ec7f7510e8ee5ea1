"""A job's output: an ordered stream with a cursor, in Redis while the job lives, in a sealed file afterwards.

A cursor is an entry's id, ``<attempt>-<n>``; both stores answer to the same ones. An entry holds whole lines.
The file is JSON lines, ``{"c": "1-7", "at": <ms>, "lines": [...]}``, at ``NARU_DATA/jobs/<id>.jsonl``.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from django.conf import settings
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from console.jobs import streams
from console.operations.errors import Invalid, Unavailable

BATCH_BYTES = 128 * 1024
SEAL_COUNT = 500
CURSOR = re.compile(r"([0-9]{1,9})-([0-9]{1,18})")
START = "0-0"
POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class OutputBatch:
    """What lies after a cursor. ``cursor`` is where to go on; ``is_end`` once the job has ended and all is read."""

    cursor: str
    lines: list[str]
    is_end: bool


def parse_cursor(text: str | None) -> str:
    """A cursor from outside; nothing means from the start. Invalid when malformed."""
    if not text:
        return START
    if not CURSOR.fullmatch(text):
        raise Invalid(_("“%(text)s” is no cursor of a job's output.") % {"text": text[:40]}, field="since")
    return text


def read(job_id: int, *, since: str | None = None, limit_bytes: int = BATCH_BYTES) -> OutputBatch:
    """At least one entry after ``since`` if there is one, and more while they fit ``limit_bytes``.

    Raises Unavailable when Redis does not answer and the output is not sealed yet.
    """
    cursor = parse_cursor(since)
    if sealed_path(job_id).exists():
        return _read_sealed(job_id, cursor, limit_bytes)
    try:
        found = streams.connection().xrange(streams.output_key(job_id), min=f"({cursor}", count=SEAL_COUNT)
    except RedisError as error:
        raise Unavailable(_("The job's output cannot be read just now.")) from error
    entries = [(entry_id.decode(), fields) for entry_id, fields in cast("list[Any]", found)]
    if not entries and sealed_path(job_id).exists():
        # sealed between the two looks
        return _read_sealed(job_id, cursor, limit_bytes)
    batch, _complete = _batch(((c, _lines(fields)) for c, fields in entries), cursor, limit_bytes)
    return batch


async def follow(
    job_id: int, *, since: str | None = None, limit_bytes: int = BATCH_BYTES
) -> AsyncIterator[OutputBatch]:
    """Batches after ``since`` as they come, the last one with ``is_end``. Reads no further than it is asked to.

    Between batches it waits on the stream, at most POLL_S at a time. Raises Unavailable as ``read`` does.
    """
    cursor = parse_cursor(since)
    async with streams.async_connection() as connection:
        while True:
            batch = await asyncio.to_thread(read, job_id, since=cursor, limit_bytes=limit_bytes)
            if batch.lines or batch.is_end:
                cursor = batch.cursor
                yield batch
                if batch.is_end:
                    return
                continue
            try:
                await connection.xread({streams.output_key(job_id): cursor}, count=1, block=int(POLL_S * 1000))
            except RedisError as error:
                raise Unavailable(_("The job's output cannot be read just now.")) from error


@dataclass(frozen=True, slots=True)
class Sealed:
    """What proves a sealed file: its SHA-256 in hexadecimal, and its size."""

    sha256: str
    size_bytes: int


def seal(job_id: int) -> Sealed:
    """Move the output from the stream to its file: synced and renamed before the stream goes.

    Safe to repeat, also at the same time: the second waits, and finds it done.
    """
    path = sealed_path(job_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    unsealed = path.with_suffix(".part")
    with unsealed.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if path.exists():
            unsealed.unlink(missing_ok=True)
        else:
            _write_sealed(job_id, file)
            unsealed.rename(path)
            _sync_folder(path.parent)
    streams.connection().delete(streams.output_key(job_id), streams.cancel_key(job_id))
    sealed = measure(job_id)
    assert sealed is not None
    return sealed


def measure(job_id: int) -> Sealed | None:
    """The sealed file as it is now; None when there is none."""
    try:
        with sealed_path(job_id).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Sealed(digest, file.tell())
    except FileNotFoundError:
        return None


def whole(job_id: int) -> Iterator[str]:
    """All there is until now, line by line."""
    cursor: str | None = None
    while True:
        batch = read(job_id, since=cursor)
        yield from (f"{line}\n" for line in batch.lines)
        if batch.is_end or not batch.lines:
            return
        cursor = batch.cursor


def sealed_path(job_id: int) -> Path:
    return Path(settings.NARU_DATA) / "jobs" / f"{job_id}.jsonl"


def _write_sealed(job_id: int, file: TextIO) -> None:
    # what an earlier try left when it crashed
    file.truncate(0)
    for cursor, fields in _whole_stream(job_id):
        entry = {"c": cursor, "at": int(fields.get(b"at", b"0")), "lines": _lines(fields)}
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_sealed(job_id: int, cursor: str, limit_bytes: int) -> OutputBatch:
    with sealed_path(job_id).open(encoding="utf-8") as file:
        entries = (json.loads(line) for line in file)
        after = ((e["c"], e["lines"]) for e in entries if _position(e["c"]) > _position(cursor))
        batch, is_complete = _batch(after, cursor, limit_bytes)
    return OutputBatch(batch.cursor, batch.lines, is_end=is_complete)


def _batch(entries: Iterator[tuple[str, list[str]]], cursor: str, limit_bytes: int) -> tuple[OutputBatch, bool]:
    """The entries that fit, and whether those were all."""
    lines: list[str] = []
    size = 0
    for entry_cursor, entry_lines in entries:
        size += sum(len(line.encode(errors="replace")) + 1 for line in entry_lines)
        if lines and size > limit_bytes:
            return OutputBatch(cursor, lines, is_end=False), False
        lines += entry_lines
        cursor = entry_cursor
    return OutputBatch(cursor, lines, is_end=False), True


def _whole_stream(job_id: int) -> Iterator[tuple[str, dict[bytes, bytes]]]:
    cursor = START
    while True:
        found = cast(
            "list[Any]",
            streams.connection().xrange(streams.output_key(job_id), min=f"({cursor}", count=SEAL_COUNT),
        )
        if not found:
            return
        for entry_id, fields in found:
            cursor = entry_id.decode()
            yield cursor, fields


def _lines(fields: dict[bytes, bytes]) -> list[str]:
    # half a surrogate pair is legal in JSON, and in no file or frame
    return [str(line).encode(errors="replace").decode() for line in json.loads(fields[b"lines"])]


def _position(cursor: str) -> tuple[int, int]:
    attempt, _dash, number = cursor.partition("-")
    return int(attempt), int(number)
