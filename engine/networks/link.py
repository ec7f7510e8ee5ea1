"""A container's links: an ``ethN`` in its network namespace, and an end that is plugged into a bridge. Blocks."""

import errno
import os
from contextlib import ExitStack
from ipaddress import IPv4Address

from engine.host.netlink import Rtnetlink, open_in, open_namespace
from engine.host.sysctl import set_sysctl
from engine.model.container import Endpoint
from engine.model.errors import Unavailable
from engine.model.network import Network
from engine.networks.network import link_name


def connect_link(network: Network, instance: str, endpoint: Endpoint, *, pid: int, is_way_out: bool) -> None:
    """Give the network namespace of ``pid`` the endpoint's interface, and the default route by it if ``is_way_out``.

    On an error the pair of links is removed again.
    """
    address = IPv4Address(endpoint.ip_address)
    name = link_name(instance, address)
    with ExitStack() as undo:
        netns_fd = open_namespace(pid)
        undo.callback(os.close, netns_fd)
        host = undo.enter_context(Rtnetlink())
        try:
            inside = undo.enter_context(open_in(netns_fd, before=_without_ipv6))
            with ExitStack() as undo_link:
                _plug_in(host, network, endpoint, name=name, netns_fd=netns_fd)
                undo_link.callback(host.delete_link, name)
                gateway = IPv4Address(endpoint.gateway) if is_way_out else None
                inside.configure(inside.link_index(endpoint.interface), address, endpoint.prefix_length, gateway)
                undo_link.pop_all()
        except OSError as error:
            raise Unavailable(f"cannot connect process {pid} to network {network.name}: {error.strerror}") from error


def disconnect_link(instance: str, endpoint: Endpoint) -> None:
    """Take the interface from a container that goes on."""
    with Rtnetlink() as host:
        host.delete_link(link_name(instance, IPv4Address(endpoint.ip_address)))


def lead_out(endpoint: Endpoint, *, instance: str, pid: int) -> None:
    """From now on the container's way out is by this endpoint."""
    netns_fd = open_namespace(pid)
    try:
        with open_in(netns_fd) as inside:
            inside.set_default_route(inside.link_index(endpoint.interface), IPv4Address(endpoint.gateway))
        with Rtnetlink() as host:
            host.set_hairpin(link_name(instance, IPv4Address(endpoint.ip_address)))
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


def _without_ipv6() -> None:
    """For links that come after this; ``lo`` keeps its ::1. Docker's bridge has no IPv6 by default either."""
    set_sysctl("net/ipv6/conf/default/disable_ipv6", "1")
