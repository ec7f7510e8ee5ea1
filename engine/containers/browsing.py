"""Looking around in a container's files: what a directory holds, what was changed and by how much, what was before.

What Docker's API has for this are archives, which cost as much as all that lies below a path.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from engine.containers.files import path_stat, told, write_archive
from engine.containers.outgoing import outgoing
from engine.containers.parts import Parts
from engine.containers.paths import ContainerPath
from engine.containers.registry import Registry
from engine.containers.views import Views
from engine.host.directories import listed_directory, sized
from engine.host.tree_changes import tree_changes
from engine.model.files import ListedDirectory, PathStat, SizedChange
from engine.oci.user import names_of_ids


class Browsing:
    def __init__(self, parts: Parts, *, registry: Registry, views: Views) -> None:
        self._parts = parts
        self._registry = registry
        self._views = views

    async def files(self, name: str, path: str, *, limit: int) -> ListedDirectory:
        """What the directory holds, the first ``limit`` of it, with what is mounted in the container.

        Links on the way are followed, inside the container. Raises Missing and Invalid (not a directory).
        """
        container, wanted = self._registry.get(name), ContainerPath.parse(path)
        with told(path, name):
            async with self._views.reading(container, is_whole=True) as root:
                names = await asyncio.to_thread(names_of_ids, root)
                return await asyncio.to_thread(listed_directory, root, wanted.whole, limit=limit, names=names)

    async def changes(self, name: str, *, limit: int) -> tuple[list[SizedChange], int]:
        """What was changed since the image, the first ``limit`` of it with sizes, and how much it is in all."""
        container = self._registry.get(name)
        upper = self._parts.config.upper(container.id)
        with told("/", name):
            async with self._views.below(container) as below:
                found = await asyncio.to_thread(tree_changes, upper, below)
                return await asyncio.to_thread(sized, found[:limit], upper=upper, below=below), len(found)

    @contextlib.asynccontextmanager
    async def image_archive(self, name: str, path: str) -> AsyncIterator[tuple[PathStat, AsyncIterator[bytes]]]:
        """As Files.archive, of what the container's image has there."""
        container, wanted = self._registry.get(name), ContainerPath.parse(path)
        with told(path, name):
            async with self._views.below(container) as root:
                found = await asyncio.to_thread(path_stat, root, wanted)
                async with outgoing(lambda write: write_archive(root, wanted, write)) as chunks:
                    yield found, chunks
