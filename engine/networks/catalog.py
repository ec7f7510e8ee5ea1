"""Which networks there are, on record and in the kernel: the default bridge, and those that clients made."""

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from engine.config import EngineConfig
from engine.host.netlink import Rtnetlink, Subnet
from engine.host.sysctl import has_ipv6
from engine.model.errors import Conflict, EngineError, Invalid, Missing, Unavailable
from engine.model.network import BRIDGE_NAME, DEFAULT_NAME, Ipv6Part, Network, NetworkRequest
from engine.networks.addresses import (
    check_subnet,
    choose_ipv6_subnet,
    choose_subnet,
    gateway_of,
    overlapping,
    own_ipv6_prefix,
)
from engine.networks.bridge import bridges_named, remove_bridge, set_up_bridge, taken_networks
from engine.networks.forwarding import forward_ipv6
from engine.networks.network import bridge_prefix
from engine.networks.plans import check_name_free, planned_network, subnets, without_ipv6
from engine.networks.turns import turn_to_choose
from engine.store.state import State

_log = logging.getLogger(__name__)
_ID_SETTING: Final = "network.bridge.id"
_SUBNET_SETTING: Final = "network.bridge.subnet"
_SINCE_SETTING: Final = "network.bridge.since"
_IPV6_SUBNET_SETTING: Final = "network.bridge.ipv6_subnet"
_ID_PREFIX: Final = re.compile(r"[0-9a-f]{1,64}")

Changed = Callable[[Network], Awaitable[None]]


class Catalog:
    """For the loop's thread. ``added`` and ``removed`` are awaited when the packet filter has to learn of one."""

    def __init__(self, config: EngineConfig, state: State, *, added: Changed, removed: Changed) -> None:
        self._config = config
        self._state = state
        self._added = added
        self._removed = removed
        self._default: Network | None = None
        self._made: dict[str, Network] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def default(self) -> Network:
        """Raises Unavailable before ``start``."""
        if self._default is None:
            raise Unavailable("the engine's network is not set up yet")
        return self._default

    def all(self) -> list[Network]:
        """The default first."""
        return [self.default, *self._made.values()]

    def find(self, name: str) -> Network | None:
        """By name, id, or the beginning of exactly one id; raises Invalid when it begins several."""
        networks = self.all()
        for network in networks:
            if name in (network.name, network.id):
                return network
        matches = [each for each in networks if _ID_PREFIX.fullmatch(name) and each.id.startswith(name)]
        if len(matches) > 1:
            raise Invalid(f"network {name} is ambiguous ({len(matches)} matches found based on ID prefix)")
        return matches[0] if matches else None

    def get(self, name: str) -> Network:
        """Raises Missing in Docker's words."""
        network = self.find(name)
        if network is None:
            raise Missing(f"network {name} not found")
        return network

    async def start(self) -> None:
        """Every bridge as it must be, whatever became of it; bridges of nobody go. Safe to repeat."""
        on_record = await asyncio.to_thread(self._state.networks)
        self._made = {network.id: network for network in map(_as_this_host_can, on_record)}
        async with turn_to_choose():
            self._default = await asyncio.to_thread(self._set_up_default)
        await asyncio.to_thread(self._set_up_made)

    async def create(self, request: NetworkRequest) -> Network:
        """On record and usable, or not at all. Raises Conflict for a name, Denied for a subnet that is taken, and
        Unavailable for IPv6 on a host without."""
        check_name_free(request.name, self.all())
        if request.enable_ipv6:
            _check_has_ipv6()
        async with self._one_at_a_time, turn_to_choose(), AsyncExitStack() as undo:
            check_name_free(request.name, self.all())
            taken = await asyncio.to_thread(_taken) + [subnet for each in self.all() for subnet in subnets(each)]
            network = planned_network(
                request,
                network_id=secrets.token_hex(32),
                instance=self._config.instance,
                taken=taken,
                ipv6_prefix=self._ipv6_prefix(),
                at=datetime.now(UTC),
            )
            if BRIDGE_NAME in request.options:
                await asyncio.to_thread(_check_no_link, network.bridge)
            # on record first: an engine that is killed now makes the rest when it starts
            undo.push_async_callback(asyncio.to_thread, self._state.delete_network, network.id)
            await asyncio.to_thread(self._state.save_network, network)
            undo.push_async_callback(asyncio.to_thread, remove_bridge, network.bridge)
            await asyncio.to_thread(_set_up, network)
            self._made[network.id] = network
            undo.push_async_callback(self._forget, network)
            await self._added(network)
            undo.pop_all()
        return network

    async def remove(self, network: Network) -> None:
        """It has no endpoints, and gets none from now on. Raises Missing when somebody else removed it."""
        if self._made.pop(network.id, None) is None:
            raise Missing(f"network {network.name} not found")
        async with self._one_at_a_time:
            await self._removed(network)
            await asyncio.to_thread(remove_bridge, network.bridge)
            await asyncio.to_thread(self._state.delete_network, network.id)

    async def remove_bridges(self) -> None:
        for network in [*([self._default] if self._default else []), *self._made.values()]:
            await asyncio.to_thread(remove_bridge, network.bridge)
        self._default = None

    def _ipv6_prefix(self) -> IPv6Network:
        # the default network's id is random, and this engine's for good
        return own_ipv6_prefix(self.default.id)

    async def _forget(self, network: Network) -> None:
        self._made.pop(network.id, None)
        await self._removed(network)

    def _set_up_default(self) -> Network:
        with Rtnetlink() as rtnetlink:
            present = rtnetlink.find_link(self._config.bridge)
            taken = taken_networks(rtnetlink, except_link=present)
        # those of networks whose bridges are gone, too
        network = self._wanted_default([*taken, *(each for one in self._made.values() for each in subnets(one))])
        _set_up(network)
        return network

    def _wanted_default(self, taken: list[Subnet]) -> Network:
        subnet = self._config.subnet
        remembered = self._state.find_setting(_SUBNET_SETTING)
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
        network_id = self._state.find_setting(_ID_SETTING) or secrets.token_hex(32)
        self._state.set_setting(_ID_SETTING, network_id)
        self._state.set_setting(_SUBNET_SETTING, str(subnet))
        since = self._state.find_setting(_SINCE_SETTING) or datetime.now(UTC).isoformat()
        self._state.set_setting(_SINCE_SETTING, since)
        network = Network(
            network_id,
            DEFAULT_NAME,
            self._config.bridge,
            subnet,
            gateway_of(subnet),
            created_at=datetime.fromisoformat(since),
            enable_ipv6=self._config.ipv6,
            ipv6_config=self._default_ipv6(network_id, taken) if self._config.ipv6 else None,
        )
        return _as_this_host_can(network)

    def _default_ipv6(self, network_id: str, taken: list[Subnet]) -> Ipv6Part:
        subnet = self._config.ipv6_subnet
        if subnet is not None:
            check_subnet(subnet, taken)
        else:
            remembered = self._state.find_setting(_IPV6_SUBNET_SETTING)
            subnet = IPv6Network(remembered) if remembered else None
            if subnet is None or overlapping(subnet, taken) is not None:
                subnet = choose_ipv6_subnet(own_ipv6_prefix(network_id), taken)
            self._state.set_setting(_IPV6_SUBNET_SETTING, str(subnet))
        return Ipv6Part(subnet, subnet.network_address + 1, has_own_subnet=False)

    def _set_up_made(self) -> None:
        ours = {network.bridge for network in self._made.values()}
        for name in bridges_named(bridge_prefix(self._config.instance)):
            if name not in ours:
                _log.warning("removing the bridge %s, which belongs to no network", name)
                remove_bridge(name)
        for network in self._made.values():
            try:
                _set_up(network)
            except (EngineError, OSError) as error:
                # one network that cannot be had must not keep the engine, and all the others, down
                _log.error("network %s cannot be used: %s", network.name, error)


def _as_this_host_can(network: Network) -> Network:
    if network.ipv6 is None or has_ipv6():
        return network
    _log.warning("network %s goes on without its IPv6: this host has none, or has it turned off", network.name)
    return without_ipv6(network)


def _check_has_ipv6() -> None:
    if not has_ipv6():
        raise Unavailable(
            "EnableIPv6: this host has no IPv6: its kernel lacks it, or net.ipv6.conf.all.disable_ipv6 is set; "
            "leave EnableIPv6 out"
        )


def _set_up(network: Network) -> None:
    try:
        if network.ipv6 is not None:
            forward_ipv6()
        set_up_bridge(network)
    except OSError as error:
        raise Unavailable(f"cannot set up network {network.name} on {network.bridge}: {error.strerror}") from error


def _taken() -> list[Subnet]:
    with Rtnetlink() as rtnetlink:
        return taken_networks(rtnetlink, except_link=None)


def _check_no_link(name: str) -> None:
    with Rtnetlink() as rtnetlink:
        if rtnetlink.find_link(name) is not None:
            raise Conflict(f"{BRIDGE_NAME}: this host has a link {name} already")
