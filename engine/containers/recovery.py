"""After a restart of the engine, planned or not: what still runs, what ended meanwhile, and what belongs to nobody."""

import asyncio
import logging

from engine.containers.kept_logs import KeptLogs
from engine.containers.lifecycle import Lifecycle
from engine.containers.network_changes import NetworkChanges
from engine.containers.owner_ranges import OwnerRanges
from engine.containers.parts import Parts
from engine.containers.registry import Registry
from engine.containers.rotation import Rotation
from engine.containers.sharing import Sharing
from engine.containers.startup import Startup
from engine.containers.teardown import Teardown
from engine.containers.volume_use import volumes_of
from engine.host import processes
from engine.model.container import Container, Status
from engine.oci.monitor import read_exit

_log = logging.getLogger(__name__)
_EXIT_FILE_WAIT_S = 2.0
_AT_ONCE = 8


class Recovery:
    def __init__(
        self,
        parts: Parts,
        *,
        registry: Registry,
        lifecycle: Lifecycle,
        startup: Startup,
        teardown: Teardown,
        owner_ranges: OwnerRanges,
        rotation: Rotation,
        kept_logs: KeptLogs,
        network_changes: NetworkChanges,
        sharing: Sharing,
    ) -> None:
        self._parts = parts
        self._registry = registry
        self._lifecycle = lifecycle
        self._startup = startup
        self._teardown = teardown
        self._owner_ranges = owner_ranges
        self._rotation = rotation
        self._kept_logs = kept_logs
        self._network_changes = network_changes
        self._sharing = sharing
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def recover(self) -> None:
        """Call once, before anything else is asked of containers."""
        await asyncio.to_thread(self._kept_logs.load)
        containers = await asyncio.to_thread(self._registry.load)
        for container in containers:
            volumes = volumes_of(container.spec)
            self._parts.volumes.adopt(container.id, volumes, is_running=container.is_running)
            if container.is_running and container.spec.cgroup_parent:
                self._parts.cgroups.place(container.id, container.spec.cgroup_parent)
        running = [container for container in containers if container.is_running]
        # all of them first: an address or a range must not be given away while one that has it is still to come
        alive = [container for container in running if self._adopt(container)]
        await self._parts.networks.reconcile()
        for container in alive:
            await self._network_changes.mend(container)
        ended = [container for container in running if container not in alive]
        await asyncio.gather(*(self._end(container) for container in ended))
        swept = await self._sweep(keep={container.id for container in alive})
        await self._parts.volumes.sweep()
        starting = self._lifecycle.begin_restarts()
        counts = (len(containers), len(alive), len(ended), swept, starting)
        _log.info("containers: %d known, %d running, %d ended meanwhile, %d swept, %d to be started", *counts)

    def _adopt(self, container: Container) -> bool:
        if container.process is None or not processes.is_alive(container.process):
            return False
        if container.uid_base is not None:
            self._owner_ranges.adopt(container.id, container.uid_base, id_count=self._startup.id_count(container))
        self._sharing.expect(container)
        if container.endpoints:
            self._parts.networks.adopt(container.id, *container.endpoints)
        self._rotation.adopt(container, container.process)
        self._lifecycle.watch(container)
        return True

    async def _end(self, container: Container) -> None:
        async with self._room:
            if container.monitor is not None:  # it may be about to write the exit file
                await processes.wait_gone(container.monitor, timeout_s=_EXIT_FILE_WAIT_S)
            exited = await asyncio.to_thread(read_exit, self._parts.config.exit_dir, container.id)
            await self._lifecycle.record_exit(container, exited)

    async def _sweep(self, *, keep: set[str]) -> int:
        """Finish removals that were begun; take down half-made starts; erase what has no record."""
        for container in self._registry.every():
            if container.status is Status.REMOVING or self._is_erased(container):
                _log.info("container %s: its removal is finished", container.id)
                await asyncio.to_thread(self._kept_logs.mark, container)
                await self._registry.forget(container)
                # how much was to go is not on record: then better too little
                await self._parts.volumes.let_go(container.id, remove_own=container.spec.auto_remove)
        present = await asyncio.to_thread(self._teardown.leftovers)
        known = {container.id for container in self._registry.every()}
        # what it wrote outlives a record that cannot be read: somebody may want it back
        known |= await asyncio.to_thread(self._parts.state.quarantined, "container")
        swept = await asyncio.gather(*(self._sweep_one(each, erase=each not in known) for each in present - keep))
        return sum(swept)

    def _is_erased(self, container: Container) -> bool:
        """Removed, and the record of that lost: by a power cut, or for want of room."""
        return not container.is_active and not self._parts.config.container_dir(container.id).exists()

    async def _sweep_one(self, container_id: str, *, erase: bool) -> bool:
        async with self._room:
            await self._teardown.take_down(container_id)
            if erase:
                await self._teardown.erase(container_id, with_volumes=False)
        return erase
