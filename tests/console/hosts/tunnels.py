"""Two ends of a tunnel in one event loop, and an engine that answers as it is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from console.hosts.tunnel.calling import engine_at
from console.hosts.tunnel.streams import HIGH_WATER, Ends
from console.hosts.tunnel.wire import Wire

Answers = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Tunnel:
    """``path`` is the socket that stands for the engine; ``console`` and ``agent`` are the ends."""

    path: Path
    console: Wire
    agent: Wire
    ended: list[BaseException]

    async def connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self.path)


@asynccontextmanager
async def serving(path: Path, serve: Answers) -> AsyncIterator[None]:
    """Each connection is served until it is, or the block is left, and closed then."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                await serve(reader, writer)
        finally:
            writer.transport.abort()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(one(reader, writer)))

    server = await asyncio.start_unix_server(connected, path, limit=HIGH_WATER, backlog=512)
    try:
        yield
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def bring(messages: asyncio.Queue[bytes], to: Wire) -> None:
    while True:
        to.take(await messages.get())


@asynccontextmanager
async def tunnel(folder: Path, answers: Answers) -> AsyncIterator[Tunnel]:
    to_agent: asyncio.Queue[bytes] = asyncio.Queue(8)
    to_console: asyncio.Queue[bytes] = asyncio.Queue(8)
    console = Wire(to_agent.put)
    agent = Wire(to_console.put, opens=lambda: engine_at(f"unix://{folder / 'engine.sock'}"))
    found = Tunnel(folder / "host.sock", console, agent, [])
    work = (bring(to_agent, agent), bring(to_console, console), console.keep(), agent.keep())
    tasks = [asyncio.create_task(one) for one in work]
    engine = serving(folder / "engine.sock", answers)
    async with engine, serving(found.path, lambda *ends: console.carry(Ends(*ends))):
        try:
            yield found
        finally:
            found.ended += [error for task in tasks if task.done() and (error := task.exception())]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await console.close()
            await agent.close()
