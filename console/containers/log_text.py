"""A container's log for readers: followed over restarts, or a piece of it at once; also after its removal."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from console.hosts.gateway import Engine, connect
from console.hosts.log_reading import LogSource, find_log, read_log
from console.hosts.logs import LogBatch
from console.live.topics import Chunk, Line
from console.operations.errors import Missing

LOOK_EVERY_S = 1.0
POLL_BYTES = 256 * 1024
STREAMS = {1: "stdout", 2: "stderr"}


def chunk_of(batch: LogBatch) -> Chunk:
    lines = (Line(line.text, STREAMS.get(line.stream, "stdout"), line.at_ns // 1_000_000) for line in batch.lines)
    return Chunk(batch.cursor, tuple(lines))


async def follow_log(address: str, engine_id: str, since: str | None) -> AsyncGenerator[Chunk, None]:
    """Lines after ``since`` as they are written. A container that has ended may be started again, so this goes on
    looking until the container is removed; then it ends, if its engine keeps the log, or raises Missing. Unavailable
    when the engine breaks off.
    """
    cursor = since
    async with connect(address) as engine:
        source = await find_log(engine, engine_id)
        while True:
            async with aclosing(read_log(engine, source, cursor=cursor, follow=not source.is_kept)) as batches:
                async for batch in batches:
                    cursor = batch.cursor
                    yield chunk_of(batch)
            if source.is_kept:
                yield Chunk(cursor or "", ended=True)
                return
            source = await _started_again(engine, engine_id, source.run)


async def _started_again(engine: Engine, engine_id: str, run: str | None) -> LogSource:
    """Where it goes on: when the container runs, or has run, since the start that ``run`` names, or is gone."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            source = await find_log(engine, engine_id)
        except Missing:
            # it is being removed: its engine forgets it first, and keeps its log a moment later
            await asyncio.sleep(LOOK_EVERY_S)
            source = await find_log(engine, engine_id)
        if not source.is_over or source.run != run or source.is_kept:
            return source


async def log_piece(address: str, engine_id: str, since: str | None) -> Chunk:
    """What there is after ``since`` now, up to about POLL_BYTES."""
    cursor, lines, size_bytes = since or "", list[Line](), 0
    async with connect(address) as engine:
        source = await find_log(engine, engine_id)
        async with aclosing(read_log(engine, source, cursor=since)) as batches:
            async for batch in batches:
                chunk = chunk_of(batch)
                cursor, size_bytes = chunk.cursor, size_bytes + chunk.size_bytes
                lines += chunk.lines
                if size_bytes >= POLL_BYTES:
                    return Chunk(cursor, tuple(lines))
    return Chunk(cursor, tuple(lines), ended=source.is_kept)


async def whole_log(address: str, engine_id: str) -> AsyncGenerator[str, None]:
    async with connect(address) as engine:
        source = await find_log(engine, engine_id)
        async with aclosing(read_log(engine, source)) as batches:
            async for batch in batches:
                yield "".join(f"{line.text}\n" for line in batch.lines)
