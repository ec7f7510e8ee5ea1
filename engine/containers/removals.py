"""Removing containers: one that is down, and one that goes with its end. The lifecycle holds the container's lock."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Protocol

from engine.containers import transitions
from engine.containers.kept_logs import KeptLogs
from engine.containers.parts import Parts
from engine.containers.registry import Registry
from engine.containers.teardown import Teardown
from engine.containers.waiting import Exit, Waiters
from engine.host.failpoints import reach
from engine.model.container import Container
from engine.model.errors import EngineError, Unavailable

_log = logging.getLogger(__name__)


class Emit(Protocol):
    def __call__(self, action: str, container: Container, **attributes: str) -> None: ...


class Removals:
    """``forget`` drops what is kept in memory of a container that is no more."""

    def __init__(
        self,
        parts: Parts,
        *,
        registry: Registry,
        teardown: Teardown,
        kept_logs: KeptLogs,
        waiters: Waiters,
        emit: Emit,
        forget: Callable[[str], None],
    ) -> None:
        self._parts = parts
        self._registry = registry
        self._teardown = teardown
        self._kept_logs = kept_logs
        self._waiters = waiters
        self._emit = emit
        self._forget = forget
        self._expected: dict[str, bool] = {}

    @contextlib.contextmanager
    def expected(self, container_id: str, *, with_volumes: bool) -> Iterator[None]:
        """Whoever ends it within the block wants it gone: its end is its removal, in one go."""
        self._expected[container_id] = with_volumes
        try:
            yield
        finally:
            self._expected.pop(container_id, None)

    def is_expected(self, container_id: str) -> bool:
        """Within ``expected``."""
        return container_id in self._expected

    def is_due(self, container: Container) -> bool:
        """Whether it goes when it ends now."""
        return container.id in self._expected or (container.spec.auto_remove and not container.hidden)

    async def at_end(self, container: Container, tell_ended: Callable[[Container], None]) -> None:
        """The record first: if the engine dies now, the next one finds files that belong to nobody and removes them.

        What it had is still to be taken down and erased.
        """
        if self._kept_logs.wants(container):
            await asyncio.to_thread(self._kept_logs.mark, container)
        await self._registry.forget(container)
        # whoever is told of the end may remove its volumes next
        await self._parts.volumes.let_go(container.id, remove_own=self._expected.get(container.id, True))
        tell_ended(container)
        self._emit("destroy", container)
        self._waiters.tell_removed(container.id, Exit(container.exit_code))

    async def remove(self, container: Container, *, with_volumes: bool) -> None:
        """One that is down."""
        await self._save_removing(transitions.removing(container))
        try:
            await asyncio.to_thread(self._kept_logs.mark, container)
            await self._teardown.take_down(container.id)
            reach("container.erase")
            await self._teardown.erase(container.id, with_volumes=with_volumes)
            self._forget(container.id)
            reach("container.unrow")
            await self._registry.forget(container)
        except (EngineError, OSError):
            self._registry.note(transitions.removal_failed(container))
            raise
        self._emit("destroy", container)
        self._waiters.tell_removed(container.id, Exit(container.exit_code))

    async def _save_removing(self, container: Container) -> None:
        """Not on record where the disk is full: what is removed makes room again."""
        reach("container.removing")
        try:
            await self._registry.save(container)
        except Unavailable as error:
            _log.warning("container %s: its removal begins unrecorded: %s", container.id, error)
            self._registry.note(container)
