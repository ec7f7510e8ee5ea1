"""Containers held stopped while what they write to is read or written over. For handlers of jobs: no database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from console.hosts.gateway import Engine
from console.jobs.agent.run import JobRun
from console.operations.errors import ConsoleError

STOP_S = 10


@asynccontextmanager
async def stopped(run: JobRun, engine: Engine, containers: Sequence[str]) -> AsyncIterator[None]:
    """These do not run while the block lasts, and run again after it, whatever came of it. Which ones they are was
    written down when the job was asked for, so an attempt after a lost one starts them too.
    """
    for container in containers:
        await engine.stop_container(container, timeout_s=STOP_S)
        await run.write(f"Stopped container {container[:12]}.\n")
    try:
        yield
    finally:
        await asyncio.shield(_start_again(run, engine, containers))


async def _start_again(run: JobRun, engine: Engine, containers: Sequence[str]) -> None:
    for container in containers:
        try:
            await engine.start_container(container)
            await run.write(f"Started container {container[:12]} again.\n")
        except ConsoleError as error:
            await run.write(f"Container {container[:12]} could not be started again: {error}\n")
