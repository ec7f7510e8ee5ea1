"""File systems and containers for the builder: made for one instruction, never listed, never on record, then gone.

If the engine is killed, what is left of them belongs to no record, and the next engine's recovery removes it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.containers.chores import Chores
from engine.containers.creation import make_directories
from engine.containers.ending import Ending
from engine.containers.lifecycle import Lifecycle
from engine.containers.log_file import raw_output
from engine.containers.names import new_id
from engine.containers.open_logs import OpenLogs
from engine.containers.parts import Parts
from engine.containers.registry import Registry
from engine.containers.startup import make_run_dirs
from engine.containers.teardown import Teardown
from engine.containers.waiting import WaitCondition, Waiters
from engine.host import mounts
from engine.model.container import Container, ContainerSpec
from engine.model.digest import Digest
from engine.model.errors import Unavailable

OnOutput = Callable[[int, bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scratch:
    """``rootfs`` is the merged view, ``upper`` what was changed in it; owners are those of the image."""

    rootfs: Path
    upper: Path


class Step:
    """One program to run over an image's layers."""

    def __init__(
        self, container: Container, *, upper: Path, run: Callable[[Container, OnOutput], Awaitable[int]]
    ) -> None:
        self.container = container
        self.id = container.id
        self.upper = upper
        self._run = run

    async def run(self, on_output: OnOutput) -> int:
        """Its exit code. All output was given to ``on_output`` (1 or 2, and bytes) and ``upper`` is whole by then.

        Raises StartFailed when the program cannot be run.
        """
        return await self._run(self.container, on_output)


class Steps:
    def __init__(
        self,
        parts: Parts,
        *,
        registry: Registry,
        lifecycle: Lifecycle,
        ending: Ending,
        teardown: Teardown,
        waiters: Waiters,
        chores: Chores,
        logs: OpenLogs,
        now: Callable[[], datetime],
    ) -> None:
        self._parts = parts
        self._config = parts.config
        self._registry = registry
        self._lifecycle = lifecycle
        self._ending = ending
        self._teardown = teardown
        self._waiters = waiters
        self._chores = chores
        self._logs = logs
        self._now = now

    @contextlib.asynccontextmanager
    async def step(self, spec: ContainerSpec, layers: tuple[Digest, ...]) -> AsyncIterator[Step]:
        container_id = new_id()
        container = Container(
            id=container_id,
            name=f"step-{container_id[:12]}",
            spec=spec,
            created_at=self._now(),
            layers=layers,
            hidden=True,
        )
        try:
            await asyncio.to_thread(make_directories, container, self._config, self._parts.layers)
            await self._registry.save(container)
            yield Step(container, upper=self._config.upper(container_id), run=self._run)
        finally:
            await self._finish(self._erase(container_id), what="remove a build step")

    async def _run(self, container: Container, on_output: OnOutput) -> int:
        over = self._waiters.register(container.id, WaitCondition.NEXT_EXIT)
        reader = self._logs.read(container.id, holds=True)
        try:
            await self._lifecycle.start(container.id)
            async with contextlib.aclosing(reader.pieces(raw_output, until_over=over)) as pieces:
                async for piece in pieces:
                    for stream, output in piece:
                        await on_output(stream, output)
            ended = await over.exit()
            await self._lifecycle.settled(container.id)
        finally:
            over.cancel()
            reader.close()
        if ended.error:
            raise Unavailable(ended.error)
        return ended.code

    async def _erase(self, container_id: str) -> None:
        """Also while it still runs: a build was cancelled."""
        if self._registry.find_id(container_id) is not None:
            await self._ending.remove(container_id, force=True, with_volumes=True)
        else:
            await self._teardown.erase(container_id, with_volumes=True)

    @contextlib.asynccontextmanager
    async def scratch(self, layers: tuple[Digest, ...]) -> AsyncIterator[Scratch]:
        container_id = new_id()
        try:
            await asyncio.to_thread(self._mount_scratch, container_id, layers)
            yield Scratch(self._config.rootfs(container_id), self._config.upper(container_id))
        finally:
            await self._finish(self._clear(container_id), what="remove a scratch")

    def _mount_scratch(self, container_id: str, layers: tuple[Digest, ...]) -> None:
        config = self._config
        lowers = self._parts.layers.lowers(layers)
        make_run_dirs(config.container_dir(container_id), config.bundle(container_id), config.rootfs(container_id))
        for path in (config.upper(container_id), config.work(container_id)):
            path.mkdir(mode=0o755)
        mounts.mount_overlay(
            config.rootfs(container_id),
            storage_root=config.data_root,
            lowers=lowers,
            upper=config.upper(container_id),
            work=config.work(container_id),
            volatile=True,
            nosuid=True,
            nodev=True,
        )

    async def _clear(self, container_id: str) -> None:
        await self._teardown.take_down(container_id)
        await self._teardown.erase(container_id, with_volumes=True)

    async def _finish(self, work: Coroutine[Any, Any, None], *, what: str) -> None:
        """Wait for the clean-up; when we are cancelled meanwhile it goes on, owned by the chores."""
        await asyncio.shield(self._chores.start(work, what=what))
