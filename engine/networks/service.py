"""The default bridge network: where containers get their address, their way out, and their published ports.

Everything in the kernel outlives the engine: bridge, links, rules and translations go on working while it is down.
What it remembers of them comes back through ``adopt``.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType
from typing import Final

from engine.config import EngineConfig
from engine.host.netlink import Rtnetlink
from engine.host.sysctl import set_sysctl
from engine.model.container import Endpoint
from engine.model.errors import Conflict, Unavailable
from engine.model.ports import PortBinding
from engine.networks.addresses import check_subnet, choose_subnet, gateway_of, next_free
from engine.networks.bridge import apply_plan, bridge_plan, taken_networks
from engine.networks.flows import turn_away_from, turn_to
from engine.networks.foreign_firewall import ForeignFirewall
from engine.networks.link import connect_link, loopback_up
from engine.networks.network import DEFAULT_NAME, Network, mac_address
from engine.networks.published import PublishedPorts
from engine.networks.rules import Rules
from engine.networks.ruleset import Tables
from engine.store.events import Events
from engine.store.state import State

_log = logging.getLogger(__name__)
_ID_SETTING: Final = "network.bridge.id"
_SUBNET_SETTING: Final = "network.bridge.subnet"
_FIREWALL_CHECK_S: Final = 30.0


class Networks:
    """Methods that are not coroutines are for the loop's thread and do not wait for anything.

    A container's own calls (``reserve``, ``connect``, ``disconnect``) come one after the other; those of different
    containers may overlap.
    """

    def __init__(self, config: EngineConfig, settings: State, events: Events) -> None:
        self._config = config
        self._settings = settings
        self._events = events
        self._ports = PublishedPorts()
        self._endpoints: dict[str, Endpoint] = {}
        self._rules = Rules(Tables(config.nft_table, config.instance), self._endpoints)
        self._used: set[IPv4Address] = set()
        self._latest: IPv4Address | None = None
        self._network: Network | None = None
        self._firewall = ForeignFirewall(bridge=config.bridge, mark=config.nft_table)
        self._firewall_check: asyncio.Task[None] | None = None
        self._firewall_checked_at = 0.0

    @property
    def network(self) -> Network:
        """Facts for ``inspect``. Raises Unavailable before ``start``."""
        if self._network is None:
            raise Unavailable("the engine's network is not set up yet")
        return self._network

    def endpoints(self) -> Mapping[str, Endpoint]:
        """Who is connected, by container id."""
        return MappingProxyType(self._endpoints)

    async def start(self) -> None:
        """Bridge, sysctls and rules as they must be; what is already so stays untouched. Safe to repeat.

        Translations that a former engine left go on working until ``reconcile``. Raises Conflict when the subnet
        asked for is not free on this host, and Unavailable when the kernel lacks something.
        """
        self._network = await asyncio.to_thread(self._set_up_bridge)
        await self._rules.ensure(self._network)
        self._firewall_checked_at = time.monotonic()
        await self._check_firewall()

    def adopt(self, container_id: str, endpoint: Endpoint) -> None:
        """Take over a container that was connected by a former engine and is still running. After ``start``."""
        self._endpoints[container_id] = endpoint
        self._used.add(IPv4Address(endpoint.ip_address))
        for taken in self._ports.adopt(container_id, endpoint.published):
            _log.warning("container %s goes on with a port that others use too: %s", container_id[:12], taken)

    async def reconcile(self) -> None:
        """Rewrite all rules from what is connected now; what a former engine left and nobody adopted goes.

        For after the last ``adopt``; the first ``connect`` does it when nobody did. Safe to repeat.
        """
        await self._rules.rewrite(self.network)

    def reserve(self, container_id: str, bindings: tuple[PortBinding, ...]) -> tuple[PortBinding, ...]:
        """Hold the host's ports for a container until ``disconnect``, and tell which ones those are.

        All or nothing; replaces what the container held before. Raises Conflict in Docker's words when another
        container or program has one, Invalid or Unsupported for an address it cannot publish on.
        """
        return self._ports.claim(container_id, bindings)

    async def connect(
        self, container_id: str, *, pid: int, bindings: tuple[PortBinding, ...], own_mac: str = ""
    ) -> Endpoint:
        """Give the network namespace of ``pid`` its ``eth0`` and publish its ports.

        ``bindings`` are those of ``reserve``; others are reserved now. ``pid`` must be held by the caller (created,
        not yet started). ``own_mac`` "": one that follows from the address. On an error nothing is left
        but the reservation.
        """
        if self._ports.of(container_id) != bindings:
            bindings = self.reserve(container_id, bindings)
        network = self.network
        async with AsyncExitStack() as undo:
            endpoint = self._new_endpoint(bindings, own_mac=own_mac)
            self._endpoints[container_id] = endpoint
            undo.push_async_callback(self._forget, container_id)
            await self._rules.add(network, endpoint)
            await asyncio.to_thread(self._plug_in, endpoint, pid)
            undo.pop_all()
        self._emit("connect", container_id)
        self._check_firewall_soon()
        return endpoint

    async def disconnect(self, container_id: str) -> None:
        """Give back address, ports and rules. The link goes with the container's namespace, in the kernel's time.

        For when its processes are gone. Safe to repeat, and for one that was never connected.
        """
        was_connected = container_id in self._endpoints
        try:
            await self._forget(container_id)
        finally:
            self._ports.release(container_id)
        if was_connected:
            self._emit("disconnect", container_id)

    async def loopback_only(self, pid: int) -> None:
        """Network mode ``none``: ``lo`` up in the namespace of ``pid``, nothing else."""
        await asyncio.to_thread(loopback_up, pid)

    async def stop(self) -> None:
        """Let go of everything and change nothing: containers keep running and stay reachable."""
        if self._firewall_check is not None:
            self._firewall_check.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._firewall_check
        self._ports.release_all()

    async def destroy(self) -> None:
        """Remove links, bridge and rules, as if the engine had never been here; ip_forward stays. Safe to repeat."""
        await self._firewall.remove()
        await self._rules.delete()
        await asyncio.to_thread(self._remove_bridge)
        self._endpoints.clear()
        self._used.clear()
        self._network = None
        await self.stop()

    async def _forget(self, container_id: str) -> None:
        """Rules first: once the address is free, the next container may get it."""
        endpoint = self._endpoints.pop(container_id, None)
        if endpoint is None:
            return
        try:
            await self._rules.remove(self.network, endpoint)
            await asyncio.to_thread(turn_away_from, endpoint)
        finally:
            self._used.discard(IPv4Address(endpoint.ip_address))

    def _plug_in(self, endpoint: Endpoint, pid: int) -> None:
        connect_link(self.network, self._config.instance, endpoint, pid=pid)
        turn_to(endpoint)

    def _set_up_bridge(self) -> Network:
        with Rtnetlink() as rtnetlink:
            present = rtnetlink.find_link(self._config.bridge)
            network = self._wanted_network(taken_networks(rtnetlink, except_link=present))
            addresses = [one for one in rtnetlink.addresses() if present and one.link_index == present.index]
            apply_plan(rtnetlink, bridge_plan(network, present, addresses))
        if set_sysctl("net/ipv4/ip_forward", "1"):
            _log.info("turned on net.ipv4.ip_forward: this host now routes between its links")
        return network

    def _wanted_network(self, taken: list[IPv4Network]) -> Network:
        subnet = self._config.subnet
        remembered = self._settings.find_setting(_SUBNET_SETTING)
        if subnet is not None:
            check_subnet(subnet, taken)
        else:
            try:
                subnet = IPv4Network(remembered or "")
                check_subnet(subnet, taken)
            except Conflict as error:
                _log.warning("choosing another subnet: %s", error)
                subnet = choose_subnet(taken)
            except ValueError:
                subnet = choose_subnet(taken)
        network_id = self._settings.find_setting(_ID_SETTING) or secrets.token_hex(32)
        self._settings.set_setting(_ID_SETTING, network_id)
        self._settings.set_setting(_SUBNET_SETTING, str(subnet))
        return Network(network_id, DEFAULT_NAME, self._config.bridge, subnet, gateway_of(subnet))

    def _remove_bridge(self) -> None:
        with Rtnetlink() as rtnetlink:
            bridge = rtnetlink.find_link(self._config.bridge)
            if bridge is None:
                return
            for port in rtnetlink.links():
                if port.master == bridge.index:
                    rtnetlink.delete_link(port.name)
            rtnetlink.delete_link(bridge.name)

    def _new_endpoint(self, bindings: tuple[PortBinding, ...], *, own_mac: str) -> Endpoint:
        network = self.network
        address = next_free(network.subnet, self._used, after=self._latest)
        self._latest = address
        self._used.add(address)
        return Endpoint(
            network=network.name,
            ip_address=str(address),
            prefix_length=network.subnet.prefixlen,
            gateway=str(network.gateway),
            mac_address=own_mac or mac_address(address),
            published=bindings,
        )

    def _emit(self, action: str, container_id: str) -> None:
        network = self.network
        attributes = {"container": container_id, "name": network.name, "type": network.driver}
        self._events.emit("network", action, network.id, attributes)

    def _check_firewall_soon(self) -> None:
        """A dockerd may be started after us and shut our containers off; look, but not at every start."""
        now = time.monotonic()
        is_checking = self._firewall_check is not None and not self._firewall_check.done()
        if not is_checking and now - self._firewall_checked_at >= _FIREWALL_CHECK_S:
            self._firewall_checked_at = now
            self._firewall_check = asyncio.create_task(self._check_firewall(), name="foreign-firewall")

    async def _check_firewall(self) -> None:
        try:
            await self._firewall.let_through()
        except Unavailable as error:
            _log.warning("cannot look after foreign firewalls: %s", error)
