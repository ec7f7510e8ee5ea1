"""Watching the health of running containers: a task for each one that has a check, and for no other."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from engine.containers.chores import Chores
from engine.containers.health import Check, check_of, health_after, pause_s
from engine.containers.lifecycle import Lifecycle
from engine.containers.probes import Probes
from engine.containers.registry import Registry
from engine.containers.sharing import Sharing
from engine.host import processes
from engine.model.container import Container, Status
from engine.model.errors import EngineError, Missing
from engine.model.health import Health, Probe

_log = logging.getLogger(__name__)
_CLOSE_LIMIT_S = 10


class HealthWatch:
    """For the loop's thread. ``close`` it: no probe runs afterwards."""

    def __init__(
        self,
        probes: Probes,
        *,
        registry: Registry,
        lifecycle: Lifecycle,
        sharing: Sharing,
        now: Callable[[], datetime],
    ) -> None:
        self._probes = probes
        self._registry = registry
        self._lifecycle = lifecycle
        self._sharing = sharing
        self._now = now
        self._chores = Chores()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def follow(self, container: Container) -> None:
        """Check it from now on, or no longer, as its record says. A probe under way is not waited for."""
        if task := self._tasks.pop(container.id, None):
            task.cancel()
        check = check_of(container)
        if check is not None and container.status is Status.RUNNING and container.started_at is not None:
            work = self._watch(container, check, started_at=container.started_at)
            self._tasks[container.id] = self._chores.start(work, what=f"health of {container.id[:12]}")

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        await self._chores.close(timeout_s=_CLOSE_LIMIT_S)

    async def _watch(self, run: Container, check: Check, *, started_at: datetime) -> None:
        """Until cancelled. ``run`` is the container's record of this run; what else changes in it is not looked at."""
        health = run.health or Health()
        while True:
            await asyncio.sleep(pause_s(health, check=check, container_started_at=started_at, now=self._now()))
            probe = await self._probes.run(run.id, check)
            if _ended_with(run, probe):
                continue
            after = health_after(health, probe, check=check, container_started_at=started_at)
            try:
                await self._record(run, after, changed=after.status is not health.status)
                health = after
            except Missing:
                _log.debug("container %s: its run is over", run.id)
            except EngineError as error:
                _log.warning("container %s: its health is not recorded: %s", run.id, error)

    async def _record(self, run: Container, health: Health, *, changed: bool) -> None:
        """On disk only what others are told: a probe that changes nothing costs no write."""
        if not changed:
            self._registry.note(replace(self._current(run), health=health))
            return
        async with self._lifecycle.held_still(run.id):
            container = await self._registry.save(replace(self._current(run), health=health))
        self._sharing.follow(container)
        self._lifecycle.emit(f"health_status: {health.status}", container)

    def _current(self, run: Container) -> Container:
        """Raises Missing when that run is over; its end is about to cancel this task."""
        container = self._registry.find_id(run.id)
        if container is None or container.process != run.process or container.status is not Status.RUNNING:
            raise Missing(f"container {run.name} does not run any more")
        return container


def _ended_with(run: Container, probe: Probe) -> bool:
    """Whether the probe failed because its container has just ended, which tells nothing about its health."""
    return probe.exit_code != 0 and run.process is not None and processes.is_ending(run.process)
