"""Changing what a container may use and how it is restarted, while it runs or not."""

import asyncio
import logging
from dataclasses import replace

from engine.containers.lifecycle import Lifecycle
from engine.containers.oom_watch import OomWatch
from engine.containers.parts import Parts
from engine.containers.registry import Registry
from engine.model.container import Container, ContainerSpec, RestartRule, Status
from engine.model.errors import Conflict, EngineError, Missing
from engine.model.resources import Resources
from engine.oci.limit_checks import kept_limits, risk_warnings
from engine.wire.container_update import Update

_log = logging.getLogger(__name__)


class Updates:
    def __init__(self, parts: Parts, *, registry: Registry, lifecycle: Lifecycle, oom_watch: OomWatch) -> None:
        self._parts = parts
        self._registry = registry
        self._lifecycle = lifecycle
        self._oom_watch = oom_watch

    async def update(self, container_id: str, asked: Update) -> list[str]:
        """Warnings for the client. The change is on record, and in force if the container runs; or neither.

        Raises Conflict when it contradicts what is, or what the container uses (a memory limit below it); Invalid for
        what this machine can never do.
        """
        kept, warnings = kept_limits(asked.resources, machine=self._parts.machine)
        kept_update = replace(asked, resources=kept)
        async with self._lifecycle.held_still(container_id):
            container = self._registry.get_id(container_id)
            try:
                spec = await self._updated_spec(container, kept_update)
            except Conflict as error:
                raise Conflict(f"Cannot update container {container.id}: {error}") from error
            # once more: its health may have been noted meanwhile
            updated = await self._registry.save(replace(self._registry.get_id(container_id), spec=spec))
            if updated.is_running:
                self._oom_watch.watch(updated)  # it may have its first limit now
        if updated.status is Status.RESTARTING and updated.spec.restart.rule is RestartRule.NO:
            await self._lifecycle.call_off_restart(container_id)
        self._lifecycle.emit("update", updated)
        return [*asked.warnings, *warnings, *_consequences(asked, updated)]

    async def _updated_spec(self, container: Container, asked: Update) -> ContainerSpec:
        if container.status in (Status.REMOVING, Status.DEAD):
            raise Conflict('container is marked for removal and cannot be "update"')
        spec = asked.applied_to(container.spec)
        limits = asked.to_apply(spec)
        if container.is_running and limits != container.spec.resources:
            await self._apply(container, limits)
        return spec

    async def _apply(self, container: Container, limits: Resources) -> None:
        try:
            await self._put_in_force(container, limits)
        except Missing:
            raise
        except EngineError as error:
            await self._take_back(container)
            raise Conflict(f"the limits cannot be put in force: {error}") from error

    async def _put_in_force(self, container: Container, limits: Resources) -> None:
        can = self._parts.machine.limits
        await asyncio.to_thread(self._make_room, container, limits)
        await self._parts.chosen.runtime.update(container.id, limits)
        await asyncio.to_thread(
            self._parts.cgroups.lift,
            container.id,
            cpu_quota=can.cpu_cfs and not limits.nano_cpus and limits.cpu_quota_us <= 0,
            pids=can.pids and limits.pids_limit < 0,
            oom_kill_disable=can.oom_kill_disable and not limits.oom_kill_disable,
        )

    def _make_room(self, container: Container, limits: Resources) -> None:
        if limits.cpu_realtime_runtime_us > container.spec.resources.cpu_realtime_runtime_us:
            self._parts.cgroups.allow_realtime(
                runtime_us=limits.cpu_realtime_runtime_us, period_us=limits.cpu_realtime_period_us
            )

    async def _take_back(self, container: Container) -> None:
        """The runtime writes one file after another, and did those before the one that failed."""
        try:
            await self._put_in_force(container, container.spec.resources)
        except EngineError as error:
            _log.warning("container %s: part of an update that failed may be in force: %s", container.id, error)


def _consequences(asked: Update, updated: Container) -> list[str]:
    warnings = risk_warnings(updated.spec.resources) if asked.sets_oom_kill else []
    if asked.resources.ulimits and updated.is_running:
        warnings.append("Ulimits take effect when the container is started again.")
    return warnings
