"""A container's file system as others than the container see it: owners as on disk, no /proc, no tmpfs.

For reading, a mount of its own over the same layers, the writable one included, which it cannot change: the container
runs, starts and stops meanwhile as it likes. For writing, the container's own mount while it runs (an upper directory
can have but one writable mount), else a mount that lasts as long as the container is held still.

Nothing in here protects from a container that moves files about: whoever reads or writes goes by ``host.inroot``,
or in a process that is chrooted.

If the engine is killed, what is left of a view belongs to no record, and the next engine's recovery removes it.
"""

import asyncio
import contextlib
import os
import shutil
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.containers.chores import Chores
from engine.containers.etc_files import ETC_FILES
from engine.containers.lifecycle import Lifecycle
from engine.containers.names import new_id
from engine.containers.parts import Parts
from engine.containers.registry import Registry
from engine.containers.shown_mounts import Shown, ShownMounts, has_shown_mounts
from engine.containers.startup import make_run_dirs
from engine.containers.teardown import remove_unmounted
from engine.containers.waiting import WaitCondition, Waiter, Waiters
from engine.host import mounts, processes
from engine.host.inroot import open_in_root
from engine.model.container import Container, ProcessIdentity, Status
from engine.model.digest import Digest
from engine.model.errors import Conflict, EngineError, Missing


@dataclass(frozen=True, slots=True)
class Writable:
    """``root`` has the container's owners shifted exactly when ``pidfd`` names a process in its user namespace.

    ``over`` is there for a running one: then it ends, and what is written after that may come to nothing.
    """

    root: Path
    shown: tuple[Shown, ...]
    pidfd: int | None = None
    over: Waiter | None = None


class Views:
    def __init__(
        self, parts: Parts, *, registry: Registry, lifecycle: Lifecycle, waiters: Waiters, chores: Chores
    ) -> None:
        self._parts = parts
        self._config = parts.config
        self._registry = registry
        self._lifecycle = lifecycle
        self._waiters = waiters
        self._chores = chores
        self._mounts = ShownMounts(parts)

    def _etc_files(self, container: Container) -> tuple[Shown, ...]:
        """What the engine puts over the root file system.

        Docker shows a container's hosts, hostname and resolv.conf from its first start on.
        """
        if container.started_at is None:
            return ()
        etc = self._config.etc(container.id)
        return tuple(Shown(etc / name, f"/etc/{name}") for name in ETC_FILES)

    @contextlib.asynccontextmanager
    async def reading(self, container: Container, *, is_whole: bool = False) -> AsyncIterator[Path]:
        """Read-only; ``is_whole``: with what is mounted in it.

        Raises Missing at the end of the block when the container was removed meanwhile.
        """
        view_id = new_id()
        async with contextlib.AsyncExitStack() as undo:
            if is_whole and has_shown_mounts(container):
                await self._make_places(container)
                await undo.enter_async_context(self._mounts.available(container, view_id=view_id, read_only=True))
            undo.enter_context(self._parts.layers.pin(container.layers))
            mounted = self._mounted(view_id, lambda: self._mount_reading(view_id, container, is_whole=is_whole))
            yield await undo.enter_async_context(mounted)
            self.check_there(container)

    async def _make_places(self, container: Container) -> None:
        """The first start makes the directories that volumes are mounted on: until then there may be none."""
        if container.started_at is not None:
            return
        async with self._lifecycle.held_still(container.id):
            current = self._registry.get_id(container.id)
            if current.started_at is None:
                view_id = new_id()
                async with self._mounted(view_id, lambda: self._mount_writing(view_id, current)) as root:
                    await asyncio.to_thread(self._mounts.make_places, current, root)

    @contextlib.asynccontextmanager
    async def below(self, container: Container) -> AsyncIterator[Path]:
        """Read-only: the layers of its image alone."""
        async with self.layers(container.layers) as root:
            yield root
            self.check_there(container)

    @contextlib.asynccontextmanager
    async def layers(self, layers: tuple[Digest, ...]) -> AsyncIterator[Path]:
        """Read-only: an image."""
        view_id = new_id()
        with self._parts.layers.pin(layers):
            lowers = self._parts.layers.lowers(layers)
            async with self._mounted(view_id, lambda: self._mount(view_id, lowers)) as root:
                yield root

    @contextlib.asynccontextmanager
    async def writing(self, container_id: str) -> AsyncIterator[Writable]:
        """One that does not run cannot be started or removed within the block."""
        async with contextlib.AsyncExitStack() as undo:
            if not self._registry.get_id(container_id).is_running:
                await undo.enter_async_context(self._lifecycle.held_still(container_id))
            container = self._registry.get_id(container_id)
            if container.is_running:
                await undo.aclose()  # it may have started while we waited for our turn
                yield undo.enter_context(self._own_mount(container))
            else:
                view_id = new_id()
                await undo.enter_async_context(self._mounts.available(container, view_id=view_id, read_only=False))
                mounted = self._mounted(view_id, lambda: self._mount_whole(view_id, container))
                yield Writable(await undo.enter_async_context(mounted), self._etc_files(container))

    def check_there(self, container: Container) -> None:
        """Raises Missing when ``container`` was removed, or is about to be: then its files may be gone half."""
        current = self._registry.find_id(container.id)
        if current is None or current.status is Status.REMOVING:
            raise Missing(f"No such container: {container.id}")

    @contextlib.contextmanager
    def _own_mount(self, container: Container) -> Iterator[Writable]:
        over = self._waiters.register(container.id, WaitCondition.NEXT_EXIT)
        pidfd = None
        try:
            if container.uid_base is not None and container.process is not None:
                pidfd = _pidfd(container, container.process)
            shown = (*self._mounts.laid_down(container), *self._etc_files(container))
            yield Writable(self._config.rootfs(container.id), shown, pidfd, over)
        finally:
            over.cancel()
            if pidfd is not None:
                os.close(pidfd)

    @contextlib.asynccontextmanager
    async def _mounted(self, view_id: str, mount: Callable[[], None]) -> AsyncIterator[Path]:
        mounting = asyncio.ensure_future(asyncio.to_thread(mount))
        try:
            await asyncio.shield(mounting)
            yield self._config.rootfs(view_id)
        finally:
            # when we are cancelled meanwhile it goes on, owned by the chores
            await asyncio.shield(self._chores.start(self._clear(view_id, mounting), what="unmount a view"))

    async def _clear(self, view_id: str, mounting: "asyncio.Future[None]") -> None:
        await asyncio.wait([mounting])
        mounting.exception()  # told to the one who asked for the view
        await asyncio.to_thread(self._unmount, view_id)

    def _mount_reading(self, view_id: str, container: Container, *, is_whole: bool) -> None:
        root, lowers = self._config.rootfs(view_id), self._parts.layers.lowers(container.layers)
        self._mount(view_id, [self._config.upper(container.id), *lowers])
        if is_whole:
            self._mounts.attach(container, root)
            for one in self._etc_files(container):
                _show(root, one, copies=self._config.bundle(view_id))

    def _mount_whole(self, view_id: str, container: Container) -> None:
        self._mount_writing(view_id, container)
        root = self._config.rootfs(view_id)
        self._mounts.make_places(container, root)
        self._mounts.attach(container, root)

    def _mount_writing(self, view_id: str, container: Container) -> None:
        config = self._config
        lowers = self._parts.layers.lowers(container.layers)
        self._mount(view_id, lowers, upper=config.upper(container.id), work=config.work(container.id))

    def _mount(
        self, view_id: str, lowers: Sequence[Path], *, upper: Path | None = None, work: Path | None = None
    ) -> None:
        root = self._config.rootfs(view_id)
        make_run_dirs(self._config.bundle(view_id), root)
        mounts.mount_overlay(
            root,
            storage_root=self._config.data_root,
            lowers=lowers,
            upper=upper,
            work=work,
            read_only=upper is None,
            nosuid=True,
            nodev=True,
        )

    def _unmount(self, view_id: str) -> None:
        root = self._config.rootfs(view_id)
        for point in mounts.mounts_below(root)[:-1]:  # all but itself
            mounts.unmount(point, lazy=True)
        try:
            mounts.unmount(root)  # of a writable one, this writes back what it holds
        except EngineError:  # someone looks into it: it goes when they leave
            mounts.unmount(root, lazy=True)
        remove_unmounted(self._config.bundle(view_id))


def _pidfd(container: Container, process: ProcessIdentity) -> int:
    try:
        return processes.open_pidfd(process)
    except Missing as error:
        raise Conflict(f"container {container.name} is ending: its files can be written when it has ended") from error


def _show(root: Path, shown: Shown, *, copies: Path) -> None:
    """Over the plain file that is there, if one is. A copy: the original has the container's owner, shifted."""
    try:
        target = open_in_root(root, shown.destination, os.O_PATH)
    except OSError:
        return  # the image or the container has something else there
    try:
        if not stat.S_ISREG(os.fstat(target).st_mode):
            return
        copy = copies / shown.source.name
        shutil.copy2(shown.source, copy)
        mounts.bind(copy, Path(f"/proc/self/fd/{target}"))
    finally:
        os.close(target)
