"""Backups of volumes: taken while nobody writes to them, and brought back as new ones."""

import contextlib
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path

from engine.containers.lifecycle import Lifecycle
from engine.containers.names import new_id
from engine.containers.outgoing import outgoing
from engine.containers.parts import Parts
from engine.containers.registry import Registry
from engine.host.confined import unpack_into
from engine.model.container import Container, Status
from engine.model.errors import Conflict
from engine.model.volume import Volume
from engine.volumes.backup import checked, write_backup


class VolumeBackups:
    def __init__(self, parts: Parts, *, registry: Registry, lifecycle: Lifecycle) -> None:
        self._volumes = parts.volumes
        self._registry = registry
        self._lifecycle = lifecycle

    @contextlib.asynccontextmanager
    async def export(self, name: str, *, pause: bool) -> AsyncIterator[AsyncIterator[bytes]]:
        """Raises Missing, and Conflict naming the containers that write to it, unless ``pause`` stops them meanwhile.

        No container begins to write to it within the block.
        """
        view_id = new_id()
        async with contextlib.AsyncExitStack() as undo:
            undo.enter_context(self._volumes.held_still(name))
            for container in self._writers(name, pause=pause):
                await undo.enter_async_context(self._lifecycle.quiet(container.id, pause=True))
            undo.push_async_callback(self._volumes.unmount, view_id)
            await self._volumes.mount(name, view_id, read_only=True)
            directory = self._volumes.path(name)
            yield await undo.enter_async_context(outgoing(lambda write: write_backup(directory, write)))

    async def bring_back(self, name: str, chunks: AsyncIterable[bytes]) -> Volume:
        """Raises Conflict when ``name`` is taken, Invalid and TooLarge for what is no backup; then nothing is made."""

        async def fill(directory: Path) -> None:
            await unpack_into(directory, checked(chunks), compression="zstd")

        return await self._volumes.create_with(name, fill)

    def _writers(self, name: str, *, pause: bool) -> list[Container]:
        found = [self._registry.get_id(container_id) for container_id in self._volumes.users(name)]
        writers = [container for container in found if _writes(container, name)]
        if writers and not pause:
            names = ", ".join(container.name for container in writers)
            raise Conflict(
                f"volume {name} is written to by running containers: {names}; stop them, or ask with pause=1"
            )
        return writers


def _writes(container: Container, name: str) -> bool:
    """A container that restarts soon will not get the volume while it is held still."""
    return container.status is Status.RUNNING and any(
        mount.volume == name and not mount.read_only for mount in container.spec.mounts
    )
