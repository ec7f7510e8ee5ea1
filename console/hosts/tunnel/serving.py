"""The console's end: for as long as a host's agent calls, its engine is a unix socket of this machine.

It lies at ``NARU_RUN/hosts/<pk>.sock``, where only the console's own user gets in, and leads to that host's engine for
every process of the console, whichever of them the agent has reached. A later tunnel puts its socket over it.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from console.hosts.tunnel.addresses import socket_path
from console.hosts.tunnel.streams import HIGH_WATER, Ends
from console.hosts.tunnel.wire import Wire

BACKLOG = 512


@asynccontextmanager
async def offered(host_pk: int, wire: Wire) -> AsyncIterator[None]:
    """Connections to the host's socket go through ``wire`` in the block."""
    path = socket_path(host_pk)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    carried: set[asyncio.Task[None]] = set()

    async def carry(ends: Ends) -> None:
        # a tunnel that is gone ends its streams; that they end is what their owners see
        with contextlib.suppress(OSError):
            await wire.carry(ends)

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(carry(Ends(reader, writer)))
        carried.add(task)
        task.add_done_callback(carried.discard)

    # bound aside and moved into place, so that there is never a moment without one while agents change
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    listening = await asyncio.start_unix_server(connected, aside, limit=HIGH_WATER, backlog=BACKLOG)
    mine = aside.stat().st_ino
    aside.rename(path)
    try:
        yield
    finally:
        listening.close()
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == mine:
                path.unlink()
        await wire.close()
        for task in list(carried):
            task.cancel()
        await asyncio.gather(*carried, return_exceptions=True)
