"""Keeping the kernel's packet filter true to the networks and endpoints there are."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from engine.host.nft_elements import Element, NftElements
from engine.host.nftables import Nftables, NftFailed, open_nftables
from engine.model.container import Endpoint
from engine.model.network import Network
from engine.networks.ruleset import Tables
from engine.networks.ruleset_ipv6 import somebody_has_ipv6
from engine.networks.sharing import Members, shared_bindings, sizes

_log = logging.getLogger(__name__)


class Rules:
    """``networks`` and ``endpoints`` are asked whenever everything has to be written anew, ``shared``, who answers on
    shared ports, at each change that has to do with them.

    Let one be among them before ``add`` and no more before ``remove``. When a single change fails, somebody else has
    emptied our tables (``nft flush ruleset`` is what restarting many a firewall does): all is written again.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        networks: Callable[[], Sequence[Network]],
        endpoints: Callable[[], Iterable[Endpoint]],
        shared: Callable[[], Members],
    ) -> None:
        self._tables = tables
        self._networks = networks
        self._endpoints = endpoints
        self._shared = shared
        self._nftables: Nftables | None = None
        self._elements = NftElements()
        self._one_at_a_time = asyncio.Lock()
        self._is_complete = False
        self._has_ipv6 = False
        self._present: set[Element] = set()
        self._present_shared: set[Element] = set()
        self._chains: set[int] = set()

    async def ensure(self) -> None:
        """Write everything unless our table is there already, with what a former engine put into it."""
        async with self._one_at_a_time:
            try:
                await asyncio.to_thread(self._open().listing, f"table inet {self._tables.name}")
            except NftFailed:
                await self._write()

    async def rewrite(self) -> None:
        """Exactly the rules of the networks and endpoints there are, in one transaction."""
        async with self._one_at_a_time:
            await self._write()

    async def add(self, endpoint: Endpoint) -> None:
        await self._change(add=self._tables.elements(endpoint), shares=bool(shared_bindings(endpoint)))

    async def remove(self, endpoint: Endpoint) -> None:
        await self._change(delete=self._tables.elements(endpoint), shares=bool(shared_bindings(endpoint)))

    async def share(self) -> None:
        """Others answer on shared ports than did: at no moment nobody does."""
        await self._change(shares=True)

    async def add_network(self, network: Network) -> None:
        await self._change_network(network, add=self._tables.network_elements(network))

    async def remove_network(self, network: Network) -> None:
        """It has no endpoints."""
        await self._change_network(network, delete=self._tables.network_elements(network))

    async def delete(self) -> None:
        """Our tables are gone; nobody else's are touched. Safe to repeat."""
        async with self._one_at_a_time:
            self._is_complete = False
            await asyncio.to_thread(self._open().apply, self._tables.delete())

    def close(self) -> None:
        self._elements.close()

    async def _change_network(
        self, network: Network, *, add: Sequence[Element] = (), delete: Sequence[Element] = ()
    ) -> None:
        if network.ipv6 is not None and self._has_ipv6 != somebody_has_ipv6(self._networks(), self._endpoints()):
            await self.rewrite()  # the first that has it, or the last
        else:
            await self._change(add=add, delete=delete)

    async def _change(
        self, *, add: Sequence[Element] = (), delete: Sequence[Element] = (), shares: bool = False
    ) -> None:
        try:
            async with self._one_at_a_time:
                await self._change_or_rewrite(add=add, delete=delete, shares=shares)
        except BaseException:
            # cancelled, say: whether it was done is not known, so the next change does everything
            self._is_complete = False
            raise

    async def _change_or_rewrite(self, *, add: Sequence[Element], delete: Sequence[Element], shares: bool) -> None:
        if not self._is_complete:
            await self._write()
            return
        # written anew since the endpoint was taken out, they are gone already
        delete = [each for each in delete if each in self._present]
        try:
            if shares:
                await self._change_shared(add=add, delete=delete)
            else:
                await asyncio.to_thread(self._elements.change, add=add, delete=delete)
            self._present.update(add)
            self._present.difference_update(delete)
        except (OSError, NftFailed) as error:
            _log.warning("writing all packet filter rules again, because a change to them failed: %s", error)
            await self._write()

    async def _change_shared(self, *, add: Sequence[Element], delete: Sequence[Element]) -> None:
        members = self._shared()
        wanted = self._tables.shared_elements(members)
        if missing := sizes(members) - self._chains:
            await asyncio.to_thread(self._open().apply, self._tables.chains(missing, has_ipv6=self._has_ipv6))
            self._chains |= missing
        await asyncio.to_thread(
            self._elements.change,
            add=[*add, *(wanted - self._present_shared)],
            delete=[*delete, *(self._present_shared - wanted)],
        )
        self._present_shared = wanted

    async def _write(self) -> None:
        # the snapshot is taken here, in the loop's thread
        networks, endpoints, members = list(self._networks()), list(self._endpoints()), self._shared()
        commands = self._tables.create(networks, endpoints, members)
        await asyncio.to_thread(self._open().apply, commands)
        self._present = {element for network in networks for element in self._tables.network_elements(network)}
        self._present.update(element for endpoint in endpoints for element in self._tables.elements(endpoint))
        self._present_shared = self._tables.shared_elements(members)
        self._chains = set(sizes(members))
        self._has_ipv6 = somebody_has_ipv6(networks, endpoints)
        self._is_complete = True

    def _open(self) -> Nftables:
        if self._nftables is None:
            self._nftables = open_nftables()
        return self._nftables
