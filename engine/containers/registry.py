"""The containers an engine knows: in memory for reading, written through to the state, found by name or id."""

import asyncio
import logging
import re

from engine.containers.links import find_linked
from engine.containers.names import new_name
from engine.model.container import Container
from engine.model.errors import Conflict, Missing, Unavailable
from engine.store.state import State

_log = logging.getLogger(__name__)
_ID_PREFIX = re.compile(r"[a-f0-9]{1,64}")


class Registry:
    """Reads are for the loop's thread; a record is on disk before it is seen. Hidden ones never touch the disk."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._containers: dict[str, Container] = {}
        self._names: dict[str, str] = {}

    def load(self) -> list[Container]:
        """What the last engine left, hidden ones included. Blocks."""
        for container in self._state.containers():
            self._remember(container)
        return list(self._containers.values())

    def get(self, name: str) -> Container:
        """By name (a leading slash is fine), id, the beginning of exactly one id, or as another one's link."""
        bare = name.removeprefix("/")
        container = self._containers.get(bare) or self._containers.get(self._names.get(bare, ""))
        if container is not None and not container.hidden:
            return container
        if "/" in bare:
            parent, _, alias = bare.rpartition("/")
            return find_linked(self.get(parent), alias, self.get)
        if not _ID_PREFIX.fullmatch(bare):
            raise Missing(f"No such container: {name}")
        matches = [each for each in self.visible() if each.id.startswith(bare)]
        if not matches:
            raise Missing(f"No such container: {name}")
        if len(matches) > 1:
            raise Missing(f"multiple IDs found with provided prefix: {name}")
        return matches[0]

    def get_id(self, container_id: str) -> Container:
        """By the whole id, hidden ones too. Raises Missing."""
        container = self._containers.get(container_id)
        if container is None:
            raise Missing(f"No such container: {container_id}")
        return container

    def find_id(self, container_id: str) -> Container | None:
        return self._containers.get(container_id)

    def visible(self) -> list[Container]:
        """Newest first."""
        found = [container for container in self._containers.values() if not container.hidden]
        return sorted(found, key=lambda container: (container.created_at, container.id), reverse=True)

    def every(self) -> list[Container]:
        return list(self._containers.values())

    def new_name(self) -> str:
        return new_name(self._names)

    def claim_name(self, name: str, container_id: str) -> None:
        """From now on the name is taken; ``release_name`` undoes it. Raises Conflict in Docker's words."""
        holder = self._names.setdefault(name, container_id)
        if holder != container_id:
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{holder}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )

    def release_name(self, name: str, container_id: str) -> None:
        if self._names.get(name) == container_id:
            del self._names[name]

    async def save(self, container: Container) -> Container:
        if not container.hidden:
            await asyncio.to_thread(self._state.save_container, container)
        self._remember(container)
        return container

    def note(self, container: Container) -> None:
        """Seen by all and not on disk: for what changes often and need not outlast the engine."""
        self._remember(container)

    async def forget(self, container: Container) -> None:
        """Safe to repeat. On a full disk the record may stay, for the next engine to remove."""
        if not container.hidden:
            try:
                await asyncio.to_thread(self._state.delete_container, container.id)
            except Unavailable as error:
                _log.error("container %s: its removal is not on record: %s", container.id, error)
        self._containers.pop(container.id, None)
        self.release_name(container.name, container.id)

    def _remember(self, container: Container) -> None:
        previous = self._containers.get(container.id)
        if previous is not None and previous.name != container.name:
            self.release_name(previous.name, container.id)
        self._containers[container.id] = container
        self._names[container.name] = container.id
