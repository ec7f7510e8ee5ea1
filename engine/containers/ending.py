"""Ending a container because somebody asks: signals, stop, removal. What follows an end is the lifecycle's."""

import asyncio
import contextlib
import logging
import signal as signals
from typing import Final

from engine.containers import transitions
from engine.containers.lifecycle import Lifecycle
from engine.containers.registry import Registry
from engine.containers.sharing import Sharing
from engine.containers.signals import parse_signal
from engine.containers.waiting import WaitCondition, Waiters
from engine.host import processes
from engine.model.container import Container, Status
from engine.model.errors import Conflict, Missing, Unavailable

_log = logging.getLogger(__name__)
_DEFAULT_STOP_S: Final = 10
_KILL_WAIT_S: Final = 10


class Ending:
    def __init__(self, *, registry: Registry, lifecycle: Lifecycle, waiters: Waiters, sharing: Sharing) -> None:
        self._registry = registry
        self._lifecycle = lifecycle
        self._waiters = waiters
        self._sharing = sharing

    async def kill(self, container_id: str, *, signal: str) -> None:
        number = parse_signal(signal) if signal else int(signals.SIGKILL)
        container = self._registry.get_id(container_id)
        is_to_end = number in (signals.SIGKILL, _stop_signal(container))
        if is_to_end and await self._lifecycle.call_off_restart(container_id):
            return
        container = self._registry.get_id(container_id)
        transitions.check_running(container)
        over = self._waiters.register(container_id, WaitCondition.NOT_RUNNING)
        try:
            if not is_to_end:
                self._signal(container, number)
                return
            async with self._sharing.leaving(container):
                self._signal(container, number)
                await self._thaw(container_id)
                if number == signals.SIGKILL:  # clients expect it to be dead when kill returns
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_KILL_WAIT_S):
                            await over.exit()
        finally:
            over.cancel()

    def _signal(self, container: Container, number: int) -> None:
        _send(container, number)
        self._lifecycle.emit("kill", container, signal=str(number))

    async def _thaw(self, container_id: str) -> None:
        """A frozen process acts on no signal, not even KILL with version 1 of cgroups."""
        current = self._registry.find_id(container_id)
        if current is not None and current.status is Status.PAUSED:
            with contextlib.suppress(Conflict, Missing):  # it ended, or somebody else was first
                await self._lifecycle.unpause(container_id)

    async def stop(self, container_id: str, *, timeout_s: int | None, signal: str) -> None:
        """Returns when the container is down and a start or remove can follow at once."""
        container = self._registry.get_id(container_id)
        transitions.check_stoppable(container)
        number = parse_signal(signal) if signal else _stop_signal(container)
        if not await self._lifecycle.call_off_restart(container_id):
            current = self._registry.find_id(container_id)
            if current is not None and current.is_running:
                limit_s = timeout_s if timeout_s is not None else current.spec.stop_timeout_s
                await self._stop(current, number, limit_s=_DEFAULT_STOP_S if limit_s is None else limit_s)
        self._lifecycle.emit("stop", container)

    async def _stop(self, container: Container, number: int, *, limit_s: int) -> None:
        over = self._waiters.register(container.id, WaitCondition.NOT_RUNNING)
        try:
            async with self._sharing.leaving(container):
                if container.status is Status.PAUSED:
                    await self._lifecycle.unpause(container.id)
                await self._sharing.drain(container)
                self._signal(container, number)
                try:
                    async with asyncio.timeout(None if limit_s < 0 else limit_s):
                        await over.exit()
                except TimeoutError:
                    await self.kill(container.id, signal="KILL")
        except Conflict:
            pass  # it ended by itself in the meantime
        finally:
            over.cancel()
        await self._lifecycle.settled(container.id)
        current = self._registry.find_id(container.id)
        if current is not None and current.process == container.process is not None:
            raise Unavailable(f"container {container.name} did not stop, not even when killed")

    async def remove(self, container_id: str, *, force: bool, with_volumes: bool) -> None:
        container: Container | None = self._registry.get_id(container_id)
        while container is not None:
            transitions.check_removable(container, force=force)
            if container.is_active:
                with self._lifecycle.removed_at_end(container_id, with_volumes=with_volumes):
                    await self._end_by_force(container)
            if await self._lifecycle.remove_if_down(container_id, with_volumes=with_volumes):
                return
            # somebody's start came first: as if it had run when we were asked
            container = self._registry.find_id(container_id)

    async def _end_by_force(self, container: Container) -> None:
        if await self._lifecycle.call_off_restart(container.id):
            return
        with contextlib.suppress(Conflict, Missing):  # it ended by itself
            if container.status is Status.PAUSED:
                await self._lifecycle.unpause(container.id)
            await self.kill(container.id, signal="KILL")
        await self._lifecycle.settled(container.id)
        current = self._registry.find_id(container.id)
        if current is not None and current.process == container.process is not None:
            raise Unavailable(f"container {container.name} cannot be killed")


def _stop_signal(container: Container) -> int:
    return parse_signal(container.spec.stop_signal or "TERM")


def _send(container: Container, number: int) -> None:
    if container.process is None:
        return
    try:
        processes.send_signal(container.process, number)
    except Missing:
        # it is ending this moment; its exit will be seen, and is the answer
        _log.debug("container %s ended before signal %d", container.id, number)
