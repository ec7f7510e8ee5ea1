"""A container's log for readers: followed over restarts, or a piece of it at once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from console.containers.models import Container
from console.hosts.gateway import Engine, connect
from console.hosts.logs import LogBatch
from console.live.topics import Chunk, Line

LOOK_EVERY_S = 1.0
POLL_BYTES = 256 * 1024
ALIVE = frozenset(str(state) for state in Container.ALIVE)
STREAMS = {1: "stdout", 2: "stderr"}


def chunk_of(batch: LogBatch) -> Chunk:
    lines = (Line(line.text, STREAMS.get(line.stream, "stdout"), line.at_ns // 1_000_000) for line in batch.lines)
    return Chunk(batch.cursor, tuple(lines))


async def follow_log(address: str, engine_id: str, since: str | None) -> AsyncGenerator[Chunk, None]:
    """Lines after ``since`` as they are written. A container that has ended may be started again, so this goes on
    looking until the container is removed, which raises Missing. Unavailable when the engine breaks off.
    """
    cursor = since
    async with connect(address) as engine:
        while True:
            run = (await engine.get_container(engine_id)).started_at
            async with aclosing(_batches(engine, engine_id, cursor=cursor)) as batches:
                async for batch in batches:
                    cursor = batch.cursor
                    yield chunk_of(batch)
            await _started_again(engine, engine_id, run)


async def _started_again(engine: Engine, engine_id: str, run: str | None) -> None:
    """Return when the container runs, or has run, since the start that ``run`` names."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        fact = await engine.get_container(engine_id)
        if fact.state in ALIVE or fact.started_at != run:
            return


def _batches(
    engine: Engine, engine_id: str, *, cursor: str | None = None, follow: bool = True
) -> AsyncGenerator[LogBatch, None]:
    # the gateway promises an iterator; it is a generator, and its connection must not outlive the reader
    return cast("AsyncGenerator[LogBatch, None]", engine.logs(engine_id, cursor=cursor, follow=follow))


async def log_piece(address: str, engine_id: str, since: str | None) -> Chunk:
    """What there is after ``since`` now, up to about POLL_BYTES."""
    cursor, lines, size_bytes = since or "", list[Line](), 0
    async with connect(address) as engine, aclosing(_batches(engine, engine_id, cursor=since, follow=False)) as batches:
        async for batch in batches:
            chunk = chunk_of(batch)
            cursor, size_bytes = chunk.cursor, size_bytes + chunk.size_bytes
            lines += chunk.lines
            if size_bytes >= POLL_BYTES:
                break
    return Chunk(cursor, tuple(lines))


async def whole_log(address: str, engine_id: str) -> AsyncGenerator[str, None]:
    async with connect(address) as engine, aclosing(_batches(engine, engine_id, follow=False)) as batches:
        async for batch in batches:
            yield "".join(f"{line.text}\n" for line in batch.lines)
