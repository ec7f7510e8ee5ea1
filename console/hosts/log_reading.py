"""Logs of containers from their engines, by cursor: of those that are there, and of those whose log was kept.

Our engine keeps the log of a container that is removed, for a while (``GET /naru/logs``); others do not.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import aiohttp

from console.hosts.facts import log_since
from console.hosts.files import is_own
from console.hosts.gateway import RUNNING, Engine, connect
from console.hosts.logs import LogBatch, LogCursor, LogReader
from console.operations.errors import ConsoleError, Missing

PATIENCE_S = 4.0
MOST_LISTED = 1000
HOSTS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class KeptLog:
    """``exit_code`` and times are those of the container's last run; None for what never was."""

    engine_id: str
    name: str
    labels: dict[str, str]
    finished_at: datetime | None
    removed_at: datetime
    exit_code: int
    has_tty: bool
    size_bytes: int

    @classmethod
    def of(cls, told: dict[str, Any]) -> Self:
        finished = str(told["finished"])
        return cls(
            engine_id=str(told["id"]),
            name=str(told["name"]),
            labels=dict(told["labels"]),
            finished_at=None if finished.startswith("0001-") else datetime.fromisoformat(finished),
            removed_at=datetime.fromisoformat(str(told["removed"])),
            exit_code=int(told["exitCode"]),
            has_tty=bool(told["tty"]),
            size_bytes=int(told["bytes"]),
        )


@dataclass(frozen=True, slots=True)
class LogSource:
    """Where a container's log is read. ``run`` names its latest start; ``is_over``: nothing is written to it now."""

    path: str
    has_tty: bool
    is_over: bool
    run: str | None = None
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class KeptLogs:
    """What a host keeps. ``is_able``: its engine is one that does; ``why`` says why it could not be asked."""

    logs: dict[str, KeptLog] = field(default_factory=dict)
    is_able: bool = True
    why: str = ""


async def find_log(engine: Engine, engine_id: str) -> LogSource:
    """Raises Missing when the container is gone and its log was not kept."""
    try:
        fact = await engine.get_container(engine_id)
    except Missing:
        kept = (await list_kept_logs(engine, [engine_id])).get(engine_id)
        if kept is None:
            raise
        return LogSource(f"naru/logs/{engine_id}", kept.has_tty, is_over=True, is_kept=True)
    path = f"containers/{engine_id}/logs"
    return LogSource(path, fact.has_tty, is_over=fact.state not in RUNNING, run=fact.started_at)


async def read_log(
    engine: Engine, source: LogSource, *, cursor: str | None = None, follow: bool = False
) -> AsyncGenerator[LogBatch, None]:
    """The log after ``cursor`` (None: from the start), in batches, each with the cursor that lies behind it.

    With ``follow`` it goes on until the container ends. Ends only when the log really has: a connection that breaks
    raises Unavailable, after which the caller resumes with its last cursor and misses nothing.
    """
    position = LogCursor.parse(cursor)
    wanted = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": str(int(follow))}
    reader = LogReader(position, has_tty=source.has_tty)
    async with (
        engine.stream(source.path, params={**wanted, **log_since(position.at_ns)}) as response,
        aclosing(_chunks(response)) as chunks,
    ):
        async for chunk in chunks:
            batch = reader.feed(chunk)
            if batch.lines:
                yield batch
    # a container that runs may still end the line that it has begun
    last = reader.close(is_final=follow or source.is_over, now_ns=time.time_ns())
    if last.lines or not follow:
        yield last


async def list_kept_logs(engine: Engine, engine_ids: Iterable[str] = ()) -> dict[str, KeptLog]:
    """By container id: all, or of these. None on an engine that is not ours."""
    filters = {"id": sorted(engine_ids)} if engine_ids else {}
    params = {"filters": json.dumps(filters), "limit": str(MOST_LISTED)}
    try:
        told = await engine.json("naru/logs", params=params, timeout_s=PATIENCE_S)
    except Missing:
        return {}
    found = [KeptLog.of(each) for each in told or []]
    return {kept.engine_id: kept for kept in found}


async def kept_logs_of(wanted: dict[str, list[str]]) -> dict[str, KeptLogs]:
    """By engine address, of the containers with these ids. Raises nothing: a page shows what there is."""
    room = asyncio.Semaphore(HOSTS_AT_ONCE)

    async def one(address: str, engine_ids: list[str]) -> KeptLogs:
        try:
            async with room, connect(address) as engine:
                found = await list_kept_logs(engine, engine_ids)
                return KeptLogs(found, is_able=bool(found) or await is_own(engine))
        except ConsoleError as error:
            return KeptLogs(why=str(error))

    answers = await asyncio.gather(*(one(address, engine_ids) for address, engine_ids in wanted.items()))
    return dict(zip(wanted, answers, strict=True))


async def _chunks(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """What has come, as it comes."""
    async for chunk in response.content.iter_any():
        yield chunk
