"""A container's links: an ``ethN`` in its network namespace, and an end that is plugged into a bridge. Blocks."""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from engine.host.netlink import Address, Rtnetlink, open_in, open_namespace
from engine.host.sysctl import find_sysctl, set_sysctl
from engine.model.container import Endpoint
from engine.model.errors import Unavailable
from engine.model.network import Network
from engine.networks.network import link_name

# linklocalMask and linklocalMaskIPv6 of moby, libnetwork/endpoint.go
_LINK_LOCAL_LENGTH: Final = {4: 16, 6: 64}


def connect_link(
    network: Network, instance: str, endpoint: Endpoint, *, pid: int, is_way_out: bool, is_ipv6_way_out: bool = False
) -> None:
    """Give the network namespace of ``pid`` the endpoint's interface, and the default routes by it that are said.

    On an error the pair of links is removed again.
    """
    name = link_name(instance, IPv4Address(endpoint.ip_address))
    gateways: list[Address] = [IPv4Address(endpoint.gateway)] if is_way_out else []
    if is_ipv6_way_out:
        gateways.append(IPv6Address(endpoint.ipv6_gateway))
    with ExitStack() as undo:
        netns_fd = open_namespace(pid)
        undo.callback(os.close, netns_fd)
        host = undo.enter_context(Rtnetlink())
        try:
            settle_ipv6 = _with_ipv6 if endpoint.ipv6_address else _without_ipv6
            inside = undo.enter_context(open_in(netns_fd, before=settle_ipv6))
            with ExitStack() as undo_link:
                _plug_in(host, network, endpoint, name=name, netns_fd=netns_fd)
                undo_link.callback(host.delete_link, name)
                index = inside.link_index(endpoint.interface)
                inside.configure(index, addresses=list(_addresses(endpoint)), gateways=gateways)
                host.settle(host.link_index(name))
                inside.settle(index)
                undo_link.pop_all()
        except OSError as error:
            raise Unavailable(f"cannot connect process {pid} to network {network.name}: {error.strerror}") from error


def disconnect_link(instance: str, endpoint: Endpoint) -> None:
    """Take the interface from a container that goes on."""
    with Rtnetlink() as host:
        host.delete_link(link_name(instance, IPv4Address(endpoint.ip_address)))


def lead_out(endpoint: Endpoint, *, instance: str, pid: int) -> None:
    """From now on the container's way out is by this endpoint."""
    _set_default_route(endpoint.interface, IPv4Address(endpoint.gateway), pid=pid)
    try:
        with Rtnetlink() as host:
            host.set_hairpin(link_name(instance, IPv4Address(endpoint.ip_address)))
    except OSError as error:
        raise Unavailable(f"cannot set up the link of process {pid}: {error.strerror}") from error


def lead_out_by_ipv6(endpoint: Endpoint, *, pid: int) -> None:
    """The same of its IPv6, which may leave by another network."""
    _set_default_route(endpoint.interface, IPv6Address(endpoint.ipv6_gateway), pid=pid)


def _set_default_route(interface: str, gateway: Address, *, pid: int) -> None:
    netns_fd = open_namespace(pid)
    try:
        with open_in(netns_fd) as inside:
            inside.set_default_route(inside.link_index(interface), gateway)
    except OSError as error:
        raise Unavailable(f"cannot set the default route of process {pid}: {error.strerror}") from error
    finally:
        os.close(netns_fd)


def loopback_up(pid: int) -> None:
    netns_fd = open_namespace(pid)
    try:
        with open_in(netns_fd) as inside:
            inside.set_up(inside.link_index("lo"))
    except OSError as error:
        raise Unavailable(f"cannot set up loopback for process {pid}: {error.strerror}") from error
    finally:
        os.close(netns_fd)


def _plug_in(host: Rtnetlink, network: Network, endpoint: Endpoint, *, name: str, netns_fd: int) -> None:
    def add() -> None:
        host.add_veth(
            name,
            master=host.link_index(network.bridge),
            netns_fd=netns_fd,
            peer_name=endpoint.interface,
            peer_mac_address=endpoint.mac_address,
            # for a container that calls its own published port: with br_netfilter, translation happens while the
            # frame is still the bridge's, which then has to send it back
            hairpin=bool(endpoint.published),
            isolated=not network.joins_containers,
            mtu=network.mtu,
        )

    try:
        add()
    except OSError as error:
        # our own link of the former holder of the address, whose namespace the kernel has not taken apart yet:
        # only that can have this name. EEXIST is also the answer to an interface of that name inside, where trying
        # again fails alike.
        if error.errno != errno.EEXIST:
            raise
        host.delete_link(name)
        add()


def _addresses(endpoint: Endpoint) -> Iterator[tuple[Address, int]]:
    yield IPv4Address(endpoint.ip_address), endpoint.prefix_length
    if endpoint.ipv6_address:
        yield IPv6Address(endpoint.ipv6_address), endpoint.ipv6_prefix_length
    for address in map(ip_address, endpoint.link_local):
        yield address, _LINK_LOCAL_LENGTH[address.version]


def _without_ipv6() -> None:
    """For links that come after this; ``lo`` keeps its ::1. Docker's bridge has no IPv6 by default either."""
    if find_sysctl("net/ipv6/conf/default/disable_ipv6") is not None:
        set_sysctl("net/ipv6/conf/default/disable_ipv6", "1")


def _with_ipv6() -> None:
    """For links that come after this. They take no address and no route from what others on the network say, and
    their own addresses, which nobody else has, are usable at once."""
    for setting in ("accept_ra", "autoconf", "accept_dad", "addr_gen_mode", "disable_ipv6"):
        set_sysctl(f"net/ipv6/conf/default/{setting}", "0")
