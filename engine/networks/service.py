"""Networks: where containers get their addresses, their way out, and their published ports.

Everything in the kernel outlives the engine: bridges, links, rules and translations go on working while it is down.
What it remembers of them comes back through ``adopt``.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any, Final

from engine.config import EngineConfig
from engine.model.container import Endpoint
from engine.model.errors import Denied
from engine.model.network import DEFAULT_NAME, EndpointSettings, KnownAs, Network, NetworkRequest
from engine.model.ports import PortBinding
from engine.networks.addresses import Address
from engine.networks.bridge import sweep_links
from engine.networks.catalog import Catalog
from engine.networks.firewall_watch import FirewallWatch
from engine.networks.flows import turn_away_from, turn_to
from engine.networks.foreign_firewall import IP6TABLES, IPTABLES, ForeignFirewall
from engine.networks.forwarding import forward_ipv4
from engine.networks.link import connect_link, disconnect_link, lead_out, lead_out_by_ipv6, loopback_up
from engine.networks.name_service import NameService
from engine.networks.network import link_name, link_prefix
from engine.networks.plans import (
    addresses_of,
    check_link_local_free,
    check_settings,
    chosen_address,
    chosen_ipv6_address,
    ipv6_way_out,
    new_endpoint,
    reserved,
    way_out,
    without_ipv6,
)
from engine.networks.published import PublishedPorts, keeping_numbers
from engine.networks.rules import Rules
from engine.networks.ruleset import Tables
from engine.networks.shared_ports import SharedPorts
from engine.networks.sharing import Sharing
from engine.store.events import Events
from engine.store.state import State

_log = logging.getLogger(__name__)
_ANY: Final = EndpointSettings()
_NOBODY: Final = KnownAs()


class Networks:
    """Methods that are not coroutines are for the loop's thread and do not wait for anything.

    A container's own calls (``reserve``, ``connect``, ``disconnect``, ``leave``) come one after the other; those of
    different containers may overlap.
    """

    def __init__(self, config: EngineConfig, settings: State, events: Events) -> None:
        self._config = config
        self._events = events
        self._ports = PublishedPorts()
        self._endpoints: dict[str, dict[str, Endpoint]] = {}
        self._sharing = Sharing(self._endpoints)
        tables = Tables(config.nft_table, config.instance)
        self._rules = Rules(
            tables,
            networks=lambda: self._catalog.all(),
            endpoints=self._every_endpoint,
            shared=self._sharing.answering,
        )
        self.shared_ports = SharedPorts(
            self._sharing, self._rules, endpoints=self._endpoints, tell_names=self._tell_names_of
        )
        self._catalog = Catalog(config, settings, added=self._rules.add_network, removed=self._rules.remove_network)
        self._used: dict[str, set[Address]] = {}
        self._latest: dict[str, IPv4Address] = {}
        self._names = NameService(config.dns_socket_path, config.dns_log_path)
        self._firewalls = FirewallWatch(
            [
                ForeignFirewall(IPTABLES, bridges=self._bridges, mark=config.nft_table),
                ForeignFirewall(IP6TABLES, bridges=self._ipv6_bridges, mark=config.nft_table),
            ]
        )
        self._background: set[asyncio.Task[None]] = set()

    # -- networks

    @property
    def network(self) -> Network:
        """The default one. Raises Unavailable before ``start``."""
        return self._catalog.default

    def all(self) -> list[Network]:
        """The default first."""
        return self._catalog.all()

    def find(self, name: str) -> Network | None:
        """By name, id, or the beginning of exactly one id; raises Invalid when it begins several."""
        return self._catalog.find(name)

    def get(self, name: str) -> Network:
        """As ``find``; raises Missing."""
        return self._catalog.get(name)

    async def create(self, request: NetworkRequest) -> Network:
        """Usable, or not there at all. Raises Conflict for a name, Denied for a subnet that is taken."""
        network = await self._catalog.create(request)
        # nobody is there to be named yet, and the first network's process takes a while to start
        self._in_background(self._tell_names(network), name=f"names of {network.name}")
        self._emit("create", network)
        self._firewalls.look_soon(whatever=True)
        return network

    async def remove(self, network: Network) -> None:
        """Raises Denied, in Docker's words, for the default network and one that is in use."""
        if network.is_default:
            raise Denied(f"{network.name} is a pre-defined network and cannot be removed")
        if self.endpoints(network.name):
            raise Denied(f"error while removing network: network {network.name} id {network.id} has active endpoints")
        await self._catalog.remove(network)
        await self._names.withdraw(network.id)
        self._used.pop(network.id, None)
        self._latest.pop(network.id, None)
        self._firewalls.look_soon(whatever=True)
        self._emit("destroy", network)

    # -- endpoints

    def endpoints(self, network_name: str = DEFAULT_NAME) -> Mapping[str, Endpoint]:
        """Who is connected, by container id."""
        return {
            container_id: endpoints[network_name]
            for container_id, endpoints in self._endpoints.items()
            if network_name in endpoints
        }

    def endpoints_of(self, container_id: str) -> tuple[Endpoint, ...]:
        """In the order in which they were connected."""
        return tuple(self._endpoints.get(container_id, {}).values())

    async def start(self) -> None:
        """Bridges, sysctls and rules as they must be; what is already so stays untouched. Safe to repeat.

        Translations that a former engine left go on working until ``reconcile``. Raises Conflict when the subnet
        asked for is not free on this host, and Unavailable when the kernel lacks something.
        """
        await self._catalog.start()
        await asyncio.to_thread(forward_ipv4)
        await self._rules.ensure()
        await self._firewalls.look()

    def adopt(self, container_id: str, *endpoints: Endpoint) -> None:
        """Take over a container that was connected by a former engine and is still running. After ``start``."""
        for endpoint in endpoints:
            network = self._catalog.find(endpoint.network)
            if network is None:
                _log.error("container %s is on network %s, which is gone", container_id[:12], endpoint.network)
                continue
            self._endpoints.setdefault(container_id, {})[endpoint.network] = endpoint
            self._used_of(network).update(addresses_of(endpoint))
        published = tuple(binding for endpoint in endpoints for binding in endpoint.published)
        for taken in self._ports.adopt(container_id, published):
            _log.warning("container %s goes on with a port that others use too: %s", container_id[:12], taken)

    async def reconcile(self) -> None:
        """Rewrite all rules from what is connected now; what a former engine left and nobody adopted goes.

        For after the last ``adopt``; the first ``connect`` does it when nobody did. Safe to repeat.
        """
        await self._rules.rewrite()
        await asyncio.to_thread(self._sweep_links)
        for network in self.all():
            await self._tell_names(network)

    async def rename(self, container_id: str, names: Mapping[str, tuple[str, ...]]) -> None:
        """A connected container is found by other names from now on: ``names`` by network."""
        endpoints = self._endpoints.get(container_id, {})
        for name, endpoint in endpoints.items():
            if endpoint.names:
                endpoints[name] = replace(endpoint, names=names[name])
        await self._tell_names_of(container_id)

    def reserve(
        self, container_id: str, bindings: tuple[PortBinding, ...], *, through: Network | None = None
    ) -> tuple[PortBinding, ...]:
        """Hold the host's ports for a container until ``disconnect``, and tell which ones those are.

        All or nothing; replaces what the container held before. ``through`` is its way out, which says where bindings
        without an address are published; None: on every address of IPv4. Raises Conflict in Docker's words when
        another container or program has one, Invalid for an address it cannot publish on.
        """
        host_ip = through.host_binding if through else ""
        wanted = tuple(replace(one, host_ip=one.host_ip or host_ip) for one in bindings)
        return self._ports.claim(container_id, wanted, has_ipv6=through is not None and through.ipv6 is not None)

    def published(self, container_id: str) -> tuple[PortBinding, ...]:
        """The ports it holds."""
        return self._ports.of(container_id)

    async def connect(
        self,
        container_id: str,
        *,
        pid: int,
        bindings: tuple[PortBinding, ...] = (),
        network: Network | None = None,
        settings: EndpointSettings = _ANY,
        known_as: KnownAs = _NOBODY,
        former: str = "",
    ) -> Endpoint:
        """Give the network namespace of ``pid`` one more interface; the first that leads out publishes the ports.

        ``network`` None: the default one. ``bindings`` are those of ``reserve``; others are reserved now. ``pid`` must
        be held by the caller (created, or running with its end waiting for us). ``former`` is the address it had
        when it last ran. On an error nothing is left but the reservation.
        """
        network = network or self.network
        present = self._endpoints.get(container_id, {})
        if network.name in present:
            raise Denied(f"endpoint with name {container_id[:12]} already exists in network {network.name}")
        check_settings(network, settings)
        is_way_out = not network.internal and way_out(present.values()) is None
        if is_way_out and self._ports.of(container_id) != bindings:
            bindings = self.reserve(container_id, bindings, through=network)
        is_ipv6_way_out = network.ipv6 is not None and not network.internal and ipv6_way_out(present.values()) is None
        async with AsyncExitStack() as undo:
            endpoint = self._new_endpoint(container_id, network, settings, known_as=known_as, former=former)
            endpoint = replace(endpoint, published=bindings if is_way_out else ())
            self._endpoints.setdefault(container_id, {})[network.name] = endpoint
            undo.push_async_callback(self._forget, container_id, network.name)
            await self._rules.add(endpoint)
            await asyncio.to_thread(
                self._plug_in, network, endpoint, pid, is_way_out=is_way_out, is_ipv6_way_out=is_ipv6_way_out
            )
            await self._tell_names(network)
            undo.pop_all()
        self._emit("connect", network, container=container_id)
        self._firewalls.look_soon()
        return endpoint

    async def leave(self, container_id: str, network_name: str) -> Endpoint | None:
        """Take one network's interface from a container that runs on. None when it has none there."""
        endpoint = self._endpoints.get(container_id, {}).get(network_name)
        if endpoint is None:
            return None
        network = self._catalog.get(network_name)
        await asyncio.to_thread(disconnect_link, self._config.instance, endpoint)
        await self._forget(container_id, network_name)
        self._emit("disconnect", network, container=container_id)
        return endpoint

    async def settle_way_out(
        self,
        container_id: str,
        *,
        pid: int,
        before: Endpoint | None,
        wanted: tuple[PortBinding, ...],
    ) -> None:
        """After a change of a running container's networks: default route and published ports are where they belong.

        ``before`` was its way out until then; ``wanted`` are its ports if none are published yet.
        """
        endpoints = self._endpoints.get(container_id, {})
        if (leader := ipv6_way_out(endpoints.values())) is not None:
            await asyncio.to_thread(lead_out_by_ipv6, leader, pid=pid)
        leader = way_out(endpoints.values())
        if leader is None:
            self._ports.release(container_id)
            return
        if before is not None and leader.network == before.network:
            return
        bindings = self._ports.of(container_id)
        if not bindings or (before is not None and bool(before.ipv6_address) != bool(leader.ipv6_address)):
            network = self.get(leader.network)
            through = network if leader.ipv6_address else without_ipv6(network)
            bindings = self.reserve(container_id, keeping_numbers(wanted, bindings), through=through)
        for name, endpoint in endpoints.items():
            endpoints[name] = replace(endpoint, published=bindings if endpoint is leader else ())
        await asyncio.to_thread(lead_out, leader, instance=self._config.instance, pid=pid)
        await self._rules.rewrite()

    async def disconnect(self, container_id: str) -> None:
        """Give back addresses, ports and rules. The links go with the container's namespace, in the kernel's time.

        For when its processes are gone. Safe to repeat, and for one that was never connected.
        """
        names = list(self._endpoints.get(container_id, ()))
        try:
            for name in names:
                await self._forget(container_id, name)
        finally:
            self._ports.release(container_id)
            self._sharing.forget(container_id)
        for network in filter(None, map(self._catalog.find, names)):
            self._emit("disconnect", network, container=container_id)

    async def loopback_only(self, pid: int) -> None:
        """Network mode ``none``: ``lo`` up in the namespace of ``pid``, nothing else."""
        await asyncio.to_thread(loopback_up, pid)

    async def stop(self) -> None:
        """Let go of everything and change nothing: containers keep running and stay reachable."""
        await self._firewalls.close()
        await asyncio.gather(*self._background)
        self._ports.release_all()
        self._rules.close()
        await self._names.close()

    async def destroy(self) -> None:
        """Remove links, bridges and rules, as if the engine had never been here; ip_forward stays. Safe to repeat."""
        await self._firewalls.remove()
        await self._rules.delete()
        await self._names.quit()
        await self._catalog.remove_bridges()
        self._endpoints.clear()
        self._used.clear()
        await self.stop()

    async def _forget(self, container_id: str, network_name: str) -> None:
        """Rules first: once the address is free, the next container may get it."""
        endpoint = self._endpoints.get(container_id, {}).pop(network_name, None)
        if not self._endpoints.get(container_id, True):
            del self._endpoints[container_id]
        if endpoint is None:
            return
        network = self._catalog.find(network_name)
        try:
            await self._rules.remove(endpoint)
            await asyncio.to_thread(turn_away_from, endpoint)
            if network is not None:
                await self._tell_names(network)
        finally:
            if network is not None:
                self._used_of(network).difference_update(addresses_of(endpoint))

    def _in_background(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _tell_names(self, network: Network) -> None:
        if not network.is_default:
            await self._names.publish(network, self.endpoints(network.name).items(), resting=self._sharing.resting)

    async def _tell_names_of(self, container_id: str) -> None:
        for name in list(self._endpoints.get(container_id, ())):
            await self._tell_names(self.get(name))

    def _plug_in(
        self, network: Network, endpoint: Endpoint, pid: int, *, is_way_out: bool, is_ipv6_way_out: bool
    ) -> None:
        instance = self._config.instance
        connect_link(network, instance, endpoint, pid=pid, is_way_out=is_way_out, is_ipv6_way_out=is_ipv6_way_out)
        turn_to(endpoint)

    def _sweep_links(self) -> None:
        """Links of endpoints that an engine was killed over before they were on record."""
        instance = self._config.instance
        known = {link_name(instance, IPv4Address(each.ip_address)) for each in self._every_endpoint()}
        for name in sweep_links(link_prefix(instance), keep=known):
            _log.warning("removed the link %s, which belongs to no container", name)

    def _new_endpoint(
        self, container_id: str, network: Network, settings: EndpointSettings, *, known_as: KnownAs, former: str
    ) -> Endpoint:
        used = self._used_of(network)
        check_link_local_free(settings, used=used)
        address = chosen_address(network, settings, used=used, after=self._latest.get(network.id), former=former)
        ipv6_address = chosen_ipv6_address(network, settings, used=used, beside=address)
        if not settings.ip_address and str(address) != former:
            self._latest[network.id] = address
        endpoint = new_endpoint(
            network,
            settings,
            address=address,
            ipv6_address=ipv6_address,
            beside=self.endpoints_of(container_id),
            known_as=known_as,
        )
        used.update(addresses_of(endpoint))
        return endpoint

    def _used_of(self, network: Network) -> set[Address]:
        return self._used.setdefault(network.id, reserved(network))

    def _every_endpoint(self) -> Iterator[Endpoint]:
        return (each for endpoints in self._endpoints.values() for each in endpoints.values())

    def _bridges(self) -> list[str]:
        return [network.bridge for network in self._catalog.all()]

    def _ipv6_bridges(self) -> list[str]:
        return [network.bridge for network in self._catalog.all() if network.ipv6 is not None]

    def _emit(self, action: str, network: Network, **attributes: str) -> None:
        attributes |= {"name": network.name, "type": network.driver}
        self._events.emit("network", action, network.id, attributes)
