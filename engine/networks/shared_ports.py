"""Keeping the packet filter true to how the containers stand that share ports, and what is still under way to them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from engine.model.container import Endpoint
from engine.model.ports import Port, Protocol
from engine.model.sharing import Standing
from engine.networks.flows import has_open_connections, turn_datagrams_away_from
from engine.networks.rules import Rules
from engine.networks.sharing import HostPort, Members, Sharing, shared_bindings


class SharedPorts:
    """For the loop's thread. ``tell_names`` is called with a container that others should turn to, or no longer."""

    def __init__(
        self,
        sharing: Sharing,
        rules: Rules,
        *,
        endpoints: Mapping[str, Mapping[str, Endpoint]],
        tell_names: Callable[[str], Awaitable[None]],
    ) -> None:
        self._sharing = sharing
        self._rules = rules
        self._endpoints = endpoints
        self._tell_names = tell_names
        self._one_at_a_time = asyncio.Lock()
        self._answered: Members = {}
        self._resting = frozenset[str]()

    def expect(self, container_id: str) -> None:
        """Call it before ``Networks.connect``: from then on it answers where nobody better does, until it is
        disconnected."""
        self._sharing.expect(container_id)
        self._resting |= {container_id}

    def note(self, container_id: str, standing: Standing, *, unheard: frozenset[Port] = frozenset()) -> None:
        """As ``stand``, in force with the next change."""
        self._sharing.note(container_id, standing, unheard=unheard)

    async def stand(self, container_id: str, standing: Standing, *, unheard: frozenset[Port] = frozenset()) -> None:
        """In force when this returns. ``unheard``: ports at which nobody in it listens yet."""
        self.note(container_id, standing, unheard=unheard)
        await self._settle()

    async def _settle(self) -> None:
        """What was noted is in force. Connections stay with whom they are; datagrams turn to others."""
        async with self._one_at_a_time:
            before = self._answered
            await self._rules.share()
            self._answered = self._sharing.answering()
            for container_id in _left(before, self._answered):
                for endpoint in tuple(self._endpoints.get(container_id, {}).values()):
                    if shared_bindings(endpoint):
                        await asyncio.to_thread(turn_datagrams_away_from, endpoint)
            told, self._resting = self._resting, self._sharing.resting
            for container_id in told ^ self._resting:
                await self._tell_names(container_id)

    def is_relieved(self, container_id: str) -> bool:
        """Whether others answer on a port of its in its stead."""
        return bool(self._sharing.left_by(container_id))

    async def has_open_connections(self, container_id: str) -> bool:
        """At ports on which others answer in its stead."""
        ports = {each for each in self._sharing.left_by(container_id) if each.protocol is Protocol.TCP}
        endpoints = [each for each in self._endpoints.get(container_id, {}).values() if shared_bindings(each)]
        for endpoint in endpoints if ports else ():
            if await asyncio.to_thread(has_open_connections, endpoint, ports):
                return True
        return False


def _left(before: Members, after: Members) -> set[str]:
    """Who does not answer any more on a port of datagrams."""
    return {
        container_id for container_id, where in _answers(before) - _answers(after) if where.protocol is Protocol.UDP
    }


def _answers(members: Members) -> set[tuple[str, HostPort]]:
    return {(member.container_id, where) for where, several in members.items() for member in several}
