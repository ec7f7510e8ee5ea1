"""A container's files in and out: ``docker cp``, ``export`` and ``diff``, whatever the container does meanwhile."""

import asyncio
import contextlib
import errno
import os
import stat
from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import Any

from engine.containers.lifecycle import Lifecycle
from engine.containers.outgoing import Write, outgoing
from engine.containers.parts import Parts
from engine.containers.paths import ContainerPath
from engine.containers.registry import Registry
from engine.containers.shown_mounts import mount_at
from engine.containers.views import Views, Writable
from engine.host.archive_tree import write_located, write_tree
from engine.host.confined import NoDestination, Unpacked, copy_into
from engine.host.inroot import Located, followed, located
from engine.host.tree_changes import tree_changes
from engine.model.container import Container
from engine.model.errors import Conflict, Denied, Invalid, Missing, Unavailable
from engine.model.files import FileChange, PathStat
from engine.oci.confinement import confinement
from engine.oci.user import resolve_user


class Files:
    def __init__(self, parts: Parts, *, registry: Registry, lifecycle: Lifecycle, views: Views) -> None:
        self._parts = parts
        self._registry = registry
        self._lifecycle = lifecycle
        self._views = views

    async def stat(self, name: str, path: str) -> PathStat:
        """Raises Missing, in Docker's words, when the container or the file is not there."""
        container, wanted = self._registry.get(name), ContainerPath.parse(path)
        with told(path, name):
            async with self._views.reading(container, is_whole=True) as root:
                return await asyncio.to_thread(path_stat, root, wanted)

    @contextlib.asynccontextmanager
    async def archive(self, name: str, path: str) -> AsyncIterator[tuple[PathStat, AsyncIterator[bytes]]]:
        """What is at ``path``, and a tar of it and all below it. Raises as ``stat`` does, before the first chunk.

        A symlink is archived itself, unless ``path`` ends in a slash.
        """
        container, wanted = self._registry.get(name), ContainerPath.parse(path)
        with told(path, name):
            async with self._views.reading(container, is_whole=True) as root:
                found = await asyncio.to_thread(path_stat, root, wanted)
                self._lifecycle.emit("archive-path", container)
                async with outgoing(lambda write: write_archive(root, wanted, write)) as chunks:
                    yield found, chunks

    async def extract(
        self, name: str, path: str, chunks: AsyncIterable[bytes], *, keep_kinds: bool, give_to_user: bool
    ) -> None:
        """Unpack a tar, compressed or not, into the directory ``path``, which a running container sees at once.

        ``keep_kinds``: a directory is not replaced by something else, nor the other way round. ``give_to_user``: all
        of it belongs to the user that the container runs as, if it names one. Raises Missing, Denied and Invalid in
        Docker's words; what was unpacked until then stays, as under Docker.
        """
        container, wanted = self._registry.get(name), ContainerPath.parse(path)
        await self._check_writable(container, wanted)
        with told(path, name):
            async with self._views.writing(container.id) as view:
                owner = await asyncio.to_thread(_user, container, view.root) if give_to_user else None
                work = copy_into(
                    view.root,
                    chunks,
                    destination=wanted.whole,
                    owner=owner,
                    keep_kinds=keep_kinds,
                    shown=[(one.source, one.destination) for one in view.shown],
                    pidfd=view.pidfd,
                )
                await _unless_over(work, view, container)
        self._lifecycle.emit("extract-to-dir", container)

    async def _check_writable(self, container: Container, wanted: ContainerPath) -> None:
        """Raises Denied. What is not there is told first, as Docker does."""
        is_sealed = confinement(container.spec, bounding=self._parts.machine.bounding).root_read_only
        if not is_sealed and not any(mount.read_only for mount in container.spec.mounts):
            return
        with told(wanted.whole, container.name):
            async with self._views.reading(container, is_whole=True) as root:
                await asyncio.to_thread(path_stat, root, wanted)
                where = await asyncio.to_thread(followed, root, wanted.whole)
        mount = mount_at(container, where)
        if mount is not None and mount.read_only:
            raise Denied("mounted volume is marked read-only")
        if mount is None and is_sealed:
            raise Denied("container rootfs is marked read-only")

    @contextlib.asynccontextmanager
    async def export(self, name: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """A tar of the whole root file system."""
        container = self._registry.get(name)
        with told("/", name):
            async with self._views.reading(container) as root:
                self._lifecycle.emit("export", container)
                async with outgoing(lambda write: write_tree(root, write)) as chunks:
                    yield chunks

    async def changes(self, name: str) -> list[FileChange]:
        """Since the image."""
        container = self._registry.get(name)
        upper = self._parts.config.upper(container.id)
        with told("/", name):
            async with self._views.below(container) as below:
                return await asyncio.to_thread(tree_changes, upper, below)


def path_stat(root: Path, wanted: ContainerPath) -> PathStat:
    with located(root, wanted.directory, wanted.base) as found:
        _check_kind(found, wanted)
        status = found.status
        is_link = stat.S_ISLNK(status.st_mode)
        return PathStat(
            name=wanted.name,
            size_bytes=status.st_size,
            mode=status.st_mode,
            mtime_ns=status.st_mtime_ns,
            link_target=followed(root, wanted.whole) if is_link else "",
        )


def write_archive(root: Path, wanted: ContainerPath, write: Write) -> None:
    with located(root, wanted.directory, wanted.base) as found:
        _check_kind(found, wanted)
        write_located(found, os.fsencode(wanted.name), write)


def _check_kind(found: Located, wanted: ContainerPath) -> None:
    if wanted.is_directory and not stat.S_ISDIR(found.status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def _user(container: Container, root: Path) -> tuple[int, int] | None:
    if not container.spec.user:
        return None
    user = resolve_user(container.spec.user, rootfs=root)
    return user.uid, user.gid


async def _unless_over(work: Coroutine[Any, Any, Unpacked], view: Writable, container: Container) -> None:
    """``work`` to its end. It ends early, with Conflict, when the container does: its files are unmounted then."""
    if view.over is None:
        await work
        return
    task, over = asyncio.create_task(work), asyncio.ensure_future(view.over.exit())
    try:
        await asyncio.wait((task, over), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Conflict(f"container {container.name} ended while files were copied into it")
        task.result()
    finally:
        over.cancel()
        task.cancel()
        await asyncio.wait((task, over))


@contextlib.contextmanager
def told(path: str, name: str) -> Iterator[None]:
    """What the file system says about a client's path, as the client is to hear it."""
    path = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        yield
    except ConnectionError:
        raise  # the client's doing
    except (FileNotFoundError, NoDestination) as error:
        raise Missing(f"Could not find the file {path} in container {name}") from error
    except NotADirectoryError as error:
        raise Invalid(f"{path}: not a directory") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Invalid(f"{path}: too many levels of symbolic links") from error
        raise Unavailable(f"{path}: {error.strerror}") from error
