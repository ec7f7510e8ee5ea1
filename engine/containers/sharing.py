"""Which of the containers that share ports are to answer there: what their records say, and who is about to end.

One without a health check is ready when somebody in it listens at the ports it shares.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

from engine.containers.chores import Chores
from engine.containers.registry import Registry
from engine.host import processes
from engine.host.listening import listening_ports
from engine.model.container import Container, ProcessIdentity, Status
from engine.model.errors import EngineError
from engine.model.health import HealthStatus
from engine.model.ports import Port, Protocol
from engine.model.sharing import Standing, drain_limit_s, group_of
from engine.networks.service import Networks

_log = logging.getLogger(__name__)
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 2.0
_FIRST_LOOK_S: Final = 0.02
_LONGEST_LOOK_S: Final = 0.25
_RETURN_AFTER_S: Final = 10.0
_CLOSE_LIMIT_S: Final = 1.0


class Sharing:
    """For the loop's thread. For containers that share nothing no call does anything, or costs anything."""

    def __init__(self, networks: Networks, *, registry: Registry) -> None:
        self._ports = networks.shared_ports
        self._registry = registry
        self._chores = Chores()
        self._turns: dict[str, asyncio.Event] = {}
        self._leaving = Counter[ProcessIdentity]()

    def expect(self, container: Container) -> None:
        """It is about to run, or was found running."""
        if group_of(container.spec.labels):
            self._ports.expect(container.id)

    def follow(self, container: Container) -> None:
        """It stands as its record says, or does not run any more. In force soon."""
        if not group_of(container.spec.labels):
            return
        self._forget_turn(container.id)
        if container.is_running:
            is_over = self._turns[container.id] = asyncio.Event()
            unheard = self._to_be_heard(container)
            self._ports.note(container.id, self._standing(container), unheard=unheard)
            self._chores.start(self._settle(container, unheard, is_over), what=f"turns of {container.id[:12]}")

    async def obey(self, container: Container) -> None:
        """As ``follow``; in force when this returns. A packet filter that fails does not hold up what is to follow."""
        if not group_of(container.spec.labels):
            return
        self._forget_turn(container.id)
        try:
            await self._ports.stand(container.id, self._standing(container))
        except (EngineError, OSError) as error:
            _log.warning("clients may be led to container %s still: %s", container.id[:12], error)

    @contextlib.asynccontextmanager
    async def leaving(self, container: Container) -> AsyncIterator[None]:
        """In the block nobody new is led to it, if others answer. One that then does not end comes back after a
        while."""
        process = container.process
        if process is None or not group_of(container.spec.labels):
            yield
            return
        self._leaving[process] += 1
        try:
            await self.obey(container)
            yield
        finally:
            self._chores.start(self._come_back(container, process), what=f"return of {container.id[:12]}")

    async def drain(self, container: Container) -> None:
        """In ``leaving``: until its connections are over, or have had their time.

        Only while others answer: the last one has nobody to leave it to, and those who leave together do not wait for
        each other.
        """
        process = container.process
        if process is None or not group_of(container.spec.labels):
            return
        loop, pause_s = asyncio.get_running_loop(), _FIRST_LOOK_S
        deadline = loop.time() + drain_limit_s(container.spec.labels)
        while (left_s := deadline - loop.time()) > 0 and processes.is_alive(process):
            if not self._ports.is_relieved(container.id) or not await self._ports.has_open_connections(container.id):
                return
            await asyncio.sleep(min(pause_s, left_s))
            pause_s = min(1.5 * pause_s, _LONGEST_LOOK_S)

    async def close(self) -> None:
        for container_id in tuple(self._turns):
            self._forget_turn(container_id)
        await self._chores.close(timeout_s=_CLOSE_LIMIT_S)

    def _forget_turn(self, container_id: str) -> None:
        if is_over := self._turns.pop(container_id, None):
            is_over.set()

    def _standing(self, container: Container) -> Standing:
        if container.status is Status.PAUSED:
            return Standing.PAUSED
        if container.process is not None and self._leaving[container.process]:
            return Standing.LEAVING
        is_well = container.health is None or container.health.status is HealthStatus.HEALTHY
        return Standing.READY if is_well else Standing.WAITING

    def _to_be_heard(self, container: Container) -> frozenset[Port]:
        if container.health is not None:
            return frozenset()
        ports = {binding.container_port for binding in container.published if binding.group}
        return frozenset(port for port in ports if port.protocol is Protocol.TCP)

    async def _settle(self, container: Container, unheard: frozenset[Port], is_over: asyncio.Event) -> None:
        """Until all is heard, or something else holds of the container."""
        told, pause_s = None, _FIRST_PAUSE_S
        while not is_over.is_set():
            if unheard and container.process is not None:
                numbers = await asyncio.to_thread(listening_ports, container.process.pid)
                unheard = frozenset(port for port in unheard if port.number not in numbers)
            if not is_over.is_set() and unheard != told:
                await self._ports.stand(container.id, self._standing(container), unheard=unheard)
                told = unheard
            if not unheard:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await is_over.wait()
            pause_s = min(1.5 * pause_s, _LONGEST_PAUSE_S)

    async def _come_back(self, container: Container, process: ProcessIdentity) -> None:
        limit_s = container.spec.stop_timeout_s or _RETURN_AFTER_S
        await processes.wait_gone(process, timeout_s=max(limit_s, _RETURN_AFTER_S))
        self._leaving[process] -= 1
        self._leaving += Counter()  # drops those at nought
        current = self._registry.find_id(container.id)
        if current is not None and current.process == process:
            self.follow(current)
