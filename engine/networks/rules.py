"""Keeping the kernel's packet filter true to the endpoints there are."""

import asyncio
import logging
from collections.abc import Mapping

from engine.host.nftables import Nftables, NftFailed, open_nftables
from engine.model.container import Endpoint
from engine.networks.network import Network
from engine.networks.ruleset import Tables

_log = logging.getLogger(__name__)


class Rules:
    """``endpoints`` is the caller's and is read whenever everything has to be written anew.

    Put an endpoint there before ``add`` and take it out before ``remove``. When a single change fails, somebody else
    has emptied our tables (``nft flush ruleset`` is what restarting many a firewall does): all is written again.
    """

    def __init__(self, tables: Tables, endpoints: Mapping[str, Endpoint]) -> None:
        self._tables = tables
        self._endpoints = endpoints
        self._nftables: Nftables | None = None
        self._one_at_a_time = asyncio.Lock()
        self._is_complete = False

    async def ensure(self, network: Network) -> None:
        """Write everything unless our table is there already, with what a former engine put into it."""
        async with self._one_at_a_time:
            try:
                await asyncio.to_thread(self._open().listing, f"table inet {self._tables.name}")
            except NftFailed:
                await self._write(network)

    async def rewrite(self, network: Network) -> None:
        """Exactly the rules of the endpoints there are, in one transaction."""
        async with self._one_at_a_time:
            await self._write(network)

    async def add(self, network: Network, endpoint: Endpoint) -> None:
        await self._change(network, self._tables.add(endpoint))

    async def remove(self, network: Network, endpoint: Endpoint) -> None:
        await self._change(network, self._tables.remove(endpoint))

    async def delete(self) -> None:
        """Our tables are gone; nobody else's are touched. Safe to repeat."""
        async with self._one_at_a_time:
            self._is_complete = False
            await asyncio.to_thread(self._open().apply, self._tables.delete())

    async def _change(self, network: Network, commands: str) -> None:
        try:
            async with self._one_at_a_time:
                await self._change_or_rewrite(network, commands)
        except BaseException:
            # cancelled, say: whether it was done is not known, so the next change does everything
            self._is_complete = False
            raise

    async def _change_or_rewrite(self, network: Network, commands: str) -> None:
        if not self._is_complete:
            await self._write(network)
            return
        try:
            await asyncio.to_thread(self._open().apply, commands)
        except NftFailed as error:
            _log.warning("writing all packet filter rules again, because a change to them failed: %s", error)
            await self._write(network)

    async def _write(self, network: Network) -> None:
        # the snapshot is taken here, in the loop's thread
        commands = self._tables.create(network, dict(self._endpoints))
        await asyncio.to_thread(self._open().apply, commands)
        self._is_complete = True

    def _open(self) -> Nftables:
        if self._nftables is None:
            self._nftables = open_nftables()
        return self._nftables
