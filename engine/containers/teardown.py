"""Taking down what a start put up, from any half-way point, and knowing what was left by an engine that was killed."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from engine.containers.kept_logs import KeptLogs
from engine.containers.owner_ranges import OwnerRanges
from engine.containers.parts import Parts
from engine.containers.rotation import Rotation
from engine.host import mounts, processes
from engine.host.removal import remove_tree
from engine.model.container import ProcessIdentity
from engine.model.errors import EngineError, Unavailable
from engine.oci.monitor import exit_path

_log = logging.getLogger(__name__)
_MONITOR_END_S = 5.0


def company_mark(bundle: Path) -> Path:
    """There while the container has no process namespace of its own: its first process's end is not the others'."""
    return bundle / "shares-processes"


class Teardown:
    """Every method is safe to repeat and safe when there is nothing to take down."""

    def __init__(self, parts: Parts, owner_ranges: OwnerRanges, rotation: Rotation, kept_logs: KeptLogs) -> None:
        self._parts = parts
        self._config = parts.config
        self._owner_ranges = owner_ranges
        self._rotation = rotation
        self._kept_logs = kept_logs

    async def take_down(self, container_id: str, *, monitor: ProcessIdentity | None = None) -> None:
        """Kill what still runs and remove all that lasts only while a container is up. Goes on past failures.

        ``monitor``: wait until it is gone, so that its exit file cannot appear during a later start.
        """
        await self.disconnect(container_id)
        if (self._config.runtime_root / container_id).exists():
            with _logging(container_id):
                await self._parts.chosen.runtime.delete(container_id, force=True)
        await _wait_gone(container_id, monitor)
        with _logging(container_id):
            await asyncio.to_thread(self._remove_run_files, container_id)
        await self._let_go(container_id)

    async def take_down_ended(
        self, container_id: str, *, monitor: ProcessIdentity | None, and_erase: bool = False
    ) -> None:
        """``take_down`` where its program has ended and it is disconnected; ``and_erase``: also what outlasts a reboot.

        In one thread and without the runtime, unless something of the container lives on.
        """
        await _wait_gone(container_id, monitor)
        if and_erase:
            self._rotation.forget(container_id)  # its watch is on the directory, which may be kept
        with _logging(container_id):
            if not await asyncio.to_thread(self._clear_away, container_id, and_erase=and_erase):
                await self.take_down(container_id)
                if and_erase:
                    await asyncio.to_thread(self._remove_files, container_id)
                return
        await self._let_go(container_id)

    def _clear_away(self, container_id: str, *, and_erase: bool) -> bool:
        """False and nothing done while something of it lives, or the runtime must say how to forget it. Blocks."""
        if not self._parts.cgroups.is_deserted(container_id) or not self._parts.chosen.runtime.forget(container_id):
            return False
        self._remove_run_files(container_id)
        if and_erase:
            self._remove_files(container_id)
        return True

    def _remove_files(self, container_id: str) -> None:
        self._kept_logs.take(container_id)
        remove_tree(self._config.container_dir(container_id))

    async def _let_go(self, container_id: str) -> None:
        with _logging(container_id):
            await self._unmount_volumes(container_id)
        self._owner_ranges.release(container_id)
        self._rotation.forget(container_id)

    async def disconnect(self, container_id: str) -> None:
        """Its address and ports are free again; its interfaces go with its network namespace."""
        with _logging(container_id):
            await self._parts.networks.disconnect(container_id)

    async def _unmount_volumes(self, container_id: str) -> None:
        volumes = self._parts.volumes
        names = volumes.mounted_by(container_id)
        await volumes.unmount(container_id)
        for name in names:
            volumes.tell_unmounted(name, container_id)

    async def erase(self, container_id: str, *, with_volumes: bool) -> None:
        """After ``take_down``: remove what outlasts a reboot, too, except a log that is to be kept.

        ``with_volumes``: also those nobody gave a name.
        """
        with _logging(container_id):
            await self._parts.volumes.let_go(container_id, remove_own=with_volumes)
        with _logging(container_id):
            await asyncio.to_thread(self._remove_files, container_id)

    def leftovers(self) -> set[str]:
        """Ids of all containers that have anything on this host, recorded or not. Blocks."""
        config = self._config
        places = (config.container_dir("x").parent, config.bundle("x").parent, config.runtime_root)
        return {path.name for place in places if place.is_dir() for path in place.iterdir()}

    def _remove_run_files(self, container_id: str) -> None:
        bundle = self._config.bundle(container_id)
        rootfs = self._config.rootfs(container_id)
        try:
            mounts.unmount(rootfs)
        except EngineError:  # busy: someone looks into it; the mount goes when they leave
            mounts.unmount(rootfs, lazy=True)
        if company_mark(bundle).exists():
            self._parts.cgroups.kill_all(container_id)
        self._parts.cgroups.remove(container_id)
        remove_unmounted(bundle)
        exit_path(self._config.exit_dir, container_id).unlink(missing_ok=True)


def remove_unmounted(bundle: Path) -> None:
    """Blocks. Raises Unavailable rather than delete through a mount, which may be of the host or a volume."""
    if not bundle.exists():
        return
    found = mounts.mounts_below(bundle)
    for point in found:
        mounts.unmount(point, lazy=True)
    if found and (left := mounts.mounts_below(bundle)):
        raise Unavailable(f"{left[0]} is still mounted: what is below {bundle} is not removed")
    remove_tree(bundle)


async def _wait_gone(container_id: str, monitor: ProcessIdentity | None) -> None:
    if monitor is not None and not await processes.wait_gone(monitor, timeout_s=_MONITOR_END_S):
        _log.warning("container %s: its monitor %d does not end", container_id, monitor.pid)


@contextlib.contextmanager
def _logging(container_id: str) -> Iterator[None]:
    """One step's failure must not keep the others from being done."""
    try:
        yield
    except (EngineError, OSError) as error:
        _log.warning("container %s: cleaning up: %s", container_id, error)
