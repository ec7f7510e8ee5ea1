"""What one container uses, for readers who look at it now: each second, or a piece of it at once.

A line is JSON, in the order of ``hosts.stats.Use.as_list``. A cursor holds the counters of the last sample, so that
whoever goes on from it, by either road, is told what was used since. What a reader has missed while it was away comes
from the ring, a sample for each ten seconds.
"""

import asyncio
import json
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing

from console.hosts.gateway import connect
from console.hosts.stats import Counters, Use, follow_counters, read_counters, use_between
from console.live.topics import Chunk, Line
from console.stats.latest import container_ring
from console.stats.rings import FINE, Sample

LOOK_EVERY_S = 1.0
MISSED_AFTER_S = 2 * FINE.step_s


def line_of(use: Use) -> Line:
    return Line(json.dumps(use.as_list(), separators=(",", ":")), "use", use.at_ms)


async def follow_use(address: str, engine_id: str, since: str | None, *, host_name: str) -> AsyncGenerator[Chunk, None]:
    """Samples as they come. Goes on while the container does not run; Missing once it is removed, Unavailable when
    the engine breaks off, Invalid for a cursor that is none.
    """
    before = Counters.parse(since) if since else None
    async with connect(address) as engine:
        while True:
            async with aclosing(follow_counters(engine, engine_id)) as found:
                async for now in found:
                    if now is None or (before is not None and now.at_ms <= before.at_ms):
                        continue
                    missed = await asyncio.to_thread(_missed, host_name, engine_id, before, now)
                    if missed:
                        yield Chunk(now.cursor, (*missed, line_of(use_between(None, now))))
                    else:
                        yield Chunk(now.cursor, (line_of(use_between(before, now)),))
                    before = now
            # Missing when that was its end
            await engine.get_container(engine_id)
            await asyncio.sleep(LOOK_EVERY_S)


async def use_piece(address: str, engine_id: str, since: str | None, *, host_name: str) -> Chunk:
    """One sample of this moment, and what was missed before it; none while the container does not run."""
    before = Counters.parse(since) if since else None
    async with connect(address) as engine:
        now = await read_counters(engine, engine_id)
    if now is None or (before is not None and now.at_ms <= before.at_ms):
        return Chunk(since or "")
    missed = await asyncio.to_thread(_missed, host_name, engine_id, before, now)
    return Chunk(now.cursor, (*missed, line_of(use_between(None if missed else before, now))))


def _missed(host_name: str, engine_id: str, before: Counters | None, now: Counters) -> list[Line]:
    if before is None or now.at_ms - before.at_ms < MISSED_AFTER_S * 1000:
        return []
    samples = container_ring(host_name, engine_id).read(0, before.at_ms // 1000, now.at_ms // 1000)
    return [_line_of_sample(sample) for sample in samples]


def _line_of_sample(sample: Sample) -> Line:
    told = [None if math.isnan(value) else round(value, 2) for value in sample.values[:8]]
    return Line(json.dumps(told, separators=(",", ":")), "use", sample.at_s * 1000)
