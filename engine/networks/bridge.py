"""The bridge link: what must be so, what is so, and the steps between."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.host.netlink import Address, Link, LinkAddress, Rtnetlink, Subnet
from engine.host.sysctl import find_sysctl, set_sysctl
from engine.model.errors import Conflict
from engine.model.network import Network
from engine.networks.network import mac_address


@dataclass(frozen=True, slots=True)
class Create:
    name: str
    mac_address: str


@dataclass(frozen=True, slots=True)
class SetMacAddress:
    name: str
    mac_address: str


@dataclass(frozen=True, slots=True)
class RemoveAddress:
    name: str
    address: Address
    prefix_length: int


@dataclass(frozen=True, slots=True)
class SetSysctl:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class AddAddress:
    name: str
    address: Address
    prefix_length: int


@dataclass(frozen=True, slots=True)
class SetMtu:
    name: str
    mtu: int


@dataclass(frozen=True, slots=True)
class SetUp:
    name: str


Step = Create | SetMacAddress | RemoveAddress | SetSysctl | AddAddress | SetMtu | SetUp


def bridge_plan(wanted: Network, present: Link | None, addresses: Sequence[LinkAddress]) -> list[Step]:
    """Steps that make the bridge what it must be; sysctls are always among them, since setting them twice is free.

    ``addresses`` are those of ``present``. Raises Conflict when the name belongs to a link that is no bridge.
    """
    name, mac = wanted.bridge, mac_address(wanted.gateway)
    right = [(part.gateway, part.subnet.prefixlen) for part in (wanted, wanted.ipv6) if part is not None]
    steps: list[Step] = []
    if present is None:
        steps.append(Create(name, mac))
    elif present.kind != "bridge":
        raise Conflict(f"{name} is a link of this host and not a bridge: choose another name for the bridge")
    elif present.mac_address != mac:
        steps.append(SetMacAddress(name, mac))
    # its IPv6 link-local address is the kernel's, and goes when IPv6 does
    ours = (one for one in addresses if one.address.version == 4 or not one.address.is_link_local)
    have = sorted({(one.address, one.prefix_length) for one in ours}, key=str)
    steps += [RemoveAddress(name, *one) for one in have if one not in right]
    steps += [SetSysctl(f"net/ipv6/conf/{name}/{setting}", value) for setting, value in _ipv6_settings(wanted)]
    steps.append(SetSysctl(f"net/ipv4/conf/{name}/route_localnet", "1"))
    steps += [AddAddress(name, *one) for one in right if one not in have]
    if wanted.mtu is not None:
        steps.append(SetMtu(name, wanted.mtu))
    if present is None or not present.is_up:
        steps.append(SetUp(name))
    return steps


def _ipv6_settings(network: Network) -> Sequence[tuple[str, str]]:
    """While the bridge is down: without them, an IPv6 link-local address would be a way to the host's services."""
    if network.ipv6 is None:
        return [("disable_ipv6", "1")]
    # nobody on a bridge of ours tells this host about routes, and no two have the same address
    off = [(setting, "0") for setting in ("accept_ra", "autoconf", "accept_dad", "disable_ipv6")]
    return [*off, ("forwarding", "1")]


def apply_plan(rtnetlink: Rtnetlink, steps: Sequence[Step]) -> None:
    for step in steps:
        match step:
            case Create(name, mac):
                rtnetlink.add_bridge(name, mac_address=mac)
            case SetMacAddress(name, mac):
                rtnetlink.set_mac_address(rtnetlink.link_index(name), mac)
            case RemoveAddress(name, address, prefix_length):
                rtnetlink.delete_address(rtnetlink.link_index(name), address, prefix_length)
            case AddAddress(name, address, prefix_length):
                rtnetlink.add_address(rtnetlink.link_index(name), address, prefix_length)
            case SetMtu(name, mtu):
                rtnetlink.set_mtu(rtnetlink.link_index(name), mtu)
            case SetUp(name):
                rtnetlink.set_up(rtnetlink.link_index(name))
            case SetSysctl(name, value):
                # a kernel without IPv6 needs none of it turned off
                if not name.startswith("net/ipv6/") or find_sysctl(name) is not None:
                    set_sysctl(name, value)


def set_up_bridge(network: Network) -> None:
    """As it must be, whatever is there. Raises Conflict when its name is another link's. Safe to repeat."""
    with Rtnetlink() as rtnetlink:
        present = rtnetlink.find_link(network.bridge)
        addresses = [one for one in rtnetlink.addresses() if one.link_index == present.index] if present else []
        apply_plan(rtnetlink, bridge_plan(network, present, addresses))


def remove_bridge(name: str) -> None:
    """With the links plugged into it. None of that name: fine."""
    with Rtnetlink() as rtnetlink:
        bridge = rtnetlink.find_link(name)
        if bridge is None:
            return
        for port in rtnetlink.links():
            if port.master == bridge.index:
                rtnetlink.delete_link(port.name)
        rtnetlink.delete_link(bridge.name)


def sweep_links(prefix: str, *, keep: Collection[str]) -> list[str]:
    """Remove those whose names begin so, but for ``keep``, and tell which they were."""
    with Rtnetlink() as rtnetlink:
        stray = [link.name for link in rtnetlink.links() if link.name.startswith(prefix) and link.name not in keep]
        for name in stray:
            rtnetlink.delete_link(name)
    return stray


def bridges_named(prefix: str) -> list[str]:
    with Rtnetlink() as rtnetlink:
        return [link.name for link in rtnetlink.links() if link.kind == "bridge" and link.name.startswith(prefix)]


def taken_networks(rtnetlink: Rtnetlink, *, except_link: Link | None) -> list[Subnet]:
    """Every subnet the host has a route or an address for, but for those of one link."""
    index = except_link.index if except_link else 0
    addresses = [one.network for one in rtnetlink.addresses() if one.link_index != index]
    return addresses + [network for network, link_index in rtnetlink.routes() if link_index != index]
